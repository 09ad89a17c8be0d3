"""The files of one set of records: names, and the ``info.json`` that says they are complete."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from evopose2d.config.coverage import check_covered
from evopose2d.config.schema import AugmentationConfig, CropsConfig, DatasetConfig
from evopose2d.errors import ConfigError, DataError
from evopose2d.files import write_json
from evopose2d.keypoints import KeypointSchema, schema_from_category

INFO_NAME = "info.json"


@dataclass(frozen=True)
class RecordsInfo:
    """What a folder of records holds.

    Attributes:
        folder: where the records lie.
        people: number of records, N: one for each person.
        images: number of images that these people are in.
        skipped: people left out because their image cannot be used.
        shards: number of files.
        schema: the keypoints.
        crops: what the records' crops cover; None: they hold whole images, which cover anything.
    """

    folder: Path
    people: int
    images: int
    skipped: int
    shards: int
    schema: KeypointSchema
    crops: CropsConfig | None = None

    def check_covered(self, input_shape: tuple[int, int], augmentation: AugmentationConfig | None = None) -> None:
        """Refuse to show more of the people than the records hold.

        Args:
            input_shape: height and width of the network's crops in pixels.
            augmentation: how they are to be varied; None: not at all.

        Raises:
            ConfigError: one line with the key, the value received, what is allowed and how to allow more.
        """
        if self.crops is not None:
            check_covered(self.crops, input_shape, augmentation, str(self.folder))

    def check_keypoints(self, dataset: DatasetConfig) -> None:
        """Refuse settings of keypoints that are not those of the records, which would be used in their stead.

        Raises:
            ConfigError: one line with the key, and how to have it obeyed.
        """
        schema = schema_from_category(self.schema.category, dataset.flip_pairs, dataset.sigmas, dataset.upper_body)
        settings = {
            "flip_pairs": schema.flip_permutation == self.schema.flip_permutation,
            "sigmas": schema.sigmas == self.schema.sigmas,
            "upper_body": set(schema.upper_body) == set(self.schema.upper_body),
        }
        for key, agrees in settings.items():
            if not agrees:
                raise ConfigError(
                    f"dataset.{key}: got {_shown(getattr(dataset, key))}, must be what the records in {self.folder} "
                    "were written with; write them again with write-tfrecords"
                )

    @property
    def files(self) -> list[Path]:
        """The record files in order."""
        return [shard_path(self.folder, index, self.shards) for index in range(self.shards)]


def shard_path(folder: Path, index: int, shards: int) -> Path:
    """Return the path of one of ``shards`` record files, counted from 0."""
    return folder / f"{folder.name}-{index:05d}-of-{shards:05d}.tfrecord"


def write_info(info: RecordsInfo) -> None:
    """Write ``info.json``, which declares the records complete; to be called after the last record file."""
    content: dict[str, object] = {
        "people": info.people,
        "images": info.images,
        "skipped": info.skipped,
        "shards": info.shards,
        # Without what is not known, as before it could be: searches know records by this file.
        "keypoints": {key: value for key, value in asdict(info.schema).items() if value is not None},
    }
    if info.crops is not None:
        content["crops"] = asdict(info.crops)
    write_json(info.folder / INFO_NAME, content)


def read_info(folder: Path) -> RecordsInfo:
    """Read what a folder of records holds.

    Raises:
        DataError: the records are missing or incomplete, a file is empty, or ``info.json`` is not one written here.
    """
    path = folder / INFO_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        counts = {name: int(content[name]) for name in ("people", "images", "skipped", "shards")}
        crops = CropsConfig(**content["crops"]) if "crops" in content else None
        info = RecordsInfo(folder=folder, schema=KeypointSchema.from_json(content["keypoints"]), crops=crops, **counts)
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: not found, the records are missing or incomplete; write them with write-tfrecords"
        ) from error
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: cannot be used ({error!r}); write the records again") from error
    for file in info.files:
        if not file.is_file():
            raise DataError(f"{file}: not found, though {path} lists {info.shards} files; write the records again")
        if not file.stat().st_size:
            raise DataError(f"{file}: is empty; write the records again with write-tfrecords")
    return info


def remove_records(folder: Path) -> None:
    """Remove the records of an earlier run, whole or interrupted, ``info.json`` first; other files stay."""
    (folder / INFO_NAME).unlink(missing_ok=True)
    # Interrupted runs leave temporary files: a leading dot and a random suffix.
    written_here = re.compile(rf"\.?{re.escape(folder.name)}-\d{{5}}-of-\d{{5}}(-\w+)?\.tfrecord|\.info-\w+\.json")
    for path in folder.glob("*"):
        if written_here.fullmatch(path.name):
            path.unlink()


def _shown(value: object) -> object:
    return "null" if value is None else value
