"""Keypoint schemas from COCO categories."""

import pytest

from evopose2d.errors import ConfigError, DataError
from evopose2d.keypoints import COCO_PERSON, KeypointSchema, schema_from_category

_FIVE = {
    "name": "fox",
    "keypoints": ["nose", "ear_L", "ear_R", "left paw", "right paw"],
    "skeleton": [[1, 2], [1, 3]],
}


def test_coco_mirror_pairs_are_derived_from_the_names():
    mirrored = [COCO_PERSON.names[index] for index in COCO_PERSON.flip_permutation]
    swapped = [name.replace("left", "*").replace("right", "left").replace("*", "right") for name in COCO_PERSON.names]
    assert mirrored == swapped
    assert COCO_PERSON.names[COCO_PERSON.upper_body[-1]] == "right_wrist"


def test_other_keypoints_get_derived_pairs_and_default_sigmas():
    schema = schema_from_category(_FIVE)
    assert schema.flip_permutation == (0, 2, 1, 4, 3)
    assert schema.sigmas == (0.05,) * 5
    assert schema.skeleton == ((0, 1), (0, 2))
    assert schema.upper_body == ()


def test_given_pairs_sigmas_and_upper_body_are_taken():
    schema = schema_from_category(_FIVE, [["nose", "ear_L"]], [0.1, 0.2, 0.3, 0.4, 0.5], ["left paw"])
    assert schema.flip_permutation == (1, 0, 2, 3, 4)
    assert schema.sigmas[4] == 0.5
    assert schema.upper_body == (3,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"flip_pairs": [["nose", "tail"]]}, "dataset.flip_pairs: got 'tail'"),
        ({"flip_pairs": [["nose"]]}, "two keypoint names"),
        ({"flip_pairs": [["nose", "ear_L"], ["nose", "ear_R"]]}, "one pair only"),
        ({"flip_pairs": [["nose", "nose"]]}, "one pair only"),
        ({"sigmas": [0.1]}, "dataset.sigmas: got 1 values"),
        ({"upper_body": ["head"]}, "dataset.upper_body: got 'head'"),
    ],
)
def test_settings_that_do_not_fit_the_names(arguments: dict, message: str):
    with pytest.raises(ConfigError, match=message):
        schema_from_category(_FIVE, **arguments)


@pytest.mark.parametrize(
    "category", [{"name": "x"}, {"keypoints": ["a", "a"]}, {"keypoints": ["a", "b"], "skeleton": [[1, 3]]}]
)
def test_category_that_makes_no_sense(category: dict):
    with pytest.raises(DataError):
        schema_from_category(category)


def test_json_round_trip():
    import json
    from dataclasses import asdict

    assert KeypointSchema.from_json(json.loads(json.dumps(asdict(COCO_PERSON)))) == COCO_PERSON


@pytest.mark.parametrize(
    ("left", "right"),
    [("left_eye", "right_eye"), ("leftEye", "rightEye"), ("LeftEye", "RightEye"), ("LEye", "REye"), ("eyeL", "eyeR"),
     ("l_eye", "r_eye"), ("Eye.L", "Eye.R"), ("lefteye", "righteye"), ("LEFTEYE", "RIGHTEYE"), ("eye2L", "eye2R")],
)  # fmt: skip
def test_sides_are_found_however_words_are_joined(left: str, right: str):
    schema = schema_from_category({"keypoints": ["nose", left, right, "Lip", "bright"]})
    assert schema.flip_permutation == (0, 2, 1, 3, 4)


def test_keypoints_without_a_pair_are_told(caplog):
    schema_from_category({"keypoints": ["ojo_izquierdo", "ojo_derecho"]})
    assert "no mirror pairs are known" in caplog.text and "dataset.flip_pairs" in caplog.text
    caplog.clear()
    schema_from_category({"keypoints": ["ojo_izquierdo", "ojo_derecho"]}, flip_pairs=[])
    schema_from_category({"keypoints": ["nose"]})
    schema_from_category({"keypoints": ["left_eye", "right_eye"]})
    assert not caplog.text
