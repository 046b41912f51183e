"""Two ends of a WebSocket without a network: bytes in, events out.

A ``Session`` is the protocol of one end (RFC 6455). It opens no socket and
starts no thread: whoever has bytes gives them to it, and takes away what it
wants to send. So it works over anything that carries bytes, here over two
variables. Run it with::

    python examples/sans_io_pair.py
"""

from wspy.protocol.events import Failure
from wspy.protocol.message import Message
from wspy.protocol.role import Role
from wspy.protocol.session import Session, State


def serve(server: Session) -> None:
    """Answer all that the server has received."""
    for event in server.events():
        print("  server:", event)
        # pings and close frames are answered already; messages are ours to answer
        if isinstance(event, Message):
            server.send(f"you said {event}")


def listen(client: Session) -> None:
    """Print all that the client has received."""
    for event in client.events():
        print("  client:", event)


def exchange(client: Session, server: Session) -> None:
    """Be the network: carry what each side wants to send to the other."""
    server.receive_data(client.data_to_send())
    serve(server)
    client.receive_data(server.data_to_send())
    listen(client)


def main() -> None:
    # both are past the opening handshake, which is a layer of its own
    client, server = Session(Role.CLIENT), Session(Role.SERVER)

    print("a message, and one in fragments:")
    client.send("hello")
    client.send_text("in ", final=False)
    client.send_text("pieces")
    exchange(client, server)

    print("a ping, which the session answers by itself:")
    client.send_ping(b"42")
    exchange(client, server)

    print("the closing handshake:")
    client.send_close(1000, "that was all")
    exchange(client, server)
    assert client.state is server.state is State.CLOSED

    print("a peer that breaks a rule gets a close frame that names it:")
    client, server = Session(Role.CLIENT), Session(Role.SERVER)
    server.receive_data(b"\x81\x05Hello")
    for event in server.events():
        assert isinstance(event, Failure)
        print("  server:", event.error)
    client.receive_data(server.data_to_send())
    listen(client)


if __name__ == "__main__":
    main()
