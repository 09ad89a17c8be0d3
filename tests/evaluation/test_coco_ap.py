import contextlib
import copy
import io
import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from evopose2d.data.coco import parse_coco, read_coco
from evopose2d.errors import DataError
from evopose2d.evaluation import coco_ap
from evopose2d.evaluation.coco_ap import FIGURES
from evopose2d.keypoints import COCO_PERSON

SIDE = 100.0
SIGMAS = (0.1, 0.05, 0.1, 0.05, 0.1)


def evaluate_results(truth, results, sigmas, **options):
    coco = parse_coco(truth, Path("annotations.json"))
    return coco_ap.evaluate_results(coco, results, sigmas, **options)


def person(identity, image_id, keypoints, **changes):
    """Annotate a person of 100 x 100 pixels."""
    box = [float(keypoints[:, 0].min()), float(keypoints[:, 1].min()), SIDE, SIDE]
    return {
        "id": identity,
        "image_id": image_id,
        "category_id": 1,
        "keypoints": np.column_stack([keypoints, np.full(len(keypoints), 2.0)]).ravel().tolist(),
        "num_keypoints": len(keypoints),
        "bbox": box,
        "area": SIDE * SIDE,
        "iscrowd": 0,
        **changes,
    }


def dataset(count=5, images=6, seed=0):
    """Annotate two people in each image, far from each other."""
    rng = np.random.default_rng(seed)
    people = [
        person(2 * image + second, image, rng.uniform(0, SIDE, (count, 2)) + 1000 * second)
        for image in range(1, images + 1)
        for second in range(2)
    ]
    return {
        "images": [
            {"id": image, "width": 2000, "height": 2000, "file_name": f"{image}.jpg"} for image in range(1, images + 1)
        ],
        "annotations": people,
        "categories": [{"id": 1, "name": "person", "keypoints": [str(index) for index in range(count)]}],
    }


def as_results(people, shift=0.0, scores=None):
    """Predict every person's true keypoints, all moved to the right by ``shift`` pixels."""
    results = []
    for index, annotation in enumerate(people):
        keypoints = np.reshape(annotation["keypoints"], (-1, 3)) + np.array([shift, 0.0, 0.0])
        score = 0.9 if scores is None else scores[index]
        results.append(
            {
                "image_id": annotation["image_id"],
                "category_id": annotation["category_id"],
                "keypoints": keypoints.ravel().tolist(),
                "score": score,
            }
        )
    return results


def shift_of_oks(oks, sigma):
    """Return how far all keypoints of one sigma move for the person's OKS to be ``oks``."""
    return float(np.sqrt(-2.0 * SIDE**2 * (2 * sigma) ** 2 * np.log(oks)))


def test_the_truth_as_prediction_has_every_figure_one():
    truth = dataset()

    measured = evaluate_results(truth, as_results(truth["annotations"]), SIGMAS)

    assert list(measured.figures) == list(FIGURES)
    # There is nobody of medium area (32^2 to 96^2 pixels).
    expected = {name: None if name.endswith("M") else 1.0 for name in FIGURES}
    assert measured.figures == pytest.approx(expected)
    assert measured.ap_by_threshold == pytest.approx(np.ones(10))
    assert measured.precision.shape == (10, 101)


@pytest.mark.parametrize(("oks", "passed"), [(0.97, 10), (0.77, 6), (0.73, 5), (0.51, 1), (0.49, 0)])
def test_a_shift_of_known_oks_passes_the_thresholds_below_it(oks, passed):
    truth = dataset()
    sigma = 0.08
    results = as_results(truth["annotations"], shift_of_oks(oks, sigma))

    measured = evaluate_results(truth, results, (sigma,) * 5)

    assert measured.ap_by_threshold == pytest.approx([1.0] * passed + [0.0] * (10 - passed))
    assert measured.figures["AP"] == pytest.approx(passed / 10)
    assert measured.figures["AP75"] == pytest.approx(float(passed >= 6))
    assert measured.precision_at(0.75) == pytest.approx(np.full(101, float(passed >= 6)))
    assert measured.precision_at() == pytest.approx(np.full(101, passed / 10))


def test_half_the_people_found_is_half_the_recall():
    truth = dataset()

    measured = evaluate_results(truth, as_results(truth["annotations"][::2]), SIGMAS)

    assert measured.figures["AR"] == pytest.approx(0.5)
    # Precision is 1 at the recall levels 0.00 to 0.50, 51 of 101, and 0 above.
    assert measured.figures["AP"] == pytest.approx(51 / 101)


def test_a_false_person_of_higher_score_lowers_precision():
    truth = dataset(images=1)
    false = as_results(truth["annotations"][:1], shift=5000.0, scores=[0.95])

    measured = evaluate_results(truth, as_results(truth["annotations"]) + false, SIGMAS)

    assert measured.figures["AP"] == pytest.approx(2 / 3)
    assert measured.figures["AR"] == pytest.approx(1.0)


def test_no_predictions_are_an_ap_of_zero():
    measured = evaluate_results(dataset(), [], SIGMAS)

    assert measured.figures["AP"] == measured.figures["AR"] == 0.0
    assert measured.ap_by_threshold.tolist() == [0.0] * 10


def test_crowds_and_unlabelled_people_count_neither_way():
    truth = dataset()
    results = as_results(truth["annotations"])
    truth["annotations"][0]["iscrowd"] = 1
    truth["annotations"][1].update(keypoints=[0.0] * 15, num_keypoints=0)

    found = evaluate_results(truth, results, SIGMAS)
    missed = evaluate_results(truth, results[2:], SIGMAS)

    assert found.figures["AP"] == missed.figures["AP"] == pytest.approx(1.0)


def test_only_the_named_images_are_evaluated():
    truth = dataset()
    results = as_results(truth["annotations"][:4])

    assert evaluate_results(truth, results, SIGMAS).figures["AR"] == pytest.approx(1 / 3)
    assert evaluate_results(truth, results, SIGMAS, image_ids=[1, 2]).figures["AR"] == pytest.approx(1.0)


def test_another_category_is_left_out():
    truth = dataset()
    for annotation in truth["annotations"]:
        annotation["category_id"] = 5
    truth["annotations"].append({**person(99, 1, np.zeros((2, 2))), "category_id": 1})
    truth["categories"] = [{"id": 1, "name": "dog"}, {**truth["categories"][0], "id": 5}]
    results = as_results(truth["annotations"][:-1])

    assert evaluate_results(truth, results, SIGMAS).figures["AP"] == pytest.approx(1.0)


def test_fields_that_coco_fills_in_may_be_missing():
    truth = dataset()
    for annotation in truth["annotations"]:
        del annotation["num_keypoints"], annotation["iscrowd"], annotation["area"]

    assert evaluate_results(truth, as_results(truth["annotations"]), SIGMAS).figures["AP"] == pytest.approx(1.0)


def test_neither_the_annotations_nor_the_results_are_changed_and_nothing_is_printed(capsys):
    truth = dataset()
    results = as_results(truth["annotations"])
    before = copy.deepcopy((truth, results))

    evaluate_results(truth, results, SIGMAS)

    assert (truth, results) == before
    assert capsys.readouterr().out == ""


def test_a_file_gives_what_its_contents_give(tmp_path):
    truth = dataset()
    results = as_results(truth["annotations"], shift=20.0)
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(truth))

    from_file = coco_ap.evaluate_results(read_coco(path), results, SIGMAS)

    assert from_file.figures == evaluate_results(truth, results, SIGMAS).figures


def test_pycocotools_own_way_gives_the_same_figures():
    truth = dataset(count=17, images=12, seed=3)
    rng = np.random.default_rng(4)
    for annotation in truth["annotations"][::2]:
        annotation["area"] = 50.0**2
    results = as_results(truth["annotations"], scores=rng.uniform(0, 1, 24).tolist())
    for index, result in enumerate(results):
        noise = rng.normal(0, 1 + index / 3, (17, 2))
        keypoints = np.reshape(result["keypoints"], (17, 3))
        keypoints[:, :2] += noise
        result["keypoints"] = keypoints.ravel().tolist()

    measured = evaluate_results(truth, results, COCO_PERSON.sigmas)

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = copy.deepcopy(truth)
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(copy.deepcopy(results)), iouType="keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert 0.1 < measured.figures["AP"] < 0.9
    assert list(measured.figures.values()) == pytest.approx(evaluation.stats.tolist(), abs=1e-12)
    # The curves are those of people of all areas.
    assert measured.figures["APM"] != pytest.approx(measured.figures["AP"])
    assert measured.ap_by_threshold.mean() == pytest.approx(measured.figures["AP"])
    assert measured.precision_at(0.75).mean() == pytest.approx(measured.figures["AP75"])


def test_results_of_another_dataset_are_refused():
    truth = dataset()

    with pytest.raises(DataError, match="image 77 is not in annotations"):
        evaluate_results(truth, [{**as_results(truth["annotations"])[0], "image_id": 77}], SIGMAS)
    with pytest.raises(DataError, match="9 keypoint numbers, must be 15"):
        evaluate_results(truth, [{**as_results(truth["annotations"])[0], "keypoints": [1, 2, 2] * 3}], SIGMAS)
    with pytest.raises(DataError, match=r"its category names 5 keypoints, must name 17"):
        evaluate_results(truth, [], COCO_PERSON.sigmas)


def test_precision_at_an_unknown_threshold_is_refused():
    with pytest.raises(ValueError, match=r"got 0.6125"):
        evaluate_results(dataset(), [], SIGMAS).precision_at(0.6125)
