"""The splits of a dataset as they lie in ``dataset.root``, with what their image files say."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evopose2d.config.schema import DatasetConfig
from evopose2d.data.coco import Annotation, CocoFile, keypoint_schema, read_coco
from evopose2d.data.download.layout import SPLITS, Split
from evopose2d.data.image_files import ImageFacts, read_facts
from evopose2d.errors import DataError
from evopose2d.keypoints import KeypointSchema
from evopose2d.progress import progress_bar


@dataclass(frozen=True, eq=False)
class LabelledSplit:
    """A split with labels.

    Attributes:
        split: which one, and where its files lie.
        folder: of its images.
        coco: its annotations.
        schema: its keypoints.
        files: what the image files say of themselves, by image id; none of what is no readable image.
    """

    split: Split
    folder: Path
    coco: CocoFile
    schema: KeypointSchema
    files: dict[int, ImageFacts]

    def people_of(self) -> dict[int, list[Annotation]]:
        """Return the people of each image, those without people included."""
        people: dict[int, list[Annotation]] = {image_id: [] for image_id in self.coco.images}
        for person in self.coco.people:
            people[person.image_id].append(person)
        return people


def read_splits(config: DatasetConfig) -> list[LabelledSplit]:
    """Read the labelled splits of a dataset in COCO's layout, and the heads of its image files.

    Raises:
        DataError: there is none, or a file has mistakes.
    """
    root = Path(config.root)
    there = [split for split in SPLITS if split.labelled and (root / split.annotations).is_file()]
    if not there:
        raise DataError(f"dataset.root: {root.absolute()} holds no dataset; `evopose2d download` or `import` makes it")
    return [_read(root, split, config) for split in there]


def _read(root: Path, split: Split, config: DatasetConfig) -> LabelledSplit:
    coco = read_coco(root / split.annotations)
    folder = root / split.images
    files = _facts(folder, [(image_id, image.file_name) for image_id, image in coco.images.items()])
    return LabelledSplit(split, folder, coco, keypoint_schema(coco, config), files)


def _facts(folder: Path, names: Sequence[tuple[int, str]]) -> dict[int, ImageFacts]:
    found = {}
    with progress_bar(f"read {folder.name}", len(names), unit="image") as bar:
        for image_id, name in names:
            facts = read_facts(folder / name)
            if facts is not None:
                found[image_id] = facts
            bar.update()
    return found
