"""What a cluster's refusal means, and what to do about it.

::

    SDMLError
    ├── ClusterError               exit 1   asked rightly, and it failed
    │   └── UnavailableError                no answer; trying again may help
    └── UserError
        └── ClusterRefusalError    exit 2   another request, or other rights, are needed
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import quote

from kubernetes.client.exceptions import ApiException

from sdml.errors import SDMLError, UserError


class ClusterError(SDMLError):
    """The cluster failed while doing what it was rightly asked to do."""


class UnavailableError(ClusterError):
    """The cluster does not answer now."""


class ClusterRefusalError(UserError):
    """The cluster refused; ``status`` is HTTP's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


_GROUPS = {"jobs": "/apis/batch/v1"}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request: a verb and a resource, as a Role names them."""

    verb: str
    resource: str
    namespace: str
    name: str = ""

    @property
    def path(self) -> str:
        """The address below the host."""
        resource, _, part = self.resource.partition("/")
        pieces = (quote(self.namespace, safe=""), resource, quote(self.name, safe=""), part)
        group = _GROUPS.get(resource, "/api/v1")
        return f"{group}/namespaces/{'/'.join(piece for piece in pieces if piece)}"

    def __str__(self) -> str:
        name = f" {self.name}" if self.name else ""
        return f"{self.verb} {self.resource}{name} in namespace {self.namespace}"


def refusal(host: str, asked: Asked, error: ApiException) -> SDMLError:
    """The error that an answer of the cluster means."""
    status, said = int(error.status or 0), _message(error)
    if status >= 500 or status in (0, 429):
        return UnavailableError(
            f"{host}: the cluster could not {asked}: {status} {said}: try again later"
        )
    if "exceeded quota" in said:
        return ClusterError(
            f"namespace {asked.namespace} must have room, and has none: {said}: wait until "
            "something ends, or ask for a larger quota"
        )
    told = {
        401: f"{host}: the cluster does not know you: log in again, so that kubectl works",
        403: f"you may not {asked}: {said}: ask for the role sdml-submitter there",
        404: f"{asked}: there is none: {said}",
        409: f"{asked}: there is one already: choose another --name, or delete that one",
    }
    if status == 404 and asked.verb == "create":
        told[404] = (
            f"namespace {asked.namespace} does not exist in this cluster ({said}): install the "
            "platform there (docs/cluster.md), or name another with --namespace"
        )
    return ClusterRefusalError(
        told.get(status, f"the cluster refused to {asked}: {said}: correct the experiment file"),
        status,
    )


def _message(error: ApiException) -> str:
    """What the server says itself, or at least the reason that HTTP gives."""
    body = error.body
    text = body.decode("utf-8", errors="replace") if isinstance(body, bytes) else str(body or "")
    try:
        said = json.loads(text)["message"]
    except (ValueError, KeyError, TypeError):
        said = error.reason
    return " ".join(str(said).split())
