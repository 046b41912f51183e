"""Frames by hand: build them, pack them into bytes, read them back.

A frame is the smallest unit of a WebSocket connection (RFC 6455 §5.2). No
connection is needed to look at one. Run it with::

    python examples/frames_by_hand.py
"""

from wspy.protocol.frame import ControlFrame, Frame, close_frame, contains_frame, pop_frame
from wspy.protocol.opcodes import OPCODE_PING, OPCODE_TEXT


def main() -> None:
    # the text "Hello" in a single frame: two bytes of header, five of payload
    hello = Frame(OPCODE_TEXT, "Hello")
    print(hello)
    print("  from a server:", hello.pack().hex(" "))

    # what a client sends is masked: four bytes of key, and the payload XORed with it;
    # a key of one's own is for looking only, for a real one must be random
    masked = Frame(OPCODE_TEXT, "Hello", masking_key=bytes.fromhex("37fa213d"))
    print("  from a client:", masked.pack().hex(" "))

    # a message may travel in fragments: only the first has the opcode, only the last is final
    print("in fragments of two bytes:")
    for fragment in hello.fragment(2):
        print(" ", fragment)

    # control frames come between them: pings, pongs, and the close frame with code and reason
    frames = [ControlFrame(OPCODE_PING, "still there?"), close_frame(1000, "done")]

    # bytes come from the network in pieces that know nothing of frames
    received = masked.pack() + b"".join(frame.pack() for frame in frames)
    received, missing = received[:-3], received[-3:]
    print(f"read back from {len(received)} bytes:")
    while contains_frame(received):
        frame, received = pop_frame(received)
        print(" ", frame)

    print(f"  {len(received)} bytes are left: not a whole frame, until more arrives")
    frame, received = pop_frame(received + missing)
    assert isinstance(frame, ControlFrame)
    code, reason = frame.unpack_close()
    print(f"  closed with {code}: {reason}")


if __name__ == "__main__":
    main()
