import json

import pytest

from evopose2d.data.download.subset import reduce_annotations
from evopose2d.errors import DataError, DownloadError


@pytest.fixture
def root(tmp_path):
    return tmp_path / "coco"


def test_fetches_the_first_images_with_labelled_people(coco, root, make):
    summary = coco.prepare(root, subset_images=2)
    assert {split.name: split.images for split in summary.splits} == {"train": 2, "val": 2}
    contents = make.contents_below(root)
    images = {name for name in contents if name.endswith(".jpg")}
    assert images == {f"train2017/{i:012d}.jpg" for i in (1, 3)} | {f"val2017/{i:012d}.jpg" for i in (11, 13)}
    assert all(contents[name] == coco.site.files[f"/{name}"] for name in images)
    train = json.loads(contents["annotations/person_keypoints_train2017.json"])
    assert [image["id"] for image in train["images"]] == [1, 3]
    assert [person["image_id"] for person in train["annotations"]] == [1, 3]
    assert not any(path.startswith("/zips") for path, _ in coco.site.requests)
    assert not (root / "archives").exists()


def test_takes_test_dev_images_too(coco, root):
    assert coco.prepare(root, subset_images=2, test_dev=True).splits[2].images == 2
    assert len(list((root / "test2017").iterdir())) == 2


def test_a_second_call_asks_for_nothing_and_another_number_for_all(coco, root):
    coco.prepare(root, subset_images=1)
    asked = len(coco.site.requests)
    coco.prepare(root, subset_images=1)
    assert len(coco.site.requests) == asked
    assert coco.prepare(root, subset_images=3).splits[0].images == 3
    assert coco.prepare(root).splits[0].images == 6


def test_goes_on_with_the_images_that_are_missing(coco, root):
    image = coco.site.files.pop("/val2017/000000000013.jpg")
    with pytest.raises(DownloadError, match=r"000000000013\.jpg: the server answered 404"):
        coco.prepare(root, subset_images=2)
    present = {path.name for path in root.rglob("*.jpg")}
    coco.site.files["/val2017/000000000013.jpg"] = image
    asked = len(coco.site.requests)
    coco.prepare(root, subset_images=2)
    again = {path.rpartition("/")[2] for path, _ in coco.site.requests[asked:]}
    assert again == {f"{i:012d}.jpg" for i in (1, 3, 11, 13)} - present


@pytest.mark.parametrize("contents", [b"", b"<html>"])
def test_what_is_no_image_is_not_written(coco, root, contents):
    coco.site.files["/train2017/000000000001.jpg"] = contents
    with pytest.raises(DataError, match=r"received no image, expected 64 x 48 pixels"):
        coco.prepare(root, subset_images=1)
    assert not (root / "train2017" / "000000000001.jpg").exists()


def test_an_image_of_another_size_is_not_written(coco, root, make):
    coco.site.files["/train2017/000000000001.jpg"] = make.jpeg(1, width=48, height=64)
    with pytest.raises(DataError, match="an image of 48 x 64 pixels, expected 64 x 48"):
        coco.prepare(root, subset_images=1)


def test_images_come_from_their_own_address_without_a_mirror(coco, root, monkeypatch):
    asked = []

    def fetch(url, retry):
        asked.append(url)
        raise DownloadError("enough")

    monkeypatch.setattr("evopose2d.data.download.store.OFFICIAL_ADDRESS", coco.site.address)
    monkeypatch.setattr("evopose2d.data.download.subset.fetch_bytes", fetch)
    with pytest.raises(DownloadError, match="enough"):
        coco.prepare(root, subset_images=1, mirror=None)
    assert "http://images.cocodataset.org/train2017/000000000001.jpg" in asked


def test_reduction_is_by_id_whatever_the_order(make):
    data = make.annotations("train2017", range(1, 10))
    data["images"].reverse()
    reduced = reduce_annotations(data, 3)
    assert [image["id"] for image in reduced["images"]] == [1, 3, 5]
    assert {person["image_id"] for person in reduced["annotations"]} == {1, 3, 5}
    assert reduced["categories"] == data["categories"]
