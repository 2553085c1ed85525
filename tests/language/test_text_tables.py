"""Tables of texts and labels, however they are written; what is said of those that are not read."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgenets.errors import DataError
from edgenets.tasks.language.texts import find_texts

LABELS = ("pos", "neg", "so so")
TEXTS = [
    (f'a {adjective} film, number {n}; "really"', LABELS[n % 3])
    for n, adjective in enumerate(("fine", "dull", "long", "loud") * 10)
]

quick = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read(
    path: Path, labels: tuple[str, ...] | None = None, columns: tuple[str, ...] | None = None
) -> tuple[list[tuple[str, str]], list[str]]:
    said: list[str] = []
    found = find_texts(path, labels, columns, said.append)
    return [(text.text, text.label) for text in found], said


def table(rows: list[tuple[str, ...]], delimiter: str = ",", **options: object) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, **options).writerows(rows)  # type: ignore[arg-type]
    return out.getvalue()


class TestTables:
    @quick
    @given(
        delimiter=st.sampled_from(",;\t|"), header=st.booleans(), swapped=st.booleans(),
        quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        end=st.sampled_from(["\n", "\r\n", "\r"]), mark=st.booleans(), zipped=st.booleans(),
        names=st.sampled_from([("text", "label"), ("Review", "Sentiment"), ("sentence", "class")]),
    )  # fmt: skip
    def test_however_it_is_written(
        self, tmp_path: Path, delimiter: str, header: bool, swapped: bool, quoting: int, end: str,
        mark: bool, zipped: bool, names: tuple[str, str],
    ) -> None:  # fmt: skip
        rows: list[tuple[str, ...]] = [*([names] if header else []), *TEXTS]
        rows = [row[::-1] for row in rows] if swapped else rows
        text = table(rows, delimiter, quoting=quoting, lineterminator=end)
        data = text.encode("utf-8-sig" if mark else "utf-8")
        path = tmp_path / ("reviews.tsv" if delimiter == "\t" else "reviews.csv")
        if zipped:
            path, data = path.with_name(f"{path.name}.gz"), gzip.compress(data)
        path.write_bytes(data)
        found, said = read(path)
        assert found == TEXTS
        assert len(said) == 1 and "40 texts" in said[0]
        path.unlink()

    def test_json_lines(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        path.write_text("\n".join(json.dumps({"id": 1, "text": t, "label": v}) for t, v in TEXTS))
        assert read(path)[0] == TEXTS
        path.write_text('{"text": "a", "label": 1}\n{"label": 0, "text": "b"}\n')
        assert read(path)[0] == [("a", "1"), ("b", "0")]

    @pytest.mark.parametrize("columns", [("what", "mood"), ("WHAT", "Mood"), ("3", "2")])
    def test_columns_by_name_or_number(self, tmp_path: Path, columns: tuple[str, str]) -> None:
        rows: list[tuple[str, ...]] = [("id", "mood", "what")]
        rows += [(str(n), label, text) for n, (text, label) in enumerate(TEXTS)]
        path = tmp_path / "a.csv"
        path.write_text(table(rows if columns[0] != "3" else rows[1:]))
        assert read(path, None, columns)[0] == TEXTS
        with pytest.raises(DataError, match=r"(?s)--columns TEXT,LABEL"):
            read(path)
        with pytest.raises(DataError, match="no column 'tone'"):
            read(path, None, ("tone", "tone"))

    def test_a_header_without_known_names(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text(table([("spoken", "mood"), *TEXTS]))
        found, said = read(path)
        assert found == TEXTS and "labels from 2" in said[0] and "without the header" in said[0]

    def test_labels_that_are_known_tell_their_column(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text("a fine film,pos\na dull film,neg\n")
        assert read(path, ("neg", "pos"))[0] == [("a fine film", "pos"), ("a dull film", "neg")]
        with pytest.raises(DataError, match="either column may have the labels"):
            read(path)

    def test_rows_that_cannot_be_read_are_counted(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text("text,label\n" + table(list(TEXTS)) + "a text,\n,pos\none,two,three\n")
        found, said = read(path)
        assert found == TEXTS
        assert "3 of 43 rows are left out: line 42: no label; line 43: no text; " in said[1]
        path.write_text("text,label\na,pos\n" + "b,\n" * 5)
        with pytest.raises(DataError, match="5 of 6 rows cannot be read: line 3: no label"):
            read(path)

    def test_quotes_that_are_none(self, tmp_path: Path) -> None:
        rows = [(f'"so it {n} goes', label) for n, (_, label) in enumerate(TEXTS)]
        path = tmp_path / "a.tsv"
        path.write_text("text\tlabel\n" + "".join(f"{t}\t{v}\n" for t, v in rows))
        assert read(path)[0] == rows

    @pytest.mark.parametrize("line", ["{", "[1]", '"text"'])
    def test_lines_that_are_no_objects(self, tmp_path: Path, line: str) -> None:
        (tmp_path / "a.jsonl").write_text('{"text": "a", "label": "b"}\n' + line)
        with pytest.raises(DataError, match="line 2: "):
            read(tmp_path / "a.jsonl")

    @quick
    @given(text=st.text(max_size=300), suffix=st.sampled_from([".csv", ".tsv", ".jsonl"]))
    def test_any_text_is_read_or_refused(self, tmp_path: Path, text: str, suffix: str) -> None:
        path = tmp_path / f"a{suffix}"
        path.write_bytes(text.encode("utf-8", "replace"))
        try:
            found, _ = read(path)
        except DataError as exc:
            assert "a" + suffix in str(exc)
        else:
            assert all(text and label for text, label in found)


class TestFolders:
    def test_a_table_in_a_folder_beside_a_readme(self, tmp_path: Path) -> None:
        (tmp_path / "README.txt").write_text("about these data")
        (tmp_path / "train.csv").write_text(table([("text", "label"), *TEXTS[:20]]))
        (tmp_path / "test.csv").write_text(table([("text", "label"), *TEXTS[20:]]))
        found, said = read(tmp_path)
        assert sorted(found) == sorted(TEXTS)
        assert "2 tables are read as one: test.csv, train.csv" in said[0]

    def test_a_list_with_a_header_is_a_table(self, tmp_path: Path) -> None:
        (tmp_path / "texts.tsv").write_text("text\tlabel\nfine\tpos\nawful\tneg\n")
        assert read(tmp_path)[0] == [("fine", "pos"), ("awful", "neg")]
        (tmp_path / "texts.tsv").write_text("pos\tfine\nneg\tawful\n")
        assert read(tmp_path)[0] == [("fine", "pos"), ("awful", "neg")]

    def test_an_unknown_layout_names_those_that_are_known(self, tmp_path: Path) -> None:
        (tmp_path / "a.docx").write_text("x")
        (tmp_path / "b.docx").write_text("x")
        with pytest.raises(DataError) as caught:
            read(tmp_path)
        for part in ("positive.txt", "texts.tsv", "reviews.csv", "reviews.jsonl",
                     "Found: 2 .docx (a.docx)"):  # fmt: skip
            assert part in str(caught.value)
        with pytest.raises(DataError, match=r"Found: a file, a\.docx"):
            read(tmp_path / "a.docx")
