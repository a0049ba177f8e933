"""docs/store.md is true: its manifest is sound, and its programs run on a store of ours."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sdml.experiment import TrainingSettings
from sdml.networks import Encoder
from sdml.store import Catalog, FolderStore, Manifest
from sdml.subspace import Subspace
from sdml.training.encoder_file import encoder_to_bytes

DOCUMENT = Path(__file__).parents[2] / "docs" / "store.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)


def run(program: str, store: Path) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(program.replace("/data/store", str(store)), names)  # the program is ours, from docs/
    return names


def test_the_manifest_is_sound_and_every_field_is_explained() -> None:
    (text,) = blocks("json")
    manifest = Manifest.from_json(text.encode(), "docs/store.md")
    assert json.loads(manifest.to_json()) == json.loads(text)
    for field in json.loads(text):
        assert f"| `{field}` |" in DOCUMENT.read_text()


def test_the_programs(tmp_path: Path) -> None:
    catalog = Catalog(FolderStore(tmp_path), "digits")
    rng = np.random.default_rng(0)
    subspace = Subspace.random(("ä", "b", "c"), dimension=6, seed=0)
    features_ND = rng.normal(size=(5, 4)).astype(np.float32)
    array = io.BytesIO()
    np.save(array, features_ND)
    settings = TrainingSettings(hidden=(8, 7))
    network = Encoder(4, (8, 7), 6, normalize=True, generator=torch.Generator().manual_seed(1))
    state = {name: value.detach().numpy() for name, value in network.named_parameters()}
    contract = catalog.publish(
        "subspace", id=subspace.identity, objects={"projection.safetensors": subspace.to_bytes()}
    )
    features = catalog.publish(
        "features", modality="image", objects={"test.features.npy": array.getvalue()}
    )
    encoder = encoder_to_bytes(
        state, modality="image", subspace=subspace.identity, settings=settings
    )
    published = catalog.publish(
        "encoder",
        modality="image",
        objects={"encoder.safetensors": encoder},
        made_from={"subspace": contract.path, "features": features.path},
    )
    identity, without, with_it = blocks("python")
    program = identity.replace("4be1a0c29d7f3e58", subspace.identity)
    assert run(program, tmp_path)["identity"] == subspace.identity
    with torch.no_grad():
        codes_NK = network(torch.from_numpy(features_ND)).numpy()
    assert run(without, tmp_path)["codes"] == pytest.approx(codes_NK, abs=1e-6)
    assert run(with_it, tmp_path)["version"] == published
