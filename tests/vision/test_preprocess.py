"""Preprocessing: the table, the placement, and what is written into a model's own memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenets.errors import DataError
from edgenets.quantization import Quantization, quantize
from edgenets.tasks.vision.preprocess import GREY, Preprocessor, place, table
from edgenets.tasks.vision.spec import ImageInput

RESIZES = ("stretch", "letterbox", "crop")

sides = st.integers(1, 300)
inputs = st.builds(
    ImageInput, height=st.integers(1, 80), width=st.integers(1, 80),
    color=st.sampled_from(("rgb", "bgr", "grey")), resize=st.sampled_from(RESIZES),
    layout=st.sampled_from(("nhwc", "nchw")),
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(inputs, sides, sides, st.sampled_from(("float32", "int8", "uint8")))
def test_any_picture_goes_into_any_input(
    spec: ImageInput, width: int, height: int, dtype: str
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    q = None
    if dtype != "float32":
        q = Quantization(1 / 255, -128 if dtype == "int8" else 0, dtype)  # type: ignore[arg-type]
    preprocess = Preprocessor(spec, dtype, q)
    out = np.full(spec.shape, 99, dtype)
    where = preprocess.into(image, out)
    real = np.empty(spec.shape, np.float32)
    assert Preprocessor(spec).into(image, real) == where
    if q is not None:  # the table is what quantize would do
        assert (out == quantize(real, q)).all()
    assert real.min() >= 0 and real.max() <= 1
    again = np.zeros(spec.shape, dtype)
    preprocess.into(image, again)
    assert (again == out).all()


@settings(max_examples=120, deadline=None)
@given(inputs, sides, sides)
def test_boxes_go_there_and_back(spec: ImageInput, width: int, height: int) -> None:
    where = place(spec, width, height)
    box = np.array([[0, 0, width, height], [width * 0.4, height * 0.4, width * 0.6, height * 0.6]])
    back = where.to_image(where.to_frame(box.astype(np.float32)))
    assert np.allclose(back, box, atol=0.02)
    outer = where.to_frame(box[:1].astype(np.float32))[0]
    if spec.resize == "letterbox":  # all of the image is in the frame
        assert (outer >= -0.01).all() and outer[2] <= spec.width + 0.01
        assert outer[3] <= spec.height + 0.01
    if spec.resize == "crop":  # all of the frame is image
        assert outer[0] <= 0.01 and outer[1] <= 0.01
        assert outer[2] >= spec.width - 0.01 and outer[3] >= spec.height - 0.01


@pytest.mark.parametrize("resize", RESIZES)
def test_a_mark_is_where_the_placement_says(resize: str) -> None:
    spec = ImageInput(height=60, width=90, resize=resize, color="bgr", std=(1.0,))  # type: ignore[arg-type]
    image = np.zeros((200, 160, 3), np.uint8)
    image[90:110, 70:90] = 255
    out = np.empty(spec.shape, np.float32)
    where = Preprocessor(spec).into(image, out)
    left, top, right, bottom = where.to_frame(np.array([[70, 90, 90, 110]], np.float32))[0]
    bright = (out[0] > 200).all(axis=-1)
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    assert abs(columns[0] - left) <= 1 and abs(columns[-1] + 1 - right) <= 1
    assert abs(rows[0] - top) <= 1 and abs(rows[-1] + 1 - bottom) <= 1
    around = (out[0] == GREY).all(axis=-1).sum()
    assert (around > 0) == (resize == "letterbox")


def test_another_size_leaves_nothing_of_the_last() -> None:
    spec = ImageInput(height=40, width=40, resize="letterbox", std=(1.0,))
    preprocess, out = Preprocessor(spec), np.empty((1, 40, 40, 3), np.float32)
    preprocess.into(np.full((40, 80, 3), 255, np.uint8), out)
    preprocess.into(np.full((80, 40, 3), 7, np.uint8), out)
    assert set(np.unique(out)) == {7.0, float(GREY)}


def test_colours_and_normalisation() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[:] = (10, 20, 30)  # blue, green, red
    mean, std = (1.0, 2.0, 3.0), (2.0, 4.0, 8.0)
    for color, wanted in (("rgb", (30, 20, 10)), ("bgr", (10, 20, 30))):
        spec = ImageInput(height=4, width=4, color=color, mean=mean, std=std)  # type: ignore[arg-type]
        out = np.empty(spec.shape, np.float32)
        Preprocessor(spec).into(image, out)
        assert np.allclose(out[0, 0, 0], (np.array(wanted) - mean) / std)
    spec = ImageInput(height=4, width=4, color="grey", std=(1.0,), layout="nchw")
    out = np.empty(spec.shape, np.float32)
    Preprocessor(spec).into(image, out)
    assert out.shape == (1, 1, 4, 4) and abs(out[0, 0, 0, 0] - 22) <= 1


def test_it_writes_into_the_memory_that_it_is_given() -> None:
    """A model's input is memory of another's; nothing may be put beside it."""
    spec = ImageInput(height=8, width=8)
    memory = bytearray(8 * 8 * 3)
    out = np.frombuffer(memory, np.int8).reshape(1, 8, 8, 3)
    Preprocessor(spec, np.int8, Quantization(1 / 255, -128, "int8")).into(
        np.full((8, 8, 3), 200, np.uint8), out
    )
    assert set(memory) == {72}  # 200 − 128


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32), None,
    ],
)  # fmt: skip
def test_what_is_no_picture(image: object) -> None:
    with pytest.raises(DataError, match="uint8; found"):
        Preprocessor(ImageInput()).into(image, np.empty((1, 96, 96, 3), np.float32))  # type: ignore[arg-type]


def test_an_input_that_takes_no_picture() -> None:
    with pytest.raises(DataError, match="an input of int64 takes no image"):
        table(ImageInput(), np.int64)
