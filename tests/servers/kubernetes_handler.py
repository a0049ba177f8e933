"""What the test server answers to each path of the Kubernetes API."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import kubernetes_validate  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from tests.servers.kubernetes import KubernetesServer

Object = dict[str, Any]

VERSION = "1.36"
TOKEN = "a-token-for-tests"
WAIT_SECONDS = 20
KINDS = {"jobs": "Job", "configmaps": "ConfigMap", "pods": "Pod", "events": "Event"}


class Handler(BaseHTTPRequestHandler):
    """Speaks the API's paths; ``api`` is the server's."""

    protocol_version = "HTTP/1.1"
    api: KubernetesServer

    def _answer(self) -> None:
        if self.api.closing:  # a connection that was kept open
            self.close_connection = True
            return
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        group, _, rest = url.path.partition("/namespaces/")
        namespace, resource, name, part = [*rest.split("/"), "", "", ""][:4]
        expected = "/apis/batch/v1" if resource == "jobs" else "/api/v1"
        verb = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}.get(self.command, "get")
        if verb == "get" and not name:
            verb = "watch" if query.get("watch") == "true" else "list"
        asked = f"{resource}/{part}" if part else resource
        state = self.api
        with state.changed:
            state.asked.append((verb, asked, name))
            state.changed.notify_all()
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._refuse(401, "Unauthorized")
        elif group != expected or resource not in KINDS:
            self._refuse(404, "the server could not find the requested resource")
        elif (verb, asked) in state.refusals:
            self._refuse(*state.refusals[verb, asked])
        elif verb == "create":
            self._create(namespace, resource, body, query)
        elif verb == "list":
            self._list(resource, query)
        elif verb == "watch":
            self._stream(self._watched(resource, query))
        elif (resource, name) not in state.objects:
            self._refuse(404, f'{resource} "{name}" not found')
        elif part == "log":
            self._stream(self._log(name, query))
        else:
            self._one(verb, resource, name, body)

    do_GET = do_POST = do_PATCH = do_DELETE = _answer

    def _create(self, namespace: str, resource: str, body: Object, query: dict[str, str]) -> None:
        state = self.api
        name = body["metadata"]["name"]
        if namespace != "sdml":
            self._refuse(404, f'namespaces "{namespace}" not found')
            return
        if (resource, name) in state.objects:
            self._refuse(409, f'{resource} "{name}" already exists')
            return
        try:
            strict = query.get("fieldValidation") == "Strict"
            kubernetes_validate.validate(body, VERSION, strict=strict)
        except kubernetes_validate.ValidationError as error:
            self._refuse(400, f"strict decoding error: {error.message}")
            return
        self._send(201, state.put(resource, body))

    def _one(self, verb: str, resource: str, name: str, body: Object) -> None:
        state = self.api
        if verb == "patch":
            assert self.headers["Content-Type"] == "application/merge-patch+json"
            merged = _merge(state.get(resource, name), body)
            kubernetes_validate.validate(merged, VERSION, strict=True)
            self._send(200, state.put(resource, merged))
        elif verb == "delete":
            state.delete(resource, name)
            self._send(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})
        else:
            self._send(200, state.get(resource, name))

    def _list(self, resource: str, query: dict[str, str]) -> None:
        state = self.api
        with state.changed:
            chosen = [
                value
                for (kind, _), value in state.objects.items()
                if kind == resource and _selected(value, query)
            ]
            version = state.history[-1][0] if state.history else 0
        self._send(
            200,
            {
                "kind": f"{KINDS[resource]}List",
                "apiVersion": "batch/v1" if resource == "jobs" else "v1",
                "metadata": {"resourceVersion": str(version)},
                "items": chosen,
            },
        )

    def _watched(self, resource: str, query: dict[str, str]) -> Iterator[str]:
        state, since = self.api, int(query["resourceVersion"])
        seconds = float(query["timeoutSeconds"])

        def news() -> list[tuple[int, str, str, Object]]:
            return [
                change
                for change in state.history
                if change[0] > since and change[2] == resource and _selected(change[3], query)
            ]

        with state.changed:
            state.changed.wait_for(lambda: state.closing or news(), timeout=seconds)
            found = news()
        for _, kind, _, value in found:
            yield json.dumps({"type": kind, "object": value})

    def _log(self, pod: str, query: dict[str, str]) -> Iterator[str | None]:
        """Lines as they come; None for a cut connection."""
        state, container, sent = self.api, query["container"], 0
        assert query["follow"] == query["timestamps"] == "true"
        drops = state.drops
        while True:
            with state.changed:
                lines = [
                    line
                    for line in state.logs.get((pod, container), [])
                    if line[:19] >= query.get("sinceTime", "")[:19]
                ]
                ended = state.closing or _ended(state.objects.get(("pods", pod)), container)
                if not ended and len(lines) == sent and state.drops == drops:
                    state.changed.wait(WAIT_SECONDS)
                    continue
            yield from lines[sent:]
            sent = len(lines)
            if state.drops != drops:
                yield None
                return
            if ended:
                return

    def _stream(self, lines: Iterator[str | None]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):
            for line in lines:
                if line is None:
                    self.close_connection = True
                    return
                data = f"{line}\n".encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.write(b"0\r\n\r\n")

    def _refuse(self, status: int, message: str) -> None:
        self._send(
            status,
            {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "message": message,
                "code": status,
            },
        )

    def _send(self, status: int, value: Object) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Say nothing."""


def _selected(value: Object, query: dict[str, str]) -> bool:
    """What the API's selectors of labels and of fields choose."""
    labels = value["metadata"].get("labels", {})
    for wanted in filter(None, query.get("labelSelector", "").split(",")):
        key, _, word = wanted.partition("=")
        if labels.get(key) != word:
            return False
    for wanted in filter(None, query.get("fieldSelector", "").split(",")):
        path, _, word = wanted.partition("=")
        found: Any = value
        for step in path.split("."):
            found = found.get(step, {})
        if found != word:
            return False
    return True


def _ended(pod: Object | None, container: str) -> bool:
    if pod is None:
        return True
    status = pod["status"]
    every = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    return any(one["name"] == container and "terminated" in one["state"] for one in every)


def _merge(into: Object, patch: Object) -> Object:
    """RFC 7396."""
    for key, value in patch.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
    return into
