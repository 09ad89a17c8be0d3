"""What a training run needs to go on after it was killed: one file, whole or absent."""

import json
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from evopose2d.files import replacing
from evopose2d.training.result import EpochResult

_OPTIMIZER = "optimizer"


def save_state(path: Path, epochs: tuple[EpochResult, ...], model: keras.Model) -> None:
    """Write the finished epochs with the model's and the optimizer's variables, replacing an older state."""
    state: dict[str, np.ndarray] = {}
    model.optimizer.save_own_variables(state)
    arrays = {f"model{index}": np.asarray(variable) for index, variable in enumerate(model.variables)}
    arrays |= {f"{_OPTIMIZER}{name}": values for name, values in state.items()}
    header = json.dumps([asdict(epoch) for epoch in epochs])
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, epochs=np.frombuffer(header.encode(), np.uint8), **arrays)  # type: ignore[arg-type]


def load_state(path: Path, model: keras.Model) -> tuple[EpochResult, ...]:
    """Put a saved state into the model, if there is one.

    Args:
        path: the state's file.
        model: compiled, its optimizer built, otherwise as it was when the state was saved.

    Returns:
        The epochs that the state has finished; none where there is no state.
    """
    if not path.exists():
        return ()
    with np.load(path, allow_pickle=False) as arrays:
        for index, variable in enumerate(model.variables):
            variable.assign(arrays[f"model{index}"])
        of_optimizer = [name for name in arrays.files if name.startswith(_OPTIMIZER)]
        model.optimizer.load_own_variables({name.removeprefix(_OPTIMIZER): arrays[name] for name in of_optimizer})
        return tuple(EpochResult(**epoch) for epoch in json.loads(arrays["epochs"].tobytes()))
