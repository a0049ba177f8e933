"""The two presets of the method: what they stand for, and that the reference is as it ever was."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from pydantic import ValidationError

from sdml.experiment import TrainingSettings
from sdml.training import FitResult, Interrupted, fit
from sdml.training.batched import fit_batched
from sdml.training.batched_learner import TurnsLearner
from sdml.training.checkpoint import settings_digest
from tests.training.slot import MemorySlot
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
    for key in ("preset", "ridge_share", "least_batches"):
        assert said[key] == getattr(made, key)
    assert settings_digest(made) != settings_digest(TrainingSettings(preset="sdml-reference"))


def test_a_preset_is_a_start_and_not_a_lock() -> None:
    made = TrainingSettings(ridge_share=0, least_batches=1)
    assert (made.preset, made.ridge_share, made.least_batches) == ("sdml", 0, 1)
    assert "ridge_share" not in made.decisive()
    again = TrainingSettings.model_validate(made.model_dump(by_alias=True))
    assert again == made


def test_a_preset_belongs_to_its_method() -> None:
    assert TrainingSettings(method="classifier").preset is None
    with pytest.raises(ValidationError, match="preset: nothing that method classifier"):
        TrainingSettings(method="classifier", preset="sdml")
    with pytest.raises(ValidationError, match="ridge_share: nothing that method drcl"):
        TrainingSettings(method="drcl", ridge_share=0.5)
    with pytest.raises(ValidationError, match=r"normalize_code: goes with ridge_share: 0"):
        TrainingSettings(normalize_code=False)
    assert not TrainingSettings(preset="sdml-reference", normalize_code=False).normalize_code


def test_rows_of_small_splits() -> None:
    made = TrainingSettings()
    assert [made.rows(n) for n in (1, 2, 150, 1000)] == [1, 1, 75, 100]
    assert TrainingSettings(preset="sdml-reference").rows(5) == 100


def test_the_same_seed_gives_the_same_bits() -> None:
    data = modality(features=20, seed=0)
    one, other = (fit(data, P, settings()).encoder_state for _ in range(2))
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_without_weight_on_the_labels_they_decide_nothing() -> None:
    data = modality(features=20, seed=0)
    other = dataclasses.replace(data, labels=data.labels[::-1].copy())
    one, two = (fit(d, P, settings(**{"lambda": 1.0}, selection="last")) for d in (data, other))
    assert all(
        np.array_equal(one.encoder_state[n], two.encoder_state[n]) for n in one.encoder_state
    )


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
    made = fit_batched(data, P, each, learner_type=TurnsLearner)
    for result, chosen in zip(made, each, strict=True):
        alone = fit(data, P, chosen)
        assert isinstance(result, FitResult)
        assert result.best_epoch == alone.best_epoch
        for name, array in alone.encoder_state.items():
            assert result.encoder_state[name].tobytes() == array.tobytes()
