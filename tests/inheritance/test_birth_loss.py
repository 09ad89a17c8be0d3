"""How close a child that shrank is to its parent, on a trained network, beside the original's rule."""

import json

import cv2
import numpy as np
import pytest
from tests.inheritance.specimens import REFERENCE_GENOTYPE, heatmaps, random_weights, reference_spec, smooth_images

from evopose2d.data.geometry import crop, crop_matrices, transform_keypoints
from evopose2d.inheritance import inherit
from evopose2d.training.losses import HeatmapLoss
from evopose2d.weights import read_arrays

KERNEL, REPEATS, CHANNELS, STRIDE = range(4)
SHRUNK = {
    "kernel": [(block, KERNEL, 3) for block in (3, 5, 6)],
    "channels": [(1, CHANNELS, 1), (2, CHANNELS, 1), (3, CHANNELS, 2), (4, CHANNELS, 3), (5, CHANNELS, 5)],
    "stride": [(block, STRIDE, 2) for block in (5, 6, 7)],
}
RULES = ("function-preserving", "original")


def _mutated(genes, block, gene, value):
    changed = [list(genes_of_block) for genes_of_block in genes]
    changed[block - 1][gene] = value
    return changed


@pytest.fixture(scope="module")
def people(coco_sample):
    """Crops of 40 people, (40, 128, 96, 3) 0..255, and their keypoints (40, 17, 3) in crop pixels."""
    annotations = json.loads((coco_sample / "annotations" / "person_keypoints_val2017.json").read_text())
    files = {image["id"]: image["file_name"] for image in annotations["images"]}
    crops, keypoints = [], []
    for person in [entry for entry in annotations["annotations"] if entry["num_keypoints"]][:40]:
        image = cv2.imread(str(coco_sample / "val2017" / files[person["image_id"]]))
        matrix = crop_matrices(person["bbox"], (128, 96))
        crops.append(crop(image[..., ::-1].copy(), matrix, (128, 96)))
        keypoints.append(transform_keypoints(np.reshape(person["keypoints"], (17, 3)), matrix))
    return np.stack(crops).astype(np.float32), np.stack(keypoints)


def _loss(spec, weights, people):
    crops, keypoints = people
    predicted = heatmaps(spec, weights, crops)
    return float(HeatmapLoss(128 // predicted.shape[1], sigma=2.0)(keypoints, predicted))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "worst"), [("kernel", 3.3), ("channels", 1.8), ("stride", 3.8)])
def test_child_that_shrank_is_born_with_less_loss_than_by_the_originals_rule(reference, people, kind, worst):
    parent, parent_weights = reference_spec(), read_arrays(reference / "overfit_ref.h5")
    parent_loss = _loss(parent, parent_weights, people)
    ratios = {rule: [] for rule in RULES}
    for mutation in SHRUNK[kind]:
        child = reference_spec(_mutated(REFERENCE_GENOTYPE, *mutation))
        for rule in RULES:
            weights = inherit(parent, parent_weights, child, random_weights(child, seed=1), rule)
            ratios[rule].append(_loss(child, weights, people) / parent_loss)

    median = {rule: np.median(values) for rule, values in ratios.items()}
    assert median["function-preserving"] < min(worst, median["original"]), ratios


def _distance(child, parent, parent_weights, expected, rule):
    """Squared distance between a child's heatmaps and its parent's, over the square of the parent's."""
    weights = inherit(parent, parent_weights, child, random_weights(child, seed=1), rule)
    received = heatmaps(child, weights, smooth_images(parent, 4))
    return np.square(received - expected).mean() / np.square(expected).mean()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["kernel", "channels"])
def test_child_that_shrank_is_closer_to_its_parent_than_by_the_originals_rule(reference, kind):
    parent, parent_weights = reference_spec(), read_arrays(reference / "overfit_ref.h5")
    expected = heatmaps(parent, parent_weights, smooth_images(parent, 4))
    children = [reference_spec(_mutated(REFERENCE_GENOTYPE, *mutation)) for mutation in SHRUNK[kind]]
    distance = {
        rule: np.median([_distance(child, parent, parent_weights, expected, rule) for child in children])
        for rule in RULES
    }

    assert distance["function-preserving"] < 0.9 * distance["original"]


@pytest.mark.slow
def test_child_of_fewer_repeats_is_closer_to_its_parent_than_by_the_originals_rule(reference):
    blocks = (3, 5, 6)
    genes = REFERENCE_GENOTYPE
    for block in blocks:
        genes = _mutated(genes, block, REPEATS, 2)
    single, parent = reference_spec(), reference_spec(genes)
    trained = read_arrays(reference / "overfit_ref.h5")
    parent_weights = inherit(single, trained, parent, random_weights(parent, seed=0), "function-preserving")
    for block in blocks:
        norm = parent_weights[f"block{block}b_project_bn"]
        rng = np.random.default_rng(block)
        norm["gamma"] = rng.uniform(0.2, 0.6, norm["gamma"].shape).astype(np.float32)
        norm["beta"] = rng.normal(0, 0.3, norm["beta"].shape).astype(np.float32)
    expected = heatmaps(parent, parent_weights, smooth_images(parent, 4))
    children = [reference_spec(_mutated(genes, block, REPEATS, 1)) for block in blocks]
    distance = {
        rule: np.median([_distance(child, parent, parent_weights, expected, rule) for child in children])
        for rule in RULES
    }

    assert distance["function-preserving"] < 0.9 * distance["original"]
