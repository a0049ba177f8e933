"""The trial's Secrets: all that the pods name, random, and consistent with each other."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from k8s.check.kustomizations import ROOT
from k8s.make_trial_secrets import trial_secrets
from tests.k8s.manifests import named, objects_of, pods
from tests.k8s.test_references import references


def by_name() -> dict[str, dict[str, str]]:
    return {item["metadata"]["name"]: item["stringData"] for item in trial_secrets()}


@pytest.mark.parametrize("name", ["overlays/trial", "overlays/standalone", "jobs/example"])
def test_every_secret_that_a_pod_needs_is_made(name: str) -> None:
    made = by_name()
    for pod in pods(objects_of(name)):
        for secret, key in references(pod, "secret"):
            assert secret in made, f"{pod.where}: {secret}"
            assert key is None or key in made[secret], f"{pod.where}: {secret}: {key}"


def test_the_store_knows_every_client_by_its_key() -> None:
    made = by_name()
    identities = json.loads(made["object-store-identities"]["identities.json"])["identities"]
    known = {item["name"]: (item["credentials"], item["actions"]) for item in identities}
    rights = {"admin": ["Admin"]}
    for bucket in ("sdml", "mlflow"):
        rights[bucket] = [f"{action}:{bucket}" for action in ("Read", "Write", "List", "Tagging")]
    owners = {
        "admin": "object-store-admin",
        "sdml": "sdml-store-credentials",
        "mlflow": "mlflow-credentials",
    }
    assert set(known) == set(owners)
    for name, secret in owners.items():
        key = made[secret]
        assert known[name] == (
            [{"accessKey": key["AWS_ACCESS_KEY_ID"], "secretKey": key["AWS_SECRET_ACCESS_KEY"]}],
            rights[name],
        )


def test_the_clients_buckets_are_those_that_are_made_and_used() -> None:
    made = objects_of("overlays/trial")
    buckets = named(made, "Job", "create-buckets")["spec"]["template"]["spec"]["containers"][0]
    assert buckets["args"] == ["sdml", "mlflow"]
    endpoints = named(made, "ConfigMap", "sdml-endpoints")["data"]
    assert endpoints["SDML_STORE"].startswith("s3://sdml/")


def test_values_are_never_the_same_twice() -> None:
    first, second = by_name(), by_name()
    values = [value for made in (first, second) for s in made.values() for value in s.values()]
    assert len(set(values)) == len(values)
    assert all(len(value) >= 20 for value in values)


def test_the_script_writes_a_list_and_needs_nothing_but_python() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "make_trial_secrets.py")],
        capture_output=True,
        text=True,
        check=True,
    )
    written = json.loads(done.stdout)
    assert (written["apiVersion"], written["kind"]) == ("v1", "List")
    assert {item["metadata"]["namespace"] for item in written["items"]} == {"sdml"}
