"""Poses of people in pictures that are already in memory: the Python interface."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evopose2d.data.geometry import crop, crop_matrices, keypoints_to_image
from evopose2d.errors import DataError
from evopose2d.evaluation.decoding import Decoding, HeatmapReader
from evopose2d.evaluation.keypoint_model import KeypointModel
from evopose2d.evaluation.scoring import person_scores
from evopose2d.keypoints import KeypointSchema
from evopose2d.prediction.detector import YoloDetector
from evopose2d.prediction.published_detector import open_detector
from evopose2d.stages.pose_model import PoseModel, check_sees_images_alone, load_pose_model

Image = NDArray[np.uint8]


class Poses(NamedTuple):
    """The N people of one image.

    Attributes:
        keypoints: (N, K, 3) float32: x, y in image pixels and score, 0..1 (hardly above).
        scores: (N,) float32, how sure each person is: box score times the mean of the keypoint scores above 0.2.
    """

    keypoints: NDArray[np.float32]
    scores: NDArray[np.float32]


class PoseEstimator:
    """A trained network that finds the keypoints of people in boxes.

    .. code-block:: python

        from evopose2d import PoseEstimator
        estimator = PoseEstimator("models/pose")
        keypoints, scores = estimator(image, boxes)

    Args:
        model: folder of a trained network, as the ``train`` stage writes it, or the network itself.
        flip_test: average with the mirrored image: twice the work, a little more accuracy.
        decoding: how peaks are found: ``quarter-pixel`` or ``dark``.
        coordinates: ``original``, ``exact`` or ``udp``; see ``heatmaps``.
        batch_size: people in a forward pass at most.
        smallest_batch: people in a forward pass at least (empty places are filled with copies), such as the
            number of devices that share one.
        jit_compile: whether XLA compiles the network: faster on GPUs, slower on CPUs. JAX always compiles.
        detector: finds the people of images without boxes: ONNX file of a YOLO detector, ``auto`` (see
            ``open_detector``) or an opened one; None: such an image is one person.

    Attributes:
        keypoints: names, skeleton and mirror pairs of the K keypoints.
        input_shape: height and width of a person's crop in pixels.

    Raises:
        WeightsError: the folder holds no trained network.
        ConfigError: ``decoding`` or ``coordinates`` is none of those above.
        DataError, DownloadError: the detector cannot be opened.
    """

    def __init__(
        self,
        model: str | Path | PoseModel = "models/pose",
        *,
        flip_test: bool = True,
        decoding: str = "quarter-pixel",
        coordinates: str = "original",
        batch_size: int = 32,
        smallest_batch: int = 1,
        jit_compile: bool = False,
        detector: str | Path | YoloDetector | None = None,
    ) -> None:
        self._detector = open_detector(detector) if isinstance(detector, str | Path) else detector
        choice = Decoding(flip_test, decoding, coordinates)
        loaded = model if isinstance(model, PoseModel) else load_pose_model(Path(model))
        check_sees_images_alone(loaded, "PoseEstimator")
        height, width = loaded.config.input_shape
        self.input_shape = (height, width)
        self.keypoints: KeypointSchema = loaded.keypoints
        self.batch_size = max(batch_size, smallest_batch)
        self._smallest_batch = smallest_batch
        self._centred = choice.centred_crops
        reader = HeatmapReader(choice, loaded.keypoints.flip_permutation, loaded.sigma, loaded.stride)
        self._model = KeypointModel(loaded.network, reader, jit_compile=jit_compile)

    def __call__(self, image: Image, boxes: ArrayLike | None = None, box_scores: ArrayLike | None = None) -> Poses:
        """Find the poses of the people in one image.

        Args:
            image: (height, width, 3) uint8, **RGB** (OpenCV reads BGR: ``image[..., ::-1]``).
            boxes: (N, 4) x, y, width, height in image pixels; ``None``: those that the detector finds, without one
                one person, the whole image.
            box_scores: (N,) 0..1; ``None``: 1.

        Returns:
            Keypoints (N, K, 3) and scores (N,); see ``Poses``.

        Raises:
            DataError: the image or the boxes have another shape or type, or a box has no extent.
        """
        return self.predict([image], [boxes], [box_scores])[0]

    def predict(
        self,
        images: Sequence[Image],
        boxes: Sequence[ArrayLike | None] | None = None,
        box_scores: Sequence[ArrayLike | None] | None = None,
    ) -> list[Poses]:
        """Find the poses of the people in several images, whose people share forward passes.

        Args:
            images: each as ``__call__`` takes it; they may differ in size.
            boxes: for each image what ``__call__`` takes; ``None``: the same of all.
            box_scores: for each image what ``__call__`` takes.

        Returns:
            One for each image.
        """
        boxes = [None] * len(images) if boxes is None else boxes
        box_scores = [None] * len(images) if box_scores is None else box_scores
        if not len(images):
            return []
        people = [self._people(*each) for each in zip(images, boxes, box_scores, strict=True)]
        placed = [self.crops(image, given) for image, (given, _) in zip(images, people, strict=True)]
        found = self.predict_crops(np.concatenate([crops for crops, _ in placed]))
        ends = np.cumsum([len(crops) for crops, _ in placed])
        return [
            self.poses(found[end - len(crops) : end], matrices, scores)
            for end, (crops, matrices), (_, scores) in zip(ends, placed, people, strict=True)
        ]

    def _people(
        self, image: Image, boxes: ArrayLike | None, scores: ArrayLike | None
    ) -> tuple[ArrayLike | None, ArrayLike | None]:
        """Return the boxes of an image and their scores: those given, else what the detector finds, if there is one."""
        if boxes is not None or self._detector is None:
            return boxes, scores
        _check_image(image)
        found = self._detector.find(image)
        return found.places, found.scores if scores is None else scores

    def crops(self, image: Image, boxes: ArrayLike | None) -> tuple[Image, NDArray[np.float64]]:
        """Cut the people out of an image.

        Args:
            image: as ``__call__`` takes it.
            boxes: as ``__call__`` takes them.

        Returns:
            Crops (N, H, W, 3) uint8 RGB, and the matrices (N, 2, 3) that take image pixels to crop pixels.
        """
        _check_image(image)
        matrices = crop_matrices(_checked_boxes(boxes, image), self.input_shape, centred=self._centred)
        crops = np.empty((len(matrices), *self.input_shape, 3), np.uint8)
        for place, matrix in zip(crops, matrices, strict=True):
            place[:] = crop(image, matrix, self.input_shape)
        return crops, matrices

    def predict_crops(self, crops: Image) -> NDArray[np.float32]:
        """Predict keypoints (N, K, 3), x, y in crop pixels and score, of crops (N, H, W, 3) uint8 RGB."""
        parts = [np.empty((0, self.keypoints.count, 3), np.float32)]
        for start in range(0, len(crops), self.batch_size):
            batch = crops[start : start + self.batch_size]
            # Few batch sizes, because the network is compiled anew for each.
            size = max(1 << (len(batch) - 1).bit_length(), self._smallest_batch)
            filled = np.concatenate([batch, np.repeat(batch[-1:], min(size, self.batch_size) - len(batch), axis=0)])
            parts.append(np.asarray(self._model.predict_on_batch(filled))[: len(batch)])
        return np.concatenate(parts)

    def poses(
        self, crop_keypoints: NDArray[np.float32], matrices: NDArray[np.float64], box_scores: ArrayLike | None
    ) -> Poses:
        """Take keypoints (N, K, 3) of crops back to their image; matrices and scores as in ``crops``."""
        if not len(matrices):
            return Poses(np.empty((0, self.keypoints.count, 3), np.float32), np.empty(0, np.float32))
        sure = np.ones(len(matrices)) if box_scores is None else np.asarray(box_scores, np.float64)
        if sure.shape != (len(matrices),):
            raise DataError(f"box scores: got shape {sure.shape}, must be ({len(matrices)},), one for each box")
        keypoints = keypoints_to_image(crop_keypoints, matrices)
        return Poses(keypoints, person_scores(keypoints[..., 2], sure, 0.2).astype(np.float32))


def _check_image(image: Image) -> None:
    if getattr(image, "dtype", None) != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        received = f"{getattr(image, 'dtype', type(image).__name__)} {getattr(image, 'shape', '')}".strip()
        raise DataError(f"image: got {received}, must be uint8 RGB of shape (height, width, 3)")


def _checked_boxes(boxes: ArrayLike | None, image: Image) -> NDArray[np.float64]:
    """Return boxes (N, 4); the whole image for none."""
    if boxes is None:
        return np.array([[0.0, 0.0, image.shape[1], image.shape[0]]])
    checked = np.asarray(boxes, np.float64)
    if checked.size == 0:
        return np.empty((0, 4))
    if checked.ndim != 2 or checked.shape[1] != 4:
        raise DataError(f"boxes: got shape {checked.shape}, must be (N, 4): x, y, width, height")
    bad = ~np.isfinite(checked).all(axis=1) | ~(checked[:, 2:] > 0).all(axis=1)
    if bad.any():
        wrong = checked[bad][0].tolist()
        raise DataError(f"boxes: got {wrong}, must be finite x, y, width, height with width and height above 0")
    return checked
