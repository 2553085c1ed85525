"""An image in, findings out: preprocessing → session → decoding.

This is the hot loop of vision. The image is written straight into the model's
input, and what the model answers is read where it stands.
"""

from __future__ import annotations

import time
from collections import deque

import numpy as np

from edgenets.backend import Session
from edgenets.tasks.vision.decode import decoder
from edgenets.tasks.vision.heads import Outputs
from edgenets.tasks.vision.image import Image
from edgenets.tasks.vision.preprocess import Placement, Preprocessor
from edgenets.tasks.vision.results import Findings
from edgenets.tasks.vision.spec import ImageSpec, MaskDecoding


class ImagePipeline:
    """One model. It keeps nothing from image to image, so sources may share it."""

    def __init__(self, spec: ImageSpec, session: Session) -> None:
        self.session = session
        # A mask's labels are those of the greatest scores, for which their integers will do.
        mask = spec.decoding if isinstance(spec.decoding, MaskDecoding) else None
        output = mask.output if mask is not None and mask.form == "scores" else None
        scales = {o.name: o.quantization.scale for o in session.artifact.outputs if o.quantization}
        self._raw, self.scale = (output,) if output in scales else (), scales.get(output or "")
        self.use(spec)
        (info,) = session.artifact.inputs
        self._place = session.places()[info.name]
        self._preprocessor = Preprocessor(spec.input, info.dtype, info.quantization)

    def use(self, spec: ImageSpec) -> None:
        """Decode by other thresholds from the next image on; safe from another thread."""
        self.spec, self.decoder = spec, decoder(spec, self.scale)

    def look(self, image: Image) -> Findings:
        """What the model finds.

        Args:
            image: (height, width, 3) uint8, blue, green, red.
        """
        outputs, placement = self.answer(image)
        return self.decoder.decode(outputs, placement)

    def answer(self, image: Image) -> tuple[Outputs, Placement]:
        """The model's outputs, which hold until the next image; arguments as for `look`."""
        placement = self._preprocessor.into(image, self._place)
        return self.session.infer(self._raw), placement


def cpu_of_image(spec: ImageSpec, session: Session, seconds: float) -> float:
    """CPU ms for an image of 640 × 480; ten at least are looked at, for a tenth of `seconds`."""
    watcher = ImagePipeline(spec, session)
    image = np.random.default_rng(1).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    watcher.look(image)
    cpu, count, begun = time.process_time(), 0, time.perf_counter()
    while count < 10 or time.perf_counter() - begun < seconds / 10:
        watcher.look(image)
        count += 1
    return 1e3 * (time.process_time() - cpu) / count


class Smoother:
    """The labels of whole images, averaged over a time: one odd image changes nothing."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._past: deque[tuple[float, str, float]] = deque()  # time, label, score

    def update(self, label: str | None, score: float, time: float) -> tuple[str | None, float]:
        """The label of the last seconds, and its mean score over all their images.

        Args:
            label: of the image; None where no label reached its threshold.
            time: s of it.
        """
        self._past.append((time, label or "", score))
        while time - self._past[0][0] > self._seconds:
            self._past.popleft()
        sums: dict[str, float] = {}
        for _, name, value in self._past:
            sums[name] = sums.get(name, 0.0) + (value if name else 0.0)
        best = max(sums, key=lambda name: sums[name])
        mean = float(np.float64(sums[best]) / len(self._past))
        return (best or None), mean
