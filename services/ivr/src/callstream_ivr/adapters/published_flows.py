"""The catalogue over the watched configuration. A version that fails the check is logged and counts as unknown."""

import structlog

from callstream.contracts.config import Settings
from callstream.contracts.flow import Flow, InvalidFlow
from callstream.contracts.lines import Number
from callstream.runtime.config_watch import Configuration
from callstream_ivr.domain.graph import Graph

log = structlog.get_logger(__name__)


class PublishedFlows:
    """domain.graph.Catalogue. Each version is checked once, when the first call asks for it."""

    def __init__(self, config: Configuration) -> None:
        self._config = config
        self._graphs: dict[tuple[str, str, int], tuple[Flow, Graph | None]] = {}

    def bound_to(self, tenant: str, called: str) -> Number | None:
        """The document of a called number, or None."""
        found = self._config.number(called, tenant)
        return found[1] if found is not None else None

    def settings(self, tenant: str) -> Settings:
        """The tenant's settings."""
        return self._config.settings(tenant)

    def graph(self, tenant: str, flow_id: str, version: int) -> Graph | None:
        """One version of a flow, or None when it is unknown or invalid."""
        flow = self._config.flow(tenant, flow_id, version)
        if flow is None:
            return None
        kept = self._graphs.get((tenant, flow_id, version))
        if kept is not None and kept[0] is flow:
            return kept[1]
        graph: Graph | None = None
        try:
            graph = Graph(flow)
        except InvalidFlow as error:
            log.error("flow cannot be run", tenant=tenant, flow=flow_id, version=version, error=str(error))
        self._graphs[tenant, flow_id, version] = (flow, graph)
        return graph
