"""The new-modality pipeline, run for real on a copy of a trained collection."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sdml.steps.context import Context
from sdml.steps.prepare import prepare
from sdml.steps.train import train
from tests.pipelines.world import FinishedRun, checksums, write_experiment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def before(
    trained: FinishedRun, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, str]]:
    """A copy of the trained collection, and the checksums of all that it stores."""
    folder = tmp_path_factory.mktemp("new") / "world"
    shutil.copytree(trained.folder, folder)
    return folder, checksums(folder / "store")


@pytest.fixture(scope="module")
def extended(before: tuple[Path, dict[str, str]]) -> FinishedRun:
    """Audio, added by a file that names no other modality and no subspace."""
    folder, _ = before
    return FinishedRun("new-modality", write_experiment(folder, "audio", {"audio": 5}))


def test_leaves_every_older_object_as_it_was(
    before: tuple[Path, dict[str, str]], extended: FinishedRun
) -> None:
    folder, old = before
    new = checksums(folder / "store")
    assert {name: new.get(name) for name in old} == old
    kinds = {name.split("/")[1] for name in set(new) - set(old)}
    assert kinds == {"features", "encoders", "reports"}
    assert len(extended.context.catalog.versions("subspace")) == 1
    for modality, count in {"image": 1, "text": 1, "audio": 1}.items():
        assert len(extended.context.catalog.versions("encoder", modality)) == count


def test_the_new_encoder_is_the_one_that_the_step_makes(
    before: tuple[Path, dict[str, str]],
    trained: FinishedRun,
    extended: FinishedRun,
    tmp_path: Path,
) -> None:
    shutil.copytree(trained.folder / "store", tmp_path / "direct")
    store = {"store": str(tmp_path / "direct")}
    direct = Context.open(extended.experiment.model_copy(update=store))
    prepare(direct, new_modality=True)
    encoder = direct.catalog.get(train(direct, "audio").encoder)
    stored = {record.name: record.sha256 for record in encoder.manifest.objects}
    made = extended.context.catalog.latest("encoder", "audio")
    assert extended.weights(made.uri) == stored["encoder.safetensors"]


def test_evaluates_all_pairs_with_the_stored_encoders(extended: FinishedRun) -> None:
    encoders, figures = extended.reports()[-1]
    catalog = extended.context.catalog
    assert encoders == {m: catalog.latest("encoder", m).uri for m in ("image", "text", "audio")}
    names = ("image", "text", "audio")
    assert set(figures) == {f"map/{q}_to_{g}" for q in names for g in names if q != g}
