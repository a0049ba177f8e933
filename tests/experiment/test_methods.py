"""The sections of single methods: there for that method only, and nothing said elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sdml.errors import ExperimentError
from sdml.experiment import TrainingSettings, parse_experiment
from sdml.training.checkpoint import settings_digest

FILE = """
collection: c
store: /tmp/s
modalities:
  image: {{source: /i.npz}}
  text: {{source: /t.npz, {text}}}
"""


def mtls(**changes: Any) -> TrainingSettings:
    own = {"partner": "image", **changes.pop("mtls", {})}
    return TrainingSettings.model_validate({"method": "mtls", "mtls": own, **changes})


def test_the_defaults_of_mtls() -> None:
    made = mtls()
    assert (made.lambda_, made.batch_size, made.hidden) == (0, 256, (1024, 1024))
    assert (made.selection, made.ridge_share, made.least_batches) == ("val_total", 0, 1)
    assert made.mtls is not None
    assert made.mtls.model_dump() == {
        "partner": "image",
        "margin": 0.2,
        "weight": 1.0,
        "neighbours": 10,
        "temperature": 0.1,
        "class_negatives": True,
    }
    assert TrainingSettings.model_validate(made.model_dump(by_alias=True)) == made


def test_a_small_split_is_one_batch() -> None:
    assert mtls().rows(40) == 40
    assert mtls().rows(400) == 256
    assert TrainingSettings(preset="sdml-reference").rows(40) == 100


@pytest.mark.parametrize("method", ["sdml", "classifier", "drcl"])
def test_other_methods_do_not_speak_of_it(method: str) -> None:
    made = TrainingSettings.model_validate({"method": method})
    assert "mtls" not in made.model_dump()
    assert "mtls" not in made.decisive()
    with pytest.raises(ValidationError, match=f"mtls: nothing that method {method}"):
        TrainingSettings.model_validate({"method": method, "mtls": {"partner": "image"}})


def test_published_settings_have_the_digest_that_they_had() -> None:
    assert settings_digest(TrainingSettings(preset="sdml-reference")) == "81fba7c4130bbeb7"
    assert settings_digest(TrainingSettings()) == "678cd6324be61cb5"
    assert settings_digest(TrainingSettings(method="classifier")) == "07f7bfe810de13de"
    assert settings_digest(TrainingSettings(method="drcl")) == "4d728bf783f1daa4"


def test_everything_in_the_section_is_another_training() -> None:
    own: list[dict[str, Any]] = [
        {"partner": "audio"}, {"margin": 0.3}, {"weight": 0.5}, {"neighbours": 3},
        {"temperature": 0.2}, {"class_negatives": False}, {},
    ]  # fmt: skip
    assert len({settings_digest(mtls(mtls=each)) for each in own}) == len(own)


@pytest.mark.parametrize(
    "wrong",
    [
        {"lambda": 0.5},
        {"ridge_share": 0.5},
        {"least_batches": 2},
        {"precision": "bf16"},
        {"pseudo_labels": 0.9},
        {"preset": "sdml"},
        {"normalize_code": False},
        {"drcl": {}},
    ],
)
def test_what_mtls_has_no_choice_of(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="nothing that method mtls has a choice of"):
        mtls(**wrong)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("partner", "Image!"),
        ("margin", -0.1),
        ("margin", 2.1),
        ("weight", -1),
        ("neighbours", 0),
        ("temperature", 0),
    ],
)
def test_impossible_values(key: str, value: object) -> None:
    with pytest.raises(ValidationError):
        mtls(mtls={key: value})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("method: mtls", "modalities.text: method mtls needs the modality"),
        ("method: mtls, mtls: {}", "modalities.text.mtls.partner: required"),
        ("method: mtls, mtls: {partner: text}", "must be another modality than text itself"),
        ("mtls: {partner: image}", "mtls: nothing that method sdml has a choice of"),
        ("method: mtls, mtls: {partner: image, gamma: 1}", "mtls.gamma: unknown key"),
    ],
)
def test_mistakes_in_a_file(text: str, said: str) -> None:
    with pytest.raises(ExperimentError, match=said):
        parse_experiment(FILE.format(text=text))


def test_the_partner_need_not_be_in_the_file() -> None:
    made = parse_experiment(FILE.format(text="method: mtls, mtls: {partner: audio}"))
    settings = made.training_of("text").mtls
    assert settings is not None
    assert settings.partner == "audio"
