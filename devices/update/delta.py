"""The difference of two bundles: the new one, packed by zstd with the old one at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgenets.errors import UpdateError
from edgenets.extras import require

if TYPE_CHECKING:
    from zstandard import ZstdCompressionDict

# Of the whole, packed; a difference that saves less is not worth its trouble.
WORTH = 0.9

# Slow to pack and quick to unpack: it is packed once.
_LEVEL = 19

# No bundle for a board is larger.
_LARGEST = 256 << 20  # bytes


def make(old: bytes, new: bytes) -> bytes:
    """What makes the new one of the old one."""
    zstd = require("zstandard")
    window = max(20, (len(old) + len(new)).bit_length())
    settings = zstd.ZstdCompressionParameters.from_level(
        _LEVEL, window_log=min(window, 27), enable_ldm=True
    )
    packer = zstd.ZstdCompressor(dict_data=_at_hand(old), compression_params=settings)
    packed: bytes = packer.compress(new)
    return packed


def apply(old: bytes, difference: bytes) -> bytes:
    """The new one.

    Raises:
        UpdateError: the difference is damaged, or of another old one.
    """
    zstd = require("zstandard")
    try:
        size = zstd.frame_content_size(difference)
        if not 0 <= size <= _LARGEST:
            raise UpdateError(f"a difference that unfolds to {size:,} bytes is none of a bundle")
        unpacker = zstd.ZstdDecompressor(dict_data=_at_hand(old), max_window_size=1 << 28)
        new: bytes = unpacker.decompress(difference, max_output_size=size)
    except zstd.ZstdError as exc:
        raise UpdateError(f"the difference is damaged: {exc}") from exc
    return new


def _at_hand(old: bytes) -> ZstdCompressionDict:
    zstd = require("zstandard")
    found: ZstdCompressionDict
    found = zstd.ZstdCompressionDict(old, dict_type=zstd.DICT_TYPE_RAWCONTENT)
    return found
