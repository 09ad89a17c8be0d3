"""Predict the people of a split and measure them: the way training, validation and a search judge a network."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evopose2d.config.schema import DatasetConfig, ValidateConfig
from evopose2d.data.cache import CropCache
from evopose2d.data.coco import read_coco
from evopose2d.data.geometry import InputShape
from evopose2d.data.pipeline import evaluation_dataset
from evopose2d.data.records import raise_if_corrupt
from evopose2d.data.shards import RecordsInfo, read_info
from evopose2d.errors import ConfigError, DataError
from evopose2d.evaluation.coco_ap import KeypointAP, evaluate_results
from evopose2d.evaluation.decoding import Decoding
from evopose2d.evaluation.inference import Batch, Predictions, predict_people
from evopose2d.evaluation.nms import suppress
from evopose2d.evaluation.pictures import CropCollector
from evopose2d.evaluation.predictor import PosePredictor
from evopose2d.evaluation.results import coco_results
from evopose2d.evaluation.scoring import person_scores
from evopose2d.networks.traced import TracedSegments
from evopose2d.stages.pose_model import PoseModel

_RECORDS = {("val", "annotations"): "val", ("val", "detections"): "val-detections"}
_ANNOTATIONS = {"val": "person_keypoints_val2017.json", "test-dev": "image_info_test-dev2017.json"}


def annotation_file(dataset: DatasetConfig, split: str) -> Path:
    """Return the annotation file of a split that networks are judged on: ``val`` or ``test-dev``."""
    return Path(dataset.root) / "annotations" / _ANNOTATIONS[split]


@dataclass(frozen=True)
class Judgement:
    """What a network makes of a split.

    Attributes:
        predictions: every person's keypoints and loss.
        results: the people in COCO's results format, after rescoring and suppression.
        ap: COCO's figures; None where there is no ground truth.
    """

    predictions: Predictions
    results: list[dict[str, Any]]
    ap: KeypointAP | None


class Judge:
    """Judges one network on one split, as often as asked, each time in one pass over the records.

    Args:
        model: the network, whose weights may change between calls.
        dataset: where the annotations lie.
        records_root: folder of all records.
        config: how to judge.
        jit_compile: whether XLA compiles the forward pass.
        cache: keeps the crops from one time to the next; None: each time they are cut anew.
        traced: functions of networks before in this process (``PosePredictor``).

    Attributes:
        records: the people that are predicted.
        annotations: the val split's annotation file; test-dev has none, and its people are of val's category.
        matched: whether each person's box is that of an annotation.

    Raises:
        ConfigError: the network refines poses, and there are none of detected people.
        DataError: the records or the annotations of the split are missing, have other keypoints, or label nobody.
    """

    def __init__(
        self,
        model: PoseModel,
        dataset: DatasetConfig,
        records_root: Path,
        config: ValidateConfig,
        *,
        jit_compile: bool,
        cache: CropCache | None = None,
        traced: TracedSegments | None = None,
    ) -> None:
        self.records = _records(records_root, Path(dataset.root), config)
        if self.records.schema.names != model.keypoints.names:
            raise DataError(f"{self.records.folder}: its keypoints are not those that the network was trained on")
        self._config = config
        self.annotations = read_coco(annotation_file(dataset, "val"))
        self.matched = config.boxes == "annotations"
        self._has_truth = config.split == "val"
        if self._has_truth and not self.annotations.labelled:
            raise DataError(
                f"{self.annotations.path}: nobody has a labelled keypoint, so that no network can be judged by it"
            )
        self._category_id = int(self.annotations.category["id"])
        decoding = Decoding(config.flip_test, config.decoding, config.coordinates)
        self._predictor = PosePredictor(
            model.network,
            flip_permutation=model.keypoints.flip_permutation,
            decoding=decoding,
            sigma=model.sigma,
            stride=model.stride,
            jit_compile=jit_compile,
            traced=traced,
        )
        height, width = model.config.input_shape
        if model.pose_errors is not None and config.boxes != "annotations":
            raise ConfigError(
                f"validate.boxes: got {config.boxes}, must be annotations for a network that refines poses: those that "
                "it is validated on are made from labels; `evopose2d refine` takes those of detected people"
            )
        self._batches = _batches(
            self.records,
            (height, width),
            config.batch_size,
            centred=decoding.centred_crops,
            cache=cache,
            pose_errors=model.pose_errors,
        )

    def __call__(self, *, collector: CropCollector | None = None, progress: bool = False) -> Judgement:
        """Judge the network as it is now.

        Args:
            collector: picks crops for pictures as they pass.
            progress: show how far it has come.

        Raises:
            DataError: the records are damaged.
        """
        with raise_if_corrupt():
            predictions = predict_people(
                self._predictor, self._batches, self.records.people, collector=collector, progress=progress
            )
        results = self._results(predictions)
        ap = None
        if self._has_truth:
            ap = evaluate_results(self.annotations, results, self.records.schema.sigmas)
        return Judgement(predictions=predictions, results=results, ap=ap)

    def _results(self, predictions: Predictions) -> list[dict[str, Any]]:
        config = self._config
        scores = person_scores(predictions.keypoints[..., 2], predictions.box_score, config.keypoint_score_threshold)
        considered = np.flatnonzero(predictions.box_score >= config.box_score_threshold)
        kept, scores = suppress(
            predictions.image_id[considered],
            predictions.keypoints[considered],
            scores[considered],
            predictions.area[considered],
            self.records.schema.sigmas,
            method=config.nms,
            threshold=config.nms_threshold,
        )
        people = considered[kept]
        return coco_results(
            predictions.image_id[people], predictions.keypoints[people], scores, category_id=self._category_id
        )


def _records(records_root: Path, root: Path, config: ValidateConfig) -> RecordsInfo:
    folder = records_root / _RECORDS.get((config.split, config.boxes), "test-dev")
    detections = root / "detections" / f"person_detections_{config.split}2017.json"
    if config.boxes == "detections" and not folder.exists() and not detections.exists():
        raise DataError(
            f"{detections}: no such file, so that there are no boxes for validate.boxes=detections; "
            "download.detections names one for the val split"
        )
    return read_info(folder)


def _batches(
    records: RecordsInfo,
    input_shape: InputShape,
    batch_size: int,
    *,
    centred: bool,
    cache: CropCache | None,
    pose_errors: float | None,
) -> Iterable[Batch]:
    if cache is not None and pose_errors is None:
        crops = cache.evaluation(records, input_shape, centred=centred)
        if crops is not None:
            return crops.batches(batch_size)
    return evaluation_dataset(records, input_shape, batch_size=batch_size, centred=centred, pose_errors=pose_errors)
