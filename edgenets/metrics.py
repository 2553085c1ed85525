"""What tasks are measured by: how a figure is shown, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One figure of merit."""

    name: str
    share: bool = True  # of a whole, 0…1, shown in parts of a hundred; else a number
    lower: bool = False  # whether less is better

    def shown(self, value: float) -> str:
        """A value for people."""
        return f"{value:.2%}" if self.share else f"{value:.4g}"

    def change(self, loss: float) -> str:
        """What a loss is for people: points of a share, or how the number changed."""
        if self.share:
            return f"{_signed(-100 * loss)} points"
        return f"{_signed(100 * loss if self.lower else -100 * loss)} %"

    def loss(self, reference: float, found: float) -> float:
        """What is lost from the reference to what was found: points of a share, else a part of it.

        Half a point of accuracy and two parts in a hundred of an error are what a gate speaks of.
        """
        lost = found - reference if self.lower else reference - found
        return lost if self.share else lost / max(abs(reference), 1e-12)


def _signed(value: float) -> str:
    text = f"{value:+.2f}".replace("-", "−")
    return "±0.00" if text in ("+0.00", "−0.00") else text


NATS = Metric("nats a token", share=False, lower=True)
MSE = Metric("MSE", share=False, lower=True)
MAE = Metric("MAE", share=False, lower=True)
BLEU = Metric("BLEU", share=False)

# By name; whatever is not here is a share of which more is better.
METRICS = {metric.name: metric for metric in (NATS, MSE, MAE, BLEU)}


def metric_of(name: str) -> Metric:
    """The metric of a name, as reports and run folders hold it."""
    return METRICS.get(name) or Metric(name)
