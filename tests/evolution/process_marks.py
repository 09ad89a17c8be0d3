"""Processes that a test started, found by an environment variable that they inherit; any may end at any moment."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

SLEEPER = """
import os, pathlib, time
pathlib.Path("begun").write_text(str(os.getpid()))
os.rename("begun", "pid")
time.sleep(300)
"""


def marked(variable: str, value: object) -> list[psutil.Process]:
    """Give every living process whose environment says so."""

    def is_marked(process: psutil.Process) -> bool:
        try:
            return process.environ().get(variable) == str(value)
        except (psutil.Error, OSError):
            return False

    return [process for process in psutil.process_iter() if is_marked(process)]


def kill_marked(variable: str, value: object) -> None:
    """Pull the plug on all of them at once."""
    for process in marked(variable, value):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def listening_addresses(processes: list[psutil.Process]) -> set[str]:
    """Give the addresses at which they wait for connections."""
    addresses = set()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            connections = process.net_connections("inet")
            addresses |= {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN}
    return addresses


def ended(pid: int) -> bool:
    """Tell whether a process has come to its end."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_ended(pid: int) -> None:
    """Wait for a process that is about to be killed."""
    deadline = time.monotonic() + 60
    while not ended(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def check_sleeper_ends_with(driver: str, folder: Path, sent: signal.Signals) -> None:
    """Run code that starts ``SLEEPER`` in a folder from which modules are imported too, and end it by a signal."""
    process = subprocess.Popen(
        [sys.executable, "-c", driver],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])},
        stderr=subprocess.DEVNULL,
    )
    while not (folder / "pid").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(sent)
    process.communicate()
    wait_until_ended(int((folder / "pid").read_text()))
