"""A store in an S3 bucket: AWS, Ceph, Swift, SeaweedFS and others that speak the protocol.

Only what all of them do alike is used: put, get, head, list, delete and multipart upload; no
conditional write, no rename, no versioning. Credentials, endpoint and region come from the
standard AWS variables. Only the files s3*.py import boto3.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore import exceptions as aws
from botocore.config import Config

from sdml.errors import DataError, NotFoundError, StoreAccessError
from sdml.store.base import (
    ObjectInfo,
    Store,
    Unfinished,
    check_key,
    check_path,
    check_prefix,
    is_key,
    is_path,
)
from sdml.store.files import Digest, mapped_errors, replacing
from sdml.store.s3_errors import is_404, mapped
from sdml.store.s3_transfer import Transfer

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_AWS = (".amazonaws.com", ".amazonaws.com.cn")


class S3Store(Store):
    """One bucket, or what is under one prefix in it. The bucket must exist.

    ``page``: how many objects one listing request asks for. ``foreign``: what others have written
    under any name; else objects that no store could have written are passed over.
    """

    def __init__(self, uri: str, *, page: int = 1000, foreign: bool = False) -> None:
        self._is_key = is_path if foreign else is_key
        self._check_key = check_path if foreign else check_key
        self._bucket, prefix = _parse(uri)
        if prefix:
            self._check_key(prefix)
        self._above = f"{prefix}/" if prefix else ""
        self.uri = f"s3://{self._bucket}/{prefix}".rstrip("/")
        self._page = page
        self._bucket_seen = False
        self._client = _client(self.uri)
        self._transfer = Transfer(self._client, self._bucket)
        self._endpoint: str = self._client.meta.endpoint_url

    def put(self, key: str, data: bytes | Path) -> Digest:
        """See :meth:`Store.put`. A large object is sent in parts and appears when all arrived."""
        where = self._where(key)
        try:
            with mapped(where, self._endpoint):
                return self._transfer.send(self._above + key, data)
        except OSError as error:
            raise DataError(
                f"{data!s}: cannot be read to store it: {error.strerror or error}"
            ) from error

    def get(self, key: str) -> bytes:
        """See :meth:`Store.get`."""
        with self._reading(key):
            return self._transfer.whole(self._above + key)

    def local(self, key: str, scratch: Path) -> Path:
        """See :meth:`Store.local`. The download is ``scratch/<key>``."""
        return self.fetch(key, scratch)[0]

    def fetch(self, key: str, scratch: Path) -> tuple[Path, Digest]:
        """See :meth:`Store.fetch`: what arrives is hashed on its way to the file."""
        path = scratch / self._check_key(key)
        with (
            mapped_errors(path),
            replacing(path, durable=False) as partial,
            self._reading(key),
        ):
            return path, self._transfer.receive(self._above + key, partial)

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
            with mapped(self.uri, self._endpoint):
                page = next(pages, None)
            if page is None:
                return
            for entry in page.get("Contents", ()):
                key = entry["Key"].removeprefix(self._above)
                if self._is_key(key):
                    yield ObjectInfo(
                        key=key, size=int(entry["Size"]), modified=entry["LastModified"]
                    )

    def folders(self, prefix: str) -> Iterator[str]:
        """See :meth:`Store.folders`."""
        check_prefix(prefix)
        pages = self._pages(self._above + prefix, Delimiter="/")
        while True:
            with mapped(self.uri, self._endpoint):
                page = next(pages, None)
            if page is None:
                return
            for entry in page.get("CommonPrefixes", ()):
                name = entry["Prefix"].removeprefix(self._above + prefix).rstrip("/")
                if self._is_key(name):
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
        with mapped(where, self._endpoint):
            paginator = self._client.get_paginator("list_multipart_uploads")
            pages = list(paginator.paginate(Bucket=self._bucket, Prefix=self._above + prefix))
        for entry in (entry for page in pages for entry in page.get("Uploads", ())):
            key = entry["Key"].removeprefix(self._above)
            if self._is_key(key):
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
        return f"{self.uri}/{self._check_key(key)}"

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
        """As :func:`mapped`, and 404 means that there is no such object, if it is sure."""
        where = self._where(key)
        try:
            with mapped(where, self._endpoint):
                yield
        except StoreAccessError as error:
            if not is_404(error.__cause__):
                raise
            # It may be the bucket, or no S3 server at all. Listing tells, and once is enough.
            if not self._bucket_seen:
                with mapped(self.uri, self._endpoint):
                    self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._above, MaxKeys=1)
                self._bucket_seen = True
            raise NotFoundError(
                f"{where}: there is no such object in the store"
            ) from error.__cause__


def _parse(uri: str) -> tuple[str, str]:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if not _BUCKET.fullmatch(bucket):
        # What stands before an @ would be a secret, so it is not repeated.
        what = "that" if "@" in uri else repr(uri)
        raise StoreAccessError(
            f"a store in S3 is s3://bucket or s3://bucket/prefix, not {what}; "
            f"credentials and endpoint come from the AWS variables"
        )
    return bucket, prefix.strip("/")


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
