from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.preprocessing import StandardScaler, normalize

from sdml.errors import DataError, IntegrityError
from sdml.experiment.modality import Transform
from sdml.features import TransformState, validation
from sdml.features.transforms import Standardization, apply_steps, statistics

Floats = npt.NDArray[np.float32]


def fit_in_place(train_ND: Floats, steps: Sequence[Transform]) -> TransformState:
    """Fit each transform on what the ones before it leave, transforming on the way."""
    fitted: list[Standardization] = []
    for step in steps:
        of_columns = []
        if step == "standardize":
            of_columns = [statistics((len(train_ND), train_ND.shape[1]), train_ND.__getitem__)]
        train_ND[:] = apply_steps(train_ND, [step], of_columns, where="features")
        fitted += of_columns
    return TransformState(steps=tuple(steps), dimension=train_ND.shape[1], fitted=tuple(fitted))


@pytest.fixture(params=[5, 1 << 22], ids=["many blocks", "one block"])
def train(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Floats:
    monkeypatch.setattr(validation, "_BLOCK_VALUES", request.param)
    generator = np.random.default_rng(0)
    return (generator.normal(size=(40, 3)) * [1, 100, 1e-3] + [0, 1e4, 5]).astype(np.float32)


def test_l2_divides_by_the_norm_and_leaves_zero_rows(train: Floats) -> None:
    train[3] = 0
    expected = normalize(train.astype(np.float64))
    state = fit_in_place(train, ["l2"])
    np.testing.assert_allclose(train, expected, atol=1e-7)
    assert not train[3].any()
    assert state.fitted == ()


def test_l2_of_tiny_and_huge_rows() -> None:
    rows = np.array([[1e-45, 0], [3e38, 3e38]], dtype=np.float32)
    fit_in_place(rows, ["l2"])
    np.testing.assert_allclose(rows, [[1, 0], [0.5**0.5, 0.5**0.5]], rtol=1e-6)


def test_standardize_agrees_with_scikit_learn(train: Floats) -> None:
    new = train[:7] + np.float32(1)
    scaler = StandardScaler().fit(train.astype(np.float64))
    expected, expected_new = (scaler.transform(x.astype(np.float64)) for x in (train, new))
    state = fit_in_place(train, ["standardize"])
    np.testing.assert_allclose(train, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(state.apply(new), expected_new, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(state.fitted[0].mean_D, scaler.mean_, rtol=1e-9)
    np.testing.assert_allclose(state.fitted[0].scale_D, scaler.scale_, rtol=1e-9)


def test_a_constant_column_becomes_zero() -> None:
    train = np.full((1000, 2), 0.1, dtype=np.float32)
    train[:, 1] = np.arange(1000)
    state = fit_in_place(train, ["standardize"])
    assert not train[:, 0].any()
    assert state.fitted[0].scale_D[0] == 1
    assert state.apply(np.array([[1.1, 0]], dtype=np.float32))[0, 0] == pytest.approx(1)


def test_transforms_compose_in_order(train: Floats) -> None:
    steps: list[Transform] = ["standardize", "l2", "standardize"]
    original = train.copy()
    state = fit_in_place(train, steps)
    first = StandardScaler().fit_transform(original.astype(np.float64))
    expected = StandardScaler().fit_transform(normalize(first))
    np.testing.assert_allclose(train, expected, atol=1e-3)
    assert np.array_equal(state.apply(original), train)


def test_no_transform_leaves_the_bits(train: Floats) -> None:
    original = train.copy()
    state = fit_in_place(train, [])
    assert np.array_equal(train, original)
    copy = state.apply(train)
    assert np.array_equal(copy, original)
    assert copy is not train


@pytest.mark.parametrize("steps", [[], ["l2"], ["standardize"], ["standardize", "standardize"]])
def test_state_survives_storage(train: Floats, steps: list[Transform]) -> None:
    original = train.copy()
    state = fit_in_place(train, steps)
    objects = state.to_objects()
    assert ("transform.safetensors" in objects) == ("standardize" in steps)
    loaded = TransformState.from_objects(objects.__getitem__)
    assert np.array_equal(loaded.apply(original), train)
    assert loaded.to_objects() == objects


def test_another_width_is_refused(train: Floats) -> None:
    state = fit_in_place(train, ["l2"])
    with pytest.raises(DataError, match=r"new: must be \(samples, 3\) .* not of shape \(2, 4\)"):
        state.apply(np.zeros((2, 4), dtype=np.float32), where="new")
    with pytest.raises(DataError, match=r"not of shape \(3,\)"):
        state.apply(np.zeros(3, dtype=np.float32))


def test_a_result_that_overflows_is_refused() -> None:
    train = np.array([[0], [1e-30]], dtype=np.float32)
    state = fit_in_place(train, ["standardize"])
    with pytest.raises(DataError, match="new: values lie too far from the training features"):
        state.apply(np.array([[1e30]], dtype=np.float32), where="new")


@pytest.mark.parametrize("damaged", [b"", b"[]", b'{"steps": ["standardize"], "dimension": 3}'])
def test_damaged_state_is_an_integrity_error(damaged: bytes) -> None:
    objects = {"transform.json": damaged, "transform.safetensors": b"junk"}
    with pytest.raises(IntegrityError, match="not a fitted transform"):
        TransformState.from_objects(objects.__getitem__)
