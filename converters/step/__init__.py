"""Streaming (step) models: Keras graphs written as one step, in TFLite, ONNX and OpenVINO."""
