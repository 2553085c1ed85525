"""ONNX models as step graphs: GRU, LSTM and RNN operators, causal convolutions, norms and heads.

An ONNX graph has no layers and no name for time. Its sizes are fixed first, so that what depends on
shapes alone becomes constant; then its operators are walked with the meaning of every axis: time,
bands, channels, or nothing.

fold     sizes fixed, constants folded
value    a tensor of the walk: a signal, and what its axes are
shapes   operators that move axes, and those that take a stretch of one
maths    operators element by element, and products
layers   convolutions, pools, recurrent operators, norms
walk     a model from its inputs to its outputs, with time on the axis that makes sense
"""
