"""The registry of families, and one that another package brings."""

import re
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.outside_family import install

from evopose2d.config.loading import load_params
from evopose2d.errors import ConfigError
from evopose2d.networks.build import build_network
from evopose2d.networks.registry import architecture_names, find_architecture, keys_of_others, read_model
from evopose2d.networks.summary import summarise
from evopose2d.weights import save_weights
from evopose2d.weights.architecture_inference import infer_architecture

_OVERRIDES = [f"model.{key}=null" for key in ("genotype", "compound_scaling", "head_blocks", "head_channels")]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("toy_family", None)


def _toy(project_root: Path, *overrides: str):
    return load_params(project_root / "params.yaml", ["model.architecture=toy", *_OVERRIDES, *overrides]).model


def test_family_of_another_package_is_configured_counted_and_built(site: Path, project_root: Path):
    install(site)
    model = _toy(project_root, "model.width=4")
    summary = summarise(model, 5)
    network = build_network(model, 5, seed=0)

    assert "toy" in architecture_names() and "width" in keys_of_others("evopose2d")
    assert asdict(model) == {"architecture": "toy", "input_shape": [128, 96], "final_kernel": 1, "width": 4}
    assert network.output_shape[1:] == summary.output_shape == (32, 24, 5)
    coarse = 4 * 5 + 5  # supervised, but no part of the prediction
    assert network.count_params() == summary.size.parameters - coarse

    save_weights(network, site / "weights.h5", {"model": asdict(model)})
    assert infer_architecture(site / "weights.h5").model == model
    save_weights(network, site / "untold.h5")
    assert infer_architecture(site / "untold.h5", [128, 96]).model == model


def test_the_family_of_the_documentation_works(site: Path, project_root: Path):
    """Its code and its entry point are taken from the page that tells how to add a family."""
    page = (project_root / "docs" / "architecture.md").read_text()
    code, entry = (re.search(rf"```{language}\n(.*?)```", page, re.DOTALL)[1] for language in ("python", "toml"))
    group, line = re.fullmatch(r'\[project\.entry-points\."([a-z0-9.]+)"\]\n(.+)\n', entry).groups()
    (site / "toy_family.py").write_text(code)
    metadata = site / "toy_family-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-family\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{line.replace(chr(34), '')}\n")
    model = _toy(project_root, "model.width=8")
    network = build_network(model, 5, seed=0)

    assert network.output_shape[1:] == (32, 24, 5)
    assert network.count_params() == summarise(model, 5).size.parameters
    with pytest.raises(ConfigError, match=r"^model\.width: got 65, must be at most 64$"):
        _toy(project_root, "model.width=65")
    with pytest.raises(ConfigError, match=r"^model\.compound_scaling: got False, must be null or left out"):
        load_params(project_root / "params.yaml", ["model.architecture=toy", "model.width=8"])


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("model.width=65", r"^model\.width: got 65, must be at most 64$"),
        ("model.width=3", r"^model\.width: got 3, must be even$"),
        ("model.widht=4", r"^override: unknown key model\.widht; did you mean model\.width\?$"),
        ("model.variant=w32", r"^model\.variant: got 'w32', must be null or left out where .* is toy"),
    ],
)
def test_settings_of_another_package_are_checked(site: Path, project_root: Path, override: str, line: str):
    install(site)
    with pytest.raises(ConfigError, match=line):
        _toy(project_root, override)


@pytest.mark.parametrize("target", ["absent_family:Toy", "toy_family:ToyConfig", "toy_family:Absent"])
def test_package_that_cannot_be_used_is_named(site: Path, target: str):
    install(site, target)
    with pytest.raises(ConfigError, match=r"^model\.architecture: toy .*_family:") as caught:
        find_architecture("toy")
    assert "\n" not in str(caught.value)


def test_unknown_family():
    with pytest.raises(ConfigError, match=r"got 'hrnt', must be one of evopose2d, .*; did you mean hrnet\?"):
        find_architecture("hrnt")


def test_descriptions_of_earlier_versions_are_read():
    """They held the keys of all families, those of others as null."""
    old = {"architecture": "hrnet", "genotype": None, "input_shape": [256, 192], "compound_scaling": None}
    old |= {"head_blocks": None, "head_channels": None, "final_kernel": 1, "variant": "w32"}
    model = read_model(old)

    assert asdict(model) == {"architecture": "hrnet", "input_shape": [256, 192], "final_kernel": 1, "variant": "w32"}
    with pytest.raises(ConfigError, match=r"^model\.head_blocks: got 3, must be null or left out where .* is hrnet"):
        read_model(old | {"head_blocks": 3})
    with pytest.raises(ConfigError, match=r"^model\.variant: missing"):
        read_model({key: value for key, value in old.items() if key != "variant"})
