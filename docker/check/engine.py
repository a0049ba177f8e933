"""A Docker engine: the one that answers, or one of our own that ends with the check."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .process import CheckError, Done, must, run

_START_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The client and the environment in which it finds its engine."""

    client: str
    environment: Mapping[str, str]
    own: bool

    def __call__(self, *words: str | Path, seconds: float = 120) -> str:
        """A command that must succeed; returns its standard output."""
        return must([self.client, *words], seconds=seconds, environment=self.environment)

    def attempt(self, *words: str | Path, seconds: float = 120) -> Done:
        """A command that may fail."""
        return run([self.client, *words], seconds=seconds, environment=self.environment)


@contextmanager
def docker_engine(state: Path) -> Iterator[Engine]:
    """An engine for as long as the block runs.

    Args:
        state: where an engine of our own keeps its images.

    Raises:
        CheckError: none answers, and none can be started.
    """
    client = os.environ.get("DOCKER", "docker")
    present = Engine(client=client, environment=dict(os.environ), own=False)
    if shutil.which(client) is None:
        raise CheckError(f"a Docker client must be on PATH, but there is no {client}")
    if present.attempt("info", "--format", "{{.ServerVersion}}").code == 0:
        yield present
        return
    with _started(client, state) as own:
        yield own


@contextmanager
def _started(client: str, state: Path) -> Iterator[Engine]:
    if shutil.which("dockerd") is None or os.geteuid() != 0:
        raise CheckError(
            "a Docker engine must answer, or be there to be started by root, but neither is so: "
            "set DOCKER_HOST, or install Docker"
        )
    # A socket's path may have about a hundred letters, so it does not lie in the state folder.
    with tempfile.TemporaryDirectory(prefix="image-check-") as folder:
        host = f"unix://{folder}/docker.sock"
        log = Path(folder) / "dockerd.log"
        with log.open("wb") as output:
            daemon = subprocess.Popen(  # noqa: S603
                [
                    *("dockerd", "--host", host, "--pidfile", f"{folder}/docker.pid"),
                    *("--data-root", str(state / "docker"), "--exec-root", f"{folder}/exec"),
                    # Leaves this machine's network as it is: containers have none or the host's.
                    *("--iptables=false", "--bridge=none"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        engine = Engine(client=client, environment={**os.environ, "DOCKER_HOST": host}, own=True)
        try:
            _wait(engine, daemon, log)
            yield engine
        finally:
            daemon.terminate()
            try:
                daemon.wait(60)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
            _unmount(folder)


def _wait(engine: Engine, daemon: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while engine.attempt("info").code != 0:
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise CheckError(f"dockerd did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.2)


def _unmount(folder: str) -> None:
    """A container with the host's network leaves a mount behind when its engine ends."""
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        target = line.split()[1]
        if target.startswith(f"{folder}/"):
            must(["umount", "--lazy", target], seconds=60)
