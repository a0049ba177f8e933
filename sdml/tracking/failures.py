"""What an error of MLflow means: is the server down, or does it refuse for good, and why.

MLflow raises one class for nearly everything, a refused connection and a rejected password
alike; the difference is in the status code, in the text, and in the chain of causes.
"""

from __future__ import annotations

import re

from sdml.tracking.delivery import Failure
from sdml.tracking.names import mask

_TEMPORARY_STATUS = {408, 425, 429, 499}
_LASTING_SIGNS = (
    "out-of-date database schema",
    "not in a valid JSON format",
    "CERTIFICATE_VERIFY_FAILED",
    "Invalid url",
)
_HINTS = {
    401: "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
    403: "this user may not write there: check the credentials",
    404: "if nothing there speaks MLflow, check the address",
}
_REASON_CHARACTERS = 300


def failure_of(error: Exception) -> Failure:
    """Sort an error that an MLflow call has raised."""
    text = str(error)
    status = _status(error)
    if status is not None:
        lasting = 400 <= status < 500 and status not in _TEMPORARY_STATUS
    elif _from_mlflow(error):
        lasting = False
    else:
        lasting = not isinstance(error, OSError) and "database is locked" not in text
    lasting = lasting or any(sign in text for sign in _LASTING_SIGNS)
    return Failure(reason=_reason(error, status), lasting=lasting, cause=error)


def _from_mlflow(error: Exception) -> bool:
    return type(error).__module__.startswith("mlflow.")


def _status(error: Exception) -> int | None:
    """The HTTP status, or the one that stands for MLflow's error code; ``None`` if no answer."""
    response = getattr(error, "response", None)
    if response is not None:
        return int(response.status_code)
    # MLflow gives statuses that it does not know the code of an internal error.
    numbered = re.search(r"failed with error code (\d{3})", str(error))
    if numbered:
        return int(numbered[1])
    if _from_mlflow(error) and root_cause(error) is None:
        return int(error.get_http_status_code())  # type: ignore[attr-defined]
    return None


def _reason(error: Exception, status: int | None) -> str:
    text = root_cause(error) or mask(" ".join(str(error).split())) or type(error).__name__
    if len(text) > _REASON_CHARACTERS:
        text = text[:_REASON_CHARACTERS] + "…"
    if "Invalid Host header" in text:
        return (
            f"{text}: start the server with --allowed-hosts naming this host, both as HOST "
            "and as HOST:*"
        )
    hint = _HINTS.get(status or 0)
    return f"{text}: {hint}" if hint else text


def root_cause(error: BaseException) -> str | None:
    """What the operating system said, which is all that matters of a failed connection."""
    seen: list[BaseException] = []
    chain: BaseException | None = error
    while chain is not None and chain not in seen:
        seen.append(chain)
        if isinstance(chain, OSError) and chain.strerror:
            return chain.strerror
        # requests and urllib3 hand the original on as an argument or as ``reason``.
        inner = [getattr(chain, "reason", None), *chain.args]
        nested = next((one for one in inner if isinstance(one, BaseException)), None)
        chain = nested or chain.__cause__ or chain.__context__
    if any("timed out" in str(one) for one in seen):
        return "no answer in time"
    return None
