"""Which operators an interpreter has, and up to which version: asked of the interpreter itself.

    python -m tests.benchmarks.op_versions ai_edge_litert converters/check/ai_edge_litert.toml

A file of one operator is offered to it; an interpreter names an operator that it has not before it
looks at anything else. What it dies of, it has.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

from edgenets.converters.sources.tflite_file import names_of

HIGHEST = 16


def file_of(code: int, version: int) -> bytes:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    operator_code = schema.OperatorCodeT()
    operator_code.builtinCode, operator_code.version = code, version
    operator_code.deprecatedBuiltinCode = min(code, 127)
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [], []
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs, graph.operators = [], [], [], [operator]
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs = 3, [operator_code], [graph]
    model.buffers = [schema.BufferT()]
    builder = flatbuffers.Builder(256)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def has(package: str, content: bytes) -> bool:
    """Whether an interpreter takes a file's operator."""
    interpreter = importlib.import_module(f"{package}.interpreter").Interpreter
    try:
        interpreter(model_content=content)
    except (ValueError, RuntimeError) as exc:
        return not any(words in str(exc) for words in ("Didn't find op", "out of range"))
    return True


def highest(package: str, code: int) -> int:
    """The newest version of an operator, 0 where there is none."""
    versions = [v for v in range(1, HIGHEST) if has(package, file_of(code, v))]
    return max(versions, default=0)


def main() -> None:
    package, target = sys.argv[1], sys.argv[2]
    codes = {name: code for code, name in names_of("BuiltinOperator").items()}
    if target == "-":  # asked for some alone
        for name in sys.argv[3:]:
            print(name, highest(package, codes[name]), flush=True)
        return
    left, found = sorted(codes), {}
    while left:
        asked = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.op_versions", package, "-", *left],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        lines = [line.split() for line in asked.stdout.splitlines() if len(line.split()) == 2]
        found |= {name: int(version) for name, version in lines}
        rest = [name for name in left if name not in found]
        if rest:  # it died of this one, so that it has it
            print(
                f"{rest[0]}: the interpreter dies of an operator without tensors", file=sys.stderr
            )
            found[rest[0]] = -1
            rest = rest[1:]
        left = rest
    version = importlib.metadata.version(package.replace("_", "-"))
    lines = [
        "# The newest version of each operator that the interpreter has; written by",
        f"# `python -m tests.benchmarks.op_versions {package} FILE`.",
        f'interpreter = "{package.replace("_", "-")} {version}"', "", "[operators]",
    ]  # fmt: skip
    lines += [f"{name} = {version}" for name, version in sorted(found.items()) if version]
    Path(target).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
