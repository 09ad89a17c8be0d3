import signal
import subprocess
import sys

import pytest
from process_marks import wait_until_ended

from evopose2d.evolution.working.reaper import ProcessReaper, marked_processes

DRIVER = """
import subprocess, sys, time
from evopose2d.evolution.working.reaper import ProcessReaper
with ProcessReaper() as reaper:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    print(reaper.mark, child.pid, flush=True)
    time.sleep(300)
"""

UNQUIET_DRIVER = """
import os, threading
from evopose2d.evolution.working.reaper import ProcessReaper

def set_variables(done):
    while not done.is_set():
        for number in range(100):
            os.putenv(f"VARIABLE{number}", "set")
        for number in range(100):
            os.unsetenv(f"VARIABLE{number}")

done = threading.Event()
threading.Thread(target=set_variables, args=[done]).start()
try:
    for _ in range(15):
        with ProcessReaper():
            pass
finally:
    done.set()
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_driver_started_ends(sent):
    driver = subprocess.Popen([sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, text=True)
    mark, pid = driver.stdout.readline().split()
    assert int(pid) in [process.pid for process in marked_processes(mark)]
    driver.send_signal(sent)
    driver.communicate()
    wait_until_ended(int(pid))


def test_what_is_left_ends_with_the_block():
    with ProcessReaper() as reaper:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        assert [process.pid for process in marked_processes(reaper.mark)] == [child.pid]
    assert child.wait(timeout=60) == -signal.SIGKILL


def test_other_processes_are_left_alone():
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    with ProcessReaper():
        pass
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


@pytest.mark.slow
def test_it_starts_while_other_threads_set_environment_variables():
    subprocess.run([sys.executable, "-c", UNQUIET_DRIVER], check=True, timeout=600)
