"""Make the named buckets in the S3 store of the AWS variables; those that exist stay as they are.

Runs in a pod, from a ConfigMap, so it needs nothing but boto3. Waits for a store that is still
starting. Exit code 1: the store did not answer in time or refused.
"""

from __future__ import annotations

import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_WAIT_SECONDS = 300.0
_PAUSE_SECONDS = 3.0
_MINE_ALREADY = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")


def create_buckets(names: list[str], *, wait_seconds: float = _WAIT_SECONDS) -> str | None:
    """Create what is missing, and write one line for each bucket.

    Args:
        names: The buckets.
        wait_seconds: How long a store may take until it answers.

    Returns:
        None, or what went wrong.
    """
    client = boto3.client("s3", config=Config(connect_timeout=5, retries={"total_max_attempts": 1}))
    deadline = time.monotonic() + wait_seconds
    for name in names:
        while True:
            try:
                client.create_bucket(Bucket=name)
                sys.stdout.write(f"bucket {name}: created\n")
                break
            except ClientError as error:
                code = error.response["Error"]["Code"]
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if code in _MINE_ALREADY:
                    sys.stdout.write(f"bucket {name}: exists\n")
                    break
                problem = f"the store refused to create bucket {name}: {error}"
                if status < 500:
                    return problem
            except BotoCoreError as error:
                problem = f"the store does not answer: {error}"
            if time.monotonic() > deadline:
                return problem
            time.sleep(_PAUSE_SECONDS)
    return None


if __name__ == "__main__":
    if (failure := create_buckets(sys.argv[1:])) is not None:
        sys.stderr.write(f"create-buckets: error: {failure}\n")
        sys.exit(1)
