import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from evopose2d.errors import SearchError
from evopose2d.evolution.lock import driver_lock

HOLD = """
import sys, time
from pathlib import Path
from evopose2d.evolution.lock import driver_lock
with driver_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""

FULL_DISK = """
import resource, sys
from pathlib import Path
from evopose2d.errors import SearchError
from evopose2d.evolution.lock import driver_lock
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    with driver_lock(Path(sys.argv[1])):
        print("held")
except SearchError as error:
    print(error)
"""
AFTER = "; once that is mended, the same command goes on from here\n"


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "search" / "driver.lock"


@pytest.fixture
def holder(lock):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_driver_is_refused_with_one_line_that_names_the_first(lock, holder):
    with pytest.raises(SearchError) as refused, driver_lock(lock):
        pass
    message = str(refused.value)
    assert f"process {holder.pid} on {socket.gethostname()}" in message
    assert message.startswith(str(lock.parent))
    assert "\n" not in message


def test_a_refused_driver_leaves_the_first_ones_name(lock, holder):
    for _ in range(2):
        with pytest.raises(SearchError, match=f"process {holder.pid} "), driver_lock(lock):
            pass


def test_the_lock_is_free_after_its_holder_is_killed(lock, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with driver_lock(lock):
        assert json.loads(lock.read_text())["pid"] == os.getpid()


def test_the_lock_can_be_taken_again(lock):
    for _ in range(2):
        with driver_lock(lock):
            pass


def test_a_holder_that_has_not_signed_yet_is_another_process(lock, holder):
    lock.write_text("")
    with pytest.raises(SearchError, match="another process runs this search"), driver_lock(lock):
        pass


def test_a_disk_that_takes_no_more_is_told_in_one_line(lock):
    refused = subprocess.run([sys.executable, "-c", FULL_DISK, str(lock)], capture_output=True, text=True)
    assert refused.stdout == f"{lock}: cannot be written (File too large)" + AFTER
    assert refused.stderr == ""


def test_a_file_system_without_locks_is_told_in_one_line(lock, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(SearchError, match=r"driver\.lock: cannot be written \(No locks available\)"), driver_lock(lock):
        pass
