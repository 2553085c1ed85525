"""Run the keeper from its folder's archive or from the package."""

from __future__ import annotations

import sys

from .main import main

sys.exit(main(sys.argv[1:]))
