"""Write random credentials for a trial to standard output, for ``kubectl create -f -``.

    python3 k8s/make_trial_secrets.py | kubectl create -f -

Nothing is kept on this machine. ``create`` refuses Secrets that exist, so that running this again
does not lock a running store out of its own data. Needs nothing but Python.
"""

from __future__ import annotations

import json
import secrets
import sys
from typing import Any

NAMESPACE = "sdml"
LABELS = {"app.kubernetes.io/part-of": "sdml", "sdml.dev/trial": "true"}

# the buckets that each client of the store may use
CLIENTS = {"sdml": "sdml", "mlflow": "mlflow"}


def trial_secrets() -> list[dict[str, Any]]:
    """Every Secret of the overlays ``trial`` and ``standalone``, with new random values."""
    keys = {name: _access_key() for name in ("admin", *CLIENTS)}
    identities = [
        {
            "name": name,
            "credentials": [
                {
                    "accessKey": key["AWS_ACCESS_KEY_ID"],
                    "secretKey": key["AWS_SECRET_ACCESS_KEY"],
                }
            ],
            "actions": _actions(name),
        }
        for name, key in keys.items()
    ]
    return [
        _secret("sdml-store-credentials", keys["sdml"]),
        _secret("mlflow-credentials", keys["mlflow"]),
        _secret("object-store-admin", keys["admin"]),
        _secret(
            "object-store-identities",
            {"identities.json": json.dumps({"identities": identities})},
        ),
        _secret(
            "postgres-credentials",
            {"password": secrets.token_hex(24), "superuser-password": secrets.token_hex(24)},
        ),
    ]


def _access_key() -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": secrets.token_hex(10).upper(),
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
    }


def _actions(name: str) -> list[str]:
    """What the store lets an identity do: everything, or anything with the objects of a bucket."""
    if name not in CLIENTS:
        return ["Admin"]
    return [f"{action}:{CLIENTS[name]}" for action in ("Read", "Write", "List", "Tagging")]


def _secret(name: str, values: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": LABELS},
        "type": "Opaque",
        "stringData": values,
    }


if __name__ == "__main__":
    if sys.stdout.isatty():
        sys.stderr.write(
            "make_trial_secrets: error: standard output must be a pipe or a file, because what is "
            "written is secret, but it is a terminal: add: | kubectl create -f -\n"
        )
        sys.exit(2)
    json.dump({"apiVersion": "v1", "kind": "List", "items": trial_secrets()}, sys.stdout, indent=2)
    sys.stdout.write("\n")
