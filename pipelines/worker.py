"""The process in which Kubeflow's local runner works; ``local_run.py`` starts it.

Reads one line of JSON from standard input. When that input ends, whoever started this process
is gone, and so goes the whole process group.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import TextIO

from kfp import local

from pipelines.catalogue import BUILDERS
from pipelines.lanes import local_plan


def main() -> int:
    """Run the pipeline that standard input names; returns the exit code."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    # The tasks inherit standard input; they must not read from it.
    with open(os.devnull) as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)
    request = json.loads(requests.readline())
    threading.Thread(target=_end_with, args=(requests,), daemon=True).start()
    local.init(
        runner=local.SubprocessRunner(use_venv=False),
        pipeline_root=f"{request['folder']}/root",
        workspace_root=f"{request['folder']}/workspace",
        raise_on_error=True,
    )
    arguments = request["arguments"]
    plan = local_plan(
        arguments["modalities"], together=request["together"], sharded="shards" in arguments
    )
    BUILDERS[request["pipeline"]](plan)(**arguments)
    return 0


def _end_with(requests: TextIO) -> None:
    requests.read()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
