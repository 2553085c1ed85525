"""An ONNX graph, done again in TensorFlow."""
