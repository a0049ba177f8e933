"""Who the user is to the server: nobody, the bearer of a token, or the owner of a session.

Credentials come from files and variables only, and stand in no message.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path

from kfp import client as kfp_client

from sdml.errors import UserError

PASSWORD_VARIABLE = "SDML_DEX_PASSWORD"  # noqa: S105  (a name)


class Credentials(ABC):
    """Headers that go with every request."""

    @abstractmethod
    def headers(self) -> dict[str, str]:
        """Headers for the next request."""

    def renew(self) -> bool:
        """Get new ones after a refusal; False where that cannot be done."""
        return False

    @property
    def advice(self) -> str:
        """What to do about a refusal."""
        return "log in: give --token-file, --in-cluster or --dex-username"


class Anonymous(Credentials):
    """For a server without logins, as behind ``kubectl port-forward``."""

    def headers(self) -> dict[str, str]:
        """None."""
        return {}


class TokenFile(Credentials):
    """A bearer token, read anew for every request, so that a renewed file counts at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def headers(self) -> dict[str, str]:
        """The token of this moment.

        Raises:
            UserError: the file is missing, empty, or holds anything but a token.
        """
        return {"authorization": f"Bearer {secret_in(self._path, what='token')}"}

    @property
    def advice(self) -> str:
        """Name the file."""
        return f"the token in {self._path} is not, or no longer, accepted: write a new one there"


def in_cluster() -> TokenFile:
    """The token that Kubernetes projects into a pod, where kfp's own client looks for it."""
    path = os.environ.get(kfp_client.KF_PIPELINES_SA_TOKEN_ENV)
    return TokenFile(Path(path or kfp_client.KF_PIPELINES_SA_TOKEN_PATH))


def dex_password(file: Path | None) -> str:
    """The password from a file, or else from the environment.

    Raises:
        UserError: there is none.
    """
    if file is not None:
        return secret_in(file, what="password")
    password = os.environ.get(PASSWORD_VARIABLE)
    if not password:
        raise UserError(
            f"--dex-username needs a password: give --dex-password-file, or set {PASSWORD_VARIABLE}"
        )
    return password


def secret_in(path: Path, *, what: str) -> str:
    """The one line of a file, without the white space around it.

    Raises:
        UserError: the file cannot be read, or is empty, or has more than one line; its content
            is not repeated.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UserError(
            f"the {what} file {path} cannot be read: {error.strerror}: check its name and rights"
        ) from error
    except UnicodeDecodeError:
        # The decoder's message would show bytes of the secret.
        raise UserError(f"the {what} file {path} must hold text, and it does not") from None
    if not text:
        raise UserError(f"the {what} file {path} is empty: write the {what} into it")
    if not text.isprintable() or (what == "token" and (" " in text or not text.isascii())):
        raise UserError(
            f"the {what} file {path} must hold the {what} and nothing else, on one line"
        )
    return text
