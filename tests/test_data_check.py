"""`data check`: what sets hold, and what of them a training would stumble over."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgenets import api
from edgenets.data.survey import Item, Survey, bits_of, findings_of, near_pairs
from edgenets.errors import DataError
from edgenets.sound import audio
from tests.commands import Call, call

from .vision import sets

__all__ = ["call"]


def kinds(found: api.Checked) -> set[str]:
    return {finding.kind for finding in found.findings}


@given(arrays(np.uint64, (3, 5)))
def test_bits_are_counted(values: np.ndarray[tuple[int, ...], np.dtype[np.uint64]]) -> None:
    assert bits_of(values).tolist() == [[int(v).bit_count() for v in row] for row in values]


@given(
    st.lists(st.integers(0, (1 << 64) - 1), max_size=8),
    st.lists(st.integers(0, 63), max_size=4, unique=True),
)
def test_near_prints_are_found(prints: list[int], flips: list[int]) -> None:
    changed = [print ^ sum(1 << bit for bit in flips) for print in prints]
    items = [Item(str(n), Counter(), print=p) for n, p in enumerate([*prints, *changed])]
    pairs = {(a.name, b.name) for a, b in near_pairs(items)}
    for n in range(len(prints)):
        assert (str(n), str(n + len(prints))) in pairs
    for a, b in near_pairs(items):
        assert a.print is not None and b.print is not None and (a.print ^ b.print).bit_count() <= 4


def test_a_copy_in_another_split_is_a_leak() -> None:
    one = Item("a", Counter("x"), "train", "same")
    for other, kind in ((Item("b", Counter("x"), "test", "same"), "leak"),
                        (Item("b", Counter("x"), "train", "same"), "twice"),
                        (Item("b", Counter("y"), None, "same"), "fault")):  # fmt: skip
        found = findings_of(Survey("", "images", (one, other)))
        assert kind in {finding.kind for finding in found}
        assert found[0].severe == (kind != "twice")
        assert any("a = b" in finding.items for finding in found)


class TestImages:
    @pytest.mark.parametrize("layout", sets.WRITERS)
    def test_what_is_right_passes(self, layout: str, tmp_path: Path) -> None:
        root = sets.WRITERS[layout](tmp_path / "set", 12)
        page = tmp_path / "page.html"
        found = api.check_data(root, page=page)
        assert found.passed and found.survey.layout == layout
        assert len(found.survey.items) >= 12
        text = page.read_text()
        assert text.count("<figure>") == min(120, len(found.survey.items))
        assert "ready to train" in text and "<img" in text

    def test_a_near_copy_in_another_split(self, tmp_path: Path) -> None:
        root = sets.write_yolo(tmp_path / "set", 8)
        coarse = np.random.default_rng(4).integers(0, 200, (8, 10, 3), np.uint8)
        image = cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(root / "images/train/0.png"), image)
        brighter = cv2.convertScaleAbs(image, beta=6)
        cv2.imwrite(str(root / "images/val/0.jpg"), brighter)
        (root / "images/val/0.png").unlink()
        found = api.check_data(root, "detect")
        (leak,) = [f for f in found.findings if f.kind == "leak"]
        assert not found.passed and leak.items == ("images/train/0.png = images/val/0.jpg",)

    def test_what_is_broken_is_named(self, tmp_path: Path) -> None:
        root = sets.write_folders(tmp_path / "set", 12)
        broken = next(root.rglob("*.png"))
        broken.write_bytes(broken.read_bytes()[:100])
        found = api.check_data(root)
        assert not found.passed and any(broken.name in str(f) for f in found.findings)

    def test_few_and_unbalanced(self, tmp_path: Path) -> None:
        root = sets.write_folders(tmp_path / "set", 12)
        for path in sorted((root / "disc").iterdir())[1:]:
            path.unlink()
        assert {"few", "unbalanced"} <= kinds(api.check_data(root))


class TestSound:
    def _words(self, root: Path) -> Path:
        rng = np.random.default_rng(2)
        for label in ("yes", "no"):
            (root / label).mkdir(parents=True)
            for number in range(12):
                levels = rng.uniform(0, 0.02, (4, 20)).repeat(800, axis=1)
                tones = np.sin(np.arange(16_000) * rng.uniform(0.05, 2, (4, 1)))
                sound = (levels * tones).sum(axis=0) + rng.normal(0, 0.001, 16_000)
                audio.write_wav(root / label / f"{number}.wav", sound.astype(np.float32), 16_000)
        return root

    def test_what_is_right_passes(self, tmp_path: Path) -> None:
        found = api.check_data(self._words(tmp_path / "set"), page=tmp_path / "a.html")
        assert found.passed and found.task == "keywords" and not found.findings
        assert (tmp_path / "a.html").read_text().count("<svg") == 24

    @pytest.mark.parametrize(
        ("spoil", "kind"),
        [
            (lambda p: shutil.copy(p, p.with_name("copy.wav")), "twice"),
            (lambda p: shutil.copy(p, p.parents[1] / "no" / "copy.wav"), "fault"),
            (lambda p: audio.write_wav(p, np.zeros(16_000, np.float32), 16_000), "fault"),
            (lambda p: audio.write_wav(p, np.ones(16_000, np.float32), 16_000), "odd"),
            (lambda p: p.write_bytes(b"RIFF"), "fault"),
            (
                lambda p: audio.write_wav(
                    p.with_name("softer.wav"), 0.3 * audio.read(p, 16_000), 16_000
                ),
                "near",
            ),
        ],
    )
    def test_what_is_wrong_is_said(
        self, spoil: Callable[[Path], object], kind: str, tmp_path: Path
    ) -> None:
        root = self._words(tmp_path / "set")
        spoil(root / "yes" / "3.wav")
        found = api.check_data(root)
        assert kind in kinds(found) and found.passed == (kind != "fault")


class TestOthers:
    def test_texts(self, tmp_path: Path) -> None:
        (tmp_path / "good.txt").write_text("".join(f"a fine film number {n}\n" for n in range(12)))
        (tmp_path / "bad.txt").write_text(
            "".join(f"a dull film number {n}\n" for n in range(12)) + "A  fine film number 3\n"
        )
        found = api.check_data(tmp_path, "text")
        assert not found.passed and any("other labels" in f.text for f in found.findings)

    def test_tables(self, tmp_path: Path) -> None:
        rows = "".join(f"{n},{5},{'' if n % 4 else n}\n" for n in range(100))
        (tmp_path / "a.csv").write_text("level,still,seldom\n" + rows)
        found = api.check_data(tmp_path / "a.csv")
        said = [f.text for f in found.findings]
        assert found.passed and any("is 5 all the time" in text for text in said)
        assert any("75% of its values are missing" in text for text in said)

    def test_nothing_that_is_known(self, tmp_path: Path) -> None:
        (tmp_path / "a.bin").write_bytes(b"x")
        with pytest.raises(DataError, match="can be read for none of these tasks"):
            api.check_data(tmp_path)
        with pytest.raises(DataError, match="no such task"):
            api.check_data(tmp_path, "paint")
        with pytest.raises(DataError, match="no such folder"):
            api.check_data(tmp_path / "none")


def test_the_command(call: Call, tmp_path: Path) -> None:
    root = sets.write_voc(tmp_path / "set", 12)
    done = call("data", "check", root, "--json")
    found = json.loads(done.out)
    assert done.code == 0 and found["passed"] and found["layout"] == "voc"
    assert set(found["counts"]) == set(sets.SHAPES)
    file = sorted((root / "Annotations").iterdir())[0]
    file.write_text(file.read_text().replace("<xmin>", "<xmin>9"))
    done = call("data", "check", root, "--html", tmp_path / "a.html")
    assert (
        done.code == 2 and f"Annotations/{file.name}" in done.out and "Put right what" in done.out
    )
    assert (tmp_path / "a.html").stat().st_size > 5_000
