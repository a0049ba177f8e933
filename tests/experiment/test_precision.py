"""training.precision: said only where it is not the usual one, so that digests stay."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from sdml.experiment import TrainingSettings
from sdml.training.checkpoint import settings_digest


def test_the_usual_precision_is_not_said() -> None:
    assert "precision" not in TrainingSettings(precision="fp32").model_dump(mode="json")
    assert TrainingSettings(precision="bf16").model_dump(mode="json")["precision"] == "bf16"
    assert TrainingSettings.model_validate(TrainingSettings().model_dump()).precision == "fp32"


def test_another_precision_is_another_training() -> None:
    digests = {
        settings_digest(TrainingSettings(precision=precision)) for precision in ("fp32", "bf16")
    }
    assert len(digests) == 2
    assert settings_digest(TrainingSettings()) in digests


def test_drcl_has_no_choice() -> None:
    with pytest.raises(ValidationError, match="precision: nothing that method drcl has a choice"):
        TrainingSettings.model_validate({"method": "drcl", "precision": "bf16"})
    assert TrainingSettings.model_validate({"method": "drcl", "precision": "auto"})


def test_an_unknown_precision() -> None:
    with pytest.raises(ValidationError, match="fp32"):
        TrainingSettings.model_validate({"precision": "fp16"})
