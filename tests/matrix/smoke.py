"""Every command once, for real, as an installed `edgenets` runs it: `pytest tests/matrix/smoke.py`.

`make matrix` runs this in each environment, from a demonstration to a flashed card. It takes about
five minutes on two cores, so `make test` leaves it out; `test_every_command_has_a_smoke` in
`tests/test_environments.py` holds that no command is forgotten.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator

import pytest

from tests.matrix.place import Place
from tests.matrix.ssh_board import ssh_board

Smoke = Callable[[Place], None]
SMOKES: dict[str, Smoke] = {}  # by the words of the command, in the order in which they run


def smoke(command: str) -> Callable[[Smoke], Smoke]:
    """The smoke of a command."""

    def register(function: Smoke) -> Smoke:
        SMOKES[command] = function
        return function

    return register


@smoke("demo")
def _demo(place: Place) -> None:
    assert place.bundle.stat().st_size > 10_000


@smoke("words")
def _words(place: Place) -> None:
    place("words", "stop", "--clips", 3, "--out", "words", "--json")
    assert len(list((place.folder / "words" / "stop").glob("*.wav"))) == 3


@smoke("train")
def _train(place: Place) -> None:
    assert (place.run / "model.keras").exists()


@smoke("convert")
def _convert(place: Place) -> None:
    found = place(
        "convert", place.run / "model.keras", "--precision", "fp32", "--out", "own", "--json"
    )
    assert found.json() and list((place.folder / "own" / "artifacts").iterdir())
    assert "tflite" in place("convert", place.run / "model.keras", "--explain").out


@smoke("batch")
def _batch(place: Place) -> None:
    place("batch", place.run / "model.keras", "--precision", "fp32", "--out", "batch", "--json")


@smoke("verify")
def _verify(place: Place) -> None:
    report = place.run / "report.html"
    assert report.stat().st_size > 10_000


@smoke("bundle")
def _bundle(place: Place) -> None:
    place("bundle", place.run, "--out", "shades.edge", "--json")
    trials = place("selftest", "shades.edge", "--json").json()["trials"]
    assert trials and all(trial["passed"] for trial in trials)


@smoke("build")
def _build(place: Place) -> None:
    place(
        "build", place.recipe, "--data", place.images, "--run", "built", "--out", "built.edge",
        "--to", "tflite", "--precision", "fp32", "--json",
    )  # fmt: skip
    assert (place.folder / "built.edge").exists()


@smoke("import")
def _import(place: Place) -> None:
    place.run  # noqa: B018 (its artifacts)
    (model,) = (place.run / "artifacts").glob("**/tflite-fp32*.tflite")
    labels = place.folder / "labels.txt"
    labels.write_text("bright\ndark\n")
    place(
        "import", model, "--task", "classify", "--labels", labels, "--out", "theirs.edge", "--json"
    )
    place("run", "theirs.edge", "null:64x48?seconds=1", "--json")


@smoke("run")
def _run(place: Place) -> None:
    """Every shipped bundle on what it is made for, on every backend that runs here."""
    sound = place.demo / "stream.wav"
    for backend in ("tflite", "onnx", "openvino"):
        found = place("run", "kws-gru", sound, "--backend", backend, "--json").json()
        assert found["steps"] > 70
        found = place(
            "run", "object-detect", "demo:smear?seconds=1&rate=5", "--backend", backend, "--json"
        ).json()
        assert found["objects"]
    place("run", "kws-dscnn", sound, "--sink", "jsonl:words.jsonl", "--json")
    place("run", "asr-digits", sound, "--json")
    place("run", "image-classify", "null:64x48?seconds=1", "--sink", "web:0", "--json")
    place("run", "segment", "demo:smear?seconds=1&rate=2", "--sink", "video:seen.mp4", "--json")
    place("run", "segment", "seen.mp4", "--json")
    place("run", "char-lm", "--prompt", "ROMEO:", "--tokens", 20, "--json")
    for name in ("text-sentiment", "text-sentiment-cnn"):
        assert "pos" in place("run", name, "-", text="what a fine film\n").out
    readings = place.folder / "readings.csv"
    readings.write_text(
        "date,value\n"
        + "".join(
            f"2024-01-{d:02} {h:02}:00:00,{h % 12}\n" for d in range(1, 29) for h in range(24)
        )
    )
    place("run", "anomaly", readings, "--json")
    names = "HUFL,HULL,MUFL,MULL,LUFL,LULL,OT"
    table = place.folder / "oil.csv"
    table.write_text(
        f"date,{names}\n"
        + "".join(
            f"2024-01-{d:02} {h:02}:00:00," + ",".join(str((h + c) % 12) for c in range(7)) + "\n"
            for d in range(1, 29)
            for h in range(24)
        )
    )
    for name in ("forecast", "forecast-cnn"):
        place("run", name, table, "--json")


@smoke("eval")
def _eval(place: Place) -> None:
    found = place(
        "eval", place.bundle, "--data", place.demo / "recordings", "--split", "test", "--json"
    )
    assert found.json()["value"] > 0.5
    assert place("eval", "shades.edge", "--data", place.images, "--json").json()["value"] > 0.9


@smoke("calibrate")
def _calibrate(place: Place) -> None:
    recordings = place.demo / "recordings"
    found = place(
        "calibrate", "kws-gru", "--negatives", recordings, "--out", "quiet.edge", "--json"
    )
    assert found.json()["after"]["false_accepts"] == 0


@smoke("enrol")
def _enrol(place: Place) -> None:
    clips = sorted((place.demo / "recordings" / "stop").glob("*.wav"))[:5]
    place("enrol", "speech-embedding", "--word", "halt", *clips, "--out", "halt.edge", "--json")
    assert place("run", "halt.edge", place.demo / "stream.wav", "--json").json()["steps"] > 70


@smoke("bench")
def _bench(place: Place) -> None:
    assert place("bench", "kws-gru", "--precision", "int8", "--seconds", 1, "--json").json()["rows"]
    assert place("bench", "object-detect", "--precision", "int8", "--seconds", 1, "--json").json()[
        "rows"
    ]


@smoke("choose")
def _choose(place: Place) -> None:
    place(
        "choose", place.bundle, "--precision", "int8", "--threads", 1, "--seconds", 1,
        "--out", "chosen.edge", "--report", "choice.html", "--json",
    )  # fmt: skip
    assert (place.folder / "chosen.edge").exists() and (place.folder / "choice.html").exists()


@smoke("compare")
def _compare(place: Place) -> None:
    """As far as the plan of its models: a comparison takes minutes, and is tried in `make test`."""
    data = place.demo / "recordings"
    refused = place(
        "compare", "keywords", "--data", data, "--families", "cnn,gru", "--parameters", 1000,
        "--out", "compare", code=2,
    )  # fmt: skip
    assert "out of its reach" in refused.err


@smoke("attach")
def _attach(place: Place) -> None:
    place("attach", "object-detect", "--extract", "coral", "--json")
    assert list((place.folder / "coral").glob("*.tflite"))


@smoke("inspect")
def _inspect(place: Place) -> None:
    assert place("inspect", place.bundle, "--json").json()["artifacts"]
    assert "licence" in place("inspect", "kws-gru", "--card").out.lower()


@smoke("selftest")
def _selftest(place: Place) -> None:
    """Golden outputs of every shipped bundle, on every backend."""
    bundles = place("zoo", "--json").json()["bundles"]
    for bundle in bundles:
        trials = place("selftest", bundle["name"], "--json").json()["trials"]
        assert {t["id"].partition("-")[0] for t in trials} == {"tflite", "onnx", "openvino"}
        assert all(trial["passed"] for trial in trials), trials


@smoke("zoo")
def _zoo(place: Place) -> None:
    assert len(place("zoo", "--json").json()["bundles"]) >= 12


@smoke("recipe list")
def _recipe_list(place: Place) -> None:
    assert {"classify", "keywords"} <= {r["task"] for r in place("recipe", "list", "--json").json()}


@smoke("recipe show")
def _recipe_show(place: Place) -> None:
    assert 'name = "wake"' in place("recipe", "show", "wake").out


@smoke("recipe new")
def _recipe_new(place: Place) -> None:
    for entry in place("recipe", "list", "--json").json():
        made = place("recipe", "new", "mine", "--task", entry["task"]).out
        assert 'name = "mine"' in made and "[schedule]" in made


@smoke("recipe keys")
def _recipe_keys(place: Place) -> None:
    keys = {entry["key"] for entry in place("recipe", "keys", "detect", "--json").json()}
    assert {"schedule.epochs", "input.width", "decoding.head.strides"} <= keys


@smoke("data check")
def _data_check(place: Place) -> None:
    words = place.folder / "readings.csv"
    words.write_text("a,b\n" + "".join(f"{n},{n % 7}\n" for n in range(200)))
    found = place("data", "check", str(words), "--json").json()
    assert found["task"] == "forecast" and found["passed"]


@smoke("completion")
def _completion(place: Place) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "edgenets" in place("completion", shell).out


@smoke("check")
def _check(place: Place) -> None:
    assert place("check", "kws-gru", "--target", "rpi4", "--json").json()
    assert place("check", place.run / "model.keras", "--target", "coral-usb", "--json").json()


@smoke("preflight")
def _preflight(place: Place) -> None:
    assert place("preflight", "kws-gru", "--device", "rpi4", "--json").json()
    address, options = place.board.address, place.board.options
    assert place.call("preflight", "kws-gru", "--host", address, *options, "--json").json()


@smoke("device list")
def _device_list(place: Place) -> None:
    assert "rpi4" in place("device", "list", "--json").out


@smoke("device show")
def _device_show(place: Place) -> None:
    assert place("device", "show", "jetson-orin-nano", "--json").json()


@smoke("device probe")
def _device_probe(place: Place) -> None:
    found = place("device", "probe", place.board.address, *place.board.options, "--json").json()
    assert os.uname().machine in json.dumps(found)


@smoke("device status")
def _device_status(place: Place) -> None:
    _nothing_is_deployed(place, "status")


@smoke("device logs")
def _device_logs(place: Place) -> None:
    _nothing_is_deployed(place, "logs")


@smoke("device rollback")
def _device_rollback(place: Place) -> None:
    _nothing_is_deployed(place, "rollback")


@smoke("device remove")
def _device_remove(place: Place) -> None:
    _nothing_is_deployed(place, "remove", "--yes")


def _nothing_is_deployed(place: Place, command: str, *options: str) -> None:
    """The board is reached, asked, and said to serve nothing."""
    done = place.call("device", command, place.board.address, *options, *place.board.options)
    assert done.code in (0, 1, 2) and (done.out or done.err)


@smoke("deploy")
def _deploy(place: Place) -> None:
    """As far as this board comes: it is reached and looked at, and refused for what it lacks."""
    done = place.call("deploy", "kws-gru", place.board.address, *place.board.options)
    assert done.code in (1, 2) and "127.0.0.1" in done.err + done.out


@smoke("fleet status")
def _fleet_status(place: Place) -> None:
    assert "kitchen" in place.call("fleet", "status", "-i", place.inventory).out


@smoke("fleet rollback")
def _fleet_rollback(place: Place) -> None:
    assert "kitchen" in place.call("fleet", "rollback", "-i", place.inventory).out


@smoke("fleet deploy")
def _fleet_deploy(place: Place) -> None:
    done = place.call("fleet", "deploy", "kws-gru", "-i", place.inventory)
    assert done.code in (1, 2) and "kitchen" in done.out + done.err


@smoke("release init")
def _release_init(place: Place) -> None:
    assert place.shelf.is_dir()


@smoke("release list")
def _release_list(place: Place) -> None:
    place("release", "list", place.shelf, *place.keys, "--json")


@smoke("release keys")
def _release_keys(place: Place) -> None:
    place("release", "keys", place.shelf, *place.keys, "--json")


@smoke("release rotate")
def _release_rotate(place: Place) -> None:
    place("release", "rotate", place.shelf, *place.keys, "--json")


@smoke("release revoke")
def _release_revoke(place: Place) -> None:
    done = place.call("release", "revoke", place.shelf, "0" * 8, *place.keys)
    assert done.code == 2 and "0" * 8 in done.err


@smoke("release publish")
def _release_publish(place: Place) -> None:
    """As far as there is no index of wheels: an empty folder in its place is refused."""
    empty = place.folder / "wheels"
    empty.mkdir()
    done = place.call(
        "release",
        "publish",
        "kws-gru",
        place.shelf,
        "--board",
        "rpi4",
        "--wheels",
        empty,
        *place.keys,
    )
    assert done.code in (1, 2) and "wheel" in done.err


@smoke("release refresh")
def _release_refresh(place: Place) -> None:
    place("release", "refresh", place.shelf, *place.keys, "--json")


@smoke("release follow")
def _release_follow(place: Place) -> None:
    done = place.call(
        "release", "follow", place.board.address, "http://127.0.0.1:9/", "--shelf", place.shelf,
        "--board", "rpi4", *place.keys, *place.board.options,
    )  # fmt: skip
    assert done.code in (1, 2) and done.err


@smoke("flash")
def _flash(place: Place) -> None:
    """The list of disks, and an image that is none; cards are written by tests/devices."""
    place("flash", "--list", "--json")
    image = place.folder / "small.img"
    image.write_bytes(bytes(4096))
    assert "error" in place("flash", image, place.folder / "nowhere", code=2).err


def _twin(command: str, *words: str) -> None:
    """A twin that is not there: what an emulated machine does is tried in `make test`."""

    @smoke(f"twin {command}")
    def _(place: Place) -> None:
        done = place.call("twin", command, "no-such-twin", *words)
        assert done.code == 2 and "no-such-twin" in done.err


for _command, *_words_of_it in (
    ("address",), ("ssh",), ("run", "true"), ("cut",), ("on",), ("reboot",),
    ("put", "/etc/hostname", "/tmp/x"), ("see", "/etc/hostname"), ("hear", "/etc/hostname"),
    ("fail", "read"), ("down",),
):  # fmt: skip
    _twin(_command, *_words_of_it)


@smoke("twin list")
def _twin_list(place: Place) -> None:
    place("twin", "list", "--json")


@smoke("twin build")
def _twin_build(place: Place) -> None:
    assert "Debian" in place("twin", "build", "--help").out


@smoke("twin up")
def _twin_up(place: Place) -> None:
    assert place.call("twin", "up", "bad name!").code == 2


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("smoke")
    with ssh_board(folder / "board") as board:
        yield Place(folder, board)


@pytest.mark.parametrize("command", SMOKES)
def test_it_runs(place: Place, command: str) -> None:
    assert "Usage: edgenets" in place(*command.split(), "--help").out
    SMOKES[command](place)


def test_every_name_of_a_library_is_there() -> None:
    """What the code calls by name exists in the installed release, also where no test comes."""
    from tests.library_names import missing, uses

    lost = {(use, what) for use in uses() if (what := missing(use)) is not None}
    assert not lost
