import json
from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest

from evopose2d.errors import WeightsError
from evopose2d.networks.build import build_network
from evopose2d.networks.families.evopose2d import EvoPose2DConfig
from evopose2d.networks.images import IMAGE_MEAN, IMAGE_STD
from evopose2d.weights import (
    layer_arrays,
    load_weights,
    read_arrays,
    read_metadata,
    save_weights,
    set_layer_arrays,
)

_SMALL = EvoPose2DConfig(
    architecture="evopose2d",
    genotype=[
        [3, 1, 1, 1],
        [3, 2, 1, 2],
        [3, 1, 1, 2],
        [3, 1, 1, 2],
        [3, 1, 1, 1],
        [3, 1, 1, 2],
        [3, 1, 1, 1],
    ],
    input_shape=[32, 32],
    compound_scaling=False,
    head_blocks=1,
    head_channels=8,
    final_kernel=1,
)


def _network(seed=0, keypoints=3, **changes):
    network = build_network(replace(_SMALL, **changes), keypoints, seed=seed)
    rng = np.random.default_rng(seed)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 2, array.shape) for array in layer.get_weights()])
    return network


def _assert_same_weights(network, other):
    for own, theirs in zip(network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(own, theirs)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "network.h5"
    save_weights(_network(seed=1), path, {"genotype": _SMALL.genotype})
    return path


def _model(genotype, head_channels):
    return replace(
        _SMALL,
        genotype=genotype,
        input_shape=[128, 96],
        compound_scaling=True,
        head_blocks=3,
        head_channels=head_channels,
    )


def test_original_file_gives_the_original_outputs(reference):
    stored = np.load(reference / "evopose_tiny_ref.npz")
    network = build_network(_model(stored["genotype"].tolist(), 32), 17)
    report = load_weights(network, reference / "evopose_tiny_ref.h5")
    images = stored["x"] * np.array(IMAGE_STD, "float32") + np.array(IMAGE_MEAN, "float32")

    assert report.complete
    assert set(report.loaded) <= set(stored["names"].tolist())
    np.testing.assert_allclose(network(images), stored["y"], atol=1e-4)


def test_trained_original_file_fits_its_genotype(reference):
    stored = json.loads((reference / "overfit_ref.json").read_text())
    network = build_network(_model(stored["genotype"], stored["head_channels"]), 17)

    assert load_weights(network, reference / "overfit_ref.h5").complete


def test_saved_weights_come_back(saved):
    network = _network(seed=2)
    report = load_weights(network, saved)

    assert report.complete
    assert len(report.loaded) == sum(bool(layer.weights) for layer in network.layers)
    _assert_same_weights(network, _network(seed=1))
    assert read_metadata(saved) == {"genotype": _SMALL.genotype}


def test_equal_weights_give_equal_bytes(saved, tmp_path):
    again = tmp_path / "again.h5"
    save_weights(_network(seed=1), again, {"genotype": _SMALL.genotype})

    assert again.read_bytes() == saved.read_bytes()


def test_names_do_not_depend_on_what_was_built_before(saved):
    for _ in range(2):
        _network()
    with h5py.File(saved) as file:
        assert file.attrs["layer_names"][0] == "stem_conv"
        assert "stem_conv/stem_conv/kernel:0" in file


def test_stock_keras_reads_the_file(saved):
    network = _network(seed=2)
    network.load_weights(saved, by_name=True)

    _assert_same_weights(network, _network(seed=1))


def test_failed_save_leaves_the_old_file(saved, monkeypatch):
    before = saved.read_bytes()
    monkeypatch.setattr(h5py.Group, "__setitem__", lambda *_: (_ for _ in ()).throw(MemoryError))

    with pytest.raises(MemoryError):
        save_weights(_network(seed=2), saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_strict_loading_names_what_differs_and_changes_nothing(saved):
    genotype = [*_SMALL.genotype[:6], [3, 2, 1, 1]]
    network = _network(seed=2, keypoints=4, genotype=genotype)
    before = network.get_weights()

    with pytest.raises(WeightsError) as raised:
        load_weights(network, saved)
    message = str(raised.value)
    assert message.startswith(f"{saved}: does not fit the network: missing: block7b_expand_conv, block7b_expand_bn, ")
    assert "and 3 more; mismatched: final_conv kernel (network (1, 1, 8, 4), file (1, 1, 8, 3)), bias" in message
    assert "\n" not in message
    for own, old in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(own, old)


def test_lenient_loading_takes_what_fits(saved):
    network = _network(seed=2, keypoints=4, head_blocks=0)
    final = network.get_layer("final_conv").get_weights()
    report = load_weights(network, saved, strict=False)

    assert report.unexpected == ("head_block1_conv", "head_block1_bn")
    assert [text.partition(" ")[0] for text in report.mismatched] == ["final_conv"]
    assert not report.complete
    np.testing.assert_array_equal(
        network.get_layer("block7a_dwconv").get_weights()[0],
        _network(seed=1).get_layer("block7a_dwconv").get_weights()[0],
    )
    np.testing.assert_array_equal(network.get_layer("final_conv").get_weights()[0], final[0])


def _write_keras_2_file(network, path, *, chunked=False):
    """Write as Keras 2 did in mixed precision: byte names, weightless cast layers, optimiser state."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = b'{"class_name": "Lambda", "config": {"dtype": "mixed_bfloat16"}}'
        file["optimizer_weights/Adam/iter:0"] = 3
        root = file.create_group("model_weights")
        names = [layer.name.encode() for layer in network.layers] + [b"tf_op_layer_Cast"]
        if chunked:
            root.attrs["layer_names0"], root.attrs["layer_names1"] = names[:5], names[5:]
        else:
            root.attrs["layer_names"] = names
        for layer in network.layers:
            group = root.create_group(layer.name)
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            weights = {
                f"{layer.name}/{'depthwise_kernel' if depthwise else weight.name}:0": weight for weight in layer.weights
            }
            group.attrs["weight_names"] = [name.encode() for name in weights]
            for name, weight in weights.items():
                group[name] = np.asarray(weight)
        root.create_group("tf_op_layer_Cast").attrs["weight_names"] = np.array([])


@pytest.mark.parametrize("chunked", [False, True])
def test_mixed_precision_keras_2_file_loads(tmp_path, chunked):
    path = tmp_path / "old.h5"
    _write_keras_2_file(_network(seed=1), path, chunked=chunked)
    network = _network(seed=2)

    assert load_weights(network, path).complete
    _assert_same_weights(network, _network(seed=1))
    assert read_metadata(path) == {}


def _edited(path, edit):
    with h5py.File(path, "r+") as file:
        edit(file)


def _set_nan(file):
    file["stem_bn/stem_bn/gamma:0"][0] = np.nan


def _drop_array(file):
    del file["stem_bn/stem_bn/gamma:0"]


def _put_text(file):
    del file["stem_bn/stem_bn/gamma:0"]
    file["stem_bn/stem_bn/gamma:0"] = "text"


def _drop_names(file):
    del file.attrs["layer_names"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (_set_nan, "stem_bn holds values that are not finite"),
        (_drop_array, "stem_bn: stem_bn/gamma:0 must be an array of floating-point"),
        (_put_text, "stem_bn: stem_bn/gamma:0 must be an array of floating-point"),
        (_drop_names, "names no layers"),
    ],
)
def test_unusable_files_are_refused(saved, edit, complaint):
    _edited(saved, edit)
    network = _network(seed=2)

    with pytest.raises(WeightsError, match=complaint):
        load_weights(network, saved)
    _assert_same_weights(network, _network(seed=2))


@pytest.mark.parametrize("length", [0, 100, 20_000])
def test_damaged_files_are_one_line(saved, length):
    saved.write_bytes(saved.read_bytes()[:length])

    with pytest.raises(WeightsError, match=r"network\.h5: cannot be read as HDF5: [^\n]+$"):
        load_weights(_network(), saved)


def test_absent_file_is_one_line(tmp_path):
    with pytest.raises(WeightsError, match="no such weight file"):
        load_weights(_network(), tmp_path / "absent.h5")


def test_weights_of_another_layer_kind_are_mismatched(saved):
    def edit(file):
        file["stem_conv"].attrs["weight_names"] = ["stem_conv/kernel:0", "stem_conv/bias:0"]
        file["stem_conv/stem_conv/bias:0"] = np.zeros(32, "float32")

    _edited(saved, edit)
    report = load_weights(_network(), saved, strict=False)

    assert report.mismatched == ("stem_conv (network has kernel, file kernel, bias)",)


def test_arrays_are_those_of_the_network(saved):
    network = _network(seed=1)

    np.testing.assert_equal(read_arrays(saved), layer_arrays(network))
    np.testing.assert_equal(read_arrays(saved.read_bytes()), layer_arrays(network))


def test_arrays_go_back_into_a_network(saved):
    network = _network(seed=2)
    set_layer_arrays(network, read_arrays(saved))

    _assert_same_weights(network, _network(seed=1))


def test_arrays_of_the_original_have_the_networks_names(reference):
    arrays = read_arrays(reference / "evopose_tiny_ref.h5")

    assert set(arrays["block1a_dwconv"]) == {"kernel"}
    assert set(arrays["block1a_se_reduce"]) == {"kernel", "bias"}


def test_unusable_content_is_one_line(saved):
    with pytest.raises(WeightsError, match=r"^weights in memory: cannot be read as HDF5: [^\n]+$"):
        read_arrays(saved.read_bytes()[:1000])
    _edited(saved, _set_nan)
    with pytest.raises(WeightsError, match="stem_bn holds values that are not finite"):
        read_arrays(saved.read_bytes())
