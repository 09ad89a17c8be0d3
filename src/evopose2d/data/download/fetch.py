"""Fetch files over HTTP: resumed after a break, retried, and checked."""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import requests

from evopose2d.errors import ConfigError, DownloadError
from evopose2d.files import file_sha256
from evopose2d.progress import progress_bar

_LOGGER = logging.getLogger(__name__)
_CHUNK = 1 << 16
_TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two reads
_LONGEST_PAUSE = 30.0
# The archives are resumed and measured by their own bytes, so no server may compress them on the way.
_HEADERS = {"Accept-Encoding": "identity"}
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Retry:
    """How often a broken transfer is tried again.

    Attributes:
        attempts: attempts in a row without progress before giving up.
        pause: seconds before the second attempt; it doubles with each further one.
    """

    attempts: int = 5
    pause: float = 1.0


def check_address(address: str, key: str) -> str:
    """Return ``address`` without a final slash.

    Raises:
        ConfigError: it is no http or https address.
    """
    if not re.match(r"https?://[^/\s]", address):
        raise ConfigError(f"{key}: got {address!r}, must start with http:// or https:// and name a server")
    return address.rstrip("/")


def fetch_file(url: str, path: Path, *, size: int, sha256: str, retry: Retry) -> None:
    """Fetch a file of known size and checksum to ``path``, going on with what an earlier run left.

    The bytes gather in ``path`` + ``.part``, which becomes ``path`` once size and checksum are right. A
    ``path`` that is there already is checked, and fetched again where it is another file.

    Args:
        url: its http or https address.
        path: where it goes.
        size: its size in bytes.
        sha256: its SHA-256 in hexadecimal digits.
        retry: how often a break is tried again.

    Raises:
        DownloadError: the server cannot be reached, refuses, or sends another file.
    """
    if path.exists():
        if path.stat().st_size == size and file_sha256(path) == sha256:
            return
        _LOGGER.warning("%s is not the expected file and is fetched again", path)
        path.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    _retrying(url, retry, lambda: _fetch_rest(url, partial, size), received=lambda: _size(partial))
    found = file_sha256(partial)
    if found != sha256:
        partial.unlink()
        raise DownloadError(f"{url}: received a file of SHA-256 {found}, expected {sha256}; it was removed")
    partial.replace(path)


def fetch_bytes(url: str, retry: Retry) -> bytes:
    """Fetch a small file whole.

    Raises:
        DownloadError: the server cannot be reached or refuses.
    """

    def attempt() -> bytes:
        response = requests.get(url, timeout=_TIMEOUT)
        response.raise_for_status()
        return response.content

    return _retrying(url, retry, attempt, received=lambda: 0)


def _fetch_rest(url: str, partial: Path, size: int) -> None:
    offset = _size(partial)
    if offset == size:
        return
    headers = _HEADERS | ({"Range": f"bytes={offset}-"} if offset else {})
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            partial.unlink()
            raise requests.ConnectionError(f"the server cannot go on from byte {offset}")
        response.raise_for_status()
        _check_size(url, response, size)
        start = _starts_at(response)
        if start not in (0, offset):
            partial.unlink()
            raise requests.ConnectionError(f"the server went on from byte {start} instead of {offset}")
        _write(response, partial, size, start)
    if _size(partial) > size:
        partial.unlink()
        raise DownloadError(f"{url}: received more than the expected {size} bytes; they were removed")
    if _size(partial) < size:
        raise requests.ConnectionError(f"the connection closed after {_size(partial)} of {size} bytes")


def _starts_at(response: requests.Response) -> int:
    """Return the first byte that a response holds: 0 where the server ignores ``Range`` and sends all."""
    if response.status_code != requests.codes.partial_content:
        return 0
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else -1


def _check_size(url: str, response: requests.Response, size: int) -> None:
    """Refuse a file of another size before its first byte; servers that do not tell are believed."""
    if response.status_code == requests.codes.partial_content:
        offered = response.headers.get("Content-Range", "").rpartition("/")[2]
    else:
        offered = response.headers.get("Content-Length", "")
    if offered.isdecimal() and int(offered) != size:
        raise DownloadError(f"{url}: the server offers {offered} bytes, expected {size}")


def _write(response: requests.Response, partial: Path, size: int, offset: int) -> None:
    name = partial.name.removesuffix(".part")
    with (
        partial.open("ab" if offset else "wb") as file,
        progress_bar(name, size, unit="B", scale=True, initial=offset) as bar,
    ):
        for chunk in response.iter_content(_CHUNK):
            file.write(chunk)
            bar.update(len(chunk))
            if file.tell() > size:
                return


def _retrying(url: str, retry: Retry, attempt: Callable[[], _Result], received: Callable[[], int]) -> _Result:
    """Call ``attempt`` until it succeeds; ``received`` tells the bytes so far: more of them is progress."""
    failures, furthest = 0, received()
    while True:
        try:
            return attempt()
        except requests.HTTPError as error:
            status = f"{error.response.status_code} {error.response.reason}"
            if error.response.status_code < 500 and error.response.status_code != requests.codes.too_many_requests:
                raise DownloadError(f"{url}: the server answered {status}") from error
            reason = f"the server answered {status}"
        except requests.exceptions.SSLError as error:
            raise DownloadError(f"{url}: no secure connection ({_root_cause(error)})") from error
        except requests.exceptions.ChunkedEncodingError:
            reason = "the connection broke off"
        except (requests.ConnectionError, requests.Timeout) as error:
            reason = _root_cause(error)
        except requests.RequestException as error:
            raise DownloadError(f"{url}: {_root_cause(error)}") from error
        failures = 1 if received() > furthest else failures + 1
        furthest = max(furthest, received())
        if failures >= retry.attempts:
            raise DownloadError(f"{url}: {reason}, in {retry.attempts} attempts")
        _LOGGER.warning("%s: %s; trying again", url, reason)
        time.sleep(min(retry.pause * 2 ** (failures - 1), _LONGEST_PAUSE))


def _root_cause(error: BaseException) -> str:
    """Describe in one line what lies at the bottom of the exceptions that requests and urllib3 wrap."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return " ".join(str(getattr(error, "strerror", None) or error).split())


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
