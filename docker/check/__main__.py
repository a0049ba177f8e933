"""``make image-check``: builds the images, looks into them and runs them for real."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from .build import Images, build
from .contents import lint, look_into
from .demo import demonstrate
from .engine import Engine, docker_engine
from .findings import Findings
from .preemption import preempt
from .process import CheckError
from .servers import Servers, servers
from .steps import all_steps

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Check everything; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m check", description=__doc__)
    parser.add_argument("--base", default="python:3.11-slim", help="base image")
    parser.add_argument("--tag", default="0.1.0", help="tag of the images")
    parser.add_argument("--target", default="cpu", choices=["cpu", "gpu"])
    parser.add_argument("--state", type=Path, help="keep engine and wheels here for the next time")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    findings = Findings()
    # Not below /tmp: gigabytes, which may not fit into memory.
    with tempfile.TemporaryDirectory(prefix="image-check-", dir="/var/tmp") as folder:
        state = (arguments.state or Path(folder)).resolve()
        state.mkdir(parents=True, exist_ok=True)
        with findings.part("Dockerfiles"):
            lint(findings, ROOT)
        with findings.part("engine"), docker_engine(state) as engine:
            version = engine("version", "--format", "{{.Server.Version}}").strip()
            owner = "our own" if engine.own else "found"
            findings.say("Docker engine", True, f"{version}, {owner}")
            _images(engine, findings, arguments, state)
    findings.show()
    return 0 if findings.good else 1


def _images(engine: Engine, findings: Findings, arguments: argparse.Namespace, state: Path) -> None:
    with findings.part("build"):
        images = build(
            *(engine, findings, ROOT, state),
            base=arguments.base,
            tag=arguments.tag,
            target=arguments.target,
        )
        _runs(engine, findings, images, state)


def _runs(engine: Engine, findings: Findings, images: Images, state: Path) -> None:
    with findings.part("contents"):
        look_into(engine, findings, images)
    with findings.part("demo"):
        demonstrate(engine, findings, images.sdml)
    with findings.part("servers"), servers(engine, images.mlflow, state) as found:
        findings.say("S3 and MLflow serve", True, found.tracking)
        parts: tuple[tuple[str, Callable[[Engine, Findings, str, Servers], None]], ...]
        parts = (("steps", all_steps), ("preemption", preempt))
        for title, part in parts:
            with findings.part(title):
                part(engine, findings, images.sdml, found)


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(143)  # so that every server and the engine end, too


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CheckError as error:
        sys.exit(f"image-check: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
