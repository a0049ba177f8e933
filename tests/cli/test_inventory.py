from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run


def test_json_lists_every_version_with_its_objects(run: Run, finished: Path) -> None:
    listed = run("list", finished, "--json")
    assert (listed.code, listed.err) == (0, "")
    assert list(listed.json) == ["items"]
    for item in listed.json["items"]:
        assert set(item) == {
            "kind", "modality", "id", "uri", "created", "made_from", "objects",
        }  # fmt: skip
        for record in item["objects"]:
            assert list(record) == ["name", "bytes", "sha256"]
        assert (Path(item["uri"]) / "manifest.json").is_file()
    assert [item["kind"] for item in listed.json["items"]] == [
        "subspace", "features", "features", "encoder", "encoder", "report",
    ]  # fmt: skip


def test_text_is_a_table(run: Run, finished: Path) -> None:
    items = run("list", finished, "--json").json["items"]
    shown = run("list", finished).out
    for item in items:
        assert item["id"] in shown
        for origin in item["made_from"].values():
            assert origin in shown
    assert "verified" not in shown


def test_verified_objects_are_counted(run: Run, finished: Path) -> None:
    verified = run("list", finished, "--verify")
    count = sum(len(i["objects"]) for i in run("list", finished, "--json").json["items"])
    assert verified.code == 0
    assert verified.out.splitlines()[-1] == f"verified {count} objects: all sound"


def test_an_empty_store(run: Run, collection: Path) -> None:
    assert run("list", collection, "--verify", "--json").json == {"items": []}
    assert not (collection.parent / "store").exists()
