"""Names for the arrays that signatures speak of.

What a model takes and gives is of the type that its artifact has: float32 here, int8 there. Where
the type is known, say `NDArray[np.float32]` instead.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]  # of the type that the model or artifact has
Reals: TypeAlias = NDArray[np.floating[Any]]
Integers: TypeAlias = NDArray[np.integer[Any]]
