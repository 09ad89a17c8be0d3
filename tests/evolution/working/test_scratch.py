"""Folders for temporary files, and what killed processes left in them."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from evopose2d.evolution.working.scratch import driver_scratch, search_key, worker_of

WORKER = """
import sys, tempfile, time
from pathlib import Path
from evopose2d.evolution.working.scratch import enter_worker_scratch
for number in (4, 5):
    enter_worker_scratch(Path(sys.argv[1]), "key", number)
tempfile.NamedTemporaryFile(delete=False)
print(tempfile.gettempdir(), flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """The system's place for temporary files."""
    folder = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []
    folder.rmdir()


def test_a_drivers_folder_ends_with_it_and_with_the_next_driver(temporary, tmp_path):
    left = temporary / f"evo-{search_key(tmp_path / 'search')}-killed"
    others = temporary / f"evo-{search_key(tmp_path / 'another')}-runs"
    for each in (left, others):
        (each / "ray").mkdir(parents=True)
    with driver_scratch(tmp_path / "search") as folder:
        assert folder.is_dir() and not left.exists()
        (folder / "file").touch()
    assert list(temporary.iterdir()) == [others]
    (others / "ray").rmdir()
    others.rmdir()


def test_a_long_place_for_temporary_files_leaves_room_for_sockets(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("long" * 20)))
    with driver_scratch(tmp_path) as folder:
        assert len(str(folder)) < 50


def test_a_worker_has_a_folder_until_it_ends(temporary):
    command = [sys.executable, "-c", WORKER, str(temporary)]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    killed, asked = workers
    folders = [Path(each.stdout.readline().strip()) for each in workers]
    assert folders[0].parent == temporary and folders[0] != folders[1]
    assert worker_of(temporary, "key", 5) in [each.pid for each in workers]
    assert worker_of(temporary, "key", 4) is None and worker_of(temporary, "other", 5) is None
    killed.kill()
    killed.communicate()
    asked.communicate()
    assert folders[0].exists() and not folders[1].exists()
    # The next one removes what a killed one left.
    subprocess.run(command, input="", text=True, check=True, stdout=subprocess.DEVNULL, env=os.environ.copy())
