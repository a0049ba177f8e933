"""Bring the tracking server's database to the schema of the installed MLflow, or make it.

Runs in a pod before the server starts, from a ConfigMap, with the packages of the server's image.
A server refuses a database with an older schema, and two servers that make the tables of an empty
database at the same time disturb each other: on Postgres an advisory lock lets one in at a time.
"""

from __future__ import annotations

import os
import subprocess
import sys

import sqlalchemy

# any number, as long as nothing else in this database locks the same
_LOCK = 7_352_001


def upgrade(address: str) -> None:
    """Upgrade the database at ``address``.

    Raises:
        subprocess.CalledProcessError: MLflow could not upgrade it, and has written why.
        sqlalchemy.exc.SQLAlchemyError: no connection.
    """
    command = [sys.executable, "-m", "mlflow", "db", "upgrade", address]
    if not address.startswith("postgresql"):
        subprocess.run(command, check=True)  # noqa: S603  (the address of our own settings)
        return
    # Autocommit: an open transaction would hold up statements that wait for all others.
    engine = sqlalchemy.create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"SELECT pg_advisory_lock({_LOCK})"))
        subprocess.run(command, check=True)  # noqa: S603  (the address of our own settings)


if __name__ == "__main__":
    upgrade(os.environ["MLFLOW_BACKEND_STORE_URI"])
