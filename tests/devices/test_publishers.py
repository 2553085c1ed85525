"""Who may publish changes: boards follow, also late ones, and refuse what old keys sign."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgenets.devices.update import keys, shelf
from edgenets.devices.update.shelf import Shelf
from edgenets.errors import UpdateError
from tests.commands import Call, call
from tests.devices.test_update import Site, noise, site

pytest.importorskip("tuf")

__all__ = ["call", "site"]  # fixtures


def taken(site: Site) -> bool:
    """Whether the board takes what is newest on the shelf, and keeps it."""
    code, said = site.board.pull()
    if code or "on trial" not in said:
        return False
    return site.board.keeper("guard")[1] == {"kept": True}


def refused(site: Site) -> str:
    """What a board says that takes nothing."""
    before = site.board.serving
    code, said = site.board.pull()
    assert code == 1 and site.board.start() == before, said
    return str(said)


def roots_of(site: Site) -> list[str]:
    """The roots that are served."""
    return sorted(p.name for p in (site.folder / "metadata").glob("*.root.json"))


def opened(site: Site) -> Shelf:
    """The shelf, as whoever publishes opens it."""
    return Shelf(site.folder, site.keys)


class TestBoards:
    def test_a_board_that_missed_two_rotations_updates(self, site: Site) -> None:
        site.publish("2", noise(1000))
        assert taken(site)
        opened(site).rotate_release()
        opened(site).rotate_root(2)
        opened(site).rotate_release()
        site.publish("3", noise(1001))
        assert roots_of(site) == [f"{n}.root.json" for n in range(1, 5)]
        assert taken(site) and site.board.state()["newest"] == 2

    def test_a_board_that_never_looked_before_updates(self, site: Site) -> None:
        for _ in range(3):
            opened(site).rotate_root(1)
            opened(site).rotate_release()
        site.publish("2", noise(1000))
        assert taken(site)

    def test_what_a_revoked_key_signs_is_refused(self, site: Site, tmp_path: Path) -> None:
        site.publish("2", noise(1000))
        assert taken(site)
        shutil.copytree(site.folder, tmp_path / "stolen")
        shutil.copytree(site.keys, tmp_path / "stolen keys")
        (key,) = opened(site).publishers.release
        opened(site).revoke(key[:12])
        site.publish("3", noise(1001))
        assert taken(site)
        # The thief publishes on what he copied, then with the new root beside it.
        site.folder.rename(tmp_path / "own")
        shutil.copytree(tmp_path / "stolen", site.folder)
        site.keys = tmp_path / "stolen keys"
        for number in range(4, 12):
            site.publish(str(number), noise(1000 + number))
        assert "is not signed by who may publish" in refused(site)
        shutil.copy(tmp_path / "own" / "metadata" / "2.root.json", site.folder / "metadata")
        assert "is not signed by who may publish" in refused(site)

    def test_what_a_revoked_root_key_signs_is_refused(self, site: Site, tmp_path: Path) -> None:
        site.publish("2", noise(1000))
        shutil.copytree(site.folder, tmp_path / "stolen")
        shutil.copytree(site.keys, tmp_path / "stolen keys")
        (key,) = opened(site).publishers.root
        opened(site).revoke(key)
        assert taken(site)
        site.folder.rename(tmp_path / "own")
        shutil.copytree(tmp_path / "stolen", site.folder)
        site.keys = tmp_path / "stolen keys"
        Shelf(site.folder, site.keys).rotate_release()  # another second root
        site.publish("3", noise(1001))
        assert "is not signed by who may publish" in refused(site)

    def test_rollback_and_freeze_stay_refused(
        self, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site.publish("2", noise(1000))
        opened(site).rotate_release()
        shutil.copytree(site.folder, tmp_path / "before")
        site.publish("3", noise(1001))
        assert taken(site)
        site.folder.rename(tmp_path / "now")
        shutil.copytree(tmp_path / "before", site.folder)
        assert "is older than what was seen" in refused(site)
        shutil.rmtree(site.folder)
        (tmp_path / "now").rename(site.folder)
        monkeypatch.setattr(shelf, "TIMESTAMP_DAYS", -1)
        opened(site).rotate_release()
        assert "has expired" in refused(site)

    def test_a_shelf_without_its_older_roots_is_not_followed(self, site: Site) -> None:
        opened(site).rotate_release()
        opened(site).rotate_release()
        site.publish("2", noise(1000))
        (site.folder / "metadata" / "2.root.json").unlink()
        assert "is not signed by who may publish" in refused(site)

    @pytest.mark.parametrize("cut", ["2.root.json", "timestamp.json", "targets.json"])
    def test_a_rotation_that_is_cut_off_is_gone_on_with(
        self, site: Site, monkeypatch: pytest.MonkeyPatch, cut: str
    ) -> None:
        site.publish("2", noise(1000))
        write = shelf._write

        def until(signed: object, path: Path) -> None:
            if path.name.endswith(cut):
                raise KeyboardInterrupt
            write(signed, path)  # type: ignore[arg-type]

        monkeypatch.setattr(shelf, "_write", until)
        with pytest.raises(KeyboardInterrupt):
            opened(site).rotate_release()
        monkeypatch.setattr(shelf, "_write", write)
        site.board.pull()  # whatever it finds, what serves goes on
        opened(site).refresh()
        opened(site).rotate_release()
        site.board.keeper("guard")
        site.publish("3", noise(1001))
        assert taken(site) and site.board.state()["newest"] == 2


@pytest.fixture
def made(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A shelf of three root keys, of which two must sign."""
    Shelf.make(tmp_path / "shelf", tmp_path / "keys", 3)
    yield tmp_path / "shelf", tmp_path / "keys"


class TestThreshold:
    def test_more_than_half_by_default(self, made: tuple[Path, Path]) -> None:
        found = Shelf(*made).publishers
        assert found.threshold == 2 and len(found.root) == 3 and len(found.release) == 1

    def test_keys_in_several_places(self, made: tuple[Path, Path], tmp_path: Path) -> None:
        folder, own = made
        (tmp_path / "stick").mkdir()
        for name in ("root.pem", "root-2.pem", "root-3.pem"):
            (own / name).rename(tmp_path / "stick" / name)
        before = sorted(own.iterdir())
        with pytest.raises(UpdateError, match="no key to sign with"):
            Shelf(folder, own).rotate_release()
        (tmp_path / "stick" / "root.pem").rename(own / "root.pem")
        with pytest.raises(UpdateError, match="1 more root key"):
            Shelf(folder, own).rotate_release()
        assert sorted(own.iterdir()) == [*before, own / "root.pem"]  # no key was made for nothing
        assert Shelf(folder, own).rotate_release([tmp_path / "stick"]).name == "release-2.pem"

    def test_a_lost_root_key_is_revoked_by_the_others(self, made: tuple[Path, Path]) -> None:
        folder, own = made
        lost = keys.load(own / "root-2.pem").public_key.keyid
        (own / "root-2.pem").unlink()
        Shelf(folder, own).revoke(lost)
        found = Shelf(folder, own).publishers
        assert lost not in found.root and len(found.root) == 3 and found.threshold == 2

    @pytest.mark.parametrize(("count", "threshold"), [(2, 3), (2, 0), (0, None), (99, None)])
    def test_thresholds_that_cannot_be(
        self, made: tuple[Path, Path], count: int, threshold: int | None
    ) -> None:
        with pytest.raises(UpdateError, match="cannot sign"):
            Shelf(*made).rotate_root(count, threshold)

    def test_a_key_that_does_not_count(self, made: tuple[Path, Path]) -> None:
        folder, own = made
        for text in ("", "0" * 64, Shelf(folder, own).publishers.root[0][:4]):
            with pytest.raises(UpdateError, match="is the id of no key"):
                Shelf(folder, own).revoke(text)
        old = (own / "release.pem").read_bytes()
        Shelf(folder, own).rotate_release()
        for path in own.glob("release*.pem"):
            path.unlink()
        (own / "release.pem").write_bytes(old)
        with pytest.raises(UpdateError, match="rotated or revoked"):
            Shelf(folder, own)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.sampled_from(["release", "root", "revoke root", "revoke"]), max_size=6), st.data()
)
def test_any_row_of_changes_is_followed_from_any_root(
    tmp_path_factory: pytest.TempPathFactory, changes: list[str], data: st.DataObject
) -> None:
    from tuf.api.metadata import Metadata

    folder = tmp_path_factory.mktemp("row")
    Shelf.make(folder / "shelf", folder / "keys", data.draw(st.integers(1, 3)))
    for change in changes:
        now = Shelf(folder / "shelf", folder / "keys")
        if change == "release":
            now.rotate_release()
        elif change == "root":
            now.rotate_root(data.draw(st.integers(1, 3)))
        else:
            held = now.publishers.root if "root" in change else now.publishers.release
            now.revoke(data.draw(st.sampled_from(held)))
    metadata = folder / "shelf" / "metadata"
    roots = [
        Metadata.from_file(str(metadata / f"{n + 1}.root.json")) for n in range(len(changes) + 1)
    ]
    for before, after in itertools.pairwise(roots):
        assert before.signed.verify_delegate("root", after.signed_bytes, after.signatures) is None
        after.signed.verify_delegate("root", after.signed_bytes, after.signatures)
    last = Metadata.from_file(str(metadata / "timestamp.json"))
    roots[-1].signed.verify_delegate("timestamp", last.signed_bytes, last.signatures)
    Shelf(folder / "shelf", folder / "keys").refresh()


def test_commands(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("release", "init", "shelf", "--root-count", 2, "--threshold", 2).code == 0
    found = call("release", "keys", "shelf", "--json").json()
    assert found["version"] == 1 and found["threshold"] == 2 and len(found["root"]) == 2
    assert found["root"][0][:16] in call("release", "keys", "shelf").out
    made = call("release", "rotate", "shelf", "--json").json()
    assert made == {"root": "shelf/metadata/2.root.json", "keys": ["release-keys/release-2.pem"]}
    assert "release-3.pem" in call(
        "release", "revoke", "shelf",
        call("release", "keys", "shelf", "--json").json()["release"][0][:8],
    ).out  # fmt: skip
    assert call("release", "rotate", "shelf", "--threshold", 1).code == 2
    assert call("release", "rotate", "shelf", "--root", "--root-count", 1).code == 0
    assert call("release", "refresh", "shelf").code == 0
    found = call("release", "keys", "shelf", "--json").json()
    assert found["version"] == 4 and found["threshold"] == 1
    failed = call("release", "revoke", "shelf", "00000000")
    assert failed.code == 2 and "is the id of no key" in failed.err
    assert json.loads(Path("shelf/metadata/1.root.json").read_text())["signed"]["version"] == 1
