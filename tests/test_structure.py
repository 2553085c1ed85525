"""The house: folders, packages, the star rule, and what files may hold."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from edgenets import extras

ROOT = Path(__file__).parents[1]

# Folder → the package that it installs as.
STAGES = {
    "converters": "edgenets.converters",
    "runtime": "edgenets.runtime",
    "devices": "edgenets.devices",
}
HOUSE = ("edgenets", *STAGES)

LONGEST_FILE = 400  # lines

# Files that may be larger than a megabyte: it carries what a device hears all day.
LARGEST = {"speech-embedding.edge": 3 << 20}

CONSTRAINTS = sorted((ROOT / "constraints").glob("3.*.txt"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PROJECT["tool"]["setuptools"]


def modules(*folders: str) -> list[Path]:
    return [p for folder in folders for p in sorted((ROOT / folder).rglob("*.py"))]


def name_of(path: Path) -> str:
    """The module that a file installs as."""
    folder, *parts = path.relative_to(ROOT).with_suffix("").parts
    parts = [STAGES.get(folder, folder), *parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, by its full name."""
    package = name_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def tracked() -> list[Path]:
    """Files under version control, or those that will be."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        done = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no git repository")
    return [ROOT / name for name in done.stdout.decode().split("\0") if name]


class TestPackages:
    def test_the_list_is_the_folders(self) -> None:
        found = {name_of(p) for p in modules(*HOUSE) if p.name == "__init__.py"}
        assert sorted(SETUPTOOLS["packages"]) == sorted(found)

    def test_every_folder_with_code_is_a_package(self) -> None:
        for path in modules(*HOUSE):
            assert (path.parent / "__init__.py").exists(), path

    def test_the_folders_install_as_one_namespace(self) -> None:
        wanted = {"edgenets": "edgenets", **{package: f for f, package in STAGES.items()}}
        assert SETUPTOOLS["package-dir"] == wanted

    def test_what_is_no_code_is_in_package_data(self) -> None:
        patterns = {
            (package, pattern)
            for package, listed in SETUPTOOLS["package-data"].items()
            for pattern in listed
        }
        folders = SETUPTOOLS["package-dir"]
        used = set()
        for path in tracked():
            package = next((p for p, f in folders.items() if path.is_relative_to(ROOT / f)), None)
            if package is None or path.suffix == ".py":
                continue
            inside = str(path.relative_to(ROOT / folders[package]))
            matching = {(p, x) for p, x in patterns if p == package and fnmatch(inside, x)}
            assert matching, f"{path} would not be installed"
            used |= matching
        # The bundles of the zoo are made by `make zoo`, and may not be there yet.
        assert {x for _, x in patterns - used} <= {"zoo/*.edge", "zoo/*.md"}

    def test_the_version_stands_once_more(self) -> None:
        from edgenets import __version__

        assert PROJECT["project"]["version"] == __version__


class TestStarRule:
    @pytest.mark.parametrize("folder", STAGES)
    def test_a_stage_imports_the_ground_and_itself(self, folder: str) -> None:
        others = tuple(package for f, package in STAGES.items() if f != folder)
        for path in modules(folder):
            for name in imports(path):
                assert not f"{name}.".startswith(tuple(f"{o}." for o in others)), f"{path}: {name}"

    def test_the_ground_imports_no_stage(self) -> None:
        """But for the Python API and the commands, each at the moment of use."""
        foreign = tuple(f"{package}." for package in STAGES.values())
        for path in modules("edgenets"):
            faces = path.parent.name in ("cli", "api") or path.stem in ("demo", "demo_camera")
            names = imports(path)
            if faces:
                top = ast.parse(path.read_text()).body
                names = (name for node in top for name in top_level_imports(node))
            for name in names:
                assert not f"{name}.".startswith(foreign), f"{path}: {name}"

    def test_no_module_imports_a_folder_by_its_own_name(self) -> None:
        for path in modules(*HOUSE):
            for name in imports(path):
                assert name.partition(".")[0] not in STAGES, f"{path}: {name}"

    def test_frameworks_are_imported_when_they_are_used(self) -> None:
        """None at the top of a module; `if TYPE_CHECKING` is for people and checkers."""
        heavy = {module.partition(".")[0] for module in extras.EXTRAS} | {"tensorflow"}
        plugins = ROOT / "devices" / "fleet" / "plugins"  # Ansible loads them, and is there
        for path in modules(*HOUSE):
            if path.is_relative_to(plugins):
                continue
            for node in ast.parse(path.read_text()).body:
                for name in top_level_imports(node):
                    assert name.partition(".")[0] not in heavy, f"{path}: {name}"


def top_level_imports(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield node.module or ""


class TestDependencies:
    def test_a_device_needs_little(self) -> None:
        base = {re.split(r"[<>=~!; \[]", text)[0] for text in PROJECT["project"]["dependencies"]}
        assert base == {"numpy", "click", "rich"}

    def test_no_extra_for_a_device_brings_tensorflow(self) -> None:
        for extra in ("tflite", "onnx", "openvino", "mic"):
            assert not any("tensorflow" in text for text in brought(extra))

    def test_every_extra_that_is_named_exists(self) -> None:
        known = PROJECT["project"]["optional-dependencies"]
        assert {extra for extra, _ in extras.EXTRAS.values()} <= known.keys()
        named = set()
        for path in [*modules(*HOUSE), ROOT / "README.md"]:
            for listed in re.findall(r"edgenets\[([\w,-]+)\]", path.read_text()):
                named |= set(listed.split(","))
        assert named and named <= known.keys()

    def test_an_extra_brings_what_it_is_named_for(self) -> None:
        """`pip install 'edgenets[EXTRA]'`, as an error says, must install the module."""
        distributions = {
            "ai_edge_litert": "ai-edge-litert", "espeakng_loader": "espeakng-loader",
            "hibari": "hibari-tts",
            "pymicro_features": "pymicro-features", "cv2": "opencv-python-headless",
            "PIL": "pillow", "paho": "paho-mqtt", "prometheus_client": "prometheus-client",
            "ansible": "ansible-core", "yaml": "pyyaml", "litert_quantizer": "litert-quantizer",
        }  # fmt: skip
        for module, (extra, _) in extras.EXTRAS.items():
            package = module.partition(".")[0]
            assert distributions.get(package, package) in brought(extra), f"{module}: {extra}"

    @pytest.mark.parametrize("path", CONSTRAINTS, ids=lambda path: path.stem)
    def test_constraints_pin_versions_and_name_no_index(self, path: Path) -> None:
        pins = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        form = r"([a-z0-9-]+)==[A-Za-z0-9.+!_-]+  # \d+\.\d MB: (demo all test|all test|test)"
        assert all(re.fullmatch(form, line) for line in pins)
        names = {canonical(line.partition("==")[0]) for line in pins}
        assert len(names) == len(pins)
        # Markers leave some to other Pythons; all that this one needs is pinned.
        wanted = {canonical(text) for text in brought("test")}
        assert wanted - names <= {"edgenets", "tflite-runtime"}

    def test_every_python_that_is_named_has_constraints(self) -> None:
        named = {
            text.rpartition(" ")[2] for text in PROJECT["project"]["classifiers"]
            if text.startswith("Programming Language :: Python :: 3.")
        }  # fmt: skip
        assert named == {path.stem for path in CONSTRAINTS}

    def test_a_demonstration_needs_no_more_than_it_downloads(self) -> None:
        """What only other commands need is not in the extra `demo`."""
        assert brought("demo") < brought("all")
        unneeded = {"ansible-core", "asyncssh", "tuf", "sacrebleu", "pycocotools", "tf2onnx"}
        assert not brought("demo") & unneeded


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def brought(extra: str) -> set[str]:
    """Names of the distributions that an extra brings, through other extras too."""
    found = set()
    for text in PROJECT["project"]["optional-dependencies"][extra]:
        inner = re.match(r"edgenets\[([\w,-]+)\]", text)
        if inner:
            found |= {name for other in inner[1].split(",") for name in brought(other)}
        else:
            found.add(re.split(r"[<>=~!; \[]", text)[0])
    return found


class TestFiles:
    def test_none_is_long(self) -> None:
        for path in modules(*HOUSE):
            assert len(path.read_text().splitlines()) <= LONGEST_FILE, path

    def test_every_package_says_what_it_is(self) -> None:
        for path in modules(*HOUSE):
            assert ast.get_docstring(ast.parse(path.read_text())), path

    def test_none_names_a_place_of_one_machine_or_an_index(self) -> None:
        # Written apart, so that this file is none of those it looks for.
        places = ["/" + "work/", "/" + "home/", "/" + "root/", "/" + "Users/", "C:" + "\\\\Users"]
        hosts = ["py" + "pi.org", "python" + "hosted.org", "--index" + "-url", "--extra" + "-index"]
        hosts += ["conda." + "anaconda.org", "index" + "-url =", "debian." + "org/debian"]
        for path in tracked():
            if not path.is_file() or path.suffix in (".edge", ".png", ".gif", ".svg"):
                continue
            text = path.read_text(encoding="utf-8", errors="replace")
            for mark in (*places, *hosts):
                assert mark not in text, f"{path.relative_to(ROOT)} holds {mark}"

    def test_nothing_large_is_tracked(self) -> None:
        for path in tracked():
            if path.is_file():
                assert path.stat().st_size < LARGEST.get(path.name, 1 << 20), (
                    f"{path}: {path.stat().st_size:,} bytes"
                )
