import contextlib
import hashlib
import io
import json
import multiprocessing
import subprocess
import sys

import cv2
import numpy as np
import psutil
import pytest
from pycocotools.coco import COCO

from evopose2d.config.schema import SyntheticConfig
from evopose2d.data.synthetic import write_synthetic_dataset
from evopose2d.errors import DataError
from evopose2d.keypoints import COCO_PERSON, schema_from_category

TRAIN = "annotations/person_keypoints_train2017.json"
VAL = "annotations/person_keypoints_val2017.json"
TEST = "annotations/image_info_test-dev2017.json"


def config(**changes):
    return SyntheticConfig(**{"seed": 3, "train_images": 10, "val_images": 3, "test_images": 2, **changes})


def write(root, *, workers=1, progress=None, **changes):
    write_synthetic_dataset(root, config(**changes), workers=workers, progress=progress)
    return root


def digests(root):
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write(tmp_path_factory.mktemp("drawn"))


def load(path):
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def test_same_seed_gives_the_same_bytes_whatever_the_number_of_workers(dataset, tmp_path):
    assert digests(write(tmp_path, workers=2)) == digests(dataset)


def test_another_seed_gives_other_pictures(dataset, tmp_path):
    other = digests(write(tmp_path, seed=4, train_images=1, val_images=1, test_images=0))
    assert other["train2017/000000000001.jpg"] != digests(dataset)["train2017/000000000001.jpg"]


def test_a_longer_split_begins_with_the_shorter_one(dataset, tmp_path):
    write(tmp_path, train_images=2, val_images=1, test_images=0)
    shorter, longer = (json.loads((root / TRAIN).read_text()) for root in (tmp_path, dataset))
    assert shorter["images"] == longer["images"][:2]
    count = len(shorter["annotations"])
    assert shorter["annotations"] == longer["annotations"][:count]


def test_splits_share_no_picture_and_no_id(dataset):
    pictures = list(dataset.glob("*2017/*.jpg"))
    assert len(pictures) == 15
    assert len({path.read_bytes() for path in pictures}) == 15
    assert len({path.name for path in pictures}) == 15
    ids = [a["id"] for name in (TRAIN, VAL) for a in json.loads((dataset / name).read_text())["annotations"]]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("name", "folder", "count"), [(TRAIN, "train2017", 10), (VAL, "val2017", 3)])
def test_annotations_are_cocos(dataset, name, folder, count):
    coco = load(dataset / name)
    assert len(coco.imgs) == count
    assert schema_from_category(coco.cats[1]) == COCO_PERSON
    for image in coco.imgs.values():
        picture = cv2.imread(str(dataset / folder / image["file_name"]))
        assert picture.shape == (image["height"], image["width"], 3)
        assert image["file_name"] == f"{image['id']:012d}.jpg"
        assert coco.imgToAnns[image["id"]]
    for entry in coco.anns.values():
        image = coco.imgs[entry["image_id"]]
        mask = coco.annToMask(entry).astype(bool)
        assert mask.shape == (image["height"], image["width"])
        assert entry["area"] == mask.sum() > 0
        left, top, width, height = entry["bbox"]
        rows, columns = np.nonzero(mask)
        # Polygons are the mask to half a pixel.
        assert left - 1 <= columns.min() <= columns.max() + 1 <= left + width + 1
        assert top - 1 <= rows.min() <= rows.max() + 1 <= top + height + 1
        keypoints = np.array(entry["keypoints"]).reshape(17, 3)
        assert entry["num_keypoints"] == (keypoints[:, 2] > 0).sum()
        labelled = keypoints[keypoints[:, 2] > 0]
        assert (labelled[:, :2] >= 0).all()
        assert (labelled[:, :2] <= (image["width"] - 1, image["height"] - 1)).all()
        assert (keypoints[keypoints[:, 2] == 0] == 0).all()


def test_val_people_are_detected(dataset):
    coco = load(dataset / VAL)
    with contextlib.redirect_stdout(io.StringIO()):
        found = coco.loadRes(str(dataset / "detections/person_detections_val2017.json"))
    assert {entry["image_id"] for entry in found.anns.values()} <= set(coco.imgs)
    assert len(found.anns) >= 3


def test_test_images_have_detections_and_no_annotations(dataset):
    content = json.loads((dataset / TEST).read_text())
    assert set(content) == {"info", "licenses", "images", "categories"}
    found = json.loads((dataset / "detections/person_detections_test-dev2017.json").read_text())
    assert {entry["image_id"] for entry in found} <= {image["id"] for image in content["images"]}


def test_without_test_images_there_are_no_test_files(tmp_path):
    write(tmp_path, train_images=1, val_images=1)
    write(tmp_path, train_images=1, val_images=1, test_images=0)
    assert not (tmp_path / TEST).exists()
    assert not (tmp_path / "detections/person_detections_test-dev2017.json").exists()


def test_progress_counts_every_image(tmp_path):
    counts = []
    write(tmp_path, progress=counts.append)
    assert sum(counts) == 15 and len(counts) >= 4


class InterruptError(Exception):
    pass


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_run_leaves_no_annotations_and_no_part_of_a_file(dataset, tmp_path, workers):
    def interrupt(count):
        raise InterruptError

    write(tmp_path, seed=9, train_images=1, val_images=1)
    with pytest.raises(InterruptError):
        write(tmp_path, workers=workers, progress=interrupt)
    assert not multiprocessing.active_children()  # which would go on writing
    assert not list((tmp_path / "annotations").iterdir())
    assert not list((tmp_path / "detections").iterdir())
    assert all(cv2.imread(str(path)) is not None for path in (tmp_path / "train2017").iterdir())
    write(tmp_path)
    assert {name: digests(tmp_path)[name] for name in digests(dataset)} == digests(dataset)


def test_a_killed_process_is_told(tmp_path):
    def kill(count):
        for child in multiprocessing.active_children():
            child.kill()

    with pytest.raises(DataError, match="killed"):
        write(tmp_path, workers=2, progress=kill, train_images=80)
    assert not (tmp_path / TRAIN).exists()


def test_what_a_killed_run_was_writing_is_removed(tmp_path):
    unfinished = tmp_path / "train2017/.000000000004-x1y2.jpg"
    unfinished.parent.mkdir()
    unfinished.write_bytes(b"half")
    write(tmp_path, train_images=1, val_images=1, test_images=0)
    assert [path.name for path in (tmp_path / "train2017").iterdir()] == ["000000000001.jpg"]


@pytest.mark.slow
def test_workers_end_with_a_killed_parent(tmp_path):
    code = """
if __name__ == "__main__":
    import sys
    from pathlib import Path
    from evopose2d.config.schema import SyntheticConfig
    from evopose2d.data.synthetic import write_synthetic_dataset
    config = SyntheticConfig(seed=1, train_images=4000, val_images=1, test_images=0)
    write_synthetic_dataset(Path(sys.argv[1]), config, workers=2, progress=lambda count: print(count, flush=True))
"""
    script = tmp_path / "draw.py"
    script.write_text(code)
    with subprocess.Popen([sys.executable, script, tmp_path / "drawn"], stdout=subprocess.PIPE) as parent:
        parent.stdout.readline()
        children = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
    assert len(children) >= 2
    _, alive = psutil.wait_procs(children, timeout=60)
    for child in alive:
        child.kill()
    assert not alive
    assert not (tmp_path / "drawn" / TRAIN).exists()
