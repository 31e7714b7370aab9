"""What can go wrong, in sentences a user can act on.

The core raises; each edge (command line, app, batch) maps the family to its own
language in one place: an exit code, an HTTP problem, a line in a manifest.
"""


class HepaticaError(Exception):
    """Base of every error that Hepatica raises on purpose.

    Parameters
    ----------
    message
        One sentence that says what is wrong, with the file's name if there is one.
    hint
        One sentence that says what to do about it; empty when there is nothing to do.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InputError(HepaticaError):
    """A file or volume cannot be used as it is."""


class OutputError(HepaticaError):
    """A result cannot be written."""


class BundleError(HepaticaError):
    """A model bundle is missing, incomplete or was changed."""


class ConfigError(HepaticaError):
    """A plan, training configuration or option is not valid."""


class ResourceError(HepaticaError):
    """The machine has too little memory, or lacks a package or device."""
