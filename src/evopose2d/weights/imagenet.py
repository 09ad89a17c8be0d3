"""ImageNet weights: those that Keras publishes for EfficientNet and ResNet, fetched once and checked.

They were trained on images that Keras prepares in its own way. For EfficientNet that is the ImageNet mean and
deviation which every network here takes off as well. Keras's ResNet takes blue, green, red without a division,
so its first kernel is turned to red, green, blue and multiplied by the deviations; then the functions agree, but
for means that differ by up to half a grey level.
"""

import hashlib
import logging
import os
from pathlib import Path

import numpy as np
import pooch
import requests

from evopose2d.errors import ConfigError, DownloadError, WeightsError
from evopose2d.networks.architecture import ImageNetWeights, ModelConfig
from evopose2d.networks.images import IMAGE_STD
from evopose2d.networks.registry import architecture_of
from evopose2d.weights.files import read_arrays

logger = logging.getLogger(__name__)

_KEY = "train.initial_weights"
_TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two reads


def imagenet_weights(model: ModelConfig) -> ImageNetWeights:
    """Return the file whose weights a network starts from.

    Raises:
        ConfigError: there is none for this architecture.
    """
    weights = architecture_of(model).imagenet_weights(model)
    if weights is None:
        raise ConfigError(
            f"{_KEY}: got imagenet, must be null or a weight file where model.architecture is {model.architecture}: "
            "Keras publishes no ImageNet weights for it"
        )
    return weights


def fetch_published(file: ImageNetWeights, cache: Path | None = None) -> Path:
    """Return where a published file lies, after fetching it where it is not there whole.

    Args:
        file: what to fetch.
        cache: the folder that keeps it; None: Keras's own, ``~/.keras/models`` or below ``KERAS_HOME``.

    Raises:
        DownloadError: it cannot be fetched, or is not the file that was expected.
    """
    folder = cache or Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"
    remedy = f"a copy of it can be named with {_KEY}=imagenet:FILE"
    pooch.get_logger().setLevel(logging.WARNING)
    try:
        path = pooch.retrieve(
            file.address,
            known_hash=f"md5:{file.md5}",
            fname=file.name,
            path=folder,
            downloader=pooch.HTTPDownloader(timeout=_TIMEOUT),
        )
    except requests.RequestException as error:
        raise DownloadError(f"{file.address}: cannot be fetched ({_reason(error)}); {remedy}") from error
    except ValueError as error:
        raise DownloadError(
            f"{file.address}: received another file than Keras's of MD5 {file.md5}; it was not kept; {remedy}"
        ) from error
    except OSError as error:
        raise DownloadError(f"{folder / file.name}: cannot be written ({error.strerror or error})") from error
    return Path(path)


def is_published(path: Path, file: ImageNetWeights) -> bool:
    """Return whether a local file is the one that Keras publishes.

    Raises:
        WeightsError: it cannot be read.
    """
    try:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "md5").hexdigest() == file.md5
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from None


def imagenet_arrays(path: Path, weights: ImageNetWeights) -> dict[str, dict[str, np.ndarray]]:
    """Read the layers of an ImageNet file that a pose network can use, fitted to the way in which it sees images.

    Args:
        path: of the file, in Keras's layout by layer name.
        weights: what the file should be.

    Returns:
        float32 arrays by the layer's name, then by the weight's own.

    Raises:
        WeightsError: it cannot be read as weights, or is of another network.
    """
    arrays = read_arrays(path, lambda layer: layer.startswith(weights.prefixes))
    first = weights.first
    if arrays.get(first, {}).get("kernel", np.empty(0)).shape[2:3] != (3,):
        raise WeightsError(
            f"{path}: must be an ImageNet file of {weights.network} of Keras, has no {first} on three colours"
        )
    if weights.in_bgr:
        arrays[first] = arrays[first] | {"kernel": _for_normalised_rgb(arrays[first]["kernel"])}
    copies = {f"{prefix}{layer}": values for prefix in weights.copies for layer, values in arrays.items()}
    return arrays | copies


def _for_normalised_rgb(kernel: np.ndarray) -> np.ndarray:
    return kernel[:, :, ::-1] * np.array(IMAGE_STD, np.float32)[:, None]


def _reason(error: BaseException) -> str:
    """Describe in one line what lies at the bottom of the exceptions that requests and urllib3 wrap."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return " ".join(str(getattr(error, "strerror", None) or error).split())
