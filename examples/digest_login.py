"""Logging in by Digest authentication (RFC 7616), on both sides: the password does not travel.

Digest protects the password and not the messages; use TLS for those. Run it with:
python examples/digest_login.py
"""

from __future__ import annotations

from typing import Any

import wspy

PASSWORDS = {"ann": "correct horse", "bob": "battery staple"}


class GreetingServer(wspy.Server):
    """Greets each user by name."""

    def onopen(self, client: Any) -> None:
        client.send(f"Hello, {client.request.user}!")


def main() -> None:
    """Log in once with the right password, and once with a wrong one."""
    server = GreetingServer(("127.0.0.1", 0), auth=wspy.DigestAuth("greetings", PASSWORDS))
    with server.running() as (host, port):
        url = f"ws://{host}:{port}/"
        with wspy.connect(url, auth=("ann", PASSWORDS["ann"])) as connection:
            print(connection.recv())
        try:
            wspy.connect(url, auth=("bob", "a guess"))
        except wspy.HandshakeError as error:
            print(error)


if __name__ == "__main__":
    main()
