"""One training, planned: everything looked up that decides its result, before anything starts."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdml.errors import SubspaceError, TrainingError
from sdml.experiment import SplitName, TrainingSettings
from sdml.features import Split, load_split
from sdml.steps.context import Context
from sdml.steps.contract import stored_subspace
from sdml.steps.identity import PARTNER, Partner, recorded, stored_result, training_identity
from sdml.steps.partner import check_paired, partner_codes, partner_for
from sdml.store import Version
from sdml.subspace import Subspace
from sdml.training import ALONE, Ranks, TrainingData
from sdml.training.device import find_device
from sdml.training.precision import decided

Codes = npt.NDArray[np.float32] | None

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One training, with everything looked up that decides its result."""

    context: Context
    modality: str
    settings: TrainingSettings
    features: Version
    subspace_version: Version
    subspace: Subspace
    identity: str
    partner: Partner | None = None

    def tags(self, pipeline_run: str | None) -> dict[str, str]:
        """What a tracking run of this training can be found by."""
        return {
            "collection": self.context.experiment.collection,
            "level": "modality",
            "modality": self.modality,
            "method": self.settings.method,
            "subspace": self.subspace.identity,
            "features": self.features.uri,
            **({PARTNER: self.partner.encoder.uri} if self.partner else {}),
            **({"pipeline_run": pipeline_run} if pipeline_run else {}),
        }

    def stored(self) -> str:
        """URI of an encoder that this very training has made before, or an empty one."""
        catalog, settings = self.context.catalog, self.settings
        found = stored_result(catalog, "encoder", self.modality, settings, self.identity)
        return found.uri if found else ""

    def data(self) -> TrainingData:
        """The splits that are needed, verified."""

        catalog, features = self.context.catalog, self.features

        def read(split: SplitName) -> Split:
            return load_split(lambda name: catalog.local(features, name), split)

        names = (record.name for record in features.manifest.objects)
        catalog.bring(features, [n for n in names if n.startswith(("train.", "validation."))])
        training, validation = read("train"), read("validation")
        codes: tuple[Codes, Codes] = (None, None)
        if self.partner is not None:
            logger.info(
                "method mtls, our reading of it and not the authors' method, trains %s against %s",
                self.modality,
                self.partner.encoder.uri,
            )
            codes = partner_codes(self.context, self.partner.encoder)
        return TrainingData(
            features_ND=training.features_ND,
            labels=training.labels,
            validation_features_ND=validation.features_ND,
            validation_labels=validation.labels,
            partner_NK=codes[0],
            validation_partner_NK=codes[1],
        )


def planned(
    context: Context,
    modality: str,
    settings: TrainingSettings,
    features: str | None,
    ranks: Ranks = ALONE,
    *,
    partner: str | None = None,
) -> Plan:
    """Look everything up; which feature set is the newest is for rank 0 to say.

    Raises:
        ExperimentError, NotFoundError, SubspaceError, DataError: as of
            :func:`sdml.steps.train.train`.
        TrainingError: another rank asks for another training.
    """
    device = find_device(settings.device, local_rank=ranks.local_rank, local_size=ranks.local_size)
    settings = decided(settings, device)
    chosen = ranks.first_text(lambda: features or prepared(context, modality).uri)
    version = context.catalog.get(chosen)
    if features is None and ranks.leads:
        _compare_settings(context, modality, version)
    subspace_version, subspace = context.subspace_of(version)
    _check_method(context, settings, subspace_version, subspace)
    found = None
    if settings.mtls is not None:
        found = partner_for(context, modality, settings.mtls.partner, subspace_version, partner)
        check_paired(context, version, found.features)
    identity = training_identity(settings, version, subspace_version, found)
    if ranks.first_text(lambda: identity) != identity:
        raise TrainingError(
            f"processes that train together must have one experiment file, but that of process "
            f"{ranks.rank} asks for another training than that of process 0: give all the same"
        )
    return Plan(
        context=context,
        modality=modality,
        settings=settings,
        features=version,
        subspace_version=subspace_version,
        subspace=subspace,
        identity=identity,
        partner=found,
    )


def _compare_settings(context: Context, modality: str, features: Version) -> None:
    """Say so where the file has changed since the features were prepared."""
    now, then = recorded(context.modality(modality)), features.manifest.settings
    changed = sorted(key for key in {*now, *then} if now.get(key) != then.get(key))
    if changed:
        logger.warning(
            "modality %s: its features were prepared with another %s and are used as they are: "
            "run 'sdml prepare' to prepare them as the file says now",
            modality,
            ", ".join(changed),
        )


def _check_method(
    context: Context, settings: TrainingSettings, version: Version, subspace: Subspace
) -> None:
    """What a method asks of the subspace."""
    if settings.method == "sdml" and subspace.form == "free":
        raise SubspaceError(
            f"method sdml needs unit columns, but {version.uri} was learned and has others: take "
            "method drcl or classifier, or another kind of subspace"
        )
    asked = context.experiment.subspace
    if asked.kind == "prior" and subspace.form != "free":
        raise SubspaceError(
            f"{version.uri} is what a prior starts from, and none is selected or prepared for "
            "yet: run the prior pipeline, or 'sdml prior fit' and 'sdml prior select', then "
            "'sdml prepare'"
        )


def prepared(context: Context, modality: str) -> Version:
    """The newest feature set of a modality for the collection's current subspace."""
    current = stored_subspace(context)
    path = current.path if current else ""
    return context.catalog.latest(
        "features", modality, where=lambda manifest: manifest.made_from.get("subspace") == path
    )
