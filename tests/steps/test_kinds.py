"""Every kind of subspace from preparation to figures; what is stored says the kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdml.errors import NotFoundError, SubspaceError
from sdml.steps.context import read_subspace
from sdml.steps.contract import require_subspace, stored_settings, stored_subspace
from sdml.steps.evaluate import evaluate
from sdml.steps.prepare import prepare
from sdml.steps.train import train
from tests.steps.conftest import MakeContext

Section = dict[str, Any]
KINDS: dict[str, Section] = {
    "random": {"dimension": 16},
    "identity": {"kind": "identity", "dimension": None},
    "simplex": {"kind": "simplex", "dimension": 16},
    "given": {"kind": "given", "source": "P.npy", "dimension": 16},
}


@pytest.fixture(autouse=True)
def _matrix(tmp_path: Path) -> None:
    np.save(tmp_path / "P.npy", np.linalg.qr(np.random.default_rng(1).normal(size=(16, 3)))[0])


def edit_manifest(store: Path, **settings: Any) -> None:
    """Change what the one stored subspace says of itself; a value of None is left out."""
    (path,) = store.glob("tiny/subspaces/*/manifest.json")
    content = json.loads(path.read_text())
    content["settings"] |= settings
    content["settings"] = {
        key: value
        for key, value in content["settings"].items()
        if value is not None or key == "source"
    }
    path.write_text(json.dumps(content))


@pytest.mark.usefixtures("plain_report")
@pytest.mark.parametrize("kind", KINDS)
def test_from_preparation_to_figures_above_chance(make: MakeContext, kind: str) -> None:
    context = make(subspace=KINDS[kind], training={"epochs": 20})
    version = context.catalog.get(prepare(context).subspace)
    assert stored_settings(version).kind == kind
    subspace = read_subspace(context.catalog, version)
    assert subspace.dimension == (3 if kind == "identity" else 16)
    assert subspace.form == ("simplex" if kind == "simplex" else "orthonormal")
    for modality in ("image", "text"):
        train(context, modality)
    evaluated = evaluate(context)
    chance = float(np.mean([pair["chance"] for pair in evaluated.pairs]))
    assert evaluated.mean_map > chance + 0.2


@pytest.mark.parametrize("stored", KINDS)
@pytest.mark.parametrize("asked", KINDS)
def test_another_kind_is_another_contract(make: MakeContext, stored: str, asked: str) -> None:
    made = prepare(make(subspace=KINDS[stored]))
    context = make(subspace=KINDS[asked])
    if stored == asked:
        assert require_subspace(context).uri == made.subspace
    else:
        with pytest.raises(NotFoundError, match=made.subspace.rpartition("/")[2]):
            require_subspace(context)
        assert prepare(context).subspace != made.subspace


@pytest.mark.parametrize("kind", ["random", "given"])
def test_a_manifest_of_before_there_were_kinds(
    make: MakeContext, tmp_path: Path, kind: str
) -> None:
    context = make(subspace=KINDS[kind])
    made = prepare(context)
    edit_manifest(tmp_path / "store", kind=None)
    found = stored_subspace(context)
    assert found is not None
    assert found.uri == made.subspace
    assert stored_settings(found).kind == kind


def test_a_given_unit_matrix_and_the_kind_are_one_subspace(
    make: MakeContext, tmp_path: Path
) -> None:
    np.save(tmp_path / "P.npy", np.eye(3))
    one = prepare(make(subspace={"kind": "given", "source": "P.npy", "dimension": 3}))
    other = make(subspace=KINDS["identity"])
    assert prepare(other).subspace == one.subspace
    assert stored_subspace(other) is not None


def test_the_identity_has_as_many_dimensions_as_classes(make: MakeContext) -> None:
    with pytest.raises(SubspaceError, match="is 16 and there are 3 classes: leave it out"):
        prepare(make(subspace={"kind": "identity", "dimension": 16}))
    context = make(subspace={"kind": "identity", "dimension": 3})
    assert stored_settings(context.catalog.get(prepare(context).subspace)).dimension == 3
