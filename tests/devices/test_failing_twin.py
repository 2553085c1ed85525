"""A board whose card gives up in the middle of a deployment, and one that lacks a library.

The tests are one story, in the order of the file; a part of `make twin-full`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgenets import zoo
from edgenets.devices.deploy import manage
from edgenets.devices.deploy.deploy import Outcome, deploy
from edgenets.devices.deploy.needs import ServeOptions
from edgenets.devices.deploy.wheelhouse import Supply
from edgenets.devices.keeper.release import Health
from edgenets.devices.twin.twin import Twin
from edgenets.errors import DeviceError
from tests.devices.twins import CONSTRAINTS, running

pytestmark = [pytest.mark.slow, pytest.mark.twin_full]

LIBRARY = "/usr/lib/aarch64-linux-gnu/libportaudio.so.2.0.0"


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    with running("system", "frail", faults=True) as (made,):
        yield made


def put(twin: Twin, threshold: str) -> Outcome:
    serve = ServeOptions(("null:96x96?rate=4",), arguments=("--threshold", threshold),
                    health=Health(5, 20_000.0, 150.0))  # fmt: skip
    return deploy(zoo.load("image-classify"), twin.address(), serve,
                  supply=Supply(CONSTRAINTS), accept_new=True)  # fmt: skip


def test_a_library_that_it_lacks_and_cannot_install(twin: Twin) -> None:
    twin.ssh(f"mv {LIBRARY} /var/tmp && ldconfig")  # of an installed package
    assert "portaudio" not in manage.look(twin.address(), accept_new=True).libraries
    with pytest.raises(DeviceError, match=r"which could not be installed .*it is not there"):
        deploy(zoo.load("kws-gru"), twin.address(), ServeOptions(("mic:default",)),
               supply=Supply(CONSTRAINTS), accept_new=True)  # fmt: skip
    assert twin.ssh("ls /opt").out == ""
    twin.ssh(f"mv /var/tmp/{LIBRARY.rpartition('/')[2]} {LIBRARY} && ldconfig")


def test_a_card_that_fails_while_it_is_deployed_to(twin: Twin) -> None:
    first = put(twin, "0.5")
    assert first.verdict == "kept", first
    twin.sd.fault("write")
    with pytest.raises(DeviceError) as told:
        put(twin, "0.6")
    assert any(w in str(told.value) for w in ("Read-only file system", "Input/output error")), told
    twin.power_cut()
    twin.power_on()  # with a card that works again
    twin.wait()
    assert manage.status(twin.address())["serving"] == first.release
    assert put(twin, "0.6").verdict == "kept"
