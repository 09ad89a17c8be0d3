"""``evopose2d refine``."""

from pathlib import Path
from typing import Annotated

import typer

from evopose2d.cli.arguments import PARAMS_FILE, AsJson, ParamsFile, load_settings
from evopose2d.cli.options import BatchSize, Coordinates, Device, FlipTest, Method, Model, Precision
from evopose2d.cli.output import import_quietly, show


def refine(
    results: Annotated[Path, typer.Argument(metavar="RESULTS.json", help="Poses of any method, as COCO has results.")],
    model: Model = Path("models/pose"),
    output: Annotated[
        Path | None, typer.Option(help="File to write; by default RESULTS_refined.json beside it.", dir_okay=False)
    ] = None,
    annotations: Annotated[
        Path | None, typer.Option(help="COCO file of the images; by default the settings' val split's.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the images; by default the settings' val split's.", file_okay=False)
    ] = None,
    flip_test: FlipTest = True,
    decoding: Method = "quarter-pixel",
    coordinates: Coordinates = "original",
    batch_size: BatchSize = 32,
    device: Device = "auto",
    precision: Precision = "float32",
    params: ParamsFile = PARAMS_FILE,
    as_json: AsJson = False,
) -> None:
    """Refine the poses of a results file by a network that was trained for it (posefix).

    The AP before and after is measured where the images are labelled.
    """
    if annotations is None or images is None:
        root = Path(load_settings(params, None, "").dataset.root)
        annotations = annotations or root / "annotations" / "person_keypoints_val2017.json"
        images = images or root / "val2017"
    import_quietly("keras")
    from evopose2d.accelerator import prepare
    from evopose2d.config.schema import AcceleratorConfig
    from evopose2d.refinement.refine import RefineTask, refine_results
    from evopose2d.refinement.refiner import PoseRefiner

    accelerator = prepare(AcceleratorConfig(device=device, precision=precision, xla="auto"))
    accelerator.check_batch(batch_size, "--batch-size")
    with accelerator.scope():
        refiner = PoseRefiner(
            model,
            flip_test=flip_test,
            decoding=decoding,
            coordinates=coordinates,
            batch_size=batch_size,
            jit_compile=accelerator.jit_compile,
        )
    written = output or results.with_name(f"{results.stem}_refined.json")
    show(refine_results(refiner, RefineTask(results, annotations, images, written)), title="refined", as_json=as_json)
