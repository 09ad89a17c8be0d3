from pathlib import Path

import pytest
import yaml

from evopose2d.config.editing import set_values
from evopose2d.config.loading import load_params
from evopose2d.errors import ConfigError

GENOTYPE = [[5, 2, 3, 1], *[[3, 1, 2, 2]] * 3, *[[5, 1, 12, 1]] * 3]


@pytest.fixture
def path(tmp_path: Path, project_root: Path) -> Path:
    copy = tmp_path / "params.yaml"
    copy.write_bytes((project_root / "params.yaml").read_bytes())
    return copy


def comments(text: str) -> list[str]:
    return [line.partition("#")[2] for line in text.splitlines()]


def test_only_the_named_values_change(path: Path):
    before = path.read_text()
    set_values(path, {"model.genotype": GENOTYPE, "train.initial_weights": "search/x/weights.h5"})
    after = path.read_text()
    params = load_params(path)
    assert params.model.genotype == GENOTYPE
    assert params.train.initial_weights == "search/x/weights.h5"
    changed = [new for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new]
    assert len(changed) <= 8
    assert comments(after) == comments(before)


def test_there_and_back_gives_the_same_bytes(path: Path):
    before = path.read_bytes()
    old = load_params(path)
    set_values(path, {"model.genotype": GENOTYPE, "train.initial_weights": "w.h5", "model.head_channels": 128})
    assert path.read_bytes() != before
    set_values(
        path,
        {"model.genotype": old.model.genotype, "train.initial_weights": None, "model.head_channels": 32},
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "written",
    [
        "genotype: [[3,1,1,1],[3,1,2,2],[5,1,3,2],[3,2,5,2],[5,2,7,1],[5,1,10,1],[3,1,14,1]]  # all in one line",
        "genotype:\n  - [3, 1, 1, 1]  # first\n  -\n    - 3\n    - 1\n    - 2\n    - 2\n  - [5, 1, 3, 2]\n"
        "  - [3, 2, 5, 2]\n  - [5, 2, 7, 1]\n  - [5, 1, 10, 1]\n  # last\n  - [3, 1, 14, 1]\n",
    ],
)
def test_a_genotype_may_be_written_in_any_way(path: Path, written: str):
    text = path.read_text()
    start, end = text.index("genotype:"), text.index("  input_shape:")
    path.write_text(text[:start] + written + "\n" + text[end:])
    before = [comment for comment in comments(path.read_text()) if comment]
    set_values(path, {"model.genotype": GENOTYPE})
    assert load_params(path).model.genotype == GENOTYPE
    assert [comment for comment in comments(path.read_text()) if comment] == before


@pytest.mark.parametrize("value", ["a: b #c", "01", "", "ü.h5", "- x"])
def test_texts_are_quoted_where_yaml_needs_it(path: Path, value: str):
    set_values(path, {"train.initial_weights": value})
    assert yaml.safe_load(path.read_text())["train"]["initial_weights"] == value


def test_settings_that_cannot_be_leave_the_file_as_it_is(path: Path):
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="genotype"):
        set_values(path, {"model.genotype": [[2, 1, 1, 1]] * 7})
    with pytest.raises(ConfigError, match=r"unknown key model\.gene"):
        set_values(path, {"model.gene": 1})
    with pytest.raises(ConfigError, match="no such file"):
        set_values(path.with_name("other.yaml"), {"model.genotype": GENOTYPE})
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["params.yaml"]


@pytest.mark.parametrize(("old", "new"), [("  epochs: ", "  epoch: "), ("  epochs: ", "  # epochs: ")])
def test_a_mistake_in_the_file_names_the_file(path: Path, old: str, new: str):
    before = path.read_text().replace(old, new, 1)
    path.write_text(before)
    with pytest.raises(ConfigError, match=rf"^{path}: (unknown|missing) key train\.epoch"):
        set_values(path, {"model.head_channels": 48})
    assert path.read_text() == before
