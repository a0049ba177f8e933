"""A Kubernetes API for tests: objects, list and watch, and logs that are followed.

Objects are checked as a real server checks them: against the schema of its version, unknown
fields refused. Nothing happens by itself: a test plays scheduler, kubelet and Job controller.
"""

from __future__ import annotations

import copy
import itertools
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import yaml

from tests.servers.kubernetes_handler import TOKEN, VERSION, WAIT_SECONDS, Handler

Object = dict[str, Any]

_CREATED = "2026-01-31T09:30:00Z"


class KubernetesServer:
    """One API server with the namespace ``sdml``.

    Attributes:
        asked: every request: verb, resource and name.
        refusals: answers to give instead, by verb and resource: a status and a message.
        objects: by resource and name.
        history: every change: version, kind of change, resource, object.
        logs: lines by pod and container.
        drops: how often all logs were cut.
        changed: tells that any of these has changed, and guards them.
        closing: nobody is served any more.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.refusals: dict[tuple[str, str], tuple[int, str]] = {}
        self.objects: dict[tuple[str, str], Object] = {}
        self.history: list[tuple[int, str, str, Object]] = []
        self._versions = itertools.count(1)
        self.logs: dict[tuple[str, str], list[str]] = {}
        self.drops = 0
        self.changed = threading.Condition()
        self.closing = False
        outer = self

        class Connection(Handler):
            api = outer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Connection)
        self._server.daemon_threads = True
        self.host = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End it, with all that is still connected."""
        with self.changed:
            self.closing = True
            self.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def kubeconfig(self, path: Path, *, token: str = TOKEN) -> Path:
        """Write a kubeconfig with the context ``test``."""
        context = {"cluster": "here", "user": "tester", "namespace": "other"}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "here", "cluster": {"server": self.host}}],
            "users": [{"name": "tester", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": context}],
        }
        path.write_text(yaml.safe_dump(document))
        return path

    # What a test does in the place of controllers and kubelets.

    def start_pod(self, job: str, suffix: str = "aaaaa", **status: Any) -> str:
        """Make a pod from the Job's template; returns its name."""
        owner = self.get("jobs", job)
        name = f"{job}-{suffix}"
        template = copy.deepcopy(owner["spec"]["template"])
        labels = template["metadata"]["labels"] | {"batch.kubernetes.io/job-name": job}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "sdml", "labels": labels},
            "spec": template["spec"],
            "status": {"phase": "Pending", **status},
        }
        kubernetes_validate.validate(pod, VERSION, strict=True)
        self.put("pods", pod)
        return name

    def container(self, pod: str, name: str, phase: str = "Running", **state: Any) -> None:
        """Set the state of one container of a pod, and the pod's phase."""
        found = self.get("pods", pod)
        first = {one["name"] for one in found["spec"]["initContainers"]}
        key = "initContainerStatuses" if name in first else "containerStatuses"
        others = [one for one in found["status"].get(key, []) if one["name"] != name]
        status = {"name": name, "image": "sdml", "imageID": "", "ready": False, "restartCount": 0}
        found["status"] |= {"phase": phase, key: [*others, {**status, "state": state}]}
        kubernetes_validate.validate(found, VERSION, strict=True)
        self.put("pods", found)

    def pod_status(self, pod: str, **status: Any) -> None:
        """Set parts of a pod's status."""
        found = self.get("pods", pod)
        found["status"] |= status
        kubernetes_validate.validate(found, VERSION, strict=True)
        self.put("pods", found)

    def log(self, pod: str, container: str, *lines: str) -> None:
        """Append lines that begin with a time stamp, as a kubelet keeps them."""
        with self.changed:
            self.logs.setdefault((pod, container), []).extend(lines)
            self.changed.notify_all()

    def drop_logs(self) -> None:
        """Cut every connection on which a log is followed."""
        with self.changed:
            self.drops += 1
            self.changed.notify_all()

    def finish(self, job: str, kind: str, reason: str = "", message: str = "") -> None:
        """Give the Job its last condition: ``Complete`` or ``Failed``."""
        found = self.get("jobs", job)
        condition = {"type": kind, "status": "True", "reason": reason, "message": message}
        found["status"] = {"conditions": [condition]}
        kubernetes_validate.validate(found, VERSION, strict=True)
        self.put("jobs", found)

    def event(self, kind: str, name: str, reason: str, message: str) -> None:
        """A warning about an object."""
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{name}.{reason.lower()}", "namespace": "sdml"},
            "involvedObject": {"kind": kind, "name": name, "namespace": "sdml"},
            "type": "Warning",
            "reason": reason,
            "message": message,
        }
        kubernetes_validate.validate(event, VERSION, strict=True)
        self.put("events", event)

    def wait_for(self, verb: str, resource: str, *, times: int = 1) -> None:
        """Until this was asked so often, from now on."""
        with self.changed:
            before = len(self.asked)

            def asked() -> bool:
                found = [one[:2] for one in self.asked[before:]]
                return found.count((verb, resource)) >= times

            if not self.changed.wait_for(asked, timeout=WAIT_SECONDS):
                raise TimeoutError(f"nobody asked for {verb} {resource} {times} times")

    # Objects.

    def get(self, resource: str, name: str) -> Object:
        """A copy of one object."""
        return copy.deepcopy(self.objects[resource, name])

    def names(self, resource: str) -> list[str]:
        """Names of the objects that there are."""
        return [name for kind, name in self.objects if kind == resource]

    def put(self, resource: str, value: Object) -> Object:
        """Create or replace an object."""
        value = copy.deepcopy(value)
        metadata = value["metadata"]
        with self.changed:
            version = next(self._versions)
            known = self.objects.get((resource, metadata["name"]))
            metadata["resourceVersion"] = str(version)
            metadata.setdefault("uid", f"uid-{resource}-{metadata['name']}")
            metadata.setdefault("creationTimestamp", _CREATED)
            self.objects[resource, metadata["name"]] = value
            self.history.append((version, "MODIFIED" if known else "ADDED", resource, value))
            self.changed.notify_all()
        return value

    def delete(self, resource: str, name: str) -> None:
        """Remove an object."""
        with self.changed:
            gone = self.objects.pop((resource, name))
            self.history.append((next(self._versions), "DELETED", resource, gone))
            self.changed.notify_all()
