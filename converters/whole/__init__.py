"""Nets as a whole: one call takes all of an item, fixed in size, and gives the answer.

function.py   a model as a TensorFlow function without variables
tflite.py     … as a TFLite file, by TensorFlow's converter
onnx.py       … as an ONNX file, by tf2onnx, and in every precision, by ONNX Runtime's tools
convert.py    a Keras model in every format and precision
"""
