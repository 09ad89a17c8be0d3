"""The cluster guide and its ready files: their syntax, and that the settings and options in them exist."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import ray
import yaml

from evopose2d.config.loading import load_params

DOCS = Path(__file__).parents[1] / "docs"
FOLDER = DOCS / "cluster"
GUIDE = (DOCS / "cluster.md").read_text(encoding="utf-8")
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} | {"cluster.md": GUIDE}


def test_the_guide_names_every_file_and_no_other():
    assert set(re.findall(r"\(cluster/([a-z.-]+)\)", GUIDE)) == {path.name for path in FOLDER.iterdir()}


def test_the_ray_cluster_is_one_by_rays_schema():
    schema = json.loads((Path(ray.__file__).parent / "autoscaler/ray-schema.json").read_text())
    jsonschema.validate(yaml.safe_load(TEXTS["ray-cluster.yaml"]), schema)


def test_the_ray_job_is_one():
    job = yaml.safe_load(TEXTS["rayjob.yaml"])
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        (container,) = group["template"]["spec"]["containers"]
        assert {each["name"] for each in container["env"]} >= {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN"}


def test_the_servers_are_reached_on_the_loopback_alone():
    services = yaml.safe_load(TEXTS["compose.yaml"])["services"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:5000:5000"]
    assert "PASSWORD:?" in services["database"]["environment"]["POSTGRES_PASSWORD"]


def test_the_batch_job_is_a_script():
    subprocess.run(["bash", "-n", FOLDER / "search.slurm"], check=True)
    assert "-eq 75" in TEXTS["search.slurm"]


@pytest.mark.parametrize("name", TEXTS)
def test_settings_exist(name, project_root):
    overrides = re.findall(r"(?<![\w.])((?:evolve|tracking)\.\w+=[\w./:]+)", TEXTS[name])
    load_params(project_root / "params.yaml", overrides)


def test_options_of_ray_exist():
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--help"]
    known = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used = [line for text in TEXTS.values() for line in re.findall(r"ray start ((?:[^\n`]|\\\n)*)", text)]
    options = {option for line in used for option in re.findall(r"--[a-z-]+", line)}
    assert options >= {"--head", "--address", "--num-cpus"}
    assert [option for option in options if option not in known] == []
