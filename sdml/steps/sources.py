"""A modality's source files: bringing them here from an S3 bucket, and telling their state."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatch
from pathlib import Path

from sdml.errors import NotFoundError
from sdml.experiment import ModalitySettings
from sdml.features import make_extractor
from sdml.store import Store, open_store
from sdml.store.files import make_folder, mapped_errors

_S3 = "s3://"
_MAGIC = set("*?[")


@contextmanager
def scratch_folder(parent: Path | None) -> Iterator[Path]:
    """A new folder for temporary files, removed at the end; below ``parent`` if one is given.

    Raises:
        StoreError, StoreAccessError: no folder can be made there.
    """
    with ExitStack() as opened:
        with mapped_errors(parent or "the folder for temporary files (TMPDIR)"):
            if parent is not None:
                make_folder(parent)
            made = tempfile.TemporaryDirectory(prefix="sdml-", dir=parent)
            folder = opened.enter_context(made)
        yield Path(folder)


def local_source(settings: ModalitySettings, scratch: Path) -> ModalitySettings:
    """The same settings with every ``s3://`` source and label file fetched below ``scratch``.

    A table of raw items or a glob brings everything below its folder; any other source is
    one file. Local paths are left as they are.

    Raises:
        StoreAccessError: the bucket refuses.
        NotFoundError: no such object.
    """
    many = settings.extractor is not None
    labels = settings.labels
    if isinstance(labels, dict):
        labels = {split: _fetch(uri, scratch, many=False) for split, uri in labels.items()}
    elif labels is not None:
        labels = _fetch(labels, scratch, many=False)
    source = _fetch(settings.source, scratch, many=many)
    return settings.model_copy(update={"source": source, "labels": labels})


def named_source(
    settings: ModalitySettings, scratch: Path
) -> tuple[ModalitySettings, Callable[[Path], None]]:
    """As :func:`local_source`, but raw files stay in their bucket until they are asked for.

    Returns:
        The settings, whose raw files from a bucket are empty; and what fetches one of them.

    Raises:
        StoreAccessError: the bucket refuses.
        NotFoundError: no such object.
    """
    uri = settings.source
    if settings.extractor is None or not uri.startswith(_S3):
        return local_source(settings, scratch), lambda _: None
    if make_extractor(settings.extractor, where=uri).kind == "text":
        return local_source(settings, scratch), lambda _: None
    above, rest = _divided(uri.removeprefix(_S3))
    store = open_store(_S3 + above)
    folder = Path(tempfile.mkdtemp(dir=scratch), above)
    keys = _listed(store, uri)
    for key in keys:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def fetch(path: Path) -> None:
        store.local(path.relative_to(folder).as_posix(), folder)

    if rest in keys:  # a table that names the files
        fetch(folder / rest)
    others = local_source(settings.model_copy(update={"source": str(folder / rest)}), scratch)
    return others, fetch


def _listed(store: Store, uri: str) -> list[str]:
    keys = [info.key for info in store.list("")]
    if not keys:
        raise NotFoundError(f"{uri}: no object lies under {store.uri}: check the source's URI")
    return keys


def _fetch(uri: str, scratch: Path, *, many: bool) -> str:
    if not uri.startswith(_S3):
        return uri
    above, rest = _divided(uri.removeprefix(_S3))
    store = open_store(_S3 + above)
    # Errors about the file then show where it came from: …/bucket/prefix/file.
    folder = Path(tempfile.mkdtemp(dir=scratch), above)
    if not (many or set(rest) & _MAGIC):
        return str(store.local(rest, folder))
    for key in _listed(store, uri):
        store.local(key, folder)
    return str(folder / rest)


def source_state(settings: ModalitySettings, store: str) -> list[tuple[str, int, str]]:
    """(name, bytes, time of the last change) of every file that a preparation may read.

    Equal states mean equal content, as far as a folder's or a bucket's clock can tell. What is
    not there is left out: reading it will say so.

    Args:
        settings: of the modality.
        store: URI of the store; what lies in it is no source, also if it is beside one.

    Raises:
        StoreAccessError: the bucket refuses.
    """
    labels = settings.labels
    uris = [] if labels is None else [labels] if isinstance(labels, str) else list(labels.values())
    many = settings.extractor is not None
    found = _state(settings.source, many=many)
    for uri in uris:
        found += _state(uri, many=False)
    return sorted(entry for entry in found if not entry[0].startswith(f"{store}/"))


def _state(uri: str, *, many: bool) -> list[tuple[str, int, str]]:
    if uri.startswith(_S3):
        folder, rest = _divided(uri.removeprefix(_S3))
        store = open_store(_S3 + folder)
        return [
            (f"{store.uri}/{info.key}", info.size, info.modified.isoformat())
            for info in store.list("" if many or set(rest) & _MAGIC else rest)
            if many or info.key == rest or fnmatch(info.key, rest)
        ]
    return [
        (str(path), (status := path.stat()).st_size, str(status.st_mtime_ns))
        for path in _files(uri, many=many)
    ]


def _files(path: str, *, many: bool) -> list[Path]:
    """Files on this machine: all below the table's folder, those of a pattern, or the one."""
    folder, rest = _divided(path)
    if many:
        return [file for file in Path(folder or "/").rglob("*") if file.is_file()]
    return [file for file in Path(folder or "/").glob(rest) if file.is_file()]


def _divided(path: str) -> tuple[str, str]:
    """The folder before the first pattern, or before the last name; and the rest."""
    parts = path.split("/")
    fixed = next((i for i, part in enumerate(parts) if set(part) & _MAGIC), len(parts) - 1)
    return "/".join(parts[:fixed]), "/".join(parts[fixed:])
