"""Models of one's own as bundles: what was converted and verified, with what a device must know.

`edgenets convert` and `verify` know a model's tensors, not what they mean. That is said here: the
task and its labels, how sound, images, texts or readings become the model's input, and how its
answers are read.

front       the file, or the name of a library, that says how sound and text go in
window      how a model of a whole clip is fed by a stream
sequences   specs of models of sound, of text and of series
images      specs of models of images
features    a user's own features, held against those that a device will compute
bundle      all of it, in order
"""
