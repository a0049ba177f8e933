"""A store in an S3 bucket: AWS, Ceph, Swift, SeaweedFS and others that speak the protocol.

Only what all of them do alike is used: put, get, head, list, delete and multipart upload; no
conditional write, no rename, no versioning. Credentials, endpoint and region come from the
standard AWS variables. No other file imports boto3.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore import exceptions as aws
from botocore.config import Config
from botocore.parsers import ResponseParserError
from s3transfer.exceptions import (  # type: ignore[import-untyped]
    S3DownloadFailedError,
    S3ValidationError,
)

from sdml.errors import (
    DataError,
    NotFoundError,
    SDMLError,
    StoreAccessError,
    StoreFullError,
    StoreUnavailableError,
)
from sdml.store.base import ObjectInfo, Store, Unfinished, check_key, check_prefix, is_key
from sdml.store.files import mapped_errors, replacing

_PART = 8 << 20
_PARTS = 900  # servers allow 1,000 or 10,000 parts in one upload
_READS = 3
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_AWS = (".amazonaws.com", ".amazonaws.com.cn")

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
# What the transfer manager raises; the reason is inside.
_WRAPPERS = (Boto3Error, S3DownloadFailedError, S3ValidationError)


class S3Store(Store):
    """One bucket, or what is under one prefix in it. The bucket must exist.

    ``page``: how many objects one listing request asks for.
    """

    def __init__(self, uri: str, *, page: int = 1000) -> None:
        self._bucket, prefix = _parse(uri)
        self._above = f"{prefix}/" if prefix else ""
        self.uri = f"s3://{self._bucket}/{prefix}".rstrip("/")
        self._page = page
        self._bucket_seen = False
        self._client = _client(self.uri)
        self._endpoint: str = self._client.meta.endpoint_url

    def put(self, key: str, data: bytes | Path) -> None:
        """See :meth:`Store.put`. A large object is sent in parts and appears when all arrived."""
        where = self._where(key)
        target = {"Bucket": self._bucket, "Key": self._above + key}
        if isinstance(data, bytes):
            with self._mapped(where):
                if len(data) <= _PART:
                    self._client.put_object(**target, Body=data)
                else:
                    config = _transfer(len(data))
                    self._client.upload_fileobj(io.BytesIO(data), **target, Config=config)
            return
        try:
            with self._mapped(where):
                config = _transfer(data.stat().st_size)
                self._client.upload_file(str(data), **target, Config=config)
        except OSError as error:
            raise DataError(
                f"{data}: cannot be read to store it: {error.strerror or error}"
            ) from error

    def get(self, key: str) -> bytes:
        """See :meth:`Store.get`."""
        with self._reading(key):
            for _ in range(_READS - 1):
                try:
                    return self._read(key)
                except (aws.HTTPClientError, aws.IncompleteReadError):
                    continue  # boto3 itself tries again only until the body begins
            return self._read(key)

    def local(self, key: str, scratch: Path) -> Path:
        """See :meth:`Store.local`. The download is ``scratch/<key>``."""
        path = scratch / check_key(key)
        with (
            mapped_errors(path),
            replacing(path, durable=False) as partial,
            self._reading(key),
        ):
            self._client.download_file(
                self._bucket, self._above + key, str(partial), Config=_transfer(0)
            )
        return path

    def exists(self, key: str) -> bool:
        """See :meth:`Store.exists`."""
        try:
            with self._reading(key):
                self._client.head_object(Bucket=self._bucket, Key=self._above + key)
        except NotFoundError:
            return False
        return True

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See :meth:`Store.list`."""
        check_prefix(prefix)
        pages = self._pages(self._above + prefix)
        while True:
            with self._mapped(self.uri):
                page = next(pages, None)
            if page is None:
                return
            for entry in page.get("Contents", ()):
                key = entry["Key"].removeprefix(self._above)
                if is_key(key):
                    yield ObjectInfo(
                        key=key, size=int(entry["Size"]), modified=entry["LastModified"]
                    )

    def folders(self, prefix: str) -> Iterator[str]:
        """See :meth:`Store.folders`."""
        check_prefix(prefix)
        pages = self._pages(self._above + prefix, Delimiter="/")
        while True:
            with self._mapped(self.uri):
                page = next(pages, None)
            if page is None:
                return
            for entry in page.get("CommonPrefixes", ()):
                name = entry["Prefix"].removeprefix(self._above + prefix).rstrip("/")
                if is_key(name):
                    yield name

    def delete(self, key: str) -> None:
        """See :meth:`Store.delete`."""
        # Most servers answer 204 for an absent key, some 404.
        with suppress(NotFoundError), self._reading(key):
            self._client.delete_object(Bucket=self._bucket, Key=self._above + key)

    def unfinished(self, prefix: str) -> Iterator[Unfinished]:
        """See :meth:`Store.unfinished`: uploads in parts. Their sizes are not known: 0."""
        check_prefix(prefix)
        where = f"{self.uri}/{prefix}"
        with self._mapped(where):
            paginator = self._client.get_paginator("list_multipart_uploads")
            pages = list(paginator.paginate(Bucket=self._bucket, Prefix=self._above + prefix))
        for entry in (entry for page in pages for entry in page.get("Uploads", ())):
            key = entry["Key"].removeprefix(self._above)
            if is_key(key):
                yield Unfinished(
                    key=key, name=entry["UploadId"], size=0, modified=entry["Initiated"]
                )

    def discard(self, write: Unfinished) -> None:
        """See :meth:`Store.discard`."""
        with suppress(NotFoundError), self._reading(write.key):
            self._client.abort_multipart_upload(
                Bucket=self._bucket, Key=self._above + write.key, UploadId=write.name
            )

    def _where(self, key: str) -> str:
        return f"{self.uri}/{check_key(key)}"

    def _read(self, key: str) -> bytes:
        answer = self._client.get_object(Bucket=self._bucket, Key=self._above + key)
        # Not "with body": that gives the raw stream, whose errors botocore does not translate.
        with closing(answer["Body"]) as body:
            return bytes(body.read())

    def _pages(self, prefix: str, **more: str) -> Iterator[dict[str, Any]]:
        paginator = self._client.get_paginator("list_objects_v2")
        pages: Iterator[dict[str, Any]] = iter(
            paginator.paginate(
                Bucket=self._bucket,
                Prefix=prefix,
                PaginationConfig={"PageSize": self._page},
                **more,
            )
        )
        return pages

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        """As :meth:`_mapped`, and 404 means that there is no such object, if it is sure."""
        where = self._where(key)
        try:
            with self._mapped(where):
                yield
        except StoreAccessError as error:
            if not _is_404(error.__cause__):
                raise
            # It may be the bucket, or no S3 server at all. Listing tells, and once is enough.
            if not self._bucket_seen:
                with self._mapped(self.uri):
                    self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._above, MaxKeys=1)
                self._bucket_seen = True
            raise NotFoundError(
                f"{where}: there is no such object in the store"
            ) from error.__cause__

    @contextmanager
    def _mapped(self, where: str) -> Iterator[None]:
        """Errors of boto3 in the block become ours; ``OSError`` of local files passes."""
        try:
            yield
        except (aws.BotoCoreError, aws.ClientError, ResponseParserError, *_WRAPPERS) as error:
            raise _ours(error, where, self._endpoint) from error
        except RecursionError as error:  # botocore follows a redirection by asking again
            raise StoreAccessError(
                f"{where}: {self._endpoint} redirects every request: "
                f"set AWS_ENDPOINT_URL_S3 to where the S3 server itself is"
            ) from error


def _parse(uri: str) -> tuple[str, str]:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if not _BUCKET.fullmatch(bucket):
        # What stands before an @ would be a secret, so it is not repeated.
        what = "that" if "@" in uri else repr(uri)
        raise StoreAccessError(
            f"a store in S3 is s3://bucket or s3://bucket/prefix, not {what}; "
            f"credentials and endpoint come from the AWS variables"
        )
    prefix = prefix.strip("/")
    if prefix:
        check_key(prefix)
    return bucket, prefix


def _client(uri: str) -> Any:
    """A client from the AWS variables alone; none of the requests goes out yet."""
    try:
        session = boto3.session.Session()
        region = os.environ.get("AWS_REGION") or session.region_name or "us-east-1"
        client = session.client("s3", region_name=region, config=_config("auto"))
        endpoint = urlsplit(client.meta.endpoint_url)
        if endpoint.username or endpoint.password:
            raise StoreAccessError(
                f"{uri}: the endpoint's URL must not hold credentials: "
                f"use AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        _ = endpoint.port  # a ValueError unless it is a number
        if not (endpoint.hostname or "").endswith(_AWS):
            # Other servers seldom have a DNS name for each bucket.
            client.close()
            client = session.client("s3", region_name=region, config=_config("path"))
    except (aws.BotoCoreError, ValueError) as error:
        raise StoreAccessError(
            f"{uri}: no S3 client can be made of the AWS variables and files "
            f"({type(error).__name__}): check AWS_ENDPOINT_URL_S3 (http://host:port), "
            f"AWS_PROFILE and AWS_REGION"
        ) from error
    return client


def _config(addressing: str) -> Config:
    return Config(
        s3={"addressing_style": addressing, "payload_signing_enabled": True},
        retries={"mode": "standard", "total_max_attempts": 4},
        connect_timeout=5,
        read_timeout=30,
        max_pool_connections=20,
        # The newer checksum headers are refused by many servers; the signed payload protects
        # what is sent, our manifests what is read.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def _transfer(size: int) -> TransferConfig:
    """Parts for an object of ``size`` bytes; not more in memory than a few of them."""
    part = max(_PART, -(-size // _PARTS))
    return TransferConfig(
        multipart_threshold=_PART,
        multipart_chunksize=part,
        max_concurrency=4,
        preferred_transfer_client="classic",
    )


def _ours(error: Exception, where: str, endpoint: str) -> SDMLError:
    """The error of :mod:`sdml.errors` that says what this one of boto3 means."""
    cause = error
    if isinstance(error, _WRAPPERS):
        last = getattr(error, "last_exception", None) or error.__cause__ or error.__context__
        cause = last if isinstance(last, Exception) else error
    if isinstance(cause, aws.ClientError):
        return _of_answer(cause, where, endpoint)
    name = type(cause).__name__
    if isinstance(cause, _NO_CREDENTIALS):
        return StoreAccessError(
            f"{where}: no usable credentials ({name}): "
            f"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if isinstance(cause, aws.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(cause):
        return StoreAccessError(
            f"{where}: the certificate of {endpoint} is not trusted: "
            f"set AWS_CA_BUNDLE to the file of its authority"
        )
    if isinstance(cause, (*_NO_ANSWER, *_WRAPPERS)):
        return StoreUnavailableError(
            f"{where}: no usable answer from {endpoint} after all retries ({name}): "
            f"check that the server runs and AWS_ENDPOINT_URL_S3 names it"
        )
    return StoreAccessError(
        f"{where}: the request cannot be made ({name}): check the URI and the AWS variables"
    )


def _is_404(error: BaseException | None) -> bool:
    if isinstance(error, _WRAPPERS):
        error = error.__cause__ or error.__context__
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
