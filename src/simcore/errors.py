"""Errors the project raises on purpose."""


class SimCoreError(Exception):
    """Base of every error that the project raises on purpose."""


class InputError(SimCoreError, ValueError):
    """What the caller gave cannot be used; the message says what was given, what is allowed and what to do."""


class ArtefactError(SimCoreError):
    """A stored artefact is missing, incomplete or not what its header says; the message names the file."""
