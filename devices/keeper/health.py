"""Health: a release gives its golden outputs, then so many live inferences within their bound."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import time
from typing import Any

from . import environment, service
from .errors import Unhealthy
from .layout import USER, Home
from .release import BUNDLE, Release

# Loading three interpreters and replaying a second of sound, on the slowest board.
_GOLDEN_PATIENCE = 600.0  # s

# How often the service's figures are looked at; it writes them once a second.
_INTERVAL = 0.5  # s

# A service that ended this often of itself will not hold.
_MOST_RESTARTS = 3


def golden(home: Home, release: Release) -> str:
    """Have the release's bundle answer its golden inputs, in its own environment, as the service.

    Returns:
        the artifacts that did.

    Raises:
        Unhealthy: an artifact answers differently, or nothing of it runs on this board.
    """
    bundle = home.release(release.id) / BUNDLE
    command = [
        str(environment.python_of(home, release)),
        "-m",
        "edgenets.cli.main",
        "selftest",
        str(bundle),
        "--json",
    ]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    variables |= {"HOME": "/nonexistent", "PYTHONPATH": str(environment.code_of(home, release))}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=_GOLDEN_PATIENCE,
            cwd="/",
            env=variables,
            **_user(),
        )
    except subprocess.TimeoutExpired:
        raise Unhealthy(f"golden outputs: none after {_GOLDEN_PATIENCE:.0f} s") from None
    except OSError as exc:
        raise Unhealthy(f"golden outputs: {exc}") from exc
    try:
        answer = json.loads(done.stdout)
        trials = answer.get("trials", [])
        error = answer.get("error")
    except (ValueError, AttributeError):
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = said[-1] if said else f"its process ended with {done.returncode}"
        raise Unhealthy(f"golden outputs: {why}") from None
    if error:
        raise Unhealthy(f"golden outputs: {error}")
    for trial in trials:
        if trial["passed"] is False:
            why = trial["reason"] or f"{trial['difference']:.3g} from what they must be"
            raise Unhealthy(f"golden outputs: {trial['id']}: {why}")
    ran = [trial["id"] for trial in trials if trial["passed"]]
    if not ran:
        reasons = "; ".join(sorted({t["reason"] for t in trials}))
        raise Unhealthy(f"golden outputs: no artifact runs here: {reasons}")
    return ", ".join(ran)


def live(home: Home, release: Release, started: float) -> str:
    """Wait until the service has made its inferences on its live source within their bound.

    Args:
        started: time.monotonic() at which the service was started.

    Returns:
        what was measured.

    Raises:
        Unhealthy: it ends, gives none, too few, or too slow ones.
    """
    health, found = release.health, None
    if not health.inferences:
        return _comes_up(health.patience, started)
    while time.monotonic() - started < health.patience:
        _refuse_restarts()
        found = status(home, release.id) or found
        if found is not None and found["inferences"] >= health.inferences:
            p95 = found["latency_ms"]["p95"]
            if p95 <= health.latency_ms:
                return f"{found['inferences']} inferences, p95 {p95:.1f} ms"
        time.sleep(_INTERVAL)
    waited = f"after {health.patience:.0f} s"
    if found is None:
        raise Unhealthy(
            f"the service was not up {waited}: {service.last_words() or 'it is silent'}"
        )
    if found["inferences"] < health.inferences:
        why = found.get("problem") or "its source gives nothing"
        raise Unhealthy(f"{found['inferences']} of {health.inferences} inferences {waited}: {why}")
    p95 = found["latency_ms"]["p95"]
    raise Unhealthy(
        f"inferences are too slow: p95 {p95:.0f} ms, and the bound is {health.latency_ms:.0f} ms"
    )


def status(home: Home, id: str) -> dict[str, Any] | None:
    """What the service says of itself; None while that is not the release that is meant."""
    try:
        found = json.loads(home.status.read_bytes())
        if found["release"] != id or str(found["pid"]) != service.show().get("MainPID"):
            return None
        float(found["latency_ms"]["p95"] or 0), int(found["inferences"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(found)


def _comes_up(patience: float, started: float) -> str:
    """For a release whose source may give nothing for days: its service runs, and stays."""
    settled = 0
    while time.monotonic() - started < patience:
        _refuse_restarts()
        settled = settled + 1 if service.show().get("ActiveState") == "active" else 0
        if settled * _INTERVAL >= 5:
            return "the service runs"
        time.sleep(_INTERVAL)
    raise Unhealthy(f"the service was not up after {patience:.0f} s: {service.last_words()}")


def _refuse_restarts() -> None:
    restarts = service.show().get("NRestarts", "0")
    if restarts.isdigit() and int(restarts) >= _MOST_RESTARTS:
        raise Unhealthy(f"the service ended {restarts} times: {service.last_words()}")


def _user() -> dict[str, Any]:
    """As whom the golden inputs are answered: as the service, where this is root."""
    if os.geteuid():
        return {}
    try:
        found = pwd.getpwnam(USER)
    except KeyError:
        return {}
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
