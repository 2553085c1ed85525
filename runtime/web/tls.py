"""The page's certificate: read and tried before anything is served with it."""

from __future__ import annotations

import ssl
from pathlib import Path

from edgenets.errors import SinkError

# X509_V_ERR_…, as OpenSSL's verify(1) lists them.
_NOT_YET_VALID, _EXPIRED = 9, 10


def certificate(cert: str, key: str | None) -> ssl.SSLContext:
    """The server's side of TLS with a certificate (and its chain) and its key, as PEM.

    Args:
        cert: file of the certificate, those of its chain after it.
        key: file of the key, not encrypted; None: it is in the same file.

    Raises:
        SinkError: a file cannot be read, the two do not belong together, or it has expired.
    """
    for what, name in (("certificate", cert), ("key", key)):
        if name is not None:
            _readable(what, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2

    def encrypted() -> str:
        raise SinkError(f"{key or cert}: the key is encrypted; give one without a passphrase")

    try:
        context.load_cert_chain(cert, key, password=encrypted)
    except ssl.SSLError as exc:
        raise SinkError(_reason(cert, key, exc)) from exc
    _in_time(cert, context)
    return context


def _readable(what: str, name: str) -> None:
    try:
        text = Path(name).read_bytes()
    except OSError as exc:
        raise SinkError(f"{name}: the {what} cannot be read: {exc.strerror}") from exc
    if b"-----BEGIN" not in text:
        raise SinkError(f"{name}: the {what} is not PEM (-----BEGIN …)")


def _reason(cert: str, key: str | None, exc: ssl.SSLError) -> str:
    if exc.reason == "KEY_VALUES_MISMATCH":
        return f"{key or cert}: the key does not belong to the certificate {cert}"
    if key is None and b"PRIVATE KEY" not in Path(cert).read_bytes():
        return f"{cert}: there is no key in it; give its file as &key=FILE"
    for name, mark in ((cert, b"CERTIFICATE-----"), (key or cert, b"PRIVATE KEY-----")):
        if mark not in Path(name).read_bytes():
            return f"{name}: there is no {mark.decode().strip('-').lower()} in it"
    return f"{cert}, {key or cert}: not a certificate and its key: {exc.reason or exc}"


def _in_time(cert: str, server: ssl.SSLContext) -> None:
    """Refuse a certificate that no browser takes any more.

    One that begins in the future is served: a board without a clock of its own starts years ago,
    and its service is not to end for it.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    # The certificate is trusted for itself: its time is all that is asked for.
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        client.load_verify_locations(cafile=cert)
        _shake_hands(client, server)
    except ssl.SSLCertVerificationError as exc:
        if exc.verify_code == _EXPIRED:
            raise SinkError(f"{cert}: the certificate has expired; renew it") from exc
    except ssl.SSLError:
        return  # what else a client may not like is for the client to say


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    """A handshake in memory.

    Raises:
        ssl.SSLError: one side refuses the other.
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(10):
        done = 0
        for side in (asking, answering):
            try:
                side.do_handshake()
                done += 1
            except ssl.SSLWantReadError:
                pass
        if done == 2:
            return
