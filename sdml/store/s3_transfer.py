"""Objects to and from a bucket, in parts that travel at the same time, hashed on the way.

The caller's thread reads a file part by part, in order, hashes each part and hands it to threads
that send them; or takes from threads the parts that have arrived, in order, hashes and writes them.
So a file is read or written once, and hashing, signing and the network overlap: hashlib lets go of
Python's lock. What is in memory is bounded for all transfers of a store together.
"""

from __future__ import annotations

import hashlib
import mmap
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeVar

from botocore import exceptions as aws

from sdml.errors import StoreUnavailableError
from sdml.store.files import Digest

PART = 8 << 20
IN_FLIGHT = 64 << 20
"""Bytes of files in memory, of all transfers of one store together; but one part at least."""

_PARTS = 900  # servers allow 1,000 or 10,000 parts in one upload
_AT_ONCE = 8  # parts, of all transfers of one store together: each thread keeps memory of its own
_READS = 3

_BLOCK = 1 << 18

# Parts of files lie in maps of their own, which go back to the system at once: malloc would keep
# some for every thread.
_Part = bytes | mmap.mmap
_Read = Callable[[int], _Part]
_T = TypeVar("_T")


class Transfer:
    """The objects of one bucket; may be used from several threads."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._memory = Budget(IN_FLIGHT)
        self._pool = ThreadPoolExecutor(_AT_ONCE)

    def send(self, key: str, data: bytes | Path) -> Digest:
        """Write an object; a large one is sent in parts and appears when all have arrived.

        Raises:
            OSError: the file cannot be read.
        """
        if isinstance(data, bytes):
            return self._send(key, len(data), _sliced(data), Budget(len(data) + PART))
        with data.open("rb") as file:
            return self._send(key, data.stat().st_size, _reader(file), self._memory)

    def whole(self, key: str) -> bytes:
        """An object's bytes."""
        return self._got(key)[1]

    def receive(self, key: str, path: Path) -> Digest:
        """Write an object's bytes to a new file."""
        checksum, size = hashlib.sha256(), 0
        with path.open("xb") as file, closing(self._parts(key)) as parts:
            for part in parts:
                file.write(part)
                checksum.update(part)
                size += len(part)
        return size, checksum.hexdigest()

    def _send(self, key: str, size: int, read: _Read, memory: Budget) -> Digest:
        target: dict[str, Any] = {"Bucket": self._bucket, "Key": key}
        if size <= PART:
            with memory.taken(size):
                data = read(size)
                self._client.put_object(**target, Body=data)
            return len(data), hashlib.sha256(data).hexdigest()
        part = max(PART, -(-size // _PARTS))
        target["UploadId"] = self._client.create_multipart_upload(**target)["UploadId"]
        try:
            found, etags = self._send_parts(target, part, read, memory)
            self._client.complete_multipart_upload(
                **target,
                MultipartUpload={
                    "Parts": [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(etags, 1)]
                },
            )
        except BaseException:
            with suppress(aws.BotoCoreError, aws.ClientError):
                self._client.abort_multipart_upload(**target)
            raise
        return found

    def _send_parts(
        self, target: dict[str, Any], size: int, read: _Read, memory: Budget
    ) -> tuple[Digest, list[str]]:
        """Send everything; returns the parts' ETags too."""

        def send(number: int, body: _Part) -> str:
            try:
                answer = self._client.upload_part(**target, PartNumber=number, Body=body)
                return str(answer["ETag"])
            finally:
                memory.give(size)

        checksum, length = hashlib.sha256(), 0
        sent: list[Future[str]] = []
        try:
            while not any(part.done() and part.exception() for part in sent):
                with memory.kept(size) as keep:
                    data = read(size)
                    if not data:
                        break
                    sent.append(self._pool.submit(send, len(sent) + 1, data))
                    keep()
                checksum.update(data)
                length += len(data)
                del data
            return (length, checksum.hexdigest()), [part.result() for part in sent]
        finally:
            for part in sent:
                if part.cancel():
                    memory.give(size)
            wait(sent)

    def _parts(self, key: str) -> Generator[_Part]:
        """An object's bytes, in order, one part after the other."""
        with self._memory.taken(PART):
            try:
                answer, data = self._got_part(key, 0)
            except aws.ClientError as error:
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 416:
                    raise
                answer, data = self._got(key)  # nothing of an empty object is in any range
            yield data
            del data
        # A server that knows no ranges has sent the whole.
        _, _, total = answer.get("ContentRange", "").rpartition("/")
        etag, starts = answer.get("ETag"), deque(range(PART, int(total or 0), PART))

        def fetch(start: int) -> _Part:
            answer, part = self._got_part(key, start)
            if answer.get("ETag") != etag:
                raise StoreUnavailableError(
                    f"s3://{self._bucket}/{key}: it was replaced while it was read: run again"
                )
            return part

        coming: deque[Future[_Part]] = deque()
        try:
            while starts or coming:
                # Never wait for memory with parts at hand: their memory may be what is needed.
                while starts and self._memory.take(PART, wait=not coming):
                    coming.append(self._pool.submit(fetch, starts.popleft()))
                try:
                    yield coming.popleft().result()
                finally:
                    self._memory.give(PART)
        finally:
            for part in coming:
                part.cancel()
            wait(coming)
            for _ in coming:
                self._memory.give(PART)

    def _got(self, key: str) -> tuple[dict[str, Any], bytes]:
        """An answer with its whole body."""

        def get() -> tuple[dict[str, Any], bytes]:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            # Not "with body": that gives the raw stream, whose errors botocore does not translate.
            with closing(answer["Body"]) as body:
                return answer, bytes(body.read())

        return _again(get)

    def _got_part(self, key: str, start: int) -> tuple[dict[str, Any], _Part]:
        """An answer with the part that begins there, or with everything."""

        def get() -> tuple[dict[str, Any], _Part]:
            part = f"bytes={start}-{start + PART - 1}"
            answer = self._client.get_object(Bucket=self._bucket, Key=key, Range=part)
            with closing(answer["Body"]) as body:
                return answer, _filled(body, int(answer["ContentLength"]))

        return _again(get)


def _again(get: Callable[[], _T]) -> _T:
    """Ask again if a body breaks off: boto3 itself does so only until the body begins."""
    for _ in range(_READS - 1):
        with suppress(aws.HTTPClientError, aws.IncompleteReadError):
            return get()
    return get()


def _filled(body: Any, size: int) -> _Part:
    """A body of known size."""
    if size == 0:
        return b""
    part, done = mmap.mmap(-1, size), 0
    while block := body.read(_BLOCK):
        part[done : done + len(block)] = block
        done += len(block)
    return part


def _reader(file: BufferedReader) -> _Read:
    """Reads a file into maps."""

    def read(size: int) -> _Part:
        if size == 0:
            return b""
        part = mmap.mmap(-1, size)
        found = file.readinto(part)
        if found == 0:
            return b""
        if found < size:
            part.resize(found)
        return part

    return read


class Budget:
    """Bytes that several threads may hold together."""

    def __init__(self, size: int) -> None:
        self._size = self._free = size
        self._changed = threading.Condition()

    def take(self, size: int, *, wait: bool = True) -> bool:
        """Take so many bytes, or all there are if it is more; false if ``wait`` would be needed."""
        size = min(size, self._size)
        with self._changed:
            if not wait and self._free < size:
                return False
            self._changed.wait_for(lambda: self._free >= size)
            self._free -= size
        return True

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Take so many bytes for the time of the block."""
        with self.kept(size):
            yield

    @contextmanager
    def kept(self, size: int) -> Iterator[Callable[[], None]]:
        """The same, unless the yielded function is called: then someone else gives them back."""
        kept = False

        def keep() -> None:
            nonlocal kept
            kept = True

        self.take(size)
        try:
            yield keep
        finally:
            if not kept:
                self.give(size)

    def give(self, size: int) -> None:
        """Give back what was taken."""
        with self._changed:
            self._free += min(size, self._size)
            self._changed.notify_all()


def _sliced(data: bytes) -> _Read:
    """Reads bytes that are in memory as a file is read."""
    view = memoryview(data)
    done = 0

    def read(size: int) -> bytes:
        nonlocal done
        part = view[done : done + size]
        done += len(part)
        return bytes(part)

    return read
