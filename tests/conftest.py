"""What all tests share."""

from __future__ import annotations

import os

# TensorFlow reads this when it is first imported; its greetings hide what tests say.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
