"""``python -m pipelines job``: one modality's training as a Kubernetes Job, without Kubeflow."""

from __future__ import annotations

import argparse
import shlex
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipelines.commands.options import Actions, action, experiment_argument

if TYPE_CHECKING:
    from pipelines.job.cluster import Cluster
    from pipelines.job.pod import Object

_EXAMPLES = """
python -m pipelines job render --experiment my.yaml --modality audio | kubectl apply -f -
python -m pipelines job apply --experiment my.yaml --modality audio --watch
python -m pipelines job watch sdml-train-audio-260131-093000
"""
_INTERRUPTED = 130


def add_to(actions: Actions) -> None:
    """Add the action to the parser."""
    parser = action(
        actions,
        "job",
        _render,
        summary="train one modality as a Kubernetes Job, without Kubeflow",
        examples=_EXAMPLES,
    )
    doings = parser.add_subparsers(dest="doing", required=True, metavar="render|apply|watch")
    render = action(doings, "render", _render, summary="print the Job as YAML for kubectl")
    apply = action(doings, "apply", _apply, summary="create the Job in a cluster; prints its name")
    watch = action(doings, "watch", _watch, summary="follow a Job to its end; prints its result")
    for one in (render, apply):
        experiment_argument(one)
        one.add_argument("--modality", required=True, metavar="M", help="which one")
        one.add_argument("--name", help="of the Job; sdml-train-M-DATE-TIME by default")
        one.add_argument("--namespace", metavar="NS", help="that of the file by default")
    apply.add_argument("--watch", action="store_true", help="then follow the Job to its end")
    watch.add_argument("name", metavar="NAME", help="the Job's name, as 'apply' printed it")
    watch.add_argument("--namespace", metavar="NS", default="sdml", help="'sdml' by default")
    for one in (apply, watch):
        one.add_argument("--context", help="of the kubeconfig; its current one by default")


def _render(arguments: argparse.Namespace) -> int:
    from pipelines.job.manifest import to_yaml

    sys.stdout.write(to_yaml(_objects(arguments)))
    return 0


def _apply(arguments: argparse.Namespace) -> int:
    from pipelines.job.apply import apply
    from pipelines.job.cluster import connected

    objects = _objects(arguments)
    metadata = objects[-1]["metadata"]
    with connected(arguments.context) as cluster:
        note = apply(cluster, objects)
        if note is not None:
            _say(f"note: {note}")
        sys.stdout.write(f"{metadata['name']}\n")
        sys.stdout.flush()
        if not arguments.watch:
            return 0
        return _follow(cluster, metadata["name"], metadata["namespace"], arguments.context)


def _watch(arguments: argparse.Namespace) -> int:
    from pipelines.job.cluster import connected

    with connected(arguments.context) as cluster:
        return _follow(cluster, arguments.name, arguments.namespace, arguments.context)


def _objects(arguments: argparse.Namespace) -> list[Object]:
    from pipelines.job.manifest import manifests
    from pipelines.job.names import checked, job_name
    from pipelines.job.pod_experiment import read_for_pod

    source = read_for_pod(arguments.experiment, arguments.modality)
    for note in source.notes:
        _say(f"note: {note}")
    name = arguments.name or job_name(arguments.modality, datetime.now(UTC))
    return manifests(
        source,
        name=checked(name),
        namespace=arguments.namespace or source.experiment.cluster.namespace,
    )


def _follow(cluster: Cluster, name: str, namespace: str, context: str | None) -> int:
    from pipelines.job.watch import Watcher

    try:
        left = Watcher(cluster, name, namespace, _say).run()
    except KeyboardInterrupt:
        again = ["python", "-m", "pipelines", "job", "watch", name, "--namespace", namespace]
        again += ["--context", context] if context else []
        _say(f"the Job goes on; to follow it again: {shlex.join(again)}")
        return _INTERRUPTED
    if left is not None:
        sys.stdout.write(f"{left}\n")
    _say(f"job {name}: complete")
    return 0


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
