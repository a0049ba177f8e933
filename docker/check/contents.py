"""What is in an image, and what must not be."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from .build import Images
from .container import Limits, finished
from .engine import Engine
from .findings import Findings
from .process import CheckError, run

_COMPILERS = "gcc g++ cc c++ clang tcc as ld make cmake rustc cargo go nvcc"
_SECRET_NAME = re.compile(r"(?i)(passw|secret|token|access_key|credential)")
_SECRET_URL = re.compile(r"://[^/\s:@]+:[^/\s@]+@")
# The base image's own Python brings wheels for making environments; they are not ours.
_LEFTOVERS = """
find / -xdev \\( -path '*/.cache/*' -o -path '*/pip/http*' -o -name 'pip.conf' -o -path /build \\
  -o -path '/opt/*.whl' -o -path '/opt/*/tests' -type d -o -path '/opt/*.a' \\) 2>/dev/null
"""
# Sticky folders such as /var/tmp are everybody's in every image.
_WRITABLE = "find / -xdev -writable ! -type l ! -perm -1000 ! -path '/scratch*' 2>/dev/null"
_SHELL = Limits(entrypoint="sh")


def look_into(engine: Engine, findings: Findings, images: Images) -> None:
    """Look at both images."""
    for image in images.both:
        described = json.loads(engine("image", "inspect", image))[0]
        findings.say(f"{image}: size", True, f"{described['Size'] / 1e9:.2f} GB")
        user = described["Config"]["User"]
        findings.say(f"{image}: user", user == "10001:10001", user)
        identity = _shell(engine, image, "id -u; id -g").split()
        findings.say(f"{image}: uid and gid", identity == ["10001", "10001"], identity)
        _nothing(engine, findings, image, "compilers", _found(_COMPILERS))
        _nothing(engine, findings, image, "leftovers of the build", _LEFTOVERS, user="0")
        _nothing(engine, findings, image, "writable files", _WRITABLE)
        _secrets(engine, findings, image, described)
        labels = described["Config"]["Labels"] or {}
        named = sorted(name.rsplit(".", 1)[-1] for name in labels if "opencontainers" in name)
        expected = ["description", "licenses", "revision", "source", "title", "version"]
        findings.say(f"{image}: labels", named == expected, ", ".join(named))
    found = _shell(engine, images.sdml, _found("sh python3 sdml torchrun"))
    findings.say("sdml image: on PATH", len(found.split()) == 4, ", ".join(found.split()))
    launcher = finished(
        engine, images.sdml, ["-c", "import kfp.dsl.executor_main"], Limits(entrypoint="python3")
    )
    findings.say("sdml image: KFP's executor", launcher.code == 0, launcher.err[-200:] or "imports")
    compiled = _shell(engine, images.sdml, f"python3 -c '{_UNCOMPILED}'").strip()
    findings.say("sdml image: modules without bytecode", compiled == "0", compiled)


_UNCOMPILED = """
import importlib.util, pathlib
files = pathlib.Path("/opt/sdml").rglob("*.py")
print(sum(not pathlib.Path(importlib.util.cache_from_source(str(f))).exists()
          for f in files if f.parent.name != "bin" and not f.name.startswith("py312_")))
"""


def _found(commands: str) -> str:
    return f"for name in {commands}; do command -v $name; done; true"


def _shell(engine: Engine, image: str, script: str) -> str:
    done = finished(engine, image, ["-c", script], _SHELL)
    if done.code != 0:
        raise CheckError(f"{image}: exit code {done.code}: {script[:80]}: {done.err[-300:]}")
    return done.out


def _nothing(
    engine: Engine, findings: Findings, image: str, what: str, script: str, user: str | None = None
) -> None:
    # Not read-only here: what is writable then is what the image's files allow.
    command = ["run", "--rm", "--network", "none", "--cap-drop", "ALL", "--entrypoint", "sh"]
    command += ["--user", user] if user else []
    found = engine.attempt(*command, image, "-c", script).out.split()
    findings.say(f"{image}: {what}", not found, ", ".join(found[:5]) or "none")


def _secrets(engine: Engine, findings: Findings, image: str, described: dict[str, Any]) -> None:
    history = engine("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    settings = [*(described["Config"]["Env"] or []), *history.splitlines()]
    found = [line for line in settings if _SECRET_NAME.search(line) or _SECRET_URL.search(line)]
    for value in _pip_settings():
        found += [f"pip's {value}" for line in settings if value in line]
    findings.say(f"{image}: credentials in history or environment", not found, found or "none")


def _pip_settings() -> list[str]:
    """What this machine's pip is told; none of it belongs into an image."""
    listed = run([sys.executable, "-m", "pip", "config", "list"], seconds=60).out
    values = [line.split("=", 1)[1].strip("'") for line in listed.splitlines() if "=" in line]
    return [word for value in values for word in value.split() if "/" in word]


def lint(findings: Findings, root: Path) -> None:
    """Hadolint on every Dockerfile."""
    for dockerfile in sorted((root / "docker").rglob("Dockerfile")):
        done = run([Path(sys.executable).with_name("hadolint"), dockerfile], seconds=60)
        name = str(dockerfile.relative_to(root))
        findings.say(f"hadolint {name}", done.code == 0, (done.out + done.err).strip() or "clean")
