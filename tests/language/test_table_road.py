"""A table of texts through train, eval and what goes between, on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import Call, call
from tests.language import grammar
from tests.language.test_text_tables import table

__all__ = ["call"]  # a fixture

RECIPE = """
name = "opinions"
description = "Opinions in a table"
task = "text"
[model]
architecture = "text-rnn"
units = [8]
embedding = 8
[schedule]
epochs = 1
batch = 16
[data]
validation = 0.2
test = 0.2
"""


@pytest.mark.parametrize("columns", [(), ("--columns", "said,mood")])
def test_a_table_is_trained_on_and_measured(
    call: Call, tmp_path: Path, columns: tuple[str, ...]
) -> None:
    from edgenets.tasks.language.texts import find_texts

    texts = find_texts(grammar.opinions(tmp_path / "made", 60, seed=8))
    names = ("said", "mood") if columns else ("text", "label")
    path = tmp_path / "opinions.csv"
    path.write_text(table([("id", *names), *(("7", t.text, t.label) for t in texts)]))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE)
    run = tmp_path / "run"
    done = call("train", recipe, "--data", path, "--out", run, *columns)
    assert done.code == 0, done.err
    assert f"texts from column '{names[0]}'" in done.err or "as given" in done.err
    bundle = tmp_path / "a.edge"
    made = call("build", recipe, "--data", path, "--run", run, "--out", bundle, "--to", "onnx",
                "--precision", "fp32", *columns)  # fmt: skip
    assert made.code == 0, made.err
    measured = call("eval", bundle, "--data", path, "--json")
    assert measured.code == 0 and measured.json()["n"] == len(texts), measured.err
    if columns:
        other = tmp_path / "other.csv"
        other.write_text(table([("a", "b"), *((t.label, t.text) for t in texts)]))
        assert call("eval", bundle, "--data", other).code == 2
        again = call("eval", bundle, "--data", other, "--columns", "b,a", "--json")
        assert again.json()["n"] == len(texts)


def test_columns_of_what_has_none(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,b\n")
    refused = call("train", "kws-gru", "--data", tmp_path, "--columns", "a,b")
    assert refused.code == 2 and "reads no columns of tables" in refused.err
    refused = call("eval", "kws-gru", "--data", tmp_path, "--columns", "a,b")
    assert refused.code == 2 and "no table of texts" in refused.err
