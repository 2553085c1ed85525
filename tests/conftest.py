"""What all tests share."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# TensorFlow reads this when it is first imported; its greetings hide what tests say.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# Whoever starts the tests has a terminal of some width; their output is as in a pipe.
for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
    os.environ.pop(name, None)

# A machine that trains beside the tests is slow, and that is no fault of theirs.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("patient")

# Files that take minutes: they come first, so that no worker has one left at the end.
_LONG = (
    "vision/test_road.py", "converters/test_compare.py", "devices/test_cuts.py", "test_live.py",
    "vision/test_soak.py", "language/test_road.py", "translation/test_road.py",
    "converters/test_routes.py", "devices/test_update.py", "series/test_forecast.py",
    "converters/test_mixed_precision.py", "converters/test_mixed_precision_whole.py",
    "converters/test_drawn.py", "test_aware.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.path.as_posix().endswith(_LONG))
