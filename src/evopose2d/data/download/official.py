"""COCO 2017 in full: its official archives, fetched and unpacked one after the other."""

from pathlib import Path

from evopose2d.config.schema import DownloadConfig
from evopose2d.data.download.archives import Archive, CocoArchives
from evopose2d.data.download.detections import detections_content, place_detections
from evopose2d.data.download.fetch import Retry
from evopose2d.data.download.layout import VAL
from evopose2d.data.download.plan import Plan, Space, Step, bytes_matching
from evopose2d.data.download.store import ArchiveStore, archive_store
from evopose2d.data.download.unpack import unpack


def plan_official(root: Path, download: DownloadConfig, archives: CocoArchives, retry: Retry) -> Plan:
    """Plan COCO 2017 from its archives: annotations, val, train, and test-dev where it is wanted.

    Test-dev and detections are steps of their own, so that asking for them later fetches nothing twice.

    Raises:
        ConfigError: ``download.mirror`` is no http(s) address.
        DataError: ``download.detections`` names no file.
    """
    store = archive_store(root, download, retry)
    wanted = [archives.annotations, archives.val, archives.train]
    if download.test_dev:
        wanted += [archives.test_info, archives.test]
    given = download.detections
    detections = Step(
        "detections",
        detections_content(given),
        lambda: place_detections(root, given, retry),
        () if given is None else (VAL.detections,),
    )
    steps = (*(_archive_step(root, store, archive) for archive in wanted), detections)
    return Plan("coco2017", {"source": "coco2017", "subset_images": 0}, steps)


def _archive_step(root: Path, store: ArchiveStore, archive: Archive) -> Step:
    def run() -> None:
        unpack(store.fetch(archive), root, archive.members)
        store.dispose(archive)

    def space() -> Space:
        return store.space(archive, max(archive.unpacked_size - bytes_matching(root, archive.members), 0))

    return Step(archive.name, archive.sha256, run, archive.members, space)
