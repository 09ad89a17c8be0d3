"""The published configurations and their way into params.yaml."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evopose2d.config.catalogue import published, settings_of
from evopose2d.config.editing import set_values
from evopose2d.config.loading import load_params
from evopose2d.errors import ConfigError
from evopose2d.networks.summary import summarise

_NETWORKS = json.loads((Path(__file__).parent.parent / "reference" / "networks.json").read_text())
_ALL_NAMES = [name for each in published().values() for name in each.names()]


@pytest.fixture
def params_file(project_root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(project_root / "params.yaml", tmp_path))


@pytest.mark.parametrize("name", _NETWORKS)
def test_sizes_and_figures_are_the_papers(name: str):
    configuration, entry = published()[name], _NETWORKS[name]
    summary = summarise(configuration.model, 17)

    assert list(summary.input_shape) == entry["input_shape"]
    assert list(summary.output_shape) == entry["output_shape"]
    assert summary.size.parameters == entry["parameters"]
    assert summary.size.trainable_parameters == entry["trainable_parameters"]
    assert summary.size.multiply_adds == pytest.approx(entry["multiply_adds"], rel=0.02)
    assert getattr(configuration.model, "genotype", None) == entry.get("genotype")
    assert dict(configuration.paper_coco_val) == entry.get("paper_coco_val", {})


def test_every_published_network_is_there():
    networks = {name for name, each in published().items() if each.is_network}
    mspn = {f"mspn_{stages}stage" for stages in (1, 2, 3, 4)}
    baselines = {f"simple_baseline_resnet{layers}" for layers in (50, 101, 152)} | {"hrnet_w32", "hrnet_w48"}
    evopose2d = {f"evopose2d_{size}" for size in ("xs", "s", "m", "l")}
    others = {"ancestor", "posefix_resnet50", "posefix_resnet152_384x288"}
    assert networks == baselines | {f"{name}_384x288" for name in baselines} | evopose2d | mspn | others
    for name in evopose2d:
        assert {name, f"{name}_f32", f"{name}_imagenet", f"{name}_f32_imagenet"} <= set(_ALL_NAMES)


@pytest.mark.parametrize("name", _ALL_NAMES)
def test_each_can_be_used(params_file: Path, name: str):
    set_values(params_file, settings_of(name))
    params = load_params(params_file)
    for key, value in settings_of(name).items():
        section: object = params
        for step in key.split("."):
            section = getattr(section, step)
        assert section == value, key


@pytest.mark.parametrize(
    ("name", "batch_size", "precision", "initial_weights"),
    [
        ("evopose2d_xs", 512, "bfloat16", None),
        ("evopose2d_xs_f32", 512, "float32", None),
        ("evopose2d_s", 512, "bfloat16", None),
        ("evopose2d_s_f32", 256, "float32", None),
        ("evopose2d_m", 256, "bfloat16", None),
        ("evopose2d_m_f32", 192, "float32", None),
        ("evopose2d_l", 128, "bfloat16", None),
        ("evopose2d_l_f32", 32, "float32", None),
        ("evopose2d_s_imagenet", 512, "bfloat16", "imagenet"),
        ("evopose2d_s_f32_imagenet", 256, "float32", "imagenet"),
    ],
)
def test_batches_are_those_of_the_precision(params_file, name, batch_size, precision, initial_weights):
    set_values(params_file, settings_of(name))
    params = load_params(params_file)
    assert params.train.batch_size == batch_size
    assert params.accelerator.precision == precision
    assert params.train.initial_weights == initial_weights
    assert (params.train.epochs, params.train.warmup_epochs, params.train.schedule) == (200, 5, "cosine")


def test_the_search_is_the_papers(params_file: Path):
    set_values(params_file, settings_of("evopose2d_search"))
    evolve = load_params(params_file).evolve
    assert (evolve.children, evolve.parents, evolve.ancestor_epochs, evolve.child_epochs) == (64, 4, 30, 5)
    assert evolve.ancestor == _NETWORKS["ancestor"]["genotype"]


def test_unknown_name_lists_what_there_is():
    with pytest.raises(ConfigError, match=r"got 'evopose2d_z', must be one of ancestor, .* mean evopose2d_\w+\?"):
        settings_of("evopose2d_z")


def test_comments_and_other_keys_stay(params_file: Path):
    before = params_file.read_text()
    changes = set_values(params_file, settings_of("hrnet_w32"))
    after = params_file.read_text()

    for line in before.splitlines():
        comment = line.partition("# ")[2]
        assert comment in after
    old, new = yaml.safe_load(before), yaml.safe_load(after)
    assert {name for name in old if old[name] != new[name]} == {"model", "train", "accelerator"}
    assert [change.key for change in changes][:2] == ["model.architecture", "model.variant"]
    assert set_values(params_file, settings_of("hrnet_w32")) == []
    assert params_file.read_text() == after


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.sampled_from(_ALL_NAMES), min_size=1, max_size=4))
def test_the_way_to_a_network_leaves_no_trace(project_root: Path, tmp_path: Path, names: list[str]):
    path = Path(shutil.copy(project_root / "params.yaml", tmp_path))
    original = path.read_text()
    values = load_params(path)
    touched = {change.key for name in names for change in set_values(path, settings_of(name))}

    set_values(path, {key: _value(values, key) for key in touched})
    squeezed = [" ".join(text.split()) for text in (path.read_text(), original)]
    assert squeezed[0] == squeezed[1]


def _value(params, key):
    for step in key.split("."):
        params = getattr(params, step, None)  # a key of another architecture
    return params


def test_settings_that_could_not_be_used_leave_the_file(params_file: Path):
    before = params_file.read_text()
    with pytest.raises(ConfigError, match=r"train\.drop_epochs"):
        set_values(params_file, {"train.drop_epochs": [2, 1]})
    assert params_file.read_text() == before
    assert list(params_file.parent.iterdir()) == [params_file]


def test_key_that_a_file_from_before_lacks_is_added(params_file: Path):
    lines = params_file.read_text().splitlines(keepends=True)
    params_file.write_text("".join(line for line in lines if not line.startswith("  variant:")))
    set_values(params_file, settings_of("hrnet_w48"))
    assert load_params(params_file).model.variant == "w48"


@pytest.mark.parametrize(
    ("content", "told"),
    [("model: [", "not readable as YAML"), ("3", "must hold sections"), ("train: {}", "missing section model")],
)
def test_unusable_file_is_one_line(tmp_path: Path, content: str, told: str):
    (tmp_path / "params.yaml").write_text(content)
    with pytest.raises(ConfigError, match=told) as caught:
        set_values(tmp_path / "params.yaml", settings_of("evopose2d_s"))
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="no such file"):
        set_values(tmp_path / "absent.yaml", {})


def test_small_numbers_stay_numbers_in_every_yaml(params_file: Path):
    set_values(params_file, {"train.l2": 1e-7})
    assert yaml.safe_load(params_file.read_text())["train"]["l2"] == 1e-7


def test_steps_of_the_search_on_gpus_fit_into_the_memory_that_is_said(params_file: Path):
    from evopose2d.networks.summary import summarise

    set_values(params_file, settings_of("evopose2d_search_gpu"))
    params = load_params(params_file)
    assert (params.evolve.batch_size, params.evolve.accumulation) == (512, 4)
    size = summarise(params.model, 17).size
    assert size.training_bytes(512) > 24e9  # in one part it would not
    assert size.training_bytes(512 // 4) < 24e9 * 0.75


def test_a_configuration_takes_another_s_accumulation_back(params_file: Path):
    set_values(params_file, {"train.accumulation": 4, "evolve.accumulation": 4})
    set_values(params_file, settings_of("evopose2d_s"))
    set_values(params_file, settings_of("evopose2d_search"))
    params = load_params(params_file)
    assert (params.train.accumulation, params.evolve.accumulation) == (1, 1)
