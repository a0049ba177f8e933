from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from sdml.errors import MissingExtraError, UserError
from sdml.tracking import open_tracker
from sdml.tracking.address import check_database, parse_address


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "mlruns",
        "/abs/mlruns",
        "file:///abs/mlruns",
        "ftp://host/x",
        "databricks",
        "postgresql://u:secret@h/db",
        "http://",
        "http://:5000",
        "http://host:port",
        "http://h:99999",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///relative.db",
        "sqlite:////abs.db?x=1",
    ],
)
def test_other_addresses_are_a_user_error(uri: str) -> None:
    with pytest.raises(UserError, match="must") as caught:
        open_tracker(uri)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_credentials_are_used_and_not_shown() -> None:
    address = parse_address("https://ann:secret@host:5000/mlflow/")
    assert address.uri == "https://ann:secret@host:5000/mlflow"
    assert address.public == "https://host:5000/mlflow"


def test_where_unsent_events_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_address(f"sqlite:///{tmp_path}/a.db").default_spool == tmp_path / "unsent"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    address = parse_address("http://h")
    assert address.default_spool == tmp_path / "state" / "sdml" / "unsent"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert address.default_spool.name.startswith("sdml-unsent-")


def test_a_database_that_cannot_be_used(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("not a database, but long enough to have a header of another kind" * 20)
    with pytest.raises(UserError, match="SQLite file"):
        check_database(text)
    with pytest.raises(UserError, match="writable"):
        check_database(text / "below" / "a.db")
    with pytest.raises(UserError, match="writable file"):
        check_database(tmp_path)


def test_a_new_or_locked_database_can_be_used(tmp_path: Path) -> None:
    check_database(tmp_path / "new" / "a.db")
    assert list((tmp_path / "new").iterdir()) == []
    connection = sqlite3.connect(tmp_path / "b.db", timeout=0)
    connection.execute("BEGIN EXCLUSIVE")
    check_database(tmp_path / "b.db")
    connection.close()


def test_without_mlflow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # None in sys.modules is how Python itself marks a module that cannot be imported.
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match=r"sdml\[tracking\]"):
        open_tracker(f"sqlite:///{tmp_path}/a.db")
