"""wspy: a standalone, layered WebSocket library (RFC 6455).

Bytes, frames, messages, connections, servers: each layer is usable alone.
"""

from __future__ import annotations

from . import engine
from .drivers.blocking import websocket
from .drivers.connect import connect
from .drivers.connection import Connection
from .drivers.epoll import AsyncServer
from .drivers.nonblocking import AsyncConnection
from .drivers.threaded import Server
from .errors import (
    BufferFull,
    CloseStatus,
    HandshakeError,
    InvalidState,
    PayloadTooBig,
    PingError,
    ProtocolError,
    SocketClosed,
    SSLError,
    WebSocketError,
)
from .extensions.base import Extension
from .extensions.deflate_frame import DeflateFrame
from .extensions.deflate_message import DeflateMessage
from .handshake.auth import BasicAuth, DigestAuth
from .handshake.client import ClientHandshake, ClientOptions
from .handshake.http import Headers, Request, Response
from .handshake.server import ServerHandshake, ServerOptions
from .handshake.uri import URI, parse_uri
from .protocol.close import (
    CLOSE_ABNORMAL,
    CLOSE_BAD_GATEWAY,
    CLOSE_GOING_AWAY,
    CLOSE_INVALID_DATA,
    CLOSE_MESSAGE_TOOBIG,
    CLOSE_MISSING_EXTENSIONS,
    CLOSE_NO_STATUS,
    CLOSE_NOACCEPT_DTYPE,
    CLOSE_NORMAL,
    CLOSE_POLICY,
    CLOSE_PROTOCOL_ERROR,
    CLOSE_SERVICE_RESTART,
    CLOSE_TLS_HANDSHAKE,
    CLOSE_TRY_AGAIN_LATER,
    CLOSE_UNABLE,
)
from .protocol.events import Close, Failure, Ping, Pong, Progress
from .protocol.frame import ControlFrame, Frame, close_frame, contains_frame, pop_frame, read_frame
from .protocol.limits import Limits
from .protocol.message import BinaryMessage, Message, TextMessage
from .protocol.opcodes import (
    OPCODE_BINARY,
    OPCODE_CLOSE,
    OPCODE_CONTINUATION,
    OPCODE_PING,
    OPCODE_PONG,
    OPCODE_TEXT,
)
from .protocol.role import Role
from .protocol.session import Session
from .protocol.state import State

__version__ = "1.0.0a1"

__all__ = [
    "CLOSE_ABNORMAL",
    "CLOSE_BAD_GATEWAY",
    "CLOSE_GOING_AWAY",
    "CLOSE_INVALID_DATA",
    "CLOSE_MESSAGE_TOOBIG",
    "CLOSE_MISSING_EXTENSIONS",
    "CLOSE_NOACCEPT_DTYPE",
    "CLOSE_NORMAL",
    "CLOSE_NO_STATUS",
    "CLOSE_POLICY",
    "CLOSE_PROTOCOL_ERROR",
    "CLOSE_SERVICE_RESTART",
    "CLOSE_TLS_HANDSHAKE",
    "CLOSE_TRY_AGAIN_LATER",
    "CLOSE_UNABLE",
    "OPCODE_BINARY",
    "OPCODE_CLOSE",
    "OPCODE_CONTINUATION",
    "OPCODE_PING",
    "OPCODE_PONG",
    "OPCODE_TEXT",
    "URI",
    "AsyncConnection",
    "AsyncServer",
    "BasicAuth",
    "BinaryMessage",
    "BufferFull",
    "ClientHandshake",
    "ClientOptions",
    "Close",
    "CloseStatus",
    "Connection",
    "ControlFrame",
    "DeflateFrame",
    "DeflateMessage",
    "DigestAuth",
    "Extension",
    "Failure",
    "Frame",
    "HandshakeError",
    "Headers",
    "InvalidState",
    "Limits",
    "Message",
    "PayloadTooBig",
    "Ping",
    "PingError",
    "Pong",
    "Progress",
    "ProtocolError",
    "Request",
    "Response",
    "Role",
    "SSLError",
    "Server",
    "ServerHandshake",
    "ServerOptions",
    "Session",
    "SocketClosed",
    "State",
    "TextMessage",
    "WebSocketError",
    "close_frame",
    "connect",
    "contains_frame",
    "engine",
    "parse_uri",
    "pop_frame",
    "read_frame",
    "websocket",
]
