import json
import math

import numpy as np
import pytest

from evopose2d.config.schema import DatasetConfig, SplitConfig, SyntheticConfig
from evopose2d.data import coco
from evopose2d.data.coco.category import parse_category
from evopose2d.data.coco.detections import of_category
from evopose2d.data.coco.findings import Findings
from evopose2d.errors import ConfigError, DataError
from evopose2d.keypoints import COCO_PERSON


def people_of(path, *, labelled_only=False):
    return coco.annotated_people(coco.read_coco(path), labelled_only=labelled_only)


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
    assert len(people_of(path, labelled_only=labelled_only)) == people


def test_the_sample_needs_no_repair(coco_sample):
    for split in ("train", "val"):
        read = coco.read_coco(coco_sample / f"annotations/person_keypoints_{split}2017.json")
        assert list(read.findings.lines()) == []


def test_the_samples_detections_are_all_read_as_they_are(coco_sample):
    images = coco.read_images(coco_sample / "annotations/person_keypoints_val2017.json").by_id
    path = coco_sample / "detections/person_detections_val2017.json"
    people = coco.detected_people(coco.read_detections(path), images, 17)
    entries = json.loads(path.read_text())
    assert [person.image_id for person in people] == [entry["image_id"] for entry in entries]
    assert [person.annotation_id for person in people] == list(range(118))
    np.testing.assert_allclose([person.box for person in people], [entry["bbox"] for entry in entries], rtol=1e-6)
    np.testing.assert_allclose([person.score for person in people], [entry["score"] for entry in entries])
    assert not np.any([person.keypoints for person in people])


def config(**changes):
    own = dict.fromkeys(("format", "category", "flip_pairs", "sigmas", "upper_body"))
    others = {"box_from": "annotations", "split": SplitConfig(0.1, 0), "synthetic": SyntheticConfig(0, 1, 1, 0)}
    return DatasetConfig(source="", root="", **(own | others | changes))


def test_the_samples_keypoints_are_cocos(coco_sample):
    read = coco.read_coco(coco_sample / "annotations/person_keypoints_val2017.json")
    assert coco.keypoint_schema(read, config()) == COCO_PERSON


def test_a_dataset_of_five_keypoints_takes_the_configurations_additions(annotation_file):
    read = coco.read_coco(annotation_file())
    schema = coco.keypoint_schema(read, config(sigmas=[0.1] * 5, upper_body=["head"]))
    assert schema.flip_permutation == (0, 2, 1, 4, 3)
    assert schema.sigmas == (0.1,) * 5
    assert schema.upper_body == (0,)
    with pytest.raises(ConfigError, match="nose"):
        coco.keypoint_schema(read, config(flip_pairs=[["nose", "head"]]))


def test_a_person_holds_what_the_annotation_says(annotation_file):
    person = people_of(annotation_file())[2]
    assert (person.image_id, person.annotation_id, person.file_name) == (1002, 5002, "002.jpg")
    assert person.box.dtype == person.keypoints.dtype == np.float32
    assert person.box.tolist() == [44, 20, 31, 39]
    assert person.keypoints.tolist() == [[60, 25, 2], [50, 40, 2], [70, 40, 1], [0, 0, 0], [65, 58, 2]]
    assert (person.score, person.area, person.image_size) == (1.0, 700.0, (120.0, 80.0))


def test_training_leaves_out_crowds_and_unlabelled_people_and_evaluation_does_not(annotation_file):
    def change(content):
        content["annotations"][0]["iscrowd"] = 1
        content["annotations"][1]["keypoints"] = [0] * 15
        del content["annotations"][2]["keypoints"]

    path = annotation_file(change)
    assert [person.annotation_id for person in people_of(path, labelled_only=True)] == [5003]
    assert [person.annotation_id for person in people_of(path)] == [5000, 5001, 5002, 5003]


def test_other_categories_are_not_used_and_said(annotation_file):
    def change(content):
        content["categories"].append({"id": 2, "name": "dog"})
        content["annotations"][0] = {"id": 1, "category_id": 2}

    read = coco.read_coco(annotation_file(change))
    assert len(read.people) == 3
    assert read.findings.notes == {"annotations of other categories are not used": 1}
    assert not read.findings.left_out


AREA = "area taken from the box"
AROUND = "drawn around the keypoints"


@pytest.mark.parametrize(
    ("changes", "box", "area", "repaired"),
    [
        ({"area": 0}, [44, 20, 32, 40], 32 * 40, [AREA]),
        ({"area": -5}, [44, 20, 32, 40], 32 * 40, [AREA]),
        ({"area": math.nan}, [44, 20, 32, 40], 32 * 40, [AREA]),
        ({"area": 1e14}, [44, 20, 32, 40], 32 * 40, [AREA]),
        ({"area": None}, [44, 20, 32, 40], 32 * 40, [AREA]),
        ({"area": "700.0"}, [44, 20, 32, 40], 700, []),
        ({"area": 0, "bbox": [-10, 60, 40, 100]}, [-10, 60, 40, 100], 30 * 20, [AREA]),
        # The keypoints span 20 x 33 pixels; an eighth of 33 is added on each side.
        ({"bbox": [0, 0, 0, 0]}, [45.875, 20.875, 28.25, 41.25], 700, [f"box missing or empty, {AROUND}"]),
        ({"bbox": None}, [45.875, 20.875, 28.25, 41.25], 700, [f"box missing or empty, {AROUND}"]),
        ({"bbox": [60, 40, 0, 9]}, [45.875, 20.875, 28.25, 41.25], 700, [f"box without size, {AROUND}"]),
        ({"bbox": [90, 60, -32, -40]}, [45.875, 20.875, 28.25, 41.25], 700, [f"box without size, {AROUND}"]),
        ({"bbox": [500, 20, 32, 40]}, [45.875, 20.875, 28.25, 41.25], 700, [f"box outside the image, {AROUND}"]),
        ({"bbox": [-500, 20, 32, 40]}, [45.875, 20.875, 28.25, 41.25], 700, [f"box outside the image, {AROUND}"]),
        ({"bbox": ["44", "20", "32", "40"]}, [44, 20, 32, 40], 700, []),
        ({"num_keypoints": 0}, [44, 20, 32, 40], 700, ["num_keypoints counted from the keypoints"]),
        ({"num_keypoints": None}, [44, 20, 32, 40], 700, ["num_keypoints counted from the keypoints"]),
        ({"num_keypoints": "4"}, [44, 20, 32, 40], 700, []),
        (
            {"category_id": None},
            [44, 20, 32, 40],
            700,
            ["category_id is missing, taken as that of the only category"],
        ),
    ],
)
def test_what_the_rest_of_an_annotation_tells_is_repaired(annotation_file, changes, box, area, repaired):
    read = coco.read_coco(annotation_file(lambda content: content["annotations"][2].update(changes)))
    person = read.people[2]
    assert list(person.box) == pytest.approx(box)
    assert person.area == pytest.approx(area)
    assert person.labelled == 4
    assert read.findings.repaired == dict.fromkeys(repaired, 1)
    assert all("annotation 5002" in line for line in read.findings.lines())


@pytest.mark.parametrize(
    ("value", "is_crowd"),
    [(None, False), (False, False), ("0", False), (0.0, False), ("false", False), (True, True), ("1", True), (1, True)],
)
def test_crowds_are_marked_in_many_ways(annotation_file, value, is_crowd):
    read = coco.read_coco(annotation_file(lambda content: content["annotations"][2].update(iscrowd=value)))
    assert [person.is_crowd for person in read.people] == [False, False, is_crowd, False]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"bbox": [500, 20, 32, 40], "keypoints": [0] * 15},
            "box outside the image, and no labelled keypoint in the image to draw one around",
        ),
        (
            {"bbox": [50, 20, 0, 40], "keypoints": [500, 20, 2] * 5},
            "box without size, and no labelled keypoint in the image to draw one around",
        ),
        ({"category_id": 9}, "category_id 9 is none of the file's categories"),
    ],
)
def test_who_cannot_be_used_is_left_out_with_the_reason(annotation_file, changes, reason):
    read = coco.read_coco(annotation_file(lambda content: content["annotations"][2].update(changes)))
    assert [person.annotation_id for person in read.people] == [5000, 5001, 5003]
    assert read.findings.left_out == {reason: 1}
    assert any("annotation 5002" in line for line in read.findings.lines())


def test_ids_that_nothing_can_hold_are_renumbered(annotation_file):
    def change(content):
        for entry, number in zip(content["annotations"], (0, 7, 7, 2**63), strict=True):
            entry["id"] = number
        content["images"][1]["id"] = content["annotations"][1]["image_id"] = "a0001"
        content["images"][2]["id"], content["annotations"][2]["image_id"] = "1002", 1002
        content["images"][3]["id"] = content["annotations"][3]["image_id"] = 2**64

    read = coco.read_coco(annotation_file(change))
    assert [(person.annotation_id, person.image_id) for person in read.people] == [(1, 1000), (7, 1), (2, 1002), (3, 2)]
    assert {number: image.file_name for number, image in read.images.items()} == {
        1000: "000.jpg", 1: "001.jpg", 1002: "002.jpg", 2: "003.jpg",
    }  # fmt: skip
    assert read.findings.repaired == {
        "image ids that are no whole numbers of 64 bits are renumbered": 2,
        "annotation ids that are repeated, 0 or no whole numbers are renumbered": 3,
    }


def test_entries_that_stand_there_twice_are_taken_once(annotation_file):
    def change(content):
        content["images"].append(content["images"][0])
        content["annotations"].append(content["annotations"][0])

    read = coco.read_coco(annotation_file(change))
    assert (len(read.images), len(read.people)) == (4, 4)
    assert sum(read.findings.repaired.values()) == 2


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
        ("bbox", [1, 2, 3], "bbox must be 4 finite numbers (x, y, width, height), got [1, 2, 3]"),
        ("bbox", [1, 2, 3, float("nan")], "bbox must be 4 finite numbers"),
        ("bbox", [1, 2, 3, 10**400], "bbox must be 4 finite numbers"),
        ("bbox", [1, 2, 3, "wide"], "got [1, 2, 3, 'wide']"),
        ("bbox", {"x": 1}, "bbox must be 4 finite numbers"),
        ("keypoints", [1, 2, 2] * 4, "keypoints must be 15 numbers (x, y, visibility of 5), got 12"),
        ("keypoints", [[1, 2], [2, 3]], "keypoints must be 15 numbers"),
        ("keypoints", [[1, 2, 2], [2, 3]], "keypoints must be 15 numbers"),
        ("keypoints", "all", "keypoints must be 15 numbers (x, y, visibility of 5), got 'all'"),
        ("keypoints", [1, 2, 3] * 5, "visibility must be 0, 1 or 2, got 3"),
        ("keypoints", [1, 2, 0.87] * 5, "visibility must be 0, 1 or 2, got 0.87"),
        ("keypoints", [1, 2, 2] * 4 + [None, 2, 2], "keypoint right_foot: x and y of a labelled keypoint must be"),
        ("keypoints", [1, 2, 2] * 4 + [1e300, 2, 2], "got 1e+300, 2"),
        ("image_id", 77, "image_id 77 is no image of the file"),
        ("image_id", [1000], "image_id [1000] is no image of the file"),
        ("area", "large", "area must be a number of square pixels, got 'large'"),
        ("iscrowd", 7, "iscrowd must be 0 or 1, got 7"),
        ("iscrowd", {"no": 0}, "iscrowd must be 0 or 1"),
    ],
)
def test_a_malformed_annotation_is_named_in_one_line(annotation_file, field, value, reason):
    path = annotation_file(lambda content: content["annotations"][2].update({field: value}))
    with pytest.raises(DataError) as caught:
        coco.read_coco(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: annotation 5002: ") and reason in message and "\n" not in message


def test_all_mistakes_are_told_at_once_ten_of_a_kind(make_split, annotation_file):
    def change(content):
        content["annotations"] = [
            entry | {"id": 100 * copy + entry["id"], "bbox": "large"}
            for copy in range(4)
            for entry in content["annotations"]
        ]
        content["annotations"][0]["iscrowd"] = "many"
        content["annotations"].append("person")
        content["images"].append({"id": 7})

    with pytest.raises(DataError) as caught:
        coco.read_coco(annotation_file(change))
    message = str(caught.value)
    assert message.count("bbox must be") == 10 and "and 6 more of this kind" in message
    assert "annotation 5000: iscrowd must be 0 or 1, got 'many'" in message
    assert "annotation number 16: must be an object, got 'person'" in message
    assert "image 7: file_name must name a file, got None" in message


def test_a_missing_image_id_is_named(annotation_file):
    path = annotation_file(lambda content: content["annotations"][2].pop("image_id"))
    with pytest.raises(DataError, match="annotation 5002: image_id is missing and is no image of the file"):
        coco.read_coco(path)


@pytest.mark.parametrize("scale", [1 / 120, 1 / 80])
def test_coordinates_that_are_parts_of_the_image_are_told(annotation_file, scale):
    def shrink(content, field):
        for entry in content["annotations"]:
            step = 3 if field == "keypoints" else 4
            entry[field] = [v if step == 3 and i % 3 == 2 else v * scale for i, v in enumerate(entry[field])]

    for field, told in (("keypoints", "all keypoints lie within"), ("bbox", "all boxes lie within")):
        with pytest.raises(DataError, match=f"{told} .* pixels: they look like parts of the image; multiply"):
            coco.read_coco(annotation_file(lambda content, field=field: shrink(content, field)))


def test_keypoints_that_lie_outside_are_told(annotation_file):
    def move(content, people):
        for entry in content["annotations"][:people]:
            entry["keypoints"] = [v if i % 3 == 2 else v + 1000 for i, v in enumerate(entry["keypoints"])]

    with pytest.raises(DataError, match="all 16 labelled keypoints lie outside their images"):
        coco.read_coco(annotation_file(lambda content: move(content, 4)))
    read = coco.read_coco(annotation_file(lambda content: move(content, 1)))
    assert read.findings.notes == {"4 of 16 labelled keypoints lie outside their images": 1}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[", "is no JSON file"),
        (b"\xff\xfe\x00{", "is no JSON file"),
        ("[" * 200_000, "nested too deeply"),
        ('{"images": [' + "1" * 5000 + "]}", "is no JSON file"),
        ("[]", "no COCO annotation file"),
        ('{"annotations": []}', "no COCO annotation file"),
        ('{"images": [], "categories": 1}', "categories must be a list of objects"),
    ],
)
def test_a_file_that_is_no_annotation_file_is_named(tmp_path, text, reason):
    path = tmp_path / "annotations.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=reason) as caught:
        coco.read_coco(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(DataError, match="no such file"):
        coco.read_coco(tmp_path / "absent.json")


def test_a_byte_order_mark_is_no_mistake(annotation_file):
    path = annotation_file()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(coco.read_coco(path).people) == 4


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"id": 3, "file_name": "a.jpg"}, r"image 3: width and height must be pixels, got \[None, None\]"),
        ({"id": 3, "file_name": "a.jpg", "width": 0, "height": 9}, r"image 3: width and height .* got \[0, 9\]"),
        ({"id": 3, "file_name": "a\0.jpg", "width": 9, "height": 9}, "image 3: file_name must name a file"),
        ({"id": 3, "file_name": "\ud800", "width": 9, "height": 9}, "image 3: file_name must name a file"),
        ({"file_name": "a.jpg", "width": 9, "height": 9}, "id must be a whole number or a name, got None"),
        ({"id": 1000, "file_name": "a.jpg", "width": 9, "height": 9}, "id 1000 stands there twice"),
        ("a.jpg", "image number 4: must be an object, got 'a.jpg'"),
    ],
)
def test_a_malformed_image_is_named(annotation_file, entry, reason):
    path = annotation_file(lambda content: content["images"].append(entry))
    with pytest.raises(DataError, match=reason):
        coco.read_images(path)


@pytest.mark.parametrize(
    ("categories", "got"),
    [
        ([], "categories with keypoints: none"),
        ([{"id": 1, "name": "dog"}], "categories with keypoints: none; .* must list the names of its 'keypoints'"),
        (
            [{"id": 5, "name": "cat", "keypoints": ["a"]}, {"id": 6, "name": "ape", "keypoints": ["b"]}],
            "'cat', 'ape'; must be one",
        ),
        ([{"id": 1, "name": "x", "keypoints": "abc"}], "keypoints must be a list of names, got 'abc'"),
        ([{"id": 1, "name": "x", "keypoints": ["a", "a"]}], "keypoints must be distinct names"),
        ([{"id": 1, "name": "x", "keypoints": ["a", None]}], "keypoints must be a list of names"),
        ([{"id": None, "name": "x", "keypoints": ["a"]}], "id must be a whole number, got None"),
        ([{"id": 1, "name": "x", "keypoints": ["a"]}, {"id": 1, "name": "y"}], "id 1 stands there twice"),
        (["person"], "categories must be a list of objects"),
    ],
)
def test_one_category_must_name_keypoints(annotation_file, categories, got):
    path = annotation_file(lambda content: content.update(categories=categories))
    with pytest.raises(DataError, match=got):
        coco.read_coco(path)


def test_of_several_categories_it_is_the_person_or_the_one_that_is_annotated(annotation_file):
    def change(content, names):
        first = content["categories"][0]
        content["categories"] = [first | {"id": number, "name": name} for number, name in enumerate(names)]

    assert coco.read_coco(annotation_file(lambda content: change(content, ["dog", "Person"]))).category["id"] == 1
    assert coco.read_coco(annotation_file(lambda content: change(content, ["cat", "dog"]))).category["id"] == 1


@pytest.mark.parametrize("skeleton", [[[1, 9]], [[1, 2, 3]], [[1, 1]], [3, 4], "arms", {"a": 1}, [["head", "tail"]]])
def test_a_skeleton_that_is_none_is_dropped_and_stops_nothing(annotation_file, skeleton):
    read = coco.read_coco(annotation_file(lambda content: content["categories"][0].update(skeleton=skeleton)))
    assert read.category["skeleton"] == [] and len(read.people) == 4
    (note,) = read.findings.notes
    assert "skeleton" in note and "only drawing uses it" in note


@pytest.mark.parametrize(
    "skeleton", [[[0, 1], [0, 4]], [["head", "left_hand"], ["head", "right_foot"]], [[1, 2], [1, 5]]]
)
def test_skeletons_count_from_0_or_1_or_name_keypoints(annotation_file, skeleton):
    read = coco.read_coco(annotation_file(lambda content: content["categories"][0].update(skeleton=skeleton)))
    assert read.category["skeleton"] == [[1, 2], [1, 5]]


def detection(**changes):
    return {"image_id": 1000, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5} | changes


def test_detections_elsewhere_or_empty_are_left_out(annotation_file):
    images = coco.read_images(annotation_file()).by_id
    entries = [
        detection(bbox=[-3, 5, 30.5, 300]),
        detection(image_id=1),
        detection(bbox=[1, 2, 0, 4]),
        detection(image_id=1001, score=0.25),
    ]
    people = coco.detected_people(coco.parse_detections(entries, "d.json"), images, 5)
    assert [(person.image_id, person.annotation_id) for person in people] == [(1000, 0), (1001, 3)]
    assert people[0].box.tolist() == [-3, 5, 30.5, 300]
    assert people[0].keypoints.shape == (5, 3)


def test_detections_of_one_category_are_people_whatever_its_number():
    same = coco.parse_detections([detection(), detection()], "d.json")
    assert of_category(same, 1, "d.json") == (same, None)
    taken, line = of_category(same, 2, "d.json")
    assert taken == same
    assert line == "d.json: all 2 detections are of category 1, which is taken for the people's (2)"
    mixed = coco.parse_detections([detection(category_id=3), detection(), detection(category_id=3)], "d.json")
    taken, line = of_category(mixed, 1, "d.json")
    assert [each.index for each in taken] == [1] and "categories 1 (1), 3 (2)" in line
    with pytest.raises(DataError, match=r"detections are of categories 1 \(1\), 3 \(2\); none is 2"):
        of_category(mixed, 2, "d.json")


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({}, "must be a JSON list"),
        ([{"image_id": 1000, "category_id": 1, "bbox": [1, 2, 3, 4]}], "detection 0: score is missing"),
        ([detection(), detection(bbox=[1, 2])], "detection 1: bbox must be 4 finite numbers"),
        ([detection(score=97)], "detection 0: score must be a number from 0 to 1, got 97"),
        ([detection(score=-1)], "detection 0: score must be a number from 0 to 1, got -1"),
        ([detection(score=None)], "detection 0: score must be a number from 0 to 1, got None"),
        ([detection(image_id=[1])], "detection 0: image_id must be a whole number"),
        ([detection(category_id="person")], "detection 0: category_id must be a whole number, got 'person'"),
        ([17], "detection 0: must be an object"),
    ],
)
def test_malformed_detections_are_named(tmp_path, entries, reason):
    path = tmp_path / "detections.json"
    path.write_text(json.dumps(entries))
    with pytest.raises(DataError, match=reason):
        coco.read_detections(path)


@pytest.mark.parametrize(("first", "wanted", "told"), [("dog", None, 1), ("dog", "person", 0), (None, None, 0)])
def test_a_category_other_than_the_files_first_is_told(tmp_path, first, wanted, told):
    listed = [{"id": 1, "name": first}] if first else []
    person = {"id": 2, "name": "person", "keypoints": ["nose", "tail"]}
    findings = Findings(tmp_path / "labels.json")
    assert parse_category({"categories": [*listed, person]}, findings, wanted)["id"] == 2
    assert sum("is taken, which is not the first of the file" in note for note in findings.notes) == told
