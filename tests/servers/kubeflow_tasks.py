"""The tasks that Kubeflow Pipelines lists for a run: every node of its Argo workflow."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import kfp_server_api as api


class Workflow:
    """Argo's nodes, named as the back end's compiler names them, for tasks in given states."""

    def __init__(self) -> None:
        self._nodes: dict[str, tuple[str, str, list[str]]] = {}  # pod → name, state, children
        self._add("wf", "sdml-train-x7k2p", "RUNNING")
        self._add("root-driver", "root-driver", "SUCCEEDED", below="wf")
        self._add("root", "root", "RUNNING", below="root-driver")
        self._add("exit-driver", "exit-handler-1-driver", "SUCCEEDED", below="root")
        self._add("exit", "exit-handler-1", "RUNNING", below="exit-driver")

    def add(self, task: str, state: str, *, below: str = "exit", driver: str = "SUCCEEDED") -> str:
        """A task: its driver, and below that its executor. Returns the last node."""
        name = task.partition("/")[0]
        self._add(f"{task}-driver", f"{name}-driver", driver, below=below)
        if driver == "SUCCEEDED":
            self._add(task, name, state, below=f"{task}-driver")
            self._add(f"{task}-executor", "executor", state, below=task)
        return f"{task}-executor"

    def add_loop(self, task: str, states: Mapping[int, str], *, below: str) -> list[str]:
        """The iterations that have begun, of a loop around one task. Returns the last nodes."""
        loop = f"loop-{task}"
        self._add(f"{loop}-driver", "for-loop-2-driver", "SUCCEEDED", below=below)
        self._add(loop, "for-loop-2", "RUNNING", below=f"{loop}-driver")
        self._add(f"{loop}-it-driver", "iteration-driver", "SUCCEEDED", below=loop)
        self._add(f"{loop}-its", "iteration-iterations", "RUNNING", below=f"{loop}-it-driver")
        last = []
        for i, state in states.items():
            item = f"{loop}-{i}"
            self._add(item, f"iteration-iterations({i}:{i})", state, below=f"{loop}-its")
            self._add(f"{item}-driver", "iteration-item-driver", "SUCCEEDED", below=item)
            self._add(f"{item}-item", "iteration-item", state, below=f"{item}-driver")
            last.append(self.add(f"{task}/{i}", state, below=f"{item}-item"))
        return last

    def details(self, errors: Mapping[str, str] | None = None) -> list[Any]:
        """As the server lists them; ``errors`` are messages by executor."""
        return [
            api.V2beta1PipelineTaskDetail(
                task_id=str(uuid.uuid5(uuid.NAMESPACE_OID, pod)),
                pod_name=pod,
                display_name=name,
                state=state,
                child_tasks=[api.PipelineTaskDetailChildTask(pod_name=c) for c in children],
                error=api.GoogleRpcStatus(code=13, message=(errors or {})[pod])
                if pod in (errors or {})
                else None,
            )
            for pod, (name, state, children) in sorted(self._nodes.items())
        ]

    def _add(self, pod: str, name: str, state: str, *, below: str | None = None) -> None:
        self._nodes[pod] = (name, state, [])
        if below is not None:
            self._nodes[below][2].append(pod)


def workflow_tasks(
    states: Mapping[str, str], *, errors: Mapping[str, str] | None = None
) -> list[Any]:
    """The listing for a train run; ``train/0`` is an iteration. An error belongs to a task."""
    workflow = Workflow()
    last = "exit"
    trains = {int(task[6:]): state for task, state in states.items() if task[:6] == "train/"}
    for task, state in states.items():
        if task.startswith("train/"):
            if trains:
                # Argo hangs what follows a loop below the last nodes inside it.
                last = workflow.add_loop("train", trains, below=last)[0]
                trains = {}
        else:
            last = workflow.add(task, state, below=last)
    return workflow.details({f"{task}-executor": text for task, text in (errors or {}).items()})
