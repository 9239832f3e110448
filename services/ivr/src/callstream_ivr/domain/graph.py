"""A flow ready to be walked, and what a session must be able to look up."""

from typing import Protocol

from callstream.contracts.config import Settings
from callstream.contracts.flow import AnyNode, Flow, InvalidFlow, Start, check
from callstream.contracts.lines import Number


class Graph:
    """A checked flow: each exit leads to a node, each cycle holds a menu. Raises InvalidFlow for any other."""

    def __init__(self, flow: Flow) -> None:
        if problems := check(flow):
            raise InvalidFlow(problems)
        self.flow_id, self.version = flow.id, flow.version
        self.nodes: dict[str, AnyNode] = {node.id: node for node in flow.nodes}
        self.first = next(node.next for node in flow.nodes if isinstance(node, Start))


class Catalogue(Protocol):
    """What is published, held in memory: no call waits for a look-up."""

    def bound_to(self, tenant: str, called: str) -> Number | None:
        """The document of a called number, or None (F115)."""
        ...

    def settings(self, tenant: str) -> Settings:
        """The tenant's settings."""
        ...

    def graph(self, tenant: str, flow_id: str, version: int) -> Graph | None:
        """One version of a flow, which later publications never change (F116); None when it is unknown or invalid."""
        ...
