"""Encoders in MLflow's registry of models, and the alias ``champion``: on a SQLite file."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sdml.errors import NotFoundError, TrackingError, UserError
from sdml.steps.context import Context
from sdml.steps.encoders import open_encoder
from sdml.steps.evaluate import evaluate
from sdml.steps.prepare import prepare
from sdml.steps.promote import promote
from sdml.steps.train import train
from sdml.tracking import mlflow_models, open_registry, open_tracker, resend
from sdml.tracking.events import Model, zipped
from tests.steps import tiny

if TYPE_CHECKING:
    from mlflow import MlflowClient

    Reader = Callable[[str], MlflowClient]


@dataclass(frozen=True)
class World:
    """A collection that is tracked in a SQLite file; ``a`` and ``b`` are URIs of encoders."""

    context: Context
    uri: str
    a: str
    b: str


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("registry")
    uri = f"sqlite:///{folder}/mlflow.db"
    tiny.write_sources(folder, "image", "text")
    image = {"source": "image.npz", "transform": ["standardize", "l2"]}
    file = tiny.write_experiment(folder, "image", "text", tracking=uri, modalities={"image": image})
    context = tiny.open_file(file, open_tracker(uri))
    prepare(context)
    a = train(context, "image").encoder
    b = train(context, "image", lambda_=0.1).encoder
    train(context, "image", reuse=True)
    return World(context, uri, a, b)


def load(uri: str, model: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        return mlflow.pyfunc.load_model(model)
    finally:
        mlflow.set_tracking_uri(before)


def test_training_adds_a_version_for_each_encoder_and_no_alias(
    world: World, reader: Reader
) -> None:
    found = reader(world.uri).search_model_versions("name = 'tiny.image'")
    assert {int(v.version): v.tags["encoder"] for v in found} == {1: world.a, 2: world.b}
    assert {v.tags["lambda"] for v in found} == {"0.5", "0.1"}
    assert reader(world.uri).get_registered_model("tiny.image").aliases == {}


def test_the_version_loads_without_pickle_and_gives_the_same_codes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    features_ND = tiny.arrays("image")["X"]
    for number, uri in ((1, world.a), (2, world.b)):
        encoder = open_encoder(world.context, world.context.catalog.get(uri))
        expected_NK = encoder.network.embed(encoder.transform.apply(features_ND))
        model = load(world.uri, f"models:/tiny.image/{number}")
        for given in (features_ND, features_ND.astype(np.float64), features_ND.tolist()):
            codes_NK = np.asarray(model.predict(given))
            assert codes_NK.dtype == np.float32
            np.testing.assert_allclose(codes_NK, expected_NK, atol=1e-6)


def test_the_version_needs_neither_sdml_nor_torch(world: World, tmp_path: Path) -> None:
    code = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('sdml', 'torch', 'cloudpickle_of_sdml'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "import mlflow, numpy\n"
        "mlflow.set_tracking_uri(sys.argv[1])\n"
        "model = mlflow.pyfunc.load_model('models:/tiny.image/1')\n"
        "print(model.predict(numpy.ones((2, 8))).shape)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, world.uri],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "(2, 16)"
    assert "Warning" not in done.stderr


def test_features_of_another_width_are_refused(world: World) -> None:
    model = load(world.uri, "models:/tiny.image/1")
    with pytest.raises(ValueError, match="takes rows of 8 features"):
        model.predict(np.ones((2, 7)))
    with pytest.raises(ValueError, match="finite"):
        model.predict(np.full((1, 8), np.nan))


def test_promotion_moves_the_alias_and_says_what_it_replaced(world: World) -> None:
    first = promote(world.context, "image", encoder=world.a)
    assert (first.version.number, first.replaced, first.uri) == (
        1,
        None,
        "models:/tiny.image@champion",
    )
    second = promote(world.context, "image")  # the newest
    assert (second.version.number, second.version.encoder) == (2, world.b)
    assert second.replaced == first.version
    again = promote(world.context, "image", number=2)
    assert again.replaced == again.version
    assert np.shape(load(world.uri, second.uri).predict(np.ones((1, 8)))) == (1, 16)


def test_what_cannot_be_promoted(world: World) -> None:
    with pytest.raises(UserError, match="not both"):
        promote(world.context, "image", encoder=world.a, number=1)
    with pytest.raises(NotFoundError, match=r"no version 7 \(newest: 2 .*name one of these"):
        promote(world.context, "image", number=7)
    with pytest.raises(UserError, match="encoder of text"):
        promote(world.context, "text", encoder=world.a)
    with pytest.raises(NotFoundError, match=r"none at all.*sdml resend"):
        promote(world.context, "text", number=1)
    with pytest.raises(UserError, match="tracking: null"):
        open_registry(None)


def test_reports_of_a_run_and_of_those_below_it(world: World, reader: Reader) -> None:
    registry = open_registry(world.uri)
    tracker = world.context.tracker
    parent = tracker.start("tiny", "sweep")
    for name in ("r1", "r2"):
        with tracker.start("tiny", name, parent=parent.id) as child:
            child.tag({"report": f"/store/tiny/reports/{name}"})
    parent.finish()
    assert registry.reports(parent.id) == [f"/store/tiny/reports/{n}" for n in ("r1", "r2")]
    assert registry.reports(child.id) == ["/store/tiny/reports/r2"]
    with pytest.raises(NotFoundError, match="there is no run"):
        registry.reports("0" * 32)
    with tracker.start("tiny", "bare") as bare:
        pass
    with pytest.raises(NotFoundError, match="evaluate it first"):
        registry.reports(bare.id)


def test_weights_too_large_to_copy_are_loaded_from_the_store(
    world: World, monkeypatch: pytest.MonkeyPatch, reader: Reader
) -> None:
    monkeypatch.setattr("sdml.steps.registered.COPIED_BYTES", 10)
    made = train(world.context, "image", lambda_=0.9)
    (version,) = (
        v
        for v in reader(world.uri).search_model_versions("name = 'tiny.image'")
        if v.tags["encoder"] == made.encoder
    )
    folder = Path(str(version.source).removeprefix("file://"))
    assert not (folder / "artifacts" / "encoder.safetensors").exists()
    model = load(world.uri, f"models:/tiny.image/{version.version}")
    assert np.shape(model.predict(np.ones((3, 8)))) == (3, 16)
    weights = Path(made.encoder, "encoder.safetensors")
    sound = weights.read_bytes()
    weights.write_bytes(sound[:-4] + b"abcd")
    try:
        with pytest.raises(Exception, match="not those that were registered"):
            load(world.uri, f"models:/tiny.image/{version.version}")
    finally:
        weights.write_bytes(sound)


def test_two_processes_at_once_leave_one_version(world: World, reader: Reader) -> None:
    """One of them has looked, and found none, before the other has made its own."""
    event = Model(
        name="model",
        data=zipped({"source.json": b"{}", "transform.json": b"{}"}),
        registered="tiny.twin",
        tags={"encoder": "e"},
        description="",
    )
    with world.context.tracker.start("tiny", "twins") as run:
        client = reader(world.uri)
        for _ in range(2):
            mlflow_models._register(client, run.id, event)
    (version,) = client.search_model_versions("name = 'tiny.twin'")
    assert int(version.version) == 1


def test_two_that_send_the_same_files_at_once_both_succeed(
    world: World, tmp_path: Path, reader: Reader
) -> None:
    inside = tmp_path / "files" / "artifacts"
    inside.mkdir(parents=True)
    (inside / "source.json").write_bytes(b"{}")
    together = threading.Barrier(2)
    client = reader(world.uri)

    def send(run_id: str) -> None:
        for round_ in range(20):
            together.wait(timeout=10)
            mlflow_models._upload(client, run_id, inside.parent, f"model{round_}")

    with world.context.tracker.start("tiny", "twins") as run, ThreadPoolExecutor(2) as pool:
        assert run.id
        list(pool.map(send, [run.id, run.id]))
        sent = [client.list_artifacts(run.id, f"model{round_}/artifacts") for round_ in range(20)]
    assert [file.path for (file,) in sent] == [f"model{n}/artifacts/source.json" for n in range(20)]


def test_a_run_describes_itself_and_names_its_data(world: World, reader: Reader) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow
    train(world.context, "text")
    evaluated = evaluate(world.context)
    client = reader(world.uri)
    experiment = client.get_experiment_by_name("tiny")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id], "tags.level = 'evaluation'")
    note = run.data.tags["mlflow.note.content"]
    assert f"**mAP, posterior: mean {evaluated.mean_map:.3f}**" in note
    assert "sdml train experiment.yaml --modality text" in note
    assert run.inputs is not None
    for one in run.inputs.dataset_inputs:
        path = Path(mlflow.data.get_source(one.dataset).load())
        assert path.name == "test.features.npy"
        assert path.is_file()


def test_a_registration_waits_with_everything_else_while_the_database_is_locked(
    world: World, tmp_path: Path, reader: Reader
) -> None:
    tracker = open_tracker(world.uri, spool=tmp_path / "unsent")
    run = tracker.start("tiny", "late")
    database = sqlite3.connect(world.uri.removeprefix("sqlite:///"), isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    try:
        files = {"source.json": b"{}", "transform.json": b"{}"}
        run.model("tiny.late", lambda: files, tags={"encoder": "e"})
        run._patience = 0.1  # type: ignore[attr-defined]
        unsent = run.finish()
    finally:
        database.execute("ROLLBACK")
        database.close()
    assert unsent is not None
    assert resend(unsent.path) >= 1
    client = reader(world.uri)
    end = time.monotonic() + 30
    # the run's own thread may have got through too, and takes its twin back
    while len(found := client.search_model_versions("name = 'tiny.late'")) != 1:
        assert time.monotonic() < end, found
        time.sleep(0.2)
    (version,) = found
    assert (version.run_id, version.tags["encoder"]) == (run.id, "e")


def test_a_server_that_is_down_is_said_at_once() -> None:
    with pytest.raises(TrackingError, match="must answer"):
        open_registry("http://127.0.0.1:9").promote("tiny.image", number=1)
