"""Local files that someone else wrote: found, opened, and blamed by name when they are bad."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sdml.errors import DataError, SDMLError

_MAGIC = set("*?[")


def existing_file(path: Path, *, where: str) -> Path:
    """The path itself.

    Raises:
        DataError: there is no such file, it is a folder, or the path is a remote URI.
    """
    # Paths lose the double slash of a URI: "s3://bucket" arrives as "s3:/bucket".
    if path.parts and path.parts[0].endswith(":") and len(path.parts[0]) > 2:
        raise DataError(f"{where}: {path}: must be a local file: download it first")
    try:
        if path.is_file():
            return path
        problem = "is a folder, not a file" if path.is_dir() else "does not exist"
    except OSError as error:
        raise DataError(f"{where}: {path}: cannot be reached: {error}") from error
    raise DataError(f"{where}: {path}: {problem}: correct the path")


def is_glob(source: str) -> bool:
    """Whether a path has wildcards, and is not a file of that very name."""
    return bool(_fixed_part(source)[1])


def files_of(source: str, *, where: str) -> tuple[Path, list[Path]]:
    """The fixed part of a glob, and the files below it that match, sorted; no hidden ones.

    Raises:
        DataError: there is none.
    """
    root, pattern = _fixed_part(source)
    with reading(Path(source), "a glob", where=where):
        below = sorted(
            path.relative_to(root)
            for path in root.glob(pattern)
            if path.is_file() and not _is_hidden(path.relative_to(root))
        )
    if not below:
        raise DataError(f"{where}: {source}: the glob matches no file: correct source")
    return root, below


def _fixed_part(source: str) -> tuple[Path, str]:
    """The path up to the first wildcard, and the pattern from there ("" without wildcards)."""
    path = Path(source)
    if not _MAGIC & set(source) or path.exists():
        return path, ""
    parts = path.parts
    first = next(index for index, part in enumerate(parts) if _MAGIC & set(part))
    return Path(*parts[:first]), str(Path(*parts[first:]))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


@contextmanager
def reading(path: Path, kind: str, *, where: str) -> Iterator[None]:
    """Map whatever a library raises on a file it cannot read.

    Damaged files make the libraries below raise nearly anything (``zlib.error``, ``KeyError``,
    ``MemoryError``, …), so every kind is caught, and none is dropped.

    Raises:
        DataError: instead of the library's error, which it is chained to.
    """
    try:
        yield
    except SDMLError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        mend = "write it again, or name another file"
        if "pickled" in reason:  # numpy's guess when it does not know the first bytes
            reason = "its first bytes are those of something else"
        elif "allow_pickle" in reason or "Python objects" in reason:
            reason, mend = "it holds Python objects, which are never loaded", "save plain arrays"
        raise DataError(f"{where}: {path}: cannot be read as {kind}: {reason}: {mend}") from error
