"""People as many as in COCO val, with the heatmaps that a good network would give, a batch at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evopose2d.data.coco import CocoFile, parse_coco
from evopose2d.data.geometry import crop_matrices, transform_keypoints
from evopose2d.keypoints import COCO_PERSON

COCO_VAL_PEOPLE = 11_004
INPUT_SHAPE = (256, 192)
HEATMAP_SHAPE = (64, 48)
STRIDE = 4
_IMAGE = (480, 640)
_PEOPLE_AN_IMAGE = 4
_DEVIATION = 2.0  # of a heatmap's Gaussian, in heatmap pixels
_ERROR = 1.0  # standard deviation of a predicted keypoint, in heatmap pixels
_NOISE = 4.0  # of a heatmap, whose peak is 255


@dataclass(frozen=True, eq=False)
class Crowd:
    """N annotated people.

    Attributes:
        image_ids: (N,) ascending.
        keypoints: (N, K, 3) in image pixels, visibility 0 or 2.
        matrices: (N, 2, 3) image to crop.
        areas: (N,) of the crops in square image pixels.
        dataset: content of their annotation file.
    """

    image_ids: NDArray[np.int64]
    keypoints: NDArray[np.float64]
    matrices: NDArray[np.float64]
    areas: NDArray[np.float64]
    dataset: dict[str, Any]

    @property
    def annotations(self) -> CocoFile:
        """The annotation file, as if it had been read."""
        height, width = _IMAGE
        images = [
            {"id": image["id"], "file_name": f"{image['id']}.jpg", "width": width, "height": height}
            for image in self.dataset["images"]
        ]
        return parse_coco(self.dataset | {"images": images}, Path("crowd.json"))

    def heatmaps(self, batch_size: int, seed: int = 0) -> Iterator[NDArray[np.float32]]:
        """Yield noisy heatmaps (B, h, w, K) of all people in order, the last batch smaller."""
        rng = np.random.default_rng(seed)
        height, width = HEATMAP_SHAPE
        noise = rng.normal(0, _NOISE, (height, width, COCO_PERSON.count)).astype(np.float32)
        for start in range(0, len(self.image_ids), batch_size):
            part = slice(start, start + batch_size)
            centres = transform_keypoints(self.keypoints[part], self.matrices[part])[..., :2] / STRIDE
            centres = centres + rng.normal(0, _ERROR, centres.shape)
            heights = 255 * rng.uniform(0.1, 1.0, centres.shape[:2])
            rows = _gaussian(centres[..., 1], height) * heights[:, None, :]
            columns = _gaussian(centres[..., 0], width)
            shift = int(rng.integers(width))
            yield (rows[:, :, None, :] * columns[:, None, :, :]).astype(np.float32) + np.roll(noise, shift, axis=1)


def draw_crowd(people: int = COCO_VAL_PEOPLE, seed: int = 0) -> Crowd:
    """Draw people from a seed, four to an image; the same seed gives the same people."""
    rng = np.random.default_rng(seed)
    height, width = _IMAGE
    count = COCO_PERSON.count
    image_ids = np.sort(rng.integers(1, max(2, people // _PEOPLE_AN_IMAGE + 1), people))
    sizes = rng.uniform(0.08, 0.45, (people, 1)) * (width, height) * (0.8, 2.0)
    corners = rng.uniform(0, 1, (people, 2)) * (np.array([width, height]) - sizes)
    boxes = np.concatenate([corners, sizes], axis=1)
    positions = corners[:, None] + rng.uniform(0.05, 0.95, (people, count, 2)) * sizes[:, None]
    visibility = np.where(rng.uniform(size=(people, count, 1)) < 0.7, 2.0, 0.0)
    visibility[:, 0] = 2.0
    keypoints = np.concatenate([positions.round(), visibility], axis=-1)
    matrices = crop_matrices(boxes, INPUT_SHAPE)
    dataset = {
        "images": [{"id": index, "width": width, "height": height} for index in range(1, int(image_ids.max()) + 1)],
        "annotations": [_annotation(*row) for row in zip(range(people), image_ids, boxes, keypoints, strict=True)],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_PERSON.names)}],
    }
    areas = np.prod(INPUT_SHAPE) / np.abs(np.linalg.det(matrices[..., :2]))
    return Crowd(image_ids, keypoints, matrices, areas, dataset)


def _annotation(index: int, image_id: int, box: NDArray[np.float64], keypoints: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "id": index + 1,
        "image_id": int(image_id),
        "category_id": 1,
        "bbox": box.tolist(),
        "area": float(0.6 * box[2] * box[3]),
        "iscrowd": 0,
        "keypoints": keypoints.reshape(-1).tolist(),
        "num_keypoints": int((keypoints[:, 2] > 0).sum()),
    }


def _gaussian(centres: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    pixels = np.arange(length)[None, :, None]
    return np.exp(-(((pixels - centres[:, None, :]) / _DEVIATION) ** 2) / 2)
