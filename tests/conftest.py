"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# TensorFlow reads this when it is first imported; its greetings hide what tests say.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# A machine that trains beside the tests is slow, and that is no fault of theirs.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("patient")
