"""The demonstration inside the image: no network, nothing writable but /tmp and /scratch."""

from __future__ import annotations

import time

from .container import Limits, started
from .engine import Engine
from .findings import Findings

_WORDS = ["-m", "examples.digits.demo", "--output", "/scratch/demo"]
_PROOF = "every one byte for byte as before"
_RESULTS = "4. What came out"
_SECONDS = 1800


def demonstrate(engine: Engine, findings: Findings, image: str) -> None:
    """Run it to its end and look at what it says."""
    begin = time.monotonic()
    with started(engine, image, _WORDS, Limits(entrypoint="python3")) as container:
        code = container.wait(_SECONDS)
        log = container.log
    peak = f"{container.peak_bytes / 2**20:,.0f} MiB" if container.peak_bytes else "unknown"
    good = code == 0 and _PROOF in log
    findings.say("demo, read-only and without network", good, f"{time.monotonic() - begin:.0f} s")
    findings.say("demo: most memory, with its files in memory", True, peak)
    if not good:
        findings.say("demo: exit code", False, f"{code}\n{log[-3000:]}")
        return
    findings.console.print(log[log.index(_RESULTS) :].rstrip(), markup=False)
