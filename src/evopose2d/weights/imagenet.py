"""ImageNet weights: those that Keras publishes for EfficientNet and ResNet, fetched once and checked.

They were trained on images that Keras prepares in its own way. For EfficientNet that is the ImageNet mean and
deviation which every network here takes off as well. Keras's ResNet takes blue, green, red without a division,
so its first kernel is turned to red, green, blue and multiplied by the deviations; then the functions agree, but
for means that differ by up to half a grey level.
"""

import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pooch
import requests

from evopose2d.config.schema import ModelConfig
from evopose2d.errors import ConfigError, DownloadError, WeightsError
from evopose2d.networks.images import IMAGE_STD
from evopose2d.weights.files import read_arrays

logger = logging.getLogger(__name__)

_KEY = "train.initial_weights"
_TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two reads
# EfficientNet by the greatest height of the input, as the original chose it.
_EFFICIENTNETS = ((256, "b0"), (384, "b4"), (10**9, "b5"))
_FIRST_CONVOLUTION = "conv1_conv"


@dataclass(frozen=True)
class PublishedFile:
    """A weight file that Keras publishes.

    Attributes:
        name: of the file.
        address: whence it is fetched.
        md5: its checksum, the only one that Keras gives.
    """

    name: str
    address: str
    md5: str


def imagenet_file(model: ModelConfig) -> PublishedFile:
    """Return the file whose weights a network starts from: EfficientNet-B0, B4, B5 or its ResNet, without their top.

    Raises:
        ConfigError: there is none for this architecture.
    """
    from keras.src.applications import efficientnet, resnet  # Keras exports the checksums nowhere else

    if model.architecture == "simple_baseline":
        name = f"{model.variant}_weights_tf_dim_ordering_tf_kernels_notop.h5"
        return PublishedFile(name, resnet.BASE_WEIGHTS_PATH + name, resnet.WEIGHTS_HASHES[model.variant][1])
    if model.architecture == "evopose2d":
        size = next(size for height, size in _EFFICIENTNETS if model.input_shape[0] <= height)
        name = f"efficientnet{size}_notop.h5"
        return PublishedFile(name, efficientnet.BASE_WEIGHTS_PATH + name, efficientnet.WEIGHTS_HASHES[size][1])
    raise ConfigError(
        f"{_KEY}: got imagenet, must be null or a weight file where model.architecture is {model.architecture}: "
        "Keras publishes no ImageNet weights for it"
    )


def fetch_published(file: PublishedFile, cache: Path | None = None) -> Path:
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


def is_published(path: Path, file: PublishedFile) -> bool:
    """Tell whether a local file is the one that Keras publishes.

    Raises:
        WeightsError: it cannot be read.
    """
    try:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "md5").hexdigest() == file.md5
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from None


def imagenet_arrays(path: Path, architecture: str) -> dict[str, dict[str, np.ndarray]]:
    """Read the layers of an ImageNet file that a pose network can use, fitted to the way in which it sees images.

    Args:
        path: of EfficientNet (``evopose2d``) or ResNet (``simple_baseline``), in Keras's layout by layer name.
        architecture: of the pose network.

    Returns:
        float32 arrays by the layer's name, then by the weight's own.

    Raises:
        WeightsError: it cannot be read as weights, or is of another network.
    """
    prefixes = ("stem_", "block") if architecture == "evopose2d" else ("conv",)
    arrays = read_arrays(path, lambda layer: layer.startswith(prefixes))
    first = "stem_conv" if architecture == "evopose2d" else _FIRST_CONVOLUTION
    if arrays.get(first, {}).get("kernel", np.empty(0)).shape[2:3] != (3,):
        network = "an EfficientNet" if architecture == "evopose2d" else "a ResNet"
        raise WeightsError(f"{path}: must be an ImageNet file of {network} of Keras, has no {first} on three colours")
    if architecture == "simple_baseline":
        arrays[first] = arrays[first] | {"kernel": _for_normalised_rgb(arrays[first]["kernel"])}
    return arrays


def _for_normalised_rgb(kernel: np.ndarray) -> np.ndarray:
    return kernel[:, :, ::-1] * np.array(IMAGE_STD, np.float32)[:, None]


def _reason(error: BaseException) -> str:
    """Say in one line what lies at the bottom of the exceptions that requests and urllib3 wrap."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return " ".join(str(getattr(error, "strerror", None) or error).split())
