"""One line for everything that may stand between a user and a server."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pipelines.submission import Connection, NoAnswerError, RefusedError
from pipelines.submission.credentials import TokenFile
from sdml.errors import SDMLError, UserError
from tests.servers.certificate import write_certificate
from tests.servers.kubeflow import Asked, KubeflowServer, Refusal, kubeflow_server

HEALTH = "/apis/v2beta1/healthz"
PAGE = b"<!DOCTYPE html><html><body>error code 12, state, a login page</body></html>"


def test_tells_whether_a_server_has_many_users(
    server: KubeflowServer, connection: Connection
) -> None:
    assert not connection.multi_user()
    server.multi_user = True
    assert connection.multi_user()


@pytest.mark.parametrize(
    ("status", "words", "code"),
    [
        (401, "does not know you: log in: give --token-file", 2),
        (403, "ask for access", 2),
        (404, "check --host", 2),
        (418, "short and stout", 2),
        (429, "asked too often", 1),
        (500, "the server's log", 1),
        (503, "the server's log", 1),
    ],
)
def test_a_refusal_is_told_with_what_to_do(
    server: KubeflowServer, connection: Connection, status: int, words: str, code: int
) -> None:
    server.gate = lambda *_: Refusal(status, "short\nand stout")
    with pytest.raises(SDMLError, match=f"refused with {status}.*{words}") as refused:
        connection.multi_user()
    assert refused.value.exit_code == code
    assert str(refused.value).startswith(server.host)
    assert "short and stout" in str(refused.value)


def test_plain_words_are_told_and_pages_are_not(
    server: KubeflowServer, connection: Connection
) -> None:
    server.gate = lambda *_: Refusal(403, raw=b"RBAC: access denied")
    with pytest.raises(RefusedError, match="RBAC: access denied"):
        connection.multi_user()
    server.gate = lambda *_: Refusal(403, raw=PAGE)
    with pytest.raises(RefusedError) as refused:
        connection.multi_user()
    assert "<" not in str(refused.value)
    server.gate = lambda *_: Refusal(403, raw=b"\xff\xfe")
    with pytest.raises(RefusedError, match="ask for access"):
        connection.multi_user()


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("/dex/auth?client_id=kubeflow", "wants a login first: give --token-file"),
        ("https://login.example.com/oauth2/start", "wants a login first"),
        (f"https://kfp.example.com{HEALTH}", "it has moved: give --host https://kfp.example.com"),
    ],
)
def test_a_redirect_is_not_followed(
    server: KubeflowServer, connection: Connection, location: str, words: str
) -> None:
    server.gate = lambda *_: Refusal(302, raw=b"", headers={"Location": location})
    with pytest.raises(RefusedError, match=words):
        connection.multi_user()
    assert len(server.asked) == 1


@pytest.mark.parametrize("body", [PAGE, b"", b"[]", b'"OK"', b"\xff"])
def test_another_kind_of_server_is_told(
    server: KubeflowServer, connection: Connection, body: bytes
) -> None:
    server.gate = lambda *_: Refusal(200, raw=body)
    with pytest.raises(RefusedError, match="not a Kubeflow Pipelines server: check --host"):
        connection.multi_user()


def test_an_old_server_is_told_by_its_version(
    server: KubeflowServer, connection: Connection
) -> None:
    def old(asked: Asked, _: bytes) -> Refusal:
        if asked.path == "/apis/v1beta1/healthz":
            return Refusal(200, raw=b'{"commit_sha": "1.8.5"}')
        return Refusal(404, "Not Found")

    server.gate = old
    with pytest.raises(RefusedError, match=r"only the API v1beta1: Kubeflow Pipelines 2\.0"):
        connection.multi_user()


def test_a_question_is_asked_again_when_the_server_stumbles(
    server: KubeflowServer, connection: Connection
) -> None:
    server.next_answers[f"GET {HEALTH}"] = [Refusal(503), Refusal(500), Refusal(502)]
    assert not connection.multi_user()
    assert len(server.asked) == 4


def test_nobody_answers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, and nobody listens
        host = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(NoAnswerError, match="no Kubeflow Pipelines server answers there"):
            Connection(host, pause=0.01).multi_user()


def test_a_name_that_is_not_known() -> None:
    with pytest.raises(NoAnswerError, match=r"the name 'no-such-host\.invalid' is not known"):
        Connection("http://no-such-host.invalid", pause=0.01).multi_user()


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("localhost:8080", "must be a web address"),
        ("ftp://kfp", "must be a web address"),
        ("http://", "must be a web address"),
        ("http://[::1", r"must be a web address.*got 'http://\[::1': Invalid IPv6 URL"),
        ("http://localhost:80a", "must be a web address.*got 'http://localhost:80a': Port"),
        ("http://localhost:80800", "must be a web address.*Port out of range"),
        ("http://h/#/runs", "not one page"),
        ("https://me:hunter2@kfp", "must not hold a user or password"),
        ("ftp://me:hunter2@kfp", "must not hold a user or password"),
        ("http://me:hunter2@[::1", "must not hold a user or password"),
        ("http://me:hunter2/x@kfp", "must not hold a user or password"),
    ],
)
def test_an_address_is_checked(host: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as refused:
        Connection(host)
    assert "hunter2" not in str(refused.value)


def test_a_path_belongs_to_the_address(server: KubeflowServer) -> None:
    assert not Connection(f"{server.host}/pipeline/").multi_user()
    assert Connection(f"{server.host}/pipeline/").host == f"{server.host}/pipeline"


def test_a_proxy_of_the_environment_is_used(
    server: KubeflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.host)
    assert not Connection("http://kfp.example.com").multi_user()
    [asked] = server.asked
    assert asked.headers["host"] == "kfp.example.com"


def test_a_lost_answer_to_an_order_is_told(server: KubeflowServer, connection: Connection) -> None:
    from pipelines.submission.catalogue import pipeline_id

    def gate(asked: Asked, _: bytes) -> Refusal | None:
        if asked.method == "POST":
            raise ConnectionAbortedError  # the connection ends without an answer
        return None

    server.gate = gate
    with pytest.raises(NoAnswerError, match="may have done what was asked: look at its pages"):
        pipeline_id(connection, "p", namespace=None)
    assert server.paths() == ["/pipelines"]


class TestTls:
    """Its own authority, a wrong one, and none."""

    def test_its_own_authority_is_trusted(self, tmp_path: Path) -> None:
        pair = write_certificate(tmp_path)
        with kubeflow_server(tls=pair.server) as server:
            assert not Connection(server.host, ca_file=pair.authority).multi_user()

    def test_an_unknown_authority_is_refused(self, tmp_path: Path) -> None:
        pair = write_certificate(tmp_path)
        with (
            kubeflow_server(tls=pair.server) as server,
            pytest.raises(RefusedError, match=r"no safe connection .*--ca-file"),
        ):
            Connection(server.host).multi_user()

    def test_https_at_a_server_without_it(self, server: KubeflowServer) -> None:
        host = server.host.replace("http://", "https://")
        with pytest.raises(RefusedError, match="is it https at all"):
            Connection(host).multi_user()

    def test_a_file_without_certificates_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "empty.pem").write_text("")
        for name in ("empty.pem", "missing.pem"):
            with pytest.raises(UserError, match="--ca-file must hold certificates"):
                Connection("https://kfp", ca_file=tmp_path / name)


class TestToken:
    """A token in a file."""

    def test_it_goes_with_every_request(self, server: KubeflowServer, tmp_path: Path) -> None:
        server.tokens = {"right-token"}
        (tmp_path / "token").write_text("right-token\n")
        assert not Connection(server.host, credentials=TokenFile(tmp_path / "token")).multi_user()

    def test_a_wrong_one_is_refused_and_not_shown(
        self, server: KubeflowServer, tmp_path: Path
    ) -> None:
        server.tokens = {"right-token"}
        (tmp_path / "token").write_text("wrong-token")
        with pytest.raises(RefusedError, match=f"401.*{tmp_path}/token is not.*accepted") as e:
            Connection(server.host, credentials=TokenFile(tmp_path / "token")).multi_user()
        assert "wrong-token" not in str(e.value)

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (None, "cannot be read"),
            (b"", "is empty"),
            (b" \n", "is empty"),
            (b"hunter2\nhunter2", "and nothing else, on one line"),
            (b"Bearer hunter2", "and nothing else"),
            ("hunter2é".encode(), "and nothing else"),
            (b"\xffhunter2", "must hold text"),
        ],
    )
    def test_a_file_without_a_token_is_refused(
        self, server: KubeflowServer, tmp_path: Path, content: bytes | None, words: str
    ) -> None:
        if content is not None:
            (tmp_path / "token").write_bytes(content)
        connection = Connection(server.host, credentials=TokenFile(tmp_path / "token"))
        with pytest.raises(UserError, match=words) as refused:
            connection.multi_user()
        assert "hunter2" not in f"{refused.value!r} {refused.value.__cause__!r}"
        assert server.asked == []
