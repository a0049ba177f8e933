from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdml.errors import IntegrityError, NotFoundError, SubspaceError
from sdml.steps.context import Context
from sdml.steps.encoders import (
    newest_encoder,
    newest_encoders,
    open_encoder,
    same_subspace,
)
from sdml.steps.prepare import prepare
from sdml.steps.train import train
from sdml.training.encoder_file import encoder_to_bytes
from tests.steps import tiny


def opened(folder: Path, **sections: object) -> Context:
    return tiny.open_file(tiny.write_experiment(folder, "image", "text", **sections))


def test_the_newest_of_each_modality_for_the_current_subspace(finished: Path) -> None:
    context = opened(finished)
    first = {v.manifest.modality: v.uri for v in newest_encoders(context)}
    assert set(first) == {"image", "text"}
    newer = train(context, "image", lambda_=0.1).encoder
    assert newest_encoder(context, "image").uri == newer
    assert newest_encoder(context, "text").uri == first["text"]
    assert [v.manifest.modality for v in newest_encoders(context, leave_out=["image"])] == ["text"]

    other = opened(finished, subspace={"seed": 1})
    assert newest_encoders(other) == []
    prepare(other)
    assert newest_encoders(other) == []
    trained = train(other, "text")
    assert [v.uri for v in newest_encoders(other)] == [trained.encoder]
    assert {v.uri for v in newest_encoders(context)} == {newer, first["text"]}


def test_no_encoder_says_which_there_are(finished: Path) -> None:
    context = opened(finished)
    with pytest.raises(NotFoundError, match=r"'audio'.*image, text.*sdml train"):
        newest_encoder(context, "audio")


def test_encoders_of_two_subspaces_are_not_mixed(finished: Path) -> None:
    context, other = opened(finished), opened(finished, subspace={"seed": 1})
    prepare(other)
    train(other, "text")
    mixed = [newest_encoder(context, "image"), newest_encoder(other, "text")]
    with pytest.raises(SubspaceError, match=r"image: subspaces/.*text: subspaces/|text.*image"):
        same_subspace(context, mixed)
    assert same_subspace(context, mixed[:1]).path == mixed[0].manifest.made_from["subspace"]


def test_weights_of_another_subspace_than_the_manifest_says_are_refused(finished: Path) -> None:
    context = opened(finished)
    version = newest_encoder(context, "image")
    loaded = open_encoder(context, version)
    state = {
        name: parameter.detach().numpy()
        for name, parameter in loaded.network._network.named_parameters()
    }
    swapped = encoder_to_bytes(
        state,
        modality="image",
        subspace="0123456789abcdef",
        settings=context.experiment.training_of("image"),
    )
    objects = {r.name: context.catalog.read(version, r.name) for r in version.manifest.objects}
    forged = context.catalog.publish(
        "encoder",
        modality="image",
        objects={**objects, "encoder.safetensors": swapped},
        made_from=version.manifest.made_from,
    )
    with pytest.raises(SubspaceError, match="0123456789abcdef"):
        open_encoder(context, forged)


@pytest.mark.parametrize("role", ["subspace", "features"])
def test_a_manifest_without_lineage_is_an_integrity_error(finished: Path, role: str) -> None:
    for path in finished.glob("store/tiny/encoders/image/*/manifest.json"):
        content = json.loads(path.read_text())
        del content["made_from"][role]
        path.write_text(json.dumps(content))
    context = opened(finished)
    with pytest.raises(IntegrityError, match=f"manifest.json: made_from must name the {role}"):
        open_encoder(context, newest_encoder(context, "image"))


def test_a_feature_set_without_keys_is_an_integrity_error(finished: Path) -> None:
    for path in finished.glob("store/tiny/features/image/*/manifest.json"):
        content = json.loads(path.read_text())
        content["settings"] = {}
        path.write_text(json.dumps(content))
    context = opened(finished)
    with pytest.raises(IntegrityError, match=r"features/image/.*manifest.json.*keys"):
        open_encoder(context, newest_encoder(context, "image"))
