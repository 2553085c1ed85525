"""Records: plain data become frozen dataclasses or one clear error, and go back unchanged."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.errors import RecordError
from edgenets.records import describe, parse, to_plain

TEXT = st.text(st.characters(categories=("L", "N", "P", "S", "Zs"), include_characters="\n\t"))
WHOLE = st.integers(-(1 << 63), (1 << 63) - 1)
REAL = st.floats(allow_nan=False, allow_infinity=False)


@dataclass(frozen=True)
class Leaf:
    text: str
    number: float = 0.0
    kind: Literal["leaf"] = "leaf"


@dataclass(frozen=True)
class Stone:
    weight: int
    kind: Literal["stone"] = "stone"


@dataclass(frozen=True)
class Tree:
    count: int
    flag: bool
    color: Literal["red", "green"]
    leaf: Leaf
    pair: tuple[int, float] = (0, 0.0)
    many: tuple[str, ...] = ()
    named: dict[str, Leaf] = field(default_factory=dict)
    maybe: int | None = None
    thing: Leaf | Stone | None = None
    anything: Any = None

    def __post_init__(self) -> None:
        if self.count == 13:
            raise ValueError("count must not be 13")


LEAVES = st.builds(Leaf, TEXT, REAL)
STONES = st.builds(Stone, WHOLE)
TREES = st.builds(
    Tree,
    WHOLE.filter(lambda n: n != 13),
    st.booleans(),
    st.sampled_from(("red", "green")),
    LEAVES,
    st.tuples(WHOLE, REAL),
    st.lists(TEXT, max_size=3).map(tuple),
    st.dictionaries(TEXT, LEAVES, max_size=3),
    st.none() | WHOLE,
    st.none() | LEAVES | STONES,
)

GOOD: dict[str, Any] = {"count": 1, "flag": True, "color": "red", "leaf": {"text": "a"}}


@given(TREES)
def test_what_became_plain_becomes_the_same_again(tree: Tree) -> None:
    plain = to_plain(tree)
    assert parse(Tree, plain) == tree
    assert parse(Tree, json.loads(json.dumps(plain))) == tree


def test_defaults_and_whole_numbers() -> None:
    tree = parse(Tree, {**GOOD, "leaf": {"text": "a", "number": 3}, "pair": [1, 2]})
    assert tree.leaf == Leaf("a", 3.0) and type(tree.leaf.number) is float
    assert tree.pair == (1, 2.0) and tree.many == () and tree.maybe is None
    assert parse(Tree, {**GOOD, "thing": {"kind": "stone", "weight": 2}}).thing == Stone(2)


def test_json_has_no_infinity() -> None:
    assert to_plain({1: (float("nan"), float("inf"), 1.5)}) == {"1": [None, None, 1.5]}


WRONG: list[tuple[Any, str]] = [
    (None, "the document: a table is needed, found NoneType None"),
    ([1, 2], "the document: a table is needed, found a list of 2"),
    ({**GOOD, "cuont": 1}, "cuont: unknown key; did you mean 'count'?"),
    ({**GOOD, "zzz": 1}, "zzz: unknown key; known: count, flag"),
    ({**GOOD, "x" * 999: 1}, "…: unknown key|\\.\\.\\..*: unknown key"),
    ({**GOOD, "a\nb": 1}, r"'a\\nb': unknown key"),
    ({"count": 1}, "flag: missing"),
    ({**GOOD, "count": 1.0}, "count: int is needed, found float 1.0"),
    ({**GOOD, "count": True}, "count: int is needed, found bool True"),
    ({**GOOD, "count": 13}, "Tree: count must not be 13"),
    ({**GOOD, "count": 1 << 63}, "count: an integer of more than 64 bits"),
    ({**GOOD, "count": 10**5000}, "count: an integer of more than 64 bits"),
    ({**GOOD, "flag": 1}, "flag: bool is needed, found int 1"),
    ({**GOOD, "flag": 10**5000}, "flag: an integer of more than 64 bits"),
    ({**GOOD, "color": "blue"}, "color: str 'blue' is not one of red, green"),
    ({**GOOD, "color": ["red"]}, "color: a list of 1 is not one of red, green"),
    ({**GOOD, "leaf": "a"}, "leaf: a table is needed, found str 'a'"),
    ({**GOOD, "leaf": {"text": 1}}, "leaf.text: str is needed, found int 1"),
    ({**GOOD, "leaf": {"text": "\x1b[2J"}}, "leaf.text: holds control characters"),
    ({**GOOD, "leaf": {"text": "a", "number": float("nan")}}, "leaf.number: a finite number"),
    ({**GOOD, "leaf": {"text": "a", "number": float("-inf")}}, "leaf.number: a finite number"),
    ({**GOOD, "leaf": {"text": "a", "number": 10**400}}, "leaf.number: an integer of more than 64"),
    ({**GOOD, "pair": [1]}, "pair: 2 values are needed, found 1"),
    ({**GOOD, "pair": {"a": 1}}, "pair: a list is needed, found a table of 1"),
    ({**GOOD, "many": ["a", 2]}, r"many\[1\]: str is needed, found int 2"),
    ({**GOOD, "many": "ab"}, "many: a list is needed, found str 'ab'"),
    ({**GOOD, "named": [1]}, "named: a table is needed, found a list of 1"),
    ({**GOOD, "named": {"a": {}}}, "named.a.text: missing"),
    ({**GOOD, "named": {"\x00": {"text": ""}}}, "named: holds control characters"),
    ({**GOOD, "maybe": "1"}, "maybe: int is needed, found str '1'"),
    ({**GOOD, "thing": {"kind": "cloud"}}, "thing.kind: str 'cloud' is not one of leaf, stone"),
    ({**GOOD, "thing": {}}, "thing.kind: NoneType None is not one of leaf, stone"),
    ({**GOOD, "leaf": {"text": 1, "x" * 5000: 2}}, "unknown key"),
]


@pytest.mark.parametrize(
    ("data", "says"), WRONG, ids=lambda x: x[:40] if isinstance(x, str) else ""
)
def test_what_is_wrong_is_said_on_one_line(data: Any, says: str) -> None:
    with pytest.raises(RecordError) as caught:
        parse(Tree, data)
    message = str(caught.value)
    assert re.search(says, message), message
    assert message.isprintable() and len(message) < 300


def test_the_place_is_said() -> None:
    with pytest.raises(RecordError, match=r"^file: leaf\.number: float is needed"):
        try:
            parse(Tree, {**GOOD, "leaf": {"text": "", "number": "x"}})
        except RecordError as exc:
            raise RecordError(f"file: {exc}") from exc
    with pytest.raises(RecordError, match=r"^a\.b\.count: int"):
        parse(Tree, {**GOOD, "count": None}, "a.b")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


@given(JSON, st.sampled_from(sorted(Tree.__dataclass_fields__)))
def test_nothing_but_a_record_error_comes_out(data: Any, name: str) -> None:
    for document in (data, {**GOOD, name: data}):
        try:
            parse(Tree, document)
        except RecordError as exc:
            assert str(exc).isprintable()


@given(JSON)
def test_descriptions_are_short(data: Any) -> None:
    assert len(describe(data)) <= 80 and describe(data).isprintable()


def test_a_deep_value_is_described() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert describe(deep) == "a list of 1"
