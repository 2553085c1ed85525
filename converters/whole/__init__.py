"""Networks as a whole: one call takes all of an item, fixed in size, and gives the answer.

function.py   a model as a TensorFlow function without variables
tflite.py     … as a TFLite file, by TensorFlow's converter
onnx.py       … as an ONNX file, by tf2onnx; onnxnames.py: its layers by the names of its nodes
onnxround.py  … in every precision, by ONNX Runtime's tools
integers.py   … in int8 with layers in float, made many times from one calibration
litert.py     a float TFLite file rounded, by LiteRT's quantizer
"""
