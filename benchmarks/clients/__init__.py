"""Clients to compare: round trips on one connection, each client a process of its own."""
