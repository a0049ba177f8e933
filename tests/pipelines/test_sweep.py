"""The sweep pipeline, run for real: every λ × modality, and nothing mixed up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdml.steps.context import Context
from sdml.steps.prepare import prepare
from sdml.steps.train import train
from sdml.tensorfile import unpack
from tests.pipelines.world import FinishedRun, write_experiment

pytestmark = pytest.mark.slow

LAMBDAS = (0.9, 0.1)


@pytest.fixture(scope="module", params=[False, True], ids=["apart", "together"])
def swept(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> FinishedRun:
    folder = tmp_path_factory.mktemp("sweep") / "world"
    sweep = {"lambdas": list(LAMBDAS), "together": request.param}
    return FinishedRun(
        "sweep",
        write_experiment(
            folder,
            subspace={"dimension": 16, "seed": 3},
            sweep=sweep,
            # with the default preset a collection as small as this keeps its start whatever λ is
            training={"preset": "sdml-reference", "hidden": [16], "epochs": 2, "batch_size": 10},
        ),
    )


def weights_of(context: Context, uri: str) -> dict[str, Any]:
    name = "encoder.safetensors"
    return unpack(context.catalog.read(context.catalog.get(uri), name), uri)[0]


@pytest.fixture(scope="module")
def encoders(swept: FinishedRun) -> dict[tuple[str, float], str]:
    """URI of the encoder of each modality and λ, as their manifests say."""
    found = {}
    for modality in ("image", "text"):
        for version in swept.context.catalog.versions("encoder", modality):
            weight = version.manifest.settings["lambda"]
            assert isinstance(weight, float)
            found[modality, weight] = version.uri
    return found


def test_trains_every_case_with_its_own_values(
    swept: FinishedRun, encoders: dict[tuple[str, float], str], tmp_path: Path
) -> None:
    assert set(encoders) == {(m, w) for m in ("image", "text") for w in LAMBDAS}
    direct = Context.open(swept.experiment.model_copy(update={"store": str(tmp_path / "direct")}))
    prepare(direct)
    made = set()
    for (modality, weight), uri in encoders.items():
        alone = weights_of(direct, train(direct, modality, lambda_=weight).encoder)
        found = weights_of(swept.context, uri)
        for name, array in alone.items():
            np.testing.assert_allclose(found[name], array, atol=1e-6, err_msg=name)
        if not swept.experiment.sweep.together:
            assert all((found[name] == array).all() for name, array in alone.items())
        made.add(alone["output.weight"].tobytes())
    assert len(made) == 4


def test_evaluates_each_weight_with_its_own_encoders(
    swept: FinishedRun, encoders: dict[tuple[str, float], str]
) -> None:
    used = [made_from for made_from, _ in swept.reports()]
    assert used == [{m: encoders[m, weight] for m in ("image", "text")} for weight in LAMBDAS]
