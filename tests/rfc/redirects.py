"""RFC 9110 §15.4: where a client lets itself be led."""

from __future__ import annotations

from .case import Case, section
from .opening_client import BROWSER, answer, leads_to, plain, refused
from .openings import Answer
from .profiles import define
from .wire import Head

FEW = define("few redirects", max_redirects=1)

_SOON = plain(302, Location="/new")


def _kept(requests: list[Head]) -> None:
    assert [request.get("Cookie") for request in requests] == ["a=1", "a=1"]
    assert requests[1].get("Authorization") == "Bearer t"


def _dropped(requests: list[Head]) -> None:
    assert [request.get("Cookie") for request in requests] == ["a=1", None]
    assert requests[1].get("Authorization") is None
    assert requests[1].get("Proxy-Authorization") is None
    assert requests[1].get("X-Own") == "yes"


CASES: list[Case] = [
    *section(
        "RFC 9110 §15.4",
        "handshake/client.py",
        *(
            Answer(
                f"{status} is followed",
                (plain(status, Location="/new"), answer()),
                check_requests=leads_to("/new"),
            )
            for status in (301, 302, 303, 307, 308)
        ),
        Answer(
            "to an absolute URI",
            (plain(302, Location="ws://{host}/new"), answer()),
            check_requests=leads_to("/new"),
        ),
        Answer(
            "http means ws",
            (plain(302, Location="http://{host}/new"), answer()),
            check_requests=leads_to("/new"),
        ),
        Answer(
            "to a relative path",
            (plain(302, Location="new?a=b"), answer()),
            check_requests=leads_to("/new?a=b"),
        ),
        Answer(
            "a fragment is left out",
            (plain(302, Location="/new#here"), answer()),
            check_requests=leads_to("/new"),
        ),
        Answer("ten redirects are followed", (*[_SOON] * 10, answer())),
        Answer("an eleventh is not", (_SOON,) * 11, False, "max_redirects", 302),
        Answer("the number can be another", (_SOON,) * 2, False, "max_redirects", 302, options=FEW),
        Answer(
            "cookies stay with their origin",
            (_SOON, answer()),
            check_requests=_kept,
            options=BROWSER,
        ),
        Answer(
            "and are left out for another one, as are credentials",
            (plain(302, Location="ws://{other}/new"), answer()),
            check_requests=_dropped,
            options=BROWSER,
        ),
        refused("a redirect to nowhere is the end", plain(302), "302", 302),
        refused("300 is not followed", plain(300, Location="/new"), "300", 300),
        refused(
            "304 is not followed",
            plain(304, Location="/new").replace(b"Content-Length: 0\r\n", b""),
            "304",
            304,
        ),
        refused(
            "another scheme is not followed", plain(302, Location="ftp://{host}/"), "Location", 302
        ),
        refused(
            "an error quotes the beginning of a long place",
            plain(302, Location="ftp:" + "x" * 4000),
            "^.{,300}$",
            302,
        ),
        refused(
            "also if it leads from wss to ws",
            plain(302, Location="ws://{host}/" + "x" * 4000),
            "^.{,300}$",
            302,
            secure=True,
        ),
        refused(
            "two places are not followed",
            plain(302, Location="/a\r\nLocation: /b"),
            "Location",
            302,
        ),
        refused(
            "never from wss to ws",
            plain(302, Location="ws://{host}/new"),
            "wss to ws",
            302,
            secure=True,
        ),
        refused(
            "nor to http", plain(302, Location="http://{host}/new"), "wss to ws", 302, secure=True
        ),
        Answer("from wss to wss", (plain(302, Location="wss://{host}/new"), answer()), secure=True),
        Answer(
            "from wss to https", (plain(302, Location="https://{host}/new"), answer()), secure=True
        ),
    ),
]
