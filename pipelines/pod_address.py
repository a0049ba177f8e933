"""Whether a pod can reach an address of the experiment file, as far as its host tells.

A tracking server behind a port-forward is at localhost, which in a pod is the pod itself.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from sdml.errors import ExperimentError
from sdml.experiment import Experiment


def tracking_host(tracking: str, *, where: str) -> str:
    """The host of a tracking address, in small letters; empty for a file.

    Args:
        tracking: the address.
        where: what errors begin with.

    Raises:
        ExperimentError: its host or port is not one.
    """
    try:
        parts = urlsplit(tracking)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        # With a password in it, it must not be shown.
        shown = "" if "@" in tracking else f", got {tracking!r}: {error}"
        raise ExperimentError(
            f"{where} must be a server's address, http://HOST:PORT{shown}: correct it"
        ) from error
    return host or ""


def is_loopback(host: str) -> bool:
    """Whether a host is the machine itself.

    >>> is_loopback("localhost"), is_loopback("127.0.0.2"), is_loopback("::1")
    (True, True, True)
    >>> is_loopback("mlflow"), is_loopback("10.0.0.1"), is_loopback("")
    (False, False, False)
    """
    name = host.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified  # to connect to 0.0.0.0 is the same


def pod_notes(experiment: Experiment) -> list[str]:
    """What a person should know of addresses that the compiled pipeline replaces.

    Raises:
        ExperimentError: the tracking address is not one.
    """
    host = tracking_host(experiment.tracking or "", where="tracking")
    if not is_loopback(host):
        return []
    return [
        f"tracking: {host} is this machine, which no pod reaches by that name: in its place pods "
        f"take MLFLOW_TRACKING_URI from ConfigMap {experiment.cluster.config_map}"
    ]
