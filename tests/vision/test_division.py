"""How sets of images are divided: by labels, with what belongs together in one split."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.data.split import SPLITS, SplitShares, stratified
from edgenets.errors import DataError
from edgenets.tasks.vision.data import layouts
from edgenets.tasks.vision.data.division import divide, groups_of

from . import sets

SHARES = SplitShares(0.12, 0.2, by="labels", second="validation")


@given(
    st.dictionaries(
        st.text("abcdef0123", min_size=1, max_size=8),
        st.dictionaries(st.sampled_from("xyz"), st.integers(1, 4), min_size=1).map(Counter),
        min_size=3, max_size=60,
    ),
    st.floats(0.05, 0.3), st.floats(0.05, 0.3),
)  # fmt: skip
def test_every_label_has_its_share(
    groups: dict[str, Counter[str]], validation: float, test: float
) -> None:
    found = stratified(groups, validation, test)
    assert found.keys() == groups.keys()
    for label in "xyz":
        own = [name for name in groups if groups[name][label]]
        assert not own or {found[name] for name in own} >= {"train"}
    assert stratified(dict(reversed(groups.items())), validation, test) == found


@given(st.integers(10, 400), st.floats(0.05, 0.3), st.floats(0.0, 0.3))
def test_shares_of_single_images_are_right_to_one(
    count: int, validation: float, test: float
) -> None:
    groups = {f"{n}": Counter([("a", "b")[n % 2]]) for n in range(count)}
    found = Counter(stratified(groups, validation, test).values())
    assert abs(found["validation"] - validation * count) <= 2
    assert abs(found["test"] - test * count) <= (2 if test else 0)


def _folders(root: Path, labels: int, each: int, numbered: bool = True) -> Path:
    """Photos of noise, all unlike; numbered from camera to camera."""
    rng = np.random.default_rng(1)
    for label in range(labels):
        (root / f"l{label}").mkdir(parents=True)
        for number in range(each):
            name = f"IMG_{number:04d}" if numbered else rng.bytes(6).hex()
            pixels = rng.integers(0, 256, (24, 32, 3), np.uint8)
            cv2.imwrite(str(root / f"l{label}" / f"{name}.png"), cv2.resize(pixels, (128, 96)))
    return root


@pytest.mark.parametrize(("labels", "each"), [(4, 30), (2, 10), (10, 12), (3, 200)])
@pytest.mark.parametrize("numbered", (True, False))
def test_what_was_asked_is_given(labels: int, each: int, numbered: bool, tmp_path: Path) -> None:
    """In small sets as well, whatever files are called; blocks stay whole where they can."""
    root = _folders(tmp_path / "set", labels, each, numbered)
    divided = divide(layouts.read(root, "classify"), SHARES, root)
    for split, share in (("validation", 0.12), ("test", 0.2)):
        part = divided.part(split)  # type: ignore[arg-type]
        counts = Counter(item.label for item in part)
        assert len(counts) == labels
        assert abs(len(part) / (labels * each) - share) <= 0.5 * share + 1 / each
    assert str(len(divided.part("train"))) in divided.said
    if each == 200 and numbered:
        of = {item.group: split for split in SPLITS for item in divided.part(split)}
        for split in SPLITS:
            assert {of[item.group] for item in divided.part(split)} == {split}


def test_a_burst_and_a_copy_stay_together(tmp_path: Path) -> None:
    root = _folders(tmp_path / "set", 1, 12)
    folder = root / "l0"
    first = cv2.imread(str(folder / "IMG_0003.png"))
    for number in (4, 5):  # the same, a little brighter each time
        cv2.imwrite(str(folder / f"IMG_{number:04d}.png"), cv2.convertScaleAbs(first, beta=number))
    cv2.imwrite(str(folder / "copy.png"), cv2.imread(str(folder / "IMG_0009.png")))
    images = layouts.read(root, "classify").images
    groups = dict(
        zip([item.path.stem for item in images], groups_of(images, 0.1, 0.2), strict=True)
    )
    assert groups["IMG_0003"] == groups["IMG_0004"] == groups["IMG_0005"]
    assert groups["copy"] == groups["IMG_0009"] and len(set(groups.values())) == 10


def test_splits_of_another_set_are_not_guessed(tmp_path: Path) -> None:
    root = sets.write_folders(tmp_path / "set", 12)
    found = layouts.read(root, "classify")
    digest = divide(found, SHARES, root).digest
    shares = SplitShares(0.12, 0.2, by="labels", second="validation", divided=digest)
    again = divide(found, shares, root)
    assert again.digest == digest
    next(root.rglob("*.png")).rename(root / "disc" / "new.png")
    with pytest.raises(
        DataError, match="other images or labels than the set that training divided"
    ):
        divide(layouts.read(root, "classify"), shares, root)
