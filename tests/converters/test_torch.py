"""PyTorch models: files of torch.export and TorchScript, and modules in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgenets
from edgenets.converters.routes.folder import convert_file, job_of, verify_folder
from edgenets.converters.sources.source import open_source
from edgenets.converters.verify.appendix import Wanted
from edgenets.errors import ModelError

torch = pytest.importorskip("torch", reason="pip install 'edgenets[torch]'")
pytest.importorskip("onnxscript")

pytestmark = pytest.mark.slow

FAST = Wanted(only_verdict=True)


def convolutional() -> Any:
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, stride=2), torch.nn.BatchNorm2d(8), torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(8, 4),
    ).eval()  # fmt: skip


IMAGE = (3, 24, 24)


def images(count: int) -> Any:
    return np.random.default_rng(0).standard_normal((count, *IMAGE)).astype(np.float32)


def exported(folder: Path) -> Path:
    path = folder / "net.pt2"
    axes = ({0: torch.export.Dim.AUTO},)
    given = (torch.zeros(2, *IMAGE),)
    torch.export.save(torch.export.export(convolutional(), given, dynamic_shapes=axes), str(path))
    return path


def scripted(folder: Path) -> Path:
    path = folder / "net.pt"
    torch.jit.trace(convolutional(), torch.zeros(1, *IMAGE)).save(str(path))
    return path


@pytest.mark.parametrize("make", [exported, scripted])
def test_a_file_goes_all_the_way(make: Any, tmp_path: Path) -> None:
    path = make(tmp_path)
    np.save(tmp_path / "cal.npy", images(32))
    np.save(tmp_path / "test.npy", images(60)[32:])
    shapes = {"": IMAGE} if path.suffix == ".pt" else {}
    job = job_of(path, tmp_path / "cal.npy", shapes=shapes)
    out = tmp_path / "out"
    convert_file(job, out, ("tflite", "onnx", "openvino"), ("fp32", "int8"))
    report = verify_folder(out, tmp_path / "test.npy", wanted=FAST)
    assert len(report.verdicts) == 6
    assert report.passed, [v.why for v in report.verdicts]


def test_a_module_in_memory(tmp_path: Path) -> None:
    found = edgenets.convert(convolutional(), (torch.zeros(2, *IMAGE),), ("tflite",), ("fp32",))
    assert [w.artifact.id for w in found.written] == ["tflite-fp32"]
    out = tmp_path / "out"
    edgenets.convert(convolutional(), images(16), ("onnx",), ("fp32", "int8"), out=out)
    np.save(tmp_path / "test.npy", images(40)[16:])
    assert verify_folder(out, tmp_path / "test.npy", wanted=FAST).passed


def test_it_answers_as_pytorch_does(tmp_path: Path) -> None:
    source = open_source(exported(tmp_path))
    (info,) = source.inputs
    given = images(3)
    (found,) = source.answer({info.name: given}).values()
    with torch.no_grad():
        wanted = convolutional()(torch.from_numpy(given)).numpy()
    assert np.abs(found - wanted).max() < 1e-6


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("old", [False, True])
def test_weights_alone_are_refused(whole: bool, old: bool, tmp_path: Path) -> None:
    model = convolutional()
    path = tmp_path / "net.pth"
    kept = model if whole else model.state_dict()
    torch.save(kept, path, _use_new_zipfile_serialization=not old)
    with pytest.raises(ModelError, match=r"holds weights[\s\S]*torch\.export\.save"):
        open_source(path)


@pytest.mark.parametrize("name", ["net.pt2", "net.pt", "net.pth"])
@pytest.mark.parametrize("content", [b"", b"PK", b"hello", bytes(1000)])
def test_what_is_no_model_is_said_to_be_none(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match="no file of PyTorch"):
        open_source(tmp_path / name)


def test_a_script_says_no_size(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"--shape \S+=N,N"):
        open_source(scripted(tmp_path))


def test_a_module_needs_examples() -> None:
    with pytest.raises(ModelError, match="a tuple of tensors"):
        edgenets.convert(convolutional())
    with pytest.raises(ModelError, match="neither a Keras model nor"):
        edgenets.convert(object())  # type: ignore[arg-type]
