"""`edgenets.artifact` under its old name, for scripts that import it."""

from edgenets.artifact import *  # noqa: F403 - all of it
from edgenets.artifact import Artifact as Artefact

__all__ = ["Artefact"]
