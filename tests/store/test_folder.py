"""The folder store where it differs from others: real killed writers and real full disks."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sdml.errors import DataError, NotFoundError, StoreAccessError
from sdml.store import Catalog, FolderStore, Sealed

KILLED_IN_AN_OBJECT = """
import resource, sys
from pathlib import Path
from sdml.store import FolderStore
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 32, 1 << 32))
FolderStore(Path(sys.argv[1])).put("a/b", Path("/dev/zero"))
"""

KILLED_IN_A_PUBLISH = """
import sys
from pathlib import Path
from sdml.store import Catalog, FolderStore
objects = {f"object-{i}": b"x" * 10_000 for i in range(5000)}
Catalog(FolderStore(Path(sys.argv[1])), "digits").publish("subspace", objects=objects, id="ab")
"""

FULL = """
import sys
from pathlib import Path
from sdml.errors import StoreFullError
from sdml.store import Catalog, FolderStore
folder, source = Path(sys.argv[1]), Path(sys.argv[2])
store = FolderStore(folder)
catalog = Catalog(store, "digits")
kept = catalog.publish("subspace", objects={"p": b"small"}, id="kept")
for objects in ({"p": source}, {"p": source.read_bytes()}):
    try:
        catalog.publish("subspace", objects=objects, id="big")
    except StoreFullError as error:
        print(error)
    else:
        raise SystemExit("it was not full")
store.put("digits/checkpoints/a", b"before")
try:
    store.put("digits/checkpoints/a", source)
except StoreFullError:
    assert store.get("digits/checkpoints/a") == b"before"
assert catalog.inventory() == [kept] and catalog.verify(kept) == []
files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
assert files == [
    "digits/checkpoints/a",
    "digits/subspaces/kept/manifest.json",
    "digits/subspaces/kept/p",
], files
"""


def kill_when(program: str, folder: Path, ready: str) -> None:
    """Start the program and kill it (SIGKILL) when a file matches ``ready``."""
    process = subprocess.Popen([sys.executable, "-c", program, str(folder)])
    try:
        while not any(path.stat().st_size for path in folder.glob(ready)):
            assert process.poll() is None, "it ended by itself"
            time.sleep(0.001)
    finally:
        process.kill()
    assert process.wait() == -9


def test_killed_in_the_middle_of_an_object(tmp_path: Path) -> None:
    kill_when(KILLED_IN_AN_OBJECT, tmp_path, "a/.partial-*")
    assert [path.name[:9] for path in (tmp_path / "a").iterdir()] == [".partial-"]
    store = FolderStore(tmp_path)
    assert not store.exists("a/b")
    assert list(store.list("")) == []
    store.put("a/b", b"x")
    assert [info.key for info in store.list("")] == ["a/b"]


def test_killed_in_the_middle_of_a_publish(tmp_path: Path) -> None:
    kill_when(KILLED_IN_A_PUBLISH, tmp_path, "digits/subspaces/ab/object-*")
    catalog = Catalog(FolderStore(tmp_path), "digits")
    assert 0 < len(list(catalog.store.list(""))) < 5000
    assert catalog.inventory() == []
    with pytest.raises(NotFoundError):
        catalog.get("subspaces/ab")
    version = catalog.publish("subspace", objects={"object-1": b"again"}, id="ab")
    assert catalog.inventory() == [version]
    assert catalog.verify(version) == []


def test_what_a_killed_writer_left_is_found_and_discarded(tmp_path: Path) -> None:
    kill_when(KILLED_IN_AN_OBJECT, tmp_path, "a/.partial-*")
    store = FolderStore(tmp_path)
    (write,) = store.unfinished("")
    (path,) = (tmp_path / "a").iterdir()
    assert (write.key, write.name, write.size) == (f"a/{path.name}", path.name, path.stat().st_size)
    assert write.modified.timestamp() == pytest.approx(path.stat().st_mtime, abs=1e-5)
    assert list(store.unfinished("a/")) == [write]
    assert list(store.unfinished("b/")) == []
    store.discard(write)
    store.discard(write)
    assert list(tmp_path.iterdir()) == []


def test_a_deleted_object_takes_its_empty_folders_along(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    for key in ("a/b/c/d", "a/e"):
        store.put(key, b"x")
    store.delete("a/b/c/d")
    assert [path.name for path in (tmp_path / "store" / "a").iterdir()] == ["e"]
    store.delete("a/e")
    store.delete("a/e")
    assert (tmp_path / "store").is_dir()
    assert list((tmp_path / "store").iterdir()) == []


def test_puts_beside_deletes_that_remove_the_folder(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)

    def work(number: int) -> None:
        for _ in range(100):
            store.put(f"a/b/{number}", b"x")
            store.delete(f"a/b/{number}")
        store.put(f"a/b/{number}", b"x")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert len(list(store.list("a/b/"))) == 6


def test_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 200_000)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
    done = subprocess.run(
        [sys.executable, "-c", limit + FULL, str(tmp_path / "store"), str(source)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "limit on the size of files" in done.stdout


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """A tmpfs of 256 KiB in a mount namespace of its own, which ends with the process."""
    unshare = shutil.which("unshare")
    flags = ["--mount"] if os.geteuid() == 0 else ["--mount", "--map-root-user"]
    if unshare is None or subprocess.run([unshare, *flags, "true"], capture_output=True).returncode:
        pytest.skip("no mount namespace can be made here")
    source, disk = tmp_path / "source", tmp_path / "disk"
    source.write_bytes(b"x" * 400_000)
    disk.mkdir()
    script = 'mount -t tmpfs -o size=256k tmpfs "$1" && exec "$2" -c "$3" "$1/store" "$4"'
    command = ["sh", "-c", script, "sh", str(disk), sys.executable, FULL, str(source)]
    done = subprocess.run([unshare, *flags, *command], capture_output=True, text=True)
    if "mount:" in done.stderr:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert "no space left" in done.stdout
    assert list(disk.iterdir()) == []


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="needs a folder that nobody can write to")
def test_a_folder_that_must_not_be_written() -> None:
    store = FolderStore(Path("/sys/sdml"))
    with pytest.raises(StoreAccessError, match="/sys"):
        store.put("a", b"x")
    assert list(store.list("")) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_must_not_be_read(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    store.put("a/b", b"x")
    (tmp_path / "store" / "a").chmod(0)
    try:
        for act in (
            lambda: store.get("a/b"),
            lambda: store.exists("a/b"),
            lambda: store.put("a/b", b"y"),
            lambda: list(store.list("")),
        ):
            with pytest.raises(StoreAccessError, match="permission"):
                act()
    finally:
        (tmp_path / "store" / "a").chmod(0o700)


def test_a_store_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"")
    store = FolderStore(tmp_path / "store")
    with pytest.raises(StoreAccessError, match="is a file, not a folder"):
        store.put("a/b", b"x")


def test_a_key_where_a_folder_is(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put("a/b", b"x")
    with pytest.raises(StoreAccessError, match="is a folder"):
        store.put("a", b"y")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_local_is_the_object_itself(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    store.put("a/b", b"x")
    assert store.local("a/b", tmp_path / "scratch") == tmp_path / "store" / "a" / "b"
    assert not (tmp_path / "scratch").exists()


def test_files_of_others_are_not_listed(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put("a/b", b"x")
    for name in (".DS_Store", "a/.nfs0001", "my notes.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "a" / ".hidden").mkdir()
    (tmp_path / "a" / ".hidden" / "c").write_bytes(b"")
    (tmp_path / "a" / "gone").symlink_to("nowhere")
    assert [info.key for info in store.list("")] == ["a/b"]


def test_objects_have_the_permissions_of_new_files(tmp_path: Path) -> None:
    FolderStore(tmp_path).put("a", b"x")
    (tmp_path / "other").write_bytes(b"x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.truncate(256 << 20)
    program = """
import resource, sys
from pathlib import Path
from sdml.store import Catalog, FolderStore
catalog = Catalog(FolderStore(Path(sys.argv[1])), "digits")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
version = catalog.publish("subspace", objects={"p": Path(sys.argv[2])})
assert catalog.local(version, "p").stat().st_size == 256 << 20
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert grown < 32 << 10, f"{grown} KiB more"
"""
    command = [sys.executable, "-c", program, str(tmp_path / "store"), str(source)]
    subprocess.run(command, check=True)
    shutil.rmtree(tmp_path / "store")


def test_a_sealed_file_gets_another_name_and_outlives_its_own(tmp_path: Path) -> None:
    made = tmp_path / "made.bin"
    made.write_bytes(b"vectors")
    sealed = Sealed(path=made, bytes=7, sha256=hashlib.sha256(b"vectors").hexdigest())
    catalog = Catalog(FolderStore(tmp_path / "store"), "digits")
    version = catalog.publish("subspace", objects={"p": sealed}, id="ab")
    stored = tmp_path / "store/digits/subspaces/ab/p"
    assert stored.stat().st_ino == made.stat().st_ino
    made.unlink()
    assert catalog.read(version, "p") == b"vectors"
    assert catalog.verify(version) == []


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM])
def test_where_no_second_name_can_be_given_it_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    made = tmp_path / "made.bin"
    made.write_bytes(b"vectors")
    store = FolderStore(tmp_path / "store")
    store.adopt("a/b", made)
    assert (tmp_path / "store/a/b").read_bytes() == b"vectors"
    assert (tmp_path / "store/a/b").stat().st_ino != made.stat().st_ino


def test_a_sealed_file_that_changes_makes_no_version(tmp_path: Path) -> None:
    made = tmp_path / "made.bin"
    made.write_bytes(b"vectors")
    sealed = Sealed(path=made, bytes=7, sha256=hashlib.sha256(b"vectors").hexdigest())
    store = FolderStore(tmp_path / "store")

    def adopt(key: str, file: Path) -> None:
        file.write_bytes(b"others.")
        os.utime(file, ns=(1, 1))

    store.adopt = adopt  # type: ignore[method-assign]
    with pytest.raises(DataError, match=r"made\.bin: changed while it was being stored"):
        Catalog(store, "digits").publish("subspace", objects={"p": sealed}, id="ab")
    assert not (tmp_path / "store").exists()
