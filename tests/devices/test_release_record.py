"""A release's record: every value of its kind, or one clear error, before anything is done."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.devices.keeper import release as releases
from edgenets.devices.keeper.errors import KeeperError
from edgenets.devices.keeper.release import Health, Release
from edgenets.devices.update import channel
from edgenets.errors import UpdateError

SUM = "a" * 64
GOOD = Release(
    "words", "1", SUM, SUM, {"pip-1-py3-none-any.whl": SUM}, "/usr/bin/python3",
    ["mic:default"], Health(), 100, ("dev-video0.device",), {"scene.toml": SUM}, SUM, 3,
).plain()  # fmt: skip
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


def test_what_is_written_is_what_is_read() -> None:
    read = releases.parse(json.loads(json.dumps(GOOD)))
    assert read.plain() == GOOD and releases.parse(GOOD).id == read.id


def test_a_record_of_before_is_read() -> None:
    """The least that a record ever had."""
    least = {k: v for k, v in GOOD.items()
             if k not in ("memory_mb", "files", "interpreter", "number")}  # fmt: skip
    assert releases.parse(least).number == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"number": "3"}, "number is '3'; a whole number is needed"),
        ({"number": True}, "number is True"), ({"number": -1}, "number is -1"),
        ({"arguments": "mic:"}, "arguments is 'mic:'; a list of texts"),
        ({"arguments": [1]}, "a list of texts"), ({"arguments": ["a\0b"]}, "a list of texts"),
        ({"wheels": [SUM]}, "wheels is "), ({"wheels": {"a": 1}}, "an object of texts"),
        ({"health": None}, "health is None"),
        ({"health": {"inferences": 1.5}}, "health.inferences"), ({"name": "\ud83d"}, "name is "),
        ({"health": {"patience": float("nan")}}, "health.patience"),
        ({"health": {"more": 1}}, "a newer edgenets"), ({"memory_mb": "1G"}, "memory_mb is '1G'"),
        ({"bundle": "../x"}, "no SHA-256"), ({"python": None}, "python is None"),
        ({"waits_for": ["a.service\nExecStart=/bin/sh"]}, "without spaces"),
        ({"color": "red"}, "a newer edgenets"),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_named(change: dict[str, Any], why: str) -> None:
    with pytest.raises(KeeperError, match="release") as refused:
        releases.parse({**GOOD, **change})
    assert why in str(refused.value)


@pytest.mark.parametrize("name", sorted({"name", "bundle", "wheels", "arguments", "health"}))
def test_a_value_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(KeeperError, match=f"{name} is missing"):
        releases.parse({k: v for k, v in GOOD.items() if k != name})


@given(st.sampled_from(sorted(GOOD)), ANY)
def test_any_value_is_read_or_refused(name: str, value: Any) -> None:
    try:
        found = releases.parse({**GOOD, name: value})
    except KeeperError:
        return
    assert json.loads(json.dumps(found.plain()))  # nothing fails later on
    releases.service_text(found)


@given(ANY)
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(KeeperError):
        releases.parse(value)


CHANNEL = {"release": GOOD, "boards": ["rpi4"], "python": [3, 11], "libc": [2, 36],
           "architecture": "aarch64", "earlier": [SUM]}  # fmt: skip


def test_a_channel_is_read_as_it_is_written() -> None:
    found = channel.parse(json.dumps({**CHANNEL, "of a newer edgenets": 1}).encode(), "x.json")
    assert found.of.number == 3 and found.python == (3, 11)
    assert json.loads(found.plain()) == CHANNEL


@given(st.sampled_from(sorted(CHANNEL)), ANY)
def test_any_channel_is_read_or_refused(name: str, value: Any) -> None:
    data = json.dumps({**CHANNEL, name: value}).encode()
    try:
        assert channel.parse(data, "x.json").of.plain()
    except UpdateError as exc:
        assert "record of a release" in str(exc) or "release" in str(exc)


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"[" * 100_000, b"{}"])
def test_what_is_no_channel(data: bytes) -> None:
    with pytest.raises(UpdateError, match=r"x\.json: no record of a release"):
        channel.parse(data, "x.json")
