"""Turns a server's refusal into one line that says what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from pipelines.submission.errors import NoAnswerError, RefusedError, SubmissionError
from sdml.errors import SDMLError

REDIRECTS = (301, 302, 303, 307, 308)
_LONGEST = 600


def refusal(
    url: str, *, host: str, status: int, body: bytes, headers: Mapping[str, str], login: str
) -> SDMLError:
    """The error for an answer that is no success.

    Args:
        url: what was asked for.
        login: what to do when the credentials were not accepted.
    """
    if status in REDIRECTS:
        return _redirect(url, host, status, urljoin(url, headers.get("location", "")))
    words = _words(body)
    said = f" ({words})" if words else ""
    start = f"{host}: the Kubeflow Pipelines server refused with {status}"
    if status == 401:
        return RefusedError(f"{start}: it does not know you: {login}{said}", status=status)
    if status == 403:
        return RefusedError(
            f"{start}: you may not do that there: ask for access, or check --namespace; "
            f"{login}{said}",
            status=status,
        )
    if status == 404:
        return RefusedError(f"{start}: it has no such thing: check --host{said}", status=status)
    if status == 429:
        return NoAnswerError(f"{start}: it is asked too often: wait a little{said}")
    if status >= 500:
        return NoAnswerError(f"{start}: look at the server's log{said}")
    return RefusedError(f"{start}: {words or 'without a word'}", status=status)


def not_kubeflow(host: str) -> SubmissionError | RefusedError:
    """Something answered with success, but not in the API's language."""
    return RefusedError(
        f"{host}: something answers there, but not a Kubeflow Pipelines server: check --host; "
        "if it is a login page, give --token-file or --dex-username"
    )


def _redirect(url: str, host: str, status: int, target: str) -> RefusedError:
    start = f"{host}: the Kubeflow Pipelines server refused with {status}"
    asked, led = urlsplit(url), urlsplit(target)
    if led.path == asked.path and led.netloc:
        moved = f"{led.scheme}://{led.netloc}{urlsplit(host).path}"
        return RefusedError(f"{start}: it has moved: give --host {moved}", status=status)
    return RefusedError(
        f"{start}: it wants a login first: give --token-file, --in-cluster or --dex-username",
        status=status,
    )


def _words(body: bytes) -> str:
    """What the server says, on one line: the API's JSON or plain text, but no web page."""
    text = body.decode("utf-8", "replace").strip()
    try:
        answer = json.loads(text)
    except ValueError:
        return "" if text.startswith("<") else _short(text)
    if not isinstance(answer, dict):
        return ""
    # The upload API names its fields otherwise than the rest.
    for key in ("error_details", "error_message", "message", "error"):
        if isinstance(answer.get(key), str) and answer[key]:
            return _short(answer[key])
    return ""


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
