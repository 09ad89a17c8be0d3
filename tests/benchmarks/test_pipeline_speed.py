"""The measured pipelines: the baseline makes the crops that ours makes, and the figures are those of the rounds."""

import itertools
import json

import cv2
import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from evopose2d.benchmarks.original_pipeline import DEVIATION, MEAN, original_dataset, original_sample
from evopose2d.benchmarks.pipeline import CACHED, DECODE_ONLY, ORIGINAL, PAPER, _rate, summarise
from evopose2d.benchmarks.rewriting import rewritten
from evopose2d.benchmarks.scaling import measure_scaling, summarise_scaling
from evopose2d.cli.app import app
from evopose2d.config.schema import CropsConfig, RecordsConfig
from evopose2d.data.augmentation import drawn_augmentation
from evopose2d.data.coco import Person
from evopose2d.data.epochs import training_epoch
from evopose2d.data.images import decode
from evopose2d.data.pipeline import TrainingBatches, evaluation_dataset
from evopose2d.data.record_index import RecordReader, index_files
from evopose2d.data.records import parse
from evopose2d.data.shards import read_info
from evopose2d.data.writing import write_records
from evopose2d.errors import ConfigError, DataError
from evopose2d.heatmaps import encode
from evopose2d.keypoints import COCO_PERSON

SHAPE = (128, 96)
PEOPLE = 8


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Eight people in one picture of smooth colours."""
    folder = tmp_path_factory.mktemp("speed")
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (24, 32, 3), np.uint8)
    cv2.imwrite(str(folder / "a.jpg"), cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC))
    people = []
    for number in range(PEOPLE):
        box = rng.uniform((0, 0, 50, 80), (200, 100, 120, 140)).astype(np.float32)
        keypoints = rng.uniform((*box[:2], 0), (*(box[:2] + box[2:]), 3), (17, 3)).astype(np.float32)
        keypoints[:, 2] = np.floor(keypoints[:, 2])
        people.append(Person(1, number, "a.jpg", box, keypoints, 1.0, 100.0))
    config = RecordsConfig(
        root="",
        people_per_shard=3,
        bad_images="error",
        workers=1,
        seed=0,
        content="images",
        crops=CropsConfig([128, 96], 0.3, 40.0, False, 90),
    )
    return write_records(people, folder, folder / "records" / "train", config, COCO_PERSON)


def test_ours_gives_the_crops_and_keypoints_of_the_originals_order(records):
    ours = TrainingBatches(records, SHAPE, PAPER, PEOPLE, 3, range(3))
    index = index_files(records.files, PEOPLE)
    people = parse(RecordReader(index).read(0), 17)
    pixels = decode(people.image)
    differences, seen = [], []
    for number, (images, keypoints) in enumerate(ours):
        epoch = training_epoch(index.counts, 3, number, PEOPLE)
        change = drawn_augmentation(PAPER, epoch.drawn)
        for place, person in enumerate(epoch.people):
            expected, expected_keypoints = original_sample(
                tf.constant(pixels),
                tf.constant(people.box[person]),
                tf.constant(people.keypoints[person]),
                tf.constant(change.scale[person], tf.float32),
                tf.constant(change.rotation[person], tf.float32),
                tf.constant(change.flip[person]),
                input_shape=SHAPE,
                flip_permutation=COCO_PERSON.flip_permutation,
            )
            grey = (expected.numpy() * DEVIATION + MEAN) * 255
            differences.append(np.abs(images[place] - grey).mean())
            np.testing.assert_allclose(keypoints[place], expected_keypoints, atol=2e-3)
            seen.append((change.flip[person], change.rotation[person] != 0))
    assert len(seen) == 3 * PEOPLE and len(set(seen)) == 4
    assert max(differences) < 1.0


def test_the_baselines_targets_are_the_networks(records, tmp_path):
    alone = rewritten(records, tmp_path / "train", None)
    images, targets, mask = next(iter(original_dataset(alone, SHAPE, PAPER, batch_size=8, seed=0)))
    assert (images.shape, images.dtype) == ((8, *SHAPE, 3), tf.float32)
    assert (targets.shape, mask.shape) == ((8, 32, 24, 17), (8, 17))
    peaks = targets.numpy().reshape(8, -1, 17).argmax(axis=1)
    places = np.stack([peaks % 24 * 4, peaks // 24 * 4, 2 * np.ones_like(peaks)], axis=-1).astype(np.float32)
    expected, _ = encode(places, (32, 24), 4, 2.0)
    # At the crop's far borders, a centre may be rounded to a pixel beyond the map.
    inside = (mask.numpy() > 0) & (targets.numpy().max(axis=(1, 2)) > 254.9)
    assert inside.sum() > 40
    np.testing.assert_allclose(
        targets.numpy().transpose(0, 3, 1, 2)[inside], np.asarray(expected).transpose(0, 3, 1, 2)[inside], atol=1e-2
    )


def test_ratios_are_taken_within_a_round():
    rates = {ORIGINAL: [100.0, 10.0, 50.0], DECODE_ONLY: [400.0, 50.0, 300.0], CACHED: [4000.0, 500.0, 1500.0]}
    rows = {row.pipeline: row for row in summarise(rates, {ORIGINAL: 180.0, DECODE_ONLY: 180.0, CACHED: 50.0})}
    assert (rows[CACHED].kilobytes, rows[ORIGINAL].kilobytes) == (50, 180)
    assert rows[CACHED].people_per_second == 1500
    assert (rows[CACHED].least, rows[CACHED].most) == (500, 4000)
    assert rows[CACHED].times_original == 40
    assert rows[CACHED].times_decode_only == 10
    assert rows[ORIGINAL].times_original == 1


def test_warm_up_is_read_and_not_counted():
    now = iter([0.0, 1.0, 2.0, 4.0])
    elements = itertools.count()
    assert _rate(elements, 8, 3.0, 5, lambda: next(now)) == 3 * 8 / 4
    assert next(elements) == 8


def test_the_command_prints_and_writes_the_same(records, project_root, tmp_path):
    out = tmp_path / "speed.json"
    ended = CliRunner().invoke(
        app,
        [
            *("benchmark", "pipeline", "model.input_shape=[64,64]", f"write_tfrecords.root={records.folder.parent}"),
            *("--params", str(project_root / "params.yaml"), "--repeats", "1", "--seconds", "0", "--warm-up", "1"),
            *("--batch-size", "2", "--out", str(out), "--json"),
        ],
    )
    assert ended.exception is None, ended.output
    rows = json.loads(out.read_text())
    assert json.loads(ended.stdout) == rows
    assert len(rows) == 8 and all(row["least"] == row["most"] > 0 for row in rows)
    # The eight share an image.
    assert 0 < rows[3]["kilobytes"] < rows[0]["kilobytes"] / 4 and rows[0]["kilobytes"] > rows[-1]["kilobytes"]
    refused = CliRunner().invoke(
        app,
        [
            *("benchmark", "pipeline", "evolve.cache_megabytes=0", f"write_tfrecords.root={records.folder.parent}"),
            *("--params", str(project_root / "params.yaml")),
        ],
    )
    assert "evolve.cache_megabytes" in str(refused.exception)


def test_growth_is_over_the_fewest_cores():
    rows = summarise_scaling({4: {"full": 600.0}, 2: {"full": 320.0}}, 16)
    assert [(row.cores, row.steps_per_second) for row in rows] == [(2, 20), (4, 37.5)]
    assert [row.times_fewest for row in rows] == [1, 1.875]
    assert [row.efficiency for row in rows] == [1, 0.9375]


@pytest.mark.slow
def test_each_number_of_cores_has_a_process_that_may_use_no_more(records, project_root):
    arguments = [
        *("benchmark", "pipeline", "model.input_shape=[64,64]", f"write_tfrecords.root={records.folder.parent}"),
        *("--params", str(project_root / "params.yaml"), "--repeats", "1", "--seconds", "0", "--warm-up", "1"),
        *("--batch-size", "2", "--json"),
    ]
    rows = measure_scaling(arguments, [1], 2)
    assert len(rows) == 8
    assert all(row.efficiency == 1 and row.steps_per_second == row.people_per_second / 2 for row in rows)


def test_cores_that_are_not_there_are_refused():
    with pytest.raises(ConfigError, match="--cores: got 100000, must be between 1 and"):
        measure_scaling([], [1, 100000], 16)
    ended = CliRunner().invoke(app, ["benchmark", "pipeline", "--cores", "1;2"])
    assert "--cores: got 1;2, must be numbers" in str(ended.exception)


@pytest.mark.parametrize(
    ("crops", "most"),
    [(CropsConfig(input_shape=list(SHAPE), scale=0.3, rotation=40.0, half_body=False, quality=90), 4), (None, 0.5)],
)
def test_records_written_again_hold_the_same_people_in_the_same_order_one_in_each(records, tmp_path, crops, most):
    alone = rewritten(records, tmp_path / "train", crops)
    assert read_info(alone.folder) == alone
    assert (alone.people, alone.shards, alone.crops) == (PEOPLE, records.shards, crops)
    assert index_files(alone.files, PEOPLE).counts.tolist() == [1] * PEOPLE
    for some, others in zip(*(evaluation_dataset(info, SHAPE, batch_size=8) for info in (records, alone)), strict=True):
        for name in some.keys() - {"images"}:
            np.testing.assert_array_equal(some[name], others[name])
        assert np.abs(np.asarray(some["images"], int) - np.asarray(others["images"], int)).mean() < most
    if crops is not None:
        with pytest.raises(DataError, match="must hold whole images"):
            rewritten(alone, tmp_path / "again", crops)
