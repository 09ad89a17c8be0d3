"""ImageNet weights: which file, how it is fetched, what is read of it. No file of Keras's is needed."""

import hashlib
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras_files import write_keras_2
from tests.loopback import served

from evopose2d.config.catalogue import published
from evopose2d.errors import ConfigError, DownloadError, WeightsError
from evopose2d.networks.architecture import ImageNetWeights
from evopose2d.networks.images import IMAGE_STD
from evopose2d.weights.imagenet import fetch_published, imagenet_arrays, imagenet_weights, is_published


@pytest.fixture
def server(tmp_path):
    """A folder that a server on the loopback gives out, its address, and the paths that were asked for."""
    folder = tmp_path / "served"
    folder.mkdir()
    with served(folder) as (address, asked):
        yield folder, address, asked


def _file(address: str, content: bytes) -> ImageNetWeights:
    md5 = hashlib.md5(content).hexdigest()
    return ImageNetWeights("weights.h5", f"{address}/weights.h5", md5, "a network", ("conv",), "conv1_conv")


def test_fetched_once_and_checked(server, tmp_path):
    folder, address, asked = server
    (folder / "weights.h5").write_bytes(b"weights")
    file = _file(address, b"weights")
    for _ in range(2):
        assert fetch_published(file, tmp_path / "cache").read_bytes() == b"weights"
    assert asked == ["/weights.h5"]


def test_cached_file_of_another_content_is_fetched_again(server, tmp_path):
    folder, address, _ = server
    (folder / "weights.h5").write_bytes(b"weights")
    (tmp_path / "weights.h5").write_bytes(b"weig")
    assert fetch_published(_file(address, b"weights"), tmp_path).read_bytes() == b"weights"


def test_keras_home_is_the_cache(server, tmp_path, monkeypatch):
    folder, address, _ = server
    (folder / "weights.h5").write_bytes(b"weights")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    assert fetch_published(_file(address, b"weights")) == tmp_path / "home/models/weights.h5"


def test_wrong_checksum_is_one_line_and_nothing_stays(server, tmp_path):
    folder, address, _ = server
    (folder / "weights.h5").write_bytes(b"other")
    with pytest.raises(DownloadError, match=r"received another file than Keras's of MD5 \w{32}.*imagenet:FILE") as told:
        fetch_published(_file(address, b"weights"), tmp_path / "cache")
    assert "\n" not in str(told.value)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("case", ["no network", "no such file"])
def test_failed_fetch_is_one_line(server, tmp_path, case):
    _, address, _ = server
    file = _file("http://127.0.0.1:9" if case == "no network" else address, b"weights")
    with pytest.raises(
        DownloadError, match=r"weights\.h5: cannot be fetched \(.+\); a copy of it can be named"
    ) as told:
        fetch_published(file, tmp_path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("evopose2d_xs", "efficientnetb0_notop.h5"),
        ("evopose2d_m", "efficientnetb4_notop.h5"),
        ("evopose2d_l", "efficientnetb5_notop.h5"),
        ("simple_baseline_resnet101", "resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    ],
)
def test_each_network_has_its_file(name, file):
    found = imagenet_weights(published()[name].model)
    assert found.name == file
    assert found.address.endswith(f"/{file}")
    assert len(found.md5) == 32


def test_hrnet_has_none():
    with pytest.raises(ConfigError, match=r"train\.initial_weights: got imagenet, .* hrnet"):
        imagenet_weights(published()["hrnet_w32"].model)


def test_reads_what_a_pose_network_can_use(efficientnet):
    network, path = efficientnet
    arrays = imagenet_arrays(path, imagenet_weights(published()["evopose2d_s"].model))
    assert "top_conv" not in arrays
    assert not any(name.startswith("normalization") for name in arrays)
    np.testing.assert_array_equal(
        arrays["block3b_dwconv"]["kernel"], network.get_layer("block3b_dwconv").get_weights()[0]
    )


def test_first_kernel_of_a_resnet_is_turned_to_normalised_colours(tmp_path):
    kernel = np.random.default_rng(0).normal(size=(7, 7, 3, 4)).astype("float32")
    write_keras_2(tmp_path / "resnet.h5", {"conv1_conv": {"kernel": kernel, "bias": np.zeros(4, "float32")}})
    weights = imagenet_weights(published()["simple_baseline_resnet50"].model)
    turned = imagenet_arrays(tmp_path / "resnet.h5", weights)["conv1_conv"]["kernel"]

    rgb = np.random.default_rng(1).uniform(-100, 100, (1, 9, 9, 3)).astype("float32")
    expected = keras.ops.conv(rgb[..., ::-1], kernel)
    np.testing.assert_allclose(
        keras.ops.conv(rgb / np.array(IMAGE_STD, "float32"), turned), expected, rtol=1e-3, atol=1
    )
    assert np.abs(expected).max() > 1000


@pytest.mark.parametrize("name", ["evopose2d_s", "simple_baseline_resnet50"])
def test_file_of_another_network_is_named(tmp_path, name):
    write_keras_2(tmp_path / "other.h5", {"dense": {"kernel": (3, 3)}})
    with pytest.raises(WeightsError, match=r"other\.h5: must be an ImageNet file of"):
        imagenet_arrays(tmp_path / "other.h5", imagenet_weights(published()[name].model))


def test_tells_keras_file_from_others(tmp_path):
    file = _file("http://localhost", b"weights")
    (tmp_path / "weights.h5").write_bytes(b"weights")
    assert is_published(tmp_path / "weights.h5", file)
    assert not is_published(tmp_path / "weights.h5", replace(file, md5="0" * 32))
    with pytest.raises(WeightsError, match="absent"):
        is_published(tmp_path / "absent.h5", file)
