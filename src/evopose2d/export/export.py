"""Write a trained network in other formats, each checked against Keras before it takes its place."""

import itertools
import logging
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evopose2d.data.pipeline import evaluation_dataset
from evopose2d.data.shards import read_info
from evopose2d.errors import ConfigError, DataError
from evopose2d.evaluation.decoding import Decoding, HeatmapReader
from evopose2d.evaluation.keypoint_model import KeypointModel
from evopose2d.export.description import describe, forget, remember
from evopose2d.export.formats import FORMATS, Crops, Format, Runner, check_available
from evopose2d.stages.pose_model import PoseModel, check_sees_images_alone

TOLERANCE = 0.1  # crop pixels
_SURE = 0.2  # score from which on a keypoint is more than a guess
_WARM_UP, _TIMED = 3, 20

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exported:
    """One written format, held against Keras.

    Attributes:
        format: its name.
        file: where it lies.
        megabytes: its size.
        milliseconds: median time of one crop on the CPU, decoding included.
        largest_difference: greatest distance in x or y, in crop pixels, of a keypoint from Keras's.
        median_difference: the median one.
        sure_within_tolerance: share of the keypoints of score 0.2 or more that are within 0.1 pixel.
        score_difference: greatest difference of a score.
    """

    format: str
    file: str
    megabytes: float
    milliseconds: float
    largest_difference: float
    median_difference: float
    sure_within_tolerance: float
    score_difference: float


def export(
    model: PoseModel,
    output: Path,
    names: Sequence[str],
    decoding: Decoding,
    *,
    checked: Crops,
    calibration: Crops,
) -> list[Exported]:
    """Write a network in several formats, and into ``pose.json`` how to use each.

    What earlier runs wrote in other formats stays, with its own description.

    Args:
        model: the network.
        output: folder to write to.
        names: of ``FORMATS``.
        decoding: how heatmaps become keypoints, inside the exported graph.
        checked: (N, H, W, 3) uint8 RGB crops of people, on which each format is held against Keras.
        calibration: such crops, from which int8 takes the ranges of its numbers.

    Raises:
        ConfigError: a format cannot be written here, or not with these choices.
        DataError: a float32 format gives other keypoints than Keras; it is not left behind.
    """
    check_sees_images_alone(model, "export")
    for name in names:
        check_available(name)
        if name.startswith("tflite") and decoding.method == "dark":
            raise ConfigError(f"decoding: got dark, which TensorFlow Lite cannot run: for {name} must be quarter-pixel")
    reader = HeatmapReader(decoding, model.keypoints.flip_permutation, model.sigma, model.stride)
    keypoint_model = KeypointModel(model.network, reader)
    expected = np.asarray(keypoint_model.predict_on_batch(checked))
    description = describe(model, decoding)
    done = []
    for name in names:
        logger.info("exporting %s", name)
        done.append(_export_one(FORMATS[name], keypoint_model, output, checked, expected, calibration, description))
    return done


def crops_of_records(folder: Path, model: PoseModel, count: int, decoding: Decoding) -> Crops:
    """Return crops (count or all, H, W, 3) uint8 RGB of the first people of a split's records.

    Raises:
        DataError: there are no records.
    """
    height, width = model.config.input_shape
    records = read_info(folder)
    count = min(count, records.people)
    dataset = evaluation_dataset(records, (height, width), batch_size=1, centred=decoding.centred_crops)
    return np.concatenate([np.asarray(batch["images"]) for batch in itertools.islice(dataset, count)])


def _export_one(
    item: Format,
    model: KeypointModel,
    output: Path,
    checked: Crops,
    expected: NDArray[np.float32],
    calibration: Crops,
    description: Mapping[str, Any],
) -> Exported:
    output.mkdir(parents=True, exist_ok=True)
    # Written and checked beside its place: what stands there is whole and right.
    with tempfile.TemporaryDirectory(prefix=".export-", dir=output) as folder:
        written = Path(folder) / item.file
        item.write(model, calibration, written)
        runner = item.runner(written, None)
        found = np.concatenate([runner(checked[index : index + 1]) for index in range(len(checked))])
        result = _compared(item, output, written, found, expected, _milliseconds(runner, checked[:1]))
        if item.exact and not result.sure_within_tolerance == 1:
            raise DataError(
                f"{item.name}: a keypoint differs from Keras's by {result.largest_difference:.2f} pixels, "
                f"must be within {TOLERANCE}; not written"
            )
        # A kill in between leaves a file without a description, never with a false one.
        forget(output, item.file)
        _replace(written, output / item.file)
        remember(output, item.file, description)
    return result


def _compared(
    item: Format,
    output: Path,
    written: Path,
    found: NDArray[np.float32],
    expected: NDArray[np.float32],
    milliseconds: float,
) -> Exported:
    distances = np.abs(found[..., :2] - expected[..., :2]).max(axis=-1)
    sure = distances[expected[..., 2] >= _SURE]
    files = [written] if written.is_file() else [path for path in written.rglob("*") if path.is_file()]
    return Exported(
        format=item.name,
        file=str(output / item.file),
        megabytes=sum(file.stat().st_size for file in files) / 1e6,
        milliseconds=milliseconds,
        largest_difference=float(distances.max()),
        median_difference=float(np.median(distances)),
        sure_within_tolerance=float((sure <= TOLERANCE).mean()) if sure.size else 1.0,
        score_difference=float(np.abs(found[..., 2] - expected[..., 2]).max()),
    )


def _milliseconds(runner: Runner, crop: Crops) -> float:
    for _ in range(_WARM_UP):
        runner(crop)
    times = []
    for _ in range(_TIMED):
        start = time.perf_counter()
        runner(crop)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def _replace(written: Path, place: Path) -> None:
    """Put a file or a folder in its place; of an old folder nothing is left."""
    if place.is_dir():
        old = written.parent / "old"
        place.replace(old)
        shutil.rmtree(old)
    written.replace(place)
