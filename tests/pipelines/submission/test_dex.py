"""Logins at Dex behind oauth2-proxy, in the forms in which they are set up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.submission import Connection, NoAnswerError, Order, RefusedError, submit
from pipelines.submission.connection import tls_context
from pipelines.submission.dex import DexSession
from tests.servers.certificate import write_certificate
from tests.servers.dex import DexGate
from tests.servers.kubeflow import KubeflowServer, Refusal, kubeflow_server


def behind(server: KubeflowServer, password: str = "correct horse", **how: str) -> Connection:
    session = DexSession(
        f"{server.host}/pipeline",
        username="user@example.com",
        password=password,
        connector=how.get("connector", "local"),
        tls=tls_context(None),
    )
    return Connection(f"{server.host}/pipeline", credentials=session, pause=0.01)


@pytest.mark.parametrize(
    "gate",
    [
        DexGate(),
        DexGate(approval=True),
        DexGate(connectors=("local", "ldap")),
        DexGate(sign_in_page=True),
        DexGate(connectors=("ldap", "local"), approval=True, sign_in_page=True),
    ],
    ids=["plain", "approval", "several", "page", "all"],
)
def test_a_session_is_opened_once(server: KubeflowServer, gate: DexGate) -> None:
    server.gate = gate
    connection = behind(server)
    assert not connection.multi_user()
    assert not connection.multi_user()
    assert gate.logins == 1


def test_a_submission_with_many_users(order: Order) -> None:
    with kubeflow_server(multi_user=True) as server:
        server.gate = DexGate()
        made = submit(behind(server), replace(order, namespace="team"))
        assert made.url == f"{server.host}/pipeline/#/runs/details/{server.runs[0].run_id}"


def test_a_session_that_has_ended_is_opened_again(server: KubeflowServer) -> None:
    gate = server.gate = DexGate()
    connection = behind(server)
    connection.multi_user()
    gate.sessions.clear()
    assert not connection.multi_user()
    assert gate.logins == 2


def test_another_connector(server: KubeflowServer) -> None:
    gate = server.gate = DexGate(connectors=("ldap", "github"))
    assert not behind(server, connector="ldap").multi_user()
    assert gate.logins == 1
    with pytest.raises(NoAnswerError, match=r"did not work \(404\)"):
        behind(server, connector="local").multi_user()


def test_a_wrong_password_is_refused_and_not_shown(server: KubeflowServer) -> None:
    server.gate = DexGate()
    with pytest.raises(RefusedError, match=r"refused the name 'user@example\.com'") as refused:
        behind(server, password="battery staple").multi_user()
    assert "battery" not in str(refused.value)


def test_no_rights_in_spite_of_a_login(server: KubeflowServer) -> None:
    gate = DexGate()
    server.gate = lambda asked, body: (
        Refusal(403, raw=b"RBAC: access denied")
        if asked.path.startswith("/apis")
        else gate(asked, body)
    )
    with pytest.raises(RefusedError, match="Dex let you in, but the server did not"):
        behind(server).multi_user()


def test_a_server_without_a_login_is_told(server: KubeflowServer) -> None:
    server.gate = lambda asked, _: None if asked.path.startswith("/apis") else Refusal(200, "UI")
    with pytest.raises(RefusedError, match="no login form of Dex"):
        behind(server).multi_user()


def test_a_login_that_nobody_answers(server: KubeflowServer) -> None:
    connection = behind(server)
    server.stop()
    with pytest.raises(NoAnswerError, match="the login at Dex did not work"):
        connection.multi_user()


def test_a_password_is_never_sent_unencrypted_from_https(
    server: KubeflowServer, tmp_path: Path
) -> None:
    pair = write_certificate(tmp_path)
    with kubeflow_server(tls=pair.server) as safe:
        form = f"{server.host}/dex/auth/local/login"
        safe.gate = lambda *_: Refusal(302, raw=b"", headers={"Location": form})
        server.gate = DexGate()
        session = DexSession(
            safe.host,
            username="user@example.com",
            password="correct horse",
            connector="local",
            tls=tls_context(pair.authority),
        )
        with pytest.raises(RefusedError, match="unencrypted address"):
            session.headers()
    assert server.paths() == []
