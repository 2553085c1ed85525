"""Frozen dataclasses from plain data, and back.

Recipes (TOML) and manifests (JSON) become frozen dataclasses here, at the
border, with one message a fault: which value, what it is, what it should be.
Behind the border no stage checks a type again.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import reprlib
import types
import typing
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from edgenets.errors import RecordError

T = TypeVar("T")

# Python's integers have no end, and overflow where they meet a float or an array.
_INTEGERS = range(-(1 << 63), 1 << 63)

# Text is shown on terminals and written to files: it moves no cursor, and UTF-8 can hold it.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

# Fields that tell the dataclasses of a union apart.
_TAGS = ("kind", "task")

# Keys and choices that files had under other names before, and the names that they have now.
# Files of before are read; what is written has today's names.
OLD_NAMES = {
    "artefact": "artifact", "artefacts": "artifacts", "colour": "color",
    "pictures": "images", "images": "samples", "clips": "samples",
    "held": "sequence_inputs", "given": "initial_input", "road": "route", "roads": "routes",
    "wish": "variant", "wishes": "options", "habits": "seasonal", "habits-rnn": "seasonal-rnn",
}  # fmt: skip

# How values appear in messages: on one line, whatever a file holds.
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 40


def parse(cls: type[T], data: object, where: str = "") -> T:
    """Build the dataclass `cls` from nested mappings and lists.

    Args:
        cls: a dataclass whose fields are str, int, float, bool, `Literal`,
            optional, `tuple[X, ...]`, `tuple[X, Y]`, `dict[str, X]` or dataclasses; or
            a union of dataclasses, which their field `kind` or `task` tells apart; or a base of
            dataclasses whose `record_type(data, where)` says which of them it is. A dataclass
            whose fields were called otherwise before has `renamed(data)`.
        data: what a TOML or JSON reader gave.
        where: the path to `data` inside its file, for messages.

    Raises:
        RecordError: a key is unknown or missing, or a value has the wrong type.
    """
    if typing.get_origin(cls) in (typing.Union, types.UnionType):
        return _convert_union(typing.get_args(cls), data, where)  # type: ignore[no-any-return]
    if not isinstance(data, Mapping):
        raise RecordError(f"{where or 'the document'}: a table is needed, found {describe(data)}")
    if _is_base(cls):
        cls = cls.record_type(data, where)  # type: ignore[attr-defined]
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    given = _renamed(cls, data, fields, where)
    for key in given:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(fields)}"
            raise RecordError(f"{_join(where, _shown(key))}: unknown key; {hint}")
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in given:
            values[name] = _convert(hints[name], given[name], _join(where, name))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise RecordError(f"{_join(where, name)}: missing")
    try:
        return cls(**values)
    except ValueError as exc:  # a dataclass's own __post_init__ check
        raise RecordError(f"{where or cls.__name__}: {exc}") from exc


def to_plain(record: Any) -> Any:
    """Turn dataclasses and tuples into dicts and lists, as JSON wants them.

    JSON has no infinity and no NaN: they become null.
    """
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {f.name: to_plain(getattr(record, f.name)) for f in dataclasses.fields(record)}
    if isinstance(record, Mapping):
        return {str(k): to_plain(v) for k, v in record.items()}
    if isinstance(record, (list, tuple)):
        return [to_plain(v) for v in record]
    if isinstance(record, float) and not math.isfinite(record):
        return None
    return record


def _convert(kind: Any, value: Any, where: str) -> Any:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(args, value, where)
    if origin is typing.Literal:
        if value not in args and isinstance(value, str) and OLD_NAMES.get(value) in args:
            return OLD_NAMES[value]
        if value not in args:
            known = ", ".join(map(str, args))
            raise RecordError(f"{where}: {describe(value)} is not one of {known}")
        return value
    if origin is tuple:
        return _convert_tuple(args, value, where)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise RecordError(f"{where}: a table is needed, found {describe(value)}")
        return {
            _convert(str, k, where): _convert(args[1], v, _join(where, _shown(k)))
            for k, v in value.items()
        }
    if dataclasses.is_dataclass(kind) or _is_base(kind):
        return parse(typing.cast(type, kind), value, where)
    return _convert_scalar(kind, value, where)


def _renamed(
    cls: Any, data: Mapping[str, Any], fields: Collection[str], where: str
) -> Mapping[str, Any]:
    """The data with today's names of a dataclass's fields, where some were called otherwise."""
    try:
        found = cls.renamed(data) if hasattr(cls, "renamed") else data
    except ValueError as exc:
        raise RecordError(f"{where or cls.__name__}: {exc}") from exc
    given: dict[str, Any] = {}
    for key, value in found.items():
        new = key
        while new not in fields and new in OLD_NAMES:
            new = OLD_NAMES[new]
        name = new if new in fields else key
        if name in given or (name != key and name in found):
            raise RecordError(f"{_join(where, _shown(key))}: is the old name of '{name}'; say one")
        given[name] = value
    return given


def _is_base(kind: Any) -> bool:
    """Whether it is the base of dataclasses, which knows which of them some data is of."""
    return isinstance(kind, type) and "record_type" in vars(kind)


def _convert_scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is Any:
        return value
    if type(value) is int and value not in _INTEGERS:
        raise RecordError(f"{where}: an integer of more than 64 bits is not a number for this")
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise RecordError(f"{where}: {kind.__name__} is needed, found {describe(value)}")
    if kind is float and not math.isfinite(value):
        raise RecordError(f"{where}: a finite number is needed, found {value}")
    if kind is str and _UNPRINTABLE.search(value):
        raise RecordError(f"{where}: holds control characters: {describe(value)}")
    return value


def _convert_union(args: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in args:
        return None
    options = [a for a in args if a is not type(None)]
    several: list[Any] = [a for a in options if dataclasses.is_dataclass(a)]
    if len(several) > 1 and isinstance(value, Mapping):
        tags = [(a, *_tag(a)) for a in several]
        found = value.get(tags[0][1])
        for option, _, known in tags:
            if found in known:
                return parse(option, value, where)
        every = ", ".join(str(word) for _, _, known in tags for word in known)
        name = _join(where, tags[0][1])
        raise RecordError(f"{name}: {describe(found)} is not one of {every}")
    errors = []
    for option in options:
        try:
            return _convert(option, value, where)
        except RecordError as exc:
            errors.append(exc)
    raise errors[0]


def _tag(option: type) -> tuple[str, tuple[Any, ...]]:
    """The field that tells a dataclass from the others of a union, and the values it may have."""
    hints = typing.get_type_hints(option)
    name = next(n for n in _TAGS if n in hints)
    return name, typing.get_args(hints[name])


def _convert_tuple(args: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise RecordError(f"{where}: a list is needed, found {describe(value)}")
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_convert(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if len(args) != len(value):
        raise RecordError(f"{where}: {len(args)} values are needed, found {len(value)}")
    return tuple(
        _convert(a, v, f"{where}[{i}]") for i, (a, v) in enumerate(zip(args, value, strict=True))
    )


def describe(value: object) -> str:
    """A value for a message: its type and its beginning, however large or deep it is."""
    if isinstance(value, (Mapping, list, tuple)):
        return f"a {'table' if isinstance(value, Mapping) else 'list'} of {len(value)}"
    if isinstance(value, int) and value not in _INTEGERS:
        return "int of more than 64 bits"
    return f"{type(value).__name__} {_SHORT.repr(value)}"


def _shown(key: object) -> str:
    """A key for a message: on one line, and short."""
    text = str(key)
    return text if len(text) <= _SHORT.maxstring and text.isprintable() else _SHORT.repr(text)


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
