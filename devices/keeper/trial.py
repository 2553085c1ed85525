"""The switch to another release, and the way back.

    1  golden outputs, while the old release serves
    2  `state.json`: this is being tried, that served before
    3  `current` is moved; from here the new release serves, also after a cut
    4  live inferences
    5  `state.json`: kept — or: failed, then `current` is moved back

Steps 3 to 5 are the guard's, whom systemd starts at every boot and again when it is killed. Each
can be done twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from . import disk, environment, health, objects, service
from . import release as releases
from . import state as states
from .errors import KeeperError, Unhealthy
from .layout import NOTHING, Home

# A board whose power comes and goes is no fault of the release: only after so many starts in a row
# that ended out of order, before there was a verdict, is the old one taken back; the release may
# then be tried again. A release that crashes the whole board is got rid of by this.
MOST_BOOTS = 10

Say = Callable[[str], None]


def begin(home: Home, id: str, say: Say) -> bool:
    """Steps 1 and 2.

    Returns:
        False: the release serves already, and nothing is to do.

    Raises:
        KeeperError: another trial is under way, or the release is not whole.
        Unhealthy: it does not give its golden outputs; the old release was not touched.
    """
    state = states.load(home)
    if state.trial is not None:
        raise KeeperError(f"release {state.trial.release} is being tried just now")
    release = releases.load(home, id)
    if home.serving() == id:
        return False
    check(home, release)
    say("golden outputs")
    try:
        ran = health.golden(home, release)
    except Unhealthy as exc:
        state.failed[id] = str(exc)
        state.note("refused", id, str(exc))
        states.save(home, state)
        raise
    state.trial = states.Trial(id, home.serving())
    state.note("trial", id, f"golden outputs of {ran}")
    states.save(home, state)
    return True


def go_on(home: Home, say: Say) -> bool | None:
    """Steps 3 to 5, or what is left of them.

    Returns:
        True: the release was kept. False: the one before serves again. None: there is no trial.
    """
    state = states.load(home)
    trial = state.trial
    if trial is None:
        return None
    again = states.boot_id() in trial.boots
    if not again:
        trial.boots.append(states.boot_id())
        states.save(home, state)
    if trial.failed is None and len(trial.boots) > MOST_BOOTS:
        trial.failed = (
            f"no verdict: the board was started {MOST_BOOTS} times while it was being tried"
        )
    if trial.failed is None:
        try:
            release = releases.load(home, trial.release)
            if again or len(trial.boots) == 1 or home.serving() != trial.release:
                _serve(home, trial.release)
            say("live inferences")
            found = health.live(home, release, time.monotonic())
        except KeeperError as exc:
            trial.failed = str(exc)
        else:
            state.previous, state.trial = trial.previous, None
            state.newest = max(state.newest, release.number)
            state.failed.pop(trial.release, None)
            state.note("kept", trial.release, found)
            states.save(home, state)
            return True
    states.save(home, state)
    _go_back(home, state, trial, say)
    return False


def ended_in_order(home: Home) -> None:
    """The board is being shut down in the middle of a trial: that start does not count."""
    state = states.load(home)
    if state.trial is not None and states.boot_id() in state.trial.boots:
        state.trial.boots.remove(states.boot_id())
        states.save(home, state)


def roll_back(home: Home, say: Say) -> str:
    """Take up the release before this one, at once; it held when it was last served.

    Returns:
        its id.

    Raises:
        KeeperError: there is none.
    """
    state = states.load(home)
    if state.trial is not None:
        raise KeeperError(f"release {state.trial.release} is being tried just now")
    serving, previous = home.serving(), state.previous
    if previous is None:
        raise KeeperError("there is no release before this one")
    check(home, releases.load(home, previous))
    state.previous = serving
    state.note("rolled back", previous, f"from {serving}, as asked")
    # The other way round a cut would leave a state whose `previous` serves: harmless, but untrue.
    _serve(home, previous)
    states.save(home, state)
    say(f"{previous} serves")
    return previous


def _go_back(home: Home, state: states.State, trial: states.Trial, say: Say) -> None:
    assert trial.failed is not None
    if trial.previous is not None:
        say(f"{trial.failed}; going back to {trial.previous}")
        _serve(home, trial.previous)
    else:
        say(f"{trial.failed}; there was no release before")
        service.stop()
        disk.point(home.current, f"releases/{NOTHING}")
        service.reload()
    state.trial = None
    if not trial.failed.startswith("no verdict"):
        state.failed[trial.release] = trial.failed
    state.note("went back", trial.release, trial.failed)
    states.save(home, state)


def _serve(home: Home, id: str) -> None:
    disk.point(home.current, f"releases/{id}")
    service.reload()
    service.restart()


def check(home: Home, release: releases.Release) -> None:
    """That a release is whole.

    Raises:
        KeeperError: it is not.
    """
    if not environment.is_complete(home, release):
        raise KeeperError(f"release {release.id}: its environment is not whole; deploy it again")
    bundle = home.release(release.id) / releases.BUNDLE
    if not bundle.exists() or objects.digest(bundle) != release.bundle:
        raise KeeperError(f"release {release.id}: its bundle is damaged; deploy it again")
