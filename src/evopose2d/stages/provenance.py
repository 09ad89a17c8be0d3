"""Which data and which code a run used."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from evopose2d.config.schema import Params
from evopose2d.tracking import TrackedRun


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


def dvc_digests(lock: Path = Path("dvc.lock")) -> dict[str, str]:
    """Return the digest that DVC knows of each output, by path; empty where nothing was reproduced yet."""
    if not lock.exists():
        return {}
    stages = (yaml.safe_load(lock.read_text()) or {}).get("stages", {})
    return {out["path"]: str(out.get("md5", "")) for stage in stages.values() for out in stage.get("outs", ())}


def provenance_tags() -> dict[str, str]:
    """Return the code's commit, where there is one, and the data's digests, as tags of a run."""
    commit = git_commit()
    digests = {f"dvc.{path}": value for path, value in dvc_digests().items()}
    return {"git_commit": commit, **digests} if commit else digests


def log_provenance(tracked: TrackedRun, params: Params, settings: Mapping[str, Any]) -> None:
    """Log settings, the code's commit and the data's digests.

    Args:
        tracked: the run.
        params: where the data lies.
        settings: sections by name, dataclasses, as they were used.
    """
    tracked.log_params({name: asdict(section) for name, section in settings.items()})
    digests = dvc_digests()
    tracked.log_tags(provenance_tags())
    for path, context in ((params.dataset.root, "dataset"), (params.write_tfrecords.root, "records")):
        if path in digests:
            tracked.log_dataset(params.dataset.source, digests[path], context, {"path": path})
