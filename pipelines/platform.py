"""What a Kubernetes cluster is told about each task: resources, places, credentials, retries.

Credentials are named here and never held: Secrets become environment variables in the pod.
Kubeflow cannot set a PriorityClass on a task, so ``priority_class`` is told to Kueue.
"""

from __future__ import annotations

from kfp import kubernetes
from kfp.dsl import PipelineTask

from sdml.experiment import ClusterSettings, ResourceSettings, TolerationSettings

SCRATCH = "/scratch"
_SHARED_MEMORY = "/dev/shm"  # noqa: S108  (a mount point in the pod)
PIPELINE_RUN = "SDML_PIPELINE_RUN"
_ENDPOINTS = ("SDML_STORE", "MLFLOW_TRACKING_URI", "AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION")
_STORE_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_TRACKING_KEYS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
_USER = 10001
_LONGEST_WAIT = "3600s"
# For tasks that only look things up.
SMALL = ResourceSettings(cpu="250m", cpu_limit="2", memory="1Gi", memory_limit="2Gi")


def settle(
    task: PipelineTask, cluster: ClusterSettings, resources: ResourceSettings, *, step: str
) -> None:
    """Tell the cluster what one task needs.

    Args:
        step: prepare, train…: a label on the pod, for network policies and for people.
    """
    _identify(task, cluster, step)
    _ask(task, resources)
    _place(task, resources)
    _bound(task, resources)


def _identify(task: PipelineTask, cluster: ClusterSettings, step: str) -> None:
    """Who the pod is, and whom it may speak to."""
    kubernetes.use_config_map_as_env(
        task, cluster.config_map, {k: k for k in _ENDPOINTS}, optional=True
    )
    kubernetes.use_secret_as_env(task, cluster.store_secret, {k: k for k in _STORE_KEYS})
    kubernetes.use_secret_as_env(
        task, cluster.tracking_secret, {k: k for k in _TRACKING_KEYS}, optional=True
    )
    kubernetes.use_field_path_as_env(task, PIPELINE_RUN, "metadata.labels['pipeline/runid']")
    kubernetes.set_image_pull_policy(task, cluster.image_pull_policy)
    if cluster.image_pull_secrets:
        kubernetes.set_image_pull_secrets(task, list(cluster.image_pull_secrets))
    kubernetes.set_security_context(
        task, run_as_user=_USER, run_as_group=_USER, run_as_non_root=True
    )
    for key, value in (("name", "sdml"), ("part-of", "sdml"), ("component", step)):
        kubernetes.add_pod_label(task, f"app.kubernetes.io/{key}", value)


def _ask(task: PipelineTask, resources: ResourceSettings) -> None:
    """CPU, memory, accelerators, shared memory and room for temporary files."""
    task.set_cpu_request(resources.cpu).set_cpu_limit(resources.cpu_limit or resources.cpu)
    task.set_memory_request(resources.memory)
    task.set_memory_limit(resources.memory_limit or resources.memory)
    if resources.accelerator:
        task.set_accelerator_type(resources.accelerator)
        task.set_accelerator_limit(resources.count)
    kubernetes.empty_dir_mount(task, "shm", _SHARED_MEMORY, "Memory", resources.shared_memory)
    if resources.scratch.claim:
        kubernetes.mount_pvc(task, resources.scratch.claim, SCRATCH)
    else:
        kubernetes.empty_dir_mount(task, "scratch", SCRATCH, size_limit=resources.scratch.size)


def _place(task: PipelineTask, resources: ResourceSettings) -> None:
    """Which nodes, and which place in the queue."""
    for key, value in resources.node_selector.items():
        kubernetes.add_node_selector(task, key, value)
    for toleration in resources.tolerations:
        _tolerate(task, toleration)
    if resources.queue:
        kubernetes.add_pod_label(task, "kueue.x-k8s.io/queue-name", resources.queue)
    if resources.priority_class:
        kubernetes.add_pod_label(task, "kueue.x-k8s.io/priority-class", resources.priority_class)


def _tolerate(task: PipelineTask, toleration: TolerationSettings) -> None:
    kubernetes.add_toleration(
        task,
        key=toleration.key,
        operator=toleration.operator,
        value=toleration.value,
        effect=toleration.effect,
        toleration_seconds=toleration.seconds,
    )


def _bound(task: PipelineTask, resources: ResourceSettings) -> None:
    """How long a pod may take, and how often it is tried again."""
    kubernetes.set_timeout(task, resources.timeout_seconds)
    if resources.retries:
        task.set_retry(
            num_retries=resources.retries,
            backoff_duration=f"{resources.backoff_seconds}s",
            backoff_factor=2.0,
            backoff_max_duration=_LONGEST_WAIT,
        )
