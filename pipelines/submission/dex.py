"""A login at Dex, as in front of a whole Kubeflow: a form, and a session cookie in return.

kfp has no class for it; this follows the steps of Kubeflow's guide "Connect the SDK to the API"
for oauth2-proxy and the older AuthService. What differs: the password never goes to an
unencrypted address once the server's own is encrypted.
"""

from __future__ import annotations

import http.client
import re
import ssl
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from urllib.parse import urlencode, urlsplit

from pipelines.submission.credentials import Credentials
from pipelines.submission.errors import NoAnswerError, RefusedError

_SECONDS = 20.0


class DexSession(Credentials):
    """Logs in at the first request, and again when the session has ended."""

    def __init__(
        self, host: str, *, username: str, password: str, connector: str, tls: ssl.SSLContext
    ) -> None:
        self._host = host
        self._form = {"login": username, "password": password}
        self._connector = connector
        self._tls = tls
        self._jar: CookieJar | None = None

    def headers(self) -> dict[str, str]:
        """The session's cookies.

        Raises:
            RefusedError: the name or password is wrong, or no login form was found.
            NoAnswerError: the server could not be reached.
        """
        if self._jar is None:
            self.renew()
        request = urllib.request.Request(f"{self._host}/")  # noqa: S310  (checked: http or https)
        if self._jar is not None:
            self._jar.add_cookie_header(request)
        cookies = request.get_header("Cookie")
        return {"Cookie": cookies} if cookies else {}

    def renew(self) -> bool:
        """Log in; the old session is forgotten."""
        jar = CookieJar()
        opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(jar), urllib.request.HTTPSHandler(context=self._tls)
        )
        try:
            self._log_in(opener)
        except (OSError, http.client.HTTPException) as error:
            # HTTPError is an OSError too, so a status that was not foreseen ends here.
            status = f" ({error.code})" if isinstance(error, urllib.error.HTTPError) else ""
            raise NoAnswerError(
                f"{self._host}: the login at Dex did not work{status}: check --host and --ca-file"
            ) from error
        self._jar = jar
        return True

    @property
    def advice(self) -> str:
        """Dex knew the user, so the rest is a matter of rights."""
        return "Dex let you in, but the server did not: ask for access"

    def _log_in(self, opener: urllib.request.OpenerDirector) -> None:
        start = f"{self._host}/"
        page = self._open(opener, start)
        if urlsplit(page).path.endswith("/oauth2/sign_in") or page == start:
            # oauth2-proxy may show a page with a button in place of a redirect.
            path = urlsplit(self._host).path + "/"
            page = self._open(opener, self._beside(page, "/oauth2/start", rd=path))
        parts = urlsplit(page)
        if parts.path.endswith("/auth"):
            chosen = parts._replace(path=f"{parts.path}/{self._connector}")
            page = self._open(opener, chosen.geturl())
        if not re.search(r"/auth/[^/]+(/login)?$", urlsplit(page).path):
            raise RefusedError(
                f"{self._host}: no login form of Dex was found there: check --host, and that "
                "this server wants a login at all"
            )
        after = self._open(opener, page, self._form)
        if urlsplit(after).path == urlsplit(page).path:
            raise RefusedError(
                f"{self._host}: Dex refused the name {self._form['login']!r} or its password: "
                "check both, and --dex-connector"
            )
        if urlsplit(after).path.endswith("/approval"):
            self._open(opener, after, {"approval": "approve"})

    def _open(
        self, opener: urllib.request.OpenerDirector, url: str, form: dict[str, str] | None = None
    ) -> str:
        """Where the request ended after all redirects."""
        if self._host.startswith("https://") and not url.startswith("https://"):
            raise RefusedError(
                f"{self._host}: the login leads to an unencrypted address and was not followed"
            )
        data = urlencode(form).encode() if form else None
        request = urllib.request.Request(url, data)  # noqa: S310  (http or https, see above)
        try:
            with opener.open(request, timeout=_SECONDS) as answer:
                return str(answer.url)
        except urllib.error.HTTPError as error:
            error.close()
            # 403 is oauth2-proxy's sign-in page, 401 Dex's form after a wrong password.
            if error.code in (401, 403):
                return str(error.url)
            raise

    @staticmethod
    def _beside(page: str, path: str, **query: str) -> str:
        return urlsplit(page)._replace(path=path, query=urlencode(query)).geturl()
