"""Brings a modality's source files to this machine when they lie in an S3 bucket."""

from __future__ import annotations

import tempfile
from pathlib import Path

from sdml.errors import NotFoundError
from sdml.experiment import ModalitySettings
from sdml.store import open_store

_S3 = "s3://"


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
    fixed = next((i for i, part in enumerate(parts) if set(part) & set("*?[")), len(parts) - 1)
    store = open_store(_S3 + "/".join(parts[:fixed]))
    rest = "/".join(parts[fixed:])
    folder = Path(tempfile.mkdtemp(dir=scratch))
    if not (many or fixed < len(parts) - 1 or set(rest) & set("*?[")):
        return str(store.local(rest, folder))
    keys = [info.key for info in store.list("")]
    if not keys:
        raise NotFoundError(f"{uri}: no object lies under {store.uri}: check the source's URI")
    for key in keys:
        target = folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        store.local(key, scratch=target.parent).replace(target)
    return str(folder / rest)
