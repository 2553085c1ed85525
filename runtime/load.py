"""From a selected artifact to a session that runs it."""

from __future__ import annotations

from edgenets import backend
from edgenets.bundle import Bundle
from edgenets.selection import Selection
from edgenets.tasks import task_of


def load(
    bundle: Bundle, selection: Selection, options: backend.Options | None = None
) -> backend.Session:
    """Load what was selected, with what the bundle carries beside it; see `bare`."""
    return task_of(bundle.spec.task).completed(bundle, bare(bundle, selection, options))


def bare(
    bundle: Bundle, selection: Selection, options: backend.Options | None = None
) -> backend.Session:
    """Load what was selected, alone; of a model of two networks a `Coupled`.

    Args:
        options: None: with the selection's number of threads.

    Raises:
        BackendError: the backend refuses the artifact.
    """
    artifact = selection.artifact
    options = options or backend.Options(threads=selection.threads)
    session = backend.load(selection.backend, artifact, bundle.files(artifact), options)
    if artifact.part != "decoder":
        return session
    other = bundle.other_half(artifact, "encoder")
    encoder = backend.load(selection.backend, other, bundle.files(other), options)
    return backend.Coupled(encoder, session)
