"""Individuals in Ray's worker processes, with a trainer that takes no time."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
import ray
from process_marks import wait_until_ended
from ray.exceptions import RayTaskError
from search_doubles import Trainer, make_params, pretend_to_train

from evopose2d.errors import ConfigError, DataError, SearchError, TrainingError
from evopose2d.evolution.individuals.spec import IndividualSpec
from evopose2d.evolution.working.cluster import probe
from evopose2d.evolution.working.cluster.engine import RayEngine, _Task
from evopose2d.evolution.working.cluster.machines import Machine
from evopose2d.evolution.working.engine import Fault, Lost, ParentWeights, Trained
from evopose2d.evolution.working.worker import work, worker_environment
from evopose2d.evolution.working.workers import ray_workers
from evopose2d.genotype import Genotype


@dataclass(frozen=True)
class Witness:
    """A trainer that tells in its weights where it ran, and fails where it is told to."""

    fails: int = -1

    def __call__(self, spec, params, parent_weights):
        if spec.number == self.fails:
            raise DataError("data/tfrecords: no records")
        result, _ = pretend_to_train(spec, params, parent_weights)
        seen = (os.getpid(), os.environ.get("MLFLOW_RUN_ID"), os.environ["TF_NUM_INTRAOP_THREADS"], parent_weights)
        return result, repr(seen).encode()


@dataclass(frozen=True)
class Stopped:
    """A trainer whose process stops at individual 0."""

    notes: Path

    def __call__(self, spec, params, parent_weights):
        if spec.number == 0:
            (self.notes / "scratch").write_text(tempfile.gettempdir())
            (self.notes / "begun").write_text(str(os.getpid()))
            (self.notes / "begun").rename(self.notes / "pid")
            os.kill(os.getpid(), signal.SIGSTOP)
        return pretend_to_train(spec, params, parent_weights)


@pytest.fixture
def spec(tmp_path):
    genotype = Genotype.from_lists(make_params(tmp_path).evolve.ancestor)
    return IndividualSpec(0, 0, None, "", genotype, None, epochs=1, seed=0)


@pytest.fixture
def importable(monkeypatch):
    """Let workers import the stand-ins, and give them what a project run has in its environment."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv("MLFLOW_RUN_ID", "of the driver")


def outcomes(engine, count):
    found = []
    while len(found) < count:
        found += engine.wait(1.0)
    return {outcome.number: outcome for outcome in found}


@pytest.mark.slow
def test_workers(tmp_path, spec, importable):
    """One start of Ray for all that needs it."""
    params = make_params(tmp_path, "evolve.workers=1", "evolve.tasks_per_worker=2", "evolve.threads=3")
    weights = tmp_path / "weights.h5"
    weights.write_bytes(b"parent's")
    with ray_workers(params, Witness(fails=5)) as engine:
        assert engine.wait(0.0) == []
        seen = []
        for number in range(5):
            parent = ParentWeights(0, weights) if number else None
            engine.submit(replace(spec, number=number, parent=0 if number else None), parent)
            outcome = outcomes(engine, 1)[number]
            assert isinstance(outcome, Trained)
            seen.append(eval(outcome.weights))
        # A worker makes room for a fresh one after two individuals.
        pids = [pid for pid, *_ in seen]
        assert len(set(pids)) == 3
        assert pids[0] == pids[1] and pids[2] == pids[3]
        assert os.getpid() not in pids
        assert [run for _, run, _, _ in seen] == [None] * 5
        # The ancestor too, which nobody trains beside: another machine must give the same weights.
        assert [threads for _, _, threads, _ in seen] == ["3"] * 5
        assert [inherited for *_, inherited in seen] == [None, *[b"parent's"] * 4]

        engine.submit(replace(spec, number=5), None)
        lost = outcomes(engine, 1)[5]
        assert isinstance(lost, Lost)
        assert lost.error == "data/tfrecords: no records"
        assert isinstance(lost.mendable, DataError)
        assert engine.slots == 1

        with pytest.raises(SearchError, match=r"nowhere\.h5: cannot be read"):
            engine.submit(replace(spec, number=5), ParentWeights(7, tmp_path / "nowhere.h5"))
    # One that has trained its last individual ends by itself.
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=30)
    assert alive == []


def tell_of_the_gpu(spec, params, parent_weights):
    result, _ = pretend_to_train(spec, params, parent_weights)
    names = ("CUDA_VISIBLE_DEVICES", "XLA_PYTHON_CLIENT_MEM_FRACTION")
    return result, repr([os.environ.get(name) for name in names]).encode()


@pytest.mark.slow
def test_workers_that_share_a_gpu_are_told_their_share(tmp_path, spec, importable, monkeypatch):
    init = ray.init
    monkeypatch.setattr(ray, "init", lambda **settings: init(num_gpus=1, **settings))  # logical: Ray trusts the count
    with ray_workers(make_params(tmp_path, "evolve.gpus=0.5", "evolve.cpus=0.1"), tell_of_the_gpu) as engine:
        assert engine.slots == 2
        engine.submit(spec, None)
        assert eval(outcomes(engine, 1)[0].weights) == ["0", "0.4750"]


def die():
    os._exit(1)


def train_no_more(spec, params, parent_weights):
    die()


@pytest.mark.slow
def test_an_individual_that_is_given_up_makes_room(tmp_path, spec, importable):
    """Its process may be stopped, and answer to nothing but SIGKILL."""
    (tmp_path / "notes").mkdir()
    with ray_workers(make_params(tmp_path, "evolve.workers=1"), Stopped(tmp_path / "notes")) as engine:
        engine.submit(replace(spec, parent=0), None)
        while not (tmp_path / "notes/pid").exists():
            assert engine.wait(0.2) == []
        (machine,) = engine.machines
        assert (machine.host, machine.running) == (socket.gethostname(), (0,))
        engine.give_up(0, "no progress for 5 min")
        (lost,) = engine.wait(1.0)
        assert (lost.number, lost.error, lost.fault) == (0, "no progress for 5 min", Fault.INDIVIDUAL)
        wait_until_ended(int((tmp_path / "notes/pid").read_text()))
        scratch = Path((tmp_path / "notes/scratch").read_text())
        assert scratch.is_dir()
        engine.submit(replace(spec, number=1, parent=0), None)
        assert isinstance(outcomes(engine, 1)[1], Trained)
    assert not scratch.exists()
    assert not list(scratch.parents[1].glob(f"{scratch.parent.name[:13]}*"))


@pytest.mark.slow
def test_a_process_that_dies_is_told_from_a_machine_where_all_die(tmp_path, spec, importable, monkeypatch):
    with ray_workers(make_params(tmp_path), train_no_more) as engine:
        engine.submit(spec, None)
        lost = outcomes(engine, 1)[0]
        assert (lost.error, lost.fault) == ("its process ended: WorkerCrashedError", Fault.INDIVIDUAL)

        # Processes that are there already may live on where no other can start: what tells is a new one.
        ray.get(ray.remote(num_cpus=0)(lambda: None).remote())
        known = set(psutil.pids())

        def die_if_new():
            if os.getpid() not in known:
                die()

        monkeypatch.setattr(probe, "_do_nothing", die_if_new)
        here = {ray.get_runtime_context().get_node_id(): socket.gethostname()}
        assert probe.hosts_without_processes(here) == [socket.gethostname()]
        engine.submit(spec, None)
        lost = outcomes(engine, 1)[0]
        assert lost.fault is Fault.MACHINE
        assert "processes die at once on" in lost.error


def test_ray_that_cannot_start_is_told_in_one_line(tmp_path, spec, monkeypatch):
    def fail(**options):
        raise Exception("The current node timed out\nduring startup.")

    monkeypatch.setattr(ray, "init", fail)
    with (
        pytest.raises(SearchError, match=r"^Ray cannot start on this machine: The .* timed out during"),
        ray_workers(make_params(tmp_path), Trainer(tmp_path)) as engine,
    ):
        engine.submit(spec, None)


@pytest.mark.slow
def test_machines_of_a_cluster_fetch_the_data_that_they_lack(tmp_path):
    # Ray takes from the environment, when it is imported, that all of it stays on the loopback address.
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    driver = Path(__file__).parents[2] / "cluster_driver.py"
    finished = subprocess.run(
        [sys.executable, driver, tmp_path], env=environment, capture_output=True, text=True, timeout=300
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines()[-2:] == ["1 slots", "fetched {}"]
    assert list((tmp_path / "cache/evopose2d/search-data").glob("*/records/train/info.json"))


@pytest.mark.slow
def test_more_than_the_machine_has_is_refused(tmp_path, spec, importable):
    with (
        pytest.raises(ConfigError, match=r"evolve\.gpus: got 9, but there are only 0 here"),
        ray_workers(make_params(tmp_path, "evolve.gpus=9"), Trainer(tmp_path)) as engine,
    ):
        engine.submit(spec, None)


@pytest.mark.parametrize(
    ("cause", "mendable"),
    [(DataError("no records"), True), (TrainingError("the loss became nan"), False), (ValueError("odd"), False)],
)
def test_only_what_every_individual_would_fail_by_can_be_mended(tmp_path, monkeypatch, cause, mendable):
    def fail(reference):
        raise RayTaskError("work", "a traceback", cause)

    monkeypatch.setattr(ray, "get", fail)
    monkeypatch.setattr(ray, "wait", lambda references, **options: (references, []))
    engine = RayEngine(make_params(tmp_path), Trainer(tmp_path))
    engine._running["reference"] = _Task(5, Machine("node", "host", 1))
    (lost,) = engine.wait(0.0)
    assert (lost.number, lost.mendable) == (5, cause if mendable else None)
    assert str(cause) in lost.error


def test_a_cluster_that_is_not_there_is_named(tmp_path, spec):
    with (
        pytest.raises(SearchError, match=r"evolve\.ray_address: cannot join 127\.0\.0\.1:1"),
        ray_workers(make_params(tmp_path, "evolve.ray_address='127.0.0.1:1'"), Trainer(tmp_path)) as engine,
    ):
        engine.submit(spec, None)


def test_a_worker_takes_its_environment_before_it_trains(monkeypatch, tmp_path, spec):
    for name in ("MLFLOW_RUN_ID", "TF_NUM_INTRAOP_THREADS", "TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND"):
        monkeypatch.setenv(name, "driver's")
    environment = worker_environment(3)
    assert "XLA_PYTHON_CLIENT_MEM_FRACTION" not in environment

    def look(spec, params, weights):
        names = ("MLFLOW_RUN_ID", "TF_NUM_INTRAOP_THREADS", "TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND")
        return tuple(os.environ.get(name) for name in names)

    assert work(look, spec, make_params(tmp_path), None, environment) == (None, "3", "3", "driver's")
