"""``sdml prepare``, ``train`` and ``evaluate`` in containers, against the real servers."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .container import Limits, finished
from .engine import Engine
from .findings import Findings
from .process import CheckError
from .servers import Servers

# As a ConfigMap would bring it. The sources are those that the image carries.
_EXPERIMENT = """
collection: digits
store: ${SDML_STORE}
tracking: ${MLFLOW_TRACKING_URI}
training: {epochs: EPOCHS, batch_size: 50, checkpoint_seconds: 1, threads: 1}
modalities:
  image:
    source: /opt/sdml/app/examples/digits/data/images.csv
    keys: {features: path, labels: label}
    extractor: {name: hog, options: {size: 32, cell: 8}}
    learning_rate: 1.0e-4
  text:
    source: /opt/sdml/app/examples/digits/data/texts.csv
    keys: {features: text, labels: label}
    extractor: {name: ngrams, options: {width: 1024, longest: 3}}
    transform: [l2]
"""
FILE = "/etc/sdml/experiment.yaml"
STEP_SECONDS = 1800


@contextmanager
def pod(servers: Servers, prefix: str, *, epochs: int) -> Iterator[Limits]:
    """Limits of a training pod: experiment file, result file, endpoints, credentials."""
    with tempfile.TemporaryDirectory(prefix="image-check-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        experiment, result = folder / "experiment.yaml", folder / "termination-log"
        experiment.write_text(_EXPERIMENT.replace("EPOCHS", str(epochs)), encoding="utf-8")
        experiment.chmod(0o644)
        result.touch()
        result.chmod(0o666)
        yield Limits(
            network="host",
            environment=servers.environment(prefix),
            mounts={experiment: f"{FILE}:ro", result: "/dev/termination-log"},
        )


def step(engine: Engine, image: str, words: list[str], limits: Limits) -> dict[str, Any]:
    """One command; returns what it says as JSON.

    Raises:
        CheckError: it fails.
    """
    done = finished(engine, image, [*words, "--json"], limits, seconds=STEP_SECONDS)
    if done.code != 0:
        raise CheckError(f"exit code {done.code}: sdml {' '.join(words)}:\n{done.err[-2000:]}")
    said: dict[str, Any] = json.loads(done.out)
    return said


def all_steps(engine: Engine, findings: Findings, image: str, servers: Servers) -> None:
    """The whole way, as one-off Jobs go it."""
    with pod(servers, "steps", epochs=10) as limits:
        begin = time.monotonic()
        step(engine, image, ["prepare", FILE], limits)
        for modality in ("image", "text"):
            words = ["train", FILE, "--modality", modality, "--result", "/dev/termination-log"]
            said = step(engine, image, words, limits)
            kept = json.loads(_result(limits).read_text(encoding="utf-8"))
            findings.say(f"train {modality}: result file", kept == said, said["encoder"])
        report = step(engine, image, ["evaluate", FILE], limits)
        findings.say("prepare, train, train, evaluate", True, f"{time.monotonic() - begin:.0f} s")
    pairs = {f"{p['query']} to {p['gallery']}": p for p in report["pairs"]}
    for name, pair in pairs.items():
        figure = f"mAP {pair['map']:.3f}, by chance {pair['chance']:.3f}"
        findings.say(name, pair["map"] > pair["chance"], figure)
    bad = finished(engine, image, ["train", FILE, "--modality", "none"], limits_without(limits))
    findings.say("exit code for a user's mistake", bad.code == 2, f"{bad.code}: {bad.err.strip()}")
    logged = [key for key in servers.keys("artifacts/") if key.endswith("report.html")]
    findings.say("report among MLflow's artifacts in S3", bool(logged), ", ".join(logged))


def _result(limits: Limits) -> Path:
    mounts: Mapping[Path, str] = limits.mounts or {}
    return next(path for path in mounts if path.name == "termination-log")


def limits_without(limits: Limits) -> Limits:
    """The same pod without files."""
    return Limits(network=limits.network, environment=limits.environment)
