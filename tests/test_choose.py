"""`edgenets choose`: the best artifact within limits, why not the others, and that it is run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgenets import zoo
from edgenets.bundle import Bundle
from edgenets.choice import CHOICE, Chosen, Limits, choice_of, record
from edgenets.errors import BundleError
from edgenets.runtime.bench import Row
from edgenets.runtime.pick import candidates, pick
from edgenets.selection import Request, select
from tests.commands import Call, call

__all__ = ["call"]  # a fixture


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A shipped bundle, as one's own."""
    shutil.copy(zoo.load("kws-gru").path, tmp_path / "kws.edge")
    return Bundle(tmp_path / "kws.edge")


def row(id: str, threads: int = 1, p95: float = 10.0) -> Row:
    backend, _, precision = id.partition("-")
    return Row(
        backend, precision, threads, 50.0, p95 - 1, p95, p95 + 5, 1.0, 80.0, 1000, 5.0, "CPU",
        p95_us=p95,
    )  # fmt: skip


class TestPick:
    def test_the_fastest_within_limits(self, bundle: Bundle) -> None:
        rows = [row("tflite-int8", p95=9), row("onnx-int8", p95=30), row("tflite-int8", 2, 12)]
        found = candidates(bundle, rows)
        assert [c.name for c in found] == ["tflite-int8", "tflite-int8 × 2", "onnx-int8"]
        best = pick(found, Limits())
        assert best is not None and (best.id, best.threads) == ("tflite-int8", 1)
        assert best.others == {
            "tflite-int8 × 2": "slower: p95 12.0 µs against 9.0",
            "onnx-int8": "slower: p95 30.0 µs against 9.0",
        }
        assert best.metric == bundle.verified()["tflite-int8"] and "cores" in best.machine

    def test_each_limit_is_said(self, bundle: Bundle) -> None:
        size = bundle.size(bundle.artifact("onnx-int8"))
        tflite = bundle.size(bundle.artifact("tflite-int8"))
        rows = [row("tflite-int8", p95=9e3), row("onnx-int8", p95=30e3)]
        found = [replace(c, loss=0.02 * i) for i, c in enumerate(candidates(bundle, rows))]
        limits = Limits(p95_us=20e3, drop=0.005, bytes=min(size, tflite) - 1)
        assert pick(found, limits) is None
        best = pick(found, Limits(p95_us=20e3, drop=0.005))
        assert best is not None and best.id == "tflite-int8"
        assert best.others["onnx-int8"] == "p95 30 ms is over 20 ms; loses 2.00, more than 0.5"
        assert str(best.limits) == "p95 ≤ 20 ms, loss ≤ 0.5"

    def test_a_limit_that_is_just_kept(self, bundle: Bundle) -> None:
        """0.95 − 0.945 is more than 0.005 in binary fractions."""
        found = [replace(c, loss=0.95 - 0.945) for c in candidates(bundle, [row("tflite-int8")])]
        assert pick(found, Limits(drop=0.005)) is not None
        assert pick(found, Limits(drop=0.0049)) is None

    def test_what_no_figure_speaks_of_keeps_no_limit_of_loss(self, bundle: Bundle) -> None:
        found = [replace(c, loss=None) for c in candidates(bundle, [row("tflite-int8")])]
        assert pick(found, Limits(drop=0.5)) is None and pick(found, Limits()) is not None

    def test_the_front(self, bundle: Bundle) -> None:
        found = candidates(
            bundle, [row("tflite-int8", p95=9), row("tflite-int8", 2, 12), row("onnx-int8", p95=8)]
        )
        front = {c.name for c in found if c.front}
        assert "tflite-int8 × 2" not in front and {"onnx-int8"} <= front


class TestRecord:
    def chosen(self, id: str = "onnx-int8") -> Chosen:
        return Chosen(id, 2, 30.0, 5, 0.9, "a board, 4 cores", Limits(bytes=10 << 10), {"x": "y"})

    def test_it_is_run_from_then_on(self, bundle: Bundle) -> None:
        assert choice_of(bundle) is None and select(bundle).artifact.id == "tflite-int8"
        record(bundle, self.chosen(), bundle.path)
        again = Bundle(bundle.path)
        again.check()
        assert choice_of(again) == self.chosen()
        taken = select(again)
        assert taken.artifact.id == "onnx-int8" and taken.threads == 2
        assert "measurement on a board, 4 cores" in taken.reason and "size ≤ 10 kB" in taken.reason
        assert select(again, Request("tflite")).artifact.format == "tflite"  # who asks, gets
        # All else is as it was, and a second choice takes the place of the first.
        assert again.artifacts == bundle.artifacts and again.card() == bundle.card()
        record(again, self.chosen("tflite-int8"), bundle.path)
        assert select(Bundle(bundle.path)).artifact.id == "tflite-int8"

    def test_where_its_backend_is_missing(
        self, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        record(bundle, self.chosen(), bundle.path)
        missing = {"onnx": "onnxruntime is needed"}
        monkeypatch.setattr("edgenets.backend.why_not", missing.get)
        assert select(Bundle(bundle.path)).artifact.id == "tflite-int8"

    @pytest.mark.parametrize(
        ("text", "message"),
        [(b"{}", "id"), (b"no", "Expecting value"), (b'{"id": "onnx-int8"}', "threads")],
    )  # fmt: skip
    def test_what_is_no_choice(self, bundle: Bundle, text: bytes, message: str) -> None:
        from edgenets import bundle as bundles

        manifest = bundle.manifest
        others = {n: bytes(bundle.read(n)) for n in manifest.members if "artifacts/" not in n}
        bundles.write(
            bundle.path, manifest.spec, {a: bundle.files(a) for a in bundle.artifacts},
            {**others, CHOICE: text}, manifest.licence, manifest.made_by,
        )  # fmt: skip
        with pytest.raises(BundleError, match=f"choice.json: .*{message}"):
            select(Bundle(bundle.path))

    def test_a_choice_of_what_is_not_there(self, bundle: Bundle) -> None:
        record(bundle, self.chosen("tflite-fp16"), bundle.path)
        with pytest.raises(BundleError, match="chooses tflite-fp16, which is not there"):
            select(Bundle(bundle.path))


@pytest.mark.slow
class TestCommand:
    def run(self, call: Call, *words: Any) -> Any:
        return call("choose", *words, "--threads", "1", "--seconds", "1")

    def test_it_measures_and_writes(self, bundle: Bundle, call: Call) -> None:
        page = bundle.path.with_suffix(".html")
        shown = self.run(
            call, bundle.path, "--max-drop", "5", "--max-size", "300kB", "--max-p95", "10s",
            "--report", page,
        )  # fmt: skip
        text = page.read_text()
        assert "<svg" in text and "tflite-int8" in text and "slower: p95" in text
        assert shown.code == 0 and "chosen" in shown.out and "slower: p95" in shown.out
        assert (chosen := choice_of(Bundle(bundle.path))) is not None
        assert chosen.limits == Limits(p95_us=1e7, drop=0.05, bytes=300 << 10)
        told = call("bench", bundle.path, "--precision", "int8", "--seconds", "1", "--json").json()
        assert all(r["low_us"] <= r["p50_us"] <= r["high_us"] <= r["p99_us"] for r in told["rows"])

    def test_nothing_keeps_the_limits(self, bundle: Bundle, call: Call) -> None:
        before, page = bundle.path.read_bytes(), bundle.path.with_suffix(".html")
        shown = self.run(
            call, bundle.path, "--max-size", "1B", "--backend", "tflite", "--report", page
        )
        assert shown.code == 1 and "is over 1 B" in shown.out
        assert bundle.path.read_bytes() == before
        assert "nothing keeps the limits" in page.read_text()

    def test_what_is_no_limit(self, bundle: Bundle, call: Call) -> None:
        for words in (("--max-p95", "20"), ("--max-p95", "20kB"), ("--max-size", "-5kB")):
            done = self.run(call, bundle.path, *words)
            assert done.code == 2 and "not a number with one of the units" in " ".join(
                done.err.split()
            )
        assert "--out" in self.run(call, "kws-gru").err
