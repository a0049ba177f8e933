"""``python -m pipelines submit``: a run, or a recurring run, on a Kubeflow Pipelines server."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from pipelines.commands.options import Actions, action, pipeline_arguments, tell_notes
from pipelines.commands.server_options import connection_to, server_arguments
from pipelines.commands.watch import follow
from sdml.errors import UserError
from sdml.experiment import read_experiment

_EXAMPLES = """
python -m pipelines submit train --experiment my.yaml --host http://localhost:8080
python -m pipelines submit train --experiment my.yaml --host URL --token-file token --watch
python -m pipelines submit sweep --experiment my.yaml --host URL --recurring '0 2 * * *'
"""


def add_to(actions: Actions) -> None:
    """Add the action to the parser."""
    parser = action(
        actions,
        "submit",
        _run,
        summary="start a run on a Kubeflow Pipelines server",
        examples=_EXAMPLES,
    )
    pipeline_arguments(parser)
    parser.add_argument("--host", required=True, metavar="URL", help="the server's address")
    parser.add_argument("--json", action="store_true", help="print ids and names as JSON")
    parser.add_argument("--no-cache", action="store_true", help="run every task anew")
    after = parser.add_mutually_exclusive_group()
    after.add_argument("--watch", action="store_true", help="follow the run until its end")
    after.add_argument(
        "--recurring", metavar="CRON", help="run by the clock: five fields, or six with seconds"
    )
    parser.add_argument(
        "--max-concurrency", type=int, metavar="N", help="recurring runs at once; 1 by default"
    )
    names = parser.add_argument_group("names")
    names.add_argument("--namespace", help="yours, where each user has one; else the file's")
    names.add_argument("--kfp-experiment", metavar="NAME", help="the collection by default")
    names.add_argument("--run-name", metavar="NAME", help="collection and pipeline by default")
    names.add_argument("--pipeline-name", metavar="NAME", help="sdml-PIPELINE by default")
    names.add_argument("--service-account", metavar="NAME", help="of the run's pods")
    server_arguments(parser)


def _run(arguments: argparse.Namespace) -> int:
    from pipelines.submission import Order, schedule, submit

    if arguments.max_concurrency is not None and arguments.recurring is None:
        raise UserError("--max-concurrency needs --recurring beside it")
    order = Order(
        pipeline=arguments.pipeline,
        experiment=read_experiment(arguments.experiment),
        modalities=arguments.modality,
        cache=not arguments.no_cache,
        namespace=arguments.namespace,
        kfp_experiment=arguments.kfp_experiment,
        run_name=arguments.run_name,
        pipeline_name=arguments.pipeline_name,
        service_account=arguments.service_account,
    )
    connection = connection_to(arguments.host, arguments)
    tell_notes(order.experiment)
    if arguments.recurring is not None:
        concurrency = 1 if arguments.max_concurrency is None else arguments.max_concurrency
        made = schedule(connection, order, cron=arguments.recurring, max_concurrency=concurrency)
    else:
        made = submit(connection, order)
    sys.stdout.write(f"{json.dumps(asdict(made)) if arguments.json else made.url}\n")
    sys.stdout.flush()
    return follow(connection, made.id) if arguments.watch else 0
