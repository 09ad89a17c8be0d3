"""Formats in which people have labelled images, each an object that recognises and reads it."""

from pathlib import Path

from evopose2d.data.formats.base import Format, LabelledImages
from evopose2d.data.formats.coco_files import CocoExport, CocoLayout
from evopose2d.data.formats.deeplabcut import DeepLabCut
from evopose2d.data.formats.labelme import LabelMe
from evopose2d.data.formats.sleap import Sleap
from evopose2d.data.formats.yolo import YoloPose
from evopose2d.errors import ConfigError, DataError

FORMATS: tuple[Format, ...] = (CocoLayout(), YoloPose(), DeepLabCut(), Sleap(), LabelMe(), CocoExport())
"""All formats, in the order in which they are tried."""

__all__ = ["FORMATS", "Format", "LabelledImages", "format_of"]


def format_of(source: Path, wanted: str | None = None) -> Format:
    """Return the format of the files of a folder.

    Args:
        source: the folder.
        wanted: name of a format, where ``dataset.format`` gives one.

    Raises:
        ConfigError: there is no format of that name.
        DataError: no format is recognised.
    """
    names = ", ".join(each.name for each in FORMATS)
    if wanted is not None:
        found = next((each for each in FORMATS if each.name == wanted), None)
        if found is None:
            raise ConfigError(f"dataset.format: got {wanted!r}, must be null or one of {names}")
        return found
    found = next((each for each in FORMATS if each.recognises(source)), None)
    if found is None:
        raise DataError(
            f"{source.absolute()}: holds no labels in a known format ({names}); a COCO annotation file of any name "
            "will do, with images anywhere below the folder"
        )
    return found
