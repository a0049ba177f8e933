"""The database's first start, backup and restore for real, with the manifests' own scripts.

Needs Postgres' programs: ``apt-get install postgresql``.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from k8s.check.kustomizations import ROOT

pytestmark = [pytest.mark.server, pytest.mark.slow]

SCRIPTS = ROOT / "components" / "postgres"
PASSWORD = "it's a pass:word@%"


def program(name: str) -> str:
    """The path of one of Postgres' programs; Debian keeps the server's off PATH."""
    folders = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"))[::-1]]
    found = shutil.which(name, path=os.pathsep.join([*folders, os.environ["PATH"]]))
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install postgresql")
    return found


def as_nobody(arguments: list[str], **options: object) -> subprocess.Popen[str]:
    """Start a program, not as root: Postgres refuses that."""
    user = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
    return subprocess.Popen(arguments, text=True, cwd="/", **user, **options)  # type: ignore[call-overload,no-any-return]


def run(arguments: list[str], **environment: str) -> tuple[int, str, str]:
    process = as_nobody(
        arguments,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


@pytest.fixture(scope="module")
def database() -> Iterator[Mapping[str, str]]:
    """The PG… variables of a database that was made with mlflow.sql."""
    initdb, postgres, psql = program("initdb"), program("postgres"), program("psql")
    with tempfile.TemporaryDirectory() as name, socket.socket() as free:
        folder = Path(name)
        (folder / "password").write_text(f"{PASSWORD}\n")
        text = (SCRIPTS / "mlflow.sql").read_text().replace("/run/secrets/postgres", name)
        (folder / "mlflow.sql").write_text(text)
        (folder / "backup").mkdir()
        for path in (folder, folder / "backup"):
            path.chmod(0o777)
        data = folder / "data"
        assert run([initdb, "-D", str(data), "-U", "postgres", "--auth-local=trust",
                    "--auth-host=scram-sha-256", "--data-checksums"])[0] == 0  # fmt: skip
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
        free.close()
        server = as_nobody(
            [postgres, "-D", str(data), "-h", "127.0.0.1", "-k", name, "-p", port],
            stderr=subprocess.DEVNULL,
        )
        try:
            ready = [program("pg_isready"), "--host=127.0.0.1", "--username=postgres", "-p", port]
            while run(ready)[0] != 0:
                assert server.poll() is None
            local = [psql, "-v", "ON_ERROR_STOP=1", "-X", "-h", name, "-p", port, "-U", "postgres"]
            code, _, errors = run([*local, "-f", str(folder / "mlflow.sql")])
            assert code == 0, errors
            yield {
                "PGHOST": "127.0.0.1",
                "PGPORT": port,
                "PGUSER": "mlflow",
                "PGDATABASE": "mlflow",
                "PGPASSWORD": PASSWORD,
                "BACKUP_FOLDER": str(folder / "backup"),
                "KEEP_DAYS": "14",
            }
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()


def ask(database: Mapping[str, str], question: str) -> str:
    code, output, errors = run([program("psql"), "-XAtc", question], **database)
    assert code == 0, errors
    return output.strip()


def script(name: str, database: Mapping[str, str], **changes: str) -> tuple[int, str, str]:
    text = (SCRIPTS / name).read_text(encoding="utf-8")
    return run(["sh", "-c", text], **{**database, **changes})


def dumps(database: Mapping[str, str]) -> list[str]:
    return sorted(path.name for path in Path(database["BACKUP_FOLDER"]).iterdir())


def test_the_server_has_its_own_user_who_is_no_superuser(database: Mapping[str, str]) -> None:
    question = "select rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = 'mlflow'"
    assert ask(database, question) == "f|f|f"
    refused = run([program("psql"), "-c", "select 1"], **{**database, "PGPASSWORD": "wrong"})
    assert refused[0] != 0


def test_what_is_dumped_comes_back_and_old_dumps_go(database: Mapping[str, str]) -> None:
    folder = Path(database["BACKUP_FOLDER"])
    assert script("restore.sh", database)[::2] == (
        2,
        f"restore: error: no mlflow-*.dump in {folder}\n",
    )
    for name in ("mlflow-20200101T000000Z.dump", "mlflow-20200102T000000Z.dump.part"):
        (folder / name).touch()
        os.utime(folder / name, (1_600_000_000, 1_600_000_000))
        shutil.chown(folder / name, "nobody") if os.geteuid() == 0 else None
    ask(database, "create table runs (name text); insert into runs values ('one'), ('two')")
    code, output, errors = script("backup.sh", database)
    assert (code, errors) == (0, "")
    assert output.startswith(f"backup: {folder}/mlflow-2")
    (kept,) = dumps(database)
    assert not kept.startswith("mlflow-2020")
    ask(database, "delete from runs where name = 'one'; create table later (name text)")
    assert script("restore.sh", database)[0] == 0
    assert ask(database, "select name from runs order by name") == "one\ntwo"


def test_a_failed_backup_leaves_nothing_and_removes_nothing(database: Mapping[str, str]) -> None:
    before = dumps(database)
    code, _, errors = script("backup.sh", database, PGPASSWORD="wrong")
    assert code != 0
    assert "password authentication failed" in errors
    assert dumps(database) == before
