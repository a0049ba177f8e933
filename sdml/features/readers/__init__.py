"""Readers: from a modality's source to a :class:`~sdml.features.table.Table`."""

from __future__ import annotations

from sdml.experiment import ModalitySettings
from sdml.features.readers.vector_files import read_vector_table
from sdml.features.table import Table


def read_table(settings: ModalitySettings, *, name: str) -> Table:
    """Read one modality's samples; nothing is extracted, split or transformed yet.

    Args:
        settings: where they are. Without ``extractor`` the source is one file of vectors; with
            one it is a table of raw items or a glob of files.
        name: the modality's name, for messages.

    Raises:
        DataError: the source is missing, unreadable, of a wrong type or shape, lacks a key, holds
            values that are not finite, or its labels and splits are not what they must be.
        MissingExtraError: the extractor's packages are not installed.
    """
    where = f"modality {name}"
    if settings.extractor is None:
        return read_vector_table(settings, where=where)
    from sdml.features.readers.raw_items import read_raw_table

    return read_raw_table(settings, where=where)


def named_files(settings: ModalitySettings, *, name: str) -> list[str]:
    """The files that a table of raw items names, as it names them; none of any other source.

    Args:
        settings: whose source is local.
        name: the modality's name, for messages.

    Raises:
        DataError: the table cannot be read.
    """
    if settings.extractor is None:
        return []
    from sdml.features.readers.raw_items import files_in_table

    return files_in_table(settings, where=f"modality {name}")
