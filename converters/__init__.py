"""Trained model → step model → artifacts in three formats → proof → bundle.

topology   a Keras model as a list of layer calls
walk       layer calls → a step graph (`graph`), with its state explicit
passes     step graph → a smaller, equal step graph
calibrate  step graph + recordings → the range of every tensor
tflite, onnx, openvino   step graph (+ ranges) → an artifact
families   what each variant of model does differently on the way
verify/    artifacts against their model; a gate; mixed precision
pack       what passed → one `.edge` bundle
"""
