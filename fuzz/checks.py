"""What must hold for whatever a peer sends; failures are AssertionErrors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

# Texts go into answers and exceptions: 80 characters of the peer's may be quoted, each as \\xff.
MAX_TEXT = 400

# RFC 9112 §4, §5: written down here once more, and strictly
_HEAD = re.compile(
    rb"HTTP/1\.1 ([1-5][0-9][0-9]) ([\t -~\x80-\xff]*)\r\n"
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [\t -~\x80-\xff]*\r\n)*)\r\n"
)


class Answer(NamedTuple):
    """An HTTP answer that is well-formed."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for field, value in self.fields if field.lower() == name]


def parse_answer(sent: bytes) -> Answer:
    """Take a whole answer apart."""
    match = _HEAD.match(sent)
    assert match is not None, f"no HTTP answer: {sent[:100]!r}"
    lines = match.group(3).decode("latin-1").split("\r\n")[:-1]
    fields = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    return Answer(int(match.group(1)), fields, sent[match.end() :])


def check_text(text: str) -> None:
    """Check what is said about a peer's fault: one short line, whatever the peer sent."""
    assert text.isprintable(), f"not printable: {text!r}"
    assert 0 < len(text) <= MAX_TEXT, f"{len(text)} characters: {text!r}"


def check_refused(answer: Answer, is_head: bool) -> None:
    """Check an answer that ends the connection."""
    assert answer.status >= 200
    # RFC 9112 §9.6
    assert "close" in answer.all("connection")[0]
    assert answer.all("content-length") != []
    length = int(answer.all("content-length")[0])
    # RFC 9110 §9.3.2
    assert len(answer.body) == (0 if is_head else length)
    assert 0 < length <= MAX_TEXT
    # RFC 9110 §15.5.2, §15.5.6, §15.5.22
    needed = {401: "www-authenticate", 405: "allow", 426: "upgrade"}.get(answer.status)
    assert needed is None or answer.all(needed)


def same(whole: object, pieces: object, cuts: Sequence[bytes]) -> None:
    """Check that what came of the pieces is what came of the whole."""
    if whole != pieces:
        shown = [len(piece) for piece in cuts[:20]]
        raise AssertionError(f"cut into {shown}:\n  {pieces!r}\nwhole:\n  {whole!r}")
