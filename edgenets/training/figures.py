"""Images of a training: curves and the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets.extras import require
from edgenets.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, BLUE, ORANGE = "#1f2933", "#2563eb", "#ea580c"


def new_figure(width: float, height: float) -> Figure:
    """A figure with this project's plain look, independent of any global state."""
    require("matplotlib")
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=110, layout="constrained")


def finish(axes: Axes, x: str, y: str = "", legend: bool = True) -> None:
    """Name the axes, and leave out what frames them."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    if legend:
        axes.legend(frameon=False, fontsize=8)


def curves(
    loss: Sequence[float],
    found: Sequence[float],
    path: Path,
    name: str = "validation accuracy, %",
    scale: float = 100,
) -> None:
    """Training loss, and what was found on the validation split times `scale`, against epochs."""
    figure = new_figure(7, 3.2)
    left = figure.subplots()
    epochs = np.arange(1, len(loss) + 1)
    left.plot(epochs, loss, color=BLUE)
    left.set_xlabel("epoch")
    left.set_ylabel("training loss", color=BLUE)
    left.spines[["top"]].set_visible(False)
    right = left.twinx()
    right.plot(epochs, np.asarray(found) * scale, color=ORANGE)
    right.set_ylabel(name, color=ORANGE)
    right.spines[["top"]].set_visible(False)
    with replacing(path) as beside:
        figure.savefig(beside)


def confusion(matrix: NDArray[np.int64], labels: Sequence[str], path: Path) -> None:
    """The confusion matrix, rows normalized, counts written in."""
    figure = new_figure(0.55 * len(labels) + 2, 0.5 * len(labels) + 1.6)
    axes = figure.subplots()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("decided")
    axes.set_ylabel("spoken")
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            color = "white" if share[row, column] > 0.5 else INK
            axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=8)
    with replacing(path) as beside:
        figure.savefig(beside)


def confusion_matrix(
    targets: NDArray[np.int64], decided: NDArray[np.int64], labels: int
) -> NDArray[np.int64]:
    """Counts, (labels, labels): row the truth, column the decision."""
    matrix = np.zeros((labels, labels), dtype=np.int64)
    np.add.at(matrix, (targets, decided), 1)
    return matrix
