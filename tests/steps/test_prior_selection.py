"""Which candidates compete for the subspace, and what is no choice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdml.errors import ExperimentError, IntegrityError, NotFoundError, UserError
from sdml.steps.context import Context
from sdml.steps.prepare import prepare
from sdml.steps.prior import fit_prior
from sdml.steps.prior_selection import select_prior
from tests.steps.conftest import MakeContext


@pytest.fixture
def context(make: MakeContext) -> Context:
    """Prepared, but no prior learned."""
    made = make(subspace={"kind": "prior"}, training={"method": "drcl"})
    prepare(made)
    return made


def test_only_the_given_candidates_compete(context: Context, make: MakeContext) -> None:
    given = {name: fit_prior(context, name) for name in ("image", "text")}
    later = make(
        subspace={"kind": "prior"},
        training={"method": "drcl", "epochs": 20, "drcl": {"prior_learning_rate": 0.01}},
    )
    better = fit_prior(later, "text")
    assert better.score > max(made.score for made in given.values())
    made = select_prior(context, candidates={name: p.prior for name, p in given.items()})
    assert made.scores == {name: prior.score for name, prior in given.items()}
    made_from = context.catalog.get(made.subspace).manifest.made_from
    assert given["text"].prior.endswith(made_from["prior-text"])
    assert select_prior(context).scores["text"] == better.score  # by itself, the newest


def test_candidates_must_have_one_start(context: Context, make: MakeContext) -> None:
    one = fit_prior(context, "image").prior
    other = make(subspace={"kind": "prior", "seed": 1}, training={"method": "drcl"})
    prepare(other)
    two = fit_prior(other, "text").prior
    with pytest.raises(UserError, match="learned from one subspace, not from subspaces/"):
        select_prior(context, candidates={"image": one, "text": two})
    with pytest.raises(UserError, match="learned from one subspace, not from none"):
        select_prior(context, candidates={})


def test_a_preparation_for_priors_is_for_the_random_subspace(context: Context) -> None:
    (base,) = context.catalog.versions("subspace")
    for name in ("image", "text"):
        fit_prior(context, name)
    selected = select_prior(context).subspace
    assert prepare(context).subspace == selected
    assert prepare(context, for_prior=True).subspace == base.uri


def test_a_file_without_a_modality_of_the_method_is_told(make: MakeContext) -> None:
    context = make(subspace={"kind": "prior"}, training={"method": "classifier"})
    prepare(context)
    with pytest.raises(NotFoundError, match="the file has none"):
        select_prior(context)
    with pytest.raises(ExperimentError, match="image: a prior is learned for method drcl"):
        fit_prior(context, "image")


def test_a_candidate_without_a_score_is_damaged(context: Context, tmp_path: Path) -> None:
    made = fit_prior(context, "image")
    file = Path(made.prior) / "manifest.json"
    manifest = json.loads(file.read_text())
    del manifest["settings"]["score"]
    file.write_text(json.dumps(manifest))
    fresh = Context(
        experiment=context.experiment,
        catalog=type(context.catalog)(context.catalog.store, "tiny"),
        tracker=context.tracker,
    )
    with pytest.raises(IntegrityError, match=r"settings\.score must be a number"):
        select_prior(fresh, modalities=["image"])
