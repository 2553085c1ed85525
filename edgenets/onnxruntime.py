"""Options that older releases of ONNX Runtime need, on the device and in the converters."""

from __future__ import annotations

from typing import Any

# What metadata of a file call weights of eight bits that no sums of pairs overflow with.
NARROW_WEIGHTS = "edgenets.weight_steps"

# The first release without the fault below.
_NAMES_FUSED_NODES = (1, 22)


def session_options(ort: Any) -> dict[str, Any]:
    """Keyword arguments for every `InferenceSession` of this release.

    Until 1.21 the fusion of several Gather nodes into a Split names what it makes after the
    nodes, and refuses a model in which two of them have no name ("two nodes with same node name").
    """
    release = tuple(int(part) for part in ort.__version__.split(".")[:2])
    if release < _NAMES_FUSED_NODES:
        return {"disabled_optimizers": ["GatherSliceToSplitFusion"]}
    return {}
