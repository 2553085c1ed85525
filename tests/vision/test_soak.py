"""A moment of `tests/soak.py`; `make soak` runs ten minutes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SECONDS = 20


@pytest.mark.slow
def test_results_stay_young_and_memory_flat() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak", str(SECONDS)],
        cwd=ROOT, capture_output=True, text=True, timeout=SECONDS + 120,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["kept"], found
    # The model takes longer than images need to come, so some are dropped.
    assert found["passed_over"] and found["results"] > 5 * SECONDS
