"""wspy: a standalone, layered WebSocket library."""
