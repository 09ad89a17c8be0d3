"""From records to the crops of some people: what a process that loads does, with OpenCV and without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evopose2d.data.augmentation import Augmentation, augment, drawn_augmentation
from evopose2d.data.epochs import Epoch, ordered_epoch, training_epoch
from evopose2d.data.geometry import (
    InputShape,
    crop_matrices,
    mask_outside,
    placed,
    transform_keypoints,
    warp,
)
from evopose2d.data.images import ImageDecoder
from evopose2d.data.pose_errors import given_as_labelled, overlapping, seeds, synthesise
from evopose2d.data.record_index import RecordIndex, RecordReader
from evopose2d.data.records import WHOLE, Record, parse
from evopose2d.errors import DataError
from evopose2d.keypoints import KeypointSchema

if TYPE_CHECKING:
    from evopose2d.config.schema import AugmentationConfig

Fields = Mapping[str, tuple[tuple[int, ...], str]]
"""Shape and dtype of each value of a person, by name."""

TRAINING, EVALUATION, CONSTANT = "training", "evaluation", "constant"
_CROP = (("images", "keypoints"),)
_CROPS = {TRAINING: _CROP, EVALUATION: _CROP, CONSTANT: (("wider", "keypoints"), ("mirrored", "mirrored_keypoints"))}
_KEPT = ("image_id", "annotation_id", "box", "score")


@dataclass(frozen=True, eq=False)
class Job:
    """What is made of the people of some records.

    Attributes:
        kind: ``TRAINING``: shuffled and augmented; ``EVALUATION``: in order, with what identifies people;
            ``CONSTANT``: in order, what training sees where mirroring is all that changes a crop.
        index: the records.
        schema: their keypoints, K.
        fast_dct: how their JPEGs are decoded (``ImageDecoder``).
        input_shape: height H and width W of a crop in pixels.
        batch_size: people in a batch.
        seed: of order and augmentation, in training.
        augmentation: how crops are varied, in training.
        centred: place crops by the centres of their outer pixels (``geometry.crop_matrices``), in evaluation.
        pose_errors: how often keypoints are wrong in the pose that a network is given to refine
            (``pose_errors.synthesise``); None: no pose is given.
    """

    kind: str
    index: RecordIndex
    schema: KeypointSchema
    fast_dct: bool
    input_shape: InputShape
    batch_size: int
    seed: int = 0
    augmentation: AugmentationConfig | None = None
    centred: bool = False
    pose_errors: float | None = None

    @property
    def fields(self) -> Fields:
        """What there is of each person."""
        height, width = self.input_shape
        keypoints = ((self.schema.count, 3), "float32")
        if self.kind == CONSTANT:
            shapes = {"wider": (height, width + 1, 3), "mirrored": (height, width, 3)}
            crops = {name: (shape, "uint8") for name, shape in shapes.items()}
            return crops | {"keypoints": keypoints, "mirrored_keypoints": keypoints}
        crop = {"images": ((height, width, 3), "uint8"), "keypoints": keypoints}
        if self.pose_errors is not None:
            crop["pose"] = keypoints
        if self.kind == TRAINING:
            return crop
        numbers = dict.fromkeys(("image_id", "annotation_id"), ((), "int64"))
        return crop | numbers | {"matrix": ((2, 3), "float64"), "score": ((), "float32"), "box": ((4,), "float32")}

    def epoch(self, number: int) -> Epoch:
        """Return the order of an epoch."""
        if self.kind == TRAINING:
            return training_epoch(self.index.counts, self.seed, number, self.batch_size)
        return ordered_epoch(self.index.counts, self.batch_size)

    def place(
        self, boxes: NDArray[np.float32], keypoints: NDArray[np.float32], drawn: NDArray[np.float64]
    ) -> list[tuple[NDArray[np.float64], NDArray[np.float32]]]:
        """Return the matrices (P, 2, 3) and keypoints (P, K, 3) of each kind of crop of P people.

        Args:
            boxes: (P, 4) x, y, width, height in image pixels.
            keypoints: (P, K, 3) x, y in image pixels and visibility.
            drawn: (P, 6) what changes their crops, in training.
        """
        if self.kind == EVALUATION:
            matrices = crop_matrices(boxes, self.input_shape, centred=self.centred)
            return [(matrices, mask_outside(transform_keypoints(keypoints, matrices), self.input_shape))]
        if self.kind == CONSTANT:
            changes = (Augmentation(flip=False), Augmentation(flip=True))
            return [augment(boxes, keypoints, self.input_shape, change, self.schema, 1) for change in changes]
        assert self.augmentation is not None
        change = drawn_augmentation(self.augmentation, drawn)
        halved = self.augmentation.half_body_keypoints
        return [augment(boxes, keypoints, self.input_shape, change, self.schema, halved)]


class Cropper:
    """Loads the people of a job, some at a time."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._reader = RecordReader(job.index)
        self._decoder = ImageDecoder(fast_dct=job.fast_dct)

    def load(
        self, people: NDArray[np.int64], drawn: NDArray[np.float64], rows: NDArray[np.int64], out: Mapping[str, Any]
    ) -> None:
        """Load some people; an image is decoded once for those of its people that stand together.

        Args:
            people: (P,) numbers in the order of the records.
            drawn: (P, 6) what changes their crops, or nothing.
            rows: (P,) where each is written to.
            out: arrays (rows, ...) of the job's fields.

        Raises:
            DataError: a record is damaged.
        """
        job = self._job
        records = job.index.records[people]
        starts = np.flatnonzero(np.concatenate([[True], records[1:] != records[:-1]]))
        runs = [slice(start, end) for start, end in zip(starts, [*starts[1:], len(people)], strict=True)]
        parsed = [self._parsed(int(records[run.start])) for run in runs]
        chosen = [people[run] - job.index.first_people[records[run.start]] for run in runs]

        def joined(name: str) -> NDArray[Any]:
            return np.concatenate([getattr(record, name)[some] for record, some in zip(parsed, chosen, strict=True)])

        crops = job.place(joined("box"), joined("keypoints"), drawn)
        names = _CROPS[job.kind]
        for (_, keypoints_name), (_, keypoints) in zip(names, crops, strict=True):
            out[keypoints_name][rows] = keypoints
        if job.pose_errors is not None:
            seen = [(record, some) for record, whole in zip(parsed, chosen, strict=True) for some in whole.tolist()]
            for row, (record, some), matrix, labels, seed in zip(
                rows.tolist(), seen, *crops[0], seeds(drawn, people, job.seed), strict=True
            ):
                out["pose"][row] = self._pose(record, some, matrix, labels, seed)
        if job.kind == EVALUATION:
            out["matrix"][rows] = crops[0][0]
            for name in _KEPT[1:]:
                out[name][rows] = joined(name)
            out["image_id"][rows] = np.repeat([record.image_id for record in parsed], [len(some) for some in chosen])
        for record, run in zip(parsed, runs, strict=True):
            pixels = self._decoder.rgba(record.image)
            whole = tuple(record.placement) == WHOLE
            for (image_name, _), (matrices, _) in zip(names, crops, strict=True):
                moved = matrices[run] if whole else placed(matrices[run], record.placement)
                for matrix, row in zip(moved, rows[run].tolist(), strict=True):
                    warp(pixels, matrix, out[image_name][row])

    def _pose(
        self,
        record: Record,
        person: int,
        matrix: NDArray[np.float64],
        labels: NDArray[np.float32],
        seed: Sequence[int],
    ) -> NDArray[np.float32]:
        """Return the pose (K, 3) that is given of a person of a record, whose crop has labels (K, 3)."""
        job = self._job
        if not job.pose_errors:
            return given_as_labelled(labels)
        near = overlapping(record.box[person], record.box)
        near[person] = False
        others = transform_keypoints(record.keypoints[near], np.broadcast_to(matrix, (int(near.sum()), 2, 3)))
        scale = np.linalg.det(matrix[:, :2])
        if scale < 0:  # a mirrored crop
            others = others[:, list(job.schema.flip_permutation)]
        area = float(np.prod(record.box[person, 2:])) * abs(float(scale))
        others = mask_outside(others, job.input_shape)
        return synthesise(np.random.default_rng(seed), labels, others, area, job.schema, job.pose_errors)

    def _parsed(self, record: int) -> Record:
        parsed = parse(self._reader.read(record), self._job.schema.count)
        if len(parsed.score) != self._job.index.counts[record] or len(parsed.keypoints) != len(parsed.score):
            raise DataError(
                f"a record holds values of {len(parsed.score)} scores and {len(parsed.keypoints)} people's keypoints, "
                f"must hold those of {self._job.index.counts[record]} people"
            )
        return parsed
