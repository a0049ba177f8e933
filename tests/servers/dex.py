"""oauth2-proxy and Dex, as they stand before a whole Kubeflow: redirects, a form, a cookie."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import parse_qs

from tests.servers.kubeflow import Asked, Refusal

_COOKIE = "oauth2_proxy_kubeflow"


class DexGate:
    """A gate for ``KubeflowServer``: nothing passes without a session.

    Args:
        connectors: with several, Dex first shows a page to choose one.
        approval: Dex asks whether the application may know the user.
        sign_in_page: oauth2-proxy shows a page with a button (403) in place of a redirect.
    """

    def __init__(
        self,
        *,
        connectors: tuple[str, ...] = ("local",),
        approval: bool = False,
        sign_in_page: bool = False,
    ) -> None:
        self.users = {"user@example.com": "correct horse"}
        self.sessions: set[str] = set()
        self.logins = 0
        self._connectors = connectors
        self._approval = approval
        self._sign_in_page = sign_in_page

    def __call__(self, asked: Asked, body: bytes) -> Refusal | None:
        match asked.method, *asked.path.strip("/").split("/"):
            case _, "oauth2", "start":
                return _redirect("/dex/auth?client_id=kubeflow&state=s1")
            case "GET", "dex", "auth":
                if len(self._connectors) > 1:
                    return _html(200, "Log in with:")
                return _redirect(f"/dex/auth/{self._connectors[0]}?client_id=kubeflow&state=s1")
            case "GET", "dex", "auth", connector if connector in self._connectors:
                return _redirect(f"/dex/auth/{connector}/login?state=s1")
            case method, "dex", "auth", connector, "login" if connector in self._connectors:
                return self._form(body) if method == "POST" else _html(200, "Password:")
            case "POST", "dex", "approval":
                return self._granted() if b"approval=approve" in body else _html(400, "no")
            case "GET", "dex", *_:
                return _html(404 if asked.path != "/dex/approval" else 200, "Dex")
            case "GET", "oauth2", "callback":
                return self._callback()
        if self._session(asked) in self.sessions:
            return _html(200, "Central dashboard") if asked.path == "/" else None
        return _html(403, "Sign in") if self._sign_in_page else _redirect("/oauth2/start?rd=/")

    def _form(self, body: bytes) -> Refusal:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if self.users.get(form["login"]) != form["password"]:
            return _html(401, "Invalid Email Address and password.")
        return _redirect("/dex/approval?req=r1&hmac=h") if self._approval else self._granted()

    @staticmethod
    def _granted() -> Refusal:
        return _redirect("/oauth2/callback?code=c1&state=s1")

    def _callback(self) -> Refusal:
        self.logins += 1
        session = secrets.token_urlsafe(8)
        self.sessions.add(session)
        return _redirect("/", {"Set-Cookie": f"{_COOKIE}={session}; Path=/; HttpOnly"})

    @staticmethod
    def _session(asked: Asked) -> str:
        return asked.headers.get("cookie", "").removeprefix(f"{_COOKIE}=")


def _redirect(location: str, headers: dict[str, Any] | None = None) -> Refusal:
    return Refusal(303, headers={"Location": location, **(headers or {})}, raw=b"")


def _html(status: int, text: str) -> Refusal:
    page = f"<!DOCTYPE html><html><body>{text}</body></html>".encode()
    return Refusal(status, headers={"Content-Type": "text/html"}, raw=page)
