"""The tasks that people know, out of every node of a workflow."""

from __future__ import annotations

import kfp_server_api as api

from pipelines.submission.tasks import tasks_of
from tests.servers.kubeflow_tasks import Workflow, workflow_tasks


def run_of(details: list[object] | None) -> api.V2beta1Run:
    return api.V2beta1Run(run_details=api.V2beta1RunDetails(task_details=details))


def names(details: list[object]) -> dict[str, str]:
    return {task.name: task.state for task in tasks_of(run_of(details))}


def test_only_tasks_are_listed() -> None:
    states = {"begin": "SUCCEEDED", "prepare": "SUCCEEDED", "gather": "RUNNING"}
    assert names(workflow_tasks(states)) == states


def test_iterations_are_numbered_and_what_follows_them_is_not() -> None:
    states = {"prepare": "SUCCEEDED", "train/0": "SUCCEEDED", "train/1": "FAILED", "gather": "X"}
    assert names(workflow_tasks(states)) == {
        "prepare": "SUCCEEDED",
        "train #1": "SUCCEEDED",
        "train #2": "FAILED",
        "gather": "X",
    }


def test_a_failed_driver_stands_for_its_task() -> None:
    workflow = Workflow()
    workflow.add("prepare", "PENDING", driver="FAILED")
    assert names(workflow.details()) == {"prepare-driver": "FAILED"}


def test_an_error_is_that_of_the_executor() -> None:
    details = workflow_tasks({"prepare": "FAILED"}, errors={"prepare": "exit\n code 2"})
    [task] = tasks_of(run_of(details))
    assert task.message == "exit code 2"


def test_an_error_may_stand_in_the_history_only() -> None:
    details = workflow_tasks({"prepare": "FAILED"})
    [executor] = [d for d in details if d.display_name == "executor"]
    error = api.GoogleRpcStatus(message="OOMKilled")
    executor.state_history = [api.V2beta1RuntimeStatus(state="FAILED", error=error)]
    [task] = tasks_of(run_of(details))
    assert task.message == "OOMKilled"


def test_a_run_that_has_not_begun_has_no_tasks() -> None:
    assert tasks_of(api.V2beta1Run()) == []
    assert tasks_of(run_of(None)) == []


def test_a_listing_without_children_still_gives_the_tasks() -> None:
    details = workflow_tasks({"prepare": "RUNNING"})
    for detail in details:
        detail.child_tasks = None
    assert names(details)["prepare"] == "RUNNING"
