"""What a training run needs to go on after it was killed: one file, whole or absent."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from evopose2d.files import replacing
from evopose2d.training.result import EpochResult


def save_state(path: Path, epochs: tuple[EpochResult, ...], model: keras.Model) -> None:
    """Write the finished epochs with the model's and the optimizer's variables, replacing an older state."""
    arrays = {name: np.asarray(variable) for name, variable in _variables(model)}
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
        for name, variable in _variables(model):
            variable.assign(arrays[name])
        return tuple(EpochResult(**epoch) for epoch in json.loads(arrays["epochs"].tobytes()))


def _variables(model: keras.Model) -> Iterator[tuple[str, keras.Variable]]:
    for index, variable in enumerate(model.variables):
        yield f"model{index}", variable
    for index, variable in enumerate(model.optimizer.variables):
        yield f"optimizer{index}", variable
