"""The keypoints of a dataset: names, mirror pairs, skeleton and OKS standard deviations."""

from evopose2d.keypoints.schema import COCO_PERSON, KeypointSchema, schema_from_category

__all__ = ["COCO_PERSON", "KeypointSchema", "schema_from_category"]
