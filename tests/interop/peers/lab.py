"""What all peers of a test run share."""

from __future__ import annotations

from functools import cached_property

from tests.conftest import Certificates

from .node import Node


class Lab:
    """Certificates, and a Node process that starts once somebody needs it."""

    def __init__(self, certificates: Certificates) -> None:
        self.certificates = certificates

    @cached_property
    def node(self) -> Node:
        """A Node process with npm's ws."""
        return Node()

    def close(self) -> None:
        """End what was started."""
        if "node" in vars(self):
            self.node.close()
