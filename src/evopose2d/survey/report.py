"""The report on a dataset: a page to look at, and the same as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from evopose2d.config.schema import DatasetConfig
from evopose2d.data.coco import read_json
from evopose2d.data.download.localised import IMPORT_REPORT
from evopose2d.data.download.state import source_of
from evopose2d.files import write_json, write_text
from evopose2d.survey.counts import Counts, count
from evopose2d.survey.dataset import LabelledSplit
from evopose2d.survey.pictures import chosen
from evopose2d.survey.suspicions import Suspicion, suspicions

PAGE, FIGURES = "dataset.html", "dataset.json"
_SHOWN = 200  # lines of a kind in the page
_VERBS = {"left_out": "left out", "repaired": "repaired", "notes": "note"}


@dataclass(frozen=True)
class Survey:
    """What is known of a dataset.

    Attributes:
        counts: of each split.
        suspicions: what looks wrong, by kind.
    """

    counts: list[Counts]
    suspicions: list[Suspicion]

    @property
    def by_kind(self) -> dict[str, list[Suspicion]]:
        """The suspicions of each kind."""
        kinds: dict[str, list[Suspicion]] = {}
        for each in self.suspicions:
            kinds.setdefault(each.kind, []).append(each)
        return kinds


def write_report(
    splits: Sequence[LabelledSplit], config: DatasetConfig, folder: Path, *, pictures: int, seed: int = 0
) -> Survey:
    """Look at a dataset and write ``dataset.html`` and ``dataset.json``.

    Args:
        splits: the dataset's, at least one.
        config: section ``dataset``.
        folder: where the files go.
        pictures: in the page, at most.
        seed: of the choice of pictures.
    """
    survey = Survey([count(split) for split in splits], suspicions(splits))
    schema = splits[0].schema
    flips = enumerate(schema.flip_permutation)
    sigmas = sorted(set(schema.sigmas))
    described = {
        "root": config.root,
        "source": source_of(Path(config.root)) or "",
        "imported": _imported(Path(config.root)),
        "pairs": [f"{schema.names[a]} / {schema.names[b]}" for a, b in flips if a < b],
        "limbs": len(schema.skeleton),
        "sigmas": f"{sigmas[0]:g}" if len(sigmas) == 1 else f"{sigmas[0]:g} to {sigmas[-1]:g}",
    }
    environment = Environment(
        loader=PackageLoader("evopose2d.survey", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("page.html").render(
        **described,
        counts=survey.counts,
        suspicions=survey.by_kind,
        total=len(survey.suspicions),
        shown=_SHOWN,
        pictures=chosen(splits, survey.suspicions, pictures, seed),
    )
    figures = {**described, "splits": [asdict(each) for each in survey.counts]}
    write_json(folder / FIGURES, {**figures, "suspicions": [asdict(each) for each in survey.suspicions]})
    write_text(folder / PAGE, page)
    return survey


def _imported(root: Path) -> list[dict[str, Any]]:
    """Return what was repaired, left out and noted when a folder's labels were read."""
    if not (root / IMPORT_REPORT).is_file():
        return []
    return [
        {"split": split, "verb": verb, "what": what, "count": number}
        for split, told in read_json(root / IMPORT_REPORT).items()
        for key, verb in _VERBS.items()
        for what, number in told.get(key, {}).items()
    ]
