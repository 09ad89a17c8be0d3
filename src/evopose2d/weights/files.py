"""Weight files: HDF5 by layer name, in the layout that Keras has used since Keras 2.

One layout serves three: files written here, full-model ``.h5`` files of the original project (Keras 2, in
float32 or mixed precision), and stock Keras, whose ``load_weights(path, by_name=True)`` reads them as well. A
file is only read as arrays: nothing in it is executed, and its model configuration is not built.
"""

import contextlib
import io
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from evopose2d.errors import WeightsError
from evopose2d.files import replacing

_METADATA = "evopose2d"  # attribute that holds what the writer says of the network, as JSON
_KERAS_DESCRIPTION = "model_config"
_NAMED_AT_MOST = 5  # layers that an error names
_KERAS_2_NAMES = {"depthwise_kernel": "kernel"}


@dataclass(frozen=True)
class LoadReport:
    """What became of each layer that has weights.

    Attributes:
        loaded: layers that took their weights from the file.
        missing: layers of the network that the file does not hold; they keep their weights.
        unexpected: layers of the file that the network does not have.
        mismatched: layers whose weights differ in name or shape, with both; they keep their weights.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether network and file hold the same weights."""
        return not (self.missing or self.unexpected or self.mismatched)


def save_weights(model: keras.Model, path: Path, metadata: Mapping[str, Any] | None = None) -> None:
    """Write a network's weights, whole or not at all. The same weights and metadata give the same bytes.

    Args:
        model: built network.
        path: the file to write, ``.h5`` by custom.
        metadata: what to say of the network (its configuration, say): JSON values.
    """
    layers = _weighted_layers(model)
    with replacing(Path(path)) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["layer_names"] = list(layers)
        file.attrs["backend"] = keras.backend.backend()
        file.attrs["keras_version"] = keras.__version__
        file.attrs[_METADATA] = json.dumps(metadata or {}, sort_keys=True)
        for name, layer in layers.items():
            group = file.create_group(name)
            names = [f"{name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = names
            for weight_name, weight in zip(names, layer.weights, strict=True):
                group[weight_name] = np.asarray(weight)


def load_weights(model: keras.Model, path: Path, *, strict: bool = True) -> LoadReport:
    """Read weights into the layers of the same name, all of those that fit.

    Args:
        model: built network.
        path: a file of ``save_weights``, or a ``.h5`` file that Keras 2 saved (full model or weights).
        strict: change nothing and raise where network and file differ.

    Raises:
        WeightsError: the file cannot be read as weights, or (if strict) a layer is missing, unexpected or
            mismatched.
    """
    path = Path(path)
    with _opened(path) as root:
        layers = _weighted_layers(model)
        stored = _stored_layers(root, path)
        mismatched = {
            name: difference
            for name, layer in layers.items()
            if name in stored and (difference := _difference(layer, stored[name]))
        }
        fitting = [name for name in layers if name in stored and name not in mismatched]
        report = LoadReport(
            loaded=tuple(fitting),
            missing=tuple(name for name in layers if name not in stored),
            unexpected=tuple(name for name in stored if name not in layers),
            mismatched=tuple(f"{name} {difference}" for name, difference in mismatched.items()),
        )
        if strict and not report.complete:
            raise WeightsError(f"{path}: does not fit the network: {_summary(report)}")
        values = {name: _values(layers[name], stored[name], path) for name in fitting}
    for name, arrays in values.items():
        layers[name].set_weights(arrays)
    return report


def read_arrays(
    source: Path | bytes, wanted: Callable[[str], bool] = lambda _: True
) -> dict[str, dict[str, np.ndarray]]:
    """Read the weights of a file without a network to hold them.

    Args:
        source: a file that ``load_weights`` reads, or its content.
        wanted: tells by its name whether a layer is read.

    Returns:
        float32 arrays by the layer's name, then by the weight's own (``kernel``, ``gamma``, ...).

    Raises:
        WeightsError: it cannot be read as weights.
    """
    path = Path("weights in memory") if isinstance(source, bytes) else Path(source)
    with _opened(path, source if isinstance(source, bytes) else None) as root:
        return {
            layer: {name: _finite(dataset, layer, path) for name, dataset in stored.items()}
            for layer, stored in _stored_layers(root, path, wanted).items()
        }


def read_shapes(path: Path) -> dict[str, dict[str, tuple[int, ...]]]:
    """Return the shapes of a file's weights, by the layer's name, then by the weight's own.

    Raises:
        WeightsError: the file cannot be read as weights.
    """
    with _opened(Path(path)) as root:
        return {
            layer: {name: dataset.shape for name, dataset in stored.items()}
            for layer, stored in _stored_layers(root, path).items()
        }


def read_keras_description(path: Path) -> Mapping[str, Any]:
    """Return the model configuration that Keras 2 wrote into a full-model file, as JSON values; it is not built.

    Empty where there is none, or where it is no JSON object.

    Raises:
        WeightsError: the file cannot be read as weights.
    """
    with _opened(Path(path)) as root:
        text = root.file.attrs.get(_KERAS_DESCRIPTION, "{}")
    try:
        description = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return {}
    return description if isinstance(description, dict) else {}


def layer_arrays(model: keras.Model) -> dict[str, dict[str, np.ndarray]]:
    """Return a network's weights as ``read_arrays`` gives those of a file."""
    return {
        name: {weight.name: np.asarray(weight) for weight in layer.weights}
        for name, layer in _weighted_layers(model).items()
    }


def set_layer_arrays(model: keras.Model, arrays: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Give a network the weights that ``layer_arrays`` would return; every layer's must be there."""
    for name, layer in _weighted_layers(model).items():
        layer.set_weights([arrays[name][weight.name] for weight in layer.weights])


def read_metadata(path: Path) -> dict[str, Any]:
    """Return what the writer of a file said of its network; empty for files of other writers.

    Raises:
        WeightsError: the file cannot be read as weights.
    """
    with _opened(Path(path)) as root:
        text = root.file.attrs.get(_METADATA, "{}")
        try:
            metadata = json.loads(text)
        except (TypeError, ValueError):
            metadata = None
    if not isinstance(metadata, dict):
        raise WeightsError(f"{path}: attribute {_METADATA} must be a JSON object, got {str(text)[:40]!r}")
    return metadata


@contextlib.contextmanager
def _opened(path: Path, content: bytes | None = None) -> Iterator[h5py.Group]:
    """Open a weight file, or its content, at the group of its layers; damage fails in here wherever it is read."""
    if content is None and not path.is_file():
        raise WeightsError(f"{path}: no such weight file")
    try:
        with h5py.File(path if content is None else io.BytesIO(content), "r") as file:
            root = file.get("model_weights", file)
            if not any(name.startswith("layer_names") for name in root.attrs):
                raise WeightsError(
                    f"{path}: names no layers, must be a weight file of evopose2d or a .h5 file of Keras 2"
                )
            yield root
    except (OSError, RuntimeError) as error:  # h5py raises either for bytes that are not HDF5
        raise WeightsError(f"{path}: cannot be read as HDF5: {str(error).splitlines()[0]}") from error


def _weighted_layers(model: keras.Model) -> dict[str, keras.Layer]:
    return {layer.name: layer for layer in model.layers if layer.weights}


def _stored_layers(
    root: h5py.Group, path: Path, wanted: Callable[[str], bool] = lambda _: True
) -> dict[str, dict[str, h5py.Dataset]]:
    """Return the datasets of each layer that has any, by layer and by the weight's own name in Keras 3.

    Keras 3 allows no ``/`` in the name of a layer: networks have ``_`` there.
    """
    stored = {}
    for layer in filter(wanted, _names(root, "layer_names")):
        group = root.get(layer)
        weights = {name: group.get(name) for name in _names(group, "weight_names")} if group is not None else {}
        for name, weight in weights.items():
            if not isinstance(weight, h5py.Dataset) or weight.dtype.kind != "f":
                raise WeightsError(f"{path}: {layer}: {name} must be an array of floating-point numbers")
        if weights:
            stored[layer.replace("/", "_")] = {_own_name(name): weight for name, weight in weights.items()}
    return stored


def _names(group: h5py.Group, attribute: str) -> list[str]:
    """Read a list of names, which Keras cuts into numbered attributes where it is too long for one."""
    numbered = (f"{attribute}{number}" for number in itertools.count())
    keys = [attribute] if attribute in group.attrs else itertools.takewhile(group.attrs.__contains__, numbered)
    values = itertools.chain.from_iterable(np.atleast_1d(group.attrs[key]) for key in keys)
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _own_name(stored_name: str) -> str:
    name = stored_name.rsplit("/", 1)[-1].partition(":")[0]
    return _KERAS_2_NAMES.get(name, name)


def _difference(layer: keras.Layer, stored: Mapping[str, h5py.Dataset]) -> str:
    """Say how a layer's weights and the stored ones differ in name or shape; empty where they do not."""
    own = {weight.name: tuple(weight.shape) for weight in layer.weights}
    if set(own) != set(stored):
        return f"(network has {', '.join(own)}, file {', '.join(stored)})"
    return ", ".join(
        f"{name} (network {shape}, file {stored[name].shape})"
        for name, shape in own.items()
        if shape != stored[name].shape
    )


def _values(layer: keras.Layer, stored: Mapping[str, h5py.Dataset], path: Path) -> list[np.ndarray]:
    return [_finite(stored[weight.name], layer.name, path) for weight in layer.weights]


def _finite(dataset: h5py.Dataset, layer: str, path: Path) -> np.ndarray:
    array = dataset[()].astype(np.float32)
    if not np.isfinite(array).all():
        raise WeightsError(f"{path}: {layer} holds values that are not finite numbers")
    return array


def _summary(report: LoadReport) -> str:
    kinds = (
        ("missing", report.missing),
        ("unexpected", report.unexpected),
        ("mismatched", report.mismatched),
    )
    return "; ".join(f"{kind}: {_shortened(names)}" for kind, names in kinds if names)


def _shortened(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
    return ", ".join(names[:_NAMED_AT_MOST]) + more
