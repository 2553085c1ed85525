"""Figures for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgenets.extras import require

from .state import State


def exposition(state: State) -> tuple[bytes, str]:
    """All figures of now, and the type of the text."""
    prometheus = require("prometheus_client")
    registry = prometheus.CollectorRegistry(auto_describe=False)
    registry.register(_Collector(state))
    return prometheus.generate_latest(registry), prometheus.CONTENT_TYPE_LATEST


class _Collector:
    """Makes families of one snapshot."""

    def __init__(self, state: State) -> None:
        self._state = state

    def collect(self) -> Iterator[Any]:
        core: Any = require("prometheus_client.core")
        found = self._state.snapshot()
        counter, gauge = core.CounterMetricFamily, core.GaugeMetricFamily
        yield counter("edgenets_results", "Images looked at.", value=found["results"])
        dropped = counter("edgenets_dropped", "Images dropped.", labels=["cause"])
        for cause, count in found["dropped"].items():
            dropped.add_metric([cause], count)
        yield dropped
        # Dashboards of before have the second name.
        for name in ("edgenets_notices", "edgenets_remarks"):
            notices = counter(name, "Events of sources.", labels=["kind"])
            for kind, count in found["notices"].items():
                notices.add_metric([kind], count)
            yield notices
        refused = counter(
            "edgenets_web_refused", "Connections of the page refused or dropped.", labels=["cause"]
        )
        for cause, count in list(self._state.refused.items()):
            refused.add_metric([cause], count)
        yield refused
        objects = counter("edgenets_objects", "Objects found.", labels=["label"])
        for label, count in found.get("counts", {}).items():
            objects.add_metric([_written(label)], count)
        yield objects
        rate = gauge("edgenets_rate", "Images a second, of late.", labels=["source"])
        age = gauge(
            "edgenets_age_seconds",
            "From capture to result, of late.",
            labels=["source", "quantile"],
        )
        for source in found["sources"]:
            rate.add_metric([_written(source["name"])], source["rate"])
            age.add_metric([_written(source["name"]), "0.5"], source["age_ms_p50"] / 1e3)
            age.add_metric([_written(source["name"]), "0.95"], source["age_ms_p95"] / 1e3)
        yield rate
        yield age
        machine = found["machine"]
        memory = 1e6 * machine["memory_mb"]
        yield gauge("edgenets_memory_bytes", "Resident memory of the process.", value=memory)
        yield gauge(
            "edgenets_cpu_ratio",
            "Cores that the process keeps busy.",
            value=machine["cpu_percent"] / 100,
        )
        if machine["temperature"] is not None:
            yield gauge(
                "edgenets_temperature_celsius",
                "Of the hottest part.",
                value=machine["temperature"],
            )


def _written(name: str) -> str:
    """A name as UTF-8 has it: a file's need not be text."""
    return name.encode("utf-8", "backslashreplace").decode()
