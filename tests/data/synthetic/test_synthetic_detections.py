import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from evopose2d.data.synthetic.detections import sample_detections

SIZE = (300, 400)


def pictures(count):
    """Boxes of people and detections of each of some pictures."""
    for index in range(count):
        rng = np.random.default_rng([1, index])
        corners = rng.uniform((0, 0), (320, 150), (rng.integers(1, 6), 2))
        boxes = np.concatenate([corners, rng.uniform((25, 60), (80, 150), corners.shape)], 1)
        yield boxes, sample_detections(rng, boxes, *SIZE)


def box_ap(truth, found):
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        scorer = COCOeval(coco, coco.loadRes(found), "bbox")
        scorer.evaluate()
        scorer.accumulate()
        scorer.summarize()
    return scorer.stats[0]


def test_detections_are_good_but_not_perfect():
    truth = {"info": {}, "images": [], "annotations": [], "categories": [{"id": 1, "name": "person"}]}
    found = []
    for number, (boxes, entries) in enumerate(pictures(80), 1):
        truth["images"].append({"id": number})
        for box in boxes.tolist():
            truth["annotations"].append(
                {
                    "id": len(truth["annotations"]) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
            )
        found += [{"image_id": number, **entry} for entry in entries]
    assert 0.3 < box_ap(truth, found) < 0.95


def test_entries_lie_in_the_picture_and_are_sorted():
    for _, entries in pictures(30):
        scores = [entry["score"] for entry in entries]
        assert scores == sorted(scores, reverse=True)
        assert min(scores, default=0) >= 0 and max(scores, default=1) <= 1
        for left, top, width, height in (entry["bbox"] for entry in entries):
            assert min(left, top) >= 0 and min(width, height) >= 3
            assert left + width <= SIZE[1] + 0.02 and top + height <= SIZE[0] + 0.02


def test_some_people_are_missed_and_some_things_are_no_people():
    nobody = [sample_detections(np.random.default_rng(seed), [], *SIZE) for seed in range(50)]
    assert any(nobody) and not all(nobody)
    alone = [sample_detections(np.random.default_rng(seed), [(100.0, 50.0, 60.0, 150.0)], *SIZE) for seed in range(200)]
    assert any(not entries for entries in alone)
