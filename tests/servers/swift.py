"""A real S3 server for tests: OpenStack Swift on a free loopback port, ready in about a second.

Needs ``pip install swift pyeclib`` and a folder on a filesystem with extended attributes.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROCESS = Path(__file__).with_name("swift_process.py")
_START_SECONDS = 60


class SwiftServer:
    """One server: it keeps its port, its data and its keys when stopped and started again."""

    access_key = "test:tester"
    secret_key = "loopback-secret"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """The value for ``AWS_ENDPOINT_URL_S3``."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """All the AWS variables that a client of this server needs."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        """Start, on the same port as before if there was one, and wait until it serves."""
        if self._process is not None:
            raise RuntimeError("the Swift server is already running")
        # -P keeps this folder off the import path, where this file would hide Swift itself.
        command = [sys.executable, "-P", "-W", "ignore", str(_PROCESS)]
        log = self._folder / "swift.log"
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [*command, str(self._folder), str(self._port), self.secret_key],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _START_SECONDS)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            self.kill()
            raise RuntimeError(f"Swift did not start: {log.read_text(errors='replace')[-2000:]}")
        self._port = int(json.loads(line)["port"])

    def kill(self) -> None:
        """End it as SIGKILL does; it is one process, so nothing stays behind."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def swift_server(folder: Path) -> Iterator[SwiftServer]:
    """A server with its data in ``folder``, running until the block ends."""
    server = SwiftServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
