from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sdml.errors import IntegrityError, NotFoundError, SubspaceError
from sdml.features import Table
from sdml.features.rows import Rows
from sdml.steps.contract import (
    new_subspace,
    publish_subspace,
    require_subspace,
    stored_settings,
    stored_subspace,
    vocabulary,
)
from sdml.steps.prepare import prepare
from sdml.subspace import Subspace
from tests.steps import tiny
from tests.steps.conftest import MakeContext

COLUMNS = np.ones((4, 2), dtype=np.float32)


def table(labels: list[int] | list[str], split: list[int] | None = None) -> Table:
    return Table(
        features=Rows.of_array(np.ones((len(labels), 2), dtype=np.float32), where="here"),
        labels=np.array(labels),
        split_N=None if split is None else np.array(split, dtype=np.int8),
    )


def test_the_vocabulary_is_the_sorted_union_of_training_labels() -> None:
    tables = {"a": table([10, 2, 99], [0, 0, 2]), "b": table([9, 2], [0, 0])}
    assert vocabulary(tables) == ("2", "9", "10")


def test_one_name_that_is_no_number_makes_the_order_alphabetic() -> None:
    assert vocabulary({"a": table([10, 2]), "b": table(["cat"])}) == ("10", "2", "cat")


def test_a_new_subspace_is_the_seeded_one_for_the_classes(make: MakeContext) -> None:
    context = make(subspace={"dimension": 12, "seed": 7})
    made = new_subspace(context, {"a": table([1, 0])})
    assert made.identity == Subspace.random(["0", "1"], dimension=12, seed=7).identity


def test_explicit_classes_keep_their_order(make: MakeContext) -> None:
    context = make(subspace={"dimension": 12, "seed": 0, "classes": ["b", "a"]})
    assert new_subspace(context, {}).classes == ("b", "a")


def test_fewer_dimensions_than_classes_are_refused(make: MakeContext) -> None:
    context = make(subspace={"dimension": 2, "seed": 0})
    with pytest.raises(SubspaceError, match="K = 2 is smaller than C = 3"):
        prepare(context)


def test_publishing_the_same_subspace_twice_changes_nothing(
    make: MakeContext, tmp_path: Path
) -> None:
    context = make()
    subspace = new_subspace(context, {"a": table([0, 1])})
    first = publish_subspace(context, subspace)
    before = tiny.checksums(tmp_path / "store")
    assert publish_subspace(context, subspace) == first
    assert tiny.checksums(tmp_path / "store") == before
    assert first.manifest.id == subspace.identity


def test_a_file_without_a_section_takes_any_stored_subspace(make: MakeContext) -> None:
    made = prepare(make(subspace={"dimension": 12, "seed": 3}))
    free = make(subspace=None)
    found = stored_subspace(free)
    assert found is not None
    assert found.uri == made.subspace


@pytest.mark.parametrize(
    "asked",
    [
        {"dimension": 17, "seed": 0},
        {"dimension": 16, "seed": 1},
        {"dimension": 16, "seed": 0, "classes": ["2", "1", "0"]},
        {"dimension": 16, "source": "P.npy"},
    ],
)
def test_a_new_modality_with_other_settings_is_refused(
    make: MakeContext, tmp_path: Path, asked: dict[str, object]
) -> None:
    made = prepare(make())
    np.save(tmp_path / "P.npy", np.linalg.qr(np.random.default_rng(1).normal(size=(16, 3)))[0])
    before = tiny.checksums(tmp_path / "store")
    context = make(subspace=asked)
    identity = made.subspace.rpartition("/")[2]
    with pytest.raises(
        NotFoundError, match=rf"{identity} \(dimension 16, seed 0.*\).*leave it out"
    ):
        require_subspace(context)
    with pytest.raises(NotFoundError):
        prepare(context, new_modality=True)
    assert tiny.checksums(tmp_path / "store") == before


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (["0", "1", "2", "3"], "seed 0, without class '3')"),
        (["0", "1"], "seed 0, with class '2' besides)"),
        (["a", "1", "2"], "seed 0, without class 'a' and with class '0' besides)"),
        (["1", "0", "2"], "seed 0, its classes in another order)"),
        ([*"012", *"abcdefgh"], "seed 0, without classes 'a', 'b', 'c', 'd', 'e' and 3 more)"),
    ],
)
def test_a_refused_new_modality_learns_which_classes_differ(
    make: MakeContext, classes: list[str], said: str
) -> None:
    prepare(make())
    context = make(subspace={"dimension": 16, "seed": 0, "classes": classes})
    with pytest.raises(NotFoundError) as refused:
        require_subspace(context)
    assert said in str(refused.value)


def test_a_new_modality_without_any_subspace_is_refused(make: MakeContext, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"has none.*sdml prepare"):
        prepare(make(), new_modality=True)
    assert not (tmp_path / "store").exists()


def test_a_given_matrix_is_found_again_by_its_content(make: MakeContext, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    first, second = (np.linalg.qr(generator.normal(size=(16, 16)))[0] for _ in range(2))
    np.save(tmp_path / "P.npy", first)
    context = make(subspace={"dimension": 16, "source": "P.npy"})
    one = prepare(context)
    assert prepare(context) == one
    np.save(tmp_path / "P.npy", second)
    assert stored_subspace(context) is None
    two = prepare(context)
    assert two.subspace != one.subspace
    np.save(tmp_path / "P.npy", first)
    assert prepare(context).subspace == one.subspace
    stored = context.catalog.get(one.subspace)
    assert stored_settings(stored).source == "P.npy"


@pytest.mark.parametrize("lost", ["dimension", "classes"])
def test_a_manifest_that_does_not_say_how_is_an_integrity_error(
    make: MakeContext, tmp_path: Path, lost: str
) -> None:
    prepare(make())
    (path,) = (tmp_path / "store").glob("tiny/subspaces/*/manifest.json")
    content = json.loads(path.read_text())
    content["settings"][lost] = "?"
    path.write_text(json.dumps(content))
    with pytest.raises(IntegrityError, match=f"{path}.*{lost}"):
        stored_subspace(make())
