"""The two presets of the method: what they stand for, and that the reference is as it ever was."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from pydantic import ValidationError

from sdml.experiment import TrainingSettings
from sdml.training import FitResult, Interrupted, TrainingData, fit
from sdml.training.batched import fit_batched
from sdml.training.checkpoint import settings_digest
from sdml.training.encoder_file import encoder_from_bytes, encoder_to_bytes
from tests.training.test_checkpoint import MemorySlot
from tests.training.trainee import SUBSPACE, modality

P = SUBSPACE.projection_KC
SMALL = {"epochs": 4, "batch_size": 50, "hidden": [32, 24], "threads": 1}


def settings(**said: object) -> TrainingSettings:
    return TrainingSettings.model_validate(SMALL | said)


@pytest.mark.parametrize(
    ("said", "digest"),
    [
        ({"preset": "sdml-reference"}, "81fba7c4130bbeb7"),
        (
            {"preset": "sdml-reference", "epochs": 7, "lambda": 0.3, "hidden": [32, 24]},
            "2435ba62167f36f6",
        ),
        ({"method": "classifier"}, "07f7bfe810de13de"),
        ({"method": "drcl"}, "4d728bf783f1daa4"),
    ],
)
def test_digests_of_before_there_were_presets(said: dict[str, object], digest: str) -> None:
    made = TrainingSettings.model_validate(said)
    assert settings_digest(made) == digest
    assert "preset" not in made.decisive()


def test_the_default_preset_says_what_it_is() -> None:
    made = TrainingSettings()
    assert made.preset == "sdml"
    said = made.decisive()
    for key in ("preset", "supervised", "input", "start", "least_batches"):
        assert said[key] == getattr(made, key)
    assert settings_digest(made) != settings_digest(TrainingSettings(preset="sdml-reference"))


def test_a_preset_is_a_start_and_not_a_lock() -> None:
    made = TrainingSettings(start="drawn", least_batches=1)
    assert (made.start, made.least_batches, made.supervised) == ("drawn", 1, "cross_entropy")
    assert "start" not in made.decisive()
    again = TrainingSettings.model_validate(made.model_dump(by_alias=True))
    assert again == made


def test_a_preset_belongs_to_its_method() -> None:
    assert TrainingSettings(method="classifier").preset is None
    with pytest.raises(ValidationError, match="preset, supervised: nothing that method classifier"):
        TrainingSettings(method="classifier", preset="sdml")
    with pytest.raises(ValidationError, match="start: nothing that method drcl"):
        TrainingSettings(method="drcl", start="ridge")
    with pytest.raises(ValidationError, match=r"squared: goes with .* preset: sdml-reference"):
        TrainingSettings(squared=True)
    assert TrainingSettings(preset="sdml-reference", squared=True).squared


def test_rows_of_small_splits() -> None:
    made = TrainingSettings()
    assert [made.rows(n) for n in (1, 2, 150, 1000)] == [1, 1, 75, 100]
    assert TrainingSettings(preset="sdml-reference").rows(5) == 100


def test_the_first_epoch_is_the_start() -> None:
    data = modality(features=20, seed=0)
    one, several = (fit(data, P, settings(epochs=n)) for n in (1, 4))
    assert several.history[0] == dataclasses.replace(
        one.history[0], samples_per_second=several.history[0].samples_per_second
    )
    assert several.history[1].train_loss != several.history[0].train_loss
    drawn = fit(data, P, settings(start="drawn", epochs=1))
    assert one.history[0].validation_supervised < 0.7 * drawn.history[0].validation_supervised


def test_the_stored_encoder_takes_features_as_they_are() -> None:
    data = modality(features=20, seed=0)
    shifted = TrainingData(
        features_ND=3 * data.features_ND + 50,
        labels=data.labels,
        validation_features_ND=3 * data.validation_features_ND + 50,
        validation_labels=data.validation_labels,
    )
    chosen = settings(epochs=1)
    codes = []
    for each in (data, shifted):
        content = encoder_to_bytes(
            fit(each, P, chosen).encoder_state, modality="m", subspace="s", settings=chosen
        )
        codes.append(encoder_from_bytes(content, "x").embed(each.validation_features_ND) @ P)
    np.testing.assert_allclose(codes[0], codes[1], atol=2e-3)
    right = codes[0].argmax(1) == data.validation_labels
    assert right.mean() > 0.7


def test_the_same_seed_gives_the_same_bits() -> None:
    data = modality(features=20, seed=0)
    one, other = (fit(data, P, settings()).encoder_state for _ in range(2))
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_without_weight_on_the_labels_they_do_not_decide_the_start() -> None:
    data = modality(features=20, seed=0)
    other = dataclasses.replace(data, labels=data.labels[::-1].copy())
    one, two = (fit(d, P, settings(**{"lambda": 1.0}, selection="last")) for d in (data, other))
    assert all(
        np.array_equal(one.encoder_state[n], two.encoder_state[n]) for n in one.encoder_state
    )


def test_what_chance_may_have_done_is_not_selected() -> None:
    """Of noise nothing can be learned, but among many epochs some look better than the start."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 130).astype(np.int32)
    rows = rng.standard_normal((130, 20)).astype(np.float32)
    noise = TrainingData(
        features_ND=rows[:100],
        labels=labels[:100],
        validation_features_ND=rows[100:],
        validation_labels=labels[100:],
    )
    assert fit(noise, P, settings(epochs=20, learning_rate=1e-5)).best_epoch == 1


def test_what_training_has_improved_is_selected() -> None:
    """Parity of two signs: nothing for a regression of narrow units, much for training."""
    rng = np.random.default_rng(4)
    rows = rng.standard_normal((1000, 4)).astype(np.float32)
    labels = (2 * (rows[:, 0] * rows[:, 1] > 0) + (rows[:, 2] > 0)).astype(np.int32)
    data = TrainingData(
        features_ND=rows[:600],
        labels=labels[:600],
        validation_features_ND=rows[600:],
        validation_labels=labels[600:],
    )
    fitted = fit(data, P, settings(epochs=30, learning_rate=3e-3, **{"lambda": 0.0}))
    assert fitted.best_epoch > 1
    best = fitted.history[fitted.best_epoch - 1].validation_supervised
    assert best < 0.8 * fitted.history[0].validation_supervised


def test_stopped_and_continued_it_ends_with_the_same_bits() -> None:
    data = modality(features=20, seed=0)
    chosen = settings(epochs=6, learning_rate=1e-3, checkpoint_seconds=0)
    slot = MemorySlot()
    looks = iter([False] * 17 + [True] * 100)
    with pytest.raises(Interrupted):
        fit(data, P, chosen, checkpoint=slot, stop=lambda: next(looks))
    continued = fit(data, P, chosen, checkpoint=slot)
    whole = fit(data, P, chosen)
    assert continued.resumed_from is not None
    assert continued.best_epoch == whole.best_epoch
    for name, array in whole.encoder_state.items():
        assert continued.encoder_state[name].tobytes() == array.tobytes()


def test_several_at_once_have_the_bits_of_alone() -> None:
    data = modality(features=20, seed=0)
    each = [settings(epochs=3, seed=seed) for seed in (0, 1)]
    for result, chosen in zip(fit_batched(data, P, each), each, strict=True):
        alone = fit(data, P, chosen)
        assert isinstance(result, FitResult)
        assert result.best_epoch == alone.best_epoch
        for name, array in alone.encoder_state.items():
            assert result.encoder_state[name].tobytes() == array.tobytes()
