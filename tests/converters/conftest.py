"""What the tests of the converters share: converted keyword nets, and a small trained one."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before the first import of TensorFlow

 
from tests.converters.converted import Converted  # noqa: E402
from tests.converters.trained import Trained  # noqa: E402


@pytest.fixture(scope="session")
def converted() -> Callable[[str], Converted]:
    """A keyword net by its name, in every format and precision."""
    return functools.cache(Converted.of)


@pytest.fixture(scope="session")
def trained() -> Trained:
    """A small net that learned something, for seconds."""
    return Trained.make()
