"""The loop: selection, edges of λ, bad input, determinism, and a golden curve."""

from __future__ import annotations

import dataclasses
import math
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import log_loss

from sdml.errors import DataError, ExperimentError, TrainingError
from sdml.experiment import TrainingSettings
from sdml.networks import Encoder
from sdml.objectives import supervised_loss
from sdml.training import EpochRecord, FitResult, TrainingData, fit
from sdml.training.history import history_to_json
from tests.training.trainee import SUBSPACE, modality

P = SUBSPACE.projection_KC
GOLDEN = Path(__file__).with_name("golden_losses.txt")


def bits(result: FitResult) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in result.encoder_state.items()}


def changed(settings: TrainingSettings, **change: object) -> TrainingSettings:
    return settings.model_copy(update=change)


def test_golden_curve(data: TrainingData, settings: TrainingSettings) -> None:
    """Within 1e-4: rounding differs between processors, a changed method differs by more."""
    result = fit(data, P, changed(settings, epochs=12))
    curve = [(r.train_loss, r.validation_supervised) for r in result.history]
    np.testing.assert_allclose(curve, np.loadtxt(GOLDEN), rtol=1e-4)


def test_it_learns(data: TrainingData, settings: TrainingSettings) -> None:
    result = fit(data, P, changed(settings, epochs=30))
    first, last = result.history[0], result.history[-1]
    assert last.validation_supervised < 0.7 * first.validation_supervised
    assert last.train_reconstruction < first.train_reconstruction


def test_records(data: TrainingData, settings: TrainingSettings) -> None:
    seen: list[EpochRecord] = []
    ticks = count()
    result = fit(
        data,
        P,
        changed(settings, lambda_=0.3),
        on_epoch=seen.append,
        clock=lambda: float(next(ticks)),
    )
    assert tuple(seen) == result.history
    assert [r.epoch for r in seen] == list(range(1, settings.epochs + 1))
    assert result.epochs == settings.epochs
    assert result.resumed_from is None
    for r in seen:
        assert r.learning_rate == settings.learning_rate
        assert r.samples_per_second == 300  # six full batches in one tick
        for loss, rec, sup in (
            (r.train_loss, r.train_reconstruction, r.train_supervised),
            (r.validation_loss, r.validation_reconstruction, r.validation_supervised),
        ):
            assert loss == pytest.approx(0.3 * rec + 0.7 * sup, rel=1e-6)


def test_selection_keeps_the_lowest_validation_loss(data: TrainingData) -> None:
    settings = TrainingSettings(
        preset="sdml-reference",
        epochs=25,
        batch_size=50,
        hidden=(32, 24),
        learning_rate=2e-2,
        threads=1,
    )
    best = fit(data, P, settings)
    losses = [record.validation_supervised for record in best.history]
    assert best.best_epoch == 1 + int(np.argmin(losses)) < 25
    until_best = fit(data, P, changed(settings, epochs=best.best_epoch, selection="last"))
    assert bits(best) == bits(until_best)
    last = fit(data, P, changed(settings, selection="last"))
    assert last.best_epoch == 25
    assert bits(last) != bits(best)


def test_equal_losses_keep_the_earlier_epoch(
    data: TrainingData, settings: TrainingSettings
) -> None:
    frozen = changed(settings, learning_rate=1e-30, epochs=3)
    result = fit(data, P, frozen)
    assert len({record.validation_supervised for record in result.history}) == 1
    assert result.best_epoch == 1


def validation_codes(
    result: FitResult, data: TrainingData, settings: TrainingSettings
) -> torch.Tensor:
    """Of the trained encoder, in a network that began elsewhere."""
    encoder = Encoder(
        20, settings.hidden, 16, normalize=True, generator=torch.Generator().manual_seed(9)
    )
    encoder.load_state_dict({n: torch.from_numpy(a) for n, a in result.encoder_state.items()})
    with torch.no_grad():
        codes: torch.Tensor = encoder(torch.from_numpy(data.validation_features_ND))
    return codes


def test_the_returned_weights_are_those_of_the_best_epoch(
    data: TrainingData, settings: TrainingSettings
) -> None:
    result = fit(data, P, settings)
    codes = validation_codes(result, data, settings)
    with torch.no_grad():
        targets = torch.eye(4)[torch.from_numpy(data.validation_labels).long()]
        loss = float(supervised_loss(codes, torch.from_numpy(P.copy()), targets))
    expected = result.history[result.best_epoch - 1].validation_supervised
    assert loss == pytest.approx(expected, rel=1e-6)


def test_same_seed_same_bits_and_no_global_state(
    data: TrainingData, settings: TrainingSettings
) -> None:
    first = fit(data, P, settings)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    np_state = np.random.get_state()[1].tobytes()  # type: ignore[index]  # noqa: NPY002
    torch.rand(3)
    torch.set_rng_state(state)
    second = fit(data, P, settings)
    assert bits(first) == bits(second)
    assert history_to_json(first.history) == history_to_json(second.history)
    assert bits(fit(data, P, changed(settings, seed=1))) != bits(first)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert np.random.get_state()[1].tobytes() == np_state  # type: ignore[index]  # noqa: NPY002


def test_other_modalities_change_nothing(settings: TrainingSettings) -> None:
    image, text = modality(features=20, seed=0), modality(features=7, seed=1)
    alone = bits(fit(image, P, settings))
    fit(text, P, settings)
    after = bits(fit(image, P, settings))
    assert alone == after


def test_file_maps_and_arrays_give_the_same_bits(
    data: TrainingData, settings: TrainingSettings, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", data.features_ND)
    mapped = dataclasses.replace(data, features_ND=np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert bits(fit(mapped, P, settings)) == bits(fit(data, P, settings))


def test_one_hot_labels_give_the_same_bits(data: TrainingData, settings: TrainingSettings) -> None:
    table = np.vstack([np.eye(4), np.zeros(4)]).astype(np.uint8)
    hot = dataclasses.replace(
        data, labels=table[data.labels], validation_labels=table[data.validation_labels]
    )
    assert bits(fit(hot, P, settings)) == bits(fit(data, P, settings))


def test_lambda_one_needs_no_training_labels(
    data: TrainingData, settings: TrainingSettings, caplog: pytest.LogCaptureFixture
) -> None:
    without = dataclasses.replace(data, labels=np.full(300, -1, dtype=np.int32))
    result = fit(without, P, changed(settings, lambda_=1.0))
    last = result.history[-1]
    assert last.train_loss == last.train_reconstruction < result.history[0].train_loss
    assert last.train_supervised == 0
    assert math.isfinite(last.validation_supervised)
    assert "selection: last" in caplog.text


def test_lambda_zero_trains_the_codes_alone(data: TrainingData, settings: TrainingSettings) -> None:
    result = fit(data, P, changed(settings, lambda_=0.0))
    last = result.history[-1]
    assert last.train_loss == last.train_supervised < result.history[0].train_loss
    assert math.isfinite(last.train_reconstruction)
    # the decoder's shape and toggles cannot matter
    other = fit(data, P, changed(settings, lambda_=0.0, normalize_reconstruction=False))
    assert bits(other) == bits(result)


def test_a_partial_batch_counts_without_drop_last(
    data: TrainingData, settings: TrainingSettings
) -> None:
    dropping = fit(data, P, changed(settings, batch_size=80))
    keeping = fit(data, P, changed(settings, batch_size=80, drop_last=False))
    assert bits(dropping) != bits(keeping)
    fit(data, P, changed(settings, batch_size=400, drop_last=False))


def test_all_zero_features_and_unlabelled_batches_stay_finite(
    data: TrainingData, settings: TrainingSettings
) -> None:
    labels = np.full(300, -1, dtype=np.int32)
    labels[0] = 0
    empty = dataclasses.replace(data, features_ND=np.zeros_like(data.features_ND), labels=labels)
    for change in ({}, {"decoder_output_relu": True}, {"normalize_target": True}):
        result = fit(empty, P, changed(settings, **change))
        assert all(np.isfinite(array).all() for array in result.encoder_state.values())


def test_more_labels_than_one(settings: TrainingSettings) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (360, 4)).astype(np.uint8)
    features = (labels @ rng.standard_normal((4, 20)) + 3).astype(np.float32)
    data = TrainingData(
        features_ND=features[:300],
        labels=labels[:300],
        validation_features_ND=features[300:],
        validation_labels=labels[300:],
    )
    result = fit(data, P, changed(settings, epochs=60))
    counts = labels[300:].sum(1)
    floor = float(np.mean(np.sqrt(counts[counts > 0]) - 1))
    best = result.history[result.best_epoch - 1].validation_supervised
    assert floor < best < floor + 0.3


def test_a_classifier_of_several_labels_has_a_sigmoid_for_each(data: TrainingData) -> None:
    labels = (np.random.default_rng(0).random((360, 4)) < 0.4).astype(np.uint8)
    several = dataclasses.replace(data, labels=labels[:300], validation_labels=labels[300:])
    settings = TrainingSettings(
        method="classifier", epochs=3, batch_size=50, hidden=(32,), threads=1
    )
    result = fit(several, P, settings)
    scores_NC = validation_codes(result, several, settings).numpy() @ P
    chance_NC = expit(2 * math.log(19) * (scores_NC - 0.5))
    given = [(y, p) for y, p in zip(labels[300:], chance_NC, strict=True) if y.any()]
    expected = np.mean([4 * log_loss(y, p, labels=[0, 1]) for y, p in given])
    best = result.history[result.best_epoch - 1]
    assert best.validation_supervised == pytest.approx(expected, rel=1e-5)


class TestRefused:
    def test_fewer_samples_than_a_batch(
        self, data: TrainingData, settings: TrainingSettings
    ) -> None:
        with pytest.raises(DataError, match="300 samples and batch_size is 301: lower batch_size"):
            fit(data, P, changed(settings, batch_size=301))

    def test_validation_without_labels(
        self, data: TrainingData, settings: TrainingSettings
    ) -> None:
        labels = np.full(60, -1, dtype=np.int32)
        with pytest.raises(DataError, match="none of its 60 is labelled"):
            fit(dataclasses.replace(data, validation_labels=labels), P, settings)

    def test_training_without_labels(self, data: TrainingData, settings: TrainingSettings) -> None:
        labels = np.full(300, -1, dtype=np.int32)
        with pytest.raises(DataError, match="unless λ = 1"):
            fit(dataclasses.replace(data, labels=labels), P, settings)

    def test_different_widths(self, data: TrainingData, settings: TrainingSettings) -> None:
        narrow = data.validation_features_ND[:, :19]
        with pytest.raises(DataError, match="20 and 19"):
            fit(dataclasses.replace(data, validation_features_ND=narrow), P, settings)

    @pytest.mark.parametrize("name", ["gpu", "cuda:99", "cpu:x", ""])
    def test_devices_that_are_not_here(
        self, data: TrainingData, settings: TrainingSettings, name: str
    ) -> None:
        with pytest.raises(ExperimentError, match=r"training\.device"):
            fit(data, P, changed(settings, device=name))

    def test_a_diverging_training(self, data: TrainingData, settings: TrainingSettings) -> None:
        with pytest.raises(TrainingError, match="lower learning_rate"):
            fit(data, P, changed(settings, learning_rate=1e30))

    @pytest.mark.parametrize("where", ["features_ND", "validation_features_ND"])
    def test_a_loss_that_is_not_finite(
        self, data: TrainingData, settings: TrainingSettings, where: str
    ) -> None:
        rows = getattr(data, where).copy()
        rows[7, 3] = np.nan
        with pytest.raises(TrainingError, match=r"after epoch 1 .*λ = 0\.5.*0\.001.*lower"):
            fit(dataclasses.replace(data, **{where: rows}), P, settings)
