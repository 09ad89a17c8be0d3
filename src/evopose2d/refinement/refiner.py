"""Refine poses of people in pictures: the network at work, whatever the pictures and the poses come from."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evopose2d.data.geometry import crop, crop_matrices, transform_keypoints
from evopose2d.errors import ConfigError, DataError
from evopose2d.evaluation.decoding import Decoding
from evopose2d.evaluation.inference import predict_people
from evopose2d.evaluation.predictor import PosePredictor
from evopose2d.keypoints import KeypointSchema
from evopose2d.refinement.results import boxes_around
from evopose2d.stages.pose_model import PoseModel, load_pose_model

Image = NDArray[np.uint8]
Posed = tuple[Image, NDArray[np.float64], NDArray[np.float64]]
"""A picture (height, width, 3) uint8 RGB, and the poses (N, K, 3) and boxes (N, 4) of its people."""


class PoseRefiner:
    """A trained network that refines poses.

    .. code-block:: python

        from evopose2d import PoseRefiner
        refiner = PoseRefiner("models/posefix")
        refined = refiner(image, keypoints)

    Args:
        model: folder of a trained network of an architecture that refines poses, or the network itself.
        flip_test: average with the mirrored image and pose: twice the work, a little more accuracy.
        decoding: how peaks are found: ``quarter-pixel`` or ``dark``.
        coordinates: ``original``, ``exact`` or ``udp``; see ``heatmaps``.
        batch_size: people in a forward pass.
        jit_compile: whether XLA compiles the network: faster on GPUs, slower on CPUs. JAX always compiles.

    Attributes:
        keypoints: names, skeleton and mirror pairs of the K keypoints.
        input_shape: height and width of a person's crop in pixels.

    Raises:
        WeightsError: the folder holds no trained network.
        ConfigError: the network refines no poses, or a choice is none of those above.
    """

    def __init__(
        self,
        model: str | Path | PoseModel = "models/pose",
        *,
        flip_test: bool = True,
        decoding: str = "quarter-pixel",
        coordinates: str = "original",
        batch_size: int = 32,
        jit_compile: bool = False,
    ) -> None:
        choice = Decoding(flip_test, decoding, coordinates)
        loaded = model if isinstance(model, PoseModel) else load_pose_model(Path(model))
        if loaded.pose_errors is None:
            raise ConfigError(
                f"refine: got a network of architecture {loaded.config.architecture}, which takes no pose; must be one "
                "that refines poses, such as posefix"
            )
        height, width = loaded.config.input_shape
        self.input_shape = (height, width)
        self.keypoints: KeypointSchema = loaded.keypoints
        self._batch_size = batch_size
        self._centred = choice.centred_crops
        self._predictor = PosePredictor(
            loaded.network,
            loaded.keypoints.flip_permutation,
            choice,
            loaded.sigma,
            loaded.stride,
            jit_compile=jit_compile,
        )

    def __call__(self, image: Image, poses: ArrayLike, boxes: ArrayLike | None = None) -> NDArray[np.float32]:
        """Refine the poses of the people in one image.

        Args:
            image: (height, width, 3) uint8, **RGB**.
            poses: (N, K, 3) x, y in image pixels and score, which stays.
            boxes: (N, 4) x, y, width, height of the people in image pixels; None: the boxes around their poses.

        Returns:
            (N, K, 3) float32.

        Raises:
            DataError: they have another shape, or a number is not finite.
        """
        given = np.asarray(poses, np.float64)
        if given.ndim != 3 or given.shape[1:] != (self.keypoints.count, 3) or not np.isfinite(given).all():
            raise DataError(f"poses: got shape {given.shape}, must be (N, {self.keypoints.count}, 3), finite numbers")
        if not len(given):
            return given.astype(np.float32)
        places = boxes_around(given) if boxes is None else np.asarray(boxes, np.float64)
        if places.shape != (len(given), 4) or not np.isfinite(places).all() or not (places[:, 2:] > 0).all():
            raise DataError(
                f"boxes: got shape {places.shape}, must be ({len(given)}, 4), with width and height above 0"
            )
        positions = self.positions([(image, given, places)], len(given))
        return np.concatenate([positions, given[..., 2:]], axis=-1).astype(np.float32)

    def positions(self, pictures: Iterable[Posed], people: int, *, progress: bool = False) -> NDArray[np.float32]:
        """Return refined positions (N, K, 2) in image pixels of the people of pictures, one after the other.

        Args:
            pictures: each with the poses and the boxes of its people.
            people: N, of all pictures, at least 1.
            progress: show how far it has come.
        """
        predictions = predict_people(
            self._predictor, self._batches(pictures), people, progress=progress, description="refine"
        )
        return predictions.keypoints[..., :2]

    def _batches(self, pictures: Iterable[Posed]) -> Iterator[dict[str, NDArray[Any]]]:
        """Yield batches of one size; the last person stands again where the last batch has room."""
        waiting: list[dict[str, Any]] = []
        for picture in pictures:
            for person in self._people(*picture):
                waiting.append(person)
                if len(waiting) == self._batch_size:
                    yield _stacked(waiting)
                    waiting = []
        if waiting:
            yield _stacked([*waiting, *[waiting[-1]] * (self._batch_size - len(waiting))])

    def _people(self, image: Image, poses: NDArray[np.float64], boxes: NDArray[np.float64]) -> Iterator[dict[str, Any]]:
        matrices = crop_matrices(boxes, self.input_shape, centred=self._centred)
        given = np.concatenate([poses[..., :2], np.ones_like(poses[..., 2:])], axis=-1)
        for box, matrix, pose in zip(boxes, matrices, transform_keypoints(given, matrices), strict=True):
            yield {
                "images": crop(image, matrix, self.input_shape),
                "pose": pose,
                "keypoints": np.zeros_like(pose),
                "matrix": matrix,
                "box": box.astype(np.float32),
                "score": np.float32(1),
                "image_id": np.int64(0),
                "annotation_id": np.int64(0),
            }


def _stacked(people: Sequence[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    return {name: np.stack([person[name] for person in people]) for name in people[0]}
