"""Quantization-aware training: a network that is rounded in training as its int8 forms will be.

Weights are rounded channel by channel, and what passes between layers to one
range a tensor; gradients go through as if nothing was rounded (Jacob et al. 2018,
arXiv:1712.05877). The layers are those of the plain network, and so are their
weights: whoever has trained the one has trained the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from edgenets.errors import RecipeError
from edgenets.extras import require

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor
    from keras.layers import Layer

# Names of weights that are multiplied with what comes in; a bias has 32 bits.
_KERNELS = ("kernel", "recurrent_kernel", "depthwise_kernel", "pointwise_kernel")

# What converters make one operation of with what stands before it: nothing is rounded between.
_JOINED = ("BatchNormalization", "ReLU", "Dropout", "SpatialDropout1D", "SpatialDropout2D")
_JOINED_ACTIVATIONS = ("linear", "relu", "relu6")

# Layers that move or choose numbers, and leave their range as it is.
_MOVING = (
    "Flatten", "Reshape", "Permute", "Cropping1D", "Cropping2D", "MaxPooling1D", "MaxPooling2D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "ZeroPadding1D", "ZeroPadding2D",
)  # fmt: skip

# Of a tensor, its items first.
Shape = tuple[int | None, ...]

# Of what a batch shows, once the first ones are averaged.
_NEWEST = 0.01

# What a network is called then.
_SUFFIX = "_aware"

# States of tanh never leave it.
_STATE = (-1.0, 1.0)


def aware(model: keras.Model) -> keras.Model:
    """The network with fake quantization, of the same layers and weights.

    Args:
        model: a Keras model, Sequential or functional, built. Training what is returned trains it.

    Returns:
        a Keras model of the same inputs and outputs. Of convolutional models TFLiteConverter makes
        an int8 file from it without anything to calibrate on.

    Raises:
        RecipeError: nothing in it has weights that could be rounded.
    """
    keras = require("keras")
    if not any(map(_kernels_of, model.layers)):
        raise RecipeError("qat: the network has no layer with weights that could be rounded")
    layers = _layers()
    # Of a tensor's id, the tensor and what is taken for it: rounded, or itself where its range is
    # known. Ids are of tensors that live.
    known: dict[int, tuple[KerasTensor, KerasTensor]] = {}
    names: set[str] = set()
    wrapped: dict[int, Layer] = {}  # by ids of layers, which live as long as the model

    def ranged(tensor: KerasTensor) -> KerasTensor:
        """A tensor, rounded; once, however many layers take it."""
        if "float" not in str(tensor.dtype):
            return tensor
        if id(tensor) not in known:
            name = f"{tensor._keras_history.operation.name}_range"
            name = f"{name}_{len(names)}" if name in names else name
            names.add(name)
            known[id(tensor)] = tensor, layers["Range"](name=name)(tensor)
        return known[id(tensor)][1]

    def is_known(tensor: KerasTensor) -> bool:
        return id(tensor) in known and known[id(tensor)][1] is tensor

    def call(layer: Layer, *args: Any, **kwargs: Any) -> Any:
        if not _is_joined(layer):
            args, kwargs = keras.tree.map_structure(
                lambda x: ranged(x) if isinstance(x, keras.KerasTensor) else x, (args, kwargs)
            )
        rounded = layer
        if _kernels_of(layer):  # one, however often it is called
            if id(layer) not in wrapped:
                wrapped[id(layer)] = layers["Rounded"](layer)
            rounded = wrapped[id(layer)]
        made = rounded(*args, **kwargs)
        taken = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, keras.KerasTensor)]
        kind = type(layer).__name__
        keeps = kind in _MOVING or ("Dropout" in kind and all(map(is_known, taken)))
        if keeps or _has_fixed_range(layer):
            known.update((id(x), (x, x)) for x in keras.tree.flatten(made))
        return made

    plain = model
    if isinstance(model, keras.Sequential):  # which has no graph that could be gone through
        plain = keras.Model(model.inputs[0], model.outputs[0])
    made = keras.models.clone_model(plain, call_function=call, clone_function=lambda layer: layer)
    outputs = keras.tree.map_structure(ranged, made.output)
    return keras.Model(made.input, outputs, name=model.name + _SUFFIX)


def plain_of(model: keras.Model) -> keras.Model:
    """The network inside one that `aware` made, of the same layers and weights; else itself."""
    if not is_aware(model):
        return model
    keras, layers = require("keras"), _layers()

    def call(layer: Layer, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, layers["Range"]):
            return args[0]
        inner = layer.layer if isinstance(layer, layers["Rounded"]) else layer
        return inner(*args, **kwargs)

    made = keras.models.clone_model(model, call_function=call, clone_function=lambda layer: layer)
    return keras.Model(made.input, made.output, name=model.name.removesuffix(_SUFFIX))


def is_aware(model: keras.Model) -> bool:
    """Whether `aware` made a model."""
    return any(type(x).__module__ == __name__ for x in getattr(model, "layers", ()))


def objects() -> dict[str, type[Layer]]:
    """Keras's custom objects of networks that `aware` made, by the names in their files."""
    return {f"edgenets>{name}": layer for name, layer in _layers().items()}


def _kernels_of(layer: Layer) -> list[keras.Variable]:
    """Its variables that are rounded."""
    if hasattr(layer, "layers"):  # a network within the network stays float
        return []
    # Those of a layer that is not trained are rounded all the same; an operation has none.
    every = getattr(layer, "weights", ())
    return [v for v in every if v.name in _KERNELS and len(v.shape) > 1]


def _is_joined(layer: Layer) -> bool:
    kind = type(layer).__name__
    if kind == "Activation":
        return layer.activation.__name__ in _JOINED_ACTIVATIONS
    return kind in _JOINED


def _has_fixed_range(layer: Layer) -> bool:
    """Whether what it gives lies between bounds that every converter knows."""
    name = getattr(getattr(layer, "activation", None), "__name__", type(layer).__name__)
    return name in ("softmax", "sigmoid", "tanh", "Softmax") and not hasattr(layer, "cell")


def _rounded(kernel: keras.Variable, channels: tuple[int, ...] = (-1,)) -> KerasTensor:
    """A kernel as it is in eight bits, a scale a channel of what comes out.

    Of a frozen network it is a constant, of which any converter makes the same integers.

    Args:
        channels: its axes of what comes out.
    """
    tf, rank = require("tensorflow"), len(kernel.shape)
    value = tf.convert_to_tensor(kernel)
    axes = [axis for axis in range(rank) if axis - rank not in channels]
    scale = tf.maximum(tf.reduce_max(tf.abs(value), axes, keepdims=True), 1e-8) / 127
    return value + tf.stop_gradient(tf.round(value / scale) * scale - value)


def _channels_of(layer: Layer, kernel: keras.Variable) -> tuple[int, ...]:
    """The axes of a kernel's output channels, from the last."""
    kind = type(layer).__name__
    if "Depthwise" in kind or kernel.name == "depthwise_kernel":
        return (-2, -1)  # each of what comes in, times the multiplier
    return (-2,) if kind.startswith("Conv") and kind.endswith("Transpose") else (-1,)


@cache
def _layers() -> dict[str, type[Layer]]:
    """The layers of fake quantization; their base is Keras's."""
    keras, tf = require("keras"), require("tensorflow")

    @keras.saving.register_keras_serializable("edgenets")
    class Range(keras.layers.Layer):  # type: ignore[misc,name-defined]  # no types
        """Rounds to 256 steps between the lowest and highest of the last batches."""

        def build(self, shape: Shape) -> None:
            self.low = self.add_weight(shape=(), initializer="zeros", trainable=False, name="low")
            self.high = self.add_weight(shape=(), initializer="zeros", trainable=False, name="high")
            self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False, name="seen")
            self.built = True

        def call(self, x: KerasTensor, training: bool = False) -> KerasTensor:
            if training:
                self.seen.assign(self.seen + 1)
                share = keras.ops.maximum(_NEWEST, 1 / self.seen)
                # Zero has to be one of the steps.
                low = keras.ops.minimum(keras.ops.min(x), 0.0)
                high = keras.ops.maximum(keras.ops.max(x), 0.0)
                self.low.assign(self.low + share * (low - self.low))
                self.high.assign(self.high + share * (high - self.high))
            high = keras.ops.maximum(self.high, self.low + 1e-6)
            return tf.quantization.fake_quant_with_min_max_vars(
                x, keras.ops.convert_to_tensor(self.low), high
            )

        def compute_output_shape(self, shape: Shape) -> Shape:
            return shape

    @keras.saving.register_keras_serializable("edgenets")
    class Rounded(keras.layers.Wrapper):  # type: ignore[misc,name-defined]  # no types
        """A layer whose weights are rounded as it is called."""

        def __init__(self, layer: Layer, **options: Any) -> None:
            super().__init__(layer, name=options.pop("name", f"{layer.name}_rounded"), **options)
            # Ranges of what is within the layer.
            self.before: Layer | None = None
            self.between: Layer | None = None
            activation = getattr(layer, "activation", None)
            is_recurrent = hasattr(layer, "cell")
            if (
                activation is not None
                and not is_recurrent
                and (activation.__name__ not in _JOINED_ACTIVATIONS)
            ):
                self.before = Range(name="before")

        def build(self, shape: Shape | None = None) -> None:
            # A separable layer has its kernels, and with them what is within, once it is built.
            super().build(shape)
            if hasattr(self.layer, "pointwise_kernel"):
                self.between = Range(name="between")

        def _applied(self, *args: Any, **kwargs: Any) -> Any:
            """The layer; of a separable one the two convolutions, with a range between them."""
            layer = self.layer
            if self.between is None:
                return layer(*args, **kwargs)
            options = {"data_format": layer.data_format}
            x = keras.ops.depthwise_conv(
                args[0],
                layer.depthwise_kernel,
                strides=layer.strides,
                padding=layer.padding,
                dilation_rate=layer.dilation_rate,
                **options,
            )
            x = keras.ops.conv(self.between(x), layer.pointwise_kernel, **options)
            x = x if layer.bias is None else x + layer.bias
            return layer.activation(x) if layer.activation is not None else x

        def call(self, *args: Any, **kwargs: Any) -> Any:
            layer = self.layer
            mapping = [(v, _rounded(v, _channels_of(layer, v))) for v in _kernels_of(layer)]
            with (
                keras.StatelessScope(state_mapping=mapping) as scope,
                _with_states(layer),
                _with_range(layer, self.before),
            ):
                made = self._applied(*args, **kwargs)
            # What is kept from call to call, such as where random numbers stand.
            for variable in self.non_trainable_variables:
                value = scope.get_current_value(variable)
                if value is not None:
                    variable.assign(value)
            return made

    return {"Range": Range, "Rounded": Rounded}


@contextmanager
def _with_range(layer: Layer, before: Layer | None) -> Iterator[None]:
    """What goes into an activation that is an operation of its own is rounded."""
    if before is None:
        yield
        return
    activation = layer.activation
    layer.activation = lambda x: activation(before(x))
    try:
        yield
    finally:
        layer.activation = activation


@contextmanager
def _with_states(layer: Layer) -> Iterator[None]:
    """What a recurrent layer remembers is rounded from step to step."""
    cell = getattr(layer, "cell", None)
    if cell is None or getattr(cell, "activation", None) is None:
        yield
        return
    tf, call = require("tensorflow"), cell.call

    def rounded(*args: Any, **kwargs: Any) -> Any:
        output, states = call(*args, **kwargs)
        if cell.activation.__name__ != "tanh":
            return output, states
        held = tf.quantization.fake_quant_with_min_max_args(output, *_STATE)
        return held, [held, *states[1:]]

    cell.call = rounded
    try:
        yield
    finally:
        del cell.call
