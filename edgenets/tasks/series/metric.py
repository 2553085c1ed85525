"""How a series goes on: squared error of forecasts, absolute error of the next reading."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgenets.metrics import MAE, MSE
from edgenets.tasks.metrics import Answers, same_part


class Forecasts:
    """How a series goes on after an item: mean square error."""

    metric = MSE.name

    def __init__(self, horizon: int) -> None:
        self._horizon = horizon

    def decide(self, answers: Answers) -> Sequence[NDArray[np.float32]]:
        """See `Decisions.decide`."""
        return [item[-1, : self._horizon] for item in answers]

    def score(self, decided: Answers, targets: Answers) -> float:
        """See `Decisions.score`."""
        return float(np.mean((np.stack(decided) - np.stack(targets)) ** 2))

    def agreement(self, decided: Answers, others: Answers) -> float:
        """See `Decisions.agreement`: the equal part of the forecast changes."""
        return same_part(np.stack(decided), np.stack(others))


class NextReadings:
    """What comes next, at every step of an item: mean absolute error."""

    metric = MAE.name

    def decide(self, answers: Answers) -> Sequence[NDArray[np.float32]]:
        """See `Decisions.decide`: an answer's first number is the forecast."""
        return [item[:, 0] for item in answers]

    def score(self, decided: Answers, targets: Answers) -> float:
        """See `Decisions.score`."""
        return float(np.abs(np.concatenate(decided) - np.concatenate(targets)).mean())

    def agreement(self, decided: Answers, others: Answers) -> float:
        """See `Decisions.agreement`: the part of the values that is the same."""
        return same_part(np.concatenate(decided), np.concatenate(others))
