"""SDML among the compared methods: what is taken of the experiment file, and what is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers.catalogue import all_peers
from benchmarks.peers.deep import DeepPeer
from benchmarks.peers.drcl_peer import DRCL
from benchmarks.peers.sdml_peer import SDML, SDMLReference, subspace_of
from sdml.experiment import Experiment, SubspaceSettings, parse_experiment
from sdml.subspace import Subspace
from tests.benchmarks.peers.easy import EXPERIMENT, easy_views

NAMES = ["a", "b", "c"]


def by_drcl() -> Experiment:
    """The file of another method, whose learning rate is its own."""
    file = EXPERIMENT.replace("learning_rate: 0.003", "method: drcl, learning_rate: 0.5")
    return parse_experiment(file)


@pytest.mark.parametrize("peer", [SDML, SDMLReference])
def test_a_file_of_another_method_gives_only_its_sizes(peer: type[SDML]) -> None:
    settings = peer.of(by_drcl()).training["image"]
    assert (settings.method, settings.preset) == ("sdml", peer.preset)
    assert (settings.epochs, settings.batch_size, settings.hidden) == (6, 20, (24,))
    assert settings.learning_rate != 0.5
    views = easy_views(modalities=2, samples=60)
    fitted = peer.of(by_drcl()).quick().fit(views, views, 3, seed=0)
    assert fitted.projection_KC is not None
    assert fitted.embed("image", views.features["image"]).shape == (len(views.labels["image"]), 16)


def test_the_files_own_settings_are_kept() -> None:
    settings = SDML.of(parse_experiment(EXPERIMENT)).training["text"]
    assert (settings.learning_rate, settings.hidden) == (0.003, (24,))


def test_each_kind_of_subspace(tmp_path: Path) -> None:
    p_KC = Subspace.random(NAMES, dimension=5, seed=9).projection_KC
    np.save(tmp_path / "p.npy", p_KC)
    for kind, expected in (
        ("random", Subspace.random(NAMES, dimension=5, seed=1)),
        ("prior", Subspace.random(NAMES, dimension=5, seed=1)),
        ("simplex", Subspace.simplex(NAMES, dimension=5, seed=1)),
        ("identity", Subspace.unit(NAMES)),
    ):
        asked = SubspaceSettings.model_validate({"kind": kind, "dimension": 5, "seed": 1})
        np.testing.assert_array_equal(
            subspace_of(asked, NAMES).projection_KC, expected.projection_KC
        )
    given = SubspaceSettings(source=str(tmp_path / "p.npy"), dimension=5)
    np.testing.assert_array_equal(subspace_of(given, NAMES).projection_KC, p_KC)


def test_drcl_starts_at_random() -> None:
    file = EXPERIMENT.replace("{dimension: 16}", "{kind: simplex, dimension: 16}")
    assert DRCL.of(parse_experiment(file)).subspace.kind == "random"


def test_networks_have_the_epochs_of_the_experiment() -> None:
    file = EXPERIMENT.replace("{source: text.npz}", "{source: text.npz, epochs: 9}")
    peers = all_peers(parse_experiment(file)).values()
    assert {peer.epochs for peer in peers if isinstance(peer, DeepPeer)} == {9}
