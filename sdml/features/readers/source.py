"""What every vector file looks like to the rest: named arrays (or columns) in one file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

from sdml.errors import DataError
from sdml.features.rows import Rows
from sdml.features.table import AnyArray

_SHOWN = 20


class Source(ABC):
    """An open file of named arrays; a context manager that closes it."""

    kind: str = "a file of arrays"

    def __init__(self, path: Path, *, where: str) -> None:
        self.path = path
        self.owner = where
        self.where = f"{where}: {path}"

    @abstractmethod
    def names(self) -> list[str]:
        """The arrays that the file holds."""

    @abstractmethod
    def array(self, name: str) -> AnyArray:
        """One array as stored: labels or splits. DataError when there is none of that name."""

    def features(self, name: str, *, aside: Collection[str] = ()) -> AnyArray:  # noqa: ARG002
        """Features as stored, memory-mapped where possible.

        ``aside`` are the names of label and split columns, for files whose feature columns may
        go unnamed.
        """
        return self.array(name)

    def rows(self, name: str, *, aside: Collection[str] = ()) -> Rows:
        """The same features, read a block at a time where the format allows it.

        They can be read after the file is closed.
        """
        return Rows.of_array(self.features(name, aside=aside), where=self.place(name))

    def place(self, name: str) -> str:
        """The file and an array in it, for errors."""
        return f"{self.where}: {name}" if self.names() else self.where

    def has(self, name: str) -> bool:
        """Whether there is an array of exactly that name."""
        return name in self.names()

    def missing(self, name: str) -> DataError:
        """The error for a name that is not there; it says which are."""
        names = self.names()
        shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        return DataError(
            f"{self.where}: must hold {name!r}, but it holds only {shown or 'nothing'}: "
            "name the right one under keys"
        )

    def close(self) -> None:  # noqa: B027  (most files need no closing)
        """Close the file; memory-mapped arrays stay valid."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
