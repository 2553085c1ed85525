"""URIs as messages show them: without what is nobody's to read."""

from __future__ import annotations

import pytest

from edgenets.uri import shown


@pytest.mark.parametrize(
    ("uri", "wanted"),
    [
        ("rtsp://u:p@host/a", "rtsp://host/a"), ("rtsp://u:p@ss@host/a", "rtsp://host/a"),
        ("rtsp://u:p/w@host/a", "rtsp://host/a"), ("mqtt://bob@host:1/t", "mqtt://host:1/t"),
        ("http://host/x?token=abc&a=1", "http://host/x?token=…&a=…"),
        ("web:80?Token=abc", "web:80?Token=…"), ("rtsp://host/x?password=a", "rtsp://host/x?password=…"),
        ("http://host/a@b", "http://b"), ("camera:0?size=1x1", "camera:0?size=1x1"), ("", ""),
    ],
)  # fmt: skip
def test_secrets_are_left_out(uri: str, wanted: str) -> None:
    """Rather too much is left out than too little."""
    assert shown(uri) == wanted
