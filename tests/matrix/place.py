"""The folder in which commands are smoked, with what the earlier ones of them made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.matrix.ssh_board import SshBoard

# A training on two busy cores; everything else takes seconds.
PATIENCE = 1200.0  # s

# A recipe of images and one of sentences that train in seconds: what is tried is that they do.
_IMAGES = """
name = "shades"
description = "Dark and bright images"
task = "classify"
[data]
validation = 0.25
test = 0.25
[input]
height = 32
width = 32
[model]
architecture = "image-classify"
stem = 8
channels = [8, 16]
blocks = [1, 1]
expansion = 2
head = 16
[schedule]
epochs = 40
batch = 8
learning_rate = 1e-3
[gate]
agreement = 0.5
metric_drop = 0.5
[decoding]
kind = "class"
[bundle]
licence = "CC0-1.0"
data_licence = "Drawn."
"""


@dataclass(frozen=True)
class Done:
    """What a command left."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What `--json` printed: one object on one line."""
        (line,) = self.out.splitlines()
        return json.loads(line)


class once(cached_property[Any]):
    """A cached property that also fails once: others that need it fail at once, not in minutes."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        failures = instance.__dict__.setdefault("failures", {})
        if self.attrname in failures:
            pytest.fail(f"'{self.attrname}' failed before")
        try:
            return super().__get__(instance, owner)
        except BaseException:
            failures[self.attrname] = True
            raise


class Place:
    """A folder in which the commands are called, with what earlier ones made."""

    def __init__(self, folder: Path, board: SshBoard) -> None:
        self.folder = folder
        self.board = board

    def __call__(self, *words: object, code: int = 0, text: str = "") -> Done:
        """Call `edgenets`, which must end with `code` and without an internal error."""
        done = self.call(*words, text=text)
        assert done.code == code, f"edgenets {' '.join(map(str, words))}\n{done.out}\n{done.err}"
        return done

    def call(self, *words: object, text: str = "") -> Done:
        """Call `edgenets`; whatever code it ends with, no traceback and no fault of its own."""
        command = [Path(sys.executable).parent / "edgenets", *map(str, words)]
        unset = ("PYTHONPATH", "VIRTUAL_ENV")
        env = {name: value for name, value in os.environ.items() if name not in unset}
        env |= {"NO_COLOR": "1", "COLUMNS": "100"}
        ended = subprocess.run(
            command, cwd=self.folder, env=env, input=text, capture_output=True, text=True,
            timeout=PATIENCE,
        )  # fmt: skip
        assert "Traceback" not in ended.stderr, ended.stderr
        assert "internal error" not in ended.stderr, ended.stderr
        return Done(ended.returncode, ended.stdout, ended.stderr)

    @once
    def demo(self) -> Path:
        """The folder of a demonstration: recordings, a run, a bundle, streams, a report."""
        out = self.folder / "demo"
        found = self("demo", "lights", "stop", "--out", out, "--json").json()
        assert found["passed"] and found["heard"]["hits"] > 0 and found["watched"]["frames"]
        assert Path(found["report"]).stat().st_size > 10_000
        return out

    @once
    def bundle(self) -> Path:
        """The demonstration's bundle."""
        return next(self.demo.glob("*.edge"))

    @once
    def run(self) -> Path:
        """A run folder of images that was trained, converted and verified here."""
        self("train", self.recipe, "--data", self.images, "--out", "shades", "--json")
        self("convert", "shades", "--data", self.images, "--precision", "fp32,int8", "--json")
        found = self("verify", "shades", "--data", self.images, "--json").json()
        assert found["passed"]
        return self.folder / "shades"

    @once
    def recipe(self) -> Path:
        path = self.folder / "shades.toml"
        path.write_text(_IMAGES)
        return path

    @once
    def images(self) -> Path:
        """Dark and bright images, two folders."""
        import cv2
        import numpy as np

        rng = np.random.default_rng(0)
        for label, low in (("dark", 0), ("bright", 155)):
            folder = self.folder / "images" / label
            folder.mkdir(parents=True)
            for number in range(40):
                pixels = rng.integers(low, low + 100, (40, 40, 3), np.uint8)
                cv2.imwrite(str(folder / f"{number * 10:04d}.png"), pixels)
        return self.folder / "images"

    @once
    def keys(self) -> tuple[str, str]:
        return ("--keys", str(self.folder / "keys"))

    @once
    def shelf(self) -> Path:
        """A shelf of releases with one bundle on it."""
        self("release", "init", "shelf", *self.keys, "--json")
        return self.folder / "shelf"

    @once
    def inventory(self) -> Path:
        """One board, for Ansible."""
        board, path = self.board, self.folder / "boards.ini"
        path.write_text(
            f"kitchen ansible_host=127.0.0.1 ansible_port={board.port} ansible_user=root "
            f"ansible_ssh_private_key_file={board.key} edgenets_known_hosts={board.known_hosts}\n"
        )
        return path
