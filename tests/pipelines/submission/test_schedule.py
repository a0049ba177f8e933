"""Recurring runs, and the cron expressions that start them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.submission import Connection, Order, schedule
from pipelines.submission.schedule import six_fields
from sdml.errors import UserError
from tests.servers.kubeflow import KubeflowServer


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("0 2 * * *", "0 0 2 * * *"),
        ("30 0 2 * * *", "30 0 2 * * *"),
        ("  */15  9-17 ? JAN-mar mon,WED-5 ", "0 */15 9-17 ? JAN-mar mon,WED-5"),
        ("0 0 1,15 */2 0-6/2", "0 0 0 1,15 */2 0-6/2"),
        ("59 23 31 12 6", "0 59 23 31 12 6"),
    ],
)
def test_an_expression_gets_six_fields(given: str, sent: str) -> None:
    assert six_fields(given) == sent


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "got 0"),
        ("@daily", "got 1"),
        ("0 2 * *", "got 4"),
        ("0 0 0 2 * * *", "got 7"),
        ("60 2 * * *", "the minutes must lie in 0-59"),
        ("0 24 * * *", "the hours must lie in 0-23"),
        ("0 2 0 * *", "the days of the month must lie in 1-31"),
        ("0 2 * 13 *", "the months must lie in 1-12 or be jan-dec"),
        ("0 2 * * 7", "the days of the week must lie in 0-6 or be sun-sat"),
        ("61 0 2 * * *", "the seconds must lie in 0-59"),
        ("0 2 * * fri-mon", "got 'fri-mon'"),
        ("0 2 * * someday", "got 'someday'"),
        ("*/0 2 * * *", "got '\\*/0'"),
        ("*-5 2 * * *", "got '\\*-5'"),
        ("1,,2 2 * * *", "got ''"),
        ("1/ 2 * * *", "got '1/'"),
        ("² 2 * * *", "got '²'"),
    ],
)
def test_a_wrong_expression_is_refused(given: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        six_fields(given)


def test_a_recurring_run_is_created(
    server: KubeflowServer, connection: Connection, order: Order
) -> None:
    made = schedule(connection, order, cron="0 2 * * *", max_concurrency=3)
    [recurring] = server.recurring
    assert recurring.trigger.cron_schedule.cron == "0 0 2 * * *"
    assert (recurring.mode, recurring.no_catchup) == ("ENABLE", True)
    assert recurring.max_concurrency == "3"
    assert recurring.display_name == "tiny train"
    assert "image.npz" in recurring.runtime_config.parameters["experiment"]
    assert made.url == f"{server.host}/#/recurringrun/details/{recurring.recurring_run_id}"
    assert made.id == recurring.recurring_run_id
    assert server.runs == []


def test_the_same_schedule_is_not_made_twice(
    server: KubeflowServer, connection: Connection, order: Order
) -> None:
    first = schedule(connection, order, cron="0 2 * * *")
    with pytest.raises(UserError, match=f"already is a recurring run 'tiny train'.*{first.id}"):
        schedule(connection, order, cron="0 3 * * *")
    schedule(connection, replace(order, run_name="later"), cron="0 3 * * *")
    assert [r.display_name for r in server.recurring] == ["tiny train", "later"]


@pytest.mark.parametrize(
    ("cron", "concurrency", "words"),
    [("never", 1, "--recurring"), ("0 2 * * *", 0, "1-10"), ("0 2 * * *", 11, "1-10")],
)
def test_nothing_is_sent_for_a_wrong_schedule(
    server: KubeflowServer,
    connection: Connection,
    order: Order,
    cron: str,
    concurrency: int,
    words: str,
) -> None:
    with pytest.raises(UserError, match=words):
        schedule(connection, order, cron=cron, max_concurrency=concurrency)
    assert server.asked == []
