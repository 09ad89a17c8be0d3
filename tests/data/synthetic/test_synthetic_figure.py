from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evopose2d.data.synthetic.canvas import Label, Light
from evopose2d.data.synthetic.figure import Figure, Placement, draw_figure, sample_figure
from evopose2d.data.synthetic.poses import sample_pose, sample_proportions
from evopose2d.data.synthetic.skeleton import LimbAngles, Pose, Proportions, build_skeleton, rotation
from evopose2d.keypoints import COCO_PERSON

FRAME = (320, 320)
PLACE = Placement(160.0, 300.0, 200.0, 0.1)
LIGHT = Light(np.array((0.0, -0.6, 0.8)), np.zeros(FRAME, np.float32))
INDEX = {name: index for index, name in enumerate(COCO_PERSON.names)}
SIDES = ("left", "right")
seeds = st.integers(0, 2**32 - 1)


def figure_of(seed, **changes):
    return replace(sample_figure(np.random.default_rng(seed)), **changes)


def draw(figure, place=PLACE):
    return draw_figure(figure, place, FRAME, LIGHT, np.random.default_rng(0))


def standing(turn, arm=LimbAngles(abduction=0.3)):  # noqa: B008 - frozen
    leg = LimbAngles(abduction=0.1)
    pose = Pose(np.eye(3), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (arm, arm), (leg, leg))
    look = replace(figure_of(3).look, backpack=None)
    return Figure(Proportions(), pose, look, turn, 0.0)


def visible(drawn):
    canvas = drawn.canvas
    seen = {}
    for name, (x, y), labels in zip(COCO_PERSON.names, drawn.keypoints, drawn.seen_on, strict=True):
        seen[name] = int(canvas.labels[round(y) - canvas.top, round(x) - canvas.left]) in labels
    return seen


def test_who_faces_the_viewer_has_the_left_on_the_right_and_shows_the_face():
    drawn = draw(standing(turn=0.0))
    x = drawn.keypoints[:, 0]
    for part in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        assert x[INDEX[f"left_{part}"]] > x[INDEX[f"right_{part}"]], part
    assert all(seen for name, seen in visible(drawn).items() if not name.endswith("ear"))


def test_who_turns_the_back_has_the_left_on_the_left_and_hides_the_face():
    drawn = draw(standing(turn=np.pi))
    x = drawn.keypoints[:, 0]
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        assert x[INDEX[f"left_{part}"]] < x[INDEX[f"right_{part}"]], part
    seen = visible(drawn)
    assert not (seen["nose"] or seen["left_eye"] or seen["right_eye"])
    assert seen["left_shoulder"] and seen["right_hip"]


def test_who_shows_the_left_side_hides_the_right_shoulder_and_hip():
    seen = visible(draw(standing(turn=-np.pi / 2, arm=LimbAngles(flexion=0.7))))
    assert seen["left_shoulder"] and seen["left_hip"] and seen["left_knee"]
    assert not (seen["right_shoulder"] or seen["right_hip"] or seen["right_eye"])


def test_a_front_and_a_back_look_different():
    front, back = draw(standing(0.0)).canvas, draw(standing(np.pi)).canvas
    assert (front.labels == Label.NOSE).any()
    assert not (back.labels == Label.NOSE).any()


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_pixels_of_a_limb_lie_about_the_line_between_its_keypoints(seed):
    drawn = draw(figure_of(seed))
    canvas = drawn.canvas
    limbs = {
        Label.UPPER_ARM: ("shoulder", "elbow"),
        Label.FOREARM: ("elbow", "wrist"),
        Label.THIGH: ("hip", "knee"),
        Label.SHIN: ("knee", "ankle"),
    }
    for label, ends in limbs.items():
        for side, name in enumerate(SIDES):
            rows, columns = np.nonzero(canvas.labels == label + side)
            if not len(rows):
                continue
            pixels = np.stack([columns + canvas.left, rows + canvas.top], 1)
            start, end = (drawn.keypoints[INDEX[f"{name}_{joint}"]] for joint in ends)
            axis = end - start
            share = np.clip((pixels - start) @ axis / max(axis @ axis, 1e-6), 0, 1)
            distance = np.linalg.norm(pixels - start - share[:, None] * axis, axis=1)
            assert distance.max() < 0.1 * PLACE.scale, (name, label)


@given(seeds, st.integers(-40, 40), st.integers(-60, -20))
@settings(max_examples=15, deadline=None)
def test_keypoints_and_pixels_move_together(seed, right, down):
    figure = figure_of(seed)
    small = replace(PLACE, scale=120.0)
    first, second = draw(figure, small), draw(figure, replace(small, x=small.x + right, y=small.y + down))
    assert second.keypoints - first.keypoints == pytest.approx(np.tile((right, down), (17, 1)))
    for canvas in (first.canvas, second.canvas):
        height, width = canvas.labels.shape
        assume(canvas.left > 0 and canvas.top > 0)
        assume(canvas.left + width < FRAME[1] and canvas.top + height < FRAME[0])
    assert (second.canvas.left - first.canvas.left, second.canvas.top - first.canvas.top) == (right, down)
    assert (first.canvas.labels == second.canvas.labels).all()


def test_size_scales_keypoints():
    small, large = draw(standing(0.2), replace(PLACE, scale=100.0)), draw(standing(0.2))
    ground = (PLACE.x, PLACE.y)
    assert large.keypoints - ground == pytest.approx(2 * (small.keypoints - ground))


def test_outside_of_the_picture_there_is_nothing_to_draw():
    assert draw(standing(0.0), replace(PLACE, x=-500.0)) is None


def test_a_seat_is_no_part_of_the_person():
    sitting = next(figure for seed in range(200) if (figure := figure_of(seed)).pose.seated)
    drawn = draw(sitting)
    assert (drawn.canvas.labels == Label.OBJECT).any()
    assert not drawn.mask[drawn.canvas.labels == Label.OBJECT].any()


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_bones_keep_their_lengths_in_every_pose(seed):
    rng = np.random.default_rng(seed)
    body, pose = sample_proportions(rng), sample_pose(rng)
    bones = build_skeleton(body, pose, rotation(1, rng.uniform(-3, 3)), 100.0)
    for first, second, length in (
        (bones.shoulders, bones.elbows, body.upper_arm),
        (bones.elbows, bones.wrists, body.forearm),
        (bones.hips, bones.knees, body.thigh),
        (bones.knees, bones.ankles, body.shin),
    ):
        assert np.linalg.norm(first - second, axis=1) == pytest.approx(100.0 * length)


def test_angles_bend_the_way_they_say():
    def wrist_and_ankle(arm=LimbAngles(), leg=LimbAngles()):  # noqa: B008 - frozen
        pose = Pose(np.eye(3), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (arm, arm), (leg, leg))
        bones = build_skeleton(Proportions(), pose, np.eye(3), 1.0)
        return bones.wrists, bones.ankles

    rest_wrists, rest_ankles = wrist_and_ankle()
    forward, _ = wrist_and_ankle(LimbAngles(flexion=0.5))
    assert (forward[:, 2] > rest_wrists[:, 2]).all()
    outward, _ = wrist_and_ankle(LimbAngles(abduction=0.5))
    assert outward[0, 0] > rest_wrists[0, 0] and outward[1, 0] < rest_wrists[1, 0]
    bent, _ = wrist_and_ankle(LimbAngles(bend=0.8))
    assert (bent[:, 2] > rest_wrists[:, 2]).all()
    inward, _ = wrist_and_ankle(LimbAngles(bend=0.8, rotation=0.8))
    assert inward[0, 0] < bent[0, 0] and inward[1, 0] > bent[1, 0]
    _, kneeling = wrist_and_ankle(leg=LimbAngles(bend=0.8))
    assert (kneeling[:, 2] < rest_ankles[:, 2]).all()
