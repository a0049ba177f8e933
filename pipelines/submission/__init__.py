"""Submission to a Kubeflow Pipelines server: connect, submit, watch."""

from __future__ import annotations

from pipelines.submission.connection import Connection
from pipelines.submission.errors import NoAnswerError, RefusedError, SubmissionError
from pipelines.submission.submit import Order, Submitted, schedule, submit
from pipelines.submission.watch import watch

__all__ = [
    "Connection",
    "NoAnswerError",
    "Order",
    "RefusedError",
    "SubmissionError",
    "Submitted",
    "schedule",
    "submit",
    "watch",
]
