"""Whether a board's key is believed: new, known, changed, of another kind; with a real server."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.devices.address import Address
from edgenets.devices.remote import connect
from edgenets.devices.trust import Trust, known_hosts
from edgenets.errors import DeviceError

asyncssh = pytest.importorskip("asyncssh")

KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256")


def reached(folder: Path, keys: list[Any], accept_new: bool, text: str | None = None) -> str:
    """What comes of reaching a board that shows these keys: its output, or the error's text."""
    user = asyncssh.generate_private_key("ssh-ed25519")
    user.write_private_key(folder / "id")
    (folder / "id").chmod(0o600)
    known = folder / "known_hosts"

    def answer(process: Any) -> None:
        process.stdout.write(b"well\n")
        process.exit(0)

    async def once() -> str:
        allowed = asyncssh.import_authorized_keys(user.export_public_key().decode())
        server = await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=keys, authorized_client_keys=allowed,
            process_factory=answer, encoding=None,
        )  # fmt: skip
        port = server.get_port()
        if text is not None:
            known.write_text(text.replace("HOST", f"[127.0.0.1]:{port}"))
        address = Address("127.0.0.1", "root", port, folder / "id", known)
        try:
            async with server, connect(address, accept_new=accept_new) as remote:
                return (await remote.run("true")).out
        except DeviceError as exc:
            return str(exc)

    return asyncio.run(once())


def line(key: Any) -> str:
    """A key as a list has it, for the host that is reached."""
    return f"HOST {key.export_public_key('openssh').decode().strip()}\n"


@pytest.fixture(scope="module")
def keys() -> list[Any]:
    """A key of every kind, and another one of the first kind."""
    return [asyncssh.generate_private_key(kind) for kind in (*KINDS, KINDS[0])]


def test_a_new_board_is_taken_only_where_that_is_asked_for(tmp_path: Path, keys: list[Any]) -> None:
    found = reached(tmp_path, keys[:1], False)
    assert "is not known" in found and keys[0].get_fingerprint() in found
    assert "--accept-new" in found and not (tmp_path / "known_hosts").exists()
    assert reached(tmp_path, keys[:1], True) == "well\n"
    assert (tmp_path / "known_hosts").stat().st_mode & 0o777 == 0o600


def test_a_known_board_is_reached(tmp_path: Path, keys: list[Any]) -> None:
    for accept_new in (False, True):
        assert reached(tmp_path, keys[:2], accept_new, line(keys[0])) == "well\n"


@pytest.mark.parametrize("accept_new", [False, True])
@pytest.mark.parametrize("shown", [1, 2])  # of another kind, of the same kind
def test_a_changed_key_is_never_taken(
    tmp_path: Path, keys: list[Any], accept_new: bool, shown: int
) -> None:
    found = reached(tmp_path, [keys[shown]], accept_new, line(keys[0]))
    for part in ("CHANGED", "man in the middle", keys[0].get_fingerprint(),
                 keys[shown].get_fingerprint(), "ssh-keygen -R '[127.0.0.1]:"):  # fmt: skip
        assert part in found
    assert (tmp_path / "known_hosts").read_text().count("\n") == 1
    # What it says to do removes the old key.
    command = found[found.index("ssh-keygen") :]
    done = subprocess.run(["sh", "-c", command], capture_output=True)
    assert done.returncode == 0 and not (tmp_path / "known_hosts").read_text()


def test_a_revoked_key_is_not_taken(tmp_path: Path, keys: list[Any]) -> None:
    found = reached(tmp_path, keys[:1], True, f"@revoked {line(keys[0])}")
    assert "not trusted" in found and "revoked" in found


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n# a comment"])
def test_a_list_without_a_last_line_end_is_not_spoiled(
    tmp_path: Path, keys: list[Any], end: str
) -> None:
    before = line(keys[1]).replace("HOST", "other.local").rstrip("\n") + end
    assert reached(tmp_path, keys[:1], True, before) == "well\n"
    text = (tmp_path / "known_hosts").read_text()
    assert text.startswith(before) and text.endswith("\n")
    assert known_hosts([tmp_path / "known_hosts"]).match("other.local", "", 22)[0] == [
        keys[1].convert_to_public()
    ]


@contextmanager
def listed(text: str) -> Iterator[Path]:
    """A list with this text."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "known_hosts"
        path.write_text(text)
        yield path


@given(
    st.lists(
        st.sampled_from(["# a comment", "", "a.local,10.0.0.1", "[b.local]:2222"]), max_size=5
    ),
    st.booleans(),
    st.integers(1, 65535),
)
def test_any_list_keeps_its_lines(lines: list[str], ended: bool, port: int) -> None:
    public = asyncssh.generate_private_key(KINDS[0]).convert_to_public()
    held = public.export_public_key().decode().strip()
    texts = [f"{text} {held}" if text and text[0] != "#" else text for text in lines]
    with listed("\n".join(texts) + ("\n" if ended else "")) as path:
        before = path.read_text().splitlines()
        new = asyncssh.generate_private_key(KINDS[0]).convert_to_public()
        assert Trust([path], accept_new=True).believes("new.local", "", port, new)
        after = path.read_text().splitlines()
        assert after[: len(before)] == before and len(after) == len(before) + 1
        assert Trust([path]).known("new.local", "", port) == [new]


@pytest.mark.parametrize("text", [None, "no key"])
def test_a_key_file_that_is_none_is_one_error(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "id").write_text(text)
    address = Address("127.0.0.1", "root", 9, tmp_path / "id")

    async def once() -> None:
        async with connect(address):
            pass

    with pytest.raises(DeviceError, match=r"127\.0\.0\.1"):
        asyncio.run(once())


def test_a_list_that_cannot_be_read(tmp_path: Path, keys: list[Any]) -> None:
    assert "no list of known hosts" in reached(tmp_path, keys[:1], True, "HOST\n")
