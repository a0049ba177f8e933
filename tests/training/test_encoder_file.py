"""An encoder file embeds as its training did; damage and strangers are refused."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from sdml.errors import DataError, IntegrityError
from sdml.experiment import TrainingSettings
from sdml.networks import Encoder
from sdml.tensorfile import pack, unpack
from sdml.training import TrainingData, fit
from sdml.training.encoder_file import encoder_from_bytes, encoder_to_bytes
from tests.training.trainee import SUBSPACE, modality

SETTINGS = TrainingSettings(
    preset="sdml-reference", epochs=2, batch_size=50, hidden=(32, 24), threads=1
)


def network(hidden: tuple[int, ...] = (32, 24)) -> Encoder:
    return Encoder(20, hidden, 16, normalize=True, generator=torch.Generator().manual_seed(3))


def state(encoder: Encoder) -> dict[str, npt.NDArray[np.float32]]:
    return {name: p.detach().numpy() for name, p in encoder.named_parameters()}


def file_of(encoder: Encoder, settings: TrainingSettings = SETTINGS) -> bytes:
    return encoder_to_bytes(state(encoder), modality="image", subspace="abc", settings=settings)


FILE = file_of(network())
ROWS = modality(features=20, seed=4).features_ND


def test_codes_are_the_networks() -> None:
    loaded = encoder_from_bytes(FILE, "f")
    codes = loaded.embed(ROWS)
    assert codes.dtype == np.float32
    with torch.no_grad():
        expected = network()(torch.from_numpy(ROWS)).numpy()
    np.testing.assert_allclose(codes, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-6)


def test_what_it_says() -> None:
    loaded = encoder_from_bytes(FILE, "f")
    assert (loaded.modality, loaded.subspace) == ("image", "abc")
    assert (loaded.input_dim, loaded.code_dim) == (20, 16)
    assert len(loaded.settings) == 16


@pytest.mark.parametrize("hidden", [(32, 24), (7,), ()])
def test_any_depth(hidden: tuple[int, ...]) -> None:
    settings = SETTINGS.model_copy(update={"hidden": hidden})
    loaded = encoder_from_bytes(file_of(network(hidden), settings), "f")
    assert loaded.embed(ROWS[:3]).shape == (3, 16)


def test_codes_without_normalisation() -> None:
    settings = SETTINGS.model_copy(update={"normalize_code": False})
    codes = encoder_from_bytes(file_of(network(), settings), "f").embed(ROWS)
    assert np.ptp(np.linalg.norm(codes, axis=1)) > 0.01


@pytest.mark.parametrize("batch", [1, 7, 100, 299, 400])
def test_the_block_size_does_not_matter(batch: int) -> None:
    loaded = encoder_from_bytes(FILE, "f")
    np.testing.assert_allclose(loaded.embed(ROWS, batch), loaded.embed(ROWS), rtol=0, atol=1e-6)


def test_no_rows_give_no_codes() -> None:
    assert encoder_from_bytes(FILE, "f").embed(ROWS[:0]).shape == (0, 16)


def test_equal_trainings_give_equal_bytes(data: TrainingData) -> None:
    def trained(settings: TrainingSettings) -> bytes:
        return encoder_to_bytes(
            fit(data, SUBSPACE.projection_KC, settings).encoder_state,
            modality="image",
            subspace=SUBSPACE.identity,
            settings=settings,
        )

    first = trained(SETTINGS)
    assert trained(SETTINGS.model_copy(update={"checkpoint_seconds": 5.0})) == first
    assert trained(SETTINGS.model_copy(update={"seed": 1})) != first
    assert encoder_from_bytes(first, "f").subspace == SUBSPACE.identity


@pytest.mark.parametrize("rows", [ROWS[:, :19], ROWS[0]])
def test_features_of_another_width_are_refused(rows: npt.NDArray[np.float32]) -> None:
    with pytest.raises(DataError, match="takes rows of 20 features"):
        encoder_from_bytes(FILE, "f").embed(rows)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_features_that_are_not_finite_are_refused(value: float) -> None:
    bad = ROWS.copy()
    bad[250, 3] = value
    with pytest.raises(DataError, match="row 250"):
        encoder_from_bytes(FILE, "f").embed(bad, 100)


def test_damage_is_refused_by_name() -> None:
    arrays, note = unpack(FILE, "f")
    bias = arrays["output.bias"]
    fewer = {name: array for name, array in arrays.items() if name != "output.bias"}
    for data in (
        b"",
        FILE[:-1],
        pack(arrays, {}),
        pack(arrays, {**note, "schema": 2}),
        pack(arrays, {**note, "input_dim": 21}),
        pack(arrays, {**note, "input_dim": -1}),
        pack(arrays, {**note, "hidden": [32]}),
        pack(arrays, {**note, "hidden": "32"}),
        pack(arrays, {**note, "more": 1}),
        pack(fewer, note),
        pack({**arrays, "more": bias}, note),
        pack({**arrays, "output.bias": bias.astype(np.float64)}, note),
        pack({**arrays, "output.bias": bias * np.float32(np.nan)}, note),
    ):
        with pytest.raises(IntegrityError, match=r"encoder\.safetensors"):
            encoder_from_bytes(data, "encoders/x/encoder.safetensors")
