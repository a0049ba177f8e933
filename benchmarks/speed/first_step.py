"""``python -m benchmarks.speed.first_step FILE``: ``sdml train`` up to its first step.

Prints when that step was done, in seconds since the epoch, and ends.
"""

from __future__ import annotations

import os
import sys
import time

from sdml.cli.main import main
from sdml.environment import set_defaults


def run(file: str) -> None:
    """The command, as it is, but for its first step, after which the process ends."""
    set_defaults()
    from sdml.training.learner import Learner

    step = Learner.step

    def last(self: Learner, *batch: object) -> None:
        step(self, *batch)  # type: ignore[arg-type]
        os.write(sys.stdout.fileno(), f"{time.time()}\n".encode())
        os._exit(0)

    Learner.step = last  # type: ignore[assignment,method-assign]
    sys.exit(main(["train", file, "--modality", "image", "--quiet"]))


if __name__ == "__main__":
    run(sys.argv[1])
