"""What any forecast must be held against: the last value, and a linear model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.tasks.series.windows import Real, Windows, pieces, windows_of

# Of the weights' squares, beside the errors': windows of a series are nearly alike.
_RIDGE = 1e-4

_PIECE = 8192  # windows at once


@dataclass(frozen=True)
class Errors:
    """How far forecasts are from what came, in units of the columns' standard deviations."""

    mse: float
    mae: float


class Linear:
    """Each step ahead a weighted sum of the window, both relative to the last reading.

    It is NLinear (Zeng et al. 2023, arXiv:2205.13504), found by least squares and not by descent.
    """

    def __init__(self, weights: NDArray[np.float64]) -> None:
        self._weights = weights  # (window, horizon)

    @classmethod
    def fitted(cls, series: Real, window: int, horizon: int) -> Linear:
        """Fit to all windows of (columns, readings)."""
        squares, products = np.zeros((window, window)), np.zeros((window, horizon))
        every = windows_of(series, 0, series.shape[1], window, horizon)
        for part in pieces(len(every), _PIECE):
            came, following, last = every.came[part], every.following[part], every.last[part]
            x = (came - last).astype(np.float64)
            squares += x.T @ x
            products += x.T @ (following - last)
        ridge = _RIDGE * np.trace(squares) / window * np.eye(window)
        return cls(np.linalg.solve(squares + ridge, products))

    def forecast(self, windows: Windows) -> Real:
        """(windows, horizon)."""
        found: Real = windows.last + ((windows.came - windows.last) @ self._weights).astype(
            np.float32
        )
        return found


def last_value(windows: Windows) -> Real:
    """Nothing changes: (windows, horizon)."""
    return np.broadcast_to(windows.last, windows.following.shape)


def errors(forecast: Real, following: Real) -> Errors:
    """Of all windows and steps ahead together."""
    difference = forecast.astype(np.float64) - following
    return Errors(float(np.mean(difference**2)), float(np.mean(np.abs(difference))))
