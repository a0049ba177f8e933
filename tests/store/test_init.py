"""Opening a store by its URI."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import sdml.store
from sdml.errors import StoreAccessError
from sdml.store import FolderStore, open_store


def test_a_path_opens_a_folder(tmp_path: Path) -> None:
    store = open_store(f"{tmp_path}/a/../store/")
    assert isinstance(store, FolderStore)
    assert store.uri == str((tmp_path / "store").resolve())
    assert not (tmp_path / "store").exists()
    store.put("a", b"x")
    assert (tmp_path / "store" / "a").read_bytes() == b"x"


@pytest.mark.parametrize("uri", ["", "  ", "gs://bucket", "http://user:secret@host", "file:///a"])
def test_another_scheme_is_refused(uri: str) -> None:
    with pytest.raises(StoreAccessError, match="a store is a folder or s3://") as caught:
        open_store(uri)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("uri", ["s3://", "s3:///prefix", "s3://b", "s3://-bad/x", "s3://a b"])
def test_s3_needs_a_bucket(uri: str) -> None:
    with pytest.raises(StoreAccessError, match="a store in S3 is s3://bucket"):
        open_store(uri)


def test_a_secret_in_the_uri_is_refused_and_not_repeated() -> None:
    with pytest.raises(StoreAccessError, match="AWS variables") as caught:
        open_store("s3://key:secret@bucket/prefix")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("uri", ["s3://bucket/../up", "s3://bucket/a//b", "s3://bucket/ä"])
def test_a_bad_prefix_is_refused(uri: str) -> None:
    with pytest.raises(StoreAccessError, match="a key in a store"):
        open_store(uri)


def test_boto3_is_imported_only_for_s3(tmp_path: Path) -> None:
    program = (
        "import sys; from sdml.store import Catalog, open_store;"
        f"Catalog(open_store({str(tmp_path)!r}), 'digits').inventory();"
        "assert not {'boto3', 'botocore', 's3transfer', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_exported_names_exist() -> None:
    assert sorted(sdml.store.__all__) == sorted(set(sdml.store.__all__))
    for name in sdml.store.__all__:
        assert hasattr(sdml.store, name)
