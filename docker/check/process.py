"""Commands on this machine, their output kept."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class CheckError(Exception):
    """Something could not be done, and so not be checked."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


def run(
    command: Sequence[str | Path],
    *,
    seconds: float,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Done:
    """Run a command to its end, whatever its exit code.

    Raises:
        CheckError: there is no such command, or it takes longer than ``seconds``.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(  # noqa: S603
            words, env=environment, cwd=folder, timeout=seconds, capture_output=True, text=True
        )
    except OSError as error:
        raise CheckError(f"{words[0]} cannot be run: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise CheckError(f"not done after {seconds:.0f} s: {' '.join(words)[:300]}") from error
    return Done(code=done.returncode, out=done.stdout, err=done.stderr)


def must(
    command: Sequence[str | Path],
    *,
    seconds: float,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """Run a command that must succeed; returns its standard output.

    Raises:
        CheckError: it does not.
    """
    done = run(command, seconds=seconds, environment=environment, folder=folder)
    if done.code != 0:
        words = " ".join(str(word) for word in command)
        raise CheckError(f"exit code {done.code}: {words[:300]}\n{(done.out + done.err)[-3000:]}")
    return done.out
