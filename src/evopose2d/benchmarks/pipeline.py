"""Input pipelines: people a second of the original's order, of decoding alone, and of this project's ways."""

import itertools
import logging
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from evopose2d.benchmarks.original_pipeline import decoded_dataset, original_dataset
from evopose2d.benchmarks.rewriting import kilobytes, rewritten
from evopose2d.config.schema import AugmentationConfig, CropsConfig
from evopose2d.data.cache import CropCache
from evopose2d.data.geometry import InputShape
from evopose2d.data.loading import cores
from evopose2d.data.pipeline import TrainingBatches, evaluation_dataset
from evopose2d.data.shards import RecordsInfo
from evopose2d.errors import ConfigError
from evopose2d.feeding import feed

logger = logging.getLogger(__name__)

ORIGINAL = "original order"
DECODE_ONLY = "decode only, for each person"
DECODE_ONCE = "decode only, once an image"
FULL = "full augmentation"
FLIP_ONLY = "flip only"
CACHED = "flip only, crops at hand"
IN_ORDER = "validation"
DETECTIONS = "validation, detections"
CROPS = "crop records, full augmentation"

PAPER = AugmentationConfig(
    flip_probability=0.5,
    scale=0.3,
    rotation=40.0,
    rotation_probability=0.6,
    half_body_probability=0.0,
    half_body_keypoints=9,
)
"""Augmentation of the published trainings."""

PAPER_SEARCH = AugmentationConfig(
    flip_probability=0.5,
    scale=0.0,
    rotation=0.0,
    rotation_probability=0.0,
    half_body_probability=0.0,
    half_body_keypoints=9,
)
"""Augmentation of the paper's search."""

_EPOCHS = 100  # after which the same ones come again; each costs a little when a pipeline is opened

Variant = tuple[Callable[[], Iterable[object]], float]
"""Opens a pipeline, and how many people each of its elements holds on average."""


@dataclass(frozen=True)
class PipelineSpeed:
    """How fast one way of feeding a network is, over several repeats.

    Attributes:
        pipeline: which.
        people_per_second: median.
        least: of the repeats.
        most: of the repeats.
        times_original: median of the ratios to the original's order, each in the same round.
        times_decode_only: the same to decoding alone, each person's image.
        kilobytes: of its records on disk, for each person (1 kB = 1000 bytes).
    """

    pipeline: str
    people_per_second: float
    least: float
    most: float
    times_original: float
    times_decode_only: float
    kilobytes: float


def measure(
    records: RecordsInfo,
    input_shape: InputShape,
    *,
    quality: int,
    batch_size: int,
    repeats: int,
    seconds: float,
    warm_up: int,
    cache_megabytes: int,
    detections: RecordsInfo | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[PipelineSpeed]:
    """Measure every pipeline in turn, as many rounds as there are repeats.

    Args:
        records: the training people, with whole images as JPEG; the original's records, with one for each person, are
            written to a temporary folder.
        input_shape: height H and width W of a crop in pixels.
        quality: JPEG quality of the crops in the records of crops, which are written to a temporary folder.
        batch_size: people in a batch.
        repeats: rounds; in each, every pipeline is opened anew and measured once.
        seconds: for which each is read, at least one element.
        warm_up: elements read before them; for decoding alone, people as many as in so many batches.
        cache_megabytes: memory for the crops at hand; cutting them is no part of what is measured.
        detections: people that a detector found, to be read as a validation reads them; None: they are left out.
        clock: gives the time in seconds.

    Raises:
        ConfigError: ``cache_megabytes`` is 0, or neither memory nor disk has room for the crops.
        DataError: the records hold crops.
    """
    with tempfile.TemporaryDirectory(prefix="evopose2d-") as folder:
        covered = CropsConfig(list(input_shape), PAPER.scale, PAPER.rotation, half_body=False, quality=quality)
        crop_records = rewritten(records, Path(folder) / "crops", covered)
        alone = rewritten(records, Path(folder) / "alone", None)
        variants = _variants(records, alone, crop_records, input_shape, batch_size, cache_megabytes, clock)
        if detections is not None:
            variants[DETECTIONS] = (lambda: _in_order(detections, input_shape, batch_size), batch_size)
        rates: dict[str, list[float]] = {name: [] for name in variants}
        for round_number in range(repeats):
            for name, (open_pipeline, people) in variants.items():
                elements = iter(open_pipeline())
                rate = _rate(elements, people, seconds, int(warm_up * batch_size / people), clock)
                rates[name].append(rate)
                logger.info("round %d of %d: %s: %.0f people/s", round_number + 1, repeats, name, rate)
        sizes = {ORIGINAL: alone, DECODE_ONLY: alone, CROPS: crop_records, DETECTIONS: detections or records}
        return summarise(rates, {name: kilobytes(sizes.get(name, records)) for name in variants})


def _variants(
    records: RecordsInfo,
    alone: RecordsInfo,
    crop_records: RecordsInfo,
    input_shape: InputShape,
    batch_size: int,
    cache_megabytes: int,
    clock: Callable[[], float],
) -> dict[str, Variant]:
    started = clock()
    crops = CropCache(cache_megabytes).training(records, input_shape, PAPER_SEARCH)
    if crops is None:
        raise ConfigError("evolve.cache_megabytes: got 0 or too little, must have room for the crops to be measured")
    logger.info("%d crops cut in %.1f s", records.people, clock() - started)

    def ours(augmentation: AugmentationConfig, read: RecordsInfo = records, *, cached: bool = False) -> tf.data.Dataset:
        kept = crops if cached else None
        return feed(TrainingBatches(read, input_shape, augmentation, batch_size, 0, range(_EPOCHS), kept)).repeat()

    return {
        ORIGINAL: (lambda: original_dataset(alone, input_shape, PAPER, batch_size=batch_size, seed=0), batch_size),
        DECODE_ONLY: (lambda: decoded_dataset(alone), 1),
        DECODE_ONCE: (lambda: decoded_dataset(records), records.people / records.images),
        FULL: (lambda: ours(PAPER), batch_size),
        FLIP_ONLY: (lambda: ours(PAPER_SEARCH), batch_size),
        CACHED: (lambda: ours(PAPER_SEARCH, cached=True), batch_size),
        IN_ORDER: (lambda: _in_order(records, input_shape, batch_size), batch_size),
        CROPS: (lambda: ours(PAPER, crop_records), batch_size),
    }


def _in_order(records: RecordsInfo, input_shape: InputShape, batch_size: int) -> Iterable[object]:
    """Return batches as validation reads them, without end; its processes go on from one pass to the next."""
    batches = evaluation_dataset(records, input_shape, batch_size=batch_size, processes=cores())
    return itertools.chain.from_iterable(itertools.repeat(batches))


def summarise(rates: Mapping[str, list[float]], sizes: Mapping[str, float]) -> list[PipelineSpeed]:
    """Summarise the rounds of every pipeline.

    Args:
        rates: people a second by pipeline and round.
        sizes: kilobytes on disk for each person, by pipeline.
    """
    original, limit = np.array(rates[ORIGINAL]), np.array(rates[DECODE_ONLY])
    return [
        PipelineSpeed(
            pipeline=name,
            people_per_second=float(np.median(values)),
            least=min(values),
            most=max(values),
            times_original=float(np.median(np.array(values) / original)),
            times_decode_only=float(np.median(np.array(values) / limit)),
            kilobytes=sizes[name],
        )
        for name, values in rates.items()
    ]


def _rate(elements: Iterator[object], people: float, seconds: float, warm_up: int, clock: Callable[[], float]) -> float:
    for _ in range(warm_up):
        next(elements)
    count, start = 0, clock()
    while True:
        next(elements)
        count += 1
        elapsed = clock() - start
        if elapsed >= seconds:
            return count * people / elapsed
