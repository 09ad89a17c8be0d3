"""Small datasets in COCO's format, made on the spot."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from evopose2d.config.schema import (
    AugmentationConfig,
    CropsConfig,
    DatasetConfig,
    RecordsConfig,
    SplitConfig,
    SyntheticConfig,
)
from evopose2d.keypoints import KeypointSchema

FIVE_NAMES = ["head", "left_hand", "right_hand", "left_foot", "right_foot"]
WIDTH, HEIGHT = 120, 80


@pytest.fixture
def five_schema() -> KeypointSchema:
    """Five keypoints, two mirror pairs."""
    return KeypointSchema(
        names=tuple(FIVE_NAMES),
        skeleton=((0, 1), (0, 2), (0, 3), (0, 4)),
        flip_permutation=(0, 2, 1, 4, 3),
        sigmas=(0.05,) * 5,
        upper_body=(0, 1, 2),
    )


@pytest.fixture
def no_augmentation() -> AugmentationConfig:
    return AugmentationConfig(
        flip_probability=0.0,
        scale=0.0,
        rotation=0.0,
        rotation_probability=0.0,
        half_body_probability=0.0,
        half_body_keypoints=9,
    )


@pytest.fixture
def records_config(tmp_path) -> Callable[..., RecordsConfig]:
    def make(**changes) -> RecordsConfig:
        settings = {"people_per_shard": 4, "bad_images": "error", "workers": 2, "seed": 0, "content": "images"}
        settings["crops"] = CropsConfig([128, 96], scale=0.3, rotation=40.0, half_body=False, quality=90)
        return RecordsConfig(root=str(tmp_path / "records"), **(settings | changes))

    return make


@pytest.fixture
def dataset_config() -> Callable[[Path], DatasetConfig]:
    def make(root: Path) -> DatasetConfig:
        return DatasetConfig(
            source=str(root),
            root=str(root),
            format=None,
            category=None,
            box_from="annotations",
            flip_pairs=None,
            sigmas=None,
            upper_body=None,
            split=SplitConfig(val=0.1, seed=0),
            synthetic=SyntheticConfig(seed=0, train_images=1, val_images=1, test_images=0),
        )

    return make


@pytest.fixture
def make_split(tmp_path) -> Callable[..., dict]:
    """Give a function that draws a split of five-keypoint people below ``tmp_path / 'coco'``."""
    return lambda split, people, **options: draw_split(tmp_path / "coco", split, people, **options)


def draw_split(root: Path, split: str, people: int, suffix: str = ".jpg", people_per_image: int = 1) -> dict:
    """Draw images of one colour, grey level 10 + 8 x index of the image, with people well inside."""
    images, annotations = [], []
    folder = root / f"{split}2017"
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(-(-people // people_per_image)):
        name = f"{index:03d}{suffix}"
        cv2.imwrite(str(folder / name), np.full((HEIGHT, WIDTH, 3), grey_level(index), np.uint8))
        images.append({"id": 1000 + index, "file_name": name, "width": WIDTH, "height": HEIGHT})
    for index in range(people):
        keypoints = [[60, 25, 2], [50, 40, 2], [70, 40, 1], [0, 0, 0], [65, 58, 2]]
        annotations.append(
            {
                "id": 5000 + index,
                "image_id": 1000 + index // people_per_image,
                "category_id": 1,
                "bbox": [44, 20, 32, 40],
                "area": 700.0,
                "iscrowd": 0,
                "keypoints": np.ravel(keypoints).tolist(),
                "num_keypoints": 4,
            }
        )
    category = {
        "id": 1,
        "name": "figure",
        "keypoints": list(FIVE_NAMES),
        "skeleton": [[1, 2], [1, 3], [1, 4], [1, 5]],
    }
    content = {"images": images, "annotations": annotations, "categories": [category]}
    write_annotations(root, split, content)
    return content


def write_annotations(root: Path, split: str, content: dict) -> Path:
    path = root / "annotations" / f"person_keypoints_{split}2017.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def grey_level(image_index: int) -> int:
    return 10 + 8 * image_index
