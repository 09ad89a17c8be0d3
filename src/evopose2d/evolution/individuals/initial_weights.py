"""What a search's ancestor starts from (``evolve.initial_weights``): found by the driver, sent to whoever trains it."""

import json
from dataclasses import dataclass
from pathlib import Path

from evopose2d.config.pinned import read_pinned
from evopose2d.config.schema import Params
from evopose2d.errors import ConfigError, WeightsError
from evopose2d.evolution.individuals.spaces import genotype_in, search_space
from evopose2d.files import file_sha256
from evopose2d.importing import import_large

_KEY = "evolve.initial_weights"
_IMAGENET = "imagenet"


@dataclass(frozen=True)
class InitialWeights:
    """A file that the ancestor starts from, and each finalist.

    Attributes:
        path: where it lies on the driver's disk.
        identity: what it is, whatever its name: ``imagenet`` or ``weights``, with the file's SHA-256.
    """

    path: Path
    identity: str


def is_imagenet(initial_weights: str | None) -> bool:
    """Return whether a setting names ImageNet's weights, which are not of a pose network."""
    return initial_weights is not None and initial_weights.partition("#")[0].partition(":")[0] == _IMAGENET


def find_initial_weights(params: Params) -> InitialWeights | None:
    """Find what the ancestor starts from; None where it starts from random weights.

    ``imagenet``: Keras's weights of EfficientNet, fetched once. ``imagenet:`` followed by a file or an http(s)
    address: a copy of them. Anything else: a weight file of the ancestor's network, or the folder of a trained network,
    such as ``models/pose``. ``#sha256=`` and a digest at the end: only a file that has it.

    Raises:
        ConfigError: a digest is none, or the trained network is not the ancestor's.
        DownloadError: ImageNet's weights cannot be fetched.
        WeightsError: a file cannot be read, or has another digest.
    """
    if params.evolve.initial_weights is None:
        return None
    named, expected = read_pinned(_KEY, params.evolve.initial_weights)
    kind, _, place = named.partition(":")
    path = _imagenet_path(params, place) if kind == _IMAGENET else _weight_file(params, Path(named))
    try:
        digest = file_sha256(path)
    except OSError as error:
        raise WeightsError(f"{_KEY}: {path}: cannot be read ({error.strerror or error})") from None
    if expected not in (None, digest):
        raise WeightsError(f"{path}: got SHA-256 {digest}, {_KEY} allows {expected}")
    return InitialWeights(path, f"{kind if kind == _IMAGENET else 'weights'}#sha256={digest}")


def _imagenet_path(params: Params, place: str) -> Path:
    import_large("keras")
    from evopose2d.stages.initial_weights import imagenet_path

    return imagenet_path(params.model, place)


def _weight_file(params: Params, named: Path) -> Path:
    """Return the weight file that is named, or that of a trained network's folder, which has to be the ancestor's."""
    if not named.is_dir():
        return named
    description = named / "network.json"
    try:
        model = json.loads(description.read_text(encoding="utf-8"))["model"]
        space = search_space(params)
        genotype = genotype_in(space, model)
        rest = {**model, "genotype": None, **space.ancestor.settings}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{description}: no trained EvoPose2D here ({error}); train one first") from None
    if genotype != space.ancestor:
        raise ConfigError(f"{_KEY}: {named} holds the network of {genotype}, which evolve.ancestor must be")
    differing = [name for name, value in rest.items() if name != "genotype" and value != getattr(params.model, name)]
    if differing:
        raise ConfigError(
            f"{_KEY}: {named} was built with another model.{differing[0]} ({rest[differing[0]]}) than the search "
            f"({getattr(params.model, differing[0])})"
        )
    return named / "network.weights.h5"
