"""What steers a terminal does not get there, however it came into a message."""

from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.cli import terminal
from edgenets.cli.terminal import Cleaned, cleaned_streams

HARMFUL = (
    "\x1b]0;title\x07",
    "\x1b]52;c;aGk=\x07",
    "\x9b2J",
    "\x1bP$q\x1b\\",
    "\b\b\b",
    "\r",
    "\u202e",
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(text: str, pattern: object = terminal._ANYTHING) -> str:
    out = io.StringIO()
    Cleaned(out, pattern).write(text)  # type: ignore[arg-type]
    return out.getvalue()


@given(st.text())
def test_what_is_left_is_print_or_space(text: str) -> None:
    kept = shown(text).replace("\r\n", "\n")
    assert not any((ord(c) < 32 and c not in "\t\n") or 0x7F <= ord(c) <= 0x9F for c in kept)
    assert not set(kept) & set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@given(st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs"))))
def test_a_text_without_them_is_left_alone(text: str) -> None:
    assert shown(text + "\n") == text + "\n"


@pytest.mark.parametrize("harmful", HARMFUL)
def test_a_terminal_keeps_its_colors_alone(harmful: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    with cleaned_streams():
        print(f"\x1b[31mred\x1b[0m {harmful}")
    assert screen.getvalue().startswith("\x1b[31mred\x1b[0m ·")
    assert harmful not in screen.getvalue()
    assert sys.stdout is screen


def test_a_progress_bar_may_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with cleaned_streams():
        print("\r\x1b[2K\x1b[1A 3/4 \x1b]0;title\x07", file=sys.stderr)
    assert screen.getvalue() == "\r\x1b[2K\x1b[1A 3/4 ·]0;title·\n"


def test_a_file_is_as_plain_as_a_log_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    out = sys.stdout
    with cleaned_streams():
        print("\x1b[31mred\x1b[0m")
    assert out.getvalue() == "·[31mred·[0m\n"  # type: ignore[attr-defined]
