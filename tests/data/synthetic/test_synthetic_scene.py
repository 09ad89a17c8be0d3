import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.mask import decode, frPyObjects, merge

from evopose2d.data.synthetic import placement
from evopose2d.data.synthetic.annotation import person_annotation
from evopose2d.data.synthetic.canvas import Ground
from evopose2d.data.synthetic.scene import draw_scene

GROUND = Ground(300, 400, 120)


def scene(seed):
    return draw_scene(np.random.default_rng(seed))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=12, deadline=None)
def test_what_is_annotated_is_in_the_picture(seed):
    drawn = scene(seed)
    height, width = drawn.picture.shape[:2]
    assert 240 <= height <= 360 and 320 <= width <= 480 and drawn.picture.dtype == np.uint8
    assert 1 <= len(drawn.people) <= 6
    for person in drawn.people:
        outside = person.keypoints[:, 2] == 0
        assert (person.keypoints[outside] == 0).all()
        x, y, _ = person.keypoints[~outside].T
        assert ((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)).all()
        for x, y, visibility in person.keypoints:
            assert visibility < 2 or person.mask[round(y), round(x)]
        polygons = person_annotation(person.mask, person.keypoints)["segmentation"]
        told = decode(merge(frPyObjects(polygons, height, width))).astype(bool)
        assert (told & person.mask).sum() > 0.96 * (told | person.mask).sum()
    layers = np.sum([*(person.mask for person in drawn.people), *drawn.crowds], axis=0)
    assert layers.max() == 1, "a pixel shows one person"


def test_the_random_numbers_decide_all():
    first, again, other = scene(5), scene(5), scene(6)
    assert (first.picture == again.picture).all()
    assert first.picture.shape != other.picture.shape or (first.picture != other.picture).any()


def test_people_are_drawn_where_they_are_annotated(monkeypatch):
    """The same scene without its people differs from it in their masks, and little elsewhere."""
    monkeypatch.setattr("evopose2d.data.synthetic.scene._develop", lambda rng, planes: planes.copy())
    full = scene(8)
    monkeypatch.setattr("evopose2d.data.synthetic.scene._lay", lambda planes, canvas: None)
    monkeypatch.setattr("evopose2d.data.synthetic.scene._cast_shadow", lambda planes, place, figure: None)
    empty = scene(8)
    changed = np.abs(full.picture - empty.picture).max(0) > 12
    mask = np.any([person.mask for person in full.people], axis=0)
    assert changed[mask].mean() > 0.9


def test_nearer_people_hide_farther_ones():
    hidden = [(person.keypoints[:, 2] == 1).sum() for seed in range(12) for person in scene(seed).people]
    assert np.mean(hidden) > 1


def test_places_run_from_far_to_near():
    for seed in range(20):
        scales = [place.scale for place in placement.sample_places(np.random.default_rng(seed), GROUND)]
        assert scales == sorted(scales)
        assert 1 <= len(scales) <= 6


def test_some_pictures_have_crowds():
    crowds = [placement.sample_crowd(np.random.default_rng(seed), GROUND) for seed in range(400)]
    assert np.mean([bool(crowd) for crowd in crowds]) == pytest.approx(0.06, abs=0.03)
    assert min(len(crowd) for crowd in crowds if crowd) >= 6


def test_a_crowd_is_seen_behind_the_people(monkeypatch):
    monkeypatch.setattr(placement, "_CROWD_SHARE", 1.0)
    crowds = [mask for seed in range(4) for mask in scene(seed).crowds]
    assert len(crowds) >= 2
    assert all(mask.sum() >= 200 for mask in crowds)
