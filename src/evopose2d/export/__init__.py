"""Trained networks for other runtimes: SavedModel, TensorFlow Lite, ONNX."""
