"""All of OpenStack Swift in one process: account, container and object server, and the proxy.

Run by ``servers/swift.py``; it prints one JSON line when it serves, and ends with its parent.
One process is enough for tests, starts quickly, and is stopped or killed as a whole.
"""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["EVENTLET_NO_GREENDNS"] = "yes"

import eventlet
import eventlet.tpool
import eventlet.wsgi
from swift.common import storage_policy, utils
from swift.common.http_protocol import SwiftHttpProtocol
from swift.common.ring import RingBuilder
from swift.common.utils import NullLogger
from swift.common.wsgi import loadapp

DEFAULT = """
[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
log_level = CRITICAL
fallocate_reserve = 0
db_preallocation = off
"""

PROXY = """
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck s3api tempauth bulk slo dlo proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true

[filter:catch_errors]
use = egg:swift#catch_errors

[filter:gatekeeper]
use = egg:swift#gatekeeper

[filter:healthcheck]
use = egg:swift#healthcheck

[filter:s3api]
use = egg:swift#s3api
location = us-east-1

[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {secret} .admin

[filter:bulk]
use = egg:swift#bulk

[filter:slo]
use = egg:swift#slo

[filter:dlo]
use = egg:swift#dlo
"""

BACKEND = """
[pipeline:main]
pipeline = {kind}-server

[app:{kind}-server]
use = egg:swift#{kind}
"""


def main(folder: Path, port: int, secret: str) -> None:
    """Serve the data under ``folder``; ``port`` 0 takes any free one."""
    (folder / "devices" / "disk").mkdir(parents=True, exist_ok=True)
    (folder / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = tests\n"
        "[storage-policy:0]\nname = one\ndefault = yes\n"
    )
    utils.set_swift_dir(str(folder))
    storage_policy.reload_storage_policies()
    utils.monkey_patch()

    sockets = {}
    for kind in ("account", "container", "object"):
        sockets[kind] = eventlet.listen(("127.0.0.1", 0), backlog=128)
        write_ring(folder / f"{kind}.ring.gz", sockets[kind].getsockname()[1])
        configuration = DEFAULT.format(folder=folder) + BACKEND.format(kind=kind)
        (folder / f"{kind}.conf").write_text(configuration)
    sockets["proxy"] = eventlet.listen(("127.0.0.1", port), backlog=128)
    configuration = DEFAULT.format(folder=folder) + PROXY.format(secret=secret)
    (folder / "proxy.conf").write_text(configuration)

    threads = [
        eventlet.spawn(serve, sockets[kind], folder / f"{kind}.conf")
        for kind in ("account", "container", "object", "proxy")
    ]
    eventlet.spawn(end_with_parent)
    sys.stdout.write(json.dumps({"port": sockets["proxy"].getsockname()[1]}) + "\n")
    sys.stdout.flush()
    for thread in threads:
        thread.wait()


def write_ring(path: Path, port: int) -> None:
    """A ring of one device with one replica."""
    builder = RingBuilder(part_power=2, replicas=1, min_part_hours=0)
    device = {"id": 0, "region": 1, "zone": 1, "weight": 1.0, "device": "disk"}
    builder.add_dev({**device, "ip": "127.0.0.1", "port": port})
    builder.rebalance(seed="1")
    builder.get_ring().save(str(path))


def serve(listener: eventlet.greenio.GreenSocket, configuration: Path) -> None:
    """Serve one of the four applications on its socket."""
    app = loadapp(str(configuration), global_conf={"log_name": configuration.stem})
    eventlet.wsgi.server(
        listener,
        app,
        NullLogger(),
        protocol=SwiftHttpProtocol,
        capitalize_response_headers=False,
        socket_timeout=60,
    )


def end_with_parent() -> None:
    """Standard input is a pipe held by the parent: its end means the parent is gone."""
    eventlet.tpool.execute(os.read, 0, 1)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
