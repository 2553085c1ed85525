"""Options of commands that set by streams of sound."""

from __future__ import annotations

import click


class Rate(click.ParamType):  # type: ignore[type-arg]  # only newer ones of click are generic
    """So often an hour: 0.5/h, or 0.5."""

    name = "N/h"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number."""
        try:
            rate = float(str(value).removesuffix("/h"))
        except ValueError:
            self.fail(f"{value!r} is no rate; say 0.5/h", param, ctx)
        if not 0 < rate <= 1e6:
            self.fail(f"{value!r} is no rate of false accepts that could be allowed", param, ctx)
        return rate
