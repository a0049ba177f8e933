"""The losses of the deep methods against formulas written out again; gradients stay finite."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.linalg import eigh, sqrtm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import Tensor

from benchmarks.peers.acmr import HINGE, MARGIN, triplets
from benchmarks.peers.cmpm import projection_classification, projection_matching
from benchmarks.peers.dcca import total_correlation
from benchmarks.peers.deep import DeepPeer, label_loss, tensor
from benchmarks.peers.dscmr import pair_likelihood
from benchmarks.peers.fisher import balanced_batches, batch_scatter
from benchmarks.peers.mcca import canonical
from benchmarks.peers.mvdn import fisher_projection
from benchmarks.peers.mvldan import eigenvalues
from benchmarks.peers.networks import Towers, reversed_gradient
from benchmarks.peers.peer import Task
from benchmarks.peers.scatter import pooled_scatter
from benchmarks.peers.views import FloatArray
from sdml.errors import TrainingError
from tests.benchmarks.peers.easy import CLASSES, easy_views, small_peers

DEEP = {name: peer for name, peer in small_peers().items() if isinstance(peer, DeepPeer)}


def batch(rows: int = 12, code: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x, z = (torch.randn(rows, code, generator=generator, dtype=torch.float64) for _ in range(2))
    return x, z, torch.eye(CLASSES, dtype=torch.float64)[torch.arange(rows) % CLASSES]


def softmax(rows: FloatArray) -> FloatArray:
    odds = np.exp(rows)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("name", DEEP)
def test_every_parameter_gets_a_finite_gradient(name: str) -> None:
    peer, train = DEEP[name], easy_views(paired=False)
    task = Task(train=train, classes=CLASSES, seed=0, point=peer.grid[0])
    model = peer.build(task, torch.Generator().manual_seed(0))
    first = next(iter(peer.batches(task, 0)))
    peer.loss(model, replace(first, progress=0.5)).backward()  # type: ignore[no-untyped-call]
    for parameter, value in model.named_parameters():
        assert value.grad is not None, parameter
        assert torch.isfinite(value.grad).all(), parameter
        assert value.grad.abs().sum() > 0, parameter


@pytest.mark.parametrize("name", DEEP)
def test_equal_rows_in_a_batch_give_finite_gradients(name: str) -> None:
    peer, train = DEEP[name], easy_views()
    task = Task(train=train, classes=CLASSES, seed=0, point=peer.grid[0])
    model = peer.build(task, torch.Generator().manual_seed(0))
    first = next(iter(peer.batches(task, 0)))
    same = replace(first, features={n: torch.zeros_like(x) for n, x in first.features.items()})
    peer.loss(model, same).backward()  # type: ignore[no-untyped-call]
    grads = [value.grad for value in model.parameters() if value.grad is not None]
    assert all(torch.isfinite(grad).all() for grad in grads)


@pytest.mark.parametrize("name", DEEP)
def test_an_epoch_lowers_the_loss(name: str) -> None:
    peer, train = DEEP[name], easy_views()
    task = Task(train=train, classes=CLASSES, seed=0, point=peer.grid[0])
    model = peer.build(task, torch.Generator().manual_seed(0))
    fixed = replace(next(iter(peer.batches(task, 0))), progress=0.0)
    adam = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(10):
        loss = peer.loss(model, fixed)
        losses.append(loss.item())
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
    assert losses[-1] < losses[0]


def test_a_loss_that_is_not_finite_ends_the_training() -> None:
    train = easy_views()
    train.features["image"][0] = np.inf
    with pytest.raises(TrainingError, match="the loss must stay finite"):
        DEEP["dscmr"].fit(train, easy_views(seed=1), CLASSES, seed=0)


def test_the_total_correlation_is_the_trace_norm_and_that_of_cca() -> None:
    x, z, _ = batch(40)
    ours = total_correlation(x, z, 0.01).item()
    a, b = (rows.numpy() - rows.numpy().mean(axis=0) for rows in (x, z))
    roots = [np.linalg.inv(sqrtm(rows.T @ rows / 39 + 0.01 * np.eye(5)).real) for rows in (a, b)]
    expected = np.linalg.svd(roots[0] @ (a.T @ b / 39) @ roots[1], compute_uv=False).sum()
    assert ours == pytest.approx(expected, rel=1e-9)
    plain = total_correlation(x, z, 0.0).item()
    assert plain == pytest.approx(canonical([a, b], 0.0, 5)[0].sum(), rel=1e-9)


def test_projection_matching_is_the_divergence_of_both_directions() -> None:
    x, z, y = batch()
    match = (y @ y.T).numpy()
    q = match / match.sum(axis=1, keepdims=True)
    expected = 0.0
    for a, b in ((x.numpy(), z.numpy()), (z.numpy(), x.numpy())):
        p = softmax(a @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T)
        expected += (p * np.log(p / (q + 1e-8))).sum(axis=1).mean()
    assert projection_matching(x, z, y, y).item() == pytest.approx(expected, rel=1e-9)


def test_projection_classification_sees_the_projected_codes() -> None:
    x, z, y = batch()
    weights = torch.randn(CLASSES, 5, generator=torch.Generator().manual_seed(1)).double()
    unit_weights = (weights / weights.norm(dim=1, keepdim=True)).numpy()
    expected = 0.0
    for a, b in ((x.numpy(), z.numpy()), (z.numpy(), x.numpy())):
        unit = b / np.linalg.norm(b, axis=1, keepdims=True)
        projected = np.stack([(r @ u) * u for r, u in zip(a, unit, strict=True)])
        p = softmax(projected @ unit_weights.T)
        expected -= np.log(p[np.arange(12), np.arange(12) % CLASSES]).mean()
    ours = projection_classification(x, z, y, y, weights).item()
    assert ours == pytest.approx(expected, rel=1e-9)


def test_the_triplet_term_pulls_partners_and_pushes_other_classes() -> None:
    x, z, y = batch(6)
    expected = 0.0
    for a, b in ((x, z), (z, x)):
        for i in range(6):
            expected += (a[i] - b[i]).norm().item() / 6
            others = [j for j in range(6) if j % CLASSES != i % CLASSES]
            hinges = [max(0.0, MARGIN - (a[i] - b[j]).norm().item()) for j in others]
            expected += HINGE * float(np.mean(hinges)) / 6
    assert triplets(x, z, y, y).item() == pytest.approx(expected, rel=1e-6)


def test_the_pair_likelihood_of_dscmr() -> None:
    x, z, y = batch()
    expected = 0.0
    for i in range(12):
        for j in range(12):
            gamma = 0.5 * float(x[i] @ z[j] / (x[i].norm() * z[j].norm()))
            expected += np.log(1 + np.exp(gamma)) - (i % CLASSES == j % CLASSES) * gamma
    assert pair_likelihood(x, z, y, y).item() == pytest.approx(expected / 144, rel=1e-9)


def test_several_labels_share_the_cross_entropy() -> None:
    logits = torch.tensor([[1.0, 2.0, 0.5]])
    targets = torch.tensor([[1.0, 1.0, 0.0]])
    logs = logits.log_softmax(dim=1)[0]
    assert label_loss(logits, targets).item() == pytest.approx(-(logs[0] + logs[1]).item() / 2)


def test_a_reversed_gradient_has_the_same_value() -> None:
    x = torch.tensor([[1.0, -2.0]], requires_grad=True)
    reversed_rows = reversed_gradient(x, 0.25)
    assert torch.equal(reversed_rows, x)
    reversed_rows.sum().backward()  # type: ignore[no-untyped-call]
    assert torch.equal(x.grad, torch.full((1, 2), -0.25))  # type: ignore[arg-type]


def test_the_scatter_of_a_batch_is_that_of_the_whole() -> None:
    views = easy_views(modalities=3)
    rows = [tensor(x).double() for x in views.features.values()]
    targets = [torch.eye(CLASSES).double()[torch.from_numpy(y)] for y in views.labels.values()]
    total = sum(map(len, rows))
    for ours, theirs in zip(
        batch_scatter(rows, targets), pooled_scatter(views, CLASSES), strict=True
    ):
        np.testing.assert_allclose(ours.numpy() / total, theirs, rtol=1e-4, atol=1e-5)


def test_the_eigenvalues_of_mvldan_are_those_of_scipy() -> None:
    x, z, y = batch(30)
    ours = eigenvalues([x, z], [y, y], 0.5, 0.01)
    within, between = (part.numpy() for part in batch_scatter([x, z], [y, y]))
    cross = np.zeros((10, 10))
    cross[:5, 5:] = (x.T @ z).numpy()
    cross[5:, :5] = cross[:5, 5:].T
    expected = eigh(between + 0.01 * cross, within + 0.5 * np.eye(10), eigvals_only=True)
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-8, atol=1e-10)


def test_the_last_projection_of_mvdn_is_lda() -> None:
    views = easy_views(modalities=1)
    x, y = views.features["image"].astype(float), views.labels["image"]
    made = fisher_projection(x, y, CLASSES)(x)
    theirs = LinearDiscriminantAnalysis(solver="svd").fit_transform(x, y)
    for k in range(CLASSES - 1):
        assert abs(np.corrcoef(made[:, k], theirs[:, k])[0, 1]) > 0.999


def test_balanced_batches_hold_each_class_equally_often() -> None:
    task = Task(train=easy_views(paired=False), classes=CLASSES, seed=0, point={})
    made = list(balanced_batches(task, 30, epoch=0, epochs=2))
    assert len(made) == 3
    for one in made:
        for targets in one.targets.values():
            assert targets.sum(dim=0).tolist() == [10, 10, 10]
    assert [one.progress for one in made] == pytest.approx([0, 1 / 6, 1 / 3])


def test_towers_may_share_their_last_layer() -> None:
    generator = torch.Generator().manual_seed(0)
    towers = Towers({"a": 4, "b": 3}, (6,), 2, generator, shared_top=True)
    names = [name for name, _ in towers.named_parameters()]
    assert sum(name.startswith("top.") for name in names) == 2
    assert towers("b", torch.zeros(5, 3)).shape == (5, 2)


def test_the_best_point_of_the_grid_is_kept() -> None:
    peer = DEEP["cmpm+cmpc"]
    both = replace(peer, grid=({"learning_rate": 1e-9}, {"learning_rate": 3e-3}))
    chosen = both.fit(easy_views(), easy_views(seed=1), CLASSES, seed=0).chosen
    assert chosen["learning_rate"] == 3e-3
