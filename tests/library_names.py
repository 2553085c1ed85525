"""What the code uses of other people's libraries, read from its source.

A release that drops or moves a function is then found without a test that calls it.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
HOUSE = ("edgenets", "converters", "runtime", "devices")


@dataclass(frozen=True, order=True)
class Use:
    """A name of a library, as it stands in the source."""

    module: str  # as imported: "onnx.helper"
    name: str  # dotted, below the module: "make_node"
    place: str  # file:line


def uses() -> Iterator[Use]:
    """Every name of every library that the product reaches by `require` or `import`."""
    for folder in HOUSE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from _of_file(path)


def _of_file(path: Path) -> Iterator[Use]:
    place = path.relative_to(ROOT).as_posix()
    yield from _of_scope(ast.parse(path.read_text()), {}, place)


def _of_scope(scope: ast.AST, outer: dict[str, str], place: str) -> Iterator[Use]:
    """The uses in a module, class or function, whose variables hold in those within it."""
    nodes = list(_own_nodes(scope))
    hidden = {node.arg for node in nodes if isinstance(node, ast.arg)}
    names = {name: module for name, module in outer.items() if name not in hidden}
    if isinstance(scope, ast.ClassDef):  # what a method keeps in `self` is there in all of them
        kept = (pair for node in ast.walk(scope) for pair in _bound(node, names))
        names |= {name: module for name, module in kept if name.startswith("self.")}
    for node in nodes:
        names |= dict(_bound(node, names))
    for node in nodes:
        found = _dotted(node, names)
        if found is not None:
            yield Use(*found, f"{place}:{getattr(node, 'lineno', 0)}")
        if isinstance(node, _SCOPES):
            yield from _of_scope(node, names, place)


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """What stands in a scope and is evaluated, without the insides of scopes in it."""
    for node in _evaluated(scope):
        yield node
        if not isinstance(node, _SCOPES):
            yield from _own_nodes(node)


def _evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """Children, without annotations and what is there for type checkers: no run looks at them."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        yield from node.orelse
        return
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns"):
            children = value if isinstance(value, list) else [value]
            yield from (child for child in children if isinstance(child, ast.AST))


def _bound(node: ast.AST, names: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Variables (or `self.x`) that a statement makes hold a library."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            yield from _pairs(target, node.value, names)
    elif isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.partition(".")[0] not in _OWN:
                yield (
                    alias.asname or alias.name.partition(".")[0],
                    (alias.name if alias.asname else alias.name.partition(".")[0]),
                )


# The standard library comes with Python, and what is ours with the code.
_OWN = {*sys.stdlib_module_names, "edgenets"}


def _pairs(
    target: ast.AST, value: ast.AST | None, names: dict[str, str]
) -> Iterator[tuple[str, str]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, other in zip(target.elts, value.elts, strict=False):
            yield from _pairs(one, other, names)
        return
    module = _required(value) or (names.get(ast.unparse(value)) if value is not None else None)
    if module is not None:
        yield ast.unparse(target), module


def _required(node: ast.AST | None) -> str | None:
    """The module of `require("module")`."""
    match node:
        case ast.Call(func=ast.Name(id="require"), args=[ast.Constant(value=str(module)), *_]):
            return module
    return None


def _dotted(node: ast.AST, names: dict[str, str]) -> tuple[str, str] | None:
    """The library and the dotted name of an attribute: of a variable, or of `require(…)` itself."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
        module = _required(node) or names.get(ast.unparse(node))
        if module is not None:
            return module, ".".join(parts)
    return None


def missing(use: Use) -> str | None:
    """The part of a name that the installed release lacks, or None.

    Past the first thing that is no module or class the names are those of objects,
    which only a run can tell.
    """
    found: object = importlib.import_module(use.module)
    for part in use.name.split("."):
        if not isinstance(found, ModuleType | type):
            return None
        if not hasattr(found, part) and not _is_submodule(found, part):
            return f"{use.module} has no '{use.name}' (at '{part}')"
        found = getattr(found, part, None)
    return None


def _is_submodule(parent: object, name: str) -> bool:
    """Whether it is a module that nobody has imported yet."""
    path = getattr(parent, "__name__", "") + "." + name
    return isinstance(parent, ModuleType) and importlib.util.find_spec(path) is not None


def lost_of(distribution: str) -> list[str]:
    """The names that the installed release of a distribution lacks."""
    provided = metadata.packages_distributions()
    mine = {use for use in uses() if distribution in provided.get(use.module.partition(".")[0], ())}
    return sorted({lost for use in mine if (lost := missing(use)) is not None})


if __name__ == "__main__":
    sys.exit("\n".join(lost_of(sys.argv[1])) or None)
