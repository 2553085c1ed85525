"""How a terminal shows an event: in color, or plain."""

from __future__ import annotations

_BAR = 12  # characters of a full score


class Painter:
    """Colors where there are some, and what was last shown of each source."""

    def __init__(self, color: bool) -> None:
        self.color = color
        self._shown: dict[str, str] = {}

    def paint(self, text: str, code: str) -> str:
        """A text in a color, by its number of ECMA-48; a plain one where there are none."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.color else text

    def bar(self, score: float) -> str:
        """A score of 0 to 1 as a bar."""
        return self.paint(f"{'█' * max(1, round(_BAR * score)):<{_BAR}}", "36")

    def is_news(self, source: str, text: str) -> bool:
        """Whether a source shows something else than before; it is remembered."""
        before = self._shown.get(source)
        self._shown[source] = text
        return before != text


def harmless(text: str, keep: str = "") -> str:
    """A text from anywhere, without what would steer a terminal."""
    return "".join(c if c.isprintable() or c in keep else "·" for c in text)
