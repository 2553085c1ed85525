"""A process of its own: it answers, refuses, crashes or hangs, and its asker is told which."""

from __future__ import annotations

import pytest

from edgenets import child
from edgenets.errors import EdgenetsError, GateFailed, ModelError


def ask(how: str, timeout: float = 60.0) -> object:
    return child.ask("tests.crashing", (how,), timeout, "net", ModelError, {"ASKED": "yes"})


def test_it_answers_whatever_libraries_say() -> None:
    assert ask("talks") == {"how": "talks", "variable": "yes"}


def test_what_it_raises_is_raised() -> None:
    with pytest.raises(GateFailed, match="it is refused"):
        ask("refuses")


def test_what_the_system_refuses() -> None:
    with pytest.raises(EdgenetsError, match="No space left on device") as raised:
        ask("is full")
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("how", "message"),
    [("killed", "net: its process was ended by SIGSEGV: a library crashed"),
     ("raises", "net: KeyError: \"a library's\"; `edgenets --debug …` shows where"),
     ("quits", "net: its process ended with 1: why")],
)  # fmt: skip
def test_how_it_ended(how: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        ask(how)


def test_it_is_not_waited_for_without_end() -> None:
    with pytest.raises(ModelError, match="net: still not done after 2 s"):
        ask("hangs", 2.0)
