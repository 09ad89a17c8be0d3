"""The real stages, on data and a network of a few seconds, as people run them."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import cv2
import mlflow
import numpy as np
import pytest
from tests.stages.conftest import change_params, environment_of, make_project, run

pytestmark = pytest.mark.slow

_FIGURES = {"AP", "AP50", "AP75", "APM", "APL", "AR", "AR50", "AR75", "ARM", "ARL"}


def test_pipeline_writes_what_dvc_declares(project: Path):
    metrics = json.loads((project / "reports/validate/metrics.json").read_text())
    results = json.loads((project / "results/keypoints_val2017.json").read_text())
    annotations = json.loads((project / "data/coco/annotations/person_keypoints_val2017.json").read_text())
    assert set(metrics) >= _FIGURES
    # Every annotated person with an area is judged exactly once, whatever the batch size.
    assert len(results) == len(annotations["annotations"]) == metrics["people"]
    assert metrics["people"] % 8 != 0
    history = (project / "reports/train/history.csv").read_text().splitlines()
    assert len(history) == 3
    for name in ("train/curves.png", "validate/people.png", "validate/precision_recall.csv"):
        assert (project / "reports" / name).stat().st_size > 0


def test_training_is_tracked_with_the_data_it_used(project: Path):
    client = mlflow.MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("evopose2d")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    train, validate = runs["train"], runs["validate"]
    assert train.data.params["train.epochs"] == "2"
    assert len(train.data.tags["dvc.data/tfrecords"]) > 30
    assert len(train.data.tags["git_commit"]) >= 40
    assert {dataset.dataset.name for dataset in train.inputs.dataset_inputs} == {"synthetic"}
    losses = client.get_metric_history(train.info.run_id, "val_loss")
    assert [metric.step for metric in losses] == [1, 2]
    metrics = json.loads((project / "reports/validate/metrics.json").read_text())
    assert validate.data.metrics["AP"] == pytest.approx(metrics["AP"])
    artifacts = {item.path for item in client.list_artifacts(validate.info.run_id)}
    assert {"people.png", "precision_recall.png", "keypoints_val2017.json"} <= artifacts


def test_validation_is_tracked_with_the_network_that_it_judged(project: Path, tmp_path: Path):
    copy = tmp_path / "project"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".git", ".dvc"))
    run(copy, "evopose2d", "validate", "model.head_channels=64")
    client = mlflow.MlflowClient(f"sqlite:///{copy / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("evopose2d")
    latest = client.search_runs([experiment.experiment_id], order_by=["start_time DESC"])[0]
    trained = json.loads((copy / "models/pose/network.json").read_text())["model"]["head_channels"]
    assert latest.info.run_name == "validate"
    assert latest.data.params["model.head_channels"] == str(trained) == "8"


def test_detections_and_test_dev_are_judged(project: Path, tmp_path: Path):
    copy = tmp_path / "project"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".git", ".dvc"))
    run(copy, "evopose2d", "validate", "validate.boxes=detections", "validate.nms=soft-oks")
    assert set(json.loads((copy / "reports/validate/metrics.json").read_text())) == _FIGURES | {"people"}
    run(copy, "evopose2d", "validate", "validate.split=test-dev", "validate.boxes=detections")
    results = json.loads((copy / "results/keypoints_test-dev2017.json").read_text())
    listed = json.loads((copy / "data/coco/annotations/image_info_test-dev2017.json").read_text())["images"]
    assert {result["image_id"] for result in results} <= {image["id"] for image in listed}
    assert json.loads((copy / "reports/validate/metrics.json").read_text()) == {"people": len(results)}
    assert (copy / "reports/validate/ap_by_oks.csv").read_text().split() == ["oks,ap"]
    assert not (copy / "reports/validate/precision_recall.png").exists()


def test_second_repro_does_nothing(project: Path):
    assert "up to date" in run(project, "dvc", "repro").stdout


@pytest.mark.parametrize(
    ("key", "value", "stages"),
    [
        ("validate.flip_test", False, {"validate"}),
        ("train.l2", 0.0, {"train"}),
        ("write_tfrecords.workers", 1, set()),
        ("tracking.experiment", "other", set()),
        ("dataset.synthetic.seed", 1, {"download", "write_tfrecords"}),
    ],
)
def test_a_key_concerns_its_own_stages_alone(project: Path, key: str, value: object, stages: set[str]):
    before = (project / "params.yaml").read_text()
    change_params(project, {key: value})
    try:
        changed = json.loads(run(project, "dvc", "status", "--json").stdout)
    finally:
        (project / "params.yaml").write_text(before)
    assert set(changed) == stages


def test_corrected_label_is_seen_by_repro(tmp_path: Path, project_root: Path):
    labels = tmp_path / "labels"
    labels.mkdir()
    for name in ("a", "b"):
        cv2.imwrite(str(labels / f"{name}.png"), np.zeros((40, 60, 3), np.uint8))
        point = {"label": "nose", "shape_type": "point", "points": [[20, 10]]}
        content = {"imagePath": f"{name}.png", "imageWidth": 60, "imageHeight": 40, "shapes": [point]}
        (labels / f"{name}.json").write_text(json.dumps(content))
    project = tmp_path / "project"
    project.mkdir()
    make_project(project, project_root)
    change_params(project, {"dataset.source": "../labels"})
    run(project, "dvc", "init", "-q", "--no-scm")
    run(project, "dvc", "repro", "download")
    assert "download" not in json.loads(run(project, "dvc", "status", "--json").stdout)

    file = labels / "b.json"
    file.write_text(file.read_text().replace("[[20, 10]]", "[[33, 10]]"))
    run(project, "dvc", "repro", "download")

    written = [json.loads(path.read_text()) for path in (project / "data/coco/annotations").glob("person*.json")]
    assert sorted(person["keypoints"][0] for content in written for person in content["annotations"]) == [20, 33]


def test_experiment_metrics_plots_and_graph(project: Path):
    run(project, "dvc", "exp", "run", "-S", "validate.flip_test=false", "-S", "train.epochs=3")
    compared = json.loads(run(project, "dvc", "metrics", "diff", "--json").stdout)
    files = compared.get("diff", compared)
    assert "val_loss" in json.dumps(files["reports/train/metrics.json"])
    assert len((project / "reports/train/history.csv").read_text().splitlines()) == 4
    run(project, "dvc", "plots", "show", "-o", "plots")
    page = (project / "plots" / "index.html").read_text()
    assert "Precision and recall" in page
    assert "write_tfrecords" in run(project, "dvc", "dag").stdout


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory, project_root: Path) -> Path:
    """A project whose records are written, nothing trained."""
    folder = make_project(tmp_path_factory.mktemp("records"), project_root)
    run(folder, "evopose2d", "download")
    run(folder, "evopose2d", "write-tfrecords")
    return folder


def test_killed_training_goes_on_to_the_same_weights(records: Path):
    command = ["evopose2d", "train", "train.epochs=4"]
    run(records, *command)
    unbroken = (records / "models/pose/network.weights.h5").read_bytes()
    history = _columns(records)
    process = subprocess.Popen(command, cwd=records, env=environment_of(), stderr=subprocess.DEVNULL)
    _wait_for(lambda: list(records.glob("checkpoints/train/*/state.npz")), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    resumed = run(records, *command)
    assert "going on after epoch" in resumed.stderr
    assert (records / "models/pose/network.weights.h5").read_bytes() == unbroken
    np.testing.assert_array_equal(_columns(records), history)
    assert not list(records.glob("checkpoints/train/*"))
    client = mlflow.MlflowClient(f"sqlite:///{records / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("evopose2d").experiment_id])
    assert sorted(run.info.status for run in runs) == ["FINISHED", "FINISHED"]


def _columns(folder: Path) -> np.ndarray:
    rows = np.genfromtxt(folder / "reports/train/history.csv", delimiter=",", names=True)
    return np.stack([rows[name] for name in ("epoch", "loss", "val_loss", "val_ap", "learning_rate")])


def _wait_for(condition, process: subprocess.Popen, seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_tracking_server_that_is_down_costs_a_warning(records: Path):
    finished = run(records, "evopose2d", "train", "tracking.uri=http://127.0.0.1:9", "train.seed=5")
    assert "this run is not tracked" in finished.stderr
    assert (records / "reports/train/metrics.json").exists()


def test_interrupt_says_how_to_go_on(records: Path):
    process = subprocess.Popen(
        ["evopose2d", "train", "train.epochs=50", "train.seed=6"],
        cwd=records,
        env=environment_of(),
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs tests in the background hands down an ignored Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    _wait_for(lambda: list(records.glob("checkpoints/train/*/state.npz")), process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "the same command goes on" in errors
    assert "Traceback" not in errors


def test_own_folder_of_five_keypoints_goes_through_every_stage(records: Path, tmp_path: Path, project_root: Path):
    own, project = tmp_path / "foxes", tmp_path / "project"
    shutil.copytree(records / "data/coco", own, ignore=shutil.ignore_patterns("dataset.json", "detections"))
    for path in (own / "annotations").iterdir():
        path.write_text(json.dumps(_with_five_keypoints(json.loads(path.read_text()))))
    project.mkdir()
    make_project(project, project_root)
    change_params(project, {"dataset.source": str(own)})
    for stage in ("download", "write-tfrecords", "train", "validate"):
        run(project, "evopose2d", stage)
    described = json.loads((project / "models/pose/network.json").read_text())["keypoints"]
    assert described["names"][1] == "left_paw"
    assert described["flip_permutation"] == [0, 2, 1, 4, 3]
    results = json.loads((project / "results/keypoints_val2017.json").read_text())
    assert {len(result["keypoints"]) for result in results} == {15}


def _with_five_keypoints(content: dict) -> dict:
    kept = (0, 9, 10, 15, 16)
    for person in content.get("annotations", []):  # image_info files have none
        person["keypoints"] = [value for index in kept for value in person["keypoints"][3 * index : 3 * index + 3]]
        person["num_keypoints"] = sum(visibility > 0 for visibility in person["keypoints"][2::3])
    names = ["nose", "left_paw", "right_paw", "left_foot", "right_foot"]
    content["categories"] = [{"id": 1, "name": "fox", "keypoints": names, "skeleton": [[1, 2], [1, 3]]}]
    return content


def test_missing_records_are_told_in_one_line(tmp_path: Path, project_root: Path):
    folder = make_project(tmp_path, project_root)
    finished = run(folder, "evopose2d", "train", check=False)
    assert finished.returncode == 1
    assert len(finished.stderr.strip().splitlines()) == 1
    assert "write-tfrecords" in finished.stderr
