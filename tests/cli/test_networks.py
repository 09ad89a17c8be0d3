"""`evopose2d networks`: as people call it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

_LISTED = json.loads((Path(__file__).parent.parent / "reference" / "networks.json").read_text())


def _run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from evopose2d.cli import main; sys.argv[0] = 'evopose2d'; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True)


def test_json_has_the_fields_of_the_reference(tmp_path):
    shown = json.loads(_run("networks", "--json", folder=tmp_path).stdout)
    for name, entry in _LISTED.items():
        assert {key: shown[name][key] for key in entry if key != "multiply_adds"} == {
            key: entry[key] for key in entry if key != "multiply_adds"
        }
        assert shown[name]["multiply_adds"] == pytest.approx(entry["multiply_adds"], rel=0.02)


def test_table_names_every_network_without_tensorflow(tmp_path):
    code = (
        "import sys; from typer.testing import CliRunner; from evopose2d.cli.app import app; "
        "print(CliRunner().invoke(app, ['networks'], env={'COLUMNS': '200'}).stdout); "
        "assert not {'tensorflow', 'keras', 'jax'} & set(sys.modules)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for word in ("evopose2d_xs", "simple_baseline_resnet152_384x288", "0.677", "14.71", "512x384"):
        assert word in finished.stdout


def test_any_genotype_is_counted_at_any_input(tmp_path):
    ancestor = json.dumps(_LISTED["ancestor"]["genotype"])
    counted = json.loads(_run("networks", "--genotype", ancestor, "--json", folder=tmp_path).stdout)["genotype"]
    assert counted["multiply_adds"] == _LISTED["ancestor"]["multiply_adds"]
    medium = json.dumps(_LISTED["evopose2d_m"]["genotype"])
    options = ("--genotype", medium, "--input-shape", "384x288", "--json")
    counted = json.loads(_run("networks", *options, folder=tmp_path).stdout)["genotype"]
    assert counted["parameters"] == _LISTED["evopose2d_m"]["parameters"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--genotype", "[[3,1,2,1]]"], ["--genotype", "1 blocks", "7"]),
        (["--genotype", "[[3,"], ["--genotype", "YAML"]),
        (["--genotype", "seven"], ["--genotype"]),
        (["--input-shape", "256"], ["--input-shape", "256x192"]),
        (["--input-shape", "250x192"], ["model.input_shape", "multiple of 32"]),
        (["use", "evopose"], ["evopose2d_s", "must be one of"]),
        (["use", "evopose2d_s"], ["params.yaml: no such file"]),
    ],
)
def test_mistake_ends_in_one_line_and_status_2(tmp_path, arguments, words):
    finished = _run("networks", *arguments, folder=tmp_path)
    assert finished.returncode == 2
    assert len(finished.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in finished.stderr


def test_use_writes_the_settings_and_names_them(project_root, tmp_path):
    (tmp_path / "params.yaml").write_text((project_root / "params.yaml").read_text())
    shown = _run("networks", "use", "evopose2d_m_imagenet", folder=tmp_path)
    assert "model.input_shape" in shown.stdout
    settings = yaml.safe_load((tmp_path / "params.yaml").read_text())
    assert settings["model"]["input_shape"] == [384, 288]
    assert settings["train"]["initial_weights"] == "imagenet"
    again = _run("networks", "use", "evopose2d_m_imagenet", folder=tmp_path)
    assert "already" in again.stdout
