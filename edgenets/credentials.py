"""Secrets that do not stand in a URI: in the environment, in files, or with systemd.

What is called MQTT_PASSWORD is looked for in this order:

    EDGENETS_MQTT_PASSWORD            in the environment, as /etc/edgenets/environment sets it
    EDGENETS_MQTT_PASSWORD_FILE       a file that the environment names
    edgenets.mqtt_password            in $CREDENTIALS_DIRECTORY, where systemd's LoadCredential=
                                      and LoadCredentialEncrypted= put it
"""

from __future__ import annotations

import os
import urllib.parse
from pathlib import Path

from edgenets.errors import EdgenetsError
from edgenets.redaction import remember

# All there are. USER and PASSWORD are of sources and sinks whose URI names no user; SINK_TOKEN is
# a webhook's, as `Authorization: Bearer`.
NAMES = (
    "MQTT_USER", "MQTT_PASSWORD", "SOURCE_USER", "SOURCE_PASSWORD", "SINK_USER", "SINK_PASSWORD",
    "SINK_TOKEN", "WEB_TOKEN",
)  # fmt: skip

# A file of secrets is short; a longer one is something else.
_LONGEST = 65_536  # bytes


def credential(name: str) -> str | None:
    """A secret by its name, one of `NAMES`; None where there is none.

    Raises:
        EdgenetsError: the file that holds it cannot be read.
    """
    assert name in NAMES, name
    found = _looked_up(name)
    if found is not None and not name.endswith("USER"):
        remember(found)
    return found


def with_user(url: str, kind: str) -> str:
    """A URL with the user and password of `{kind}_USER` and `{kind}_PASSWORD`.

    One that names a user and a password keeps them; one that names a user alone gets the password.

    Raises:
        EdgenetsError: the file that holds one of them cannot be read.
    """
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:  # whoever opens it says what is wrong
        return url
    given, password = parts.username, credential(f"{kind}_PASSWORD")
    user = urllib.parse.unquote(given) if given is not None else credential(f"{kind}_USER")
    if user is None or parts.password is not None:
        return url
    login = ":".join(urllib.parse.quote(x, "") for x in (user, password) if x is not None)
    remember(login)
    place = f"{login}@{parts.netloc.rpartition('@')[2]}"
    return urllib.parse.urlunsplit(parts._replace(netloc=place))


def _looked_up(name: str) -> str | None:
    if (found := os.environ.get(f"EDGENETS_{name}")) is not None:
        return found
    variable = f"EDGENETS_{name}_FILE"
    if (path := os.environ.get(variable)) is not None:
        return _read(Path(path), variable)
    if folder := os.environ.get("CREDENTIALS_DIRECTORY"):
        file = Path(folder) / f"edgenets.{name.lower()}"
        if file.exists():
            return _read(file, "CREDENTIALS_DIRECTORY")
    return None


def _read(path: Path, variable: str) -> str:
    """The text of a file, without the line end that editors leave."""
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST + 1).decode()
    except (OSError, UnicodeDecodeError) as exc:
        why = getattr(exc, "strerror", None) or "it is no text"
        raise EdgenetsError(f"{path}, which {variable} names: {why}") from exc
    if len(text) > _LONGEST:
        raise EdgenetsError(f"{path}, which {variable} names: longer than any secret")
    return text.rstrip("\r\n")
