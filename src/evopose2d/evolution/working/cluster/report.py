"""What a machine says of itself before it gets individuals.

The functions travel to the machine by value, since it may lack this project: nothing of it is imported here.
"""

import hashlib
import importlib
import importlib.metadata
import importlib.util
import platform
from pathlib import Path

_COMPARED = ("tensorflow", "keras", "jax", "numpy", "h5py", "ray")


def describe_machine(modules: tuple[str, ...] = ()) -> dict[str, str]:
    """Return what must be the same on all machines, by name; ``error`` where the project cannot be imported there.

    Args:
        modules: what a worker imports.
    """
    try:
        for module in modules:
            importlib.import_module(module)
    except Exception as error:  # noqa: BLE001 - whatever is wrong there, it is what is to be told
        return {"error": f"cannot import the project ({type(error).__name__}: {error})"}
    return {"Python": platform.python_version(), **_versions(), "evopose2d's code": _code_digest()}


def _versions() -> dict[str, str]:
    found = {}
    for name in _COMPARED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def _code_digest() -> str:
    """Return a digest of the project's modules: two checkouts may be of one version."""
    spec = importlib.util.find_spec("evopose2d")
    digest = hashlib.sha256()
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        for path in sorted(Path(place).rglob("*.py")):
            digest.update(str(path.relative_to(place)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
