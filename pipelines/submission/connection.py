"""The line to one Kubeflow Pipelines server: kfp's generated API client, made patient and plain.

In place of ``kfp.Client``, which has no time limits, reads settings from a file in the home
folder and from variables that rename experiments, and looks pipelines up in no namespace.
"""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import kfp_server_api
import urllib3

from pipelines.submission.address import checked_host
from pipelines.submission.credentials import Anonymous, Credentials
from pipelines.submission.errors import NoAnswerError, RefusedError, SubmissionError
from pipelines.submission.refusals import REDIRECTS, not_kubeflow, refusal
from sdml.errors import UserError

_SECONDS = (5.0, 60.0)  # to connect, and between two pieces of an answer


class Connection(kfp_server_api.ApiClient):  # type: ignore[misc]  # generated, without types
    """Asks one server; every error comes out as one of ``pipelines.submission.errors``.

    Only questions are asked again after a failure, and what never reached the server.
    """

    def __init__(
        self,
        host: str,
        *,
        credentials: Credentials | None = None,
        ca_file: Path | None = None,
        pause: float = 0.3,
    ) -> None:
        """Nothing is sent yet.

        Args:
            ca_file: authorities to trust, in place of the usual ones.
            pause: seconds before a question is asked again; doubled each time.

        Raises:
            UserError: the address is not one, or the file holds no certificates.
        """
        self.host = checked_host(host)
        tls_context(ca_file)
        configuration = kfp_server_api.Configuration(host=self.host)
        configuration.ssl_ca_cert = str(ca_file) if ca_file else None
        parts = urlsplit(self.host)
        if not proxy_bypass(str(parts.hostname)):
            configuration.proxy = getproxies().get(parts.scheme)
        configuration.retries = urllib3.Retry(
            total=3,
            redirect=0,
            other=0,
            allowed_methods={"GET"},
            status_forcelist={500, 502, 503, 504},
            backoff_factor=pause,
            raise_on_redirect=False,
            raise_on_status=False,
        )
        super().__init__(configuration)
        self._credentials = credentials or Anonymous()

    def multi_user(self) -> bool:
        """Whether every user has a namespace; also the first word with the server.

        Raises:
            RefusedError: it is another kind of server, too old, or wants a login.
            NoAnswerError: it does not answer.
        """
        try:
            health = kfp_server_api.HealthzServiceApi(self).healthz_service_get_healthz()
        except RefusedError as error:
            if error.status == 404 and self._is_old():
                raise RefusedError(
                    f"{self.host}: this server knows only the API v1beta1: Kubeflow Pipelines 2.0 "
                    "or newer is needed"
                ) from error
            raise
        return bool(health.multi_user)

    def request(
        self,
        method: str,
        url: str,
        query_params: Any = None,
        headers: dict[str, str] | None = None,
        **rest: Any,
    ) -> Any:
        """One request of the generated client, with credentials, time limits and plain errors."""
        rest["_request_timeout"] = _SECONDS
        for last in (False, True):
            # The generated code changes the headers that it is given.
            sent = {**(headers or {}), **self._credentials.headers()}
            try:
                answer = super().request(method, url, query_params, sent, **rest)
            except kfp_server_api.ApiException as error:
                status = int(error.status or 0)
                if not last and status in (401, 403, *REDIRECTS) and self._credentials.renew():
                    continue
                raise refusal(
                    url,
                    host=self.host,
                    status=status,
                    body=error.body or b"",
                    headers=error.headers or {},
                    login=self._credentials.advice,
                ) from error
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise self._silence(method, error) from error
            break
        if not _is_object(answer.data):
            raise not_kubeflow(self.host)
        return answer

    def _is_old(self) -> bool:
        try:
            self.call_api("/apis/v1beta1/healthz", "GET", response_type="object")
        except (RefusedError, SubmissionError):
            return False
        return True

    def _silence(self, method: str, error: Exception) -> RefusedError | SubmissionError:
        cause = getattr(error, "reason", error)
        if isinstance(cause, urllib3.exceptions.SSLError):
            return RefusedError(
                f"{self.host}: no safe connection ({cause}): is it https at all? If its "
                "certificate is from an authority of your own, give --ca-file"
            )
        if isinstance(cause, urllib3.exceptions.NameResolutionError):
            return NoAnswerError(
                f"{self.host}: no Kubeflow Pipelines server answers there: the name "
                f"{urlsplit(self.host).hostname!r} is not known: check --host and your network"
            )
        never_sent = isinstance(
            cause, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
        )
        if method == "GET" or never_sent:
            return NoAnswerError(
                f"{self.host}: no Kubeflow Pipelines server answers there: check --host and that "
                "it is running (kubectl port-forward ends with its pod)"
            )
        return NoAnswerError(
            f"{self.host}: the answer was lost on the way, so it may have done what was asked: "
            "look at its pages before you try again"
        )


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Trusts the authorities in a file, or else those that kfp's client trusts.

    Raises:
        UserError: the file cannot be read, or holds no certificates.
    """
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else certifi.where())
    except (OSError, ssl.SSLError) as error:
        raise UserError(
            f"--ca-file must hold certificates in PEM form, got {ca_file}: "
            f"{error.strerror or error}"
        ) from error


def _is_object(data: bytes) -> bool:
    try:
        return isinstance(json.loads(data), dict)
    except ValueError:
        return False
