"""`edgenets train`."""

from __future__ import annotations

from pathlib import Path

import click

from edgenets.cli.options import AnyData, AnyPath, columns_option, emit, json_option
from edgenets.cli.training import (
    change_options,
    negatives_option,
    recipe_of,
    start_option,
    teacher_options,
)


@click.command(
    epilog="""\b
Examples:
  edgenets train kws-gru --data speech_commands
  edgenets train my-recipe.toml --data recordings --out runs/mine --seed 7
  edgenets train image-classify --data photos --name parts --set schedule.epochs=40

Keywords: one folder a label, each with .wav, .flac or .mp3 files; `_unknown_` and `_silence_` are
labels too; files named SPEAKER_nohash_N are split by speaker. Speech: transcripts.tsv, names that
say what is said, or folders that do. Language: a text file. Texts: LABEL.txt, a text a line, or a
table of CSV, TSV or JSON lines. An interrupted training goes on where it stopped when the same
command is given again."""
)
@click.argument("recipe")
@click.option("--data", required=True, type=AnyData, help="Recordings, images or texts.")
@click.option("--out", type=AnyPath, help="Run folder.  [default: runs/RECIPE]")
@click.option("--seed", type=click.IntRange(0), help="Another seed than the recipe's.")
@click.option("--epochs", type=click.IntRange(1), help="Another length than the recipe's.")
@change_options
@columns_option
@negatives_option
@start_option
@teacher_options
@json_option
def command(
    recipe: str,
    data: Path,
    out: Path | None,
    seed: int | None,
    epochs: int | None,
    changes: tuple[tuple[str, str], ...],
    name: str | None,
    columns: tuple[str, ...] | None,
    negatives: tuple[Path, ...],
    start: str | None,
    teacher: str | None,
    unlabeled: Path | None,
    as_json: bool,
) -> None:
    """Train a recipe's model on recordings, images, text or tables.

    RECIPE is a TOML file, or the name of a shipped recipe (`edgenets recipe list`).
    """
    from edgenets import progress
    from edgenets.training.train import train

    found = recipe_of(recipe, columns, negatives, start, changes, name, (teacher, unlabeled))
    if seed is not None:
        found = found.with_seed(seed)
    if epochs is not None:
        found = found.with_epochs(epochs)
    folder = out or Path("runs") / found.name
    run = train(found, data, folder, progress.for_stderr())
    if as_json:
        emit({"run": str(run.folder), **run.metrics})
        return
    click.echo(
        f"{run.folder}: {run.metrics['parameters']:,} parameters, {run.judged} {run.headline}\n"
        f"Next: edgenets convert {run.folder} --data {data}"
    )
