"""Which objects of a bucket a source's address names, whatever they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdml.errors import DataError, NotFoundError, StoreAccessError
from sdml.experiment import ModalitySettings
from sdml.steps.source_bucket import Bucket, _matches, is_bucket
from sdml.steps.sources import local_source, named_source, source_state

NAMES = ("IMG 002.jpg", "photo(1).jpg", "hund-für.jpg", "a.jpg", ".hidden.jpg")


def put(client: Any, bucket: str, *keys: str, data: bytes = b"x") -> None:
    for key in keys:
        client.put_object(Bucket=bucket.removeprefix("s3://"), Key=key, Body=data)


def photos(source: str) -> ModalitySettings:
    return ModalitySettings.model_validate({"source": source, "extractor": {"name": "pixels"}})


@pytest.mark.parametrize(
    "pattern",
    ["*", "*.txt", "*/*.txt", "?/c.txt", "**/*.txt", "a/**/*.txt", "[ab]/c.*", "a/b/d.txt", "a"],
)
def test_a_glob_means_what_it_means_in_a_folder(tmp_path: Path, pattern: str) -> None:
    keys = ["top.txt", "a/c.txt", "b/c.txt", "a/b/d.txt", "a/b/c/e.txt", "a/c.csv", "bb/c.txt"]
    for key in keys:
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).touch()
    expected = {p.relative_to(tmp_path).as_posix() for p in tmp_path.glob(pattern) if p.is_file()}
    assert {key for key in keys if _matches(key.split("/"), pattern.split("/"))} == expected


@pytest.mark.parametrize(
    "uri", ["s3://", "s3://bucket", "s3://bucket/", "s3://buck*/a.npz", "s3://bucket/folder/"]
)
def test_what_is_no_address_of_a_file(tmp_path: Path, uri: str) -> None:
    assert is_bucket(uri)
    with pytest.raises(DataError, match=r"a source in S3 is s3://bucket/path"):
        Bucket.above(uri, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_secret_in_an_address_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(DataError) as failed:
        Bucket.above("s3://key:hidden@bucket", tmp_path)
    assert "hidden" not in str(failed.value)
    with pytest.raises(StoreAccessError) as refused:
        Bucket.above("s3://key:hidden@bucket/file.npz", tmp_path)
    assert "hidden" not in str(refused.value)


@pytest.mark.server
def test_ordinary_names_are_found(s3_environment: str, s3_client: Any, tmp_path: Path) -> None:
    put(s3_client, s3_environment, *(f"My photos/dog/{name}" for name in NAMES))
    put(s3_client, s3_environment, "My photos/dog/notes.txt", "My photos/deep/er/a.jpg")
    settings = photos(f"{s3_environment}/My photos/*/*.jpg")
    here = local_source(settings, tmp_path, name="image")
    root = Path(here.source).parents[1]
    brought = {path.name for path in root.rglob("*") if path.is_file()}
    assert brought == set(NAMES)
    told = source_state(settings, "store", tmp_path, name="image")
    assert [name.rpartition("/")[2] for name, _, _ in told] == sorted(NAMES)


@pytest.mark.server
def test_a_table_brings_the_files_that_it_names_and_no_others(
    s3_environment: str, s3_client: Any, tmp_path: Path
) -> None:
    named = ("..1/IMG 1.png", "img/ä.png")
    put(s3_client, s3_environment, *(f"raw/{key}" for key in named), "raw/img/other.png")
    put(s3_client, s3_environment, "raw/store/tiny/encoders/e/manifest.json")
    table = f"X,y\n./{named[0]},a\n{named[1]},b\nimg/absent.png,a\n".encode()
    put(s3_client, s3_environment, "raw/photos.csv", data=table)
    settings = photos(f"{s3_environment}/raw/photos.csv")

    def files(folder: Path) -> dict[str, int]:
        found = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.stat().st_size for path in found}

    here = Path(local_source(settings, tmp_path, name="image").source)
    assert files(here.parent) == {"photos.csv": len(table), named[0]: 1, named[1]: 1}

    later, fetch = named_source(settings, tmp_path, name="image")
    below = Path(later.source).parent
    assert files(below) == {"photos.csv": len(table), named[0]: 0, named[1]: 0}
    fetch(below / named[1])
    assert files(below)[named[1]] == 1

    before = source_state(settings, "store", tmp_path, name="image")
    assert [name.partition("/raw/")[2] for name, _, _ in before] == sorted(["photos.csv", *named])
    put(s3_client, s3_environment, "raw/img/other.png", data=b"changed")
    assert source_state(settings, "store", tmp_path, name="image") == before
    put(s3_client, s3_environment, f"raw/{named[0]}", data=b"changed")
    assert source_state(settings, "store", tmp_path, name="image") != before


@pytest.mark.server
def test_a_table_must_name_files_below_its_folder(
    s3_environment: str, s3_client: Any, tmp_path: Path
) -> None:
    put(s3_client, s3_environment, "raw/photos.csv", data=b"X,y\nimg/../../elsewhere.png,a\n")
    settings = photos(f"{s3_environment}/raw/photos.csv")
    with pytest.raises(DataError, match=r"modality image: .*raw/photos\.csv.*'\.\./elsewhere"):
        local_source(settings, tmp_path, name="image")


@pytest.mark.server
def test_what_is_not_there(s3_environment: str, s3_client: Any, tmp_path: Path) -> None:
    absent = photos(f"{s3_environment}/raw/photos.csv")
    assert source_state(absent, "store", tmp_path, name="image") == []
    with pytest.raises(NotFoundError, match=r"raw/photos\.csv"):
        local_source(absent, tmp_path, name="image")
    with pytest.raises(NotFoundError, match="no object lies under"):
        source_state(photos(f"{s3_environment}/raw/*.png"), "store", tmp_path, name="image")


def test_the_state_of_a_local_table_is_that_of_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "img").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "img" / name).write_bytes(b"x")
    (tmp_path / "photos.csv").write_text("X,y\nimg/a.png,1\nimg/none.png,2\n")
    settings = photos(str(tmp_path / "photos.csv"))

    def state() -> list[tuple[str, int, str]]:
        return source_state(settings, str(tmp_path / "store"), None, name="image")

    before = state()
    assert [name for name, _, _ in before] == [
        str(tmp_path / "img" / "a.png"),
        str(tmp_path / "photos.csv"),
    ]
    for beside in ("experiment.yaml", "img/b.png", "mlflow.db"):
        (tmp_path / beside).write_bytes(b"something else")
    assert state() == before
    (tmp_path / "img" / "none.png").write_bytes(b"now it is here")
    assert len(state()) == 3


def test_the_state_of_a_local_glob_and_of_labels(tmp_path: Path) -> None:
    for name in ("v1.npy", "v2.npy", "w.npy"):
        np.save(tmp_path / name, np.zeros(3))
    settings = ModalitySettings(
        source=str(tmp_path / "v*.npy"), labels={"train": str(tmp_path / "w.npy")}
    )
    told = source_state(settings, "store", None, name="image")
    assert [Path(name).name for name, _, _ in told] == ["v1.npy", "v2.npy", "w.npy"]
    nothing = ModalitySettings(source=str(tmp_path / "x*.npy"))
    assert source_state(nothing, "store", None, name="image") == []
