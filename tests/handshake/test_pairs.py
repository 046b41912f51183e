"""Both sides of the handshake, talking in memory (RFC 6455 §4)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.handshake.helpers import accept_of, converse, new_client, talk
from wspy.extensions.deflate_frame import DeflateFrame
from wspy.extensions.deflate_message import DeflateMessage
from wspy.handshake.auth import BasicAuth, DigestAuth
from wspy.handshake.client import ClientHandshake, ClientOptions
from wspy.handshake.http import Request, Response
from wspy.handshake.server import ServerOptions
from wspy.handshake.uri import URI


def both(client: ClientHandshake, options: ServerOptions) -> tuple[Any, Any]:
    server = talk(client, options)
    assert (client.accepted is None) is (server.accepted is None)
    return client.accepted, server.accepted


@pytest.mark.parametrize("uri", ["ws://h/", "wss://[::1]:8443/a?b=c", "ws://b\xfccher/\u20ac x"])
def test_they_agree(uri: str) -> None:
    client, server = both(new_client(uri), ServerOptions())
    assert client.request.target == server.request.target
    assert client.response == server.response
    assert client.request.headers == server.request.headers


def test_fresh_keys_have_fresh_answers() -> None:
    uri = URI(False, "h", 80)
    clients = [ClientHandshake(uri) for _ in range(5)]
    answers = set()
    for client in clients:
        accepted, _ = both(client, ServerOptions())
        answers.add(accepted.response.headers.get("Sec-WebSocket-Accept"))
        assert accept_of(client) in answers
    assert len(answers) == 5


def test_an_answer_to_another_key() -> None:
    uri = URI(False, "h", 80)
    one, two = ClientHandshake(uri), ClientHandshake(uri)
    talk(one, ServerOptions())
    assert one.accepted is not None
    two.receive_data(one.accepted.response.encode())
    assert "Sec-WebSocket-Accept" in str(two.error)


@pytest.mark.parametrize(
    ("ours", "theirs", "chosen"),
    [((), (), None), (["a", "b"], ["b", "a"], "b"), (["a"], ["b"], None), (["a"], [], None)],
)
def test_subprotocols(ours: Any, theirs: Any, chosen: str | None) -> None:
    client, server = both(new_client(protocols=ours), ServerOptions(protocols=theirs))
    assert client.subprotocol == server.subprotocol == chosen


@pytest.mark.parametrize(
    ("ours", "theirs", "names"),
    [
        ([DeflateMessage()], [DeflateMessage()], ["permessage-deflate"]),
        ([DeflateMessage()], [], []),
        ([], [DeflateMessage()], []),
        ([DeflateFrame()], [DeflateMessage(), DeflateFrame()], ["deflate-frame"]),
        # both claim RSV1: never both at once
        (
            [DeflateMessage(), DeflateFrame()],
            [DeflateFrame(), DeflateMessage()],
            ["permessage-deflate"],
        ),
        (
            [DeflateMessage(client_no_context_takeover=True, server_max_window_bits=10)],
            [DeflateMessage(server_no_context_takeover=True)],
            ["permessage-deflate"],
        ),
    ],
)
def test_extensions(ours: Any, theirs: Any, names: list[str]) -> None:
    # RFC 6455 §9.1
    client, server = both(new_client(extensions=ours), ServerOptions(extensions=theirs))
    assert [one.name for one in client.extensions] == names
    assert [one.name for one in server.extensions] == names
    assert [one.params for one in client.extensions] == [one.params for one in server.extensions]


@pytest.mark.parametrize("user", ["me", "J\xe4s\xf8n \u20ac", "a b", 'qu"ote\\'])
@pytest.mark.parametrize("userhash", [True, False])
@pytest.mark.parametrize("algorithms", [("SHA-256", "MD5"), ("MD5",)])
def test_digest(user: str, userhash: bool, algorithms: Any) -> None:
    # RFC 7616 §3.4
    password = "p\xe4ss: \u20ac"
    auth = DigestAuth(
        "r\xe9alm, \u20ac", {user: password}, algorithms=algorithms, userhash=userhash
    )
    options = ServerOptions(auth=auth)
    client, server, statuses = converse(new_client(auth=(user, password)), options)
    assert statuses == [401, 101]
    assert client.accepted is not None
    assert server.accepted.request.user == user
    client, server, statuses = converse(new_client(auth=(user, "wrong")), options)
    assert statuses == [401, 401]
    assert client.error.response.status == 401
    client, server, statuses = converse(new_client(auth=("nobody", password)), options)
    assert statuses == [401, 401]


def test_basic() -> None:
    options = ServerOptions(auth=BasicAuth("r", {"m\xe9": "p:w"}))
    assert converse(new_client(auth=("m\xe9", "p:w")), options)[2] == [401, 101]
    assert converse(new_client(auth=("m\xe9", "no")), options)[2] == [401, 401]
    assert converse(new_client("ws://m%C3%A9:p%3Aw@h/"), options)[2] == [101]
    assert converse(new_client("ws://h/"), options)[2] == [401]


def test_every_scheme_has_its_turn() -> None:
    options = ServerOptions(auth=[DigestAuth("r", {"me": "other"}), BasicAuth("r", {"me": "pw"})])
    client, _, statuses = converse(new_client(auth=("me", "pw")), options)
    assert statuses == [401, 401, 101]
    assert client.accepted is not None


def test_a_nonce_that_grew_old() -> None:
    # RFC 7616 §3.3
    options = ServerOptions(auth=DigestAuth("r", {"me": "pw"}, nonce_lifetime=10))
    client = new_client(auth=("me", "pw"))
    statuses = []
    for now in (0.0, 20.0, 25.0):
        server = talk(client, options, now)
        assert server.response is not None
        statuses.append(server.response.status)
        client = client.next or client
    assert statuses == [401, 401, 101]


def test_redirects_and_credentials() -> None:
    # RFC 9110 §15.4
    def onrequest(request: Request) -> Response | None:
        if request.path == "/old":
            return Response(308, "moved", {"Location": "/new?x"})
        return None

    options = ServerOptions(onrequest=onrequest, auth=("me", "pw"), locations=["/new"])
    client, _, statuses = converse(new_client("ws://h/old", auth=("me", "pw")), options)
    assert statuses == [308, 401, 101]
    assert str(client.uri) == "ws://h/new?x"
    assert client.accepted.request.headers.get("Authorization") == "Basic bWU6cHc="


def test_a_loop_of_redirects_ends() -> None:
    options = ServerOptions(onrequest=lambda request: Response(302, "", {"Location": "/"}))
    client, _, statuses = converse(new_client(), options)
    assert statuses == [302] * 11
    assert "max_redirects" in str(client.error)


@pytest.mark.parametrize(
    ("options", "client_options", "status", "says"),
    [
        ({"locations": ["/x"]}, {}, 404, "no WebSocket here: /chat"),
        ({"trusted_origins": ["http://a"]}, {"origin": "http://b"}, 403, "not trusted"),
        ({"onrequest": lambda request: Response(200, "hi")}, {}, 200, "hi"),
    ],
)
def test_the_client_says_what_the_server_said(
    options: Any, client_options: Any, status: int, says: str
) -> None:
    client = new_client(**client_options)
    talk(client, ServerOptions(**options))
    assert client.error is not None
    assert client.error.response is not None
    assert client.error.response.status == status
    assert says in str(client.error)


_token = st.text("abcXYZ-!~09", min_size=1, max_size=8)


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.lists(_token, max_size=4, unique=True),
    st.lists(_token, max_size=4, unique=True),
)
def test_any_path_and_offer(path: str, ours: list[str], theirs: list[str]) -> None:
    try:
        uri = URI(False, "h", 80, "/" + path)
    except ValueError:
        return
    client = ClientHandshake(uri, ClientOptions(protocols=ours))
    accepted, server = both(client, ServerOptions(protocols=theirs))
    assert accepted.subprotocol == server.subprotocol
    assert accepted.subprotocol in [name for name in theirs if name in ours] or not set(ours) & set(
        theirs
    )
