"""An Ansible callback that writes down what each board's command said, a line of JSON each."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
    name: edgenets_results
    type: aggregate
    short_description: results of boards as lines of JSON
    description: Writes to the file that EDGENETS_FLEET_RESULTS names.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc] # Ansible has no types
    """Called by Ansible at every board's end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "edgenets_results"

    def v2_runner_on_ok(self, result: Any) -> None:
        """A board's command ended well."""
        self._write(result, "")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A board's command failed."""
        self._write(result, str(result._result.get("stderr") or result._result.get("msg")))

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A board could not be asked."""
        self._write(result, str(result._result.get("msg")))

    def _write(self, result: Any, error: str) -> None:
        line = {
            "board": result._host.get_name(),
            "out": result._result.get("stdout", ""),
            "error": error,
        }
        with Path(os.environ["EDGENETS_FLEET_RESULTS"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
