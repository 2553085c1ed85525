"""What may be shown of texts that hold URIs: everything but secrets.

Rather too much is left out than too little. Of a URI these are secrets: what stands before the last
@, every value of its query or path but those of `HARMLESS` names, its fragment, and parts of a
path that look like tokens, as those of Slack and Telegram. Passwords that a run was given are
left out wherever they stand.
"""

from __future__ import annotations

import re
import urllib.parse

HIDDEN = "…"

# Values of these are never secret: options of sources and sinks, and of common cameras.
_HARMLESS = """
    action audio bitrate buffer ca camera channel channels codec compression count depth device
    dtype every format fps framerate frames height host interval latency loop max-pixels mode most
    patience profile qos quality rate raw redirects resolution seconds size stream subtype tls
    transport unicast video width
"""
HARMLESS = frozenset(_HARMLESS.split())

# A value that is shown is short, and is a number or a word.
_PLAIN = re.compile(r"[\w.,:x*/+-]{0,24}")

# What messages say in the place of a value.
_EXAMPLES = frozenset({"FILE", "SECRET", "N", "…"})

# Options of the page that name files.
_FILES = frozenset({"cert", "key"})

# What is looked at as one word: URIs have no spaces, and texts put them in quotes or brackets.
_WORD = re.compile(r"""[^\s"'<>`“”‘’«»]+""")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/*|/{2,}")
_PAIR = re.compile(r"([^&;?#=/]*)=([^&;?#]*)")
_TOKEN = re.compile(
    r"(?=.*\d)(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9_:~%+-]{16,}|(?=.*\d)[0-9a-fA-F-]{24,}"
)

# What has the parts of a web address, though its slashes may be missing.
_ADDRESS = re.compile(r"(?i)(?:https?|rtsps?|rtmps?|mqtts?|wss?|web|ftp):|//")

# Shorter secrets are words that stand in many texts.
_SHORTEST = 5  # characters

# Passwords that are known to be some, and how else they may be written.
_known: set[str] = set()


def remember(secret: str) -> None:
    """Leave this out of every text from now on, however it is quoted."""
    if len(secret) >= _SHORTEST:
        plain = urllib.parse.unquote(secret)
        _known.update({secret, plain, urllib.parse.quote(plain), urllib.parse.quote(plain, "")})


def remember_uri(uri: str) -> None:
    """Leave the password of a URI, and the values of its query, out of every text from now on."""
    _, slashes, rest = uri.partition("//")
    user, at, _ = rest.rpartition("@")
    if slashes and at:
        _, colon, password = user.partition(":")
        remember(password if colon else user)
    known = HARMLESS | (_FILES if uri.startswith("web:") else frozenset())
    for name, value in _PAIR.findall(uri.partition("?")[2]):
        if name.lower() not in known and not value.isdigit():
            remember(value)


def redacted(text: str) -> str:
    """A text without the secrets of the URIs in it; any number of them, whole or malformed."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    if not any(mark in text for mark in "@?=#") and "//" not in text:
        return text
    return _WORD.sub(lambda word: _word(word[0]), text)


def redacted_uri(uri: str) -> str:
    """The same of a text that is one URI, which may have spaces and quotes in it."""
    return _word(uri)


def _word(word: str) -> str:
    """One word of a text, which is a URI or not."""
    begin = _SCHEME.search(word)
    has_place = begin is not None and begin[0].endswith("//")
    before = word.rpartition("@")[0]
    # user@host alone is an address as SSH has it, and no secret.
    if before and (has_place or ":" in before):
        start = word.find("//") + 2 if has_place else (begin.end() if begin else 0)
        if not has_place and ":" not in before[start:]:
            start = 0
        word = word[:start] + word[len(before) + 1 :] if start <= len(before) else word
    if has_place or "?" in word:
        word = _without_values(word, has_place)
    return word


def _without_values(word: str, has_place: bool) -> str:
    """A URI without the values of its query and path, and without its fragment."""
    path, mark, rest = word.partition("?")
    fragment_first = "#" in path
    if fragment_first:
        path, _, rest = word.partition("#")
        mark = "#"
    if has_place:
        path = _PAIR.sub(_pair, path)
        scheme, slashes, behind = path.partition("//")
        host, *folders = behind.split("/")
        parts = [host, *(HIDDEN if _TOKEN.fullmatch(name) else name for name in folders)]
        path = scheme + slashes + "/".join(parts)
    return path + mark + _query(rest, _ADDRESS.search(path) is not None or has_place)


def _query(query: str, bare: bool) -> str:
    """The part behind the first ? or #: names, with the values that are harmless.

    Args:
        bare: whether a part without a name may be a secret; else it may be a pattern of files.
    """
    closing = query[len(query.rstrip(")],.:;")) :]
    body = query[: len(query) - len(closing)]
    found = re.split(r"([&;?#])", body)
    for i in range(0, len(found), 2):
        part = found[i]
        if "=" in part:
            found[i] = _PAIR.sub(_pair, part)
        elif part and bare:
            found[i] = HIDDEN
    return "".join(found) + closing


def _pair(found: re.Match[str]) -> str:
    name, value = found[1], found[2]
    harmless = value in _EXAMPLES or (name.lower() in HARMLESS and _PLAIN.fullmatch(value))
    return found[0] if harmless or not value else f"{name}={HIDDEN}"
