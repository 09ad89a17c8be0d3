"""A local server that breaks off and refuses on demand, and small datasets in COCO's layout."""

import hashlib
import io
import json
import threading
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from evopose2d.config.schema import DatasetConfig, DownloadConfig, SplitConfig, SyntheticConfig
from evopose2d.data.download.archives import Archive, CocoArchives
from evopose2d.data.download.dataset import prepare_dataset
from evopose2d.data.download.fetch import Retry
from evopose2d.data.download.summary import DatasetSummary
from evopose2d.keypoints import COCO_PERSON

NO_WAIT = Retry(attempts=3, pause=0.0)


@dataclass
class Site:
    """What the server serves and how it misbehaves, and what was asked of it.

    Attributes:
        address: its base address.
        files: contents by path.
        breaks: for a path, after how many bytes each of the next answers breaks off.
        stalls: for a path, after how many bytes the next answer stops until the test ends.
        statuses: for a path, statuses of the next answers.
        ranges: whether it honours ``Range``.
        wrong_starts: for a path, from which bytes instead the next answers to ``Range`` go on.
        lengths: whether it tells how long an answer is.
        requests: (path, ``Range`` header) of each request.
        sent: bytes sent by path.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    breaks: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    stalls: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    ranges: bool = True
    wrong_starts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    lengths: bool = True
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    stalled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def asked(self, path: str) -> list[str | None]:
        return [given for asked, given in self.requests if asked == path]


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = self.headers.get("Range")
            site.requests.append((self.path, given))
            if site.statuses[self.path]:
                self.send_error(site.statuses[self.path].pop(0))
            elif self.path not in site.files:
                self.send_error(404)
            else:
                self.answer(site.files[self.path], given if site.ranges else None)

        def answer(self, body: bytes, given: str | None) -> None:
            start = int(given.removeprefix("bytes=").removesuffix("-")) if given else 0
            if given and start >= len(body):
                self.send_error(416)
                return
            if given and site.wrong_starts[self.path]:
                start = site.wrong_starts[self.path].pop(0)
            self.send_response(206 if given else 200)
            if site.lengths:
                self.send_header("Content-Length", str(len(body) - start))
            if given:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.end_headers()
            stall = site.stalls.pop(self.path, None)
            end = site.breaks[self.path].pop(0) if site.breaks[self.path] else stall
            part = body[start:] if end is None else body[start:][:end]
            site.sent[self.path] += len(part)
            self.wfile.write(part)
            if stall is not None:
                site.stalled.set()
                site.ended.wait(30)

        def log_message(self, *arguments: object) -> None:
            pass

    return Handler


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(site))
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    site.ended.set()
    server.shutdown()
    thread.join()
    server.server_close()


def jpeg(seed: int, width: int = 64, height: int = 48) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, contents in files.items():
            archive.writestr(name, contents)
    return buffer.getvalue()


def category(names: tuple[str, ...] = COCO_PERSON.names) -> dict[str, Any]:
    return {"id": 1, "name": "person", "keypoints": list(names), "skeleton": [[1, 2]]}


def annotations(folder: str, ids: range, names: tuple[str, ...] = COCO_PERSON.names) -> dict[str, Any]:
    """Images of which every second shows a labelled person, and the others one without labels."""
    images = [
        {
            "id": i,
            "file_name": f"{i:012d}.jpg",
            "width": 64,
            "height": 48,
            "coco_url": f"http://images.cocodataset.org/{folder}/{i:012d}.jpg",
        }
        for i in ids
    ]
    people = [
        {
            "id": 100 + i,
            "image_id": i,
            "category_id": 1,
            "bbox": [4.0, 4.0, 40.5, 40.0],
            "keypoints": [10, 12, 2 if i % 2 else 0] * len(names),
            "num_keypoints": len(names) if i % 2 else 0,
            "area": 900.25,
            "iscrowd": 0,
        }
        for i in ids
    ]
    return {"images": images, "annotations": people, "categories": [category(names)]}


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


@dataclass
class Coco:
    """A server's COCO 2017: archives of 6 train, 4 val and 3 test images, and the images one by one."""

    site: Site
    archives: CocoArchives

    def prepare(self, root: Path, source: str = "coco2017", **download: Any) -> DatasetSummary:
        settings = {"mirror": self.site.address} | download
        return prepare_dataset(
            dataset_config(root, source), download_config(**settings), archives=self.archives, retry=NO_WAIT
        )

    def add_train_file(self, name: str, contents: bytes) -> None:
        train = self.archives.train
        buffer = io.BytesIO(self.site.files[f"/{train.path}"])
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr(f"train2017/{name}", contents)
        changed = buffer.getvalue()
        self.site.files[f"/{train.path}"] = changed
        checksum = hashlib.sha256(changed).hexdigest()
        train = replace(train, size=len(changed), sha256=checksum)
        self.archives = replace(self.archives, train=train)


@pytest.fixture
def coco(site: Site) -> Coco:
    ids = {"train2017": range(1, 7), "val2017": range(11, 15), "test2017": range(21, 24)}
    images = {folder: {f"{i:012d}.jpg": jpeg(i) for i in chosen} for folder, chosen in ids.items()}
    for folder, chosen in images.items():
        site.files |= {f"/{folder}/{name}": contents for name, contents in chosen.items()}

    def archive(path: str, files: dict[str, bytes], *members: str) -> Archive:
        contents = zipped(files)
        site.files[f"/{path}"] = contents
        checksum = hashlib.sha256(contents).hexdigest()
        return Archive(path, len(contents), checksum, members, sum(map(len, files.values())))

    def image_archive(folder: str) -> Archive:
        files = {f"{folder}/{name}": contents for name, contents in images[folder].items()}
        return archive(f"zips/{folder}.zip", files, f"{folder}/*.jpg")

    people = {
        f"annotations/person_keypoints_{folder}.json": as_json(annotations(folder, ids[folder]))
        for folder in ("train2017", "val2017")
    }
    others = {"annotations/captions_val2017.json": b"{}"}
    info = annotations("test2017", ids["test2017"])
    del info["annotations"]
    test_dev = {"annotations/image_info_test-dev2017.json": as_json(info)}
    return Coco(
        site,
        CocoArchives(
            annotations=archive("annotations/annotations_trainval2017.zip", people | others, *people),
            val=image_archive("val2017"),
            train=image_archive("train2017"),
            test_info=archive("annotations/image_info_test2017.zip", test_dev, *test_dev),
            test=image_archive("test2017"),
        ),
    )


def dataset_config(root: Path, source: str) -> DatasetConfig:
    return DatasetConfig(
        source=source,
        root=str(root),
        format=None,
        category=None,
        box_from="annotations",
        split=SplitConfig(val=0.34, seed=0),
        flip_pairs=None,
        sigmas=None,
        upper_body=None,
        synthetic=SyntheticConfig(seed=1, train_images=2, val_images=1, test_images=0),
    )


def download_config(**changes: Any) -> DownloadConfig:
    settings = {
        "archives": "remove",
        "subset_images": 0,
        "test_dev": False,
        "detections": None,
        "mirror": None,
    }
    return DownloadConfig(**(settings | changes))


@pytest.fixture
def own_folder(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder in COCO's layout as a user might have one."""

    def make(names: tuple[str, ...] = COCO_PERSON.names, name: str = "own") -> Path:
        folder = tmp_path / name
        for split, ids in {"train2017": range(1, 4), "val2017": range(11, 13)}.items():
            write(folder / f"annotations/person_keypoints_{split}.json", as_json(annotations(split, ids, names)))
            for i in ids:
                write(folder / split / f"{i:012d}.jpg", jpeg(i))
        return folder

    return make


def write(path: Path, contents: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)


def contents_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.fixture
def make() -> SimpleNamespace:
    """The functions above, for the test modules."""
    functions = (
        jpeg,
        zipped,
        category,
        annotations,
        as_json,
        dataset_config,
        download_config,
        write,
        contents_below,
    )
    return SimpleNamespace(**{function.__name__: function for function in functions})


@pytest.fixture
def no_wait() -> Retry:
    return NO_WAIT
