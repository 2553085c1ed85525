"""What a model costs on this machine besides its bare steps: CPU time of the whole pipeline.

`edgenets bench` asks a task for it; the inputs are random, and the same every time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.backend import Given, Session, run_sequence

if TYPE_CHECKING:
    from edgenets.spec import ModelSpec
    from edgenets.tasks.sound import SoundSpec
    from edgenets.tasks.sound_pipeline import Stepper

# Steps before counting begins: caches fill, kernels are chosen, the clock settles.
WARM_UP_STEPS = 50

# Steps of a sequence that is timed.
_STEPS = 1000


def random_floats(count: int) -> NDArray[np.float32]:
    """Standard normal numbers, (count,)."""
    return np.random.default_rng(0).standard_normal(count).astype(np.float32)


class Cost:
    """The part of a `Task` that is about cost: random inputs, and nothing given per sequence."""

    cost_unit: ClassVar[str] = "CPU ms/1000 steps"

    def random(self, spec: ModelSpec, count: int) -> Array:
        """See `Task.random`."""
        return random_floats(count)

    def given(self, spec: ModelSpec) -> Given | None:
        """See `Task.given`."""
        return None

    def cpu_ms(self, spec: ModelSpec, session: Session, seconds: float) -> float:
        """See `Task.cpu_ms`: of a thousand steps."""
        frames = self.random(spec, _STEPS * spec.input.width).reshape(_STEPS, -1)
        given = self.given(spec) if session.artifact.sequence_inputs else None
        run_sequence(session, frames[:WARM_UP_STEPS], given)
        cpu, rounds, begun = time.process_time(), 0, time.perf_counter()
        while not rounds or time.perf_counter() - begun < seconds / 10:
            run_sequence(session, frames, given)
            rounds += 1
        return 1e3 * (time.process_time() - cpu) / rounds


class TokenCost(Cost):
    """The same, of models that read tokens."""

    cost_unit: ClassVar[str] = "CPU ms/1000 tokens"

    def random(self, spec: ModelSpec, count: int) -> Array:
        """See `Task.random`."""
        return np.random.default_rng(0).integers(0, spec.input.count, count).astype(np.int32)


def cpu_of_sound(spec: SoundSpec, stepper: Stepper[Any], seconds: float) -> float:
    """CPU ms for a second of sound, from samples to decisions."""
    rate, block = spec.input.sample_rate, spec.step.frames * spec.input.hop
    rng = np.random.default_rng(1)
    sound = (0.05 * rng.standard_normal(int(seconds * rate))).astype(np.float32)
    stepper.push(sound[: 20 * block])
    cpu = time.process_time()
    for start in range(0, len(sound), block):
        stepper.push(sound[start : start + block])
    return 1e3 * (time.process_time() - cpu) / seconds
