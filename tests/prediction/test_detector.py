"""A detector made of four ONNX nodes: where it sees red, it sees the people that are written into it."""

from pathlib import Path

import numpy as np
import pytest

from evopose2d.errors import DataError
from evopose2d.prediction.detector import YOLOX, YoloDetector
from evopose2d.prediction.sources import Picture

onnx = pytest.importorskip("onnx", reason="ONNX comes with the extra `export`")
SIZE = 64
CLASSES = 2
# Centre x, centre y, width, height in the detector's pixels, then how much of the red a class takes.
PERSON = ((24, 32, 10, 20), (1.0, 0.1))
SAME_PERSON = ((25, 32, 10, 20), (0.8, 0.1))
OTHER_PERSON = ((40, 32, 8, 16), (0.6, 0.1))
DOG = ((40, 20, 8, 16), (0.3, 0.9))
NOBODY = ((5, 5, 4, 4), (0.0, 0.0))
CANDIDATES = [PERSON, SAME_PERSON, OTHER_PERSON, DOG, *[NOBODY] * 8]


def write_detector(path, objectness):
    """Write a network: mean colour -> 1x1 convolution -> reshape, of YOLOv5's layout or YOLOv8's."""
    rows = np.array([[*box, *([1.0] if objectness else []), *[0.0] * CLASSES] for box, _ in CANDIDATES], np.float32)
    red = np.zeros_like(rows)
    red[:, -CLASSES:] = [shares for _, shares in CANDIDATES]
    return write_network(path, *((rows, red) if objectness else (rows.T, red.T)))


def write_yolox(path):
    """Write a network of YOLOX's layout: blue, green, red of 0..255; places within cells, sizes as logarithms."""
    rows = np.zeros((8 * 8 + 4 * 4 + 2 * 2, 5 + CLASSES), np.float32)
    red = np.zeros_like(rows)
    rows[:, 4] = 1
    # Cell 3, 2 (column, row) of the grid of 16 pixels, cell 1, 0 of that of 32.
    rows[64 + 2 * 4 + 3, :4] = [0.5, 0.25, np.log(0.5), np.log(1.5)]
    rows[64 + 16 + 1, :4] = [0.25, 0.5, 0.0, 0.0]
    red[64 + 2 * 4 + 3, 5] = 1.0 / 255
    red[64 + 16 + 1, 5] = 0.75 / 255
    return write_network(path, rows, red, channel=2)


def write_network(path, rows, red, channel=0):
    weights = np.zeros((rows.size, 3, 1, 1), np.float32)
    weights[:, channel, 0, 0] = red.ravel()
    make, tensors = onnx.helper, onnx.numpy_helper
    graph = make.make_graph(
        [
            make.make_node("GlobalAveragePool", ["images"], ["colour"]),
            make.make_node("Conv", ["colour", "weights", "bias"], ["flat"], kernel_shape=[1, 1]),
            make.make_node("Reshape", ["flat", "shape"], ["output"]),
        ],
        "detector",
        [make.make_tensor_value_info("images", onnx.TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [make.make_tensor_value_info("output", onnx.TensorProto.FLOAT, [1, *rows.shape])],
        [
            tensors.from_array(weights, "weights"),
            tensors.from_array(rows.ravel(), "bias"),
            tensors.from_array(np.array([1, *rows.shape]), "shape"),
        ],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 13)])
    model.ir_version = 8
    path.write_bytes(model.SerializeToString())
    return path


def red_picture(height, width):
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = 255
    return Picture(Path("a.jpg"), 1, pixels)


@pytest.mark.parametrize("objectness", [True, False])
def test_people_are_found_in_both_layouts(tmp_path, objectness):
    detector = YoloDetector(write_detector(tmp_path / "yolo.onnx", objectness), size=SIZE, threshold=0.3)

    # Twice as large as the detector's input and half as high: scaled by 1/2, 16 grey rows above and below.
    boxes = detector(red_picture(64, 128))

    assert boxes.places[0] == pytest.approx([(24 - 5) * 2, (32 - 10 - 16) * 2, 20, 40])
    assert boxes.places[1] == pytest.approx([(40 - 4) * 2, (32 - 8 - 16) * 2, 16, 32])
    # Red is full in half of the input, the letterbox's grey in the other.
    red = 0.5 + 0.5 * 114 / 255
    assert boxes.scores == pytest.approx([red, 0.6 * red], abs=0.01)


def test_people_are_found_in_the_cells_of_yolox(tmp_path):
    detector = YoloDetector(write_yolox(tmp_path / "yolox_s.onnx"), size=SIZE, threshold=0.3)

    # Scaled by 1/2, the picture lies at the top, 32 grey rows below.
    boxes = detector(red_picture(64, 128))

    assert boxes.places[0] == pytest.approx([(56 - 4) * 2, (36 - 12) * 2, 16, 16])  # cut at the lower border, 64
    assert boxes.places[1] == pytest.approx([(40 - 16) * 2, 0, 64, 64])
    red = 0.5 + 0.5 * 114 / 255
    assert boxes.scores == pytest.approx([red, 0.75 * red], abs=0.01)
    assert not len(detector.find(red_picture(64, 64).pixels[..., ::-1].copy()).scores)


def test_a_size_that_does_not_fit_yolox_is_told(tmp_path):
    detector = YoloDetector(write_detector(tmp_path / "mine.onnx", objectness=True), size=SIZE, layout=YOLOX)
    with pytest.raises(DataError, match=r"mine.onnx: gives 12 candidates, YOLOX gives 84 on 64 x 64; is --detector-s"):
        detector(red_picture(64, 64))


def test_a_picture_that_is_not_red_has_nobody(tmp_path):
    detector = YoloDetector(write_detector(tmp_path / "yolo.onnx", objectness=False), size=SIZE)
    blue = Picture(Path("a.jpg"), 1, red_picture(64, 64).pixels[..., ::-1].copy())

    boxes = detector(blue)

    assert boxes.places.shape == (0, 4)
    assert boxes.scores.shape == (0,)


def test_boxes_end_at_the_picture(tmp_path):
    detector = YoloDetector(write_detector(tmp_path / "yolo.onnx", objectness=True), size=SIZE)
    # A narrow picture fills columns 26 to 37 alone: the first person begins left of it.
    boxes = detector(red_picture(128, 24))

    assert (boxes.places[:, 0] >= 0).all()
    assert (boxes.places[:, 0] + boxes.places[:, 2] <= 24).all()


def test_files_that_are_no_detectors_are_told(tmp_path):
    with pytest.raises(DataError, match="no such detector"):
        YoloDetector(tmp_path / "absent.onnx")
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(DataError, match=r"text\.onnx: OpenCV cannot read"):
        YoloDetector(tmp_path / "text.onnx")
