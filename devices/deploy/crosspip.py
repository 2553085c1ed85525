"""pip, for a machine of another Python and another processor than this one.

`pip download --python-version=3.11 --platform=…` takes wheels for that machine, but asks this one
whether a requirement holds: `numpy>=2.1; python_version >= "3.13"` is asked of every board by who
deploys from Python 3.13. Here pip is given the other machine's answers.

It is `python -m edgenets.devices.deploy.crosspip ENVIRONMENT ARGUMENT…`; the environment is JSON,
by the names of PEP 508.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable


def environment(python: tuple[int, int], architecture: str) -> dict[str, str]:
    """What a Linux board answers to the questions of PEP 508."""
    version = ".".join(map(str, python))
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{version}.0",
        "os_name": "posix",
        "platform_machine": architecture,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{version}.0",
        "python_version": version,
        "sys_platform": "linux",
    }


def main(answers: dict[str, str], arguments: list[str]) -> int:
    """Run pip; its exit code."""
    markers = importlib.import_module("pip._vendor.packaging.markers")
    vars(markers)["default_environment"] = lambda: dict(answers)
    run: Callable[[list[str]], int] = importlib.import_module("pip._internal.cli.main").main
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1]), sys.argv[2:]))
