"""Words and voices that are learned from a few recordings."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgenets
from edgenets import zoo
from edgenets.bundle import Bundle, write
from edgenets.errors import BundleError, DataError, ModelError
from edgenets.runtime.enrol import enrol
from edgenets.runtime.recorder import COUNT, SPEAK, record
from edgenets.runtime.selftest import selftest
from edgenets.sound import audio
from edgenets.tasks.keywords.head import DELAYS, Follower, Head, history, trained
from edgenets.tasks.keywords.spec import KeywordSpec, head_of
from edgenets.tasks.keywords.synthetic import Voice, speak, voices
from edgenets.tasks.keywords.takes import fault_of
from edgenets.tasks.task import Spoken
from tests.commands import Call, call

__all__ = ["call"]  # a fixture

RATE = 16_000
BASE = "speech-embedding"
WORD, OTHERS = "pineapple", ("telephone", "cucumber", "elephant", "marmalade")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """WORD by twelve voices and by eight others, and what is no such word."""
    root = tmp_path_factory.mktemp("said")
    everyone = voices(20, seed=4)
    for folder, speakers in (("mine", everyone[:12]), ("test", everyone[12:])):
        (root / folder).mkdir()
        for number, voice in enumerate(speakers):
            quiet = np.zeros(RATE // 2, np.float32)
            sound = np.concatenate([quiet, speak(WORD, voice, RATE), quiet])
            audio.write_wav(root / folder / f"{number}.wav", sound, RATE)
    (root / "other").mkdir()
    for number, voice in enumerate(everyone):
        sound = np.concatenate([speak(word, voice, RATE) for word in OTHERS])
        audio.write_wav(root / "other" / f"{number}.wav", sound, RATE)
    return root


@pytest.fixture(scope="module")
def bundle(said: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    out = tmp_path_factory.mktemp("enrolled") / "fruit.edge"
    teach(zoo.load(BASE), WORD, [said / "mine"], out)
    return Bundle(out)


def teach(
    bundle: Bundle, word: str, clips: list[Path], out: Path, negatives: Sequence[Path] = ()
) -> None:
    enrol(bundle, Spoken(word, tuple(clips), tuple(negatives)), out)


def heard(path: Path, sound: Path, **options: str) -> list[str]:
    return [found.label for found in edgenets.run(path, sound, **options)]  # type: ignore[union-attr]


class TestWord:
    def test_is_heard_of_voices_that_were_not_recorded(self, bundle: Bundle, said: Path) -> None:
        found = [heard(bundle.path, path) for path in sorted((said / "test").iterdir())]
        assert sum(one == [WORD] for one in found) >= 7, found

    def test_other_words_are_not(self, bundle: Bundle, said: Path) -> None:
        found = [heard(bundle.path, path) for path in sorted((said / "other").iterdir())]
        assert sum(map(len, found)) <= 1, found

    @pytest.mark.parametrize("backend", ["tflite", "onnx", "openvino"])
    def test_by_every_backend(self, bundle: Bundle, said: Path, backend: str) -> None:
        found = [
            heard(bundle.path, path, backend=backend) for path in sorted((said / "mine").iterdir())
        ]
        assert sum(one == [WORD] for one in found) >= 11, found

    def test_artifacts_stay_as_they_were_proven(self, bundle: Bundle) -> None:
        before = zoo.load(BASE)
        for artifact in before.artifacts:
            assert bundle.files(bundle.artifact(artifact.id)) == before.files(artifact)
        assert all(trial.passed for trial in selftest(bundle))

    def test_it_is_measured_and_chosen_as_others_are(
        self, bundle: Bundle, said: Path, tmp_path: Path, call: Call
    ) -> None:
        rows = call("bench", bundle.path, "--seconds", 1, "--json").json()["rows"]
        assert {row["backend"] for row in rows} == {"tflite", "onnx", "openvino"}
        data = shutil.copytree(said / "test", tmp_path / "words" / WORD).parent
        heard_of = call("eval", bundle.path, "--positives", data, "--json").json()
        assert heard_of["figures"]["recall"] >= 0.8
        streams = ("--negatives", said / "other", "--positives", data)
        assert call("calibrate", bundle.path, *streams, "--out", tmp_path / "set.edge").code == 0
        assert Bundle(tmp_path / "set.edge").spec.reported == [WORD]

    def test_the_same_recordings_give_the_same_bundle(
        self, bundle: Bundle, said: Path, tmp_path: Path
    ) -> None:
        teach(zoo.load(BASE), WORD, [said / "mine"], tmp_path / "again.edge")
        again = Bundle(tmp_path / "again.edge")
        assert again.spec == bundle.spec
        assert again.read(head_of(0)) == bundle.read(head_of(0))

    def test_what_it_is_worth_stands_in_report_and_card(self, bundle: Bundle) -> None:
        (found,) = bundle.report()["enrolled"]
        assert found["word"] == WORD and found["clips"] == 12 and found["heard_left_out"] >= 10
        assert "12 recordings are heard when they are left out" in bundle.card()

    def test_a_second_word_and_one_that_is_learned_again(
        self, bundle: Bundle, said: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "two.edge"
        teach(bundle, "noise", [said / "other"], out)
        both = Bundle(out)
        assert both.spec.labels == ("_unknown_", WORD, "noise")
        teach(both, WORD, [said / "test"], out)
        again = Bundle(out)
        assert again.spec.labels == both.spec.labels
        assert again.read(head_of(0)) != both.read(head_of(0))
        assert again.read(head_of(1)) == both.read(head_of(1))
        assert [one["word"] for one in again.report()["enrolled"]] == ["noise", WORD]


class TestBesideWords:
    """Into a model that hears words of its own."""

    def test_a_word_more(self, said: Path, tmp_path: Path) -> None:
        others = [said / "other"]
        teach(zoo.load("kws-gru"), WORD, [said / "mine"], tmp_path / "a.edge", negatives=others)
        made = Bundle(tmp_path / "a.edge")
        assert made.spec.reported == [*zoo.load("kws-gru").spec.reported, WORD]
        found = [heard(made.path, path) for path in sorted((said / "mine").iterdir())]
        assert sum(WORD in one for one in found) >= 10, found

    def test_negatives_of_which_there_are_none(self, said: Path, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        for none in ("empty", "absent"):
            with pytest.raises(DataError, match=f"{none}: no recordings in it"):
                args = (zoo.load("kws-gru"), WORD, [said / "mine"], tmp_path / "a.edge")
                teach(*args, negatives=[tmp_path / none])
        assert not (tmp_path / "a.edge").exists()

    def test_a_voice_for_one(self, tmp_path: Path) -> None:
        me, others = tmp_path / "me", tmp_path / "others"
        mine, *theirs = [
            replace(Voice("en-us", variant), pitch=50) for variant in ("m3", "f2", "f4")
        ]
        for folder, people in ((me, [mine]), (others, theirs)):
            folder.mkdir()
            for number, (person, pace) in enumerate(product(people, range(130, 210, 8))):
                sound = np.pad(speak("stop", replace(person, speed=pace), RATE), RATE // 2)
                audio.write_wav(folder / f"{number:02}.wav", sound, RATE)
        train = [[p for p in sorted(f.iterdir()) if int(p.stem) % 2] for f in (me, others)]
        teach(zoo.load("kws-gru"), "stop", train[0], tmp_path / "mine.edge", negatives=train[1])
        made = Bundle(tmp_path / "mine.edge")
        assert made.spec.labels == zoo.load("kws-gru").spec.labels
        before, after = (
            {
                folder.name: sum(
                    "stop" in heard(path, one)
                    for one in sorted(folder.iterdir()) if not int(one.stem) % 2
                )
                for folder in (me, others)
            }
            for path in (zoo.find("kws-gru"), made.path)
        )  # fmt: skip
        assert before["me"] >= 4 and before["others"] >= 6, before  # it is a fair question
        assert after["me"] >= before["me"] - 1, (before, after)
        assert after["others"] <= before["others"] // 3, (before, after)


class TestRefuses:
    @pytest.mark.parametrize(
        ("change", "said_of_it"),
        [
            (lambda sound: 1e-4 * sound, "nothing is heard"),
            (lambda sound: np.clip(1000 * sound, -1, 1), "it is clipped"),
            (lambda sound: np.tile(sound, 8), "are said in it"),
        ],
    )
    def test_recordings_that_nobody_could_learn_from(
        self,
        change: Callable[[np.ndarray], np.ndarray],
        said_of_it: str,
        said: Path,
        tmp_path: Path,
    ) -> None:
        folder = shutil.copytree(said / "mine", tmp_path / "mine")
        broken = change(audio.read(folder / "3.wav", RATE)[RATE // 2 : -RATE // 2])
        audio.write_wav(folder / "3.wav", broken, RATE)
        with pytest.raises(DataError, match=rf"3\.wav: .*{said_of_it}"):
            teach(zoo.load(BASE), WORD, [folder], tmp_path / "x.edge")
        assert not (tmp_path / "x.edge").exists()

    def test_too_few(self, said: Path, tmp_path: Path) -> None:
        clips = sorted((said / "mine").iterdir())[:2]
        with pytest.raises(DataError, match="2 recordings; 3 at least"):
            teach(zoo.load(BASE), WORD, clips, tmp_path / "x.edge")

    def test_models_that_cannot(self, said: Path, tmp_path: Path) -> None:
        for name, reason in (
            ("forecast", "learns no words"),
            ("kws-dscnn", "has no recurrent layers"),
        ):
            with pytest.raises(ModelError, match=reason):
                teach(zoo.load(name), WORD, [said / "mine"], tmp_path / "x.edge")

    def test_a_model_that_knows_of_nothing_else(self, said: Path, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="knows of nothing that is not to be heard"):
            teach(zoo.load("kws-gru"), WORD, [said / "mine"], tmp_path / "x.edge")

    @pytest.mark.parametrize("word", ["_unknown_", "a/b", ""])
    def test_names_that_are_none(self, word: str, said: Path, tmp_path: Path) -> None:
        with pytest.raises((DataError, ModelError)):
            teach(zoo.load(BASE), word, [said / "mine"], tmp_path / "x.edge")

    @pytest.mark.parametrize("damage", ["short", "nan", "other"])
    def test_damaged_heads(self, damage: str, bundle: Bundle, tmp_path: Path) -> None:
        artifacts, others = bundle.contents()
        data = others[head_of(0)]
        nan = np.full(len(data) // 4, np.nan, "<f4").tobytes()
        others[head_of(0)] = {"short": data[:-4], "nan": nan, "other": data[: 4 * 65 * 2]}[damage]
        spec = bundle.spec
        assert isinstance(spec, KeywordSpec)
        if damage == "other":  # a head of one unit, for other vectors
            (one,) = spec.enrolled
            spec = replace(spec, enrolled=(replace(one, units=1, delays=(0,)),))
            others[head_of(0)] = np.zeros(8 + 3, "<f4").tobytes()
        write(tmp_path / "bad.edge", spec, artifacts, others, "x", "x")
        silence = tmp_path / "silence.wav"
        audio.write_wav(silence, np.zeros(RATE, np.float32), RATE)
        with pytest.raises((BundleError, ModelError)):
            heard(tmp_path / "bad.edge", silence)


class TestHead:
    @given(st.integers(1, 40), st.integers(0, 1000))
    def test_steps_are_followed_as_a_stream_is_read(self, steps: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        numbers, units = 6, 4
        head = Head(
            DELAYS,
            rng.standard_normal((len(DELAYS) * numbers, units)).astype(np.float32),
            rng.standard_normal(units).astype(np.float32),
            rng.standard_normal(units).astype(np.float32),
            0.5,
        )
        vectors = rng.standard_normal((steps, numbers)).astype(np.float32)
        follower = Follower(head)
        found = [follower.push(vector) for vector in vectors]
        np.testing.assert_allclose(found, head.logits(vectors), rtol=1e-4, atol=1e-4)
        again = Head.read(head.stored(), DELAYS, units)
        np.testing.assert_allclose(again.logits(vectors), head.logits(vectors), rtol=1e-6)

    def test_learns_what_only_the_past_tells(self) -> None:
        rng = np.random.default_rng(1)
        vectors = rng.standard_normal((20_000, 8)).astype(np.float32)
        past = np.concatenate([np.zeros(10, np.float32), vectors[:-10, 0]])
        right = vectors[:, 0] + past > 1
        train, test = slice(0, 15_000), slice(15_000, 20_000)

        def accuracy(delays: tuple[int, ...]) -> float:
            windows = history(vectors, delays)
            head = trained(windows[train].copy(), right[train].astype(np.float32), 1, delays)
            of_kind = [np.mean((head.of(windows[test]) > 0)[right[test] == k] == k) for k in (0, 1)]
            return float(np.mean(of_kind))

        assert accuracy(DELAYS) > 0.93
        assert accuracy((0,)) < 0.85


class TestLive:
    def stream(self, path: Path, words: list[np.ndarray]) -> Path:
        """Each word where the speaker is told to say it."""
        rounds = []
        for word in words:
            whole = np.zeros(int((COUNT + SPEAK) * RATE), np.float32)
            begin = int((COUNT + 0.4) * RATE)
            whole[begin : begin + len(word)] = word
            rounds.append(whole)
        audio.write_wav(path, np.concatenate(rounds), RATE)
        return path

    def words(self) -> list[np.ndarray]:
        return [speak(WORD, voice, RATE) for voice in voices(4, seed=9)]

    def test_what_cannot_be_used_is_asked_for_again(self, tmp_path: Path) -> None:
        one, two, three, _ = self.words()
        loud = np.clip(1000 * one, -1, 1)
        sounds = [one, np.zeros(10, np.float32), two, loud, three]
        told: list[str] = []
        made = record(
            str(self.stream(tmp_path / "s.wav", sounds)), tmp_path / "kept", 3, RATE, told.append
        )
        assert len(made) == len(set(made)) == 3
        assert all(not fault_of(audio.read(path, RATE), RATE) for path in made)
        assert [line for line in told if line.startswith("once more")] == [
            "once more: nothing is heard in it",
            "once more: it is clipped: it was too loud for the microphone",
        ]

    def test_what_was_recorded_before_the_end_stays(self, tmp_path: Path) -> None:
        source = str(self.stream(tmp_path / "s.wav", self.words()[:2]))
        with pytest.raises(DataError, match="ended after 2 of 3"):
            record(source, tmp_path / "kept", 3, RATE, lambda _: None)
        assert len(list((tmp_path / "kept").iterdir())) == 2

    def test_somebody_who_says_nothing(self, tmp_path: Path) -> None:
        source = str(self.stream(tmp_path / "s.wav", [np.zeros(1, np.float32)] * 8))
        with pytest.raises(DataError, match="5 times in a row: nothing is heard"):
            record(source, tmp_path / "kept", 3, RATE, lambda _: None)

    def test_by_the_command(self, tmp_path: Path, call: Call) -> None:
        source = self.stream(tmp_path / "s.wav", self.words())
        folder, out = tmp_path / "kept", tmp_path / "a.edge"
        live = ("--live", 4, "--source", source, "--keep", folder)
        done = call("enrol", BASE, "--word", WORD, *live, "--out", out, "--json")
        assert done.code == 0, done.err
        assert done.json()["clips"] == 4 and "4 of 4: say it now" in done.err
        assert Bundle(tmp_path / "a.edge").spec.reported == [WORD]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("enrol", BASE, "--word", "x", "--out", "x.edge"), "give recordings of it, or --live"),
        (("enrol", BASE, "{mine}", "--word", "x"), "is a shipped bundle; say where"),
        (("enrol", "nothing.edge", "{mine}", "--word", "x"), "no such file"),
    ],
)
def test_slips(arguments: tuple[str, ...], message: str, said: Path, call: Call) -> None:
    done = call(*(part.format(mine=said / "mine") for part in arguments))
    assert done.code == 2 and message in done.err


def test_the_words_of_the_json(bundle: Bundle, call: Call) -> None:
    found = json.loads(call("inspect", bundle.path, "--json").out)
    assert WORD in json.dumps(found)
