from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.steps import tiny


def test_json_names_the_subspace_and_every_feature_set(run: Run, collection: Path) -> None:
    made = run("prepare", collection, "--json")
    assert made.code == 0
    assert made.json.keys() == {"subspace", "features"}
    store = collection.parent / "store" / "tiny"
    (subspace,) = (store / "subspaces").iterdir()
    assert made.json["subspace"] == str(subspace)
    assert made.json["features"] == {
        modality: str(next((store / "features" / modality).iterdir()))
        for modality in ("image", "text")
    }


def test_text_has_a_line_for_each_and_progress_is_on_standard_error(
    run: Run, collection: Path
) -> None:
    made = run("prepare", collection)
    assert [line.split()[0] for line in made.out.splitlines()] == ["subspace", "image", "text"]
    assert [line.split(":")[1] for line in made.err.splitlines()] == [
        " prepared image",
        " prepared text",
    ]


def test_only_the_named_modalities(run: Run, collection: Path) -> None:
    one = run("prepare", collection, "--modality", "text", "--json")
    assert one.json["features"].keys() == {"text"}
    both = run(
        "prepare", collection, "--modality", "text", "--modality", "image", "--quiet", "--json"
    )
    assert both.json["features"].keys() == {"text", "image"}
    assert both.json["features"]["text"] == one.json["features"]["text"]
    assert both.err == ""


def test_again_changes_nothing(run: Run, collection: Path) -> None:
    first = run("prepare", collection, "--json")
    before = tiny.checksums(collection.parent / "store")
    assert run("prepare", collection, "--json").json == first.json
    assert tiny.checksums(collection.parent / "store") == before


def test_a_new_modality_needs_a_collection_to_join(run: Run, collection: Path) -> None:
    text = (collection, "--modality", "text", "--new-modality", "--json")
    alone = run("prepare", *text)
    assert (alone.code, alone.out) == (2, "")
    assert "no subspace" in alone.err or "subspace" in alone.err
    assert not (collection.parent / "store").exists()
    first = run("prepare", collection, "--modality", "image", "--json").json
    joined = run("prepare", *text)
    assert joined.code == 0, joined.err
    assert joined.json["subspace"] == first["subspace"]
    assert joined.json["features"].keys() == {"text"}


def test_it_is_not_tracked(run: Run, tmp_path: Path) -> None:
    tiny.write_sources(tmp_path, "image")
    file = tiny.write_experiment(tmp_path, "image", tracking="sqlite:///mlflow.db")
    assert run("prepare", file).code == 0
    assert not (tmp_path / "mlflow.db").exists()


def test_shards_and_their_join(run: Run, tmp_path: Path) -> None:
    tiny.write_sources(tmp_path, "image")
    sections = {"modalities": {"image": {"shards": 2}}}
    file = tiny.write_experiment(tmp_path, "image", **sections)
    for shard in ("1/2", "2/2"):
        early = run("prepare", file, "--join")
        assert early.code == 2
        assert "--shard" in early.err
        made = run("prepare", file, "--modality", "image", "--shard", shard, "--json")
        assert made.json.keys() == {"modality", "shard", "shards", "part"}
    assert run("prepare", file, "--join", "--json").json["features"].keys() == {"image"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--modality", "image", "--shard", "2"], "I/N, such as 2/8, not '2'"),
        (["--shard", "1/2"], "--shard needs one --modality"),
        (["--modality", "image", "--shard", "1/2", "--new-modality"], "no --new-modality"),
        (["--modality", "image", "--shard", "1/4"], "has 1 shards in the experiment file, not 4"),
        (["--modality", "image", "--shard", "1/2", "--join"], "not allowed with"),
    ],
)
def test_wrong_shards_are_refused(
    run: Run, collection: Path, options: list[str], message: str
) -> None:
    made = run("prepare", collection, *options)
    assert made.code == 2
    assert message in made.err
    assert not (collection.parent / "store").exists()
