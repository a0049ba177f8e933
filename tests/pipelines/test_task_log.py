from __future__ import annotations

import pytest

from pipelines.task_log import TaskLog

# As kfp 2.17 prints it, colours included.
START = "20:28:01.123 - INFO - Executing task \x1b[96m'{}'\x1b[0m"
FAILURE = (
    "20:28:05.001 - ERROR - Task \x1b[96m'{}'\x1b[0m finished with status \x1b[91mFAILURE\x1b[0m"
)


def read(*lines: str) -> tuple[TaskLog, list[str]]:
    said: list[str] = []
    log = TaskLog(said.append)
    for line in lines:
        log.take(line)
    return log, said


def test_says_tasks_and_their_own_lines_and_nothing_else() -> None:
    log, said = read(
        "20:28:00.000 - INFO - Running pipeline: \x1b[95m'sdml-train'\x1b[0m",
        "-" * 80,
        START.format("prepare"),
        "20:28:01.124 - INFO - Streamed logs:",
        "",
        "    [KFP Executor 2026-11-21 20:28:03,000 INFO]: Looking for component",
        "    sdml: prepared image: uri",
        "20:28:04.000 - INFO - Task \x1b[96m'prepare'\x1b[0m finished with status SUCCESS",
        START.format("train"),
    )
    assert said == ["task prepare", "  prepared image: uri", "task train"]
    assert not log.failed
    assert log.task == "train"


@pytest.mark.parametrize("code", [1, 2])
def test_keeps_the_error_of_the_failed_task_and_its_exit_code(code: int) -> None:
    log, said = read(
        START.format("train"),
        "    sdml: error: the loss is not finite",
        f"    sdml: exit code {code}",
        FAILURE.format("train"),
    )
    assert said == ["task train"]
    assert (log.failed, log.task, log.error) == (True, "train", "the loss is not finite")
    assert log.exit_code == code


def test_an_unexplained_failure_keeps_the_last_lines_of_that_task() -> None:
    log, _ = read(
        START.format("prepare"),
        "    of another task",
        START.format("train"),
        *(f"    line {number}" for number in range(500)),
        "    ZeroDivisionError: division by zero",
        FAILURE.format("train"),
    )
    assert log.failed
    assert log.error is None
    assert log.exit_code == 1
    assert len(log.tail()) == 40
    assert log.tail()[-2:] == ["    line 499", "    ZeroDivisionError: division by zero"]


def test_a_task_that_quotes_a_failure_has_not_failed() -> None:
    log, _ = read(START.format("train"), "    sdml: Task 'x' finished with status FAILURE")
    assert not log.failed


def test_the_exit_task_after_a_failure_changes_nothing() -> None:
    log, said = read(
        START.format("train"),
        "    sdml: error: the loss is not finite",
        FAILURE.format("train"),
        START.format("finish"),
        "    sdml: outcome of the pipeline run: failed",
        FAILURE.format("finish"),
    )
    assert said == ["task train"]
    assert (log.task, log.error) == ("train", "the loss is not finite")
