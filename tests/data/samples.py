"""What several tests of the data need: the people of a small split, an augmentation with everything in it, an image."""

from pathlib import Path

import cv2
import numpy as np

from evopose2d.config.schema import AugmentationConfig
from evopose2d.data import coco

WIDTH, HEIGHT = 120, 80
FULL = AugmentationConfig(
    flip_probability=0.5,
    scale=0.3,
    rotation=40.0,
    rotation_probability=0.6,
    half_body_probability=0.3,
    half_body_keypoints=3,
)


def val_people(root: Path, *, labelled_only: bool = True) -> list[coco.Person]:
    """Read the people of the val split that ``make_split`` wrote."""
    return coco.annotated_people(
        coco.read_coco(root / "annotations/person_keypoints_val2017.json"), labelled_only=labelled_only
    )


def draw(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), np.uint8)
    cv2.imwrite(str(path), cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC))
