"""microWakeWord's okay_nabu through our session and stream loop, beside its own package."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgenets.bundle import Bundle
from edgenets.converters.microwakeword import bundle_of
from edgenets.errors import ModelError
from edgenets.runtime.load import load
from edgenets.runtime.selftest import selftest
from edgenets.selection import select
from edgenets.sound import audio
from edgenets.tasks.keywords.pipeline import KeywordDetector

pymicro_wakeword = pytest.importorskip("pymicro_wakeword")

MODELS = Path(pymicro_wakeword.__file__).parent / "models"


@pytest.fixture(scope="module")
def nabu(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle_of(MODELS / "okay_nabu.json", tmp_path_factory.mktemp("nabu") / "nabu.edge")


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Noise, and the wake word by voices that the model knows more or less: (n,) int16."""
    pytest.importorskip("espeakng_loader")
    from edgenets.tasks.keywords.synthetic import speak, voices

    rng = np.random.default_rng(0)
    parts = [np.zeros(16_000, np.float32)]
    for voice in voices(8, 3):
        parts += [speak("okay nabu", voice), np.zeros(16_000, np.float32)]
    sound = np.concatenate(parts)
    return audio.float_to_pcm16(sound + 0.001 * rng.standard_normal(len(sound)))


def probabilities(bundle: Bundle, pcm: np.ndarray, block: int) -> list[float]:
    """The smoothed probability after every step."""
    detector = KeywordDetector(bundle.spec, load(bundle, select(bundle)))
    found, steps = [], 0
    for at in range(0, len(pcm), block):
        detector.push(audio.pcm16_to_float(pcm[at : at + block]))
        assert detector.steps - steps <= 1 or block > 480, "a block of 30 ms is one step at most"
        if detector.steps > steps:
            found.append(float(detector.posterior[0]))
        steps = detector.steps
    return found


def test_every_probability_is_that_of_its_own_package(nabu: Bundle, speech: np.ndarray) -> None:
    theirs = []
    model = pymicro_wakeword.MicroWakeWord.from_builtin(pymicro_wakeword.Model.OKAY_NABU)
    features = pymicro_wakeword.MicroWakeWordFeatures()
    pcm = speech.tobytes()
    for at in range(0, len(pcm), 320):
        for frame in features.process_streaming(pcm[at : at + 320]):
            theirs.append(model.process_streaming_prob(frame))
    # Theirs answers after every frame, with zero until three came and five means were taken.
    theirs = theirs[2::3]
    ours = probabilities(nabu, speech, 480)
    count = min(len(ours), len(theirs))
    assert count > 400
    # Their TFLite runs its own int8 kernels and ours XNNPACK's, which round some ties the other
    # way: a few of the 256 steps of a probability, never a decision.
    one, other = np.array(ours[4:count]), np.array(theirs[4:count])
    assert np.abs(one - other).max() < 0.03
    assert np.abs(one - other).mean() < 0.005
    cutoff = nabu.spec.decoding.threshold
    assert np.mean((one >= cutoff) == (other >= cutoff)) > 0.99
    assert max(ours) > 0.9, "the wake word was said"


def test_its_state_is_reset_with_the_stream(nabu: Bundle, speech: np.ndarray) -> None:
    detector = KeywordDetector(nabu.spec, load(nabu, select(nabu)))
    answers = []
    for _ in range(2):
        detector.reset()
        detector.push(audio.pcm16_to_float(speech[:40_000]))
        answers.append(float(detector.posterior[0]))
    assert answers[0] == answers[1]


def test_its_bundle_says_that_nothing_is_proven(nabu: Bundle) -> None:
    assert nabu.report()["foreign"] is True
    assert "third-party" in nabu.artifacts[0].note
    assert all(trial.passed for trial in selftest(nabu))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"type": "macro"}, "no microWakeWord model"),
        ({"model": "absent.tflite"}, "not beside it"),
        ({"micro": {"probability_cutoff": "high", "sliding_window_size": 5}}, "probability_cutoff"),
        ({"micro": {"sliding_window_size": 5}}, "probability_cutoff"),
    ],
)
def test_a_broken_description_is_refused(change: dict, says: str, tmp_path: Path) -> None:
    description = json.loads((MODELS / "okay_nabu.json").read_text()) | change
    (tmp_path / "okay_nabu.tflite").write_bytes((MODELS / "okay_nabu.tflite").read_bytes())
    path = tmp_path / "okay_nabu.json"
    path.write_text(json.dumps(description))
    with pytest.raises(ModelError, match=says):
        bundle_of(path, tmp_path / "out.edge")
    assert not (tmp_path / "out.edge").exists()


def test_a_model_that_is_no_tflite_is_refused(tmp_path: Path) -> None:
    (tmp_path / "okay_nabu.tflite").write_bytes(b"no flatbuffer" * 100)
    path = tmp_path / "okay_nabu.json"
    path.write_text((MODELS / "okay_nabu.json").read_text())
    with pytest.raises(ModelError, match="no TFLite file"):
        bundle_of(path, tmp_path / "out.edge")
