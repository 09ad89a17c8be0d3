"""The official COCO 2017 archives."""

from dataclasses import dataclass

OFFICIAL_ADDRESS = "http://images.cocodataset.org"


@dataclass(frozen=True)
class Archive:
    """One official archive and what is taken from it.

    Attributes:
        path: its address below the server's base address.
        size: its size in bytes.
        sha256: its SHA-256 in hexadecimal digits.
        members: patterns of the entries that are unpacked, relative to the dataset's root.
        unpacked_size: bytes that these take on disk, rounded up.
    """

    path: str
    size: int
    sha256: str
    members: tuple[str, ...]
    unpacked_size: int

    @property
    def name(self) -> str:
        """File name of the archive."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class CocoArchives:
    """The archives of COCO 2017 that keypoints need."""

    annotations: Archive
    val: Archive
    train: Archive
    test_info: Archive
    test: Archive


# COCO publishes no checksums. These sizes and SHA-256 sums are those on which independent users agree,
# TensorFlow Datasets (url_checksums/coco.txt) among them. JPEG images are as large outside an archive as
# inside it; a twentieth is added for the file system's blocks.
COCO2017 = CocoArchives(
    annotations=Archive(
        path="annotations/annotations_trainval2017.zip",
        size=252_907_541,
        sha256="113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
        members=("annotations/person_keypoints_train2017.json", "annotations/person_keypoints_val2017.json"),
        unpacked_size=250_000_000,
    ),
    val=Archive(
        path="zips/val2017.zip",
        size=815_585_330,
        sha256="4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
        members=("val2017/*.jpg",),
        unpacked_size=860_000_000,
    ),
    train=Archive(
        path="zips/train2017.zip",
        size=19_336_861_798,
        sha256="69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929",
        members=("train2017/*.jpg",),
        unpacked_size=20_300_000_000,
    ),
    test_info=Archive(
        path="annotations/image_info_test2017.zip",
        size=1_144_034,
        sha256="e52f412dd7195ac8f98d782b44c6dd30ea10241e9f42521f67610fbe055a74f8",
        members=("annotations/image_info_test-dev2017.json",),
        unpacked_size=20_000_000,
    ),
    test=Archive(
        path="zips/test2017.zip",
        size=6_646_970_404,
        sha256="c7908c3c9f94ba2f3340ebbeec58c25db6be8774f18d68c2f15d0e369d95baba",
        members=("test2017/*.jpg",),
        unpacked_size=7_000_000_000,
    ),
)
