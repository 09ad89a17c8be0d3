import numpy as np
import pytest

from evopose2d.keypoints import COCO_PERSON, KeypointSchema
from evopose2d.visualization.grid import PersonPicture, draw_person, oks_label, pose_grid


def people(count, *, with_truth=True, shape=(128, 96), schema=COCO_PERSON):
    rng = np.random.default_rng(0)
    found = []
    for index in range(count):
        positions = rng.uniform(10, 80, (schema.count, 2))
        keypoints = np.column_stack([positions, np.ones(schema.count)])
        crop = np.full((*shape, 3), 40, np.uint8)
        found.append(PersonPicture(crop, keypoints, keypoints if with_truth else None, f"OKS 0.{index:02d}"))
    return found


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())


@pytest.mark.parametrize(
    ("count", "columns", "expected"),
    [(1, None, (1, 1)), (5, None, (2, 3)), (16, None, (4, 4)), (6, 2, (3, 2))],
)
def test_cells_are_laid_out_in_rows(count, columns, expected):
    figure = pose_grid(people(count), COCO_PERSON, columns=columns)

    rows, columns = expected
    assert len(figure.axes) == rows * columns
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.texts[0].get_text() for axes in shown] == [f"OKS 0.{index:02d}" for index in range(count)]
    pixels(figure)


def test_cells_stand_close_together():
    figure = pose_grid(people(4), COCO_PERSON)
    pixels(figure)

    first, second, third = (figure.axes[index].images[0].get_window_extent() for index in range(3))
    assert 0 < second.x0 - first.x1 < 25
    assert 0 < first.y0 - third.y1 < 25


def test_the_legend_names_the_truth_only_where_there_is_one():
    def labels(figure):
        return [text.get_text() for text in figure.legends[0].get_texts()]

    assert labels(pose_grid(people(2), COCO_PERSON))[-1] == "true"
    assert "true" not in labels(pose_grid(people(2, with_truth=False), COCO_PERSON))


def test_the_legend_fits_into_narrow_figures():
    figure = pose_grid(people(1), COCO_PERSON)
    pixels(figure)

    extent = figure.legends[0].get_window_extent()
    assert extent.x0 >= 0
    assert extent.x1 <= figure.bbox.x1


def test_any_keypoints_will_do():
    schema = KeypointSchema(("a", "b"), (), (0, 1), (0.05, 0.05), ())

    assert pixels(pose_grid(people(3, schema=schema), schema)).shape[2] == 4


def test_a_drawn_person_is_enlarged_around_the_pixels_centres():
    crop = np.zeros((96, 72, 3), np.uint8)
    schema = KeypointSchema(("a",), (), (0,), (0.05,), ())
    person = PersonPicture(crop, np.array([[30.0, 50.0, 1.0]]), None, "")

    image = draw_person(person, schema)

    assert image.shape == (384, 288, 3)
    rows, columns = np.nonzero(image.max(axis=-1) > 128)
    # The centre of pixel 30 of the crop, at 30.5 of 72 from its left edge, lies at 122 of 288.
    assert columns.mean() + 0.5 == pytest.approx(122, abs=0.3)
    assert rows.mean() + 0.5 == pytest.approx(202, abs=0.3)


def test_labels():
    assert oks_label(0.834, 0.5) == "OKS 0.83"
    assert oks_label(float("nan"), 0.456) == "score 0.46"


def test_nobody_is_refused():
    with pytest.raises(ValueError, match="people: got none"):
        pose_grid([], COCO_PERSON)
