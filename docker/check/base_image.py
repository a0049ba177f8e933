"""The base image: present, pulled, or made of Debian's packages where no registry is reached."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

from .engine import Engine
from .process import CheckError, must, run

# Debian 12 has Python 3.11, as the image that this one stands in for.
_SUITE = "bookworm"
_PACKAGES = "ca-certificates,python3,python3-venv"
_LABEL = "dev.sdml.base"


def ensure(engine: Engine, image: str, scratch: Path) -> str:
    """Make sure that the image is there; returns how it came.

    Raises:
        CheckError: it is not to be had.
    """
    if engine.attempt("image", "inspect", image).code == 0:
        return "made here before" if made_here(engine, image) else "present"
    pull = engine.attempt("pull", image, seconds=600)
    if pull.code == 0:
        return "pulled"
    if shutil.which("debootstrap") is None or os.geteuid() != 0:
        raise CheckError(
            f"{image} must be present or pullable, or root must have debootstrap to make it, but "
            f"neither is so: {pull.err.strip()[-300:]}"
        )
    _make(engine, image, scratch)
    return "not to be pulled, so made by debootstrap"


def made_here(engine: Engine, image: str) -> bool:
    """Whether this check has made it: then no index of packages is reached from inside, either."""
    label = f'{{{{index .Config.Labels "{_LABEL}"}}}}'
    found = engine.attempt("image", "inspect", "--format", label, image)
    return found.out.strip() == "debootstrap"


def _make(engine: Engine, image: str, scratch: Path) -> None:
    root, archive = scratch / "rootfs", scratch / "rootfs.tar"
    try:
        must(
            ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _SUITE, root],
            seconds=900,
        )
        for folder in ("var/cache/apt", "var/lib/apt/lists", "var/log"):
            shutil.rmtree(root / folder)
            (root / folder).mkdir()
        with tarfile.open(archive, "w") as tar:
            tar.add(root, arcname=".")
        label = f"LABEL {_LABEL}=debootstrap"
        engine("import", "--change", label, archive, image, seconds=300)
    finally:
        run(["rm", "-rf", "--one-file-system", root, archive], seconds=120)
