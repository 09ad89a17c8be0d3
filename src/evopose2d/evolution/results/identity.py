"""What a search was started with: a resumed search must have been given the same."""

import hashlib
import json
import logging
import uuid
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from evopose2d.config.schema import CropsConfig, Params
from evopose2d.data.shards import INFO_NAME, RecordsInfo
from evopose2d.errors import ConfigError, DataError, SearchError
from evopose2d.evolution.individuals.initial_weights import InitialWeights
from evopose2d.evolution.individuals.store import writing
from evopose2d.files import at_home, file_sha256, write_json

logger = logging.getLogger(__name__)

_VERSION = 1
_GENERATIONS = "evolve.generations"
_ABSENT = "absent"

# Keys that change where and how fast a search runs, not what comes out; a path is not what lies there, and what the
# records hold is told by themselves.
_FREE = (
    frozenset(
        f"evolve.{name}"
        for name in (
            "root",
            "workers",
            "cpus",
            "gpus",
            "tpus",
            "ray_address",
            "attempts",
            "tasks_per_worker",
            "max_hours",
            "hang_factor",
            "cache_megabytes",
            "latency.command",
        )
    )
    | {"dataset.root", "write_tfrecords.root", "write_tfrecords.workers", "write_tfrecords.content", "model.genotype"}
    | {f"write_tfrecords.crops.{item.name}" for item in fields(CropsConfig)}
)
# Of what comes after the search.
_FINALS = frozenset({"evolve.finalists", "evolve.final_epochs", "evolve.final_seeds"})
# Keys that earlier versions did not have, and what they did without them.
_BEFORE: Mapping[str, Any] = {
    "dataset.format": None,
    "dataset.category": None,
    "dataset.box_from": "annotations",
    "dataset.split.val": 0.2,  # they refused a folder without val split
    "dataset.split.seed": 0,
    "evolve.space.kind": "paper",
    "evolve.objectives": ["fitness"],
    "evolve.latency.source": "none",
    "evolve.random_numbers": "individual",
    "evolve.controls": False,
    "evolve.accumulation": 1,
    "evolve.max_multiply_adds": None,
    "evolve.max_parameters": None,
    "evolve.mutations": 1,
    "evolve.screening": 1,
}
# Keys that earlier versions stored and that nothing obeys any longer.
_DROPPED = frozenset({"train.shuffle_buffer"})
# Of the extended space.
_EXTENDED = frozenset(f"evolve.space.{name}" for name in ("head_blocks", "head_channels", "expansion", "squeeze"))
_OF_LATENCY = frozenset({"evolve.latency.threads", "evolve.latency.format"})
# What earlier versions did not store, and took from the machine.
_NOT_TOLD_BEFORE = frozenset({"evolve.threads"})
_SECTIONS = ("dataset", "write_tfrecords", "model", "evolve")
_SINGLE_KEYS = ("train.l2", "train.sigma", "accelerator.precision")


def search_identity(
    params: Params, records: Mapping[str, RecordsInfo], initial: InitialWeights | None = None
) -> dict[str, Any]:
    """Return all that determines a search's outcome, by key.

    Args:
        params: all settings.
        records: the sets of records that the search reads, by name.
        initial: what the ancestor starts from.

    Returns:
        Settings by their dotted key, and for each set of records what it holds.

    Raises:
        DataError: the val annotations are missing.
    """
    flat = _flatten(asdict(params))
    kept = {
        key: value
        for key, value in flat.items()
        if (key.partition(".")[0] in _SECTIONS and key not in _FREE) or key in _SINGLE_KEYS
    }
    if params.evolve.stopping == "none":
        # As in searches from before there was any.
        kept = {key: value for key, value in kept.items() if not key.startswith("evolve.stopping")}
    if params.evolve.latency.source == "none":
        kept = {key: value for key, value in kept.items() if key not in _OF_LATENCY}
    if params.evolve.space.kind == "paper":
        kept = {key: value for key, value in kept.items() if key not in _EXTENDED}
    if params.evolve.latency.source != "table":
        kept.pop("evolve.latency.checks")
    del kept["evolve.initial_weights"]
    if initial is not None:  # the file, not its name
        kept["evolve.initial_weights"] = initial.identity
    return kept | data_identity(params, records)


def data_identity(params: Params, records: Mapping[str, RecordsInfo]) -> dict[str, str]:
    """Return what the data of a search hold: a digest for each set of records, and for the val annotations.

    Raises:
        DataError: the val annotations are missing.
        OSError: a file of records is.
    """
    digests = {f"records.{name}": _records_digest(info) for name, info in records.items()}
    annotations = Path(params.dataset.root) / "annotations" / "person_keypoints_val2017.json"
    return digests | {"records.annotations": _file_digest(annotations)}


def check_identity(path: Path, identity: Mapping[str, Any]) -> None:
    """Hold a search's settings against those that it was started with, or store them where it starts now.

    More generations than before are welcome: the search is extended. The finals, which come after it, may be others.

    Raises:
        ConfigError: one line with every key that differs, its old and its new value.
        SearchError: the stored settings cannot be read, or these not be written.
    """
    stored = read_identity(path) if path.exists() else _new_identity()
    old = stored["settings"] or identity
    changes = _differences(old, identity)
    if changes:
        raise ConfigError(
            f"{path.parent}: the search was started with other settings: {', '.join(changes)}; "
            "restore them, or name another evolve.root"
        )
    if stored["settings"] == identity:
        return
    if identity[_GENERATIONS] > old[_GENERATIONS]:
        logger.info("the search is extended to %d generations", identity[_GENERATIONS])
    with writing(path):
        write_json(path, stored | {"settings": dict(identity)})


def read_identity(path: Path) -> dict[str, Any]:
    """Read what a search was started with.

    Returns:
        ``id`` (text, another for each search), ``started`` (ISO time) and ``settings`` (by dotted key).

    Raises:
        SearchError: there is no search, or its settings cannot be read.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        known = stored["version"] == _VERSION and {"id", "started", "settings"} <= set(stored)
    except FileNotFoundError:
        raise SearchError(f"{path}: no such file, no search has been started here") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SearchError(f"{path}: cannot be read ({error!r}); name another evolve.root") from None
    if not known:
        raise SearchError(f"{path}: not of this version; finish the search with the version that started it")
    return stored


def _new_identity() -> dict[str, Any]:
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    return {"version": _VERSION, "id": uuid.uuid4().hex, "started": started, "settings": {}}


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    # Earlier versions wrote model.variant, which networks with a genotype do not have, as null.
    gone = {*_DROPPED, *(["model.variant"] if old.get("model.variant") is None else [])}
    # Earlier versions left the user's folder in paths as ~.
    known = {key: at_home(value) if isinstance(value, str) else value for key, value in {**_BEFORE, **old}.items()}
    old = {key: value for key, value in known.items() if key not in gone}
    untold = {key for key in _NOT_TOLD_BEFORE if key not in old}
    differing = [
        key for key in sorted({*old, *new} - untold - _FINALS) if old.get(key, _ABSENT) != new.get(key, _ABSENT)
    ]
    if _GENERATIONS in differing and new[_GENERATIONS] > old.get(_GENERATIONS, 0):
        differing.remove(_GENERATIONS)
    return [f"{key} {_shown(old.get(key, _ABSENT))} -> {_shown(new.get(key, _ABSENT))}" for key in differing]


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    text = value if isinstance(value, str) else json.dumps(value)
    return text[:12] if len(text) == hashlib.sha256().digest_size * 2 else text


def _flatten(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in section.items():
        name = f"{prefix}{key}"
        flat |= _flatten(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat


def _records_digest(info: RecordsInfo) -> str:
    """Tell sets of records apart without reading them: COCO's take tens of gigabytes."""
    sizes = [file.stat().st_size for file in info.files]
    content = (info.folder / INFO_NAME).read_bytes() + json.dumps(sizes).encode()
    return hashlib.sha256(content).hexdigest()


def _file_digest(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
