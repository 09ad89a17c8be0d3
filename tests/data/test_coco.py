import json

import numpy as np
import pytest

from evopose2d.config.schema import DatasetConfig
from evopose2d.data import coco
from evopose2d.errors import ConfigError, DataError
from evopose2d.keypoints import COCO_PERSON


def people_of(path, *, labelled_only=False, keypoints=5):
    return coco.annotated_people(coco.read_coco(path), keypoints, labelled_only=labelled_only)


@pytest.fixture
def annotation_file(make_split, tmp_path):
    """Write a split of four people, changed by a function, and give the path."""

    def write(change=lambda content: None):
        content = make_split("val", 4)
        change(content)
        path = tmp_path / "coco/annotations/person_keypoints_val2017.json"
        path.write_text(json.dumps(content))
        return path

    return write


@pytest.mark.parametrize(
    ("split", "labelled_only", "people"), [("train", True, 86), ("val", False, 107), ("val", True, 80)]
)
def test_the_sample_holds_as_many_people_as_the_original_counted(coco_sample, split, labelled_only, people):
    path = coco_sample / f"annotations/person_keypoints_{split}2017.json"
    assert len(people_of(path, labelled_only=labelled_only, keypoints=17)) == people


def test_the_samples_detections_are_all_read_as_they_are(coco_sample):
    images = coco.read_coco(coco_sample / "annotations/person_keypoints_val2017.json").images
    path = coco_sample / "detections/person_detections_val2017.json"
    people = coco.detected_people(path, images, 17, category_id=1)
    entries = json.loads(path.read_text())
    assert [person.image_id for person in people] == [entry["image_id"] for entry in entries]
    assert [person.annotation_id for person in people] == list(range(118))
    np.testing.assert_allclose([person.box for person in people], [entry["bbox"] for entry in entries], rtol=1e-6)
    np.testing.assert_allclose([person.score for person in people], [entry["score"] for entry in entries])
    assert not np.any([person.keypoints for person in people])


def test_the_samples_keypoints_are_cocos(coco_sample):
    config = DatasetConfig(source="", root="", flip_pairs=None, sigmas=None, upper_body=None)
    schema = coco.load_keypoint_schema(coco_sample / "annotations/person_keypoints_val2017.json", config)
    assert schema == COCO_PERSON


def test_a_dataset_of_five_keypoints_takes_the_configurations_additions(annotation_file):
    path = annotation_file()
    config = DatasetConfig(source="", root="", flip_pairs=None, sigmas=[0.1] * 5, upper_body=["head"])
    schema = coco.load_keypoint_schema(path, config)
    assert schema.flip_permutation == (0, 2, 1, 4, 3)
    assert schema.sigmas == (0.1,) * 5
    assert schema.upper_body == (0,)
    with pytest.raises(ConfigError, match="nose"):
        unfit = DatasetConfig(source="", root="", flip_pairs=[["nose", "head"]], sigmas=None, upper_body=None)
        coco.load_keypoint_schema(path, unfit)


def test_a_person_holds_what_the_annotation_says(annotation_file):
    person = people_of(annotation_file())[2]
    assert (person.image_id, person.annotation_id, person.file_name) == (1002, 5002, "002.jpg")
    assert person.box.dtype == person.keypoints.dtype == np.float32
    assert person.box.tolist() == [44, 20, 31, 39]
    assert person.keypoints.tolist() == [[60, 25, 2], [50, 40, 2], [70, 40, 1], [0, 0, 0], [65, 58, 2]]
    assert (person.score, person.area) == (1.0, 700.0)


def test_training_leaves_out_crowds_and_unlabelled_people_and_evaluation_does_not(annotation_file):
    def change(content):
        content["annotations"][0]["iscrowd"] = 1
        content["annotations"][1]["keypoints"] = [0] * 15
        del content["annotations"][2]["keypoints"]

    path = annotation_file(change)
    assert [person.annotation_id for person in people_of(path, labelled_only=True)] == [5003]
    assert [person.annotation_id for person in people_of(path)] == [5000, 5001, 5002, 5003]


def test_people_without_area_or_outside_the_image_are_left_out(annotation_file):
    def change(content):
        content["annotations"][0]["area"] = 0
        content["annotations"][1]["bbox"] = [130, 10, 20, 20]
        del content["annotations"][2]["area"]

    people = people_of(annotation_file(change))
    assert [person.annotation_id for person in people] == [5002, 5003]
    assert people[0].area == 31 * 39


def test_other_categories_are_left_out(annotation_file):
    def change(content):
        content["categories"].append({"id": 2, "name": "dog"})
        content["annotations"][0] = {"id": 1, "category_id": 2}

    assert len(people_of(annotation_file(change))) == 3


@pytest.mark.parametrize(
    ("bbox", "expected"),
    [
        ((10, 20, 30, 40), (10, 20, 29, 39)),
        ((-5, -6, 30, 40), (0, 0, 29, 39)),  # moved in, not cut: the original's rule
        ((90, 60, 50, 50), (90, 60, 29, 19)),
        ((10, 20, 0.5, 40), (10, 20, 0, 39)),
        ((10, 20, 0.5, 0.5), (10, 20, 1, 1)),
        ((119.5, 20, 30, 40), None),
        ((10, 80, 30, 40), None),
    ],
)
def test_boxes_are_sanitised_as_the_original_did(bbox, expected):
    box = coco.sanitised_box(bbox, 120, 80)
    if expected is None:
        assert box is None
    else:
        assert box.dtype == np.float32
        np.testing.assert_allclose(box, expected)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("bbox", [1, 2, 3], "bbox must be four finite numbers"),
        ("bbox", [1, 2, 3, float("nan")], "bbox must be four finite numbers"),
        ("bbox", [1, 2, 3, "wide"], "could not convert"),
        ("bbox", None, "bbox must be four finite numbers"),
        ("keypoints", [1, 2, 2] * 4, "keypoints must be 15 finite numbers, got 12"),
        ("keypoints", [1, 2, 3] * 5, "visibility"),
        ("image_id", 77, "image 77 is not in the file's images"),
        ("image_id", [1000], "unhashable"),
        ("area", "large", "could not convert"),
        ("area", float("inf"), "expected a finite number"),
    ],
)
def test_a_malformed_annotation_is_named_in_one_line(annotation_file, field, value, reason):
    path = annotation_file(lambda content: content["annotations"][2].update({field: value}))
    with pytest.raises(DataError) as caught:
        people_of(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: annotation 5002: ") and reason in message and "\n" not in message


@pytest.mark.parametrize("field", ["id", "image_id", "bbox", "category_id"])
def test_a_missing_field_of_an_annotation_is_named(annotation_file, field):
    path = annotation_file(lambda content: content["annotations"][2].pop(field))
    identity = "number 2" if field == "id" else "5002"
    with pytest.raises(DataError, match=f"annotation {identity}: '{field}' is missing"):
        people_of(path)


def test_an_annotation_that_is_no_object_and_an_id_given_twice_are_named(annotation_file):
    path = annotation_file(lambda content: content["annotations"].insert(1, "person"))
    with pytest.raises(DataError, match="annotation number 1: "):
        people_of(path)
    content = json.loads(path.read_text())
    content["annotations"][1] = content["annotations"][0]
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="annotation 5000: its id stands there twice"):
        people_of(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[", "not valid JSON"),
        (b"\xff\xfe\x00{", "not valid JSON"),
        ("[]", "no COCO annotation file"),
        ('{"annotations": []}', "no COCO annotation file"),
        ('{"images": [{"id": 3, "file_name": "a.jpg"}]}', "entry 0 of images must hold"),
        ('{"images": ["a.jpg"]}', "entry 0 of images must hold"),
    ],
)
def test_a_file_that_is_no_annotation_file_is_named(tmp_path, text, reason):
    path = tmp_path / "annotations.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=reason) as caught:
        coco.read_coco(path)
    assert str(path) in str(caught.value)
    with pytest.raises(DataError, match="No such file"):
        coco.read_coco(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("categories", "got"),
    [
        ([], "got none"),
        ([{"id": 1, "name": "dog"}], "got none"),
        ([{"name": "cat", "keypoints": ["a"]}, {"name": "ape", "keypoints": ["b"]}], "got cat, ape"),
    ],
)
def test_one_category_must_name_keypoints(annotation_file, categories, got):
    path = annotation_file(lambda content: content.update(categories=categories))
    with pytest.raises(DataError, match=got):
        people_of(path)


def test_detections_elsewhere_or_of_other_things_or_empty_are_left_out(annotation_file, tmp_path):
    images = coco.read_coco(annotation_file()).images
    entries = [
        {"image_id": 1000, "category_id": 1, "bbox": [-3, 5, 30.5, 300], "score": 0.5},
        {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5},
        {"image_id": 1000, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.5},
        {"image_id": 1000, "category_id": 1, "bbox": [1, 2, 0, 4], "score": 0.5},
        {"image_id": 1001, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.25},
    ]
    path = tmp_path / "detections.json"
    path.write_text(json.dumps(entries))
    people = coco.detected_people(path, images, 5, category_id=1)
    assert [(person.image_id, person.annotation_id) for person in people] == [(1000, 0), (1001, 4)]
    assert people[0].box.tolist() == [-3, 5, 30.5, 300]
    assert people[0].keypoints.shape == (5, 3)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({}, "must be a JSON list"),
        (
            [{"image_id": 1000, "category_id": 1, "bbox": [1, 2, 3, 4]}],
            "detection number 0: 'score' is missing",
        ),
        (
            [{"image_id": 1000, "category_id": 1, "bbox": [1, 2], "score": 1}],
            "detection number 0: bbox must be",
        ),
        ([17], "detection number 0: "),
    ],
)
def test_malformed_detections_are_named(annotation_file, tmp_path, entries, reason):
    images = coco.read_coco(annotation_file()).images
    path = tmp_path / "detections.json"
    path.write_text(json.dumps(entries))
    with pytest.raises(DataError, match=reason):
        coco.detected_people(path, images, 5, category_id=1)
