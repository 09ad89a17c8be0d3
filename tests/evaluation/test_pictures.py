import numpy as np
import pytest

from evopose2d.evaluation.pictures import CropCollector

SHAPE = (8, 6, 3)


def offer(collector, labelled_counts, size):
    """Offer people whose crops are filled with their row number."""
    count = len(labelled_counts)
    crops = np.broadcast_to(np.arange(count)[:, None, None, None], (count, *SHAPE)).astype(np.uint8)
    keypoints = np.zeros((count, 5, 3), np.float32)
    for row, labelled in enumerate(labelled_counts):
        keypoints[row, :labelled, 2] = 2
    for start in range(0, count, size):
        collector.offer(crops[start : start + size], keypoints[start : start + size])
    return collector.sample()


@pytest.mark.parametrize("size", [1, 3, 12])
def test_people_are_spread_over_the_dataset_whatever_the_batch(size):
    sample = offer(CropCollector(count=4, people=12, labelled=3), [5] * 12, size)

    assert sample.rows.tolist() == [0, 3, 6, 9]
    assert sample.crops.shape == (4, *SHAPE)
    assert sample.crops[:, 0, 0, 0].tolist() == [0, 3, 6, 9]
    assert sample.keypoints.shape == (4, 5, 3)


def test_people_with_few_labels_are_passed_over():
    sample = offer(CropCollector(count=2, people=6, labelled=3), [2, 2, 3, 0, 2, 4], 2)

    assert sample.rows.tolist() == [2, 5]


def test_few_people_are_all_taken_once():
    assert offer(CropCollector(count=9, people=3, labelled=0), [0, 0, 0], 2).rows.tolist() == [0, 1, 2]


def test_nobody_suitable_is_no_sample():
    assert offer(CropCollector(count=2, people=3, labelled=1), [0, 0, 0], 3) is None
    assert offer(CropCollector(count=0, people=3, labelled=0), [0, 0, 0], 3) is None


def test_what_was_picked_stays_when_the_batch_is_reused():
    collector = CropCollector(count=1, people=1, labelled=0)
    crops, keypoints = np.full((1, *SHAPE), 7, np.uint8), np.ones((1, 5, 3), np.float32)
    collector.offer(crops, keypoints)

    crops[:] = 0
    keypoints[:] = 0

    assert collector.sample().crops.min() == 7
    assert collector.sample().keypoints.min() == 1
