"""Ends the tracking of a local run that was interrupted, as the exit task does on a cluster.

A process of its own, started by ``local_run.py``. Reads the experiment from standard input.
"""

from __future__ import annotations

import sys

from kfp import dsl

from components.finish.component import finish


def main() -> None:
    """Record that the run was killed."""
    status = dsl.PipelineTaskFinalStatus(
        state="CANCELLED",
        pipeline_job_resource_name="",
        pipeline_task_name="",
        error_code=None,
        error_message=None,
    )
    finish.python_func(experiment=sys.stdin.read(), status=status)


if __name__ == "__main__":
    main()
