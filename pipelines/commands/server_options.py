"""Arguments that say which Kubeflow Pipelines server is meant, and who asks it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sdml.errors import UserError

if TYPE_CHECKING:
    from pipelines.submission import Connection
    from pipelines.submission.credentials import Credentials


def server_arguments(parser: argparse.ArgumentParser) -> None:
    """Credentials and certificates; ``--host`` is the action's own."""
    group = parser.add_argument_group("login", "without one of these, nobody logs in")
    who = group.add_mutually_exclusive_group()
    who.add_argument("--token-file", type=Path, metavar="FILE", help="send the token in this file")
    who.add_argument(
        "--in-cluster",
        action="store_true",
        help="send the token that Kubernetes puts into this pod",
    )
    who.add_argument("--dex-username", metavar="NAME", help="log in at Dex's form")
    group.add_argument(
        "--dex-password-file", type=Path, metavar="FILE", help="else SDML_DEX_PASSWORD is used"
    )
    group.add_argument(
        "--dex-connector", metavar="NAME", default="local", help="if Dex has several: local, ldap…"
    )
    group.add_argument(
        "--ca-file", type=Path, metavar="FILE", help="authorities to trust for https"
    )


def connection_to(host: str, arguments: argparse.Namespace) -> Connection:
    """The line to the server; nothing is sent yet.

    Raises:
        UserError: an address, file or password is not what it must be.
    """
    from pipelines.submission import Connection

    return Connection(host, credentials=_credentials(host, arguments), ca_file=arguments.ca_file)


def _credentials(host: str, arguments: argparse.Namespace) -> Credentials | None:
    from pipelines.submission.address import checked_host
    from pipelines.submission.connection import tls_context
    from pipelines.submission.credentials import TokenFile, dex_password, in_cluster
    from pipelines.submission.dex import DexSession

    if arguments.dex_password_file and not arguments.dex_username:
        raise UserError("--dex-password-file needs --dex-username beside it")
    if arguments.token_file:
        return TokenFile(arguments.token_file)
    if arguments.in_cluster:
        return in_cluster()
    if arguments.dex_username:
        return DexSession(
            checked_host(host),
            username=arguments.dex_username,
            password=dex_password(arguments.dex_password_file),
            connector=arguments.dex_connector,
            tls=tls_context(arguments.ca_file),
        )
    return None
