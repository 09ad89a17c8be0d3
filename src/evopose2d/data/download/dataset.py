"""Make ``dataset.root`` hold the dataset that the configuration asks for."""

import contextlib
import dataclasses
import logging
from pathlib import Path

from evopose2d.config.schema import DatasetConfig, DownloadConfig
from evopose2d.data.download.archives import COCO2017, CocoArchives
from evopose2d.data.download.disk import require_space
from evopose2d.data.download.drawn import plan_synthetic
from evopose2d.data.download.fetch import Retry
from evopose2d.data.download.folder import plan_folder
from evopose2d.data.download.official import plan_official
from evopose2d.data.download.plan import Plan, peak_space
from evopose2d.data.download.state import (
    State,
    clear,
    mark_complete,
    mark_incomplete,
    read_state,
    refuse_foreign,
)
from evopose2d.data.download.subset import plan_subset
from evopose2d.data.download.summary import DatasetSummary, summarise, summary_from_json
from evopose2d.errors import DataError

_LOGGER = logging.getLogger(__name__)


def prepare_dataset(
    dataset: DatasetConfig,
    download: DownloadConfig,
    *,
    archives: CocoArchives = COCO2017,
    retry: Retry = Retry(),  # noqa: B008 - frozen
) -> DatasetSummary:
    """Make ``dataset.root`` hold the dataset of ``dataset.source`` in COCO's layout.

    Does nothing where it is there already, goes on where an earlier run broke off, and replaces another
    dataset that was made here.

    Args:
        dataset: the ``dataset`` section.
        download: the ``download`` section.
        archives: the archives of COCO 2017.
        retry: how often a broken transfer is tried again.

    Returns:
        The dataset in numbers.

    Raises:
        ConfigError: a key names no source, folder or address.
        DataError: the source's files are not in COCO's format, or ``dataset.root`` holds something else.
        DownloadError: a file could not be fetched or is not the expected one, or the disk is too full.
    """
    root = Path(dataset.root)
    try:
        plan = _plan(root, dataset, download, archives, retry)
        with contextlib.closing(plan):
            return _carry_out(root, plan, keep_archives=download.archives == "keep")
    except OSError as error:
        raise DataError(f"{error.filename or root}: {error.strerror or error}") from error


def _plan(root: Path, dataset: DatasetConfig, download: DownloadConfig, archives: CocoArchives, retry: Retry) -> Plan:
    if dataset.source == "synthetic":
        return plan_synthetic(root, dataset.synthetic, download, retry)
    if dataset.source != "coco2017":
        return plan_folder(root, dataset, download, retry)
    plan = plan_subset if download.subset_images else plan_official
    return plan(root, download, archives, retry)


def _carry_out(root: Path, plan: Plan, *, keep_archives: bool) -> DatasetSummary:
    state = read_state(root)
    if state is None:
        refuse_foreign(root)
    same = state is not None and state.identity == plan.identity
    done = dict(state.done) if state is not None and same else {}
    pending = [step for step in plan.steps if not step.is_done(root, done)]
    if state is not None and same and state.complete and not pending:
        _LOGGER.info("%s: the dataset is there already", root)
        return summary_from_json(state.summary)
    plan.check()
    require_space(root, peak_space(pending))
    if state is not None and not same:
        _LOGGER.info("%s: another dataset is replaced", root)
        clear(root, keep_archives=keep_archives)
    mark_incomplete(root, plan.identity, done)
    for step in pending:
        _LOGGER.info("%s: %s", root, step.name)
        step.run()
        done[step.name] = step.digest
        mark_incomplete(root, plan.identity, done)
    summary = summarise(root, plan.source)
    mark_complete(root, State(plan.identity, done, complete=True, summary=dataclasses.asdict(summary)))
    return summary
