import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evopose2d.evaluation.nms import MAX_PEOPLE, METHODS, oks_nms, soft_oks_nms, suppress
from evopose2d.evaluation.oks import pairwise_oks

SIGMAS = (0.05,) * 5
AREA = 1000.0

people = hnp.arrays(np.float64, (7, 5, 2), elements=st.floats(0, 30))
unique_scores = st.lists(st.floats(0.01, 1), min_size=7, max_size=7, unique=True).map(np.array)
thresholds = st.floats(0.05, 0.95)


def similarity_of(keypoints):
    return pairwise_oks(keypoints, np.full(len(keypoints), AREA), SIGMAS)


def test_nms_removes_whoever_is_like_a_better_one():
    similarity = np.array([[1.0, 0.95, 0.1], [0.95, 1.0, 0.92], [0.1, 0.92, 1.0]])

    # The second is removed by the first, and so cannot remove the third.
    assert oks_nms(similarity, np.array([0.9, 0.8, 0.7]), 0.9).tolist() == [0, 2]
    assert oks_nms(similarity, np.array([0.7, 0.9, 0.8]), 0.9).tolist() == [1]


def test_nms_keeps_whoever_lies_on_the_threshold():
    assert oks_nms(np.array([[1.0, 0.9], [0.9, 1.0]]), np.array([0.5, 0.6]), 0.9).tolist() == [1, 0]


@given(people, unique_scores, thresholds)
def test_nms_keeps_the_best_and_nobody_alike_and_is_idempotent(keypoints, scores, threshold):
    similarity = similarity_of(keypoints)

    kept = oks_nms(similarity, scores, threshold)

    assert kept[0] == np.argmax(scores)
    assert np.all(np.diff(scores[kept]) < 0)
    among_kept = similarity[np.ix_(kept, kept)] - 2 * np.eye(len(kept))
    assert np.all(among_kept <= threshold)
    again = oks_nms(similarity[np.ix_(kept, kept)], scores[kept], threshold)
    assert kept[again].tolist() == kept.tolist()
    removed = np.setdiff1d(np.arange(len(scores)), kept)
    for index in removed:
        better = kept[scores[kept] > scores[index]]
        assert np.any(similarity[index, better] > threshold)


@pytest.mark.parametrize("method", METHODS)
@given(unique_scores, thresholds)
def test_people_far_apart_all_stay_as_they_are(method, scores, threshold):
    keypoints = np.tile(np.arange(7.0)[:, None, None] * 1e4, (1, 5, 2))

    kept, new_scores = suppress(
        np.zeros(7, int), keypoints, scores, np.full(7, AREA), SIGMAS, method=method, threshold=threshold
    )

    assert kept.tolist() == list(range(7))
    assert new_scores == pytest.approx(scores)


def test_soft_nms_decays_by_each_kept_person():
    similarity = np.array([[1.0, 0.5, 0.8], [0.5, 1.0, 0.3], [0.8, 0.3, 1.0]])

    kept, scores = soft_oks_nms(similarity, np.array([0.9, 0.6, 0.8]), 0.5)

    second = 0.6 * np.exp(-0.25 / 0.5)
    third = 0.8 * np.exp(-0.64 / 0.5) * np.exp(-0.09 / 0.5)
    assert kept.tolist() == [0, 1, 2]
    assert scores == pytest.approx([0.9, second, third])


@given(people, unique_scores, thresholds)
def test_soft_nms_never_raises_a_score_and_orders_by_it(keypoints, scores, threshold):
    kept, lowered = soft_oks_nms(similarity_of(keypoints), scores, threshold)

    assert sorted(kept.tolist()) == list(range(7))
    assert np.all(lowered <= scores[kept])
    assert lowered[0] == scores.max()
    assert np.all(np.diff(lowered) <= 1e-12)


def test_soft_nms_keeps_no_more_than_the_evaluation_reads():
    count = MAX_PEOPLE + 5

    kept, _ = soft_oks_nms(np.eye(count), np.linspace(0.1, 1, count), 0.9)

    assert kept.tolist() == list(range(count - 1, 4, -1))


def test_soft_nms_at_threshold_zero_takes_everything_from_the_overlapping():
    similarity = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]])

    kept, scores = soft_oks_nms(similarity, np.array([0.9, 0.8, 0.7]), 0.0)

    assert dict(zip(kept.tolist(), scores.tolist(), strict=True)) == {0: 0.9, 1: 0.0, 2: 0.7}


@pytest.mark.parametrize("method", ["oks", "soft-oks"])
def test_people_of_different_images_do_not_suppress_each_other(method):
    image_ids = np.array([7, 3, 7, 3])
    keypoints = np.zeros((4, 5, 2))
    scores = np.array([0.5, 0.9, 0.8, 0.4])

    kept, new_scores = suppress(image_ids, keypoints, scores, np.full(4, AREA), SIGMAS, method=method, threshold=0.5)

    if method == "oks":
        assert kept.tolist() == [1, 2]
        assert new_scores.tolist() == [0.9, 0.8]
    else:
        assert kept.tolist() == [0, 1, 2, 3]
        assert new_scores == pytest.approx([0.5 * np.exp(-2), 0.9, 0.8, 0.4 * np.exp(-2)])


def test_the_given_scores_stay_as_they_were():
    scores = np.array([0.5, 0.9])

    suppress(
        np.zeros(2, int),
        np.zeros((2, 5, 2)),
        scores,
        np.full(2, AREA),
        SIGMAS,
        method="soft-oks",
        threshold=0.5,
    )

    assert scores.tolist() == [0.5, 0.9]


@pytest.mark.parametrize("method", METHODS)
def test_nobody(method):
    kept, scores = suppress(
        np.zeros(0, int), np.zeros((0, 5, 2)), np.zeros(0), np.zeros(0), SIGMAS, method=method, threshold=0.5
    )

    assert kept.size == scores.size == 0


def test_an_unknown_method_is_named():
    with pytest.raises(ValueError, match="'hard', allowed: none, oks, soft-oks"):
        suppress(
            np.zeros(0, int),
            np.zeros((0, 5, 2)),
            np.zeros(0),
            np.zeros(0),
            SIGMAS,
            method="hard",
            threshold=0.5,
        )
