"""Models that a user brings, each kind of file by one module.

source.py        what a source is, and the table of kinds
keras_file.py    .keras, and .h5 of Keras 2
saved_model.py   TensorFlow's SavedModel, a folder
onnx_file.py     .onnx
tflite_file.py   .tflite

No code of a file is run: what would run some is refused before a library sees it.
"""
