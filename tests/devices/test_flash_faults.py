"""Cards that fail: each fault is found, and no such card looks as if it could be started from."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgenets.devices.flash import capacity
from edgenets.devices.flash.faults import CardFault
from tests.devices.cards import MEGA, failing_card, flash, looks_bootable, make_image

CARD, IMAGE = 64, 24  # MB

# What is wrong with the card, and what it is called; the image is 24 MB, with holes.
FAULTS: list[tuple[dict[str, int], str]] = [
    # It wraps around, at powers of two and elsewhere.
    ({"real": 8 * MEGA}, "counterfeit"),
    ({"real": 16 * MEGA}, "counterfeit"),
    ({"real": 32 * MEGA}, "counterfeit"),
    ({"real": 12 * MEGA}, "counterfeit"),
    # It forgets what is written beyond.
    ({"forget": 16 * MEGA}, "counterfeit"),
    ({"forget": 40 * MEGA}, "counterfeit"),
    # A bit is kept wrong: in the partition table, at the edges of blocks, in the last byte.
    ({"flip": 100}, "damaged"),
    ({"flip": 1 * MEGA}, "damaged"),
    ({"flip": 5 * MEGA - 1}, "damaged"),
    ({"flip": 9 * MEGA + 12345}, "damaged"),
    ({"flip": IMAGE * MEGA - 1}, "damaged"),
    # A bit is read wrong.
    ({"read_flip": 3}, "damaged"),
    ({"read_flip": 2 * MEGA + 7}, "damaged"),
    ({"read_flip": IMAGE * MEGA - 4096}, "damaged"),
    # Bad sectors.
    ({"write_error": 0}, "unreadable"),
    ({"write_error": 6 * MEGA + 512}, "unreadable"),
    ({"write_error": IMAGE * MEGA - 512}, "unreadable"),
    ({"read_error": 511}, "unreadable"),
    ({"read_error": 10 * MEGA + 777}, "unreadable"),
    # It is pulled out: while its memory is looked at, and later.
    ({"gone_after": 4096}, "removed"),
    ({"gone_after": 3 * MEGA}, "removed"),
    ({"gone_after": 11 * MEGA}, "removed"),
    # Its end comes before what it says.
    ({"full_at": 48 * MEGA}, "too small"),
    ({"full_at": 14 * MEGA}, "too small"),
    # Writes stop half way, or do nothing at all, and say nothing.
    ({"torn": 6 * MEGA + 1000}, "damaged"),
    ({"torn": 700}, "damaged"),
    ({"stuck": 1}, "counterfeit"),
]


def _name(value: object) -> str | None:
    if isinstance(value, dict):
        return " ".join(f"{k} {v}" for k, v in value.items())
    return None


@pytest.mark.parametrize(("options", "kind"), FAULTS, ids=_name)
def test_a_fault_is_found(tmp_path: Path, options: dict[str, int], kind: str) -> None:
    make_image(tmp_path / "image.img", IMAGE)
    with failing_card(tmp_path / "card", CARD * MEGA, **options) as card:
        with pytest.raises(CardFault) as raised:
            flash(tmp_path / "image.img", card, tmp_path)
        assert raised.value.kind == kind, raised.value
        if kind not in ("removed", "unreadable"):
            assert not looks_bootable(card)


@pytest.mark.parametrize(("options", "kind"), FAULTS, ids=_name)
def test_reading_back_finds_it_too(
    tmp_path: Path, options: dict[str, int], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a look at the card's memory: what is written is all there is to tell by."""
    monkeypatch.setattr(capacity, "check", lambda _: None)
    image = make_image(tmp_path / "image.img", IMAGE, holes=False)
    with failing_card(tmp_path / "card", CARD * MEGA, **options) as card:
        beyond = min(options.get(k, 0) for k in ("real", "forget", "full_at") if k in options) if (
            {"real", "forget", "full_at"} & options.keys()
        ) else 0  # fmt: skip
        if beyond >= IMAGE * MEGA:  # the image does not reach what is wrong with the card
            flash(tmp_path / "image.img", card, tmp_path)
            assert card.read_bytes()[: len(image)] == image
            return
        with pytest.raises(CardFault):
            flash(tmp_path / "image.img", card, tmp_path)


@pytest.mark.parametrize("real", [63 * MEGA, 50 * MEGA + 4096, 40 * MEGA, 33 * MEGA])
@pytest.mark.parametrize("holes", [True, False])
def test_a_card_whose_real_size_no_mark_hits(tmp_path: Path, real: int, holes: bool) -> None:
    """What the image writes beyond the card's real end comes out at its beginning."""
    make_image(tmp_path / "image.img", CARD, holes=holes)
    with failing_card(tmp_path / "card", CARD * MEGA, real=real) as card:
        with pytest.raises(CardFault):
            flash(tmp_path / "image.img", card, tmp_path)
        assert not looks_bootable(card)


def test_a_good_card_is_no_fault(tmp_path: Path) -> None:
    image = make_image(tmp_path / "image.img", IMAGE)
    with failing_card(tmp_path / "card", CARD * MEGA) as card:
        report = flash(tmp_path / "image.img", card, tmp_path)
        assert card.read_bytes()[: len(image)] == image
        assert report.verified_bytes == len(image) and looks_bootable(card)


def test_the_message_of_a_counterfeit_says_what_it_has(tmp_path: Path) -> None:
    make_image(tmp_path / "image.img", 4)
    words = r"says that it has 67\.1 MB, and has about 16\.8 MB"
    with (
        failing_card(tmp_path / "card", CARD * MEGA, real=16 * MEGA) as card,
        pytest.raises(CardFault, match=words),
    ):
        flash(tmp_path / "image.img", card, tmp_path)
