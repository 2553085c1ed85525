"""Images from the network: gone on with where a download stopped, and held against their digest."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO

from edgenets import places
from edgenets.errors import FlashError
from edgenets.files import write_json
from edgenets.progress import Progress
from edgenets.uri import shown

# A server that says nothing for this long is gone.
_TIMEOUT = 60.0  # s
_CHUNK = 1 << 20  # bytes

# How often a connection that broke is made again; each goes on where the last one stopped.
_TRIES = 5

_UNPROVEN = (
    "plain http, and neither a digest nor a signature: whoever is on the way can put another "
    "image in its place. Give --sha256 (or --signature and --keyring), or an https address"
)

_SHA256 = re.compile(r"\b([0-9a-fA-F]{64})\b")


def fetch(url: str, progress: Progress | None = None, *, proven: bool = False) -> Path:
    """The file at a URL; one that was fetched before, and is still the same there, is not again.

    Args:
        proven: it is held against a digest or a signature afterwards; else whoever is on the way
            could change what comes by plain http, which is warned of.

    Raises:
        FlashError: it is not there, the connection breaks again and again, or https leads to
            http and nothing proves the file.
    """
    if not proven and not _is_private(url):
        _warn(f"{shown(url)}: {_UNPROVEN}", progress)
    name = Path(urllib.parse.urlsplit(url).path).name or "image"
    folder = places.cache("images") / hashlib.sha256(url.encode()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder / name, folder / f".{name}.part"
    last: Exception | None = None
    with (progress or Progress()).task(f"fetching {name}", in_bytes=True) as task:
        for _ in range(_TRIES):
            try:
                return _fetch(url, path, part, task.update, proven)
            except urllib.error.HTTPError as exc:
                raise FlashError(f"{shown(url)}: {exc.code} {exc.reason}") from exc
            except (OSError, EOFError, ValueError, http.client.HTTPException) as exc:
                last = exc
    raise FlashError(
        f"{shown(url)}: {last}; the same command goes on from "
        f"{part.stat().st_size if part.exists() else 0:,} bytes"
    ) from last


def _request(url: str, path: Path, have: int, known: str) -> urllib.request.Request:
    """For a file, where another is there already; or for the rest of one that is there in part."""
    request = urllib.request.Request(url)
    if path.exists() and (whole := _mark(path.with_name(f".{path.name}.json"))):
        request.add_header("If-None-Match", whole)
    elif have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", known)
    return request


def _fetch(
    url: str, path: Path, part: Path, report: Callable[[int, int, str], None], proven: bool
) -> Path:
    """One try; OSError and EOFError where it may be tried again."""
    mark = part.with_name(f"{part.name}.json")  # which file the part is of, as the server names it
    known = _mark(mark)
    have = part.stat().st_size if part.exists() and known else 0
    answer = _answer(_request(url, path, have, known), part, proven)
    if answer is None:
        return path
    with answer:
        tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        if answer.status != 206:
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        if tag:
            write_json(mark, {"tag": tag})
        have = _received(answer, part, have, total, report)
    if total is not None and have < total:
        raise EOFError(f"the connection broke after {have:,} of {total:,} bytes")
    part.replace(path)
    mark.unlink(missing_ok=True)
    if tag:
        write_json(path.with_name(f".{path.name}.json"), {"tag": tag})
    return path


def _is_private(url: str) -> bool:
    """Whether nobody on the way can change what comes."""
    return urllib.parse.urlsplit(url).scheme.lower() == "https"


def _warn(text: str, progress: Progress | None) -> None:
    if progress is None:
        warnings.warn(text, UserWarning, stacklevel=3)
    else:
        progress.say(f"warning: {text}")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but from https to http only for a file that is proven afterwards."""

    def __init__(self, proven: bool) -> None:
        self._proven = proven

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """See `urllib.request.HTTPRedirectHandler`.

        Raises:
            FlashError: it leads to where anybody on the way could change the file.
        """
        if not self._proven and _is_private(req.full_url) and not _is_private(newurl):
            raise FlashError(f"{shown(req.full_url)}: leads to {shown(newurl)}: {_UNPROVEN}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _answer(
    request: urllib.request.Request, part: Path, proven: bool
) -> http.client.HTTPResponse | None:
    """The server's answer; None where it has the same file as is here."""
    opener = urllib.request.build_opener(_Redirects(proven))
    try:
        answer: http.client.HTTPResponse = opener.open(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as exc:
        if exc.code == 304:
            return None
        if exc.code == 416:  # the part is whole already, or of another file
            part.unlink(missing_ok=True)
            raise OSError("the server has another file now") from exc
        raise
    return answer


def _received(
    answer: http.client.HTTPResponse,
    part: Path,
    have: int,
    total: int | None,
    report: Callable[[int, int, str], None],
) -> int:
    """Write what comes behind what is there; how many bytes there are then."""
    with part.open("r+b" if have else "wb") as file:
        file.seek(have)
        while data := answer.read(_CHUNK):
            file.write(data)
            have += len(data)
            if total:
                report(have, total, f"{have / 1e6:.0f} of {total / 1e6:.0f} MB")
        file.flush()
        os.fsync(file.fileno())
    return have


def check_sha256(path: Path, expected: str) -> None:
    """Hold a file against its SHA-256.

    Args:
        expected: the digest, or the path of a file that has it, alone or beside the image's name.

    Raises:
        FlashError: it is another, or none is expected.
    """
    text = expected
    if not _SHA256.fullmatch(expected.strip()):
        try:
            lines = Path(expected).read_text("utf-8", "replace").splitlines()
        except OSError as exc:
            raise FlashError(f"{expected}: no SHA-256, and no file that has one") from exc
        named = [line for line in lines if path.name in line]
        text = "\n".join(named or lines)
    wanted = {digest.lower() for digest in _SHA256.findall(text)}
    if len(wanted) != 1:
        raise FlashError(f"{expected}: has no SHA-256 of {path.name}")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found not in wanted:
        raise FlashError(
            f"{path}: is not the image that was meant: its SHA-256 is {found[:16]}…, and "
            f"{wanted.pop()[:16]}… was expected"
        )


def check_signature(path: Path, signature: Path, keyring: Path) -> None:
    """Hold a file against its OpenPGP signature, by gpgv.

    Raises:
        FlashError: it is not signed by a key of the keyring, or there is no gpgv.
    """
    command = ["gpgv", "--keyring", str(keyring.resolve()), str(signature), str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as exc:
        raise FlashError("signatures are checked by gpgv: apt-get install gpgv") from exc
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason was given"]
        raise FlashError(f"{path}: is not signed by a key of {keyring}: {said[-1]}")


def _mark(path: Path) -> str:
    try:
        return str(json.loads(path.read_text())["tag"])
    except (OSError, ValueError, KeyError):
        return ""
