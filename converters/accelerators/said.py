"""What an accelerator's compiler says of what it made."""

from __future__ import annotations

from dataclasses import dataclass

MAPPED = "Mapped to Edge TPU"


@dataclass(frozen=True)
class Share:
    """Operators of one kind that fared alike."""

    operator: str  # as TFLite calls it: CONV_2D
    count: int
    status: str  # in the compiler's words

    @property
    def mapped(self) -> bool:
        """Whether they run on the Edge TPU."""
        return self.status == MAPPED


@dataclass(frozen=True)
class Said:
    """What a compiler said of what it made."""

    version: str = ""
    shares: tuple[Share, ...] = ()
    on_chip: int | None = None  # bytes of weights that are kept there
    off_chip: int | None = None  # bytes of weights that are sent at every inference
    parts: int | None = None  # of the graph that run there

    @property
    def mapped(self) -> int:
        """How many operators run on the Edge TPU."""
        return sum(s.count for s in self.shares if s.mapped)

    @property
    def every(self) -> int:
        """How many there are."""
        return sum(s.count for s in self.shares)

    def __str__(self) -> str:
        if not self.shares:
            return "compiled on another machine; no log of it was given"
        text = f"by version {self.version or 'unknown'}: {self.mapped} of {self.every} operators"
        if self.off_chip:
            text += f", {self.off_chip / 1e6:.1f} MB of weights sent at every inference"
        return text
