"""A reader of files that anybody wrote: whatever is in them, one line or a right result."""

import copy
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evopose2d.data import coco
from evopose2d.data.download.layout import VAL
from evopose2d.data.download.localised import localised
from evopose2d.errors import EvoPoseError
from evopose2d.evaluation.coco_ap import evaluate_results
from evopose2d.keypoints import schema_from_category

EXAMPLES = int(os.environ.get("EVOPOSE2D_FUZZ_EXAMPLES", "150"))
NAMES = ["head", "left_hand", "right_hand"]

numbers = st.one_of(
    st.sampled_from([0, 1, -1, 2, 3, 1e-9, 0.5, 1e9, 1e300, math.nan, math.inf, -math.inf, 2**31, 2**53 + 1, 2**63]),
    st.integers(-3, 200),
    st.floats(-50, 250),
)
texts = st.sampled_from(
    ["", "0", "1", "3.5", "nan", "person", "head", "left_hand", "a/b.jpg", "..", "\0", "\ud800", "é"]
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(["id", "keypoints", "x"]), inner, max_size=2)
    ),
    max_leaves=12,
)
coordinates = st.lists(st.one_of(numbers, st.none(), texts), min_size=3, max_size=10)


def valid_file() -> dict:
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 100, "height": 80} for i in (1, 2)]
    people = [
        {
            "id": 10 + i,
            "image_id": 1 + i % 2,
            "category_id": 1,
            "bbox": [10 + i, 10, 50, 60],
            "area": 2000.0,
            "iscrowd": 0,
            "keypoints": [20 + i, 30, 2, 40, 50, 1, 30, 60, 2 if i else 0],
            "num_keypoints": 3 if i else 2,
        }
        for i in range(4)
    ]
    categories = [{"id": 1, "name": "person", "keypoints": list(NAMES), "skeleton": [[1, 2], [1, 3]]}]
    return {"images": images, "annotations": people, "categories": categories}


def places(value, path=()):
    """List the paths of all values within a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


@st.composite
def mutated_files(draw) -> object:
    content = valid_file()
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(list(places(content))))
        if not path:
            continue
        holder = content
        for key in path[:-1]:
            holder = holder[key]
        what = draw(st.sampled_from(["replace", "coordinates", "remove", "repeat"]))
        if what == "remove":
            del holder[path[-1]]
        elif what == "repeat" and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[path[-1]]))
        else:
            holder[path[-1]] = draw(coordinates if what == "coordinates" else values)
    return content


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two images, since sizes that a file lacks are read from them."""
    import cv2

    folder = tmp_path_factory.mktemp("fuzz")
    (folder / VAL.images).mkdir()
    for number in (1, 2):
        cv2.imwrite(str(folder / VAL.images / f"{number}.jpg"), np.zeros((80, 100, 3), np.uint8))
    return folder


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(content=mutated_files())
def test_a_mutated_file_is_refused_in_one_line_or_read_right(folder, content):
    path = folder / "annotations.json"
    path.write_text(json.dumps(content))
    try:
        local = localised(VAL, coco.read_json(path), path, folder, folder / VAL.images)
    except EvoPoseError as error:
        assert "\n" not in str(error)
        assert str(error).startswith(str(path))
        return
    written = json.loads(json.dumps(local.contents[VAL.annotations], allow_nan=False))
    again = coco.parse_coco(written, path)
    assert not again.findings.repaired and not again.findings.left_out
    people = coco.annotated_people(again, labelled_only=False)
    assert [person.annotation_id for person in people] == [person.annotation_id for person in local.coco.people]
    for person, annotation in zip(people, again.people, strict=True):
        check_person(person, annotation)
    check_perfect_prediction(again)


def check_person(person, annotation) -> None:
    width, height = person.image_size
    x, y, box_width, box_height = person.box.tolist()
    assert x >= 0 and y >= 0 and max(box_width, box_height) > 0
    assert x + box_width <= max(width, 1) + 1e-3 and y + box_height <= max(height, 1) + 1e-3
    assert np.isfinite(person.keypoints).all()
    assert 0 < person.area <= width * height
    assert set(np.unique(person.keypoints[:, 2])) <= {0, 1, 2}
    assert annotation.labelled == np.count_nonzero(person.keypoints[:, 2])


def check_perfect_prediction(annotations) -> None:
    schema = schema_from_category(annotations.category)
    results = [
        {
            "image_id": person.image_id,
            "category_id": annotations.category["id"],
            "keypoints": person.keypoints.ravel().tolist(),
            "score": 0.9,
        }
        for person in annotations.people
        if person.labelled and not person.is_crowd
    ]
    ap = evaluate_results(annotations, results, schema.sigmas).figures["AP"]
    assert ap == pytest.approx(1.0) if results else ap is None


detections = st.fixed_dictionaries(
    {
        "image_id": values,
        "category_id": st.one_of(st.just(1), values),
        "bbox": st.one_of(coordinates, values),
        "score": values,
    }
)


@settings(max_examples=EXAMPLES)
@given(content=st.one_of(values, st.lists(detections, max_size=3)))
def test_any_detection_file_is_refused_in_one_line_or_read_right(content):
    try:
        found = coco.parse_detections(json.loads(json.dumps(content)), "detections.json")
    except EvoPoseError as error:
        assert "\n" not in str(error)
        return
    for detection in found:
        assert np.isfinite(detection.box).all() and 0 <= detection.score <= 1.001
