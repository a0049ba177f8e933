"""Kubeflow Pipelines for tests: its v2beta1 API over real HTTP on a free loopback port.

There is no cluster behind it: runs go through the states that a test writes down. All else is as
in the real server: what it is sent must fit kfp's own models, with no field that they do not
know; listings are filtered and come in pages; names are unique; errors look like its errors.
"""

from __future__ import annotations

import json
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

import kfp_server_api as api
import yaml

_MODELS = api.ApiClient(api.Configuration())
_API = "/apis/v2beta1"
_PAGE = 2  # small, so that listings have several


@dataclass
class Refusal(Exception):  # noqa: N818  (an answer, thrown)
    """An answer that is no success."""

    status: int
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None

    @property
    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return json.dumps({"code": 13, "message": self.message, "details": []}).encode()


@dataclass(frozen=True)
class Asked:
    """One request that came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


class KubeflowServer:
    """One server: it keeps its port and its data when stopped and started again."""

    def __init__(self, *, multi_user: bool = False, tls: Path | None = None) -> None:
        self.multi_user = multi_user
        self.tokens: set[str] | None = None  # None: nobody needs one
        self.namespaces = {"team"}
        self.gate: Callable[[Asked, bytes], Refusal | None] = lambda *_: None
        self.next_answers: dict[str, list[Refusal]] = {}
        self.asked: list[Asked] = []
        self.experiments: list[Any] = []
        self.pipelines: list[Any] = []
        self.versions: list[Any] = []
        self.packages: dict[str, list[dict[str, Any]]] = {}
        self.runs: list[Any] = []
        self.recurring: list[Any] = []
        self.filters_last = False  # a listing is cut into pages before it is filtered
        self.play: list[dict[str, Any]] = [{"state": "SUCCEEDED"}]
        self.after_get_run: Callable[[int], None] = lambda _: None
        self._tls = tls
        self._port = 0
        self._http: ThreadingHTTPServer | None = None
        self._lock = threading.Lock()

    @property
    def host(self) -> str:
        return f"{'https' if self._tls else 'http'}://localhost:{self._port}"

    def start(self) -> None:
        """Serve, on the same port as before."""
        self._http = ThreadingHTTPServer(("127.0.0.1", self._port), _handler(self))
        self._http.daemon_threads = True
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._tls)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Answer no more; nothing if it does not run."""
        http, self._http = self._http, None
        if http is not None:
            http.shutdown()
            http.server_close()

    def paths(self, method: str = "POST") -> list[str]:
        """What was asked for by that method, without the API's prefix."""
        return [a.path.removeprefix(_API) for a in self.asked if a.method == method]

    def answer(self, asked: Asked, body: bytes, content_type: str) -> Any:
        """The answer's JSON.

        Raises:
            Refusal: any answer but 200.
        """
        with self._lock:
            self.asked.append(asked)
            planned = self.next_answers.get(f"{asked.method} {asked.path}")
            if planned:
                raise planned.pop(0)
            refusal = self.gate(asked, body)
            if refusal is not None:
                raise refusal
            self._check_token(asked)
            return _MODELS.sanitize_for_serialization(self._route(asked, body, content_type))

    def _check_token(self, asked: Asked) -> None:
        sent = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens is not None and sent not in self.tokens:
            raise Refusal(401, "User identity is empty in the request header")

    def _route(self, asked: Asked, body: bytes, content_type: str) -> Any:
        method, path, query = asked.method, asked.path.removeprefix(_API), asked.query
        parts = path.strip("/").split("/")
        namespace = query.get("namespace", "")
        match method, *parts:
            case "GET", "healthz":
                return api.V2beta1GetHealthzResponse(multi_user=self.multi_user)
            case "GET", "experiments":
                self._check_namespace(namespace)
                own = [e for e in self.experiments if e.namespace == namespace]
                return self._page(own, query, api.V2beta1ListExperimentsResponse, "experiments")
            case "POST", "experiments":
                return self._create_experiment(_model(body, "V2beta1Experiment"))
            case "GET", "pipelines":
                self._check_namespace(namespace)
                own = [p for p in self.pipelines if p.namespace == namespace]
                return self._page(own, query, api.V2beta1ListPipelinesResponse, "pipelines")
            case "POST", "pipelines":
                return self._create_pipeline(_model(body, "V2beta1Pipeline"))
            case "POST", "pipelines", "upload_version":
                return self._upload(query, _uploaded(body, content_type))
            case "GET", "pipelines", pipeline, "versions":
                own = [v for v in self.versions if v.pipeline_id == pipeline]
                kind = api.V2beta1ListPipelineVersionsResponse
                return self._page(own, query, kind, "pipeline_versions")
            case "POST", "runs":
                return self._create_run(_model(body, "V2beta1Run"))
            case "GET", "runs", run_id:
                return self._run(run_id)
            case "GET", "recurringruns":
                own = [r for r in self.recurring if r.experiment_id == query["experiment_id"]]
                return self._page(
                    own, query, api.V2beta1ListRecurringRunsResponse, "recurring_runs"
                )
            case "POST", "recurringruns":
                return self._create_recurring(_model(body, "V2beta1RecurringRun"))
        raise Refusal(404, "Not Found")

    def _check_namespace(self, namespace: str | None) -> None:
        if self.multi_user and namespace not in self.namespaces:
            raise Refusal(403, f"User is not authorized with reason: namespace {namespace!r}")
        if not self.multi_user and namespace:
            raise Refusal(400, "In single-user mode, a namespace must not be given")

    def _create_experiment(self, experiment: Any) -> Any:
        self._check_namespace(experiment.namespace)
        if any(_same(experiment, other) for other in self.experiments):
            raise Refusal(409, "experiment already exists")
        experiment.namespace = experiment.namespace or ""
        experiment.experiment_id = str(uuid.uuid4())
        self.experiments.append(experiment)
        return experiment

    def _create_pipeline(self, pipeline: Any) -> Any:
        self._check_namespace(pipeline.namespace)
        if any(_same(pipeline, other) for other in self.pipelines):
            raise Refusal(409, "pipeline already exists")
        pipeline.namespace = pipeline.namespace or ""
        pipeline.name = pipeline.name or pipeline.display_name
        pipeline.pipeline_id = str(uuid.uuid4())
        self.pipelines.append(pipeline)
        return pipeline

    def _upload(self, query: dict[str, str], content: bytes) -> Any:
        pipeline = self._only(self.pipelines, "pipeline_id", query["pipelineid"])
        # Versions may be Kubernetes objects, so their names are unique in a namespace.
        beside = {p.pipeline_id for p in self.pipelines if p.namespace == pipeline.namespace}
        if any(v.name == query["name"] for v in self.versions if v.pipeline_id in beside):
            raise _upload_refusal(409, "Failed to create a pipeline version")
        try:
            documents = list(yaml.safe_load_all(content))
            missing = {"pipelineInfo", "root", "schemaVersion", "components"} - set(documents[0])
        except (yaml.YAMLError, TypeError, IndexError) as error:
            raise _upload_refusal(400, f"Invalid pipeline: {error}") from error
        if missing:
            raise _upload_refusal(400, f"Invalid pipeline: no {missing}")
        version = api.V2beta1PipelineVersion(
            pipeline_id=pipeline.pipeline_id,
            pipeline_version_id=str(uuid.uuid4()),
            name=query["name"],
            display_name=query.get("display_name") or query["name"],
            pipeline_spec=documents[0],
        )
        self.versions.append(version)
        self.packages[version.pipeline_version_id] = documents
        return version

    def _create_run(self, run: Any) -> Any:
        self._check_runnable(run)
        run.run_id = str(uuid.uuid4())
        run.state = "PENDING"
        self.runs.append(run)
        return run

    def _create_recurring(self, recurring: Any) -> Any:
        self._check_runnable(recurring)
        if len(recurring.trigger.cron_schedule.cron.split()) != 6:
            raise Refusal(400, "Schedule cron is not a supported format")
        if not 1 <= int(recurring.max_concurrency) <= 10:
            raise Refusal(400, "The max concurrency must be at least 1 and at most 10")
        recurring.recurring_run_id = str(uuid.uuid4())
        recurring.status = "ENABLED"
        self.recurring.append(recurring)
        return recurring

    def _check_runnable(self, run: Any) -> None:
        self._only(self.experiments, "experiment_id", run.experiment_id)
        reference = run.pipeline_version_reference
        version = self._only(self.versions, "pipeline_version_id", reference.pipeline_version_id)
        if reference.pipeline_id != version.pipeline_id:
            raise Refusal(400, "the version is of another pipeline")
        inputs = version.pipeline_spec["root"]["inputDefinitions"]["parameters"]
        given = run.runtime_config.parameters
        lacking = {n for n, i in inputs.items() if "defaultValue" not in i} - set(given)
        if lacking or set(given) - set(inputs):
            raise Refusal(400, f"parameters do not fit: {lacking or set(given) - set(inputs)}")

    def _run(self, run_id: str) -> Any:
        run = self._only(self.runs, "run_id", run_id)
        shown = self.play.pop(0) if len(self.play) > 1 else self.play[0]
        run.state = shown["state"]
        run.error = shown.get("error")
        run.run_details = api.V2beta1RunDetails(task_details=shown.get("tasks"))
        self.after_get_run(len([p for p in self.paths("GET") if p == f"/runs/{run_id}"]))
        return run

    def _page(self, items: list[Any], query: dict[str, str], kind: Any, name: str) -> Any:
        wanted = items
        for predicate in json.loads(unquote_plus(query.get("filter", "{}"))).get("predicates", []):
            known = {"operation", "key", "stringValue"}
            if set(predicate) != known or predicate["operation"] not in ("EQUALS", 1):
                raise Refusal(400, f"Failed to parse filter {predicate}")
            key, value = predicate["key"], predicate["stringValue"]
            wanted = [item for item in wanted if getattr(item, key) == value]
        listed = items if self.filters_last else wanted
        start = int(query.get("page_token") or 0)
        end = start + _PAGE
        shown = [item for item in listed[start:end] if item in wanted]
        following = str(end) if end < len(listed) else None
        return kind(next_page_token=following, total_size=len(wanted), **{name: shown})

    @staticmethod
    def _only(things: list[Any], key: str, value: str) -> Any:
        for thing in things:
            if getattr(thing, key) == value:
                return thing
        raise Refusal(404, f"ResourceNotFoundError: {key} {value} not found")


def _same(new: Any, old: Any) -> bool:
    return bool(new.display_name == old.display_name and (new.namespace or "") == old.namespace)


def _upload_refusal(status: int, message: str) -> Refusal:
    """The upload API writes its errors in another form than the rest."""
    words = {"error_message": message, "error_details": f"{message}: details"}
    return Refusal(status, raw=json.dumps(words).encode())


@dataclass
class _Body:
    data: bytes


def _model(body: bytes, name: str) -> Any:
    """The body as one of kfp's models; fields that it does not know are refused."""
    model = _MODELS.deserialize(_Body(body), name)
    again = _MODELS.sanitize_for_serialization(model)
    if again != json.loads(body):
        raise Refusal(400, f"unknown fields in {name}: {body.decode()}")
    return model


def _uploaded(body: bytes, content_type: str) -> bytes:
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    [part] = BytesParser(policy=default).parsebytes(head + body).iter_parts()
    if part["content-disposition"].params["name"] != "uploadfile":
        raise _upload_refusal(400, "Failed to read pipeline from file")
    return bytes(part.get_content())


def _handler(server: KubeflowServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            parts = urlsplit(self.path)
            query = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
            headers = {k.lower(): v for k, v in self.headers.items()}
            asked = Asked(self.command, parts.path.removeprefix("/pipeline"), query, headers)
            status, extra = 200, {}
            try:
                kind = self.headers.get("Content-Type") or ""
                data = json.dumps(server.answer(asked, body, kind)).encode()
            except Refusal as refusal:
                status, data, extra = refusal.status, refusal.body, dict(refusal.headers)
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            # One connection each, so that a server that is stopped is really gone.
            self.send_header("Connection", "close")
            for name, value in {"Content-Type": "application/json", **extra}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _serve

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def kubeflow_server(**settings: Any) -> Iterator[KubeflowServer]:
    """A running server; it is gone afterwards."""
    server = KubeflowServer(**settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()
