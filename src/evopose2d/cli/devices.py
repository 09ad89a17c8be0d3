"""``evopose2d devices``: what networks can run on here, and why not on more."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

from evopose2d.cli.arguments import AsJson
from evopose2d.cli.output import import_quietly, show

_ASK_JAX = (
    "import json, jax; print(json.dumps([f'{each.platform.upper()} {each.device_kind}' for each in jax.devices()]))"
)


def devices(as_json: AsJson = False) -> None:
    """Show the versions of Keras and its backends, the devices that each sees, and why one misses an accelerator."""
    from evopose2d.hardware import Hardware, why_no_accelerator

    hardware = Hardware.look()
    seen = {"tensorflow": _tensorflow_devices(), "jax": _jax_devices()}
    content: dict[str, Any] = {
        "backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
        "gpus": list(hardware.gpus),
        "nvidia_driver": hardware.driver,
        "tpu_chips": hardware.tpus,
        "packages": dict(hardware.packages),
    }
    for backend, found in seen.items():
        accelerated = any(not each.lower().startswith("cpu") for each in found["devices"])
        why = None if accelerated else why_no_accelerator(hardware, backend)
        content[backend] = found | ({} if why is None else {"why_no_accelerator": why})
    show(content if as_json else _rows(content), title="devices", as_json=as_json)


def _tensorflow_devices() -> dict[str, Any]:
    try:
        import_quietly("tensorflow")
    except ModuleNotFoundError:
        return {"devices": [], "error": "not installed: pip install 'evopose2d'; training by JAX does without"}
    except ImportError as error:
        return {"devices": [], "error": f"does not start: {str(error).splitlines()[0]}"}
    import tensorflow as tf

    found = [each for each in tf.config.list_physical_devices() if each.device_type in ("CPU", "GPU", "TPU")]
    names = (tf.config.experimental.get_device_details(each).get("device_name", "") for each in found)
    return {"devices": [f"{each.device_type} {name}".strip() for each, name in zip(found, names, strict=True)]}


def _jax_devices() -> dict[str, Any]:
    """Ask JAX in a process of its own: a plugin that does not start may say anything, or end it."""
    command = [sys.executable, "-c", _ASK_JAX]
    # Only to look, JAX would take three quarters of each GPU's memory.
    environment = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if finished.returncode == 0:
        return {"devices": json.loads(finished.stdout.splitlines()[-1])}
    if find_spec("jax") is None:
        return {"devices": [], "error": "not installed: pip install 'evopose2d[jax]'"}
    platforms = os.environ.get("JAX_PLATFORMS")
    last = (finished.stderr.strip().splitlines() or [f"status {finished.returncode}"])[-1]
    return {"devices": [], "error": f"does not start{f' (JAX_PLATFORMS={platforms})' if platforms else ''}: {last}"}


def _rows(content: dict[str, Any]) -> dict[str, str]:
    rows = {
        "Keras's backend": f"{content['backend']} (KERAS_BACKEND)",
        "GPUs": ", ".join(content["gpus"]) or ("none" if not content["nvidia_driver"] else "a driver, but no GPU"),
        "TPU chips": str(content["tpu_chips"] or "none"),
    }
    rows |= {f"{name} version": version for name, version in content["packages"].items()}
    for name in ("tensorflow", "jax"):
        found = content[name]
        rows[f"{name} sees"] = ", ".join(found["devices"]) or found["error"]
        if "why_no_accelerator" in found:
            rows[f"{name} does not see more"] = found["why_no_accelerator"]
    return rows
