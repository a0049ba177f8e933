"""What every step works with: the experiment, the store's catalog and the tracker."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from sdml.errors import ExperimentError, IntegrityError, MissingExtraError, SubspaceError
from sdml.experiment import Experiment, ModalitySettings
from sdml.store import Catalog, Version, open_store
from sdml.subspace import Subspace
from sdml.tracking import NullTracker, Tracker, open_tracker

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Context:
    """An opened experiment. Steps read and write only through it.

    ``scratch`` is where temporary files go; None is the system's place for them.
    """

    experiment: Experiment
    catalog: Catalog
    tracker: Tracker
    scratch: Path | None = None

    @classmethod
    def open(cls, experiment: Experiment, *, track: bool = True) -> Context:
        """Open store and tracker of an experiment; nothing is written by opening.

        Temporary files go where ``SDML_SCRATCH`` says.

        Raises:
            StoreAccessError: the store's URI cannot be used.
            MissingExtraError: the file asks for tracking, but mlflow is not installed.
        """
        named = os.environ.get("SDML_SCRATCH")
        scratch = Path(named) if named else None
        catalog = Catalog(open_store(experiment.store), experiment.collection, scratch=scratch)
        tracker = _tracker(experiment) if track else NullTracker()
        return cls(experiment=experiment, catalog=catalog, tracker=tracker, scratch=scratch)

    def modality(self, name: str) -> ModalitySettings:
        """Settings of a modality of the file.

        Raises:
            ExperimentError: the file has no such modality.
        """
        try:
            return self.experiment.modalities[name]
        except KeyError:
            raise ExperimentError(
                f"modality {name!r} is not in the experiment file, "
                f"which has: {', '.join(self.experiment.modalities)}"
            ) from None

    def subspace_of(self, version: Version) -> tuple[Version, Subspace]:
        """The subspace that a feature set or an encoder was made for.

        Raises:
            SubspaceError: the stored projection is not the one its id names.
        """
        made_for = self.catalog.get(origin(version, "subspace"))
        return made_for, read_subspace(self.catalog, made_for)


def origin(version: Version, role: str) -> str:
    """Path of the version that this one was made from.

    Raises:
        IntegrityError: the manifest does not say.
    """
    try:
        return version.manifest.made_from[role]
    except KeyError:
        raise IntegrityError(
            f"{version.uri}/manifest.json: made_from must name the {role} that it was made "
            "from, but does not: make the version again or restore it"
        ) from None


def _tracker(experiment: Experiment) -> Tracker:
    """The tracker; without mlflow, a file that does not speak of tracking is not tracked."""
    try:
        return open_tracker(experiment.tracking)
    except MissingExtraError as error:
        if "tracking" in experiment.model_fields_set:
            raise
        logger.warning("this run is not tracked: %s", error)
        return NullTracker()


def read_subspace(catalog: Catalog, version: Version) -> Subspace:
    """Read a stored subspace and check that its identity is its id.

    Raises:
        SubspaceError: the projection's identity differs from the version's id.
        IntegrityError: the object is damaged.
    """
    name = "projection.safetensors"
    subspace = Subspace.from_bytes(catalog.read(version, name), where=f"{version.uri}/{name}")
    if subspace.identity != version.manifest.id:
        raise SubspaceError(
            f"{version.uri}: a subspace's id must be its identity, but the projection inside has "
            f"identity {subspace.identity}: restore the object from a backup"
        )
    return subspace
