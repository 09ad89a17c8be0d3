"""Keypoint schemas from COCO categories."""

import json
from dataclasses import asdict

import pytest

from evopose2d.errors import ConfigError, DataError
from evopose2d.keypoints import COCO_PERSON, KeypointSchema, schema_from_category
from evopose2d.keypoints.naming import unpaired

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


def test_a_categorys_own_pairs_are_taken_unless_settings_name_others():
    category = _FIVE | {"flip_pairs": [["nose", "left paw"]]}
    schema = schema_from_category(category)
    assert schema.flip_permutation == (3, 1, 2, 0, 4)
    assert schema_from_category(schema.category).flip_permutation == schema.flip_permutation
    assert schema_from_category(category, [["ear_L", "ear_R"]]).flip_permutation == (0, 2, 1, 3, 4)
    assert schema_from_category(category, []).flip_permutation == (0, 1, 2, 3, 4)
    assert schema_from_category(_FIVE | {"flip_pairs": []}).flip_permutation == (0, 1, 2, 3, 4)


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


@pytest.mark.parametrize("category", [{"name": "x"}, {"keypoints": ["a", "a"]}])
def test_category_that_makes_no_sense(category: dict):
    with pytest.raises(DataError):
        schema_from_category(category)


@pytest.mark.parametrize(
    "schema", [COCO_PERSON, schema_from_category(_FIVE | {"id": 7, "flip_pairs": [["nose", "left paw"]]})]
)
def test_json_round_trip(schema: KeypointSchema):
    assert KeypointSchema.from_json(json.loads(json.dumps(asdict(schema)))) == schema


@pytest.mark.parametrize(
    ("left", "right"),
    [("left_eye", "right_eye"), ("leftEye", "rightEye"), ("LeftEye", "RightEye"), ("LEye", "REye"), ("eyeL", "eyeR"),
     ("l_eye", "r_eye"), ("Eye.L", "Eye.R"), ("lefteye", "righteye"), ("LEFTEYE", "RIGHTEYE"), ("eye2L", "eye2R"),
     ("legL1", "legR1"), ("L_eye", "R_eye"), ("eye.l", "eye.r"), ("left-eye", "right-eye"), ("Left Eye", "Right Eye"),
     ("eye_L1", "eye_R1"), ("Eye (left)", "Eye (right)"), ("lhip", "rhip"), ("hipl", "hipr"), ("L1", "R1"),
     ("LT_Hip", "RT_Hip"), ("eye left 2", "eye right 2"), ("LHip", "RHip"), ("Left_eye", "right_Eye"),
     ("legl1", "legr1")],
)  # fmt: skip
def test_sides_are_found_however_words_are_joined(left: str, right: str):
    schema = schema_from_category({"keypoints": ["nose", left, right, "Lip", "bright", "tail"]})
    assert schema.flip_permutation == (0, 2, 1, 3, 4, 5)


def test_all_pairs_of_an_insects_legs_are_found():
    legs = [f"{leg}leg{side}{joint}" for side in "RL" for leg in ("fore", "mid", "hind") for joint in (1, 2, 3, 4)]
    schema = schema_from_category({"keypoints": ["head", "eyeL", "eyeR", *legs, "wingL", "wingR"]})
    alone = [index for index, other in enumerate(schema.flip_permutation) if index == other]
    assert alone == [0]
    assert schema.flip_permutation[schema.names.index("midlegL3")] == schema.names.index("midlegR3")


def test_keypoints_without_a_counterpart_are_listed():
    names = ("nose", "left_eye", "right_eye", "left_ear", "tail")
    schema = schema_from_category({"keypoints": names})
    assert unpaired(names, schema.flip_permutation) == (["left_ear"], ["nose", "tail"])


def test_sides_that_are_named_twice_are_not_guessed():
    schema = schema_from_category({"keypoints": ["left_eye", "eye_left", "right_eye", "left_right"]})
    assert schema.flip_permutation == (0, 1, 2, 3)


@pytest.mark.parametrize(
    "spelled",
    [
        lambda name: name.replace("_", " ").title(),
        lambda name: name.upper(),
        lambda name: "".join(word.title() for word in name.split("_")),
        lambda name: "-".join(reversed(name.split("_"))),
        lambda name: name.replace("left_", "l_").replace("right_", "r_"),
    ],
)
def test_cocos_seventeen_are_known_in_other_spellings(spelled):
    schema = schema_from_category({"keypoints": [spelled(name) for name in COCO_PERSON.names]})
    for field in ("skeleton", "flip_permutation", "sigmas", "upper_body"):
        assert getattr(schema, field) == getattr(COCO_PERSON, field)


def test_cocos_seventeen_are_known_in_another_order():
    schema = schema_from_category({"keypoints": COCO_PERSON.names[::-1]})
    assert schema.sigmas == COCO_PERSON.sigmas[::-1]
    assert [schema.names[index] for index in schema.upper_body] == list(COCO_PERSON.names[10::-1])
    assert len(schema.skeleton) == len(COCO_PERSON.skeleton)


def test_a_person_without_skeleton_gets_cocos_limbs_of_the_keypoints_that_are_there():
    schema = schema_from_category({"keypoints": ["head", "Left Shoulder", "Right Shoulder", "Left Elbow"]})
    assert schema.skeleton == ((1, 2), (1, 3))
    assert schema.sigmas == (0.05,) * 4
