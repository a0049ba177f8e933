"""The address of a tracking server or database: what is accepted, and where its files go."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sdml.errors import UserError
from sdml.tracking.names import mask

_SQLITE = "sqlite:///"
_ACCEPTED = "http://HOST:PORT, https://HOST, or sqlite:////ABSOLUTE/PATH/mlflow.db"


@dataclass(frozen=True, kw_only=True)
class Address:
    """A checked address. ``uri`` may hold credentials and is never shown; ``public`` is."""

    uri: str
    public: str
    database: Path | None

    @property
    def default_spool(self) -> Path:
        """Where unsent events are kept unless the caller says otherwise.

        Beside a database; for a server in the user's state folder, or in the temporary folder
        where there is no writable home (a container with a read-only root).
        """
        if self.database is not None:
            return self.database.parent / "unsent"
        with contextlib.suppress(OSError, RuntimeError):
            state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
            folder = state / "sdml" / "unsent"
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK | os.X_OK):
                return folder
        return Path(tempfile.gettempdir()) / f"sdml-unsent-{os.getuid()}"


def parse_address(uri: str) -> Address:
    """Check an address.

    Raises:
        UserError: not a kind of address that SDML tracks to, or its host or path is missing.
    """
    if uri.startswith("sqlite:"):
        return Address(uri=uri, public=uri, database=_database(uri))
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UserError(f"tracking must be {_ACCEPTED}, got {mask(uri)!r}: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise UserError(
            f"tracking must be {_ACCEPTED}, got {mask(uri)!r}: "
            "name an MLflow server or a SQLite file"
        )
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
    return Address(uri=uri.rstrip("/"), public=bare, database=None)


def _database(uri: str) -> Path:
    path = Path(uri.removeprefix(_SQLITE))
    if not uri.startswith(_SQLITE) or not path.is_absolute() or "?" in uri:
        raise UserError(
            f"a SQLite tracking address must name an absolute path, got {uri!r}: "
            "write sqlite:////ABSOLUTE/PATH/mlflow.db (four slashes)"
        )
    return path


def check_database(path: Path) -> None:
    """Make the folder of a SQLite file and see that the file can be used.

    Raises:
        UserError: the folder or file cannot be written, or the file is not a SQLite database.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"the folder of the tracking database must be writable, got {path.parent}: "
            f"{error.strerror}: choose another place for tracking"
        ) from error
    target = path if path.exists() else path.parent
    if path.is_dir() or not os.access(target, os.W_OK):
        raise UserError(
            f"the tracking database must be a writable file, got {path}: "
            "mend its permissions or choose another place for tracking"
        )
    if not path.exists():
        return
    try:
        connection = sqlite3.connect(path, timeout=0)
        try:
            connection.execute("PRAGMA schema_version").fetchone()
        finally:
            connection.close()
    except sqlite3.OperationalError:
        # Locked by another process: it exists and will be free again.
        return
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"the tracking database must be a SQLite file, got {path}: {error}: "
            "choose another path for tracking"
        ) from error
