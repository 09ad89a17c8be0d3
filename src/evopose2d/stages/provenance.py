"""Which data and which code a run used."""

import logging
import os
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from evopose2d.config.schema import Params
from evopose2d.data.download.state import source_of
from evopose2d.tracking import TrackedRun

_DATA_STAGES = ("download", "write_tfrecords")  # of dvc.yaml

logger = logging.getLogger(__name__)


def git_commit() -> str:
    """Return the commit that is checked out, with ``-dirty`` where tracked files differ; empty outside git."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ.copy(),  # other threads may set variables meanwhile
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return described.stdout.strip()


def dvc_digests(read: Collection[str] | None = None, lock: Path = Path("dvc.lock")) -> dict[str, str]:
    """Return the digests that DVC knows of what a run reads, by path; empty where nothing was reproduced yet.

    What the run itself makes is not asked for: the file holds the digest of what it replaces.

    Args:
        read: paths of stages' outputs; None: of those that are data, the dataset and the records.
        lock: where DVC keeps them. One that cannot be read, as in a merge, costs a warning.
    """
    try:
        outputs = _outputs(lock)
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        logger.warning("%s: not readable as DVC writes it, the data's digests are not noted (%s)", lock, reason)
        return {}
    if read is None:
        return {path: digest for stage in _DATA_STAGES for path, digest in outputs.get(stage, {}).items()}
    wanted = {Path(path) for path in read}
    known = {path: digest for of_stage in outputs.values() for path, digest in of_stage.items()}
    return {path: digest for path, digest in known.items() if Path(path) in wanted}


def provenance_tags(digests: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the code's commit, where there is one, and digests of what a run reads, as tags.

    Args:
        digests: by path; None: those of the data.
    """
    commit = git_commit()
    tags = {f"dvc.{path}": value for path, value in (dvc_digests() if digests is None else digests).items()}
    return {"git_commit": commit, **tags} if commit else tags


def log_provenance(
    tracked: TrackedRun, params: Params, settings: Mapping[str, Any], digests: Mapping[str, str]
) -> None:
    """Log settings, the code's commit and what the run read.

    Args:
        tracked: the run.
        params: where the data lies.
        settings: sections by name, dataclasses, as they were used.
        digests: of what the run reads, by path.
    """
    tracked.log_params({name: asdict(section) for name, section in settings.items()})
    tracked.log_tags(provenance_tags(digests))
    # The folder may hold another dataset than the settings name by now.
    name = source_of(Path(params.dataset.root)) or params.dataset.source
    contexts = {Path(params.dataset.root): "dataset", Path(params.write_tfrecords.root): "records"}
    for path, digest in digests.items():
        if Path(path) in contexts:
            tracked.log_dataset(name, digest, contexts[Path(path)], {"path": path})


def _outputs(lock: Path) -> dict[str, dict[str, str]]:
    """Return path and digest of the outputs of each stage."""
    if not lock.exists():
        return {}
    stages = (yaml.safe_load(lock.read_text(encoding="utf-8")) or {}).get("stages") or {}
    return {
        name: {str(out["path"]): str(out.get("md5", "")) for out in stage.get("outs") or ()}
        for name, stage in stages.items()
    }
