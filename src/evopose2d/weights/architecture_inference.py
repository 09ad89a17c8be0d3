"""Which network a weight file is of, inferred from the names and shapes of its layers.

Strides and the input shape leave no trace in shapes. They are read from the file's own description where there
is one: the metadata that this project writes, or the model configuration of Keras 2, which is parsed as JSON and
never built.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evopose2d.errors import ConfigError, WeightsError
from evopose2d.networks.architecture import ModelConfig
from evopose2d.networks.registry import architecture_names, find_architecture, read_model
from evopose2d.networks.summary import summarise
from evopose2d.networks.weight_file import WeightFile
from evopose2d.weights.files import read_keras_description, read_metadata, read_shapes


@dataclass(frozen=True)
class InferredNetwork:
    """What a weight file is of.

    Attributes:
        model: section ``model`` that builds its network.
        keypoints: K.
        precision: in which it was trained, ``float32`` or ``bfloat16``; None where the file does not tell.
    """

    model: ModelConfig
    keypoints: int
    precision: str | None


def infer_architecture(path: Path, input_shape: Sequence[int] | None = None) -> InferredNetwork:
    """Infer which network a weight file is of.

    Of several genotypes that scaling makes one network, the smallest is returned.

    Args:
        path: a file that ``load_weights`` reads.
        input_shape: (H, W) in pixels, where the file does not tell, or instead of what it tells.

    Raises:
        WeightsError: it cannot be read, is of no architecture known here, or does not tell what shapes leave open.
    """
    path = Path(path)
    shapes, description, metadata = read_shapes(path), _Description(read_keras_description(path)), read_metadata(path)
    if "final_conv" not in shapes or len(shapes["final_conv"].get("kernel", ())) != 4:
        raise WeightsError(f"{path}: has no final_conv, which every network here ends in")
    stored = _stored_model(metadata, path)
    shape = input_shape or (stored.input_shape if stored else description.input_shape)
    if shape is None:
        raise WeightsError(f"{path}: does not tell its input shape; name it, or the network")
    if stored is None:
        stored = _infer(WeightFile(path, shapes, (shape[0], shape[1]), description.stride))
    model, keypoints = replace(stored, input_shape=list(shape)), shapes["final_conv"]["kernel"][-1]
    try:
        summarise(model, keypoints)
    except ConfigError as error:
        raise WeightsError(f"{path}: {error}") from None
    return InferredNetwork(model, keypoints, metadata.get("precision", description.precision))


def _infer(file: WeightFile) -> ModelConfig:
    for name in architecture_names():
        model: ModelConfig | None = find_architecture(name).infer(file)
        if model is not None:
            return model
    raise WeightsError(f"{file.path}: its layers are of no network known here ({', '.join(architecture_names())})")


def _stored_model(metadata: Mapping[str, Any], path: Path) -> ModelConfig | None:
    if "model" not in metadata:
        return None
    try:
        return read_model(metadata["model"])
    except (AttributeError, ConfigError, TypeError):
        raise WeightsError(f"{path}: describes its network in a way that is not known here") from None


class _Description:
    """What a Keras 2 model configuration says of layers: JSON of any form, so nothing of it is taken for granted."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        config = content.get("config")
        layers = config.get("layers") if isinstance(config, dict) else None
        settings = (
            [layer.get("config") for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else []
        )
        self._layers = [each for each in settings if isinstance(each, dict)]

    @property
    def input_shape(self) -> tuple[int, int] | None:
        """(H, W) of the input layer."""
        for layer in self._layers:
            shape = layer.get("batch_input_shape") or layer.get("batch_shape")
            if isinstance(shape, list) and len(shape) == 4 and all(isinstance(side, int) for side in shape[1:3]):
                return shape[1], shape[2]
        return None

    def stride(self, name: str) -> int | None:
        """Return the stride of a layer, 1 or 2."""
        for layer in self._layers:
            if layer.get("name") == name and layer.get("strides") in ([1, 1], [2, 2]):
                return int(layer["strides"][0])
        return None

    @property
    def precision(self) -> str | None:
        """Whether layers were computed in float32 or bfloat16."""
        if not self._layers:
            return None
        return "bfloat16" if any("bfloat16" in str(layer.get("dtype")) for layer in self._layers) else "float32"
