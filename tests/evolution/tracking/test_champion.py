"""The process that registers a champion, with one in its place that sleeps."""

import signal
from pathlib import Path

import pytest
from process_marks import SLEEPER, check_sleeper_ends_with

DRIVER = """
from types import SimpleNamespace
from evopose2d.evolution.tracking import champion

champion._MODULE = "sleeping_registration"
request = SimpleNamespace(champion=SimpleNamespace(individual=7), to_json=lambda: "{}")
champion.register_champion(request)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("raising_interrupts")
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_registration_ends_with_its_driver(tmp_path: Path, sent: signal.Signals):
    (tmp_path / "sleeping_registration.py").write_text(SLEEPER)
    check_sleeper_ends_with(DRIVER, tmp_path, sent)
