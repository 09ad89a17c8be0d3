"""What a network starts from: nothing, a weight file, or ImageNet's weights (``train.initial_weights``)."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from evopose2d.config.pinned import read_pinned
from evopose2d.errors import WeightsError
from evopose2d.files import file_sha256
from evopose2d.inheritance.original import copy_overlap
from evopose2d.networks.architecture import ModelConfig
from evopose2d.weights import layer_arrays, load_weights, set_layer_arrays
from evopose2d.weights.imagenet import fetch_published, imagenet_arrays, imagenet_weights, is_published

logger = logging.getLogger(__name__)

_KEY = "train.initial_weights"
_IMAGENET = "imagenet"
_NAMED_AT_MOST = 6

Arrays = Mapping[str, Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Taken:
    """What became of each layer of a network that was given weights of another.

    Attributes:
        whole: layers that took all their weights.
        partly: layers whose shapes differ, which took what overlaps, or were filled from the network's last block.
        random: layers that keep their initial weights.
    """

    whole: tuple[str, ...]
    partly: tuple[str, ...]
    random: tuple[str, ...]

    def __str__(self) -> str:
        named = ", ".join(self.random[:_NAMED_AT_MOST]) + (", ..." if len(self.random) > _NAMED_AT_MOST else "")
        return f"{len(self.whole)} layers whole, {len(self.partly)} in part; {len(self.random)} stay random: {named}"


def set_initial_weights(network: keras.Model, model: ModelConfig, initial_weights: str | None) -> None:
    """Give a newly built network its initial weights.

    Args:
        network: with random weights.
        model: what it was built from.
        initial_weights: None: the random ones stay. ``imagenet``: Keras's for EfficientNet or ResNet, fetched
            once. ``imagenet:`` followed by a file or an http(s) address: a copy of them. Anything else: a weight
            file of the same network. ``#sha256=`` and a digest at the end: only a file that has it.

    Raises:
        ConfigError: ImageNet weights are asked for a network that has none, or a digest is none.
        DownloadError: they cannot be fetched.
        WeightsError: a file cannot be read, does not fit, or has another digest.
    """
    if initial_weights is None:
        return
    named, digest = read_pinned(_KEY, initial_weights)
    kind, _, place = named.partition(":")
    path = Path(named) if kind != _IMAGENET else imagenet_path(model, place)
    if digest is not None:
        _check_digest(path, digest)
    if kind != _IMAGENET:
        load_weights(network, path)
        return
    taken = take(network, imagenet_arrays(path, imagenet_weights(model)))
    if not (taken.whole or taken.partly):
        raise WeightsError(f"{path}: holds no layer of the network")
    logger.info("initial weights from %s: %s", path.name, taken)


def initial_file(initial_weights: str | None) -> Path | None:
    """Return the file on this machine that ``train.initial_weights`` names, None where it names none."""
    if initial_weights is None:
        return None
    named, _ = read_pinned(_KEY, initial_weights)
    kind, _, place = named.partition(":")
    if kind != _IMAGENET:
        return Path(named)
    return Path(place) if place and not _is_address(place) else None


def take(network: keras.Model, arrays: Arrays) -> Taken:
    """Give a network the weights of another: of like layers all, of others what overlaps, as the original did.

    Args:
        network: with random weights, which stay where there is nothing to take.
        arrays: weights by the layer's name, then by the weight's own.

    Raises:
        WeightsError: a layer of a name that the network has is of another form.
    """
    initial = layer_arrays(network)
    try:
        given = copy_overlap({name: dict(layer) for name, layer in arrays.items()}, initial)
    except (KeyError, ValueError) as error:  # other weights, or kernels of another number of axes
        raise WeightsError(f"a layer holds weights of another form than the network's: {error}") from error
    set_layer_arrays(network, given)
    whole = [name for name, layer in initial.items() if _shapes(layer) == _shapes(arrays.get(name, {}))]
    random = [name for name, layer in initial.items() if all(given[name][key] is layer[key] for key in layer)]
    partly = [name for name in initial if name not in {*whole, *random}]
    return Taken(tuple(whole), tuple(partly), tuple(random))


def _shapes(layer: Mapping[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    return {name: values.shape for name, values in layer.items()}


def _check_digest(path: Path, digest: str) -> None:
    try:
        found = file_sha256(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from None
    if found != digest:
        raise WeightsError(f"{path}: got SHA-256 {found}, {_KEY} allows {digest}")


def _is_address(place: str) -> bool:
    return place.startswith(("http://", "https://"))


def imagenet_path(model: ModelConfig, place: str) -> Path:
    """Return where ImageNet's weights for a network lie, after fetching them where they are not there.

    Args:
        model: what the network is built from.
        place: a file or an http(s) address of a copy; empty: Keras's own.

    Raises:
        ConfigError: there are none for this architecture.
        DownloadError: they cannot be fetched.
        WeightsError: the file cannot be read.
    """
    file = imagenet_weights(model)
    if not place:
        return fetch_published(file)
    if _is_address(place):
        return fetch_published(replace(file, address=place))
    if not is_published(Path(place), file):
        logger.warning("%s is not Keras's %s (its MD5 is another); its weights are taken as they are", place, file.name)
    return Path(place)
