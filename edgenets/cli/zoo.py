"""`edgenets zoo`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgenets.cli.options import emit, json_option, several, size, table

if TYPE_CHECKING:
    from edgenets.bundle import Bundle


@click.command(
    epilog="""\b
Examples:
  edgenets zoo
  edgenets run kws-gru mic:default      # a shipped bundle, by its name
  edgenets train kws-gru --data DATA    # a shipped recipe, by its name"""
)
@json_option
def command(as_json: bool) -> None:
    """List the recipes and bundles that come with edgenets."""
    from edgenets import recipe, zoo

    recipes = {name: recipe.load_recipe(name) for name in recipe.shipped()}
    bundles = {name: zoo.load(name) for name in zoo.shipped()}
    verified = {name: b.best() for name, b in bundles.items()}
    if as_json:
        emit(
            {
                "recipes": [{"name": n, "description": r.description} for n, r in recipes.items()],
                "bundles": [
                    {
                        "name": n,
                        "labels": list(b.spec.labels),
                        "bytes": b.path.stat().st_size,
                        "artifacts": [a.id for a in b.artifacts],
                        "task": b.spec.task,
                        "metric": b.metric.name,
                        "verified": verified[n],
                        "path": str(b.path),
                    }
                    for n, b in bundles.items()
                ],
            }
        )
        return
    table("Recipes", ("name", "what it makes"), [(n, r.description) for n, r in recipes.items()])
    rows = [
        (
            name,
            several(b.spec.reported) or b.spec.task,
            _figure(b, verified[name]),
            size(b.path.stat().st_size),
            str(len(b.artifacts)),
        )
        for name, b in bundles.items()
    ]
    table("Bundles", ("name", "labels", "verified", "size", "artifacts"), rows)


def _figure(bundle: Bundle, value: float | None) -> str:
    """The best verified figure, and of what where that does not go without saying."""
    if value is None:
        return "–"
    metric = bundle.metric
    return metric.shown(value) if metric.share else f"{metric.shown(value)} {metric.name}"
