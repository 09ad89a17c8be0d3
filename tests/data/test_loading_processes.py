"""Processes load what this process would, end with it, and tell what goes wrong."""

import gc
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests.data.samples import FULL, val_people

from evopose2d.data.pipeline import TrainingBatches, evaluation_dataset
from evopose2d.data.writing import write_records
from evopose2d.errors import DataError

SHAPE = (32, 32)


@pytest.fixture
def many(make_split, tmp_path, five_schema, records_config):
    """Records of 90 people, three in an image."""
    make_split("val", 90, people_per_image=3)
    root = tmp_path / "coco"
    people = val_people(root)
    people = [replace(person, box=person.box + np.float32([index % 3, 0, 0, 0])) for index, person in enumerate(people)]
    return write_records(people, root / "val2017", tmp_path / "val", records_config(), five_schema)


def training(info, epochs=range(3), processes=2, batch_size=8):
    return TrainingBatches(info, SHAPE, FULL, batch_size, 5, epochs, processes=processes)


def all_loading_processes() -> set[psutil.Process]:
    return {child for child in psutil.Process().children() if "loading_process" in " ".join(child.cmdline())}


@pytest.fixture
def loading_processes():
    """Those that the test started: what earlier tests of this process left open is theirs."""
    gc.collect()
    before = all_loading_processes()
    return lambda: list(all_loading_processes() - before)


def wait_until(true) -> None:
    for _ in range(300):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError("waited in vain")


@pytest.mark.parametrize("batch_size", [8, 100])
def test_batches_do_not_depend_on_how_many_processes_load(many, batch_size):
    expected = list(training(many, processes=0, batch_size=batch_size))
    assert len(expected) == len(training(many, batch_size=batch_size)) == 3 * -(-90 // batch_size)
    found = list(training(many, batch_size=batch_size))
    for some, others in zip(expected, found, strict=True):
        np.testing.assert_array_equal(others[0], some[0])
        np.testing.assert_array_equal(others[1], some[1])


def test_processes_serve_one_pass_after_the_other_and_end_with_what_they_serve(many, loading_processes):
    dataset = evaluation_dataset(many, SHAPE, batch_size=16, processes=2)
    expected = list(evaluation_dataset(many, SHAPE, batch_size=16, processes=0))
    serving = set()
    for _ in range(3):
        for some, others in zip(expected, dataset, strict=True):
            for name in some:
                np.testing.assert_array_equal(others[name], some[name])
        serving |= {process.pid for process in loading_processes()}
    assert len(serving) == 1
    del dataset
    gc.collect()
    assert loading_processes() == []


def test_who_stops_early_leaves_no_process_behind(many, loading_processes):
    batches = iter(training(many, range(50)))
    next(batches)
    (process,) = loading_processes()
    assert len(process.children()) == 2
    everyone = [process, *process.children()]
    del batches
    gc.collect()
    assert loading_processes() == []
    wait_until(lambda: not any(one.is_running() for one in everyone))


def test_a_process_that_is_killed_is_told_and_takes_the_others_with_it(many, loading_processes):
    batches = iter(training(many, range(50)))
    next(batches)
    (process,) = loading_processes()
    victim, other = process.children()
    victim.kill()
    with pytest.raises(DataError, match=r"^a process that loads crops was ended by signal 9; is there enough memory"):
        list(batches)
    wait_until(lambda: not other.is_running())


@pytest.mark.parametrize("processes", [0, 2])
def test_damage_is_told_in_one_line(many, processes, loading_processes):
    file = many.files[1]
    batches = training(many, range(1), processes=processes)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(content)
    with pytest.raises(DataError, match=f"^{many.folder}: a record file is cut short or damaged .*corrupted") as told:
        list(batches)
    assert "\n" not in str(told.value)
    assert loading_processes() == []


_OWNER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from evopose2d.data.shards import read_info
from test_loading_processes import training
batches = iter(training(read_info(Path({folder!r})), range(50)))
next(batches)
print("loading", flush=True)
time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_processes_end_with_their_owner_however_it_ends(many, how, raising_interrupts):
    code = _OWNER.format(tests=str(Path(__file__).parent), folder=str(many.folder))
    path = os.pathsep.join(filter(None, sys.path))
    owner = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,
    )
    assert owner.stdout.readline() == b"loading\n"
    processes = psutil.Process(owner.pid).children(recursive=True)
    assert len(processes) == 3
    # As a terminal does, and as a scheduler does that kills what it started.
    (os.killpg if how == signal.SIGINT else os.kill)(owner.pid, how)
    _, errors = owner.communicate(timeout=60)
    wait_until(lambda: not any(one.is_running() for one in processes))
    assert b"loading_process" not in errors
