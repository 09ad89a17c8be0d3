"""``evopose2d dataset``."""

from pathlib import Path
from typing import Annotated

import typer

from evopose2d.cli.arguments import PARAMS_FILE, AsJson, Overrides, ParamsFile, load_settings
from evopose2d.cli.output import show


def dataset(
    overrides: Overrides = None,
    params: ParamsFile = PARAMS_FILE,
    output: Annotated[Path, typer.Option(help="Folder for dataset.html and dataset.json.")] = Path("reports/dataset"),
    pictures: Annotated[int, typer.Option(min=0, help="Pictures in the page.")] = 24,
    fix: Annotated[
        bool, typer.Option("--fix", help="Write a copy in which is mended what needs no guessing; say what.")
    ] = False,
    fixed: Annotated[
        Path | None, typer.Option(help="Folder of that copy; dataset.root with -fixed by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at the dataset in dataset.root: pictures, counts, and what is suspicious, with file and annotation."""
    settings = load_settings(params, overrides, "").dataset
    from evopose2d.survey.dataset import read_splits
    from evopose2d.survey.mending import mend
    from evopose2d.survey.report import PAGE, write_report

    splits = read_splits(settings)
    copy = Path(f"{settings.root.rstrip('/')}-fixed") if fixed is None else fixed
    done = mend(splits, copy) if fix else {}
    survey = write_report(splits, settings, output, pictures=pictures)
    summary: dict[str, object] = {
        f"{split.split}: people in images": f"{split.people:,} in {split.images:,}" for split in survey.counts
    }
    summary |= {kind: len(found) for kind, found in survey.by_kind.items()}
    if not survey.suspicions:
        summary["suspicious"] = "nothing"
    summary |= {f"mended: {what}": number for what, number in done.items()}
    if fix:
        summary["mended copy"] = f"dataset.source={copy}" if done else f"nothing to mend; {copy} is the same"
    summary["page"] = str(output / PAGE)
    show(summary, title=settings.root, as_json=as_json)
