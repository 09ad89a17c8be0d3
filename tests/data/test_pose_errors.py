"""Synthesised errors: how often each occurs, where it lies, and that they follow from a seed."""

import numpy as np
import pytest

from evopose2d.data.pose_errors import given_as_labelled, overlapping, seeds, synthesise
from evopose2d.evaluation.oks import keypoint_similarity
from evopose2d.keypoints import COCO_PERSON, schema_from_category

_AREA = 100.0**2
_LEFT_HIP, _RIGHT_HIP, _NOSE, _LEFT_WRIST = 11, 12, 0, 9


def _person(offset: float = 0.0) -> np.ndarray:
    """A person whose keypoints are far from each other beside what errors reach."""
    places = np.stack([np.arange(17) % 4, np.arange(17) // 4], axis=1) * 400.0 + offset
    return np.concatenate([places, np.full((17, 1), 2)], axis=1).astype(np.float32)


def _poses(person: np.ndarray, near: np.ndarray, count: int = 1500) -> np.ndarray:
    return np.stack([synthesise(np.random.default_rng(n), person, near, _AREA, COCO_PERSON) for n in range(count)])


def _similarity(poses: np.ndarray, places: np.ndarray) -> np.ndarray:
    return keypoint_similarity(poses, places[None], np.full(len(poses), _AREA), COCO_PERSON.sigmas)


def test_errors_are_as_frequent_as_the_authors_have_them():
    person, other = _person(), _person(offset=170.0)
    poses = _poses(person, other[None])
    own, theirs = _similarity(poses, person), _similarity(poses, other)
    paired = list(COCO_PERSON.flip_permutation)
    inverted, swapped = _similarity(poses, person[paired]), np.maximum(theirs, _similarity(poses, other[paired]))

    assert (poses[..., 2] == 1).all()
    # Probabilities of a person of whom all are labelled, with one near.
    for keypoint, jitter, miss, inversion, swap in (
        (_NOSE, 0.10, 0.02, 0.0, 0.01),
        (_LEFT_WRIST, 0.15, 0.10, 0.03, 0.06),
        (_LEFT_HIP, 0.20, 0.10, 0.06, 0.03),
    ):
        whole = 0.99 if keypoint == _NOSE else 1.0  # what has no counterpart cannot be inverted
        frequent = {"abs": 0.03}
        assert np.mean((own[:, keypoint] < 0.85) & (own[:, keypoint] > 0.5)) == pytest.approx(
            jitter / whole, **frequent
        )
        assert np.mean(inverted[:, keypoint] > 0.5) == pytest.approx(
            inversion if keypoint != _NOSE else np.mean(own[:, _NOSE] > 0.5), **frequent
        )
        assert np.mean(swapped[:, keypoint] > 0.5) == pytest.approx(swap / whole, abs=0.015)
        missed = (own[:, keypoint] <= 0.5) & (inverted[:, keypoint] <= 0.5) & (swapped[:, keypoint] <= 0.5)
        assert np.mean(missed) == pytest.approx(miss / whole, **frequent)


def test_nobody_near_means_no_swap_and_few_labels_mean_more_errors():
    person = _person()
    alone = _poses(person, np.empty((0, 17, 3), np.float32), 400)
    few = person.copy()
    few[5:11, 2] = few[13:, 2] = 0
    rarely = np.mean(_similarity(alone, person)[:, _LEFT_HIP] < 0.85)
    often = np.mean(_similarity(_poses(few, np.empty((0, 17, 3), np.float32), 400), few)[:, _LEFT_HIP] < 0.85)

    assert rarely == pytest.approx(0.36 / 0.97, abs=0.07)
    assert often == pytest.approx((0.25 + 0.15 + 0.06) / 0.97, abs=0.07)


def test_a_mirror_changes_nothing_but_sides():
    """Left and right have the same chances: both hips are taken for the other equally often."""
    person = _person()
    poses = _poses(person, np.empty((0, 17, 3), np.float32))
    inverted = _similarity(poses, person[list(COCO_PERSON.flip_permutation)]) > 0.5

    assert np.mean(inverted[:, _LEFT_HIP]) == pytest.approx(np.mean(inverted[:, _RIGHT_HIP]), abs=0.03)


def test_keypoints_that_lie_on_each_other_are_as_good_as_others():
    person = _person()
    person[_RIGHT_HIP] = person[_LEFT_HIP]
    poses = _poses(person, np.empty((0, 17, 3), np.float32), 400)

    assert poses[..., 2].all()
    # Of a good place and an inversion there is no telling which is which.
    assert np.mean(_similarity(poses, person)[:, _LEFT_HIP] > 0.85) == pytest.approx(0.65, abs=0.08)


def test_errors_become_as_frequent_as_wanted():
    person, nobody = _person(), np.empty((0, 17, 3), np.float32)

    def good(frequency: float) -> float:
        poses = [
            synthesise(np.random.default_rng(n), person, nobody, _AREA, COCO_PERSON, frequency) for n in range(200)
        ]
        return float(np.mean(_similarity(np.stack(poses), person)[:, _LEFT_WRIST] > 0.85))

    assert good(1.0) == pytest.approx(0.66 / 0.94, abs=0.1)
    assert good(2.0) == pytest.approx(0.32 / 0.88, abs=0.1)
    assert good(5.0) == 0


def test_keypoints_without_label_are_given_about_the_person():
    person = _person()
    person[3:, 2] = 0
    poses = _poses(person, np.empty((0, 17, 3), np.float32), 20)
    nobody = synthesise(np.random.default_rng(0), person * 0, np.empty((0, 17, 3), np.float32), _AREA, COCO_PERSON)

    assert poses[..., 2].all() and not nobody.any()
    distance = np.linalg.norm(poses[:, 3:, None, :2] - person[None, None, :3, :2], axis=-1).min(axis=-1)
    assert 0 < distance.mean() < 60


def test_any_keypoints_will_do_and_seeds_decide():
    schema = schema_from_category({"name": "dog", "keypoints": ["snout", "tail"]})
    person = np.array([[5, 5, 2], [90, 90, 1]], np.float32)
    near = np.empty((0, 2, 3), np.float32)
    first, again, other = (synthesise(np.random.default_rng(seed), person, near, _AREA, schema) for seed in (3, 3, 4))

    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0
    assert first[:, 2].all()


def test_boxes_overlap_from_a_tenth_on():
    box = np.array([0, 0, 10, 10], np.float32)
    others = np.array([[0, 0, 10, 10], [8, 0, 10, 10], [9, 0, 10, 10], [50, 50, 5, 5]], np.float32)

    np.testing.assert_array_equal(overlapping(box, others), [True, True, False, False])  # 20/180, 10/190


def test_labels_without_errors_and_seeds_of_people():
    labels = np.array([[[1, 2, 2], [3, 4, 0]]], np.float32)

    np.testing.assert_array_equal(given_as_labelled(labels), [[[1, 2, 1], [3, 4, 0]]])
    assert list(seeds(np.empty((0, 6)), np.array([4, 7]), 1)) == [(1, 4), (1, 7)]
    drawn = np.random.default_rng(0).random((2, 6))
    assert len({tuple(seed) for seed in seeds(drawn, np.array([0, 1]), 0)}) == 2
