"""Builds the images by ``make image``, as a person does."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from .base_image import ensure, made_here
from .engine import Engine
from .findings import Findings
from .process import must
from .wheels import wheels_in


@dataclass(frozen=True, kw_only=True)
class Images:
    """The names of what was built."""

    sdml: str
    mlflow: str

    @property
    def both(self) -> tuple[str, str]:
        """Both names."""
        return self.sdml, self.mlflow


def build(
    engine: Engine, findings: Findings, root: Path, state: Path, *, base: str, tag: str, target: str
) -> Images:
    """Build both images from the checkout at ``root``; what no index gives comes as wheels."""
    findings.say("base image", True, f"{base}: {ensure(engine, base, state)}")
    options = "--network host" if engine.own else ""
    with contextlib.ExitStack() as stack:
        if made_here(engine, base):
            locks = [root / "docker/requirements.lock", root / "docker/mlflow/requirements.lock"]
            count = stack.enter_context(
                wheels_in(
                    root / "docker/wheels", locks, state / f"wheels-{target}", cuda=target == "gpu"
                )
            )
            findings.say("wheels", True, f"{count}, so the build needs neither index nor network")
            options = "--network none --build-arg PIP_NO_INDEX=1"
        begin = time.monotonic()
        settings = [f"DOCKER={engine.client}", f"BASE_IMAGE={base}", f"IMAGE_TAG={tag}"]
        must(
            ["make", "image", f"TARGET={target}", f"IMAGE_FLAGS={options}", *settings],
            seconds=7200,
            environment=engine.environment,
            folder=root,
        )
    findings.say("make image", True, f"{time.monotonic() - begin:.0f} s")
    return Images(sdml=f"sdml:{tag}-{target}", mlflow=f"sdml-mlflow:{tag}")
