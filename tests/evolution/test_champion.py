"""The process that registers a champion, with one in its place that sleeps."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from process_marks import wait_until_ended

DRIVER = """
from types import SimpleNamespace
from evopose2d.evolution import champion

champion._MODULE = "sleeping_registration"
request = SimpleNamespace(champion=SimpleNamespace(individual=7), to_json=lambda: "{}")
champion.register_champion(request)
"""
REGISTRATION = """
import os, pathlib, time
pathlib.Path("begun").write_text(str(os.getpid()))
os.rename("begun", "pid")
time.sleep(300)
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_registration_ends_with_its_driver(tmp_path: Path, sent: signal.Signals, raising_interrupts):
    (tmp_path / "sleeping_registration.py").write_text(REGISTRATION)
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        stderr=subprocess.DEVNULL,
    )
    while not (tmp_path / "pid").exists():
        assert driver.poll() is None
        time.sleep(0.05)
    driver.send_signal(sent)
    driver.communicate()
    wait_until_ended(int((tmp_path / "pid").read_text()))
