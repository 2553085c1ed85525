"""Trained model → step model → artifacts in three formats → proof → bundle.

topology   a Keras model as a list of layer calls
walk       layer calls → a step graph (`graph`), with its state explicit
passes     step graph → a smaller, equal step graph
calibrate  step graph + recordings → the range of every tensor
tflite, onnx, openvino   step graph (+ ranges) → an artifact
verify     artifacts against the Keras model; a gate
pack       what passed → one `.edge` bundle
"""
