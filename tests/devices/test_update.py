"""Releases that a board fetches: signed, newer, for it, and tried; nothing else that is offered."""

from __future__ import annotations

import json
import platform
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenets import zoo
from edgenets.devices import board as boards
from edgenets.devices.deploy.needs import ServeOptions
from edgenets.devices.deploy.wheelhouse import Supply
from edgenets.devices.keeper.objects import digest
from edgenets.devices.keeper.release import Health, Release
from edgenets.devices.update import delta, keys, shelf
from edgenets.devices.update.shelf import Published, Shelf
from edgenets.errors import UpdateError
from tests.devices.board import Board

pytest.importorskip("tuf")

MACHINE = f"linux-{platform.machine().replace('x86_64', 'x86-64').replace('aarch64', 'arm64')}"

# What this machine is not.
OTHER = "x86_64" if platform.machine() == "aarch64" else "aarch64"


class Site:
    """A shelf, a server of it, and a board that follows it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.keys = folder / "shelf", folder / "keys"
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self.root = Shelf.make(self.folder, self.keys)
        monkeypatch.setattr(shelf, "compose", self._compose)
        profile = boards.load(MACHINE)
        python = f"{sys.version_info[0]}.{sys.version_info[1]}"
        changed = {**vars(profile.system), "python": python}
        self.profile = type(profile)(
            **{**vars(profile), "system": type(profile.system)(**changed)}
        )  # fmt: skip
        handler = partial(_Quiet, directory=str(folder))
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.board = Board(folder / "board")
        first = self.board.stage("1")
        assert self.board.deploy(first) == {"kept": True}
        self.first = first
        self.follow(self.root)

    def follow(self, root: Path, board: str = MACHINE, folder: str = "shelf") -> None:
        home = self.board.folder / "home"
        url = f"http://127.0.0.1:{self.server.server_port}/{folder}"
        (home / "update.json").write_text(json.dumps({"url": url, "board": board}))
        (home / "trusted-root.json").write_bytes(root.read_bytes())

    def publish(self, version: str, data: bytes, board: str = MACHINE) -> Published:
        """Publish a bundle of these bytes."""
        self._version, self._data = version, data
        opened = Shelf(self.folder, self.keys)
        (made,) = opened.publish(
            zoo.load("kws-gru"), {board: self.profile}, ServeOptions(), Supply(), self.scratch
        )  # fmt: skip
        return made

    def _compose(self, *arguments: Any) -> tuple[Release, dict[str, Path]]:
        number = arguments[-1]
        files = {"bundle": self._data, "edgenets": b"edgenets", "wheel": b"wheel of pip"}
        paths = {}
        for name, data in files.items():
            paths[name] = self.scratch / name
            paths[name].write_bytes(data)
        arguments[0].bundle.path = paths["bundle"]
        sums = {name: digest(path) for name, path in paths.items()}
        release = Release(
            "words", self._version, sums["bundle"], sums["edgenets"],
            {"pip-1-py3-none-any.whl": sums["wheel"]}, "/usr/bin/python3", ["mic:default"],
            Health(10, 100.0, 1.5), number=number,
        )  # fmt: skip
        return release, {sums[name]: path for name, path in paths.items()}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    made = Site(tmp_path, monkeypatch)
    yield made
    made.close()


def noise(size: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(size)


class TestPull:
    def test_what_is_newer_is_fetched_tried_and_kept(self, site: Site) -> None:
        made = site.publish("2", noise(100_000))
        code, said = site.board.pull()
        assert code == 0 and "release 1: on trial" in said, said
        assert site.board.keeper("guard")[1] == {"kept": True}
        state = site.board.state()
        assert state["serving"] == made.release == site.board.serving
        assert state["newest"] == 1 and state["previous"] == site.first.id
        bundle = site.board.home.release(made.release) / "bundle.edge"
        assert bundle.read_bytes() == noise(100_000)
        assert "nothing newer" in site.board.pull()[1]

    def test_a_difference_is_fetched_where_it_is_smaller(self, site: Site) -> None:
        old = noise(300_000)
        new = old[:150_000] + noise(500, 1) + old[150_000:]
        site.publish("2", old)
        site.board.pull()
        site.board.keeper("guard")
        made = site.publish("3", new)
        assert next(iter(made.deltas.values())) < 5_000
        served: list[str] = []
        _Quiet.log_message = lambda _, *a: served.append(str(a))  # type: ignore[method-assign]
        code, said = site.board.pull()
        _Quiet.log_message = lambda *_: None  # type: ignore[method-assign]
        assert code == 0 and site.board.keeper("guard")[1] == {"kept": True}, said
        bundle = site.board.home.release(made.release) / "bundle.edge"
        assert bundle.read_bytes() == new
        assert any("/deltas/" in line for line in served)
        assert not any("/objects/" in line for line in served)

    def test_a_damaged_difference_costs_only_its_size(self, site: Site) -> None:
        old = noise(200_000)
        site.publish("2", old)
        site.board.pull()
        site.board.keeper("guard")
        site.publish("3", old + b"more")
        for path in (site.folder / "targets" / "deltas").iterdir():
            path.write_bytes(noise(path.stat().st_size, 9))
        assert site.board.pull()[0] == 0
        assert site.board.keeper("guard")[1] == {"kept": True}

    def test_one_that_does_not_hold_is_not_tried_again_but_the_next_is(self, site: Site) -> None:
        bad = site.publish("slow", noise(1000))
        site.board.pull()
        assert site.board.keeper("guard")[1] == {"kept": False}
        assert site.board.serving == site.first.id
        code, said = site.board.pull()
        assert code == 0 and "not again inferences are too slow" in said
        assert bad.release in site.board.state()["failed"]
        site.publish("2", noise(1000))
        assert "on trial" in site.board.pull()[1]
        assert site.board.keeper("guard")[1] == {"kept": True}

    def test_while_one_is_on_trial_nothing_else_is(self, site: Site) -> None:
        site.publish("2", noise(1000))
        site.board.pull()
        site.publish("3", noise(1001))
        assert "is on trial" in site.board.pull()[1]

    def test_an_interrupted_transfer_leaves_what_serves(self, site: Site) -> None:
        made = site.publish("2", noise(50_000))
        bundle = next((site.folder / "targets" / "objects").glob(f"{digest_of(50_000)}.*"))
        kept = bundle.read_bytes()
        bundle.write_bytes(kept[:20_000])
        code, said = site.board.pull()
        assert code == 1 and site.board.start() == site.first.id, said
        bundle.write_bytes(kept)
        assert site.board.pull()[0] == 0
        assert site.board.keeper("guard")[1] == {"kept": True}
        assert site.board.serving == made.release


def digest_of(size: int) -> str:
    import hashlib

    return hashlib.sha256(noise(size)).hexdigest()


class TestWhatIsNotTaken:
    def refused(self, site: Site, why: str) -> None:
        code, said = site.board.pull()
        assert code == 1 and why in said, said
        assert site.board.start() == site.first.id and site.board.state()["trial"] is None

    def test_another_object_under_its_name(self, site: Site) -> None:
        site.publish("2", noise(1000))
        for path in (site.folder / "targets" / "objects").iterdir():
            path.write_bytes(bytes(path.stat().st_size))
        self.refused(site, "objects/")

    def test_another_channel(self, site: Site) -> None:
        site.publish("2", noise(1000))
        for path in (site.folder / "targets" / "channels").iterdir():
            path.write_text(path.read_text().replace('"words"', '"other"'))
        self.refused(site, "channels/")

    def test_a_shelf_of_others(self, site: Site, tmp_path: Path) -> None:
        site.publish("2", noise(1000))
        shutil.rmtree(site.folder)
        site.keys = tmp_path / "other keys"
        Shelf.make(site.folder, site.keys)
        site.publish("3", noise(1000))
        self.refused(site, "is not signed by who may publish")

    def test_an_older_shelf_than_was_seen(self, site: Site, tmp_path: Path) -> None:
        site.publish("2", noise(1000))
        shutil.copytree(site.folder, tmp_path / "before")
        site.publish("slow", noise(1001))
        site.board.pull()
        site.board.keeper("guard")
        shutil.rmtree(site.folder)
        shutil.copytree(tmp_path / "before", site.folder)
        self.refused(site, "is older than what was seen there before")

    def test_an_older_release_on_a_newer_shelf(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site.publish("2", noise(1000))
        site.publish("3", noise(1001))
        site.board.pull()
        site.board.keeper("guard")
        assert site.board.state()["newest"] == 2
        monkeypatch.setattr(Shelf, "_number", lambda *_: 0)
        site.publish("1", noise(999))
        code, said = site.board.pull()
        assert code == 1 and "release 1 is older than 2, which was kept before" in said

    def test_one_that_has_expired(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shelf, "TIMESTAMP_DAYS", -1)
        site.publish("2", noise(1000))
        self.refused(site, "has expired; it is to be refreshed")
        monkeypatch.undo()
        Shelf(site.folder, site.keys).refresh()
        assert "on trial" in site.board.pull()[1]

    def test_a_release_for_another_board(self, site: Site) -> None:
        site.publish("2", noise(1000))
        channels = site.folder / "targets" / "channels"
        site.follow(site.root, board="rpi4")
        code, said = site.board.pull()
        assert code == 1 and "there is no channels/rpi4.json" in said
        assert len(list(channels.iterdir())) == 1

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            (lambda p: {"system": type(p.system)(**{**vars(p.system), "python": "3.19"})},
             "a release for Python 3.19"),
            (lambda p: {"processor": type(p.processor)(
                **{**vars(p.processor), "architecture": OTHER})}, f"a release for {OTHER}"),
        ],
    )  # fmt: skip
    def test_a_release_for_another_system(
        self, site: Site, change: Callable[[Any], dict[str, Any]], why: str
    ) -> None:
        site.profile = type(site.profile)(**{**vars(site.profile), **change(site.profile)})
        site.publish("2", noise(1000))
        self.refused(site, why)

    def test_a_server_that_is_not_there(self, site: Site) -> None:
        site.server.shutdown()
        site.server.server_close()
        self.refused(site, "no update:")


def test_a_board_that_is_cut_off_while_it_updates(site: Site) -> None:
    """Killed at each step of looking and fetching: the old release serves, and the next look gets
    the new one."""
    old, new = noise(4000), noise(4000) + b"more"
    site.publish("2", old)
    site.board.pull()
    assert site.board.keeper("guard")[1] == {"kept": True}
    made = site.publish("3", new)
    before = site.board.state()["serving"]
    kept = site.board.folder.with_name("kept")
    shutil.copytree(site.board.folder, kept, symlinks=True)
    steps = 0
    for step in range(1, 200):
        shutil.rmtree(site.board.folder)
        shutil.copytree(kept, site.board.folder, symlinks=True)
        code, _ = site.board.pull(kill_at=step)
        assert site.board.start() in (before, made.release)
        if site.board.state()["trial"] is None:
            assert site.board.pull()[0] == 0, step
        assert site.board.keeper("guard")[1] == {"kept": True}
        assert site.board.state()["serving"] == made.release
        steps = step
        if code >= 0:
            break
    assert 10 < steps < 199


class TestShelf:
    def test_keys_are_never_written_over(self, tmp_path: Path) -> None:
        keys.make(tmp_path / "keys")
        assert oct((tmp_path / "keys" / "root.pem").stat().st_mode & 0o777) == "0o600"
        with pytest.raises(UpdateError, match="there is a key already"):
            keys.make(tmp_path / "keys")

    def test_a_shelf_is_made_once(self, tmp_path: Path) -> None:
        Shelf.make(tmp_path / "shelf", tmp_path / "keys")
        with pytest.raises(UpdateError, match="is a shelf of releases already"):
            Shelf.make(tmp_path / "shelf", tmp_path / "keys")

    def test_what_is_no_shelf(self, tmp_path: Path) -> None:
        keys.make(tmp_path / "keys")
        with pytest.raises(UpdateError, match="no shelf of releases"):
            Shelf(tmp_path, tmp_path / "keys")
        with pytest.raises(UpdateError, match="no key to sign with"):
            Shelf(tmp_path, tmp_path)

    def test_a_publication_that_is_cut_off_is_not_seen(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The timestamp comes last: until then boards see what was there before."""
        write = shelf._write

        def cut(signed: Any, path: Path) -> None:
            if path.name == "timestamp.json":
                raise KeyboardInterrupt
            write(signed, path)

        monkeypatch.setattr(shelf, "_write", cut)
        with pytest.raises(KeyboardInterrupt):
            site.publish("2", noise(1000))
        code, said = site.board.pull()
        assert code == 1 and "there is no channels/" in said
        monkeypatch.setattr(shelf, "_write", write)
        site.publish("2", noise(1000))
        assert "on trial" in site.board.pull()[1]


@settings(max_examples=40)
@given(st.binary(max_size=4000), st.binary(max_size=4000), st.integers(0, 4000))
def test_differences(old: bytes, new: bytes, cut: int) -> None:
    new = old[:cut] + new + old[cut:]
    assert delta.apply(old, delta.make(old, new)) == new


def test_a_difference_is_not_taken_for_another(tmp_path: Path) -> None:
    difference = delta.make(noise(5000), noise(5000) + b"x")
    with pytest.raises(UpdateError, match="damaged"):
        delta.apply(noise(5000), difference[:-3])
    with pytest.raises(UpdateError, match=r"none of a bundle|damaged"):
        delta.apply(noise(5000), b"")
