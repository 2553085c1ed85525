"""`edgenets selftest`."""

from __future__ import annotations

import click

from edgenets.cli.options import BundleName, emit, json_option, table


@click.command(
    epilog="""\b
Examples:
  edgenets selftest kws-gru
  edgenets selftest mine.edge --json

Exit code 1 when an artifact that can be run here answers its golden sound differently."""
)
@click.argument("bundle", type=BundleName())
@json_option
@click.pass_context
def command(ctx: click.Context, bundle: str, as_json: bool) -> None:
    """Replay a bundle's golden inputs on this machine."""
    from edgenets import records, zoo
    from edgenets.runtime.selftest import selftest

    trials = selftest(zoo.load(bundle))
    ran = [t for t in trials if t.passed is not None]
    passed = bool(ran) and all(t.passed for t in ran)
    if as_json:
        emit({"passed": passed, "trials": [records.to_plain(t) for t in trials]})
    else:
        words = {True: "equal", False: "DIFFERENT", None: "not run"}
        rows = [
            (
                t.id,
                words[t.passed],
                "–" if t.difference is None else f"{t.difference:.2g}",
                f"{t.tolerance:g}",
                t.reason or t.runs_on,
            )
            for t in trials
        ]
        table("", ("artifact", "answers", "difference", "tolerance", "on"), rows)
    ctx.exit(0 if passed else 1)
