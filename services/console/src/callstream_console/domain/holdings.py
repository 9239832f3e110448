"""What a tenant has now: the stored documents, decoded, as `plan` and `deletion` look at them."""

import msgspec

from callstream.contracts.config import (
    Agent,
    AudioFile,
    BlockedCaller,
    CollectTemplate,
    Customer,
    CustomerType,
    Document,
    Settings,
    SkillGroup,
    Workplace,
)
from callstream.contracts.flow import Flow
from callstream.contracts.lines import Number, Trunk

DOCUMENT_TYPES: dict[str, type[Document]] = {
    cls.KIND: cls
    for cls in (
        *(Agent, AudioFile, BlockedCaller, CollectTemplate, Customer, CustomerType),
        *(Flow, Number, Settings, SkillGroup, Trunk, Workplace),
    )
}
"""The kinds that can be read through the API. Credentials are not among them."""


class Holdings(msgspec.Struct, kw_only=True):
    """Documents by (kind, key id)."""

    documents: dict[tuple[str, str], Document] = {}

    def of(self, kind: type[Document]) -> list[Document]:
        """All documents of a kind."""
        return [document for (name, _), document in self.documents.items() if name == kind.KIND]

    def newest_flow(self, flow_id: str) -> Flow | None:
        """The newest version of a flow, or None."""
        versions = [d for d in self.of(Flow) if isinstance(d, Flow) and d.id == flow_id]
        return max(versions, key=lambda flow: flow.version, default=None)

    def newest_flows(self) -> list[Flow]:
        """The newest version of each flow."""
        newest: dict[str, Flow] = {}
        for flow in self.of(Flow):
            if isinstance(flow, Flow) and (flow.id not in newest or newest[flow.id].version < flow.version):
                newest[flow.id] = flow
        return list(newest.values())
