"""What can go wrong, as one tree.

    EdgenetsError                 exit code 2: the user can fix it; the message says how
    ├── RecordError               a recipe or manifest value of the wrong kind
    ├── RecipeError               a recipe that cannot be read or is not consistent
    ├── DataError                 recordings or a data folder that cannot be used
    ├── ModelError                a model file that cannot be read or is not what was announced
    ├── ConversionError           a model that cannot be converted
    │   └── UnsupportedPrecision  a precision that a format does not have
    ├── BundleError               an `.edge` file that is damaged, hostile or too new
    ├── BackendError              an artifact that a backend will not load or run
    ├── SourceError               a source that cannot be opened
    ├── SinkError                 a sink that cannot be written
    │   └── ReaderLeft            exit code 141: nobody reads stdout any more, as after `| head`
    ├── MissingExtra              an optional dependency that is not installed
    ├── DeviceError               a board that cannot be reached, or is not as it must be
    │   ├── FlashError            an image or a card that cannot be used
    │   ├── DeployFailed          exit code 1: the board serves what it served before
    │   ├── UpdateError           a published release that is not to be taken
    │   └── TwinError             a device twin that cannot be made or does not come up
    └── GateFailed                exit code 1: an artifact is not equal to its model

    FeatureWarning                a nicety that this release of a library does not offer

Errors of other libraries are turned into one of these where they cross into
edgenets, with `raise … from exc`. `edgenets.cli.main` turns them into an exit
code; nothing else does.
"""

from __future__ import annotations

from edgenets.redaction import redacted


def first_line(exc: BaseException) -> str:
    """What an error of another library says first; its kind where it says nothing."""
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0]


class EdgenetsError(Exception):
    """Base of every error that edgenets raises on purpose."""

    exit_code = 2

    def __init__(self, *words: object) -> None:
        """Take a message; secrets of URIs in it are left out."""
        super().__init__(*(redacted(word) if isinstance(word, str) else word for word in words))


class RecordError(EdgenetsError):
    """A value of a recipe or manifest is missing, unknown or of the wrong type."""


class RecipeError(EdgenetsError):
    """A recipe cannot be read, or its parts do not fit together."""


class DataError(EdgenetsError):
    """A data folder or a recording cannot be used."""


class ModelError(EdgenetsError):
    """A model file cannot be read, or is not what its spec says."""


class ConversionError(EdgenetsError):
    """A model cannot be converted; the message names the layer and the way out."""


class UnsupportedPrecision(ConversionError):
    """A format has no such precision; said, never faked."""


class BundleError(EdgenetsError):
    """An `.edge` file is damaged, tampered with, hostile, or of a newer version."""


class BackendError(EdgenetsError):
    """A backend refuses an artifact, or fails while it runs one."""


class SourceError(EdgenetsError):
    """A source cannot be opened or read."""


class SinkError(EdgenetsError):
    """A sink cannot be opened or written."""

    count = 1  # events that were not delivered


class ReaderLeft(SinkError):
    """Nobody reads stdout any more, and all results went there; nothing is said of it."""

    exit_code = 141  # as a shell shows it of a process that SIGPIPE has ended


class MissingExtra(EdgenetsError):
    """An optional dependency is needed and not installed."""


class DeviceError(EdgenetsError):
    """A board cannot be reached, or is not as it must be."""


class FlashError(DeviceError):
    """An image cannot be used, or a card is the wrong one, counterfeit, failing or gone."""


class DeployFailed(DeviceError):
    """A release did not hold on its board, which serves what it served before."""

    exit_code = 1


class UpdateError(DeviceError):
    """A published release is not to be taken: not signed, too old, expired, of another board."""


class TwinError(DeviceError):
    """A device twin cannot be made, or does not come up."""


class GateFailed(EdgenetsError):
    """At least one artifact failed verification."""

    exit_code = 1


class FeatureWarning(UserWarning):
    """An installed library lacks what an optional feature needs; the run goes on without it."""
