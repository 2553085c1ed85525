"""What is odd about sound, as notices of a source: each kind once, or a few times of its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from edgenets.sound.check import Finding

from . import SourceNotice

# Files that are named, a kind; of the others the number is said.
_NAMED = {"short": 3, "damaged": 3, "header": 3, "decoder": 3}


class Findings:
    """Makes notices of what was found in the recordings of one source."""

    def __init__(self) -> None:
        self._said: Counter[str] = Counter()
        self._more: dict[str, SourceNotice] = {}

    def notices(self, name: str, found: Iterable[Finding]) -> Iterator[SourceNotice]:
        """What is to be said now of a recording."""
        for finding in found:
            text = f"{name}: {finding.text}"
            self._said[finding.kind] += 1
            if self._said[finding.kind] <= _NAMED.get(finding.kind, 1):
                yield SourceNotice(finding.kind, text, samples=finding.samples)
                continue
            before = self._more.get(finding.kind, SourceNotice(finding.kind, "", 0))
            self._more[finding.kind] = SourceNotice(
                finding.kind, text, before.count + 1, before.samples + finding.samples
            )

    def rest(self) -> Iterator[SourceNotice]:
        """The others, counted, at the end of the source."""
        for kind, last in self._more.items():
            text = f"{last.count:,} more of this kind; the last is {last.text}"
            yield SourceNotice(kind, text, last.count, last.samples)
        self._more.clear()
