"""What several tests of the data need: the people of a small split, and an augmentation with everything in it."""

from pathlib import Path

from evopose2d.config.schema import AugmentationConfig
from evopose2d.data import coco

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
