"""A short run of what `make attack` does at length; attacks also meet a product that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgenets.bundle import Bundle
from tests.attacks import bundles, inputs, kills

# One of each kind that once succeeded.
SUCCEEDED = (
    "anomaly: a negative time", "anomaly: the year 1 with an offset", "table: an escape",
    "lines: deep objects", "sound: a length of 0", "image: a bomb of 30,000",
    "image: a JPEG cut and", "image: a JPEG that says 20,000", "video: a playlist of local",
    "name: kws-gru", "name: inspect", "scene: deep", "arrays: a bomb",
)  # fmt: skip


def test_mutated_bundles_crash_nothing_and_none_that_was_tampered_with_is_accepted() -> None:
    tally = bundles.attack(150, seed=1_000_000)
    assert not tally.violations
    assert tally.refused and tally.ran
    assert len(tally.kinds) == len(bundles._MUTATIONS)


def test_the_fuzzer_notices_a_bundle_that_is_not_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = bundles._Original(bundles.zoo.find("anomaly"))
    path = tmp_path / "planted.edge"
    path.write_bytes(bundles._packed({**original.members, "card.md": b"planted"}))
    assert bundles._try(path, original, forged=False) == "refused"
    monkeypatch.setattr(
        Bundle, "read", lambda self, name: self._archive.read(self._stored.get(name, name))
    )
    assert bundles._try(path, original, forged=False) == "tampered with, and accepted"


@pytest.mark.parametrize("begins", SUCCEEDED)
def test_a_hostile_input_ends_in_one_clear_message(begins: str) -> None:
    chosen = [one for one in inputs.hostile() if one.name.startswith(begins)][:1]
    assert chosen, "no such input any more"
    assert inputs.attack(chosen) == []


def test_a_traceback_of_a_hostile_input_is_noticed(tmp_path: Path) -> None:
    broken = inputs.Hostile(
        "broken", ("--debug", "inspect", "{}/x.edge"), inputs._file("x.edge", b"")
    )
    assert inputs.attack([broken])


def test_a_killed_process_leaves_nothing_half_written() -> None:
    _, faults = kills.attack(4, seed=2)
    assert faults == []
