"""What can go wrong between this machine and a Kubeflow Pipelines server.

``SubmissionError`` is a failure (exit 1), ``RefusedError`` the caller's mistake (exit 2): the
address, the credentials or the request must change, and trying again cannot help.
"""

from __future__ import annotations

from sdml.errors import SDMLError, UserError


class SubmissionError(SDMLError):
    """No answer, a server that failed, or a run that did not end well."""


class NoAnswerError(SubmissionError):
    """Nothing usable came back now; later may be better."""


class RefusedError(UserError):
    """The server, or what stands before it, refused. ``status`` is the HTTP status, or 0."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
