"""``evopose2d predict``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evopose2d.cli.arguments import AsJson
from evopose2d.cli.options import BatchSize, Coordinates, Device, FlipTest, Method, Model, Precision
from evopose2d.cli.output import import_quietly, show
from evopose2d.errors import ConfigError, DataError

if TYPE_CHECKING:
    from evopose2d.prediction.boxes import BoxSource
    from evopose2d.prediction.estimator import PoseEstimator
    from evopose2d.prediction.predict import PredictTask

_NAMED_AT_MOST = 3  # bad files that the last line names


def predict(
    inputs: Annotated[
        list[str] | None, typer.Argument(metavar="[INPUT]...", help="Images, folders, globs, videos.")
    ] = None,
    model: Model = Path("models/pose"),
    output: Annotated[Path, typer.Option(help="Folder for drawn pictures and keypoints.json.")] = Path("predictions"),
    box: Annotated[list[str] | None, typer.Option(metavar="X,Y,W,H", help="A person's box; repeatable.")] = None,
    detections: Annotated[Path | None, typer.Option(help="COCO detection file with the people's boxes.")] = None,
    annotations: Annotated[Path | None, typer.Option(help="COCO file that gives image names their ids.")] = None,
    category: Annotated[int, typer.Option(help="Category of people, where detections are of several.")] = 1,
    detector: Annotated[
        str | None, typer.Option(metavar="FILE|auto", help="ONNX file of a YOLO person detector; auto fetches one.")
    ] = None,
    detector_size: Annotated[int, typer.Option(min=32, help="Height and width of the detector's input.")] = 640,
    webcam: Annotated[
        str | None, typer.Option(metavar="NUMBER|ADDRESS", help="Show a camera or a stream (rtsp://...) live.")
    ] = None,
    box_threshold: Annotated[float, typer.Option(min=0, max=1, help="Least score of a found box.")] = 0.25,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Least score of a drawn keypoint.")] = 0.2,
    pictures: Annotated[bool, typer.Option(help="Write pictures and videos with skeletons.")] = True,
    flip_test: FlipTest = True,
    decoding: Method = "quarter-pixel",
    coordinates: Coordinates = "original",
    batch_size: BatchSize = 32,
    device: Device = "auto",
    precision: Precision = "float32",
    as_json: AsJson = False,
) -> None:
    """Find poses in images and videos, or live.

    Boxes come from --box, --detections or --detector; without any, each image is one person.
    """
    if sum(given is not None for given in (box or None, detections, detector)) > 1:
        raise ConfigError("--box, --detections, --detector: got several, must be one of them")
    if bool(inputs) == (webcam is not None) or (webcam is not None and detections is not None):
        raise ConfigError("INPUT, --webcam: must be images and videos, or a camera without --detections")
    from evopose2d.prediction.sources import find_files

    files = find_files(inputs or ())
    if webcam is not None:
        from evopose2d.prediction.window import check_window

        check_window()
    boxes_of = _box_source(box, detections, annotations, category, detector, detector_size, box_threshold, files)
    network = _estimator(model, device, precision, flip_test, decoding, coordinates, batch_size)
    if webcam is not None:
        show(_watch(webcam, network, boxes_of, threshold), title="live", as_json=as_json)
        return
    from evopose2d.prediction.predict import PredictTask

    _predict_files(network, PredictTask(tuple(files), boxes_of, output, pictures, threshold), as_json=as_json)


def _predict_files(network: "PoseEstimator", task: "PredictTask", *, as_json: bool) -> None:
    from evopose2d.prediction.predict import RESULTS, run

    done = run(network, task)
    summary = {
        "images": done.images,
        "people": len(done.results),
        "skipped": len(done.bad),
        "keypoints": str(task.output / RESULTS),
    }
    show(summary, title="poses", as_json=as_json)
    if done.bad:
        named = "; ".join(str(error) for error in done.bad[:_NAMED_AT_MOST])
        more = f"; and {len(done.bad) - _NAMED_AT_MOST} more" if len(done.bad) > _NAMED_AT_MOST else ""
        raise DataError(f"{len(done.bad)} of {len(task.files)} files skipped: {named}{more}")


def _estimator(
    model: Path, device: str, precision: str, flip_test: bool, decoding: str, coordinates: str, batch_size: int
) -> "PoseEstimator":
    import_quietly("keras")
    from evopose2d.accelerator import prepare
    from evopose2d.config.schema import AcceleratorConfig
    from evopose2d.prediction.estimator import PoseEstimator

    accelerator = prepare(AcceleratorConfig(device=device, precision=precision, xla="auto"))
    return PoseEstimator(
        model,
        flip_test=flip_test,
        decoding=decoding,
        coordinates=coordinates,
        batch_size=batch_size,
        smallest_batch=accelerator.replicas,
        jit_compile=accelerator.jit_compile,
    )


def _watch(address: str, network: "PoseEstimator", boxes_of: "BoxSource", threshold: float) -> dict[str, object]:
    from evopose2d.prediction.live import newest_frames, watch
    from evopose2d.prediction.window import window

    with newest_frames(address) as pictures, window() as shown:
        done = watch(network, pictures, boxes_of, shown, threshold)
    rate = round((done.frames - 1) / done.seconds, 1) if done.seconds else None
    return {"frames": done.frames, "people": done.people, "frames a second": rate}


def _box_source(
    box: list[str] | None,
    detections: Path | None,
    annotations: Path | None,
    category: int,
    detector: str | None,
    detector_size: int,
    threshold: float,
    files: list[Path],
) -> "BoxSource":
    from evopose2d.prediction.boxes import DetectionFile, GivenBoxes, parse_boxes, whole_picture

    if box:
        return GivenBoxes(parse_boxes(box))
    if detections is not None:
        return DetectionFile(detections, files, annotations=annotations, threshold=threshold, category=category)
    if detector is not None:
        from evopose2d.prediction.published_detector import open_detector

        return open_detector(detector, size=detector_size, threshold=threshold)
    return whole_picture
