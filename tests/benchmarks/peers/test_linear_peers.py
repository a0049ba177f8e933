"""The linear methods against formulas written out again, scikit-learn and brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from sklearn.cross_decomposition import CCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from benchmarks.peers import gss_sl, jrl
from benchmarks.peers.gmlda import GMLDA
from benchmarks.peers.linear import leading, reduction
from benchmarks.peers.mcca import canonical
from benchmarks.peers.mlcca import weighted_covariances
from benchmarks.peers.mvda import MvDA
from benchmarks.peers.mvda_vc import view_consistency
from benchmarks.peers.peer import Task
from benchmarks.peers.scatter import pooled_scatter
from benchmarks.peers.views import FloatArray, Views
from tests.benchmarks.peers.easy import CLASSES, easy_views


def centred(views: Views) -> Views:
    return Views(
        features={n: x.astype(float) - x.mean(axis=0) for n, x in views.features.items()},
        labels=views.labels,
    )


def test_a_reduction_centres_rotates_and_scales() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 6)) @ rng.standard_normal((6, 9)) + 5  # of rank 6
    reduced = reduction(x)(x)
    covariance = np.cov(reduced.T, bias=True)
    assert reduced.shape == (50, 6)
    np.testing.assert_allclose(reduced.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-10)
    assert np.trace(covariance) / 6 == pytest.approx(1)


def test_a_view_without_variance_reduces_to_zeros() -> None:
    assert not reduction(np.ones((5, 3)))(np.ones((5, 3))).any()


def test_mcca_of_two_views_is_the_cca_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    hidden = rng.standard_normal((200, 3))
    x = hidden @ rng.standard_normal((3, 6)) + rng.standard_normal((200, 6))
    y = hidden @ rng.standard_normal((3, 5)) + rng.standard_normal((200, 5))
    correlations, (wx, wy) = canonical([x, y], 0.0, 3)
    theirs = CCA(n_components=3, max_iter=20_000, tol=1e-12).fit(x, y)
    tx, ty = theirs.transform(x, y)
    expected = [np.corrcoef(tx[:, k], ty[:, k])[0, 1] for k in range(3)]
    np.testing.assert_allclose(correlations, expected, rtol=1e-5)
    for k in range(3):
        assert abs(np.corrcoef(x @ wx[:, k], tx[:, k])[0, 1]) == pytest.approx(1, abs=1e-5)
        assert abs(np.corrcoef(y @ wy[:, k], ty[:, k])[0, 1]) == pytest.approx(1, abs=1e-5)


def test_mcca_of_three_views_solves_the_equations_of_sumcor() -> None:
    rows = [x.astype(float) for x in easy_views(modalities=3).features.values()]
    ridge = 0.3
    values, weights = canonical(rows, ridge, 4)
    zero_mean = [x - x.mean(axis=0) for x in rows]
    n = len(rows[0])
    for v, x in enumerate(zero_mean):
        left = sum(x.T @ y @ weights[w] / n for w, y in enumerate(zero_mean) if w != v)
        own = (x.T @ x / n + ridge * np.eye(x.shape[1])) @ weights[v]
        np.testing.assert_allclose(left, own * values, atol=1e-9)


def lda_directions(views: Views, name: str) -> FloatArray:
    model = LinearDiscriminantAnalysis(solver="eigen").fit(views.features[name], views.labels[name])
    return np.asarray(model.scalings_[:, : CLASSES - 1])


def task(views: Views, **point: float) -> Task:
    return Task(train=views, classes=CLASSES, seed=0, point=point)


def test_one_view_of_mvda_is_lda() -> None:
    views = centred(easy_views(modalities=1))
    weights = MvDA().solve(task(views, ridge=0.0))["image"]
    assert subspace_angles(weights, lda_directions(views, "image")).max() < 1e-6


def test_one_view_of_gmlda_is_lda() -> None:
    views = centred(easy_views(modalities=1))
    weights = GMLDA().solve(task(views, **{"lambda": 5.0, "ridge": 0.0}))["image"]
    assert subspace_angles(weights, lda_directions(views, "image")).max() < 1e-6


def test_gmlda_without_coupling_is_lda_of_each_view() -> None:
    views = centred(easy_views())
    solved = GMLDA().solve(
        Task(train=views, classes=2 * CLASSES - 1, seed=0, point={"lambda": 0.0, "ridge": 0.0})
    )
    for name in views.modalities:
        spanned = solved[name][:, np.abs(solved[name]).max(axis=0) > 1e-8]
        assert subspace_angles(spanned, lda_directions(views, name)).max() < 1e-5


@pytest.mark.parametrize("paired", [True, False])
def test_the_scatter_blocks_are_the_scatter_of_the_pooled_projections(paired: bool) -> None:
    views = easy_views(modalities=3, paired=paired)
    within, between = pooled_scatter(views, CLASSES)
    w = np.random.default_rng(0).standard_normal((len(within), 2))
    parts = np.split(w, np.cumsum([x.shape[1] for x in views.features.values()])[:-1])
    z = np.concatenate([x @ p for x, p in zip(views.features.values(), parts, strict=True)])
    y = np.concatenate(list(views.labels.values()))
    expected_within = sum(
        np.cov(z[y == c].T, bias=True) * (y == c).sum() for c in range(CLASSES)
    ) / len(z)
    np.testing.assert_allclose(w.T @ within @ w, expected_within, rtol=1e-5)
    np.testing.assert_allclose(
        w.T @ (within + between) @ w, np.cov(z.T, bias=True), rtol=1e-5, atol=1e-8
    )


def test_mvda_solves_its_eigenproblem() -> None:
    views = centred(easy_views())
    within, between = pooled_scatter(views, CLASSES)
    values, vectors = leading(between, within + 0.1 * np.eye(len(within)), CLASSES - 1)
    weights = MvDA().solve(task(views, ridge=0.1))
    stacked = np.concatenate(list(weights.values()))
    np.testing.assert_allclose(np.abs(stacked), np.abs(vectors), atol=1e-9)
    right = (within + 0.1 * np.eye(len(within))) @ vectors * values
    np.testing.assert_allclose(between @ vectors, right, atol=1e-9)


def test_view_consistency_is_the_distance_of_the_combinations() -> None:
    rows = [x.astype(float)[:20] for x in easy_views(modalities=3).features.values()]
    w = [np.random.default_rng(v).standard_normal(x.shape[1]) for v, x in enumerate(rows)]
    # the released form: β by the inverse of the N×N Gram matrix (Woodbury: the same ridge)
    beta = [
        np.linalg.solve(x @ x.T + 1e-3 * len(x) * np.eye(len(x)), x @ own)
        for x, own in zip(rows, w, strict=True)
    ]
    expected = sum(((beta[v] - beta[u]) ** 2).sum() for v in range(3) for u in range(v + 1, 3))
    stacked = np.concatenate(w)
    assert stacked @ view_consistency(rows) @ stacked == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("multi_label", [False, True])
def test_the_covariances_of_ml_cca_are_sums_over_all_pairs(multi_label: bool) -> None:
    views = easy_views(paired=False, multi_label=multi_label, samples=40)
    x, y = (part.astype(float) for part in views.features.values())
    zx, zy = (
        part.astype(float) if multi_label else np.eye(CLASSES)[part]
        for part in views.labels.values()
    )
    sigma = 0.7
    xx, xy, yy, total = np.zeros((12, 12)), np.zeros((12, 8)), np.zeros((8, 8)), 0.0
    for i in range(len(x)):
        for j in range(len(y)):
            f = np.exp(-np.linalg.norm(zx[i] - zy[j]) / sigma)
            xx += f * np.outer(x[i], x[i])
            xy += f * np.outer(x[i], y[j])
            yy += f * np.outer(y[j], y[j])
            total += f
    made = weighted_covariances(x, zx, y, zy, sigma)
    for ours, expected in zip(made, (xx, xy, yy), strict=True):
        np.testing.assert_allclose(ours, expected / total, atol=1e-10)


def test_the_objective_of_jrl_is_the_published_one_and_falls() -> None:
    views = centred(easy_views())
    point = {"gamma": 0.1, "sigma": 1.0, "lambda": 1.0}
    problem = jrl.make_problem(views, CLASSES, 0)
    p, course = jrl.descend(problem, point)
    x, y = list(views.features.values()), np.eye(CLASSES)[views.labels["image"]]
    n = len(y)
    expected = ((x[0] @ p[0] - x[1] @ p[1]) ** 2).sum() / n
    for v in range(2):
        neighbours = min(jrl.NEIGHBOURS, n - 1)
        assert neighbours == n - 1  # so the graph is complete: L = I − (11ᵀ − I)/(n − 1)
        laplacian = np.eye(n) - (np.ones((n, n)) - np.eye(n)) / (n - 1)
        expected += ((x[v] @ p[v] - y) ** 2).sum() / n
        expected += np.trace(p[v].T @ x[v].T @ laplacian @ x[v] @ p[v]) / n
        expected += 0.1 * np.linalg.norm(p[v], axis=1).sum()
    assert problem.objective(p, point) == pytest.approx(expected, rel=1e-6)
    assert all(after <= before + 1e-9 for before, after in itertools.pairwise(course))


def test_the_graph_of_jrl_joins_nearest_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jrl, "NEIGHBOURS", 2)
    x = np.array([[0.0], [1.0], [2.1], [10.0], [11.0], [12.1]])
    joined = np.kron(np.eye(2), np.ones((3, 3)) - np.eye(3))
    laplacian = np.eye(6) - joined / 2
    np.testing.assert_allclose(jrl.smoothness(x), x.T @ laplacian @ x)


@pytest.mark.parametrize("multi_label", [False, True])
def test_the_objective_of_gss_sl_is_the_stated_one_and_falls(multi_label: bool) -> None:
    views = easy_views(modalities=3, paired=False, multi_label=multi_label)
    point = {"alpha": 0.1, "beta": 0.5}
    problem = gss_sl.make_problem(views, CLASSES)
    w, course = gss_sl.descend(problem, point)
    widths = [x.shape[1] for x in views.features.values()]
    parts = np.split(w, np.cumsum(widths)[:-1])
    targets = [
        y.astype(float) if multi_label else np.eye(CLASSES)[y] for y in views.labels.values()
    ]
    outputs = [x @ p for x, p in zip(views.features.values(), parts, strict=True)]
    expected = sum(((f - y) ** 2).sum() / len(y) for f, y in zip(outputs, targets, strict=True))
    unit = np.concatenate(targets)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    s = unit @ unit.T
    f = np.concatenate(outputs)
    laplacian = (np.diag(s.sum(axis=1)) - s) / (s.sum(axis=1).mean() * len(s))
    expected += 0.5 * np.trace(f.T @ laplacian @ f) + 0.1 * np.linalg.norm(w, axis=1).sum()
    assert problem.objective(w, point) == pytest.approx(expected, rel=1e-5)
    assert all(after <= before + 1e-9 for before, after in itertools.pairwise(course))
