import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tests.data.samples import val_people

from evopose2d.config.schema import CropsConfig
from evopose2d.data import coco, records, writing
from evopose2d.data.image_files import read_pixels
from evopose2d.data.shards import read_info
from evopose2d.errors import DataError


@pytest.fixture
def val(make_split, tmp_path, five_schema, records_config):
    """Ten people of ten images, and a function that writes them."""
    make_split("val", 10)
    root = tmp_path / "coco"
    people = val_people(root, labelled_only=False)

    def write(folder="records/val", **settings):
        config = records_config(**settings)
        return writing.write_records(people, root / "val2017", tmp_path / folder, config, five_schema)

    return write


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def read_records(info) -> list[records.Record]:
    files = tf.data.TFRecordDataset([str(file) for file in info.files])
    return [records.parse(record, info.schema.count) for record in files.as_numpy_iterator()]


def annotation_ids(info) -> list[int]:
    return [number for record in read_records(info) for number in record.annotation_id.tolist()]


def test_records_hold_everybody_in_order_and_their_images(val, tmp_path):
    info = val()
    assert (info.people, info.images, info.skipped, info.shards) == (10, 10, 0, 3)
    assert read_info(info.folder) == info
    assert annotation_ids(info) == list(range(5000, 5010))
    assert read_records(info)[4].image == (tmp_path / "coco/val2017/004.jpg").read_bytes()


def test_the_number_of_workers_changes_no_byte(val):
    alone, many = val("alone/val", workers=1), val("many/val", workers=3)
    assert contents(alone.folder) == contents(many.folder)


def test_a_rerun_replaces_an_earlier_layout_and_gives_the_same_bytes(val):
    before = contents(val().folder)
    (info := val(people_per_shard=2)).folder.joinpath("notes.txt").write_text("mine")
    assert info.shards == 5
    again = contents(val().folder)
    assert again.pop("notes.txt") == b"mine"
    assert again == before


def test_an_interrupted_run_leaves_whole_files_and_no_info(val, monkeypatch):
    folder = val().folder
    expected = contents(folder)

    def stop_at_the_sixth(people, image):
        if people[0].annotation_id == 5005:
            raise KeyboardInterrupt
        return records.encode(people, image)

    monkeypatch.setattr(writing, "encode", stop_at_the_sixth)
    with pytest.raises(KeyboardInterrupt):
        val(workers=1)
    left = contents(folder)
    assert "val-00000-of-00003.tfrecord" in left and "val-00001-of-00003.tfrecord" not in left
    assert left.items() < expected.items()
    with pytest.raises(DataError, match="incomplete"):
        read_info(folder)


def spoil(path: Path, how: str) -> None:
    encoded = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "half":
        path.write_bytes(encoded[: len(encoded) // 2])
    elif how == "without its end":
        path.write_bytes(encoded[:-2])
    elif how == "text":
        path.write_bytes(b"<html>404</html>")
    elif how == "half a png":
        noise = np.random.default_rng(0).integers(0, 256, (80, 120, 3), np.uint8)
        _, png = cv2.imencode(".png", noise)
        path.write_bytes(png.tobytes()[:-2000])


@pytest.mark.parametrize("how", ["missing", "empty", "half", "without its end", "text", "half a png"])
def test_a_bad_image_is_an_error_that_names_file_and_annotation(val, tmp_path, how):
    bad = tmp_path / "coco/val2017/006.jpg"
    spoil(bad, how)
    with pytest.raises(DataError) as caught:
        val()
    message = str(caught.value)
    assert str(bad) in message and "annotation 5006" in message and "\n" not in message
    assert not (tmp_path / "records/val").exists()


def test_bad_images_are_skipped_logged_and_counted_where_asked(val, tmp_path, caplog):
    for index, how in ((0, "missing"), (3, "half"), (9, "text")):
        spoil(tmp_path / f"coco/val2017/{index:03d}.jpg", how)
    info = val(bad_images="skip")
    assert (info.people, info.skipped, info.images, info.shards) == (7, 3, 7, 2)
    assert annotation_ids(info) == [5001, 5002, 5004, 5005, 5006, 5007, 5008]
    skipped = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(skipped) == 3
    assert "003.jpg" in skipped[1] and "annotation 5003" in skipped[1]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_an_image_of_another_size_than_its_annotations_say_is_bad(val, tmp_path, turned, suffix):
    path = tmp_path / "coco/val2017/006.jpg"
    height, width = cv2.imread(str(path)).shape[:2]
    shape = (width, height, 3) if turned else (height + 1, width, 3)
    path.write_bytes(cv2.imencode(suffix, np.zeros(shape, np.uint8))[1].tobytes())
    with pytest.raises(DataError) as caught:
        val()
    message = str(caught.value)
    assert f"{path}: image is {shape[1]} x {shape[0]} pixels" in message
    assert message.count("its sides exchanged") == turned
    assert f"its annotation file says {width} x {height}" in message


def first_image(info) -> np.ndarray:
    return records.decode(read_records(info)[0].image)


@pytest.mark.parametrize(
    ("suffix", "options"), [(".webp", {"lossless": True}), (".gif", {}), (".bmp", {}), (".tif", {})]
)
def test_other_formats_are_written_as_records_hold_images(val, tmp_path, suffix, options):
    pixels = np.zeros((80, 120, 3), np.uint8)
    pixels[:, 60:] = 255
    path = tmp_path / "coco/val2017/000.jpg"  # formats are told by content, as names are often wrong
    Image.fromarray(pixels).save(path.with_suffix(suffix), **options)
    path.with_suffix(suffix).rename(path)
    np.testing.assert_allclose(first_image(val()), pixels, atol=4)


def photograph(orientation: int, upright: np.ndarray) -> bytes:
    """Store a picture as a camera does that was held so that ``orientation`` shows it upright."""
    undo = {2: lambda p: p[:, ::-1], 3: lambda p: p[::-1, ::-1], 6: lambda p: np.rot90(p), 8: lambda p: np.rot90(p, -1)}
    exif = Image.Exif()
    exif[0x0112] = orientation
    written = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(undo[orientation](upright))).save(written, "JPEG", quality=95, exif=exif)
    return written.getvalue()


@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
def test_photographs_are_turned_upright_as_predict_sees_them(val, tmp_path, orientation):
    upright = np.zeros((80, 120, 3), np.uint8)
    upright[:20, :30] = 255
    path = tmp_path / "coco/val2017/000.jpg"
    path.write_bytes(photograph(orientation, upright))
    recorded = first_image(val())
    np.testing.assert_allclose(recorded, upright, atol=60)  # where black meets white, JPEG rings
    assert np.abs(recorded.astype(int) - upright).mean() < 1
    assert np.abs(recorded.astype(int) - read_pixels(path)).mean() < 1


def test_labels_of_the_size_of_the_stored_pixels_are_of_those(val, tmp_path):
    stored = np.zeros((80, 120, 3), np.uint8)
    stored[:20, :30] = 255
    path = tmp_path / "coco/val2017/000.jpg"
    path.write_bytes(photograph(6, np.rot90(stored, -1)))
    assert np.abs(first_image(val()).astype(int) - stored).mean() < 1
    assert np.abs(read_pixels(path, labelled_size=(120, 80)).astype(int) - stored).mean() < 1
    assert read_pixels(path, labelled_size=(80, 120)).shape == (120, 80, 3)


def test_cocos_own_images_are_taken_as_they_are_stored(make_split, tmp_path, five_schema, records_config):
    make_split("val", 1)
    path = tmp_path / "coco/val2017/000.jpg"
    path.write_bytes(photograph(3, np.zeros((80, 120, 3), np.uint8)))
    read = coco.read_coco(tmp_path / "coco/annotations/person_keypoints_val2017.json")
    people = coco.annotated_people(read, labelled_only=False)
    info = writing.write_records(people, path.parent, tmp_path / "val", records_config(), five_schema, as_stored=True)
    assert read_records(info)[0].image == path.read_bytes()


def test_nobody_left_is_an_error(val, tmp_path):
    for path in (tmp_path / "coco/val2017").iterdir():
        spoil(path, "empty")
    with pytest.raises(DataError, match="nobody to write"):
        val(bad_images="skip")


@pytest.fixture
def shared(make_split, tmp_path, five_schema, records_config):
    """Twelve people, three in each of four images, and a function that writes some of them."""
    make_split("val", 12, people_per_image=3)
    root = tmp_path / "coco"
    people = val_people(root, labelled_only=False)

    def write(order, **settings):
        chosen = [people[index] for index in order]
        config = records_config(**settings)
        return writing.write_records(chosen, root / "val2017", tmp_path / "shared/val", config, five_schema)

    return write


def records_of(file: Path) -> list[list[int]]:
    contents = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    return [records.parse(record, 5).annotation_id.tolist() for record in contents]


def test_the_people_of_an_image_share_a_record_in_their_order_and_follow_its_first(shared):
    info = shared([6, 0, 3, 2, 8, 4, 1, 7, 5])
    assert (info.people, info.images, info.shards) == (9, 3, 2)
    first, second = map(records_of, info.files)
    assert first == [[5006, 5008, 5007], [5000, 5002, 5001]]  # four people or more in a file
    assert second == [[5003, 5004, 5005]]


def test_an_image_of_more_people_than_a_file_holds_takes_one_file(shared):
    info = shared(range(12), people_per_shard=2)
    assert [records_of(file) for file in info.files] == [[[5000 + 3 * n, 5001 + 3 * n, 5002 + 3 * n]] for n in range(4)]


def test_an_image_is_stored_once_for_all_of_its_people(shared):
    sizes = [sum(file.stat().st_size for file in shared(order).files) for order in ([0], [0, 1, 2])]
    assert sizes[1] < sizes[0] + 300


def test_crops_have_a_record_for_each_person(shared, five_schema):
    covered = CropsConfig(input_shape=[32, 32], scale=0.3, rotation=40.0, half_body=False, quality=90)
    info = shared([6, 0, 3, 2, 8], content="crops", crops=covered)
    assert [records_of(file) for file in info.files] == [[[5006], [5000], [5003], [5002]], [[5008]]]


def test_png_images_are_kept_as_they_are(make_split, tmp_path, five_schema, records_config):
    make_split("val", 2, suffix=".png")
    root = tmp_path / "coco"
    people = val_people(root, labelled_only=False)
    info = writing.write_records(people, root / "val2017", tmp_path / "val", records_config(), five_schema)
    assert read_records(info)[0].image == (root / "val2017/000.png").read_bytes()


def write_detections(root: Path, split: str, image_ids: list[int]) -> Path:
    path = root / "detections" / f"person_detections_{split}.json"
    path.parent.mkdir(exist_ok=True)
    entries = [
        {"image_id": image_id, "category_id": 1, "bbox": [40.5, 18, 40, 44], "score": 0.75} for image_id in image_ids
    ]
    path.write_text(json.dumps(entries))
    return path


def test_every_split_that_the_dataset_holds_is_written(make_split, tmp_path, records_config, dataset_config):
    make_split("train", 9)
    content = make_split("val", 4)
    make_split("test", 2)
    root = tmp_path / "coco"
    test_images = json.loads((root / "annotations/person_keypoints_test2017.json").read_text())["images"]
    (root / "annotations/image_info_test-dev2017.json").write_text(json.dumps({"images": test_images}))
    detections = write_detections(root, "val2017", [1000, 1000, 1003])
    write_detections(root, "test-dev2017", [1001])

    written = writing.write_all_records(dataset_config(root), records_config())
    assert {name: info.people for name, info in written.items()} == {
        "train": 9,
        "val": 4,
        "val-detections": 3,
        "test-dev": 1,
    }
    target = tmp_path / "records"
    assert {name: read_info(target / name) for name in written} == written
    assert written["train"].schema.names == tuple(content["categories"][0]["keypoints"])
    assert annotation_ids(written["val"]) == [5000, 5001, 5002, 5003]
    shuffled = annotation_ids(written["train"])
    assert sorted(shuffled) == list(range(5000, 5009)) != shuffled
    parsed = read_records(written["val-detections"])[0]
    assert parsed.score.tolist() == [0.75, 0.75]
    assert parsed.box.tolist() == [[40.5, 18, 40, 44]] * 2

    before = contents(target / "train")
    detections.unlink()
    again = writing.write_all_records(dataset_config(root), records_config())
    assert set(again) == {"train", "val", "test-dev"}
    assert contents(target / "train") == before
    with pytest.raises(DataError, match="missing or incomplete"):
        read_info(target / "val-detections")
    other_order = writing.write_all_records(dataset_config(root), records_config(seed=1))["train"]
    assert annotation_ids(other_order) != shuffled


def test_splits_of_unlike_keypoints_and_splits_without_people_are_errors(
    make_split, tmp_path, records_config, dataset_config
):
    make_split("train", 2)
    content = make_split("val", 2)
    root = tmp_path / "coco"
    path = root / "annotations/person_keypoints_val2017.json"
    content["categories"][0]["keypoints"][0] = "tail"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"keypoints \['tail', .* must be those of the train split: \['head', "):
        writing.write_all_records(dataset_config(root), records_config())
    content = json.loads((root / "annotations/person_keypoints_train2017.json").read_text())
    path.write_text(json.dumps(content))
    content["annotations"] = []
    path.with_name("person_keypoints_train2017.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"train2017\.json: holds no people with a labelled keypoint"):
        writing.write_all_records(dataset_config(root), records_config())


def test_keypoints_without_mirror_image_are_listed_once_unless_pairs_are_given(
    make_split, tmp_path, records_config, dataset_config, caplog
):
    for split in ("train", "val"):
        content = make_split(split, 2)
        content["categories"][0]["keypoints"] = ["head", "left_hand", "right_hand", "left_foot", "tail"]
        path = tmp_path / f"coco/annotations/person_keypoints_{split}2017.json"
        path.write_text(json.dumps(content))
    config = dataset_config(tmp_path / "coco")
    writing.write_all_records(config, records_config())
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warning.startswith("1 mirror pairs are known") and "left_foot, head, tail; dataset.flip_pairs" in warning
    caplog.clear()
    writing.write_all_records(replace(config, flip_pairs=[]), records_config())
    writing.write_all_records(replace(config, flip_pairs=[["left_hand", "right_hand"]]), records_config())
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_the_sample_is_written_whole(coco_sample, tmp_path, records_config, dataset_config):
    written = writing.write_all_records(dataset_config(coco_sample), records_config(people_per_shard=50))
    counts = {name: (info.people, info.images, info.shards) for name, info in written.items()}
    assert counts == {"train": (86, 28, 2), "val": (107, 36, 3), "val-detections": (118, 4, 2)}


_SLOW_WRITER = """
import sys, time
from dataclasses import replace
from pathlib import Path
from evopose2d.config.loading import load_params
from evopose2d.data import records, writing

params_file, root, target = sys.argv[1:]
params = load_params(Path(params_file))

def slowly(people, image):
    time.sleep(0.1)
    return records.encode(people, image)

writing.encode = slowly
writing.write_all_records(
    replace(params.dataset, source=root, root=root),
    replace(params.write_tfrecords, root=target, people_per_shard=4, workers=2),
)
"""


@pytest.mark.slow
def test_a_killed_run_leaves_no_half_file_and_a_rerun_gives_the_same_bytes(
    make_split, tmp_path, records_config, dataset_config, project_root
):
    make_split("train", 25)
    make_split("val", 3)
    dataset = dataset_config(tmp_path / "coco")
    writing.write_all_records(dataset, records_config())
    folder = tmp_path / "records/train"
    expected = contents(folder)
    shutil.rmtree(tmp_path / "records")
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            _SLOW_WRITER,
            str(project_root / "params.yaml"),
            dataset.root,
            str(tmp_path / "records"),
        ],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
    )
    try:
        deadline = time.monotonic() + 120
        while len(list(folder.glob("train-*"))) < 2:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = contents(folder)
    whole = {name: data for name, data in left.items() if not name.startswith(".")}
    assert 2 <= len(whole) < 7 and "info.json" not in whole
    assert all(data == expected[name] for name, data in whole.items())
    with pytest.raises(DataError, match="incomplete"):
        read_info(folder)
    writing.write_all_records(dataset, records_config())
    assert contents(folder) == expected
