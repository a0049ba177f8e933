"""The result in a file, for a container's termination message.

Kubernetes shows what a container leaves in /dev/termination-log, at most 4096 bytes of it. The
file is mounted there: it cannot be replaced, only written.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from sdml.errors import SDMLError, UserError

logger = logging.getLogger(__name__)

LIMIT = 4096


class ResultFileError(SDMLError):
    """The file takes no more."""


def check_writable(path: Path, option: str = "--result", *, experiment: Path | None = None) -> None:
    """Refuse a file that could not or must not be written, before the work; nothing is made.

    Args:
        path: the file.
        option: that named it.
        experiment: the experiment file of the command.

    Raises:
        UserError: it cannot be written, or is the experiment file.
    """
    check_other_file(path, option, experiment)
    folder = path.is_dir()
    if folder or not os.access(path if path.exists() else path.parent, os.W_OK):
        what = "is a folder" if folder else "cannot be written"
        raise UserError(f"{option} must name a file to write, but {path} {what}: name another")


def check_other_file(path: Path, option: str, experiment: Path | None) -> None:
    """Refuse the experiment file as an output, also by way of a link.

    Raises:
        UserError: it is that file.
    """
    if experiment and path.exists() and experiment.exists() and path.samefile(experiment):
        raise UserError(
            f"{option} must not be the experiment file, but {path} is: name another file"
        )


def write_result(path: Path, data: dict[str, Any] | list[dict[str, Any]]) -> None:
    """One JSON value, in ASCII, on one line; what is too long for Kubernetes is left out.

    Raises:
        ResultFileError: the file takes no more.
    """
    line = json.dumps(data) + "\n"
    if len(line) > LIMIT:
        logger.warning("%s: the result has more than %d bytes: it is left out", path, LIMIT)
        return
    try:
        path.write_text(line, encoding="ascii")
    except OSError as error:
        raise ResultFileError(
            f"{path} must take the result, but cannot ({error.strerror}): "
            "make room, or name another file"
        ) from error
