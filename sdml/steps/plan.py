"""One training, planned: everything looked up that decides its result, before anything starts.

A prior's training (``prior.py``) is planned and stored as an encoder's is, and says what differs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sdml.errors import SubspaceError, TrainingError
from sdml.experiment import SplitName, TrainingSettings
from sdml.features import Split, load_split
from sdml.steps.context import Context
from sdml.steps.contract import stored_subspace
from sdml.steps.identity import (
    BEST_EPOCH,
    PARTNER,
    Makes,
    Partner,
    flat,
    recorded,
    stored_result,
    training_identity,
)
from sdml.steps.partner import check_paired, partner_codes, partner_for
from sdml.steps.tracked_data import log_dataset
from sdml.store import Version
from sdml.subspace import Subspace
from sdml.tracking import Run
from sdml.training import ALONE, FitResult, Ranks, TrainingData
from sdml.training.device import find_device
from sdml.training.history import history_to_json
from sdml.training.precision import decided

Codes = npt.NDArray[np.float32] | None

HISTORY = "history.json"
"""Name of a training's history among the objects of what it has made."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One training, with everything looked up that decides its result.

    ``selected_by`` is the split whose losses select the epoch.
    """

    context: Context
    modality: str
    settings: TrainingSettings
    features: Version
    subspace_version: Version
    subspace: Subspace
    partner: Partner | None = None
    makes: Makes = "encoder"
    selected_by: SplitName = "validation"

    @cached_property
    def identity(self) -> str:
        """One digest of all that decides the result."""
        return training_identity(self.settings, self.features, self.subspace_version, self.partner)

    @property
    def splits(self) -> tuple[SplitName, ...]:
        """Those that the training sees."""
        return ("train",) if self.selected_by == "train" else ("train", self.selected_by)

    def tags(self, pipeline_run: str | None) -> dict[str, str]:
        """What a tracking run of this training can be found by."""
        return {
            "collection": self.context.experiment.collection,
            "level": "modality" if self.makes == "encoder" else self.makes,
            "modality": self.modality,
            "method": self.settings.method,
            "subspace": self.subspace.identity,
            "features": self.features.uri,
            **({PARTNER: self.partner.encoder.uri} if self.partner else {}),
            **({"pipeline_run": pipeline_run} if pipeline_run else {}),
        }

    def log_inputs(self, run: Run) -> None:
        """Track what decides every kind of training."""
        run.params({**self.features.manifest.settings, **flat(self.settings)})
        run.params({"modality": self.modality, "dimension": self.subspace.dimension})
        for split in self.splits:
            log_dataset(run, self.features, split)

    def stored(self) -> str:
        """URI of what this very training has made before, or an empty one."""
        catalog, settings = self.context.catalog, self.settings
        found = stored_result(catalog, self.makes, self.modality, settings, self.identity)
        return found.uri if found else ""

    def publish(self, fitted: FitResult, objects: Mapping[str, bytes], **results: float) -> Version:
        """Store what a finished training has made, with its history.

        Args:
            fitted: the training.
            objects: what is stored of it.
            results: stand among the settings, beside the selected epoch.
        """
        return self.context.catalog.publish(
            self.makes,
            modality=self.modality,
            objects={**objects, HISTORY: history_to_json(fitted.history)},
            settings={**flat(self.settings), BEST_EPOCH: fitted.best_epoch, **results},
            made_from={
                "subspace": self.subspace_version.path,
                "features": self.features.path,
                **({PARTNER: self.partner.encoder.path} if self.partner else {}),
            },
            seed=self.settings.seed,
            reuse=True,
        )

    def data(self) -> TrainingData:
        """The splits that are needed, verified."""
        catalog, features = self.context.catalog, self.features

        def read(split: SplitName) -> Split:
            return load_split(lambda name: catalog.local(features, name), split)

        names = (record.name for record in features.manifest.objects)
        catalog.bring(features, [name for name in names if name.partition(".")[0] in self.splits])
        found = {split: read(split) for split in self.splits}
        training, validation = found["train"], found[self.selected_by]
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
    """Look everything up that decides the training of an encoder.

    Raises:
        ExperimentError, NotFoundError, SubspaceError, DataError: as of
            :func:`sdml.steps.train.train`.
        TrainingError: another rank asks for another training.
    """
    device = find_device(settings.device, local_rank=ranks.local_rank, local_size=ranks.local_size)
    settings = decided(settings, device)
    version = features_for(context, modality, features, ranks)
    subspace_version, subspace = context.subspace_of(version)
    _check_method(context, settings, subspace_version, subspace)
    found = None
    if settings.mtls is not None:
        found = partner_for(context, modality, settings.mtls.partner, subspace_version, partner)
        check_paired(context, version, found.features)
    plan = Plan(
        context=context,
        modality=modality,
        settings=settings,
        features=version,
        subspace_version=subspace_version,
        subspace=subspace,
        partner=found,
    )
    if ranks.first_text(lambda: plan.identity) != plan.identity:
        raise TrainingError(
            f"processes that train together must have one experiment file, but that of process "
            f"{ranks.rank} asks for another training than that of process 0: give all the same"
        )
    return plan


def features_for(
    context: Context,
    modality: str,
    named: str | None,
    ranks: Ranks = ALONE,
    *,
    current: Callable[[Context], Version | None] = stored_subspace,
) -> Version:
    """The named feature set, or else the newest, which is for rank 0 to say.

    Args:
        context: the opened experiment.
        modality: whose.
        named: its URI, or None.
        ranks: processes that train together.
        current: as of :func:`prepared`.

    Raises:
        NotFoundError: there is none.
    """
    uri = ranks.first_text(lambda: named or prepared(context, modality, current).uri)
    version = context.catalog.get(uri)
    if named is None and ranks.leads:
        _compare_settings(context, modality, version)
    return version


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


def prepared(
    context: Context,
    modality: str,
    current: Callable[[Context], Version | None] = stored_subspace,
) -> Version:
    """The newest feature set of a modality for the collection's current subspace.

    Args:
        context: the opened experiment.
        modality: whose.
        current: says which subspace that is.

    Raises:
        NotFoundError: there is none.
    """
    subspace = current(context)
    path = subspace.path if subspace else ""
    return context.catalog.latest(
        "features", modality, where=lambda manifest: manifest.made_from.get("subspace") == path
    )
