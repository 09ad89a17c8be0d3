"""The formats: how each is written and how each is run.

Every one takes ``images``, (B, H, W, 3) uint8 RGB crops, and gives ``keypoints``, (B, K, 3) float32: x, y in crop
pixels and score. B is free.
"""

import contextlib
import importlib.util
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from evopose2d.errors import ConfigError
from evopose2d.evaluation.keypoint_model import KeypointModel

Crops = NDArray[np.uint8]
Runner = Callable[[Crops], NDArray[np.float32]]

_OPSET = 17  # of ONNX, 2022: old enough for the runtimes in use, new enough for every operation here
_EXTRA = ("tf2onnx", "onnx", "onnxruntime")


@dataclass(frozen=True)
class Format:
    """A format that a network is exported to.

    Attributes:
        name: as the command knows it.
        file: file or folder in the output folder.
        exact: whether it computes in float32, so that its keypoints must be Keras's.
        write: writes a model, given some crops to calibrate on, to a path.
        runner: opens what was written, to compute with so many threads; None: as many as there are processors.
    """

    name: str
    file: str
    exact: bool
    write: Callable[[KeypointModel, Crops, Path], None]
    runner: Callable[[Path, int | None], Runner]


def check_available(name: str) -> None:
    """Say early what a format lacks.

    Raises:
        ConfigError: Keras does not run on TensorFlow, or packages are missing.
    """
    if keras.backend.backend() != "tensorflow":
        raise ConfigError(f"KERAS_BACKEND: got {keras.backend.backend()}, must be tensorflow to export")
    missing = [package for package in _EXTRA if importlib.util.find_spec(package) is None]
    if name == "onnx" and missing:
        raise ConfigError(
            f"onnx: needs {', '.join(missing)}, which the extra `export` brings: pip install 'evopose2d[export]'"
        )


def _signature(model: KeypointModel) -> list[tf.TensorSpec]:
    return [tf.TensorSpec((None, *model.network.input_shape[1:]), tf.uint8, name="images")]


def _write_saved_model(model: KeypointModel, calibration: Crops, path: Path) -> None:
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", lambda images: {"keypoints": model(images)}, input_signature=_signature(model))
    with _silent():
        archive.write_out(str(path), verbose=False)


def _run_saved_model(path: Path, threads: int | None = None) -> Runner:
    del threads  # TensorFlow's are the process's
    loaded = tf.saved_model.load(str(path))

    def run(crops: Crops) -> NDArray[np.float32]:
        # Through the object, which must live as long as its functions.
        return np.asarray(loaded.signatures["serving_default"](images=tf.constant(crops))["keypoints"])

    return run


@contextlib.contextmanager
def _saved(model: KeypointModel) -> Iterator[Path]:
    """Write a SavedModel for TensorFlow Lite's converter, which gets the weights of Keras 3 right from there alone."""
    with tempfile.TemporaryDirectory() as folder:
        _write_saved_model(model, np.empty(0, np.uint8), Path(folder))
        yield Path(folder)


def _write_tflite_float32(model: KeypointModel, calibration: Crops, path: Path) -> None:
    with _saved(model) as folder, _silent():
        path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert())


def _write_tflite_float16(model: KeypointModel, calibration: Crops, path: Path) -> None:
    with _saved(model) as folder, _silent():
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        path.write_bytes(converter.convert())


def _write_tflite_int8(model: KeypointModel, calibration: Crops, path: Path) -> None:
    """Quantise the network; what follows it stays float32, or coordinates would have 256 values in all."""

    def examples() -> Iterator[dict[str, Crops]]:
        return ({"images": calibration[index : index + 1]} for index in range(len(calibration)))

    with _saved(model) as folder, _silent():
        plain = tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert()
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = examples
        options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=_decoding_nodes(plain, model))
        # The debugger's by-product: the only way to quantise some nodes and leave others.
        quantizer = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=examples, debug_options=options
        )
        path.write_bytes(quantizer.get_nondebug_quantized_model())


def _decoding_nodes(content: bytes, model: KeypointModel) -> list[str]:
    """Return the names of all values of a graph that are computed after the network."""
    interpreter = tf.lite.Interpreter(model_content=content)
    names = [detail["name"] for detail in interpreter.get_tensor_details()]
    after = [name for name in names if model.name in name and f"/{model.network.name}" not in name]
    return after + [detail["name"] for detail in interpreter.get_output_details()]


def _run_tflite(path: Path, threads: int | None = None) -> Runner:
    with _silent():
        interpreter = tf.lite.Interpreter(model_path=str(path), num_threads=threads or os.cpu_count())
        run = interpreter.get_signature_runner()

    def predict(crops: Crops) -> NDArray[np.float32]:
        with _silent():
            return np.asarray(run(images=crops)["keypoints"])

    return predict


def _write_onnx(model: KeypointModel, calibration: Crops, path: Path) -> None:
    import onnx
    import tf2onnx

    def keypoints(images: Any) -> dict[str, Any]:  # noqa: ANN401 - a tensor
        return {"keypoints": model(images)}

    signature = _signature(model)
    with _silent():
        converted, _ = tf2onnx.convert.from_function(
            tf.function(keypoints, input_signature=signature), input_signature=signature, opset=_OPSET
        )
    for value in (*converted.graph.input, *converted.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    for node in converted.graph.node:
        if node.op_type == "ConvTranspose":
            _mend_padding(node)
    onnx.save(converted, str(path))


def _mend_padding(transposed: Any) -> None:  # noqa: ANN401 - a node of ONNX
    """Fill up a transposed convolution that strides over more pixels than its kernel has, as those of HRNet do.

    TensorFlow puts the kernel at the start of each stride; tf2onnx says so with negative padding, which ONNX forbids.
    """
    import onnx

    given = {attribute.name: attribute.ints for attribute in transposed.attribute}
    kernel, strides, pads = given["kernel_shape"], given["strides"], given["pads"]
    missing = [max(stride - size, 0) for stride, size in zip(strides, kernel, strict=True)]
    if not any(missing):
        return
    pads[:] = [0 if missing[index % len(missing)] else padding for index, padding in enumerate(pads)]
    transposed.attribute.append(onnx.helper.make_attribute("output_padding", missing))


def _run_onnx(path: Path, threads: int | None = None) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = options.inter_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda crops: session.run(["keypoints"], {"images": crops})[0]


FORMATS = {
    item.name: item
    for item in (
        Format("saved-model", "saved_model", True, _write_saved_model, _run_saved_model),
        Format("tflite", "pose-float32.tflite", True, _write_tflite_float32, _run_tflite),
        Format("tflite-float16", "pose-float16.tflite", False, _write_tflite_float16, _run_tflite),
        Format("tflite-int8", "pose-int8.tflite", False, _write_tflite_int8, _run_tflite),
        Format("onnx", "pose.onnx", True, _write_onnx, _run_onnx),
    )
}


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Hold back what converters print below Python, where no log level reaches; errors are raised all the same."""
    standard_error = os.dup(2)
    with open(os.devnull, "w") as nowhere, warnings.catch_warnings():  # noqa: PTH123 - a device, not a file
        # TensorFlow announces that its interpreter will move to a package of its own.
        warnings.simplefilter("ignore")
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
