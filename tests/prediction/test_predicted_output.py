from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evopose2d.prediction.boxes import Boxes
from evopose2d.prediction.estimator import Poses
from evopose2d.prediction.output import PacedFrames, results_of
from evopose2d.prediction.sources import Picture
from evopose2d.prediction.stream import PosedPicture


@pytest.mark.parametrize(
    ("times", "shown"),
    [
        ([0.0, 0.1, 0.2, 0.3], [0, 1, 2, 3]),
        ([5.0, 5.1, 5.2], [0, 1, 2]),
        ([0.0, 0.1, 0.4, 0.5], [0, 1, 1, 1, 2, 3]),
        ([0.0, 0.033, 0.066, 0.1, 0.2], [1, 3, 4]),
        ([0.0, 0.0333, 0.1667, 0.2], [1, 1, 3]),
        ([0.3], [0]),
        ([], []),
    ],
)
def test_frames_are_shown_as_long_as_their_times_say(times, shown):
    written = []
    frames = PacedFrames(lambda frame: written.append(int(frame[0, 0, 0])), rate=10)
    for number, time in enumerate(times):
        frames.add(np.full((2, 2, 3), number, np.uint8), time)
    frames.finish()
    assert written == shown


def test_results_say_the_datasets_category_and_a_frames_time():
    picture = Picture(Path("walk.mp4"), 7, np.zeros((4, 4, 3), np.uint8), 0.123456)
    poses = Poses(np.ones((1, 2, 3), np.float32), np.ones(1, np.float32))
    posed = PosedPicture(picture, Boxes(np.ones((1, 4)), np.ones(1)), poses)
    (result,) = results_of(posed, 7, category_id=5)
    assert (result["category_id"], result["frame"], result["time"]) == (5, 7, 0.1235)
    (result,) = results_of(replace(posed, picture=replace(picture, path=Path("a.jpg"))), 7, category_id=5)
    assert "time" not in result
