"""Containers under the limits of a pod in a restricted namespace."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .engine import Engine
from .process import CheckError, Done

GRACE_SECONDS = 120
_ENDED = "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}"
# Where a control group says the most memory that it ever had: version 1, then version 2.
_PEAKS = (
    "/sys/fs/cgroup/memory/docker/{id}/memory.max_usage_in_bytes",
    "/sys/fs/cgroup/docker/{id}/memory.peak",
    "/sys/fs/cgroup/system.slice/docker-{id}.scope/memory.peak",
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a container may have; everything else is as in a restricted pod."""

    memory: str = "2g"
    network: str = "none"
    environment: Mapping[str, str] | None = None
    mounts: Mapping[Path, str] | None = None
    entrypoint: str | None = None
    user: str | None = None

    @property
    def flags(self) -> list[str]:
        """For ``docker run``."""
        flags = ["--network", self.network, "--memory", self.memory, "--pids-limit", "1024"]
        flags += ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
        flags += ["--tmpfs", "/tmp:mode=1777", "--tmpfs", "/scratch:uid=10001,gid=10001"]  # noqa: S108
        for name, value in (self.environment or {}).items():
            flags += ["--env", f"{name}={value}"]
        for source, target in (self.mounts or {}).items():
            flags += ["--volume", f"{source}:{target}"]
        flags += ["--entrypoint", self.entrypoint] if self.entrypoint else []
        return flags + (["--user", self.user] if self.user else [])


class Container:
    """A container that has been started."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self.name = name
        self._id = engine("inspect", "--format", "{{.Id}}", name).strip()
        self.peak_bytes = 0

    @property
    def running(self) -> bool:
        """Whether it still runs; looks at its memory on the way."""
        for path in _PEAKS:
            with contextlib.suppress(OSError, ValueError):
                peak = int(Path(path.format(id=self._id)).read_text(encoding="ascii"))
                self.peak_bytes = max(self.peak_bytes, peak)
        return self._engine("inspect", "--format", _ENDED, self.name).startswith("running")

    @property
    def log(self) -> str:
        """What it has said, on both outputs."""
        done = self._engine.attempt("logs", self.name)
        return done.out + done.err

    def wait(self, seconds: float) -> int:
        """Wait for its end; returns its exit code.

        Raises:
            CheckError: it still runs after ``seconds``.
        """
        deadline = time.monotonic() + seconds
        while self.running:
            if time.monotonic() > deadline:
                raise CheckError(f"not done after {seconds:.0f} s:\n{self.log[-2000:]}")
            time.sleep(0.2)
        return self._exit_code()

    def stop(self) -> int:
        """End it as a kubelet does: SIGTERM, and SIGKILL after the grace period."""
        self._engine("stop", "--time", str(GRACE_SECONDS), self.name, seconds=GRACE_SECONDS + 60)
        return self._exit_code()

    def _exit_code(self) -> int:
        return int(self._engine("inspect", "--format", _ENDED, self.name).split()[1])


@contextlib.contextmanager
def started(
    engine: Engine, image: str, words: Sequence[str], limits: Limits
) -> Iterator[Container]:
    """A container that runs ``words``; it is gone after the block, whatever its state."""
    name = f"image-check-{uuid.uuid4().hex[:12]}"
    engine("run", "--detach", "--name", name, *limits.flags, image, *words)
    try:
        yield Container(engine, name)
    finally:
        engine.attempt("rm", "--force", name)


def finished(
    engine: Engine, image: str, words: Sequence[str], limits: Limits, *, seconds: float = 300
) -> Done:
    """Run a container to its end, whatever its exit code."""
    return engine.attempt("run", "--rm", *limits.flags, image, *words, seconds=seconds)
