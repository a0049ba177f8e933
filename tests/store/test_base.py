"""The contract of a store, kept by the one in memory, the folder and S3 (a real server)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sdml.errors import DataError, NotFoundError, StoreAccessError
from sdml.store import Store
from sdml.store.base import check_key, check_prefix

BAD_KEYS = [
    "",
    "/",
    "/absolute",
    "ends/",
    "two//slashes",
    "..",
    "a/../b",
    "a/.",
    ".hidden",
    "a/.partial-1",
    "space d",
    "back\\slash",
    "new\nline",
    "a\n",
    "nul\0",
    "umlaut-ä",
    "a" * 201,
    "/".join(["part"] * 200),
]


def test_what_is_put_is_got(store: Store) -> None:
    for data in (b"", b"x", bytes(range(256)) * 100):
        store.put("a/b", data)
        assert store.get("a/b") == data


def test_a_file_is_stored_as_its_bytes(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"from a file")
    store.put("a/b", source)
    assert store.get("a/b") == b"from a file"
    assert source.read_bytes() == b"from a file"


def test_put_replaces_the_whole_object(store: Store) -> None:
    store.put("a", b"long before")
    store.put("a", b"short")
    assert store.get("a") == b"short"
    assert [info.size for info in store.list("")] == [5]


def test_an_absent_object(store: Store, scratch: Path) -> None:
    store.put("a/b", b"x")
    for key in ("a/c", "a", "a/b/c", "z"):
        assert not store.exists(key)
        with pytest.raises(NotFoundError, match=key):
            store.get(key)
        with pytest.raises(NotFoundError, match=key):
            store.local(key, scratch)
        store.delete(key)
    assert store.get("a/b") == b"x"


def test_delete(store: Store) -> None:
    store.put("a/b", b"x")
    assert store.exists("a/b")
    store.delete("a/b")
    assert not store.exists("a/b")
    assert list(store.list("")) == []


def test_nothing_is_unfinished_once_it_is_written(store: Store) -> None:
    store.put("a/b", b"x")
    store.put("a/c", b"x" * (9 << 20))
    assert list(store.unfinished("")) == []
    assert list(store.unfinished("absent/")) == []


def test_local_is_a_file_with_the_bytes(store: Store, scratch: Path) -> None:
    store.put("a/b", b"content")
    path = store.local("a/b", scratch)
    assert path.read_bytes() == b"content"
    assert store.local("a/b", scratch).read_bytes() == b"content"
    if scratch.exists():
        files = [path for path in scratch.rglob("*") if path.is_file()]
        assert files == [path]


def test_list_in_the_order_of_the_keys_bytes(store: Store) -> None:
    keys = ["a-b/x", "a.b", "a/x", "a/y/z", "a0", "B", "b/c", "b/d-e", "b/d/e"]
    for key in reversed(keys):
        store.put(key, key.encode())
    expected = [(key, len(key)) for key in sorted(keys, key=str.encode)]
    assert [(info.key, info.size) for info in store.list("")] == expected


def test_a_listing_says_when_an_object_was_written(store: Store) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)  # S3 tells whole seconds
    store.put("a", b"x")
    (found,) = store.list("")
    assert before <= found.modified <= datetime.now(UTC) + timedelta(seconds=2)
    assert list(store.list("")) == [found]


def test_list_with_a_prefix(store: Store) -> None:
    for key in ("ab", "a/bc", "a/b/c"):
        store.put(key, b"x")
    for prefix, expected in {
        "": ["a/b/c", "a/bc", "ab"],
        "a": ["a/b/c", "a/bc", "ab"],
        "a/": ["a/b/c", "a/bc"],
        "a/b": ["a/b/c", "a/bc"],
        "a/b/": ["a/b/c"],
        "a/b/c": ["a/b/c"],
        "a/b/c/": [],
        "nothing/here/": [],
    }.items():
        assert [info.key for info in store.list(prefix)] == expected, prefix


def test_an_empty_store_lists_nothing(store: Store) -> None:
    assert list(store.list("")) == []
    assert list(store.list("digits/")) == []


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_bad_key_is_refused(key: str) -> None:
    with pytest.raises(StoreAccessError, match="a key in a store"):
        check_key(key)


def test_every_method_refuses_a_bad_key(store: Store, scratch: Path) -> None:
    for act in (
        lambda: store.put("../out", b"x"),
        lambda: store.get("../out"),
        lambda: store.local("../out", scratch),
        lambda: store.exists("../out"),
        lambda: store.delete("../out"),
        lambda: list(store.list("../out")),
        lambda: list(store.unfinished("../out")),
    ):
        with pytest.raises(StoreAccessError, match=r"\.\./out"):
            act()


@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b", "digits/encoders/"])
def test_a_prefix_of_keys_is_allowed(prefix: str) -> None:
    assert check_prefix(prefix) == prefix


@pytest.mark.parametrize("prefix", ["/", "a//", "../", "a/..", " "])
def test_a_prefix_of_no_key_is_refused(prefix: str) -> None:
    with pytest.raises(StoreAccessError):
        check_prefix(prefix)


def test_a_source_that_cannot_be_read_leaves_the_object_as_it_was(
    store: Store, tmp_path: Path
) -> None:
    store.put("a", b"before")
    for source in (tmp_path / "absent", tmp_path):
        with pytest.raises(DataError, match=str(source)):
            store.put("a", source)
    assert store.get("a") == b"before"
    assert [info.key for info in store.list("")] == ["a"]


def test_readers_see_the_old_or_the_new_object(store: Store) -> None:
    old, new = b"o" * 200_000, b"n" * 300_000
    store.put("a", old)
    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(store.put, "a", data) for data in (new, old) * 4]
        readers = [pool.submit(store.get, "a") for _ in range(16)]
        for writer in writers:
            writer.result()
        assert {reader.result() for reader in readers} <= {old, new}


@pytest.mark.parametrize("size", [8 << 20, (16 << 20) + 12345])
def test_large_objects(store: Store, scratch: Path, tmp_path: Path, size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    data = data[:size]
    source = tmp_path / "large"
    source.write_bytes(data)
    store.put("from/bytes", data)
    store.put("from/file", source)
    assert store.get("from/bytes") == data
    assert store.local("from/file", scratch).read_bytes() == data
    assert {info.size for info in store.list("from/")} == {size}
