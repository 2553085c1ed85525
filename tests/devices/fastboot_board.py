"""A bootloader that speaks fastboot over TCP, as a Coral Dev Board's does over USB.

The protocol is Android's, version 1: `FB01` from both sides, then messages of a length in eight
bytes and its bytes. The real program `fastboot` talks to it.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class FastbootBoard:
    """What it was told, what it keeps, and what it refuses."""

    def __init__(self, **variables: str) -> None:
        self.variables = {"version": "0.4", "max-download-size": "0x1000000", **variables}
        self.partitions: dict[str, bytes] = {}
        self.told: list[str] = []
        self.refuses: dict[str, str] = {}  # command → why
        self.falls_silent_at = ""  # a command after which it says nothing any more
        self._server = socket.create_server(("127.0.0.1", 0))
        self.serial = f"tcp:127.0.0.1:{self._server.getsockname()[1]}"
        self._staged = b""
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @contextmanager
    def running(self) -> Iterator[FastbootBoard]:
        self._thread.start()
        try:
            yield self
        finally:
            self._stop()
            self._server.close()
            self._thread.join(10)

    def _stop(self) -> None:
        with suppress(OSError):  # it was stopped before
            self._server.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                connection.settimeout(20)
                with connection, suppress(ConnectionError):
                    connection.sendall(b"FB01")
                    _exactly(connection, 4)
                    while self._answer(connection, _receive(connection).decode()):
                        pass

    def _answer(self, connection: socket.socket, command: str) -> bool:
        """Do as told; whether the connection goes on."""
        name, _, rest = command.partition(":")
        if name != "getvar":
            self.told.append(command)
        if self.falls_silent_at and command.startswith(self.falls_silent_at):
            self._stop()
            # As over USB: an error at the other end, and not an orderly end of the line.
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return False
        if command in self.refuses:
            _send(connection, f"FAIL{self.refuses[command]}")
        elif name == "getvar":
            known = self.variables.get(rest)
            _send(connection, "FAILno such variable" if known is None else f"OKAY{known}")
        elif name == "download":
            _send(connection, f"DATA{rest}")
            self._staged = b""
            while len(self._staged) < int(rest, 16):
                self._staged += _receive(connection)
            _send(connection, "OKAY")
        elif name == "flash":
            self.partitions[rest] = self._staged
            _send(connection, "OKAY")
        elif name == "erase":
            self.partitions.pop(rest, None)
            _send(connection, "OKAY")
        else:
            _send(connection, "OKAY")
            return not name.startswith("reboot")
        return True


def _send(connection: socket.socket, text: str) -> None:
    connection.sendall(struct.pack(">Q", len(text)) + text.encode())


def _receive(connection: socket.socket) -> bytes:
    (length,) = struct.unpack(">Q", _exactly(connection, 8))
    return _exactly(connection, length)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        if not (piece := connection.recv(min(count - len(data), 1 << 16))):
            raise ConnectionError
        data += piece
    return data
