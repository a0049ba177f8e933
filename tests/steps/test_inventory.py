from __future__ import annotations

from pathlib import Path

import pytest

from sdml.errors import IntegrityError
from sdml.steps.inventory import inventory
from tests.steps import tiny


def object_of(folder: Path, kind: str, name: str) -> Path:
    (path,) = (folder / "store" / "tiny").glob(f"{kind}/{name}")
    return path


def test_an_empty_store_has_no_items(tmp_path: Path) -> None:
    tiny.write_sources(tmp_path, "image")
    context = tiny.open_file(tiny.write_experiment(tmp_path, "image"))
    listed = inventory(context, verify=True)
    assert (listed.items, listed.verified) == ([], 0)


def test_everything_is_listed_oldest_first_with_its_lineage(finished_once: Path) -> None:
    context = tiny.open_file(finished_once / "experiment.yaml")
    listed = inventory(context)
    kinds = [(item["kind"], item["modality"]) for item in listed.items]
    assert kinds == [
        ("subspace", None),
        ("features", "image"),
        ("features", "text"),
        ("encoder", "image"),
        ("encoder", "text"),
        ("report", None),
    ]
    assert [item["created"] for item in listed.items] == sorted(i["created"] for i in listed.items)
    encoder = listed.items[3]
    assert encoder.keys() == {
        "kind", "modality", "id", "uri", "created", "made_from", "objects",
    }  # fmt: skip
    assert encoder["uri"].endswith(f"tiny/encoders/image/{encoder['id']}")
    assert encoder["made_from"] == {
        "subspace": f"subspaces/{listed.items[0]['id']}",
        "features": f"features/image/{listed.items[1]['id']}",
    }
    on_disk = tiny.checksums(Path(encoder["uri"]))
    del on_disk["manifest.json"]
    assert {record["name"]: record["sha256"] for record in encoder["objects"]} == on_disk
    sizes = {p.name: p.stat().st_size for p in Path(encoder["uri"]).iterdir()}
    assert all(sizes[record["name"]] == record["bytes"] for record in encoder["objects"])
    assert listed.verified == 0


def test_what_is_sound_is_verified_object_by_object(finished_once: Path) -> None:
    context = tiny.open_file(finished_once / "experiment.yaml")
    listed = inventory(context, verify=True)
    assert listed.verified == sum(len(item["objects"]) for item in listed.items) > 20


OBJECTS = [
    ("subspaces", "*/projection.safetensors"),
    ("features/image", "*/train.features.npy"),
    ("encoders/text", "*/encoder.safetensors"),
    ("reports", "*/report.json"),
]


@pytest.mark.parametrize(("kind", "name"), OBJECTS)
@pytest.mark.parametrize("damage", ["tampered", "truncated", "missing"])
def test_a_damaged_object_is_named(finished: Path, kind: str, name: str, damage: str) -> None:
    path = object_of(finished, kind, name)
    content = path.read_bytes()
    if damage == "tampered":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "truncated":
        path.write_bytes(content[:-1])
    else:
        path.unlink()
    context = tiny.open_file(finished / "experiment.yaml")
    assert len(inventory(context).items) == 6
    said = {"tampered": "sha256", "truncated": f"{len(content) - 1} bytes", "missing": "missing"}
    with pytest.raises(IntegrityError, match=f"1 of .* objects.*{path}.*{said[damage]}"):
        inventory(context, verify=True)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"schema": 2}'])
def test_a_damaged_manifest_is_named(finished: Path, content: bytes) -> None:
    path = object_of(finished, "encoders/text", "*/manifest.json")
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=str(path)):
        inventory(tiny.open_file(finished / "experiment.yaml"))


def test_a_version_without_a_manifest_does_not_exist(finished: Path) -> None:
    object_of(finished, "encoders/text", "*/manifest.json").unlink()
    listed = inventory(tiny.open_file(finished / "experiment.yaml"), verify=True)
    assert len(listed.items) == 5
