"""COCO's annotation and detection files: read in one place, checked once, repaired where nothing is guessed."""

from evopose2d.data.coco.boxes import sanitised_box
from evopose2d.data.coco.detections import Detection, detected_people, parse_detections, read_detections
from evopose2d.data.coco.file import CocoFile, Person, annotated_people, keypoint_schema, parse_coco, read_coco
from evopose2d.data.coco.findings import Findings
from evopose2d.data.coco.images import ImageEntry, read_images
from evopose2d.data.coco.people import Annotation
from evopose2d.data.coco.values import read_json

__all__ = [
    "Annotation",
    "CocoFile",
    "Detection",
    "Findings",
    "ImageEntry",
    "Person",
    "annotated_people",
    "detected_people",
    "keypoint_schema",
    "parse_coco",
    "parse_detections",
    "read_coco",
    "read_detections",
    "read_images",
    "read_json",
    "sanitised_box",
]
