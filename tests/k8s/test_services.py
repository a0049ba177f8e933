"""The trial's tracking server and buckets for real: the manifests' own arguments and scripts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import boto3
import pytest

from k8s.check.kustomizations import ROOT
from tests.k8s.manifests import named, objects_of, of_kind
from tests.servers.swift import SwiftServer

pytestmark = [pytest.mark.server, pytest.mark.slow]

SCRIPT = ROOT / "components" / "object-store" / "create_buckets.py"


def create_buckets(server: SwiftServer, *names: str, **changes: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(SCRIPT), *names],
        env={**os.environ, **server.environment, **changes},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_buckets_are_made_once(s3_server: SwiftServer) -> None:
    names = ("made-once", "made-too")
    created = (0, "bucket made-once: created\nbucket made-too: created\n", "")
    assert create_buckets(s3_server, *names) == created
    code, output, _ = create_buckets(s3_server, *names)
    assert code == 0
    assert output.count("made") == 2


def test_a_wrong_key_ends_at_once(s3_server: SwiftServer) -> None:
    code, output, errors = create_buckets(s3_server, "refused", AWS_SECRET_ACCESS_KEY="wrong")
    assert (code, output) == (1, "")
    assert errors.startswith("create-buckets: error: the store refused to create bucket refused")
    assert "Traceback" not in errors


@pytest.fixture(scope="module")
def tracking(s3_server: SwiftServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that was started as the trial's Deployment starts it."""
    folder = tmp_path_factory.mktemp("mlflow")
    made = objects_of("overlays/trial")
    assert create_buckets(s3_server, "mlflow")[0] == 0
    spec = named(made, "Deployment", "mlflow")["spec"]["template"]["spec"]
    (settings,) = [
        item["data"]
        for item in of_kind(made, "ConfigMap")
        if item["metadata"]["name"].startswith("mlflow-settings-")
    ]
    address = settings["MLFLOW_BACKEND_STORE_URI"]
    assert address == "sqlite:////var/lib/mlflow/mlflow.db"
    environment = {
        **{key: value for key, value in os.environ.items() if "MLFLOW" not in key},
        **settings,
        **s3_server.environment,
        "MLFLOW_BACKEND_STORE_URI": address.replace("/var/lib/mlflow", str(folder)),
        "PYTHONWARNINGS": "ignore",
    }
    (upgrade,) = spec["initContainers"]
    assert upgrade["command"] == ["python3", "/opt/mlflow/upgrade_database.py"]
    script = ROOT / "components" / "mlflow" / "upgrade_database.py"
    subprocess.run([sys.executable, str(script)], env=environment, check=True, capture_output=True)

    (container,) = spec["containers"]
    assert container["command"] == ["mlflow"]
    arguments = list(container["args"])
    for number, argument in enumerate(arguments):
        for name in ("MLFLOW_ALLOWED_HOSTS", "MLFLOW_ARTIFACTS_DESTINATION"):
            arguments[number] = arguments[number].replace(f"$({name})", settings[name])
        if argument.startswith("--host="):
            arguments[number] = "--host=127.0.0.1"
    port = _free_port()
    arguments[arguments.index("--port=5000")] = f"--port={port}"
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *arguments],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        base = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while ask(f"{base}/health") != 200:
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.2)
        yield base
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_the_server_answers_to_its_names_and_no_others(tracking: str) -> None:
    search = f"{tracking}/api/2.0/mlflow/experiments/search"
    body = json.dumps({"max_results": 1}).encode()
    known = ["mlflow:5000", "mlflow.sdml:5000", "mlflow.sdml.svc:5000", "localhost:5000"]
    known += ["mlflow.sdml.svc.cluster.local:5000", "127.0.0.1:5000", "mlflow", "mlflow.sdml.svc"]
    for host in known:
        assert ask(search, host=host, body=body) == 200, host
    for host in ("evil.example", "10.1.2.3:5000", "mlflow.evil.example"):
        assert ask(search, host=host, body=body) == 403, host


def test_the_probe_needs_no_name(tracking: str) -> None:
    assert ask(f"{tracking}/health", host="10.244.0.7:5000") == 200


def test_artifacts_go_to_the_bucket(tracking: str, s3_server: SwiftServer) -> None:
    address = f"{tracking}/api/2.0/mlflow-artifacts/artifacts/probe.txt"
    assert ask(address, host="mlflow.sdml.svc:5000", body=b"some bytes", method="PUT") == 200
    variables = s3_server.environment
    client = boto3.client(
        "s3",
        endpoint_url=variables["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region_name=variables["AWS_DEFAULT_REGION"],
    )
    stored = client.get_object(Bucket="mlflow", Key="artifacts/probe.txt")["Body"].read()
    client.close()
    assert stored == b"some bytes"


def ask(
    address: str, *, host: str | None = None, body: bytes | None = None, method: str | None = None
) -> int:
    """The status of an answer; 0 for none."""
    headers = {"Content-Type": "application/json"} | ({"Host": host} if host else {})
    request = urllib.request.Request(address, data=body, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
