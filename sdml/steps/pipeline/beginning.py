"""The first two tasks: the parent run and the state of the sources; then the preparation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sdml.errors import DataError, UserError
from sdml.steps.asked_prior import check_prior_asked
from sdml.steps.context import Context
from sdml.steps.contract import base_subspace, require_subspace, stored_subspace
from sdml.steps.encoders import newest_encoders
from sdml.steps.partner import partner_for, partner_of
from sdml.steps.pipeline.records import Pins
from sdml.steps.pipeline.task import Task
from sdml.steps.prepare import prepare
from sdml.steps.sources import source_state
from sdml.store import Version

_SWEEP = "sweep"
_PRIOR = "prior"


@dataclass(frozen=True, kw_only=True)
class Begun:
    """What the preparation depends on, as one digest, and other modalities' encoders (URIs)."""

    inputs: str
    encoders: dict[str, str]


def begin(task: Task, *, modalities: Sequence[str], new_modality: bool, pipeline: str) -> Begun:
    """Start the run's parent in tracking and look at everything that a preparation reads.

    Args:
        modalities: names in the experiment file.
        new_modality: the collection's subspace must already be stored.
        pipeline: name of the pipeline.

    Raises:
        UserError: ``modalities`` is no list of modalities of the file.
        ExperimentError: the pipeline is ``prior``, and the file does not ask for a prior or one of
            the modalities cannot have one.
        NotFoundError: ``new_modality``, and no subspace is stored; or a modality's partner was not
            trained before.
    """
    _check_modalities(task, modalities)
    context = task.context
    for_prior = pipeline == _PRIOR
    if for_prior:
        check_prior_asked(context, modalities)
    others = {}
    if new_modality:
        subspace = require_subspace(context).path
        others = {
            version.manifest.modality or "": version.uri
            for version in newest_encoders(context, subspace=subspace, leave_out=modalities)
        }
    stored = _stored(context, for_prior=for_prior)
    begun = Begun(inputs=_inputs(task, modalities, stored), encoders=others)
    parent = task.resume_parent(pipeline)
    parent.tag({"pipeline": pipeline, "modalities": ", ".join(modalities), "inputs": begun.inputs})
    training = context.experiment.training
    settings: dict[str, str | int | float] = {
        "method": training.method,
        "epochs": training.epochs,
        "seed": training.seed,
    }
    if pipeline not in (_SWEEP, _PRIOR):  # each λ has a child of its own; a prior has no λ
        settings["lambda"] = training.lambda_
        parent.metrics({"lambda": training.lambda_})
    parent.params(settings)
    parent.leave()
    return begun


def prepare_pinned(
    task: Task,
    *,
    modalities: Sequence[str],
    new_modality: bool,
    inputs: str,
    for_prior: bool = False,
) -> Pins:
    """Prepare the modalities and pin what came out.

    Args:
        modalities: names in the experiment file.
        new_modality: the collection's subspace must already be stored.
        inputs: the digest that :func:`begin` has made.
        for_prior: for the random subspace that priors start from, also where one is selected.

    Raises:
        UserError: ``modalities`` is no list of modalities of the file.
        DataError: a source or the stored subspace is no longer what it was at the beginning.
        NotFoundError: the partner of a modality was not trained before.
    """
    _check_modalities(task, modalities)
    stored = _stored(task.context, for_prior=for_prior)
    # None: an earlier try of this task may have stored it and died before it was through
    tried = (stored, None) if stored else (None,)
    if inputs not in (_inputs(task, modalities, one) for one in tried):
        raise DataError(
            "the sources and the stored subspace must stay as they were when the run began, but "
            "one of them has changed: run the pipeline again"
        )
    task.tell_parent(task="prepare")
    made = prepare(
        task.context, modalities=modalities, new_modality=new_modality, for_prior=for_prior
    )
    partners = _partners(task, modalities)
    task.tell_parent(task="train")
    return Pins(subspace=made.subspace, features=made.features, partners=partners)


def _check_modalities(task: Task, modalities: object) -> None:
    """People type this parameter in Kubeflow's web pages, where it may be any JSON."""
    known = task.context.experiment.modalities
    if not isinstance(modalities, list | tuple) or not all(isinstance(m, str) for m in modalities):
        raise UserError(
            "the pipeline parameter 'modalities' must be a list of names, such as "
            f"{json.dumps(list(known))}, got {modalities!r}: correct it and run again"
        )
    if not modalities:
        raise UserError("a pipeline run needs at least one modality: give the parameter some")
    unknown = [name for name in modalities if name not in known]
    if unknown:
        raise UserError(
            "each name in the pipeline parameter 'modalities' must be in the experiment, which "
            f"has: {', '.join(known)}, but {unknown[0]!r} is not: correct one of the two"
        )


def _partners(task: Task, modalities: Sequence[str]) -> dict[str, str]:
    """URI of the encoder that each modality of method ``mtls`` is to be trained against.

    Raises:
        NotFoundError: there is none, or no subspace yet.
    """
    context = task.context
    named = {name: partner_of(context, name) for name in modalities}
    return {
        name: partner_for(context, name, partner, require_subspace(context)).encoder.uri
        for name, partner in named.items()
        if partner is not None
    }


def _stored(context: Context, *, for_prior: bool) -> Version | None:
    """The subspace that the modalities are prepared for, if there is one yet."""
    return base_subspace(context) if for_prior else stored_subspace(context)


def _inputs(task: Task, modalities: Sequence[str], stored: Version | None) -> str:
    """What decides the outcome of a preparation and the URIs it returns, as one digest.

    Args:
        stored: the subspace that is prepared for, if there is one yet.
    """
    context = task.context
    settings, store = context.experiment.modalities, context.catalog.store.uri
    parts: dict[str, Any] = {
        "store": store,
        "subspace": stored.manifest.id if stored else "",
        "wanted": context.experiment.subspace.model_dump(mode="json"),
        "modalities": {
            name: [
                settings[name].preparation(),
                source_state(settings[name], store, context.scratch, name=name),
            ]
            for name in (modalities if stored else settings)
        },
    }
    partners = _partners(task, modalities)
    if partners:  # only then, so that other digests stay
        parts["partners"] = partners
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
