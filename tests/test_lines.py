"""Lines of text, from wherever they come: whole, bounded, and told when they are none."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.errors import SourceError
from edgenets.runtime.lines import LINES, Line, LineSource, open_lines
from edgenets.runtime.lines.splitter import LONGEST, Splitter
from edgenets.runtime.sources import SourceNotice, descriptor


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    at = 0
    for size in sizes:
        yield data[at : at + size]
        at += size
    yield data[at:]


def told(data: bytes, sizes: list[int]) -> list[Line | SourceNotice]:
    splitter = Splitter("it")
    found = [item for part in cut(data, sizes) for item in splitter.push(part)]
    return found + list(splitter.finish())


texts = st.lists(st.text(st.characters(exclude_characters="\0\n\r\ufeff", codec="utf-8")))


@given(texts, st.lists(st.integers(0, 9)))
def test_lines_are_whole_however_they_were_cut_up(lines: list[str], sizes: list[int]) -> None:
    data = "".join(f"{line}\n" for line in lines).encode()
    found = told(data, sizes)
    assert [item.text for item in found] == lines
    assert [item.number for item in found if isinstance(item, Line)] == list(
        range(1, len(lines) + 1)
    )


@given(st.binary(max_size=200), st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_any_bytes_are_told_in_one_way(data: bytes, one: list[int], other: list[int]) -> None:
    def outcome(sizes: list[int]) -> list[str] | str:
        try:
            return [item.text for item in told(data, sizes)]
        except SourceError as exc:
            return str(exc)

    assert outcome(one) == outcome(other)


def test_ends_of_lines_and_the_mark_of_a_file() -> None:
    assert [x.text for x in told("\ufeffone\r\ntwo\n\nthree".encode(), [])] == [
        "one", "two", "", "three",
    ]  # fmt: skip


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@given(lines=texts.filter(bool), sizes=st.lists(st.integers(0, 9)))
def test_every_end_of_line_in_every_encoding_that_says_itself(
    end: str, encoding: str, lines: list[str], sizes: list[int]
) -> None:
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    data = (mark + "".join(line + end for line in lines)).encode(encoding)
    assert [item.text for item in told(data, sizes)] == lines


def test_what_breaks_off_in_utf_16_is_no_text() -> None:
    first, notice = told("one\ntwo".encode("utf-16")[:-1], [])
    assert first.text == "one" and isinstance(notice, SourceNotice) and "UTF-16" in notice.text


def test_a_message_does_not_say_how_all_are_encoded() -> None:
    splitter = Splitter("it", live=True, one_text=False)
    found = [*splitter.push("20".encode("utf-16") + b"\n"), *splitter.push(b"21\n")]
    assert [type(item) for item in found] == [SourceNotice, Line] and found[1].text == "21"


@pytest.mark.parametrize("data", [b"\x89PNG\r\n", b"\0\0\n", b"caf\xe9\n"])
def test_a_live_source_does_not_die_of_a_first_line_that_is_no_text(data: bytes) -> None:
    splitter = Splitter("it", live=True)
    *_, last = [*splitter.push(data + b"one\n")]
    assert last.text == "one" and not splitter.no_text


def test_a_line_of_ten_megabytes_is_passed_over_and_the_next_is_read() -> None:
    splitter = Splitter("it")
    found: list[Line | SourceNotice] = list(splitter.push(b"first\n"))
    for _ in range(160):
        found += splitter.push(b"x" * 65_536)
        assert len(splitter._rest) <= LONGEST  # nothing grows
    found += splitter.push(b"\nlast\n")
    first, notice, last = found
    assert isinstance(notice, SourceNotice) and "line 2: 10,485,760 bytes long" in notice.text
    assert (first.text, last.text) == ("first", "last")


@pytest.mark.parametrize("data", [b"\x89PNG\r\n", b"\0\0\n", b"caf\xe9\n"])
def test_what_is_no_text_from_the_first_line_on_is_refused(data: bytes) -> None:
    with pytest.raises(SourceError, match=r"line 1.*this is no text"):
        told(data, [])


@pytest.mark.parametrize("data", [b"caf\xe9", b"a\0b"])
def test_a_line_that_is_no_text_is_passed_over(data: bytes) -> None:
    first, notice, last = told(b"one\n" + data + b"\ntwo", [])
    assert isinstance(notice, SourceNotice) and "line 2" in notice.text
    assert (first.text, last.text) == ("one", "two")


class TestSources:
    @pytest.mark.parametrize("scheme", LINES)
    def test_its_module_says_what_it_is(self, scheme: str) -> None:
        import importlib

        module = importlib.import_module(LINES[scheme])
        assert f"`{scheme}" in (module.__doc__ or "")
        assert module.open_lines.__doc__

    def test_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "one:two.txt").write_text("a\nb")
        for uri in (f"{tmp_path}/one:two.txt", f"file:{tmp_path}/one:two.txt"):
            source = open_lines(uri)
            assert isinstance(source, LineSource)
            assert [item.text for item in source] == ["a", "b"]

    @pytest.mark.parametrize(
        ("uri", "message"),
        [("nowhere.txt", "no such file"), ("/", "is a folder"), ("", "no such file"),
         ("http://host/lines", "no source of lines is called 'http:'"), ("x" * 5000, "cannot be")],
    )  # fmt: skip
    def test_what_cannot_be_opened_is_said(self, uri: str, message: str) -> None:
        with pytest.raises(SourceError, match=message):
            open_lines(uri)

    def test_standard_input_gives_a_line_as_soon_as_it_is_there(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reading, writing = os.pipe()
        monkeypatch.setattr(descriptor.Descriptor.__init__, "__defaults__", (reading,))
        source = open_lines("-")
        lines = iter(source)
        os.write(writing, b"one\ntw")
        assert next(lines).text == "one"
        os.write(writing, b"o\n")
        assert next(lines).text == "two"
        # Nothing more comes, and the writer stays: the source can be closed all the same.
        timer = threading.Timer(0.2, source.close)
        timer.start()
        assert list(lines) == []
        timer.join()
        os.close(reading)
        os.close(writing)
