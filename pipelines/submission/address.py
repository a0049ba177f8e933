"""Addresses: of a server, as the user gives it, and of what it shows in its web pages."""

from __future__ import annotations

from urllib.parse import urlsplit

from sdml.errors import UserError

_RUN = "/#/runs/details/"
_RECURRING = "/#/recurringrun/details/"


def checked_host(host: str) -> str:
    """The address without a slash at its end.

    Raises:
        UserError: it is no web address, holds credentials, or is the address of a page.
    """
    # The address is printed and logged, so one with a password is not repeated here either.
    refused = "--host must not hold a user or password: use --dex-username"
    try:
        parts = urlsplit(host)
        name, _ = parts.hostname, parts.port
    except ValueError as error:
        if "@" in host:
            raise UserError(refused) from error
        raise UserError(
            f"--host must be a web address, http://… or https://…, got {host!r}: {error}"
        ) from error
    if "@" in parts.netloc:
        raise UserError(refused)
    if parts.scheme not in ("http", "https") or not name:
        raise UserError(f"--host must be a web address, http://… or https://…, got {host!r}")
    if parts.query or parts.fragment:
        raise UserError(f"--host must be the server's address and not one page, got {host!r}")
    return host.rstrip("/")


def run_page(host: str, run_id: str) -> str:
    """The run in the server's web pages."""
    return f"{host}{_RUN}{run_id}"


def recurring_page(host: str, recurring_id: str) -> str:
    """The recurring run in the server's web pages."""
    return f"{host}{_RECURRING}{recurring_id}"


def split_run(run: str, host: str | None) -> tuple[str, str]:
    """(host, run id) of a run given by its id, or by its page, which names the host too.

    Raises:
        UserError: the host is missing, or given twice and differently.
    """
    page_host, separator, run_id = run.partition(_RUN)
    if not separator:
        page_host, run_id = "", run
    if not run_id or "/" in run_id:
        raise UserError(f"a run is named by its id, or by the address of its page, got {run!r}")
    if not page_host and not host:
        raise UserError("--host must name the server when a run is given by its id")
    if page_host and host and page_host.rstrip("/") != host.rstrip("/"):
        raise UserError(
            f"--host {host} is not the server of the run's page {run}: leave --host out"
        )
    return page_host or str(host), run_id
