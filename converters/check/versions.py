"""Which operators an interpreter has: asked of it once, kept in a file beside this one."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from .operators import Graph


@dataclass(frozen=True)
class Interpreter:
    """An interpreter of TFLite files."""

    name: str  # with its version
    operators: dict[str, int]  # the newest version of each


# What boards have, by the name of the package. To add one: its file, and its name here.
KNOWN = ("ai_edge_litert", "tflite_runtime")


@cache
def interpreter(package: str) -> Interpreter:
    """What is known of an interpreter."""
    found = tomllib.loads((files(__package__) / f"{package}.toml").read_text(encoding="utf-8"))
    return Interpreter(found["interpreter"], found["operators"])


def lacking(graph: Graph, known: Interpreter) -> Iterator[str]:
    """Operators that an interpreter has not, or not so new."""
    seen = set()
    for operator in graph.operators:
        key = operator.name, operator.version
        if operator.is_custom or key in seen:
            continue
        seen.add(key)
        newest = known.operators.get(operator.name, 0)
        if not newest:
            yield f"{operator.name}, which it has not"
        elif operator.version > newest:
            yield f"{operator.name} of version {operator.version}; it has {newest} and older"
