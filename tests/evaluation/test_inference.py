import keras
import numpy as np
import pytest
from keras import ops

from evopose2d.data.geometry import crop_matrices, transform_keypoints
from evopose2d.errors import DataError
from evopose2d.evaluation.decoding import Decoding
from evopose2d.evaluation.inference import predict_people
from evopose2d.evaluation.pictures import CropCollector
from evopose2d.evaluation.predictor import PosePredictor

INPUT_SHAPE = (64, 32)
KEYPOINTS = 3
# Ids of crowds do not fit into 32 bits.
FIRST_ANNOTATION = 900_100_000_000


class Oracle(PosePredictor):
    """Gives the annotated keypoints back, its score the mean of the picture."""

    def __init__(self):
        super().__init__(None, (0, 1, 2), Decoding(), 2.0, 4)

    def call(self, inputs, training=None):
        keypoints = ops.cast(inputs["keypoints"], "float32")
        brightness = ops.mean(ops.cast(inputs["images"], "float32"), axis=(1, 2, 3))
        scores = ops.ones_like(keypoints[..., :1]) * brightness[:, None, None] / 255
        return {"keypoints": ops.concatenate([keypoints[..., :2], scores], axis=-1), "loss": brightness}


def people(count, seed=0):
    rng = np.random.default_rng(seed)
    box = rng.uniform(20, 200, (count, 4)).astype(np.float32)
    matrix = crop_matrices(box, INPUT_SHAPE)
    in_image = np.concatenate([rng.uniform(20, 200, (count, KEYPOINTS, 2)), np.full((count, KEYPOINTS, 1), 2)], -1)
    row = np.arange(count)
    return {
        "images": np.broadcast_to(row[:, None, None, None], (count, *INPUT_SHAPE, 3)).astype(np.uint8),
        "keypoints": transform_keypoints(in_image, matrix),
        "matrix": matrix,
        "image_id": row // 2 + 7,
        "annotation_id": FIRST_ANNOTATION + row,
        "score": rng.uniform(0, 1, count).astype(np.float32),
        "box": box,
    }, in_image


class Watched(Oracle):
    """Keeps what it is given to predict."""

    def predict(self, x, **options):
        self.given = x
        return super().predict(x, **options)


def batches(columns, size):
    """Cut into batches of one size; the last is filled up with its first person."""
    count = len(columns["box"])
    for start in range(0, count, size):
        rows = np.arange(start, start + size)
        rows[rows >= count] = start
        yield {name: values[rows] for name, values in columns.items()}


@pytest.mark.parametrize(("count", "size"), [(1, 4), (4, 4), (10, 4), (11, 4)])
def test_everybody_once_and_in_order(count, size):
    columns, in_image = people(count)

    predictions = predict_people(Oracle(), batches(columns, size), count)

    assert predictions.annotation_id.tolist() == columns["annotation_id"].tolist()
    assert predictions.image_id.tolist() == columns["image_id"].tolist()
    assert predictions.keypoints[..., :2] == pytest.approx(in_image[..., :2], abs=1e-3)
    assert predictions.crop_keypoints[..., :2] == pytest.approx(columns["keypoints"][..., :2])
    assert predictions.box_score == pytest.approx(columns["score"])
    assert predictions.box == pytest.approx(columns["box"])
    assert predictions.loss == pytest.approx(np.arange(count))
    assert predictions.val_loss == pytest.approx((count - 1) / 2)
    assert len(predictions.area) == len(predictions.labelled) == count


def test_the_area_is_that_of_the_crop_in_the_image():
    columns, _ = people(5)

    predictions = predict_people(Oracle(), batches(columns, 5), 5)

    width, height = columns["box"][:, 2].astype(float), columns["box"][:, 3].astype(float)
    grown = np.maximum(height, 2 * width) * 1.25
    assert predictions.area == pytest.approx(grown**2 / 2)


def test_people_without_labels_count_in_the_mean_loss():
    columns, _ = people(5)
    columns["keypoints"][[1, 4], :, 2] = 0

    predictions = predict_people(Oracle(), batches(columns, 2), 5)

    assert predictions.labelled.tolist() == [True, False, True, True, False]
    assert predictions.val_loss == pytest.approx(2.0)


def test_there_is_no_loss_without_labels():
    columns, _ = people(3)
    columns["keypoints"][..., 2] = 0

    assert predict_people(Oracle(), batches(columns, 2), 3).val_loss is None


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_dataset_that_ends_early_is_refused():
    columns, _ = people(6)

    with pytest.raises(DataError, match="ends after 6 people, must hold 7"):
        predict_people(Oracle(), batches(columns, 2), 7)
    with pytest.raises(DataError, match="nobody"):
        predict_people(Oracle(), [], 7)


def test_nothing_beyond_the_last_person_is_read():
    columns, _ = people(4)

    read = []

    def endless():
        while True:
            for batch in batches(columns, 2):
                read.append(len(batch))
                yield batch

    assert len(predict_people(Oracle(), endless(), 4).box) == 4
    assert len(read) == 2


def test_what_loads_the_people_is_let_go_although_the_end_is_not_asked_for():
    columns, _ = people(8)
    network, ended = Watched(), []

    def loading():
        try:
            yield from batches(columns, 4)
            yield from batches(columns, 4)
        finally:
            ended.append(True)

    predict_people(network, loading(), 8)

    assert network.given is not None  # what has been fed may live on
    assert ended == [True]


def test_pictures_are_collected_on_the_way():
    columns, _ = people(10)
    collector = CropCollector(count=3, people=10, labelled=1)

    predict_people(Oracle(), batches(columns, 4), 10, collector=collector)

    sample = collector.sample()
    assert sample.rows.tolist() == [0, 3, 6]
    assert sample.crops[:, 0, 0, 0].tolist() == [0, 3, 6]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="other backends are fed without tf.data")
def test_what_the_network_is_fed_has_no_thread_that_tunes_it():
    columns, _ = people(5)
    network = Watched()
    predict_people(network, batches(columns, 4), 5)
    assert network.given.options().autotune.enabled is False
