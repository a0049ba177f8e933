"""What boto3 and an S3 server say went wrong, as errors of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from sdml.errors import SDMLError, StoreAccessError, StoreFullError, StoreUnavailableError

_FULL = {
    "EntityTooLarge",
    "InsufficientCapacity",
    "InsufficientStorage",
    "QuotaExceeded",
    "XMinioAdminBucketQuotaExceeded",
    "XMinioStorageFull",
}
_TRANSIENT = {
    "BadDigest",
    "IncompleteBody",
    "OperationAborted",
    "PreconditionFailed",
    "RequestTimeout",
    "SlowDown",
    "XAmzContentSHA256Mismatch",
}
_NO_CREDENTIALS = (
    aws.CredentialRetrievalError,
    aws.LoginError,
    aws.NoAuthTokenError,
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.ProfileNotFound,
    aws.SSOError,
    aws.TokenRetrievalError,
)
_NO_ANSWER = (
    aws.ConnectionError,
    aws.FlexibleChecksumError,
    aws.HTTPClientError,
    aws.IncompleteReadError,
    OSError,
    ResponseParserError,
)


@contextmanager
def mapped(where: str, endpoint: str) -> Iterator[None]:
    """Errors of boto3 in the block become ours; ``OSError`` of local files passes.

    Args:
        where: what is read or written, for the message.
        endpoint: of the server.
    """
    try:
        yield
    except (aws.BotoCoreError, aws.ClientError, ResponseParserError, Boto3Error) as error:
        raise _ours(error, where, endpoint) from error
    except RecursionError as error:  # botocore follows a redirection by asking again
        raise StoreAccessError(
            f"{where}: {endpoint} redirects every request: "
            f"set AWS_ENDPOINT_URL_S3 to where the S3 server itself is"
        ) from error


def _ours(error: Exception, where: str, endpoint: str) -> SDMLError:
    """The error of :mod:`sdml.errors` that says what this one of boto3 means."""
    if isinstance(error, aws.ClientError):
        return _of_answer(error, where, endpoint)
    name = type(error).__name__
    if isinstance(error, _NO_CREDENTIALS):
        return StoreAccessError(
            f"{where}: no usable credentials ({name}): "
            f"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if isinstance(error, aws.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return StoreAccessError(
            f"{where}: the certificate of {endpoint} is not trusted: "
            f"set AWS_CA_BUNDLE to the file of its authority"
        )
    if isinstance(error, (*_NO_ANSWER, Boto3Error)):
        return StoreUnavailableError(
            f"{where}: no usable answer from {endpoint} after all retries ({name}): "
            f"check that the server runs and AWS_ENDPOINT_URL_S3 names it"
        )
    return StoreAccessError(
        f"{where}: the request cannot be made ({name}): check the URI and the AWS variables"
    )


def is_404(error: BaseException | None) -> bool:
    """Whether a server has answered that something is not there, other than the bucket."""
    if not isinstance(error, aws.ClientError):
        return False
    code = error.response.get("Error", {}).get("Code")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return bool(status == 404 and code != "NoSuchBucket")


def _of_answer(error: aws.ClientError, where: str, endpoint: str) -> SDMLError:
    """An answer of the server that is an error; only its code is repeated, nothing else."""
    code = str(error.response.get("Error", {}).get("Code", "unknown"))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = f"{code}, HTTP {status}, from {endpoint}"
    if code in _FULL or status == 507:
        return StoreFullError(f"{where}: the store has no room ({said}): make room, run again")
    if code == "NoSuchBucket":
        return StoreAccessError(
            f"{where}: the bucket does not exist ({said}): create it or correct the store's URI"
        )
    if code in _TRANSIENT or status in (408, 429) or (status >= 500 and status != 501):
        return StoreUnavailableError(
            f"{where}: the server did not do it after all retries ({said}): run again later"
        )
    if code == "RequestTimeTooSkewed":
        return StoreAccessError(f"{where}: refused ({said}): set this machine's clock right")
    if status in (301, 307) or code in ("AuthorizationHeaderMalformed", "PermanentRedirect"):
        return StoreAccessError(
            f"{where}: the bucket is in another region ({said}): set AWS_REGION"
        )
    if status in (401, 403):
        return StoreAccessError(
            f"{where}: access refused ({said}): check AWS_ACCESS_KEY_ID and "
            f"AWS_SECRET_ACCESS_KEY, and that they may read, write, list and delete there"
        )
    return StoreAccessError(
        f"{where}: the server refused the request ({said}): "
        f"check the URI, and that AWS_ENDPOINT_URL_S3 is an S3 server"
    )
