"""`deploy`: a bundle to a board, until it was seen to work there, or the board is as it was."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edgenets.bundle import Bundle
from edgenets.errors import DeployFailed, DeviceError, EdgenetsError
from edgenets.extras import require

from ..address import Address
from ..board import of_model
from ..keeper.release import Release
from ..place import of_machine
from ..remote import Remote, connect
from . import needs
from .compose import compose, service_of
from .keeping import STAGE_TIMEOUT, Keeper, Status
from .machine import Machine, probe
from .wheelhouse import Supply

# The board's guard has its own patience; this is for a board that fell silent.
_GRACE = 180.0  # s
_POLL = 1.0  # s

# Lists of packages over a slow line.
_PACKAGE_TIMEOUT = 600.0  # s

# Boards that are deployed to at the same time: their wheels are chosen and sent by this machine.
_AT_ONCE = 8

Verdict = Literal["kept", "unchanged", "went back", "refused", "failed"]


@dataclass(frozen=True)
class Outcome:
    """What became of one board."""

    address: str
    verdict: Verdict
    release: str | None  # that was to be deployed
    serving: str | None  # that serves now, as far as is known
    reason: str  # what was measured, or why not
    sent_bytes: int = 0
    seconds: float = 0.0

    @property
    def well(self) -> bool:
        """Whether the release that was requested serves."""
        return self.verdict in ("kept", "unchanged")


@dataclass
class Observer:
    """Who wants to know how it goes."""

    say: Callable[[str], None] = lambda _: None
    progress: Callable[[int, int], None] = field(default=lambda _, __: None)


def deploy(
    bundle: Bundle, address: Address, serve: needs.ServeOptions | None = None, *,
    supply: Supply | None = None, accept_new: bool = False, observer: Observer | None = None,
) -> Outcome:  # fmt: skip
    """Deploy a bundle to one board.

    Args:
        serve: how it is to be run there.
        supply: where the wheels come from.
        accept_new: trust a board that was never seen.

    Returns:
        what beit came to; a release that does not hold is no exception but a verdict.

    Raises:
        DeviceError: the board is not reached, or lacks what is needed. It was not changed.
    """
    bundle.check()
    work = _deploy(bundle, address, serve or needs.ServeOptions(), supply or Supply(), accept_new,
                   observer or Observer())  # fmt: skip
    return asyncio.run(work)


def deploy_all(
    bundle: Bundle,
    addresses: Sequence[Address],
    serve: needs.ServeOptions | None = None,
    *,
    supply: Supply | None = None,
    accept_new: bool = False,
    observer: Callable[[Address], Observer] = lambda _: Observer(),
) -> list[Outcome]:
    """Deploy a bundle to several boards, some at once; what fails on one stops no other.

    Args:
        observer: who wants to know how it goes with a board.

    Returns:
        what became of each, in their order.

    Raises:
        BundleError: the bundle is damaged.
    """
    bundle.check()
    require("asyncssh")

    async def one(address: Address, gate: asyncio.Semaphore) -> Outcome:
        async with gate:
            try:
                return await _deploy(bundle, address, serve or needs.ServeOptions(),
                                     supply or Supply(), accept_new,
                                     observer(address))  # fmt: skip
            except EdgenetsError as exc:
                reason = str(exc).removeprefix(f"{address}: ")
                return Outcome(str(address), "failed", None, None, reason)

    async def every() -> list[Outcome]:
        gate = asyncio.Semaphore(_AT_ONCE)
        return list(await asyncio.gather(*(one(address, gate) for address in addresses)))

    return asyncio.run(every())


async def _deploy(
    bundle: Bundle,
    address: Address,
    serve: needs.ServeOptions,
    supply: Supply,
    accept_new: bool,
    observer: Observer,
) -> Outcome:
    started = time.monotonic()

    def outcome(verdict: Verdict, serving: str | None, reason: str, sent: int = 0) -> Outcome:
        seconds = time.monotonic() - started
        return Outcome(str(address), verdict, release.id, serving, reason, sent, seconds)

    async with connect(address, accept_new=accept_new) as remote:
        machine = await probe(remote)
        place = of_machine(machine, of_model(machine.model), supply.own_python())
        service = service_of(bundle, serve, place, str(address))
        observer.say(
            f"{machine.model}, {machine.system}, {machine.cores} cores, "
            f"{machine.memory_mb} MB, {place.kind}"
        )
        if "mic" in service.extras:
            await _bring_portaudio(remote, machine, observer.say)
        with tempfile.TemporaryDirectory() as folder:
            release, objects = await asyncio.to_thread(
                compose, service, supply, Path(folder), observer.say
            )
            keeper = Keeper(remote, place.interpreter)
            if place.own is not None:
                await keeper.bring(place.own, observer.progress)
            if await keeper.install(machine.keeper):
                observer.say("the keeper was installed")
            before = await keeper.status()
            if before["serving"] == release.id and before["trial"] is None and before["whole"]:
                return outcome("unchanged", release.id, "this release serves already")
            broken = before["serving"] is not None and not before["whole"]
            sent = await keeper.send(objects, observer.progress, verify=broken)
        observer.say(f"sent {sent / 1e6:.1f} MB" if sent else "the board has all it needs already")
        staged = await keeper.ask("stage", data=release.plain(), timeout=STAGE_TIMEOUT)
        if staged["environment"]:
            observer.say("its environment was made")
        try:
            await keeper.ask("activate", release.id, timeout=STAGE_TIMEOUT)
        except DeployFailed as exc:
            reason = str(exc).removeprefix(f"{address}: ")
            return outcome("refused", before["serving"], reason, sent)
    observer.say("on trial: live inferences")
    verdict, status = await _await_verdict(address, release, place.interpreter)
    reason = status["log"][-1]["text"] if status["log"] else ""
    return outcome(verdict, status["serving"], reason, sent)


async def _bring_portaudio(remote: Remote, machine: Machine, say: Callable[[str], None]) -> None:
    """The one library that a microphone needs and no wheel for Linux brings.

    Raises:
        DeviceError: it is not there, and the board cannot install it.
    """
    if "portaudio" in machine.libraries:
        return
    say("installing libportaudio2 by the board's own package manager")
    # A package that is installed but whose file is gone is none: the linker has the last word.
    command = (
        "export DEBIAN_FRONTEND=noninteractive; apt-get update -qq; "
        "apt-get install -y -qq --no-install-recommends libportaudio2 >/dev/null || exit; "
        "ldconfig -p | grep -q libportaudio || { echo 'it is not there afterwards' >&2; exit 1; }"
    )
    done = await remote.root(command, timeout=_PACKAGE_TIMEOUT, check=False)
    if done.code:
        raise DeviceError(
            f"{remote.address}: a microphone needs PortAudio, which could not be installed "
            f"({done.reason}). On the board, with a network: apt-get install libportaudio2"
        )


async def _await_verdict(address: Address, release: Release, python: str) -> tuple[Verdict, Status]:
    """Ask until the guard has ended the trial; a line that breaks is joined again."""
    until = time.monotonic() + release.health.patience + _GRACE
    last: DeviceError | None = None
    while time.monotonic() < until:
        try:
            async with connect(address) as remote:
                keeper = Keeper(remote, python)
                while time.monotonic() < until:
                    status = await keeper.status()
                    if status["trial"] is None:
                        with suppress(DeviceError):  # the verdict stands without
                            await keeper.ask("clean")
                        kept = status["serving"] == release.id
                        return "kept" if kept else "went back", status
                    await asyncio.sleep(_POLL)
        except DeviceError as exc:
            last = exc
            await asyncio.sleep(_POLL)
    raise DeviceError(
        f"{address}: no verdict was learned; the board ends the trial by itself "
        f"({last or 'it is still under way'})"
    )
