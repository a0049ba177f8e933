"""A ridge regression written as an encoder, in closed form.

From a few hundred samples a network has to learn what a regularised linear model has at once, and
overfits on the way. This is such a model: its regressors are the features themselves and units of
a hidden layer as they were drawn (random features); its targets are the labels, 0 or 1. Strength of
the regularisation, how far the features are standardised, and the weight of the units against them
are chosen by the cross-entropy of leave-one-out predictions, which ridge regression has for
nothing; no validation sample is used.

The scores z, where an item has one label centred so that undecided ones are 0, come out as the code
h ∝ aBf(z) + u. Here B = P(PᵀP)⁺ takes scores into code space, and u is a unit vector orthogonal to
P: a code that is unsure of its class turns to u. It is drawn from the seed and the data, so the u
of two modalities are nearly orthogonal, and two codes that are unsure are not alike for that. The
bend f(z) = relu(z) + relu(z − 0.3) raises what is likely above what is not, as a posterior does, so
that the cosine of two codes, which is linear in them, ranks nearly as their posteriors do. The
scale a is chosen like the regularisation, for the posterior that retrieval uses: it is calibrated.
All this stands in 2C units of each hidden layer; with one hidden layer or none f(z) = z.

Letters: N samples, D features, H units, K code size, C classes.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from sdml.networks import Encoder
from sdml.training.leave_one_out import Doubles, LeftOut, left_out, left_out_by_columns, product
from sdml.training.scaling import Scaling

_BIAS = 10.0  # the constant regressor, large enough to be all but unregularised
_RIDGES = 10.0 ** np.arange(-4, 2.1, 0.5)
_POWERS = (0.0, 0.5, 1.0)  # of a feature's standard deviation, which it is divided by
_FLOOR = 1e-3  # of the largest deviation: what varies less is not blown up further
_SHARES = (0.3, 0.6, 0.9)  # of the units; the rest is the features'
_BEND = 0.3
_SCALES = (-3.0, 4.0)  # of log a


@dataclass(frozen=True, kw_only=True)
class Ridge:
    """z = x·linear + relu(units)·random + constant, and the scale a."""

    linear_DC: Doubles
    random_HC: Doubles
    constant_C: Doubles
    scale: float
    loss: float


def regressed(
    features_ND: npt.NDArray[np.float32],
    targets_NC: npt.NDArray[np.float32],
    projection_KC: npt.NDArray[np.float32],
    hidden: Sequence[int],
    *,
    temperature: float,
    multi_label: bool = False,
    seed: int,
) -> tuple[Encoder, Ridge]:
    """The encoder, on the CPU and without normalisation, and what stands in it.

    Args:
        features_ND: the training samples', as they are.
        targets_NC: multi-hot, no row of zeros, of two classes at least.
        projection_KC: P.
        hidden: widths of the layers between, each 2C at least.
        temperature: τ of the posterior.
        multi_label: whether it is one sigmoid a class.
        seed: of the random units and, with the features, of u.
    """
    scaling = Scaling.of(features_ND)
    encoder = Encoder(
        features_ND.shape[1],
        hidden,
        len(projection_KC),
        normalize=False,
        generator=torch.Generator().manual_seed(seed),
    )
    draw = np.random.default_rng((seed, zlib.crc32(features_ND.tobytes())))
    x_ND = scaling(features_ND)
    units_NH = _units(encoder, x_ND, 2 * projection_KC.shape[1])
    back_KC, room = _inverse(projection_KC)
    direction_K = _orthogonal(projection_KC, draw, room=room)
    gram_CC = back_KC.T @ back_KC
    wide_NC = targets_NC.astype(np.float64)

    def scaled(z_NC: Doubles) -> tuple[float, float]:
        return _scaled(z_NC, wide_NC, gram_CC, temperature, multi_label=multi_label)

    undecided = 0.0 if multi_label else 1 / targets_NC.shape[1]
    found = _fitted(x_ND, units_NH, wide_NC, undecided, scaled, len(_hidden(encoder)))
    with torch.no_grad():
        _lay(encoder, found, back_KC, direction_K)
        scaling.fold(encoder.linears()[0])
    return encoder, found


def _hidden(encoder: Encoder) -> list[nn.Linear]:
    return encoder.linears()[:-1]


def _units(encoder: Encoder, x_ND: Doubles, taken: int) -> Doubles:
    """Outputs of the first layer's units that stay as they are, (N, H); none without a layer."""
    if not _hidden(encoder):
        return np.empty((len(x_ND), 0))
    weight_HD, bias_H = (p.detach().double().numpy() for p in _hidden(encoder)[0].parameters())
    rows: Doubles = np.maximum(product(x_ND, weight_HD[taken:].T) + bias_H[taken:], 0)
    return rows


def _inverse(projection_KC: npt.NDArray[np.float32]) -> tuple[Doubles, bool]:
    """B = P(PᵀP)⁺, and whether a direction orthogonal to P is left."""
    p_KC = projection_KC.astype(np.float64)
    back_KC = np.asarray(np.linalg.pinv(p_KC, rcond=1e-5).T, dtype=np.float64)
    return back_KC, len(p_KC) > int(np.linalg.matrix_rank(p_KC, tol=1e-4))


def _orthogonal(
    projection_KC: npt.NDArray[np.float32], draw: np.random.Generator, *, room: bool
) -> Doubles:
    """u; without room the direction that softmax does not see, as long as P·1 is one."""
    p_KC = projection_KC.astype(np.float64)
    if room:
        drawn_K = draw.standard_normal(len(p_KC))
        drawn_K -= p_KC @ (np.linalg.pinv(p_KC, rcond=1e-5) @ drawn_K)
    else:
        drawn_K = np.linalg.pinv(p_KC, rcond=1e-5).T.sum(axis=1)
    length = float(np.linalg.norm(drawn_K))
    return drawn_K / length if length > 1e-6 else np.zeros_like(drawn_K)


def _fitted(
    x_ND: Doubles,
    units_NH: Doubles,
    targets_NC: Doubles,
    undecided: float,
    scaled: Callable[[Doubles], tuple[float, float]],
    layers: int,
) -> Ridge:
    """The regression with the lowest leave-one-out cross-entropy.

    First how far features are standardised, without units; then the weight of the units.
    """
    mean_C = targets_NC.mean(axis=0)
    residual_NC = targets_NC - mean_C
    units = _Regressors.of(units_NH, 0.0)
    best: tuple[Ridge, _Regressors] | None = None

    def look(features: _Regressors, share: float) -> None:
        nonlocal best
        for dual_NC, left_out_NC in _left_out(features, units, share, residual_NC):
            scale, loss = scaled(_bent(left_out_NC + mean_C - undecided, layers))
            if best is None or loss < best[0].loss:
                linear_DC = (1 - share) * features.weights(dual_NC)
                random_HC = share * units.weights(dual_NC)
                constant_C = _BIAS * dual_NC.sum(axis=0) + mean_C - undecided
                constant_C -= product(features.mean_X, linear_DC) + product(units.mean_X, random_HC)
                made = Ridge(
                    linear_DC=linear_DC,
                    random_HC=random_HC,
                    constant_C=constant_C,
                    scale=scale,
                    loss=loss,
                )
                best = made, features

    for power in _POWERS:
        look(_Regressors.of(x_ND, power), 0.0)
    assert best is not None
    for share in _SHARES if units_NH.size else ():
        look(best[1], share)
    return best[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Regressors:
    """Columns less their means, times a factor each, so that the mean squared length is 1."""

    mean_X: Doubles
    factor_X: Doubles
    rows_NX: Doubles

    @cached_property
    def kernel(self) -> Doubles:
        """Inner products of the rows, (N, N)."""
        return product(self.rows_NX, self.rows_NX.T)

    @classmethod
    def of(cls, rows_NX: Doubles, power: float) -> _Regressors:
        """Each divided by its standard deviation to a ``power``: 0 not at all, 1 all alike."""
        mean_X = rows_NX.mean(axis=0)
        centred_NX = rows_NX - mean_X
        deviation_X = np.sqrt(np.square(centred_NX).mean(axis=0))
        floor = _FLOOR * deviation_X.max(initial=0)
        factor_X = np.maximum(deviation_X, floor if floor > 0 else 1.0) ** -power
        length = float(np.sqrt(np.square(deviation_X * factor_X).sum()))
        factor_X /= length if length > 0 else 1.0
        centred_NX *= factor_X
        return cls(mean_X=mean_X, factor_X=factor_X, rows_NX=centred_NX)

    def weights(self, dual_NC: Doubles) -> Doubles:
        """Of the regressors as they came, (X, C)."""
        made: Doubles = self.factor_X[:, None] * product(self.rows_NX.T, dual_NC)
        return made


def _left_out(
    features: _Regressors, units: _Regressors, share: float, targets_NC: Doubles
) -> LeftOut:
    """By the smaller one of two matrices, of the samples or of the regressors."""
    parts = [(1 - share, features), *([(share, units)] if share else [])]
    samples = len(targets_NC)
    if sum(each.rows_NX.shape[1] for _, each in parts) + 1 < samples:
        columns = [math.sqrt(weight) * each.rows_NX for weight, each in parts]
        columns.append(np.full((samples, 1), math.sqrt(_BIAS)))
        return left_out_by_columns(np.concatenate(columns, axis=1), targets_NC, _RIDGES)
    kernel_NN = np.full((samples, samples), _BIAS)
    for weight, each in parts:
        kernel_NN += weight * each.kernel
    return left_out(kernel_NN, targets_NC, _RIDGES)


def _scaled(
    z_NC: Doubles,
    targets_NC: Doubles,
    gram_CC: Doubles,
    temperature: float,
    *,
    multi_label: bool,
) -> tuple[float, float]:
    """The scale a of f(z) with the lowest cross-entropy of the posterior, and that."""
    squares_N = np.einsum("nc,cd,nd->n", z_NC, gram_CC, z_NC)

    def loss(log_scale: float) -> float:
        scale = np.exp(log_scale)
        logits_NC = temperature * scale * z_NC / np.sqrt(scale**2 * squares_N + 1)[:, None]
        if multi_label:
            logits_NC -= temperature / 2
            losses_NC = np.logaddexp(0, logits_NC) - targets_NC * logits_NC
            return float(losses_NC.sum(axis=1).mean())
        logits_NC -= logits_NC.max(axis=1, keepdims=True)
        log_posterior_NC = logits_NC - np.log(np.exp(logits_NC).sum(axis=1, keepdims=True))
        return -float((targets_NC * log_posterior_NC).sum(axis=1).mean())

    coarse = min(np.linspace(*_SCALES, 12), key=loss)
    step = (_SCALES[1] - _SCALES[0]) / 11
    fine = min(coarse + step * np.linspace(-0.75, 0.75, 7), key=loss)
    return float(np.exp(fine)), loss(fine)


def _bent(z_NC: Doubles, layers: int) -> Doubles:
    """f(z)."""
    if layers < 2:
        return z_NC
    bent: Doubles = np.maximum(z_NC, 0) + np.maximum(z_NC - _BEND, 0)
    return bent


def _lay(encoder: Encoder, ridge: Ridge, back_KC: Doubles, direction_K: Doubles) -> None:
    """Write the regression into the layers."""
    one, other = slice(classes := len(ridge.constant_C)), slice(classes, 2 * classes)
    eye, nothing_C = np.eye(classes), np.zeros(classes)
    # what the rows of a layer, then the code, read from the layer before, and add
    reading_CX, offset_C = ridge.linear_DC.T, ridge.constant_C
    for number, layer in enumerate(_hidden(encoder)):
        width = layer.out_features
        if number == 0:  # the linear part z₁ as relu(z₁) − relu(−z₁)
            rows = ((reading_CX, nothing_C), (-reading_CX, nothing_C))
            reading_CX = np.concatenate([eye, -eye, ridge.random_HC.T], axis=1)
        elif number == 1:  # z complete, as the two parts of f(z)
            rows = ((reading_CX, offset_C), (reading_CX, offset_C - _BEND))
            reading_CX, offset_C = _wide([eye, eye], width), nothing_C
        else:  # handed on
            first_CX, second_CX = (
                _wide([eye, 0 * eye], layer.in_features),
                _wide([0 * eye, eye], layer.in_features),
            )
            rows = ((first_CX, nothing_C), (second_CX, nothing_C))
            reading_CX = _wide([eye, eye], width)
        for units, (weight_CX, bias_C) in zip((one, other), rows, strict=True):
            layer.weight[units] = torch.from_numpy(weight_CX).float()
            layer.bias[units] = torch.from_numpy(bias_C).float()
    code_KC = ridge.scale * back_KC
    encoder.output.weight.copy_(torch.from_numpy(product(code_KC, reading_CX)))
    encoder.output.bias.copy_(torch.from_numpy(product(code_KC, offset_C) + direction_K))


def _wide(parts: list[Doubles], width: int) -> Doubles:
    """Parts (C, C) beside each other, then zeros up to (C, width)."""
    joined_CX = np.concatenate(parts, axis=1)
    return np.pad(joined_CX, ((0, 0), (0, width - joined_CX.shape[1])))
