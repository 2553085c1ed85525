"""How a bundle is run; a task takes what it has a use for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgenets.tasks.series.tableformat import TableFormat
    from edgenets.tasks.speech.ctc import Grammar
    from edgenets.tasks.vision.zones import Scene


@dataclass(frozen=True)
class RunOptions:
    """None: as the model has it. Which of them a task uses is its `run_options`."""

    seconds: float | None = None  # end after this long
    scene: Scene | None = None  # images: zones, lines and labels to report
    grammar: Grammar | None = None  # speech: what may be said
    suggestions: int = 3  # language: words after each line
    every: int | None = None  # series: report every so many readings
    beam: int | None = None  # translation: beam width; 1: greedy
    table: TableFormat | None = None  # series: how lines are to be read
