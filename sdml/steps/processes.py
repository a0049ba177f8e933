"""Several processes of one command on this machine: started, told to end, and judged together.

``torchrun`` does the first part too, but ends with 1 whatever has happened, and a cluster could
not tell a user's mistake (2) from a preemption (143).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from sdml.errors import Interrupted, UserError

LOOK_SECONDS = 0.05
_OWN_SECONDS = 2.0  # for the others to end by themselves, when one has failed
GRACE_SECONDS = 15.0  # and then, when they are told to

Process = subprocess.Popen[bytes]
AnyProcess = subprocess.Popen[bytes] | subprocess.Popen[str]


def run_together(count: int, command: Sequence[str], stop: Callable[[], bool]) -> int:
    """Run a command so many times, as processes that train together.

    Args:
        count: how many.
        command: of each of them, without the Python that runs it.
        stop: whether SIGTERM has come; it is passed on to all.

    Returns:
        The exit code that they deserve together; see :func:`verdict`.
    """
    stop()  # from now on SIGTERM is looked after here
    processes: list[Process] = []
    with _reserved_port() as reserved:
        port = reserved.getsockname()[1]
        try:
            for rank in range(count):
                started = subprocess.Popen(  # noqa: S603  (this program itself)
                    [sys.executable, *command],
                    env={**os.environ, **_place(rank, count, port)},
                    stdin=subprocess.DEVNULL,
                )
                processes.append(started)
            return _watch(processes, stop)
        except BaseException:  # Ctrl-C, mostly: they have got it too, and tell the tracking server
            tell(processes)
            wait(processes, GRACE_SECONDS)
            raise
        finally:
            for process in processes:
                process.kill()
                process.wait()


def wait(processes: Sequence[AnyProcess], seconds: float) -> None:
    """Until all have ended, or the time is over."""
    end = time.monotonic() + seconds
    while any(process.poll() is None for process in processes) and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)


def _watch(processes: Sequence[Process], stop: Callable[[], bool]) -> int:
    """Until all have ended; when one fails the others are told to, and killed if they do not."""
    told = stopped = False
    deadline: float | None = None
    failed_at: float | None = None
    killed: set[int] = set()
    while any(process.poll() is None for process in processes):
        if failed_at is None and any(process.returncode for process in processes):
            failed_at = time.monotonic()
        if stop() and not stopped:
            stopped = True
            tell(processes)
        # Not at once: the one whose failure is the cause may be about to say so.
        if failed_at is not None and not told and time.monotonic() > failed_at + _OWN_SECONDS:
            told, deadline = True, time.monotonic() + GRACE_SECONDS
            tell(processes)
        if deadline is not None and time.monotonic() > deadline:
            for rank, process in enumerate(processes):
                if process.poll() is None:
                    killed.add(rank)
                    process.kill()
        time.sleep(LOOK_SECONDS)
    codes = [p.returncode for rank, p in enumerate(processes) if rank not in killed]
    for rank, process in enumerate(processes):
        ended_here = rank in killed or (told and process.returncode == -signal.SIGTERM)
        if process.returncode < 0 and not ended_here and not stopped:
            name = signal.Signals(-process.returncode).name
            sys.stderr.write(f"sdml: error: process {rank} of {len(processes)}: {name}\n")
    return verdict(codes, stopped=stopped)


def verdict(codes: Sequence[int], *, stopped: bool) -> int:
    """The exit code of several processes, of which the failure of one has ended the others.

    Args:
        codes: of those that were not killed from here; negative for a signal, as in subprocess.
        stopped: they were told to end by SIGTERM from outside.
    """
    failed = {128 - code if code < 0 else code for code in codes if code != 0}
    if not failed:
        return 0
    if UserError.exit_code in failed:
        return UserError.exit_code
    if stopped or failed == {Interrupted.exit_code}:
        return Interrupted.exit_code
    return 1


def tell(processes: Sequence[AnyProcess]) -> None:
    """Pass SIGTERM on."""
    for process in processes:
        process.terminate()  # nothing happens to one that has ended


def _place(rank: int, count: int, port: int) -> dict[str, str]:
    """Who is who, in the variables that torchrun sets too; all talk inside this machine."""
    inside = {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
    return {
        **inside,
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def _reserved_port() -> socket.socket:
    """A port that nobody else is given; process 0 may listen there nevertheless."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved
