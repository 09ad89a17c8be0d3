"""``evopose2d export``."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evopose2d.cli.arguments import AsJson
from evopose2d.cli.options import Coordinates, FlipTest, Method, Model
from evopose2d.cli.output import import_quietly, show

if TYPE_CHECKING:
    from evopose2d.export.export import Exported


class _Format(StrEnum):
    saved_model = "saved-model"
    tflite = "tflite"
    tflite_float16 = "tflite-float16"
    tflite_int8 = "tflite-int8"
    onnx = "onnx"


def export(
    model: Model = Path("models/pose"),
    output: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("exports"),
    formats: Annotated[
        list[_Format] | None, typer.Option("--format", help="What to write; repeatable; all by default.")
    ] = None,
    records: Annotated[Path, typer.Option(help="Records: `train` calibrates int8, `val` checks every format.")] = Path(
        "data/tfrecords"
    ),
    people: Annotated[int, typer.Option(min=1, help="Crops that each format is checked on.")] = 32,
    calibration: Annotated[int, typer.Option(min=1, help="Crops that int8 is calibrated on.")] = 100,
    flip_test: FlipTest = False,
    decoding: Method = "quarter-pixel",
    coordinates: Coordinates = "original",
    as_json: AsJson = False,
) -> None:
    """Write the network for other runtimes: uint8 crops in, keypoints out.

    Each file is held against Keras on real crops before it takes its place.
    """
    import_quietly("tensorflow")
    from evopose2d.accelerator import prepare
    from evopose2d.config.schema import AcceleratorConfig
    from evopose2d.evaluation.decoding import Decoding
    from evopose2d.export.export import crops_of_records
    from evopose2d.export.export import export as write
    from evopose2d.export.formats import check_available
    from evopose2d.stages.pose_model import load_pose_model

    names = [str(name) for name in dict.fromkeys(formats or _Format)]
    for name in names:
        check_available(name)
    prepare(AcceleratorConfig(device="cpu", precision="float32", xla="never"))
    choice = Decoding(flip_test, decoding, coordinates)
    loaded = load_pose_model(model)
    checked = crops_of_records(records / "val", loaded, people, choice)
    calibrating = (
        crops_of_records(records / "train", loaded, calibration, choice) if "tflite-int8" in names else checked
    )
    done = write(loaded, output, names, choice, checked=checked, calibration=calibrating)
    if as_json:
        show([asdict(item) for item in done], title="", as_json=True)
    else:
        title = f"written to {output}; differences from Keras in pixels, on {len(checked)} crops"
        show([_row(item) for item in done], title=title, as_json=False)


def _row(item: "Exported") -> dict[str, str | float]:
    """Return the columns that fit a terminal of 80 characters."""
    return {
        "format": item.format,
        "MB": f"{item.megabytes:.2f}",
        "ms a crop": f"{item.milliseconds:.1f}",
        "median": f"{item.median_difference:.3g}",
        "largest": f"{item.largest_difference:.3g}",
        "sure ones within 0.1": f"{item.sure_within_tolerance:.0%}",
    }
