"""The registry of models of an MLflow server or SQLite file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from sdml.errors import NotFoundError, TrackingError
from sdml.tracking.mlflow import MlflowBackend, child_runs
from sdml.tracking.mlflow_models import lacks_registry, versions
from sdml.tracking.names import mask
from sdml.tracking.registry import CHAMPION, Promotion, RegisteredVersion, Registry

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_T = TypeVar("_T")
_SHOWN = 3
_ABSENT = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


class MlflowRegistry(Registry):
    """Asks at once, and once: whoever promotes waits for the answer."""

    def __init__(self, backend: MlflowBackend) -> None:
        self._backend = backend

    def promote(
        self, model: str, *, encoder: str | None = None, number: int | None = None
    ) -> Promotion:
        """Move the alias; nothing is done if it names that version already."""
        return self._asked(lambda: self._promote(model, encoder, number))

    def reports(self, run_id: str) -> list[str]:
        """The tag ``report`` of the run and of its children."""
        return self._asked(lambda: self._reports(run_id))

    def _promote(self, model: str, encoder: str | None, number: int | None) -> Promotion:
        client = self._backend.client()
        there = versions(client, model)
        chosen = [
            found
            for found in there
            if (number is None or int(found.version) == number)
            and (encoder is None or found.tags.get("encoder") == encoder)
        ]
        if not chosen:
            wanted = f"of the encoder {encoder}" if number is None else f"{number}"
            advice = (
                "name one of these"
                if there and number is not None
                else "train with tracking, with 'sdml train --reuse' if it was trained without, or "
                "send what waits with 'sdml resend'"
            )
            listed = ", ".join(f"{v.version} ({v.tags.get('encoder')})" for v in there[:_SHOWN])
            raise NotFoundError(
                f"{self._backend.address}: the model {model} has no version {wanted} (newest: "
                f"{listed or 'none at all'}): {advice}"
            )
        before = self._champion(model)
        if before is None or before.version != chosen[0].version:
            client.set_registered_model_alias(model, CHAMPION, chosen[0].version)
        return Promotion(
            model=model, version=_known(chosen[0]), replaced=_known(before) if before else None
        )

    def _champion(self, model: str) -> ModelVersion | None:
        from mlflow.exceptions import MlflowException

        try:
            return self._backend.client().get_model_version_by_alias(model, CHAMPION)
        except MlflowException as error:
            if error.error_code not in _ABSENT:
                raise
            return None

    def _reports(self, run_id: str) -> list[str]:
        from mlflow.exceptions import MlflowException

        client = self._backend.client()
        try:
            run = client.get_run(run_id)
        except MlflowException as error:
            if error.error_code not in _ABSENT:
                raise
            raise NotFoundError(
                f"{self._backend.address}: there is no run {run_id!r}: look its id up"
            ) from error
        found = [
            report
            for one in (run, *child_runs(client, run))
            if (report := one.data.tags.get("report"))
        ]
        if not found:
            raise NotFoundError(
                f"{self._backend.address}: neither the run {run_id!r} nor one below it has a "
                "report: evaluate it first"
            )
        return list(dict.fromkeys(found))

    def _asked(self, work: Callable[[], _T]) -> _T:
        result: list[_T] = []
        missing: list[NotFoundError] = []

        def attempted() -> None:
            try:
                result.append(work())
            except NotFoundError as error:
                missing.append(error)

        failure = self._backend.attempt(attempted)
        if missing:
            raise missing[0]
        if failure is not None:
            lacking = lacks_registry(failure.cause)
            reason = "it keeps no registry of models" if lacking else mask(failure.reason)
            raise TrackingError(
                f"the tracking server {self._backend.address} must answer, it does not: {reason}"
            ) from failure.cause
        return result[0]


def _known(version: ModelVersion) -> RegisteredVersion:
    return RegisteredVersion(
        number=int(version.version), encoder=version.tags.get("encoder", "unknown")
    )
