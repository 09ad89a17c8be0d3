"""Processes that a test started, found by an environment variable that they inherit; any may end at any moment."""

from contextlib import suppress

import psutil


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
