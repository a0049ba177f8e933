"""What must hold for every method: better than chance, the same by seed, refusals with a reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.peers.drcl_peer import DRCL
from benchmarks.peers.peer import Peer, RefusedError
from benchmarks.peers.scoring import direction_scores
from benchmarks.peers.views import Facts, Views
from sdml.retrieval import Protocol
from tests.benchmarks.peers.easy import CLASSES, easy_views, small_peers

PEERS = small_peers()
MULTI_LABEL = {
    "mcca", "ml-cca", "gss-sl-reduced", "dcca", "dccae", "cmpm+cmpc", "acmr", "dscmr",
    "classifier", "mtls", "drcl", "sdml-reference", "sdml",
}  # fmt: skip
TWO_VIEWS = {"ml-cca", "jrl", "dcca", "dccae", "cmpm+cmpc", "acmr", "dscmr", "mtls"}
NEED_PAIRS = (TWO_VIEWS - {"ml-cca"}) | {"mcca", "mvda-vc", "mvldan"}
each_peer = pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)
without_rows = {name: peer for name, peer in PEERS.items() if name != "mtls"}
each_of_any_rows = pytest.mark.parametrize("peer", without_rows.values(), ids=without_rows)


def splits(**kinds: object) -> tuple[Views, Views, Views]:
    """Train, validation and test of one collection."""
    train, validation, test = (
        easy_views(samples=size, seed=seed, **kinds)  # type: ignore[arg-type]
        for seed, size in ((0, 90), (1, 45), (2, 60))
    )
    return train, validation, test


def mean_map(peer: Peer, train: Views, validation: Views, test: Views) -> tuple[float, float]:
    """Of the worst ranking on the test split, and of chance."""
    projector = peer.fit(train, validation, CLASSES, seed=0)
    per_ranking = [
        direction_scores(projector, test, ranking, Protocol()).values() for ranking in peer.rankings
    ]
    reached = min(float(np.mean([s.map for s in scores])) for scores in per_ranking)
    return reached, float(np.mean([s.chance for s in per_ranking[0]]))


@each_peer
def test_aligned_rows_are_ranked_far_better_than_by_chance(peer: Peer) -> None:
    reached, chance = mean_map(peer, *splits())
    assert chance < 0.4
    assert reached > (0.6 if peer.name in ("mcca", "dcca", "dccae") else 0.75)


@each_of_any_rows
def test_rows_that_are_not_aligned_are_paired_by_class(peer: Peer) -> None:
    reached, _ = mean_map(peer, *splits(paired=False))
    assert reached > (0.6 if peer.name in ("mcca", "dcca", "dccae") else 0.75)


@pytest.mark.parametrize("name", sorted(set(PEERS) - TWO_VIEWS))
def test_three_modalities_share_one_space(name: str) -> None:
    reached, _ = mean_map(PEERS[name], *splits(modalities=3))
    assert reached > (0.6 if name == "mcca" else 0.75)


@pytest.mark.parametrize("name", sorted(MULTI_LABEL))
def test_several_labels_a_sample(name: str) -> None:
    reached, chance = mean_map(PEERS[name], *splits(multi_label=True))
    assert reached > chance + 0.15


@each_of_any_rows
def test_one_seed_gives_one_result_and_only_random_methods_have_others(peer: Peer) -> None:
    train, validation, test = splits(paired=False)

    def codes(seed: int) -> np.ndarray:
        return peer.fit(train, validation, CLASSES, seed=seed).embed("text", test.features["text"])

    first = codes(0)
    assert np.array_equal(first, codes(0))
    assert np.array_equal(first, codes(1)) != peer.has_seed(Facts.of(train))


@each_peer
def test_codes_are_finite_and_of_one_width(peer: Peer) -> None:
    train, validation, test = splits()
    projector = peer.fit(train, validation, CLASSES, seed=0)
    codes = [projector.embed(name, x) for name, x in test.features.items()]
    assert codes[0].shape[1] == codes[1].shape[1]
    assert all(np.isfinite(part).all() for part in codes)
    one = projector.embed("image", test.features["image"][:1])
    np.testing.assert_allclose(one, codes[0][:1], rtol=1e-4, atol=1e-5)


@each_peer
def test_samples_without_a_label_do_no_harm(peer: Peer) -> None:
    train, validation, test = splits()
    labels = {name: np.where(np.arange(len(y)) < 9, -1, y) for name, y in train.labels.items()}
    bare = Views(features=train.features, labels=labels)
    assert mean_map(peer, bare, validation, test)[0] > 0.55


@pytest.mark.parametrize("name", sorted(set(PEERS) - MULTI_LABEL))
def test_single_label_methods_refuse_several(name: str) -> None:
    train, validation, _ = splits(multi_label=True)
    with pytest.raises(RefusedError, match=f"^{name} is defined for one class a sample"):
        PEERS[name].fit(train, validation, CLASSES, seed=0)


@pytest.mark.parametrize("name", sorted(TWO_VIEWS))
def test_two_view_methods_refuse_three(name: str) -> None:
    train, validation, _ = splits(modalities=3)
    with pytest.raises(RefusedError, match="is defined for two modalities and received 3"):
        PEERS[name].fit(train, validation, CLASSES, seed=0)
    assert PEERS[name].trainings(("a", "b", "c")) == [("a", "b"), ("a", "c"), ("b", "c")]


@pytest.mark.parametrize("name", sorted(NEED_PAIRS & MULTI_LABEL))
def test_pairs_of_several_labels_that_are_not_aligned_are_refused(name: str) -> None:
    train, validation, _ = splits(multi_label=True, paired=False)
    with pytest.raises(RefusedError, match="pairing by class is not defined"):
        PEERS[name].fit(train, validation, CLASSES, seed=0)


@each_peer
def test_one_modality_is_refused(peer: Peer) -> None:
    train, validation, _ = splits(modalities=1)
    with pytest.raises(RefusedError, match="needs at least two"):
        peer.fit(train, validation, CLASSES, seed=0)


def test_mtls_refuses_rows_that_do_not_belong_together() -> None:
    train, validation, _ = splits(paired=False)
    with pytest.raises(RefusedError, match="mtls learns from rows that belong together"):
        PEERS["mtls"].fit(train, validation, CLASSES, seed=0)


def test_mtls_trains_the_second_modality_against_the_first() -> None:
    train, validation, test = splits()
    alone = PEERS["sdml"].fit(train, validation, CLASSES, seed=0)
    second = PEERS["mtls"].fit(train, validation, CLASSES, seed=0)
    for name, same in (("image", True), ("text", False)):
        codes, others = (one.embed(name, test.features[name]) for one in (alone, second))
        assert np.array_equal(codes, others) == same


def test_drcl_keeps_the_learning_rate_that_validation_prefers() -> None:
    peer = PEERS["drcl"]
    assert isinstance(peer, DRCL)
    train, validation, _ = splits()
    chosen = replace(peer, learning_rates=(1e-9, 3e-3)).fit(train, validation, CLASSES, seed=0)
    assert chosen.chosen["learning_rate"] == 3e-3
    assert chosen.chosen["prior of"] in train.modalities
    assert chosen.projection_KC is not None
    assert not np.allclose(np.linalg.norm(chosen.projection_KC, axis=0), 1, atol=1e-4)


def test_what_each_method_says_of_itself() -> None:
    assert {name for name, peer in PEERS.items() if peer.two_views} == TWO_VIEWS
    assert {name for name, peer in PEERS.items() if peer.needs_pairs} == NEED_PAIRS
    assert {name for name, peer in PEERS.items() if peer.multi_label} == MULTI_LABEL
    assert {name for name, peer in PEERS.items() if not peer.joint} == {
        "classifier",
        "mtls",
        "drcl",
        "sdml-reference",
        "sdml",
    }
    aligned = Facts(modalities=2, paired=True, multi_label=False)
    assert PEERS["mcca"].pairing(aligned) == "by rows"
    assert not PEERS["mcca"].has_seed(aligned)
    assert PEERS["mvda"].pairing(aligned) == "none needed"
