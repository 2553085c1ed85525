"""Step graph → OpenVINO IR, through the ONNX form of it.

OpenVINO reads the quantized ONNX file and keeps its scales, so there is no
second quantization to go wrong: NNCF's default post-training quantization of a
GRU net answered 43 % where this road answers as the float net does.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from edgenets.extras import require

_BETWEEN_TAGS = re.compile(rb">\s+<")


def to_ir(onnx_model: bytes, half: bool) -> tuple[bytes, bytes]:
    """Read an ONNX file into OpenVINO's IR.

    Args:
        onnx_model: the `.onnx` file.
        half: store float weights in 16 bits.

    Returns:
        the `.xml` and the `.bin`, the same every time.
    """
    openvino = require("openvino")
    model = openvino.Core().read_model(onnx_model)
    # Nodes that the ONNX file does not name are numbered as they come in a process.
    for number, node in enumerate(model.get_ordered_ops()):
        if node.get_friendly_name() == node.get_name():
            node.set_friendly_name(f"{node.get_type_name()}_{number}")
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder:
        xml = Path(folder) / "model.xml"
        openvino.save_model(model, xml, compress_to_fp16=half)
        # Indentation is a sixth of what a small net takes.
        return _BETWEEN_TAGS.sub(b"><", xml.read_bytes()), xml.with_suffix(".bin").read_bytes()
