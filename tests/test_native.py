"""What native libraries print is kept from the terminal, and the terminal is given back."""

from __future__ import annotations

import os
import threading

import pytest

from edgenets.native import captured_stderr, decoder_messages


def test_lines_come_in_the_list(capfd: pytest.CaptureFixture[str]) -> None:
    with captured_stderr() as lines:
        os.write(2, b"one\ntwo\n")
        assert lines == []
    os.write(2, b"three\n")
    assert lines == ["one", "two"]
    assert capfd.readouterr().err == "three\n"


def test_it_may_stand_within_itself(capfd: pytest.CaptureFixture[str]) -> None:
    with captured_stderr() as outer:
        os.write(2, b"a\n")
        with captured_stderr() as inner:
            os.write(2, b"b\n")
        os.write(2, b"c\n")
    assert (outer, inner) == (["a", "c"], ["b"])
    assert capfd.readouterr().err == ""


def test_an_error_gives_it_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), captured_stderr():
        raise KeyError("x")
    os.write(2, b"here\n")
    assert capfd.readouterr().err == "here\n"


def test_threads_do_not_lose_it(capfd: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        for _ in range(50):
            with captured_stderr():
                os.write(2, b"hidden\n")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"here\n")
    assert capfd.readouterr().err == "here\n"


def test_lines_of_others_go_on_while_a_decoder_talks(capfd: pytest.CaptureFixture[str]) -> None:
    with decoder_messages() as said:
        os.write(2, b"libpng error: too short\nInvalid argument of mine\nCorrupt JPEG data: 3\n")
    assert said == ["too short", "Corrupt JPEG data: 3"]
    assert capfd.readouterr().err == "Invalid argument of mine\n"
