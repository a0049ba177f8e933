"""A connection to a Kubernetes API: few verbs, plain objects, errors for people.

Objects are dictionaries as the API sends them: the client's typed models refuse what a newer
cluster may say. The client is used for what it does well: kubeconfig, logins, TLS and proxies.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from pipelines.job.refusal import Asked, UnavailableError, refusal
from sdml.errors import UserError

Object = dict[str, Any]
Query = Sequence[tuple[str, str]]

_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 60.0
_JSON = "application/json"
_MERGE = "application/merge-patch+json"


class Cluster:
    """One cluster; ``host`` is its address."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api
        self.host: str = api.configuration.host

    def get(self, asked: Asked, query: Query = ()) -> Object:
        """One object, or a list of them.

        Raises:
            UnavailableError, ClusterError, ClusterRefusalError: as :func:`refusal` says.
        """
        return self._object(asked, "GET", query)

    def create(self, asked: Asked, body: Object) -> Object:
        """Create an object; a field that the cluster does not know is refused."""
        return self._object(asked, "POST", [("fieldValidation", "Strict")], body)

    def patch(self, asked: Asked, body: Object) -> Object:
        """Merge into an object."""
        return self._object(asked, "PATCH", (), body, _MERGE)

    def delete(self, asked: Asked) -> None:
        """Delete an object."""
        self._object(asked, "DELETE")

    def lines(self, asked: Asked, query: Query) -> Generator[str, None, None]:
        """The lines of a stream, as they come; a line that is cut off is not one.

        Raises:
            UnavailableError: the stream broke, or was silent for a minute.
        """
        answer = self._send(asked, "GET", query)
        rest = b""
        try:
            for part in answer.stream(amt=None, decode_content=True):
                *whole, rest = (rest + part).split(b"\n")
                for line in whole:
                    yield line.decode("utf-8", errors="replace")
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnavailableError(f"{self.host}: the connection broke: {error}") from error
        finally:
            answer.close()
        if rest:
            yield rest.decode("utf-8", errors="replace")

    def _object(
        self, asked: Asked, method: str, query: Query = (), body: Any = None, kind: str = _JSON
    ) -> Object:
        answer = self._send(asked, method, query, body, kind)
        try:
            found = json.loads(answer.data)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnavailableError(f"{self.host}: the connection broke: {error}") from error
        except ValueError as error:
            raise UserError(
                f"{self.host}: something answers there, but not a Kubernetes cluster: "
                "check the context"
            ) from error
        return dict(found)

    def _send(
        self, asked: Asked, method: str, query: Query, body: Any = None, kind: str = _JSON
    ) -> Any:
        try:
            return self._api.call_api(
                asked.path,
                method,
                query_params=list(query),
                header_params={"Accept": f"{_JSON}, */*", "Content-Type": kind},
                body=body,
                auth_settings=["BearerToken"],
                _return_http_data_only=True,
                _preload_content=False,
                _request_timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
            )
        except ApiException as error:
            raise refusal(self.host, asked, error) from error
        except urllib3.exceptions.SSLError as error:
            raise UserError(
                f"{self.host}: the cluster's certificate must be trusted, and is not ({error}): "
                "renew the kubeconfig"
            ) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnavailableError(
                f"{self.host}: no Kubernetes cluster answers there: check the context "
                "and the network"
            ) from error


@contextmanager
def connected(
    context: str | None, environment: Mapping[str, str] = os.environ
) -> Iterator[Cluster]:
    """A connection as ``kubectl`` would make it, or with the pod's own account inside a pod.

    Raises:
        UserError: no kubeconfig, an unusable one, or none with this context.
    """
    settings = client.Configuration()
    settings.retries = False
    files = environment.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())
    if any(Path(file).is_file() for file in files.split(os.pathsep) if file):
        _load_file(files, context, settings)
    elif context is None and "KUBERNETES_SERVICE_HOST" in environment:
        try:
            config.load_incluster_config(client_configuration=settings)
        except config.ConfigException as error:
            raise UserError(
                f"inside a pod the service account's token is needed, and cannot be read: {error}: "
                "set automountServiceAccountToken: true in this pod"
            ) from error
    else:
        raise UserError(
            f"a cluster is reached through a kubeconfig, and there is none at {files}: "
            "set KUBECONFIG, or log in to the cluster so that kubectl works"
        )
    api = client.ApiClient(settings)
    try:
        yield Cluster(api)
    finally:
        api.close()
        api.rest_client.pool_manager.clear()


def _load_file(files: str, context: str | None, settings: client.Configuration) -> None:
    try:
        config.load_kube_config(
            config_file=files,
            context=context,
            client_configuration=settings,
            persist_config=False,
        )
    except (config.ConfigException, yaml.YAMLError, OSError, ValueError, TypeError) as error:
        raise UserError(
            f"the kubeconfig {files} cannot be used: {' '.join(str(error).split())}: "
            "see 'kubectl config get-contexts'"
        ) from error
