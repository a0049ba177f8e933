from __future__ import annotations

import errno
import json
import warnings
from types import SimpleNamespace

import pytest

from sdml.tracking.failures import failure_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mlflow.exceptions import MlflowException
    from mlflow.utils.rest_utils import verify_rest_response


@pytest.mark.parametrize(
    ("code", "lasting"),
    [
        ("INVALID_PARAMETER_VALUE", True),
        ("PERMISSION_DENIED", True),
        ("UNAUTHENTICATED", True),
        ("RESOURCE_DOES_NOT_EXIST", True),
        ("REQUEST_LIMIT_EXCEEDED", False),
        ("TEMPORARILY_UNAVAILABLE", False),
        ("INTERNAL_ERROR", False),
    ],
)
def test_an_answer_of_the_server(code: str, lasting: bool) -> None:
    answer = SimpleNamespace(
        status_code=400, text=json.dumps({"error_code": code, "message": "no"})
    )
    with pytest.raises(MlflowException) as caught:
        verify_rest_response(answer, "/api/2.0/x")
    assert failure_of(caught.value).lasting is lasting


@pytest.mark.parametrize(
    ("status", "lasting", "hint"),
    [
        (400, True, ""),
        (401, True, "MLFLOW_TRACKING_USERNAME"),
        (403, True, "credentials"),
        (404, True, "address"),
        (405, True, ""),
        (429, False, ""),
        (502, False, ""),
    ],
)
def test_an_answer_of_something_before_the_server(status: int, lasting: bool, hint: str) -> None:
    response = SimpleNamespace(status_code=status, text="<html>\nno</html>")
    with pytest.raises(MlflowException) as caught:
        verify_rest_response(response, "/api/2.0/x")
    failure = failure_of(caught.value)
    assert failure.lasting is lasting
    assert hint in failure.reason
    assert "\n" not in failure.reason


def test_a_page_that_is_not_mlflow() -> None:
    response = SimpleNamespace(status_code=200, text="<html>welcome</html>")
    with pytest.raises(MlflowException) as caught:
        verify_rest_response(response, "/api/2.0/x")
    assert failure_of(caught.value).lasting


@pytest.mark.parametrize(
    ("error", "lasting"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (RuntimeError("(sqlite3.OperationalError) database is locked"), False),
        (ValueError("http://u:secret@h is odd"), True),
        (ImportError("boto3"), True),
    ],
)
def test_other_errors(error: Exception, lasting: bool) -> None:
    failure = failure_of(error)
    assert failure.lasting is lasting
    assert "secret" not in failure.reason
    assert failure.cause is error


def test_reasons_are_short() -> None:
    assert len(failure_of(ValueError("x" * 5000)).reason) < 400
