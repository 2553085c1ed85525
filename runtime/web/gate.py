"""Who may hold a connection of the page: a listening socket that refuses before asyncio accepts.

uvicorn counts a connection when its first request has been read. Whoever opens sockets and asks
for nothing is never counted, has no time-out, and takes the descriptors that the run needs for
its files and cameras. This is why there is a gate of our own.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# Connections at most, and the share of the process's descriptors that they may be: what is left
# is the run's. A browser needs three: figures, images, and one for what it asks now and then.
_MOST, _SHARE = 96, 8

# Of those, from one address; and in all such as wait for a request: a browser asks at once.
_OF_ONE_ADDRESS, _WAITING, _SHAKING_HANDS = 2, 3, 8  # parts: a half, a third; an eighth over TLS

# A request's head has to come within this time.
HEAD_WITHIN = 10.0  # s

# A viewer that takes nothing of what is sent for so long is let go of; it may come again.
TAKEN_WITHIN = 20.0  # s

# What a viewer does not take waits in the kernel, up to here: what is seen is young, and who
# reads slowly is noticed.
_SEND_BUFFER = 128 << 10  # bytes

# An address may spend so many connections a second: those that it pushes out, and those that it
# closes without having asked for anything. Then it is refused, which costs less than taking a
# connection up. Over TLS each costs about 0.3 MB, which Python lets go of when it looks for cycles.
_SPENT_A_SECOND, _SPENT_OVER_TLS = 100, 15

# So many connections are refused without a look at anything else: viewers are served between.
_AT_ONCE = 64

# Connections that wait in the kernel. Where it can (Linux) it keeps those that have sent nothing
# yet to itself, for a while: they take no descriptor.
_QUEUE = 1024
_SENT_WITHIN = 10  # s

# A peer that has vanished without a word is noticed after so long.
_PROBED_AFTER = 30  # s

_SWEEP = 1.0  # s

_RESET = struct.pack("ii", 1, 0)  # struct linger

_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 22\r\n\r\ntoo many viewers now.\n"
)


def group_of(address: str) -> str:
    """What counts as one address: of IPv6 the network of 64 bits, which one machine may use up."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return str(found)


def most_connections() -> int:
    """How many connections the page may hold, by the process's limit of descriptors."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return _MOST
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else max(6, min(_MOST, soft // _SHARE))


@dataclass(eq=False)
class Connection:
    """One connection that was let in."""

    socket: socket.socket
    group: str
    since: float  # monotonic s: since when no request of it has been in work
    serving: int = 0  # requests in work
    dropped: bool = False
    asked: bool = False  # whether a request of it was ever in work

    @property
    def waits(self) -> bool:
        """Whether it may be pushed out."""
        return not self.serving and not self.dropped


class Gate(socket.socket):
    """A listening socket with limits. All but `refused` belongs to the server's thread."""

    def __init__(self, family: int, most: int | None = None, plain: bool = True) -> None:
        """Make it, unbound.

        Args:
            family: of addresses.
            most: connections in all; None: by the limit of descriptors.
            plain: whether a refusal can be said in HTTP; under TLS it cannot.
        """
        super().__init__(family, socket.SOCK_STREAM)
        self.most = most_connections() if most is None else most
        self.of_one = max(3, self.most // _OF_ONE_ADDRESS)
        self.waiting = max(3, self.most // (_WAITING if plain else _SHAKING_HANDS))
        self.refused: dict[str, int] = {}  # cause → connections
        self.say: Callable[[str, str], None] = lambda kind, text: None
        self._plain = plain
        self._held: dict[tuple[str, int], Connection] = {}
        self._spent: Counter[str] = Counter()  # by address, in this second
        self._second = 0
        self._uncollected = 0  # connections over TLS that ended without a request

    def listen(self, backlog: int = _QUEUE) -> None:
        """As `socket.listen`, with a queue of the gate's own length, whoever calls."""
        with contextlib.suppress(OSError, AttributeError):
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _SENT_WITHIN)
        super().listen(_QUEUE)

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        """The next connection that is let in; as `socket.accept`, not blocking.

        Raises:
            BlockingIOError: there is none now.
        """
        for _ in range(_AT_ONCE):
            made, peer = super().accept()
            group = group_of(peer[0])
            cause = self._let_in(group)
            if cause is None:
                _prepare(made)
                self._held[peer[:2]] = Connection(made, group, time.monotonic())
                return made, peer
            self._count(cause, group)
            if self._plain:
                made.setblocking(False)
                with contextlib.suppress(OSError):
                    made.send(_FULL)
            made.close()
        raise BlockingIOError

    @contextlib.contextmanager
    def serving(self, peer: tuple[str, int] | None) -> Iterator[Connection | None]:
        """A block in which a request of a connection is in work; None: it is not known here."""
        found = self._held.get(peer) if peer is not None else None
        if found is None:
            yield None
            return
        found.serving += 1
        found.asked = True
        try:
            yield found
        finally:
            found.serving -= 1
            found.since = time.monotonic()

    def drop(self, connection: Connection, cause: str) -> None:
        """End a connection; whoever owns its socket notices, and closes it."""
        if not connection.dropped:
            connection.dropped = True
            self._count(cause, connection.group)
            with contextlib.suppress(OSError):  # it is closed already
                # Its close will be a reset: what was not taken is not kept for it.
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                connection.socket.shutdown(socket.SHUT_RDWR)

    async def sweep(self) -> None:
        """Drop what has asked for nothing in time; for as long as it is awaited."""
        while True:
            await asyncio.sleep(_SWEEP)
            now = time.monotonic()
            for connection in self._open():
                if connection.waits and now - connection.since > HEAD_WITHIN:
                    self.drop(connection, "no request in time")
            if self._uncollected >= _SPENT_OVER_TLS:
                # A handshake that failed refers to itself by its own traceback.
                self._uncollected = 0
                gc.collect()

    def _open(self) -> list[Connection]:
        """Connections that are held; what was closed is forgotten."""
        for peer in [p for p, c in self._held.items() if c.socket.fileno() < 0]:
            gone = self._held.pop(peer)
            if not gone.asked:
                self._uncollected += not self._plain
                self._spent[gone.group] += not gone.dropped
        return list(self._held.values())

    def _let_in(self, group: str) -> str | None:
        """None, perhaps after another one was pushed out; or why not."""
        held = self._open()
        if self._has_spent(group):
            return "too many at once"
        # Those that were dropped hold a descriptor until the server has noticed.
        if len(held) >= self.most + self.waiting:
            return "too many connections"
        alive = [c for c in held if not c.dropped]
        own = [c for c in alive if c.group == group]
        if len(own) >= self.of_one:
            return self._push(own, group, "too many of one address")
        waiting = [c for c in alive if c.waits]
        if len(alive) >= self.most or len(waiting) >= self.waiting:
            return self._push(_largest(waiting), group, "too many connections")
        return None

    def _has_spent(self, group: str) -> bool:
        if int(time.monotonic()) != self._second:
            self._second = int(time.monotonic())
            self._spent.clear()
        return self._spent[group] >= (_SPENT_A_SECOND if self._plain else _SPENT_OVER_TLS)

    def _push(self, among: list[Connection], newcomer: str, cause: str) -> str | None:
        """Drop the one that has waited longest; where none waits, the newcomer is refused."""
        oldest = min((c for c in among if c.waits), key=lambda c: c.since, default=None)
        if oldest is None:
            return cause
        self._spent[newcomer] += 1
        self.drop(oldest, cause)
        return None

    def _count(self, cause: str, group: str) -> None:
        self.refused[cause] = self.refused.get(cause, 0) + 1
        self.say(f"gate: {cause}", f"a connection from {group} was refused or dropped: {cause}")


def _largest(waiting: list[Connection]) -> list[Connection]:
    """Those of the address that has the most that wait: nobody pushes out another."""
    crowd = Counter(c.group for c in waiting)
    name = max(crowd, key=lambda group: (crowd[group], group), default="")
    return [c for c in waiting if c.group == name]


def _prepare(made: socket.socket) -> None:
    """Bound what the kernel keeps for a viewer, and have it look for those who vanished."""
    with contextlib.suppress(OSError):
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBED_AFTER)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBED_AFTER // 3)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
