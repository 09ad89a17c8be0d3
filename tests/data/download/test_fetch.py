import hashlib
import socket
from pathlib import Path

import pytest
import requests

from evopose2d.data.download.fetch import Retry, check_address, fetch_bytes, fetch_file
from evopose2d.errors import ConfigError, DownloadError

CHUNK = 1 << 16
CONTENTS = bytes(range(256)) * 1500  # 384,000 bytes, not a whole number of chunks
SIZE = len(CONTENTS)
CHECKSUM = hashlib.sha256(CONTENTS).hexdigest()


@pytest.fixture
def fetch(site, tmp_path, no_wait):
    site.files["/a.zip"] = CONTENTS
    path = tmp_path / "archives" / "a.zip"

    def call(size=SIZE) -> Path:
        fetch_file(f"{site.address}/a.zip", path, size=size, sha256=CHECKSUM, retry=no_wait)
        return path

    return call


def one_line(caught: pytest.ExceptionInfo) -> str:
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_fetches_a_file_whole(fetch, site):
    path = fetch()
    assert path.read_bytes() == CONTENTS
    assert site.requests == [("/a.zip", None)]
    assert [left.name for left in path.parent.iterdir()] == ["a.zip"]


def test_goes_on_after_dropped_connections_without_asking_for_a_byte_twice(fetch, site):
    site.breaks["/a.zip"] = [2 * CHUNK, CHUNK]
    assert fetch().read_bytes() == CONTENTS
    assert site.asked("/a.zip") == [None, f"bytes={2 * CHUNK}-", f"bytes={3 * CHUNK}-"]
    assert site.sent["/a.zip"] == SIZE


def test_goes_on_in_the_next_call_where_all_attempts_broke_off(fetch, site, tmp_path):
    site.breaks["/a.zip"] = [2 * CHUNK, 0, 0, 0]
    with pytest.raises(DownloadError) as caught:
        fetch()
    assert f"{site.address}/a.zip" in one_line(caught)
    assert (tmp_path / "archives" / "a.zip.part").stat().st_size == 2 * CHUNK
    asked_before = len(site.requests)
    site.breaks["/a.zip"] = []
    assert fetch().read_bytes() == CONTENTS
    assert site.requests[asked_before:] == [("/a.zip", f"bytes={2 * CHUNK}-")]


def test_goes_on_wherever_the_connection_drops(fetch, site):
    site.breaks["/a.zip"] = [1, 2 * CHUNK - 1, CHUNK + 1]
    assert fetch().read_bytes() == CONTENTS


def test_progress_renews_the_patience(fetch, site, no_wait):
    site.breaks["/a.zip"] = [CHUNK] * (no_wait.attempts + 1)
    assert fetch().read_bytes() == CONTENTS


def test_starts_again_with_a_server_that_ignores_ranges(fetch, site):
    site.ranges = False
    site.breaks["/a.zip"] = [2 * CHUNK]
    assert fetch().read_bytes() == CONTENTS
    assert site.asked("/a.zip") == [None, f"bytes={2 * CHUNK}-"]


def test_a_server_that_ignores_ranges_and_always_breaks_off_is_given_up(fetch, site, no_wait):
    site.ranges = False
    site.breaks["/a.zip"] = [CHUNK] * 20
    with pytest.raises(DownloadError, match=f"{no_wait.attempts} attempts"):
        fetch()


@pytest.mark.parametrize("wrong", [CHUNK, 3 * CHUNK])
def test_starts_again_with_a_server_that_goes_on_from_another_byte(fetch, site, wrong):
    site.breaks["/a.zip"] = [2 * CHUNK]
    site.wrong_starts["/a.zip"] = [wrong]
    assert fetch().read_bytes() == CONTENTS
    assert site.asked("/a.zip") == [None, f"bytes={2 * CHUNK}-", None]


def test_a_leftover_longer_than_the_file_is_thrown_away(fetch, tmp_path, make):
    make.write(tmp_path / "archives" / "a.zip.part", CONTENTS + b"more")
    assert fetch().read_bytes() == CONTENTS


def test_wrong_bytes_are_removed_and_both_checksums_named(fetch, site, tmp_path):
    wrong = CONTENTS[:-1] + b"?"
    site.files["/a.zip"] = wrong
    with pytest.raises(DownloadError) as caught:
        fetch()
    message = one_line(caught)
    assert hashlib.sha256(wrong).hexdigest() in message
    assert CHECKSUM in message
    assert not any((tmp_path / "archives").iterdir())


def test_wrong_bytes_of_an_earlier_run_do_not_stand_in_the_way_of_the_next(fetch, tmp_path, make):
    make.write(tmp_path / "archives" / "a.zip.part", b"?" * CHUNK)
    with pytest.raises(DownloadError, match="SHA-256"):
        fetch()
    assert fetch().read_bytes() == CONTENTS


def test_another_size_is_refused_before_the_first_byte(fetch, site, tmp_path):
    with pytest.raises(DownloadError, match=f"offers {SIZE} bytes, expected 400000"):
        fetch(size=400_000)
    assert not (tmp_path / "archives" / "a.zip.part").exists()


def test_an_answer_of_unknown_length_is_read_a_chunk_beyond_the_size_at_most(fetch, site, tmp_path, monkeypatch):
    site.lengths = False
    site.files["/a.zip"] = CONTENTS + bytes(20 * CHUNK)
    read, taken = requests.Response.iter_content, []

    def counted(response, size):
        for chunk in read(response, size):
            taken.append(len(chunk))
            yield chunk

    monkeypatch.setattr(requests.Response, "iter_content", counted)
    with pytest.raises(DownloadError, match=f"more than the expected {SIZE} bytes"):
        fetch()
    assert SIZE < sum(taken) <= SIZE + CHUNK
    assert not any((tmp_path / "archives").iterdir())


def test_a_right_file_is_not_fetched_again_and_a_wrong_one_is(fetch, site):
    path = fetch()
    assert fetch() == path
    assert len(site.requests) == 1
    path.write_bytes(CONTENTS[:-1] + b"?")
    assert fetch().read_bytes() == CONTENTS
    assert len(site.requests) == 2


def test_not_found_is_one_line_and_not_tried_again(site, tmp_path, no_wait):
    with pytest.raises(DownloadError) as caught:
        fetch_file(f"{site.address}/b.zip", tmp_path / "b.zip", size=1, sha256="", retry=no_wait)
    assert one_line(caught) == f"{site.address}/b.zip: the server answered 404 Not Found"
    assert len(site.requests) == 1


def test_a_busy_server_is_asked_again(fetch, site):
    site.statuses["/a.zip"] = [503, 429]
    assert fetch().read_bytes() == CONTENTS


def test_refused_connection_is_one_line(tmp_path, monkeypatch, no_wait):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(DownloadError) as caught:
        fetch_bytes(f"http://127.0.0.1:{port}/x", no_wait)
    assert one_line(caught) == f"http://127.0.0.1:{port}/x: Connection refused, in 3 attempts"


def test_pauses_double(site, monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr("evopose2d.data.download.fetch.time.sleep", pauses.append)
    site.statuses["/x"] = [500] * 4
    site.files["/x"] = b"x"
    assert fetch_bytes(f"{site.address}/x", Retry(attempts=5, pause=1.0)) == b"x"
    assert pauses == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize("address", ["ftp://example.org", "file:///etc/passwd", "example.org", "http://", ""])
def test_only_http_addresses_are_allowed(address):
    with pytest.raises(ConfigError, match=r"download\.mirror: got"):
        check_address(address, "download.mirror")


def test_addresses_lose_their_final_slash():
    assert check_address("https://example.org/coco/", "download.mirror") == "https://example.org/coco"
