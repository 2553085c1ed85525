"""False accepts an hour and recall of shipped keyword bundles, before and after `calibrate`.

    python -m tests.benchmarks.streams [SHARED] [BUNDLE…]

Negatives are people's sentences and other people's wake words, one half to set thresholds by and
the other half to judge by. Words are those of Speech Commands: the speakers that validated to set
by, those that tested to judge by; training heard neither. On two cores it takes about 5 minutes.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from edgenets import zoo
from edgenets.runtime.calibrate import calibrate
from edgenets.runtime.evaluate import listen
from edgenets.sound import audio
from edgenets.spec import spec_as
from edgenets.tasks.keywords.clips import find_clips, split_of
from edgenets.tasks.keywords.spec import KeywordSpec
from edgenets.tasks.task import Streams

PER_HOUR = 1.0


def halves(shared: Path, folder: Path) -> tuple[Path, Path]:
    """Links to every other recording of people who say none of the ten words."""
    roots = [shared / "data" / name for name in ("spoken_commands", "wake_words")]
    every = (p for root in roots for p in root.rglob("*"))
    found = sorted(p for p in every if p.suffix in audio.SUFFIXES)
    made = folder / "set", folder / "judged"
    for number, path in enumerate(found):
        place = made[number % 2] / f"{number:05}{path.suffix}"
        place.parent.mkdir(exist_ok=True)
        place.symlink_to(path.resolve())
    return made


def words(shared: Path, spec: KeywordSpec, folder: Path) -> tuple[Path, Path]:
    """Links to the recordings of the speakers that validated, and of those that tested."""
    made = {"validation": folder / "validation", "test": folder / "test"}
    for clip in find_clips(shared / "data" / "speech_commands", spec.reported):
        split = split_of(clip, spec.split.validation, spec.split.test)
        if split in made:
            place = made[split] / clip.label / clip.path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(clip.path.resolve())
    return made["validation"], made["test"]


def main(shared: Path, names: list[str]) -> None:
    for name in names:
        bundle = zoo.load(name)
        with tempfile.TemporaryDirectory(prefix="edgenets-") as place:
            folder = Path(place)
            to_set, to_judge = halves(shared, folder)
            validated, tested = words(shared, spec_as(bundle.spec, KeywordSpec), folder)
            out = folder / "set.edge"
            calibrate(bundle, Streams((to_set,), (validated,)), PER_HOUR, out)
            judged = Streams((to_judge,), (tested,))
            for what, one in (("as shipped", bundle), ("calibrated", zoo.load(out))):
                print(f"{name} {what}: {listen(one, judged).result.line}", flush=True)


if __name__ == "__main__":
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared")
    main(root, sys.argv[2:] or ["kws-gru", "kws-dscnn"])
