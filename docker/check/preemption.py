"""A training pod that is told to end, and the one that goes on in its place."""

from __future__ import annotations

import hashlib
import time

from .container import Container, Limits, finished, started
from .engine import Engine
from .findings import Findings
from .process import CheckError
from .servers import Servers
from .steps import FILE, STEP_SECONDS, pod, step

# Long enough to be stopped in the middle.
_EPOCHS = 60
_TRAIN = ["train", FILE, "--modality", "image"]
_STOPPED = 143


def preempt(engine: Engine, findings: Findings, image: str, servers: Servers) -> None:
    """Stop a training, start it again, and compare with one that was left alone."""
    with pod(servers, "whole", epochs=_EPOCHS) as limits:
        step(engine, image, ["prepare", FILE, "--modality", "image"], limits)
        step(engine, image, _TRAIN, limits)
    whole = _encoder(servers, "whole")
    with pod(servers, "stopped", epochs=_EPOCHS) as limits:
        step(engine, image, ["prepare", FILE, "--modality", "image"], limits)
        with started(engine, image, _TRAIN, limits) as container:
            _until_checkpoint(servers, container)
            begin = time.monotonic()
            code = container.stop()
            took = f"exit code {code} after {time.monotonic() - begin:.1f} s"
            last = container.log.strip().splitlines()[-1:]
        findings.say("training told to end by SIGTERM", code == _STOPPED, f"{took}: {last}")
        kept = servers.keys("stopped/digits/checkpoints/")
        findings.say("its checkpoint is in the store", len(kept) == 1, ", ".join(kept))
        early = [key for key in servers.keys("stopped/") if "/encoders/" in key]
        findings.say("and no encoder is yet", not early, early or "none")
        _resume(engine, findings, image, limits)
    resumed = _encoder(servers, "stopped")
    findings.say(
        "the same encoder, byte for byte", resumed == whole, f"{whole[:16]} {resumed[:16]}"
    )
    left = servers.keys("stopped/digits/checkpoints/")
    findings.say("no checkpoint is left", not left, left or "none")


def _resume(engine: Engine, findings: Findings, image: str, limits: Limits) -> None:
    done = finished(engine, image, _TRAIN, limits, seconds=STEP_SECONDS)
    if done.code != 0:
        raise CheckError(f"started again: exit code {done.code}:\n{done.err[-2000:]}")
    said = [line for line in done.err.splitlines() if "continues after epoch" in line]
    findings.say("started again, it goes on", bool(said), " ".join(said) or done.err[-300:])


def _until_checkpoint(servers: Servers, container: Container) -> None:
    deadline = time.monotonic() + STEP_SECONDS
    while not servers.keys("stopped/digits/checkpoints/"):
        if not container.running or time.monotonic() > deadline:
            raise CheckError(f"no checkpoint was made:\n{container.log[-2000:]}")
        time.sleep(0.2)
    if not container.running:
        raise CheckError("training was done before it could be stopped")


def _encoder(servers: Servers, prefix: str) -> str:
    keys = [key for key in servers.keys(f"{prefix}/") if key.endswith("/encoder.safetensors")]
    if len(keys) != 1:
        raise CheckError(f"one encoder must be below {prefix}, but there are {keys}")
    return hashlib.sha256(servers.read(keys[0])).hexdigest()
