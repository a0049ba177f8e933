"""The registry of models: which version of a modality's encoder others should load.

Training only adds versions. The alias ``champion`` is moved by a person, with ``sdml promote``, so
unlike the record of a run this either happens now or is refused.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from sdml.errors import UserError
from sdml.tracking.address import parse_address

CHAMPION = "champion"


@dataclass(frozen=True, kw_only=True)
class RegisteredVersion:
    """One version of a model: its number, and the URI of the encoder that it was made of."""

    number: int
    encoder: str


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """The version that the alias names now, and the one that it named before, if any."""

    model: str
    version: RegisteredVersion
    replaced: RegisteredVersion | None

    @property
    def uri(self) -> str:
        """What to hand to ``mlflow.pyfunc.load_model``."""
        return f"models:/{self.model}@{CHAMPION}"


class Registry(ABC):
    """The registry of models of a tracking server."""

    @abstractmethod
    def promote(
        self, model: str, *, encoder: str | None = None, number: int | None = None
    ) -> Promotion:
        """Let the alias ``champion`` name a version.

        Args:
            model: ``<collection>.<modality>``.
            encoder: URI of the encoder whose version is meant; or
            number: that of the version.

        Raises:
            NotFoundError: there is no such version.
            TrackingError: the server is down, refuses, or keeps no registry.
        """

    @abstractmethod
    def reports(self, run_id: str) -> list[str]:
        """URIs of the reports of a run and of the runs below it, oldest first.

        Raises:
            NotFoundError: no such run, or none of them has a report.
            TrackingError: the server is down or refuses.
        """


def model_name(collection: str, modality: str) -> str:
    """The name under which a modality's encoders are registered.

    >>> model_name("digits", "image")
    'digits.image'
    """
    return f"{collection}.{modality}"


def open_registry(uri: str | None) -> Registry:
    """Open the registry at a tracking address.

    Raises:
        UserError: there is no address, or it is not one.
        MissingExtraError: mlflow is not installed.
    """
    if uri is None:
        raise UserError(
            "the registry of models is MLflow's, and the experiment file says tracking: null: "
            "name an MLflow server or a SQLite file there"
        )
    from sdml.tracking.mlflow import MlflowBackend
    from sdml.tracking.mlflow_registry import MlflowRegistry

    return MlflowRegistry(MlflowBackend(parse_address(uri)))
