"""Brings a modality's source files to this machine when they lie in an S3 bucket."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sdml.errors import NotFoundError
from sdml.experiment import ModalitySettings
from sdml.store import open_store
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


def _fetch(uri: str, scratch: Path, *, many: bool) -> str:
    if not uri.startswith(_S3):
        return uri
    parts = uri.removeprefix(_S3).split("/")
    fixed = next((i for i, part in enumerate(parts) if set(part) & _MAGIC), len(parts) - 1)
    store = open_store(_S3 + "/".join(parts[:fixed]))
    rest = "/".join(parts[fixed:])
    # Errors about the file then show where it came from: …/bucket/prefix/file.
    folder = Path(tempfile.mkdtemp(dir=scratch), *parts[:fixed])
    if not (many or set(rest) & _MAGIC):
        return str(store.local(rest, folder))
    keys = [info.key for info in store.list("")]
    if not keys:
        raise NotFoundError(f"{uri}: no object lies under {store.uri}: check the source's URI")
    for key in keys:
        store.local(key, folder)
    return str(folder / rest)
