"""What the tests of the converters share: converted keyword networks, and a small trained one."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from tests.converters.converted import Converted
from tests.converters.trained import Trained


@pytest.fixture(scope="session")
def converted() -> Callable[[str], Converted]:
    """A keyword network by its name, in every format and precision."""
    return functools.cache(Converted.of)


@pytest.fixture(scope="session")
def trained() -> Trained:
    """A small network that learned something, for seconds."""
    return Trained.make()
