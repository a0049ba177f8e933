"""Every error that SDML raises on purpose, and the process exit code each one means.

::

    SDMLError                    exit 1
    ├── UserError                exit 2   the caller's input must change
    │   ├── ExperimentError               the experiment file
    │   ├── DataError                     a feature file, its labels or a raw item
    │   ├── SubspaceError                 P or its classes; mixing two subspaces
    │   ├── NotFoundError                 the store holds no such version
    │   ├── StoreAccessError              wrong credentials, no such bucket, bad URI
    │   └── MissingExtraError             an optional dependency is not installed
    ├── StoreError               exit 1   the store failed although it was asked rightly
    │   ├── StoreUnavailableError         no answer after all retries
    │   ├── StoreFullError                no space left, quota reached
    │   └── IntegrityError                bytes do not match their manifest
    ├── TrainingError            exit 1   the loss is no longer finite
    │   └── RankError                     one of several processes has failed or is gone
    ├── TrackingError            exit 1   the tracking server refused for good
    └── Interrupted              exit 143 SIGTERM: ended in good order, to be started again

A message says what must hold, what was received and from where, and what to do about it,
on one line. Errors of other libraries are mapped where they arise and chained with ``from``.
"""

from __future__ import annotations


class SDMLError(Exception):
    """Root of the tree. ``exit_code`` is what the command line returns for it."""

    exit_code = 1


class UserError(SDMLError):
    """The input must change; trying again without a change cannot help."""

    exit_code = 2


class ExperimentError(UserError):
    """The experiment file is unreadable, or a value in it is not allowed."""


class DataError(UserError):
    """A feature file, a label or a raw item is not what was promised."""


class SubspaceError(UserError):
    """A projection is not usable, or two different subspaces were about to be mixed."""


class NotFoundError(UserError):
    """The store holds no version with that kind, modality or id."""


class StoreAccessError(UserError):
    """The store refused: credentials, permissions, bucket or URI are wrong."""


class MissingExtraError(UserError):
    """A feature needs an optional dependency; the message names the extra to install."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs packages that are not installed: run: pip install 'sdml[{extra}]'"
        )


class StoreError(SDMLError):
    """The store failed while doing what it was rightly asked to do."""


class StoreUnavailableError(StoreError):
    """The store gave no usable answer after all retries."""


class StoreFullError(StoreError):
    """The store has no room for the object."""


class IntegrityError(StoreError):
    """The bytes of an object are not those its manifest promises."""


class TrainingError(SDMLError):
    """Training cannot go on: the loss is not finite."""


class RankError(TrainingError):
    """Another process of this training has failed or is gone."""


class TrackingError(SDMLError):
    """The tracking server refused for good."""


class Interrupted(SDMLError):  # noqa: N818  (nothing went wrong)
    """The process was told to end (SIGTERM), and did; starting it again goes on from there."""

    exit_code = 143  # what a shell and a kubelet say of a process that SIGTERM has ended
