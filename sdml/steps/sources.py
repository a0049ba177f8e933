"""A modality's source files: bringing them here from an S3 bucket, and telling their state."""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sdml.errors import DataError
from sdml.experiment import ModalitySettings
from sdml.features import make_extractor, named_files
from sdml.features.files import files_of, is_glob
from sdml.steps.source_bucket import Bucket, is_bucket
from sdml.store.files import make_folder, mapped_errors

_AT_ONCE = 8  # downloads


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


def local_source(settings: ModalitySettings, scratch: Path, *, name: str) -> ModalitySettings:
    """The same settings with every ``s3://`` source and label file fetched below ``scratch``.

    Of a glob the files that match are fetched, of a table of raw items those it names.
    Local paths are left as they are.

    Args:
        settings: of the modality.
        scratch: a folder for temporary files.
        name: of the modality, for messages.

    Raises:
        DataError: the source is no address in a bucket.
        StoreAccessError: the bucket refuses.
        NotFoundError: no such object.
    """
    here, bucket, keys = _without_items(settings, scratch, name=name)
    if bucket is not None:
        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            list(pool.map(bucket.fetch, keys))
        finally:
            pool.shutdown(cancel_futures=True)  # after a failure nothing more is begun
    return here


def named_source(
    settings: ModalitySettings, scratch: Path, *, name: str
) -> tuple[ModalitySettings, Callable[[Path], object]]:
    """As :func:`local_source`, but raw files stay in their bucket until they are asked for.

    Returns:
        The settings, whose raw files from a bucket are empty; and what fetches one of them.

    Raises:
        DataError: the source is no address in a bucket.
        StoreAccessError: the bucket refuses.
        NotFoundError: no such object.
    """
    where = f"modality {name}"
    if settings.extractor is None or make_extractor(settings.extractor, where=where).kind == "text":
        return local_source(settings, scratch, name=name), lambda _: None
    here, bucket, keys = _without_items(settings, scratch, name=name)
    if bucket is None:
        return here, lambda _: None
    folder, fetch = bucket.folder, bucket.fetch
    for key in keys:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return here, lambda path: fetch(path.relative_to(folder).as_posix())


def _without_items(
    settings: ModalitySettings, scratch: Path, *, name: str
) -> tuple[ModalitySettings, Bucket | None, list[str]]:
    """Local settings; and where the source's files of a glob or a table still lie, and which."""
    labels = settings.labels
    if isinstance(labels, dict):
        labels = {split: _fetched(uri, scratch) for split, uri in labels.items()}
    elif labels is not None:
        labels = _fetched(labels, scratch)
    here = settings.model_copy(update={"labels": labels})
    if not is_bucket(settings.source):
        return here, None, []
    bucket = Bucket.above(settings.source, scratch)
    here = here.model_copy(update={"source": str(bucket.folder / bucket.rest)})
    if bucket.is_glob:
        return here, bucket, [info.key for info in bucket.found()]
    bucket.fetch(bucket.rest)
    return here, bucket, _keys_in_table(here, bucket, name=name)


def _keys_in_table(here: ModalitySettings, bucket: Bucket, *, name: str) -> list[str]:
    """The objects that a table names; what is not there is left out: reading will say so."""
    named = {posixpath.normpath(entry) for entry in named_files(here, name=name) if entry}
    outside = sorted(entry for entry in named if f"{entry}/".startswith(("/", "../")))
    if outside:
        raise DataError(
            f"modality {name}: {bucket.uri}: a table in a bucket must name files of its own folder "
            f"or below, but names {outside[0]!r}: correct the table, or move it up"
        )
    return [info.key for info in bucket.listed() if info.key in named] if named else []


def _fetched(uri: str, scratch: Path) -> str:
    if not is_bucket(uri):
        return uri
    bucket = Bucket.above(uri, scratch)
    return str(bucket.fetch(bucket.rest))


def source_state(
    settings: ModalitySettings, store: str, scratch: Path | None, *, name: str
) -> list[tuple[str, int, str]]:
    """(name, bytes, time of the last change) of every file that a preparation reads.

    Equal states mean equal content, as far as a folder's or a bucket's clock can tell. What is
    not there is left out: reading it will say so.

    Args:
        settings: of the modality.
        store: URI of the store; what lies in it is no source, also if a glob would match it.
        scratch: as of :func:`scratch_folder`; a table in a bucket is read from there.
        name: of the modality, for messages.

    Raises:
        DataError: the source is no address in a bucket, or a table cannot be read.
        StoreAccessError: the bucket refuses.
    """
    labels = settings.labels
    uris = [] if labels is None else [labels] if isinstance(labels, str) else list(labels.values())
    with scratch_folder(scratch) as folder:
        found = [entry for uri in (settings.source, *uris) for entry in _state(uri, folder)]
        found += _table_state(settings, folder, name=name)
    return sorted(entry for entry in found if not entry[0].startswith(f"{store}/"))


def _state(uri: str, scratch: Path) -> list[tuple[str, int, str]]:
    if is_bucket(uri):
        bucket = Bucket.above(uri, scratch)
        return [bucket.state(info) for info in bucket.found()]
    return _local_state(_matching(uri))


def _table_state(
    settings: ModalitySettings, scratch: Path, *, name: str
) -> list[tuple[str, int, str]]:
    """Of the files that a table of raw items names."""
    source = settings.source
    if settings.extractor is None:
        return []
    if not is_bucket(source):
        if not Path(source).is_file():
            return []
        above = Path(source).parent
        return _local_state(above / entry for entry in set(named_files(settings, name=name)))
    bucket = Bucket.above(source, scratch)
    if bucket.is_glob or not bucket.found():
        return []
    here = settings.model_copy(update={"source": str(bucket.fetch(bucket.rest))})
    keys = set(_keys_in_table(here, bucket, name=name))
    return [bucket.state(info) for info in bucket.listed() if info.key in keys]


def _matching(path: str) -> list[Path]:
    if not is_glob(path):
        return [Path(path)]
    try:
        root, below = files_of(path, where=path)
    except DataError:  # no file
        return []
    return [root / name for name in below]


def _local_state(paths: Iterable[Path]) -> list[tuple[str, int, str]]:
    return [
        (str(path), (status := path.stat()).st_size, str(status.st_mtime_ns))
        for path in paths
        if path.is_file()
    ]
