"""A board whose system brings no Python that is new enough, and the archive that is brought."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgenets import zoo
from edgenets.devices import board as boards
from edgenets.devices.deploy import manage, ownpython
from edgenets.devices.deploy.deploy import Outcome, deploy
from edgenets.devices.deploy.needs import ServeOptions
from edgenets.devices.deploy.wheelhouse import Supply
from edgenets.devices.keeper.release import Health
from edgenets.devices.place import check, of_board
from edgenets.devices.preflight import preflight
from edgenets.devices.twin import base
from edgenets.devices.twin.twin import Twin
from edgenets.errors import DeviceError
from edgenets.findings import well
from tests.devices.twins import CONSTRAINTS, running, wait_until_it_serves

OLD = ("coral-dev-board", "coral-dev-board-mini", "jetson-nano", "jetson-orin-nano")

# Where ELF says for which processor a program is.
ARM, X86, RISCV = 0xB7, 0x3E, 0xF3


def pack(path: Path, machine: int = ARM, name: str = "python/bin/python3.12") -> Path:
    """An archive whose interpreter is no more than the head of one."""
    head = b"\x7fELF".ljust(18, b"\0") + machine.to_bytes(2, "little")
    with tarfile.open(path, "w:gz") as tar:
        for member, data in (("python/lib/python3.12/os.py", b""), (name, head)):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


class TestArchives:
    def test_what_it_holds(self, tmp_path: Path) -> None:
        found = ownpython.read(pack(tmp_path / "python.tar.gz"))
        assert found.version == (3, 12) and found.architecture == "aarch64"
        assert found.path == f"/opt/edgenets/pythons/{found.sha256[:12]}/bin/python3.12"

    def test_one_without_an_interpreter(self, tmp_path: Path) -> None:
        with pytest.raises(DeviceError, match=r"has no python/bin/python3.*install_only"):
            ownpython.read(pack(tmp_path / "a.tar.gz", name="other/bin/python3.12"))

    def test_one_for_another_processor(self, tmp_path: Path) -> None:
        with pytest.raises(DeviceError, match="for neither aarch64 nor x86_64"):
            ownpython.read(pack(tmp_path / "a.tar.gz", RISCV))
        with pytest.raises(DeviceError, match="is for x86_64; Coral Dev Board is aarch64"):
            own = ownpython.read(pack(tmp_path / "b", X86))
            check(of_board(boards.load("coral-dev-board"), own))

    @pytest.mark.parametrize("count", [0, 1, 20, 60])
    def test_one_that_is_damaged(self, tmp_path: Path, count: int) -> None:
        path = pack(tmp_path / "a.tar.gz")
        path.write_bytes(path.read_bytes()[:count])
        with pytest.raises(DeviceError, match=r"no archive of a Python|has no python/bin"):
            ownpython.read(path)


@pytest.mark.parametrize("name", OLD)
def test_it_is_what_an_old_board_wants(name: str, tmp_path: Path) -> None:
    board = boards.load(name)
    with pytest.raises(DeviceError, match=r"its system has Python 3\.\d+; .* --python ARCHIVE"):
        check(of_board(board))
    own = ownpython.read(pack(tmp_path / "a.tar.gz", name="python/bin/python3.11"))
    place = check(of_board(board, own))
    assert place.interpreter == own.path
    assert well(preflight(zoo.load("kws-gru"), place))


def test_a_board_with_a_new_one_keeps_its_own(tmp_path: Path) -> None:
    own = ownpython.read(pack(tmp_path / "a.tar.gz"))
    place = of_board(boards.load("rpi5"), own)
    assert place.own is None and place.interpreter == "/usr/bin/python3.13"


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    """One whose system had its Pythons taken away."""
    with running("userland", "bare") as (made,):
        made.ssh("rm /usr/bin/python3*")
        yield made


@pytest.fixture(scope="module")
def archive(twin: Twin, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python that it had, to be put elsewhere."""
    path = tmp_path_factory.mktemp("own") / "cpython-3.11-install_only.tar.gz"
    root = base.ready().root
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        tar.add(root / "usr/bin/python3.11", "python/bin/python3.11")
        tar.add(root / "usr/lib/python3.11", "python/lib/python3.11")
    return path


# An emulated processor is slow; no figure is a board's.
PATIENT = Health(inferences=3, latency_ms=20_000.0, patience=180.0)


@pytest.mark.slow
@pytest.mark.twin
class TestTwin:
    def put(self, twin: Twin, python: Path | None, health: Health = PATIENT) -> Outcome:
        serve = ServeOptions(("null:96x96?rate=2",), health=health)
        return deploy(zoo.load("image-classify"), twin.address(), serve,
                      supply=Supply(CONSTRAINTS, python=python), accept_new=True)  # fmt: skip

    def test_without_one_it_is_refused(self, twin: Twin) -> None:
        with pytest.raises(DeviceError, match="its system has no Python"):
            self.put(twin, None)
        assert twin.ssh("ls /opt").out == ""

    def test_with_one_it_serves(self, twin: Twin, archive: Path) -> None:
        outcome = self.put(twin, archive)
        assert outcome.verdict == "kept", outcome
        own = ownpython.read(archive)
        assert manage.status(twin.address())["record"]["interpreter"] == own.sha256
        told = twin.ssh("cat /opt/edgenets/environments/*/pyvenv.cfg").out
        assert f"home = {Path(own.path).parent}\n" in told

    def test_the_same_again_sends_nothing(self, twin: Twin, archive: Path) -> None:
        outcome = self.put(twin, archive)
        assert (outcome.verdict, outcome.sent_bytes) == ("unchanged", 0)

    def test_a_release_that_does_not_hold_is_taken_back_by_the_board(
        self, twin: Twin, archive: Path
    ) -> None:
        before = manage.status(twin.address())["serving"]
        outcome = self.put(twin, archive, Health(3, 0.001, 15.0))
        assert outcome.verdict == "went back" and "too slow" in outcome.reason
        assert outcome.serving == before
        wait_until_it_serves(twin, before)
