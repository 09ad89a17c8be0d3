"""The whole chain on real images, against the AP that the original reached with the same weights."""

import json

import numpy as np
import pytest
from tensorflow.data import TFRecordDataset

from evopose2d.config.schema import CropsConfig, DatasetConfig, RecordsConfig, SplitConfig, SyntheticConfig
from evopose2d.data.coco import read_coco
from evopose2d.data.pipeline import evaluation_dataset
from evopose2d.data.records import parse
from evopose2d.data.writing import write_all_records
from evopose2d.evaluation.coco_ap import evaluate_results
from evopose2d.evaluation.decoding import Decoding
from evopose2d.evaluation.inference import predict_people
from evopose2d.evaluation.predictor import PosePredictor
from evopose2d.evaluation.results import coco_results
from evopose2d.evaluation.scoring import person_scores
from evopose2d.networks.build import build_network
from evopose2d.networks.families.evopose2d import EvoPose2DConfig
from evopose2d.weights import load_weights

pytestmark = pytest.mark.slow

# Divides neither the 107 annotated nor the 118 detected people: the last batch is partial.
BATCH_SIZE = 32
KEYPOINT_SCORE_THRESHOLD = 0.2


def write(coco_sample, tmp_path_factory, content, input_shape):
    dataset = DatasetConfig(
        source=str(coco_sample),
        root=str(coco_sample),
        format=None,
        category=None,
        box_from="annotations",
        flip_pairs=None,
        sigmas=None,
        upper_body=None,
        split=SplitConfig(val=0.1, seed=0),
        synthetic=SyntheticConfig(seed=0, train_images=1, val_images=1, test_images=0),
    )
    config = RecordsConfig(
        root=str(tmp_path_factory.mktemp("records")),
        people_per_shard=50,
        bad_images="error",
        workers=2,
        seed=0,
        content=content,
        crops=CropsConfig(input_shape=input_shape, scale=0.3, rotation=40.0, half_body=False, quality=90),
    )
    return write_all_records(dataset, config)


@pytest.fixture(scope="module")
def records(coco_sample, tmp_path_factory, expected):
    return write(coco_sample, tmp_path_factory, "images", expected["input"][:2])


@pytest.fixture(scope="module")
def crop_records(coco_sample, tmp_path_factory, expected):
    return write(coco_sample, tmp_path_factory, "crops", expected["input"][:2])


@pytest.fixture(scope="module")
def expected(reference):
    return json.loads((reference / "overfit_ref.json").read_text())


@pytest.fixture(scope="module")
def network(reference, expected):
    model = EvoPose2DConfig(
        architecture="evopose2d",
        genotype=expected["genotype"],
        input_shape=expected["input"][:2],
        # The original scaled this small network with its input.
        compound_scaling=True,
        head_blocks=3,
        head_channels=expected["head_channels"],
        final_kernel=expected["final_kernel"],
    )
    built = build_network(model, 17, seed=0)
    load_weights(built, reference / "overfit_ref.h5")
    return built


def judged(coco_sample, network, info, input_shape, *, flip_test):
    """Give predictions, the number of results and the average precision."""
    stride = input_shape[0] // network.output_shape[1]
    predictor = PosePredictor(network, info.schema.flip_permutation, Decoding(flip_test), sigma=2.0, stride=stride)
    people = predict_people(predictor, evaluation_dataset(info, input_shape, batch_size=BATCH_SIZE), info.people)
    scores = person_scores(people.keypoints[..., 2], people.box_score, KEYPOINT_SCORE_THRESHOLD)
    results = coco_results(people.image_id, people.keypoints, scores)
    coco = read_coco(coco_sample / "annotations" / "person_keypoints_val2017.json")
    return people, len(results), evaluate_results(coco, results, info.schema.sigmas).figures["AP"]


@pytest.mark.parametrize(
    ("boxes", "flip_test", "split"), [("annotations", False, "val"), ("detections", True, "val-detections")]
)
def test_the_average_precision_is_the_originals(coco_sample, records, network, expected, boxes, flip_test, split):
    reached = expected["results"][f"boxes={boxes},flip={flip_test}"]
    input_shape = tuple(expected["input"][:2])
    people, results, ap = judged(coco_sample, network, records[split], input_shape, flip_test=flip_test)
    assert results == reached["n"]
    assert ap == pytest.approx(reached["AP"], abs=0.005)
    assert (people.val_loss is None) == (boxes == "detections")


def test_records_of_crops_change_no_average_precision(coco_sample, records, crop_records, network, expected):
    input_shape = tuple(expected["input"][:2])
    whole, crops = (
        judged(coco_sample, network, each["val"], input_shape, flip_test=True) for each in (records, crop_records)
    )
    assert crops[1] == whole[1]
    assert crops[2] == pytest.approx(whole[2], abs=0.002)
    np.testing.assert_allclose(crops[0].loss, whole[0].loss, atol=0.05)


def test_records_of_crops_take_a_fifth_of_the_disk_that_an_image_for_each_person_takes(records, crop_records):
    for split, info in records.items():
        contents = TFRecordDataset([str(file) for file in info.files]).as_numpy_iterator()
        of_images = [parse(record, info.schema.count) for record in contents]
        each = sum(len(record.image) * len(record.score) for record in of_images)
        whole, crops = (sum(file.stat().st_size for file in some.files) for some in (info, crop_records[split]))
        assert crops <= each / 5
        # Many detections in an image take more as crops, without loss, than the image itself.
        assert crops < whole or split == "val-detections"
