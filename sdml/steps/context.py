"""What every step works with: the experiment, the store's catalog and the tracker."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sdml.errors import ExperimentError, SubspaceError
from sdml.experiment import Experiment, ModalitySettings
from sdml.store import Catalog, Manifest, Version, open_store
from sdml.subspace import Subspace
from sdml.tracking import NullTracker, Tracker, open_tracker


@dataclass(frozen=True, kw_only=True)
class Context:
    """An opened experiment. Steps read and write only through it."""

    experiment: Experiment
    catalog: Catalog
    tracker: Tracker

    @classmethod
    def open(cls, experiment: Experiment, *, track: bool = True) -> Context:
        """Open store and tracker of an experiment; nothing is written by opening.

        Raises:
            StoreAccessError: the store's URI cannot be used.
            MissingExtraError: tracking is asked for, but not installed.
        """
        scratch = os.environ.get("SDML_SCRATCH")
        catalog = Catalog(
            open_store(experiment.store),
            experiment.collection,
            scratch=Path(scratch) if scratch else None,
        )
        tracker = open_tracker(experiment.tracking) if track else NullTracker()
        return cls(experiment=experiment, catalog=catalog, tracker=tracker)

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

    def subspace_of(self, manifest: Manifest) -> tuple[Version, Subspace]:
        """The subspace that a feature set or an encoder was made for.

        Raises:
            SubspaceError: the stored projection is not the one its id names.
        """
        version = self.catalog.get(manifest.made_from["subspace"])
        subspace = read_subspace(self.catalog, version)
        return version, subspace


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
