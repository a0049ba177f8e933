"""What an experiment file must say for a prior to be learned and selected (method drcl)."""

from __future__ import annotations

from collections.abc import Sequence

from sdml.errors import ExperimentError
from sdml.experiment import DrclSettings
from sdml.steps.context import Context


def check_prior_asked(context: Context, modalities: Sequence[str]) -> None:
    """Refuse a file by which these modalities cannot compete for a prior.

    Raises:
        ExperimentError: it asks for another kind of subspace, has no such modality, or one of them
            has another method.
    """
    check_kind(context)
    for modality in modalities:
        drcl_settings(context, modality)


def check_kind(context: Context) -> None:
    """Refuse a file that asks for another kind of subspace.

    Raises:
        ExperimentError: it does.
    """
    kind = context.experiment.subspace.kind
    if kind != "prior":
        raise ExperimentError(
            "a prior is learned and selected for a file whose subspace.kind is prior, but it is "
            f"{kind}: change it"
        )


def drcl_settings(context: Context, modality: str) -> DrclSettings:
    """The section ``drcl`` of a modality's training.

    Raises:
        ExperimentError: there is no such modality, or its method is another one.
    """
    context.modality(modality)
    settings = context.experiment.training_of(modality)
    if settings.drcl is None:
        raise ExperimentError(
            f"modality {modality}: a prior is learned for method drcl, not {settings.method}: "
            "set training.method"
        )
    return settings.drcl
