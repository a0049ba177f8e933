"""DRCL's choice among priors: the class matrix W with the greatest score becomes the subspace.

It is a subspace of the collection like any other, of kind ``prior``, against which every modality
is then prepared and trained. The candidates are what ``prior.py`` has made.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdml.errors import IntegrityError, NotFoundError, UserError
from sdml.steps.asked_prior import check_kind
from sdml.steps.context import Context, origin, read_subspace
from sdml.steps.contract import require_base, stored_subspace
from sdml.steps.identity import score_of
from sdml.store import Version
from sdml.subspace import Subspace

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SelectedPrior:
    """The subspace made from the best candidate, and all the scores."""

    subspace: str
    modality: str
    scores: dict[str, float]


def select_prior(
    context: Context,
    *,
    modalities: Sequence[str] | None = None,
    candidates: Mapping[str, str] | None = None,
) -> SelectedPrior:
    """Make the candidate with the greatest score the collection's subspace.

    Args:
        modalities: whose newest candidates compete; by default those of the file whose method is
            drcl.
        candidates: these compete and no others: URIs by modality.

    Raises:
        ExperimentError: there is no such modality, or the file does not ask for a prior.
        NotFoundError: one of them has no candidate.
        UserError: the best one was selected before another one, which is newer; or the candidates
            were not learned from one and the same subspace.
    """
    check_kind(context)
    asked = context.experiment.subspace
    if candidates is None:
        base = require_base(context)
        found = _newest(context, modalities, base)
    else:
        found = {name: context.catalog.get(uri) for name, uri in candidates.items()}
        base = _common_base(context, found)
    scores = {name: score_of(version) for name, version in found.items()}
    best = max(scores, key=scores.__getitem__)
    classes = read_subspace(context.catalog, base).classes
    stored = Subspace.from_bytes(
        context.catalog.read(found[best], "prior.safetensors"),
        f"{found[best].uri}/prior.safetensors",
    )
    if stored.classes != classes:
        raise IntegrityError(
            f"{found[best].uri}: must have the classes of {base.uri}: learn it again"
        )
    version = context.catalog.publish(
        "subspace",
        id=stored.identity,
        objects={"projection.safetensors": stored.to_bytes()},
        seed=asked.seed,
        settings={
            "kind": "prior",
            "dimension": stored.dimension,
            "seed": asked.seed,
            "source": None,
            "classes": list(classes),
            "selected": best,
            "scores": dict(scores),
        },
        made_from={
            "base": base.path,
            **{f"prior-{name}": version.path for name, version in found.items()},
        },
    )
    newest = stored_subspace(context)
    if newest is None or newest.path != version.path:
        raise UserError(
            f"the prior of {best} was selected before, as {version.uri}, and another one after it, "
            f"which stays the subspace: {newest.uri if newest else 'none'}: learn it anew with "
            "another seed, or in another collection"
        )
    logger.info("selected the prior of %s among %s: %s", best, ", ".join(scores), version.uri)
    return SelectedPrior(subspace=version.uri, modality=best, scores=scores)


def _newest(
    context: Context, modalities: Sequence[str] | None, base: Version
) -> dict[str, Version]:
    """The newest candidate of each modality that was learned from this subspace."""
    experiment = context.experiment
    names = modalities or [
        name for name in experiment.modalities if experiment.training_of(name).method == "drcl"
    ]
    if not names:
        raise NotFoundError(
            "a prior is selected among modalities of method drcl, and the file has none: "
            "set training.method"
        )
    for name in names:
        context.modality(name)
    return {
        name: context.catalog.latest(
            "prior", name, where=lambda manifest: manifest.made_from.get("subspace") == base.path
        )
        for name in names
    }


def _common_base(context: Context, candidates: Mapping[str, Version]) -> Version:
    """The subspace that all of these were learned from."""
    paths = {origin(version, "subspace") for version in candidates.values()}
    if len(paths) != 1:
        raise UserError(
            "a prior is selected among candidates that were learned from one subspace, not from "
            f"{', '.join(sorted(paths)) or 'none'}: learn all of them in one run"
        )
    return context.catalog.get(paths.pop())
