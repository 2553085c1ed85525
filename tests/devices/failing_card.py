# nbdkit's Python plugin: a card in memory that fails in one way.
#
#   size=BYTES     what it says it has
#   real=BYTES     what it has; addresses beyond wrap around (counterfeit)
#   forget=BYTES   what is written from there on is thrown away, zeros come back (counterfeit)
#   flip=OFFSET    one bit of the byte there is kept wrong
#   read_flip=OFFSET  one bit of the byte there is read wrong
#   write_error=OFFSET, read_error=OFFSET  this sector is bad
#   gone_after=BYTES  the card is pulled out when so much was written
#   full_at=OFFSET  no room from there on
#   torn=OFFSET    what is written over there keeps its first half only
#   stuck=1        writes say that they went well, and do nothing
import errno

import nbdkit

API_VERSION = 2
OPTIONS = {}
WRITTEN = 0
DATA = bytearray()


def config(key, value):
    OPTIONS[key] = int(value)


def config_complete():
    global DATA
    DATA = bytearray(OPTIONS.get("real", OPTIONS["size"]))


def thread_model():
    return nbdkit.THREAD_MODEL_SERIALIZE_ALL_REQUESTS


def open(readonly):
    return 1


def get_size(handle):
    return OPTIONS["size"]


def block_size(handle):
    return (512, 4096, 0xFFFFFFFF)


def _hit(option, offset, size):
    return option in OPTIONS and offset <= OPTIONS[option] < offset + size


def _fail(number):
    nbdkit.set_error(number)
    raise RuntimeError("as wished")


def _gone():
    if OPTIONS.get("gone_after", 1 << 62) <= WRITTEN:
        _fail(errno.ESHUTDOWN)


def _pieces(offset, size):
    """Where a range lies in memory that is smaller than the card says, and wraps around."""
    at = 0
    while at < size:
        start = (offset + at) % len(DATA)
        count = min(size - at, len(DATA) - start)
        yield at, start, count
        at += count


def pread(handle, buffer, offset, flags):
    _gone()
    if _hit("read_error", offset, len(buffer)):
        _fail(errno.EIO)
    for at, start, count in _pieces(offset, len(buffer)):
        buffer[at : at + count] = DATA[start : start + count]
    if _hit("read_flip", offset, len(buffer)):
        buffer[OPTIONS["read_flip"] - offset] ^= 0x10


def pwrite(handle, buffer, offset, flags):
    global WRITTEN
    _gone()
    size = len(buffer)
    if _hit("write_error", offset, size):
        _fail(errno.EIO)
    if offset + size > OPTIONS.get("full_at", 1 << 62):
        _fail(errno.ENOSPC)
    WRITTEN += size
    if "stuck" in OPTIONS:
        return
    data = bytes(buffer)
    if offset + size > OPTIONS.get("forget", 1 << 62):
        data = bytes(size)
    if _hit("torn", offset, size):
        data = data[: OPTIONS["torn"] - offset]
    for at, start, count in _pieces(offset, len(data)):
        DATA[start : start + count] = data[at : at + count]
    if _hit("flip", offset, size):
        DATA[OPTIONS["flip"] % len(DATA)] ^= 0x10


def can_flush(handle):
    return True


def flush(handle, flags):
    _gone()
