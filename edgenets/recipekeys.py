"""Every key that a recipe may have: what it means, in which range, and its default.

Nothing is written twice: meanings are the comments beside the fields of the records, ranges are
what the records check.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import io
import json
import textwrap
import tokenize
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from edgenets import records, tasks
from edgenets.errors import RecipeError
from edgenets.files import Json
from edgenets.limits import read_toml
from edgenets.recipe import RECIPES, shipped

# What recipes of every task begin with has no comments of its own.
_FIRST = {
    "name": "of the model, its run folder and its bundle",
    "description": "a line that says what it is for",
    "task": "what it does",
    "seed": "of all random numbers: the same seed, the same model",
    "kind": "which of several kinds this table is of",
}

# How values of a type are called.
_KINDS: dict[object, str] = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "true or false",
}

# A comment that is for a tool.
_SKIP = "# fmt: skip"

# A field without a default.
NEEDED = "needed"


@dataclass(frozen=True)
class Key:
    """One key of a recipe."""

    table: str  # that it stands in, such as `schedule`; "": none
    name: str
    kind: str  # of its value, for people
    default: object  # plain; `NEEDED` where there is none
    meaning: str
    limits: str  # such as `1 to 4096`; "": none
    optional: bool = False  # its whole table may be missing, and then means something else
    # Its default is that of the whole table: a table without it says something else.
    with_table: bool = False

    @property
    def path(self) -> str:
        """Its name with its table."""
        return f"{self.table}.{self.name}" if self.table else self.name


def keys_of(task: str) -> list[Key]:
    """The keys of a task's recipes, table by table.

    Raises:
        RecipeError: there is no such task.
    """
    if task not in tasks.TASKS:
        raise RecipeError(f"{task}: no such task; there are {', '.join(tasks.TASKS)}")
    return list(_keys(tasks.task_of(task).recipe, "", read_toml(example_of(task))))


def template(name: str, task: str, own: Json) -> str:
    """A recipe of all keys as TOML: what `own` says as it is, all else as comments.

    Args:
        name: that it gets.
        task: its task.
        own: settings that are its own, plain, such as those of a shipped recipe.
    """
    plain = {**own, "name": name, "task": task}
    tables: dict[str, list[Key]] = {}
    for key in keys_of(task):
        tables.setdefault(key.table, []).append(key)
    lines = [
        f"# A recipe for {task}. What stands behind a # is the default: take the # away to change",
        f"# it. What keys mean: edgenets recipe keys {task}",
    ]
    for table in sorted(tables, key=lambda table: (table.count("."), bool(table))):
        found = _at(plain, table)
        off = "# " if tables[table][0].optional else ""
        lines += ["", f"{off}[{table}]"] if table else [""]
        for key in tables[table]:
            lines += _lines(key, found)
    return "\n".join(lines) + "\n"


def _lines(key: Key, found: Mapping[str, object]) -> list[str]:
    said = f"{key.meaning} ({key.kind}{', ' + key.limits if key.limits else ''})".strip()
    lines = [f"# {line}" for line in textwrap.wrap(said, 96)]
    if key.name in found and found[key.name] is not None:
        return [*lines, f"{key.name} = {toml_value(found[key.name])}"]
    if key.with_table:
        return [*lines, f"{key.name} = {toml_value(key.default)}"]
    if key.default == NEEDED:
        return [*lines, f"# {key.name} = …  is needed"]
    return [*lines, f"# {key.name} = {'none' if key.default is None else toml_value(key.default)}"]


def toml_value(value: object) -> str:
    """A plain value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{k} = {toml_value(v)}' for k, v in value.items())}}}"
    return str(value)


def _at(plain: Mapping[str, object], table: str) -> Mapping[str, object]:
    for part in table.split(".") if table else ():
        inner = plain.get(part)
        plain = inner if isinstance(inner, Mapping) else {}
    return plain


def _keys(cls: type, table: str, own: Mapping[str, object], usual: object = None) -> Iterator[Key]:
    """The keys of a record; `usual` is the one that stands where nothing is said."""
    comments, limits = _comments(cls), _limits(cls)
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        plain = own.get(field.name)
        inside = plain if isinstance(plain, Mapping) else {}
        inner = _record_of(hint, inside.get("kind"))
        if inner is not None:
            path = f"{table}.{field.name}" if table else field.name
            absent = plain is None and type(None) in typing.get_args(hint)
            yield from (
                dataclasses.replace(key, optional=key.optional or absent)
                for key in _keys(inner, path, inside, _default_of(field, inner))
            )
            continue
        own_default = _default_of(field)
        default = own_default if usual is None else getattr(usual, field.name)
        default, own_default = records.to_plain(default), records.to_plain(own_default)
        if field.name == "description" and not table:
            default = ""
        meaning = comments.get(field.name) or _FIRST.get(field.name, "")
        key = Key(table, field.name, _kind(hint), default, meaning, limits.get(field.name, ""))
        yield dataclasses.replace(key, with_table=default != own_default)


def _default_of(field: dataclasses.Field[object], kind: type = object) -> object:
    """The default of a field, where it is of a kind; else `NEEDED`, or None."""
    default: object = NEEDED
    if field.default is not dataclasses.MISSING:
        default = field.default
    elif field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    return default if isinstance(default, kind) else None


def _record_of(hint: object, kind: object) -> type | None:
    """The record that a field holds; of several, that of a kind, else the first."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return hint
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return None
    every = [
        a for a in typing.get_args(hint) if isinstance(a, type) and dataclasses.is_dataclass(a)
    ]
    fitting = [a for a in every if getattr(a, "kind", None) == kind]
    return next(iter(fitting or every), None)


def _kind(hint: object) -> str:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join("none" if a is type(None) else _kind(a) for a in args)
    if origin is typing.Literal:
        return " or ".join(toml_value(a) for a in args)
    if origin is tuple:
        if args[-1] is Ellipsis:
            return f"list of {_kind(args[0])}s"
        return f"{len(args)} {_kind(args[0])}s"
    if origin is dict:
        return "table"
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return "table"
    return _KINDS.get(hint, getattr(hint, "__name__", str(hint)))


@cache
def _comments(cls: type) -> dict[str, str]:
    """What the source says beside each field, or above it."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if dataclasses.is_dataclass(base):
            found |= _comments_in(textwrap.dedent(inspect.getsource(base)))
    return found


def _comments_in(source: str) -> dict[str, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {t.start[0]: t for t in tokens if t.type == tokenize.COMMENT and t.string != _SKIP}
    fields = [node for node in _class_of(source).body if isinstance(node, ast.AnnAssign)]
    said = {ast.unparse(field.target): _said(comments, field) for field in fields}
    return {name: text for name, text in said.items() if text}


def _said(comments: Mapping[int, tokenize.TokenInfo], field: ast.AnnAssign) -> str:
    """The comments beside a field, else those above it."""
    lines = range(field.lineno, (field.end_lineno or field.lineno) + 1)
    found = [comments[line] for line in lines if line in comments]
    found = found or _above(comments, field.lineno)
    return " ".join(token.string.lstrip("# ") for token in found).rstrip(".")


def _above(comments: Mapping[int, tokenize.TokenInfo], line: int) -> list[tokenize.TokenInfo]:
    """The comments that stand alone on the lines just above one."""
    found: list[tokenize.TokenInfo] = []
    while (token := comments.get(line - 1)) and token.line.lstrip().startswith("#"):
        found.insert(0, token)
        line -= 1
    return found


@cache
def _limits(cls: type) -> dict[str, str]:
    """What `check_range` allows of each field."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if not dataclasses.is_dataclass(base) or "__post_init__" not in vars(base):
            continue
        for node in ast.walk(_class_of(textwrap.dedent(inspect.getsource(base)))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check_range":
                _, low, high, *names = node.args
                try:
                    limits = f"{ast.literal_eval(low):g} to {ast.literal_eval(high):g}"
                    found |= {str(ast.literal_eval(name)): limits for name in names}
                except ValueError:  # of what is computed nothing is said
                    continue
    return found


def _class_of(source: str) -> ast.ClassDef:
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.ClassDef), "the source of a class"
    return node


def reference(task: str) -> str:
    """The keys of a task's recipes as Markdown, a table each."""
    lines = [f"## {task}", ""]
    table: str | None = None
    for key in keys_of(task):
        if key.table != table:
            table = key.table
            lines += ["", f"### [{table}]", ""] if table else []
            lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
        default = "needed" if key.default == NEEDED else "–"
        if key.default not in (NEEDED, None):
            default = f"`{toml_value(key.default)}`"
        kind = f"{key.kind}{', ' + key.limits if key.limits else ''}".replace("|", "\\|")
        lines.append(f"| `{key.name}` | {kind} | {default} | {key.meaning} |")
    return "\n".join(lines) + "\n"


def example_of(task: str) -> Path:
    """The shipped recipe that a new one of a task begins as: the first by name.

    Raises:
        RecipeError: none is for it.
    """
    for name in shipped():
        path = RECIPES / f"{name}.toml"
        if read_toml(path).get("task", "keywords") == task:
            return path
    raise RecipeError(f"{task}: no recipe of it is shipped to begin with")
