"""Takes the published documents that routing goes by over into the boards."""

from callstream.contracts.config import Agent, Customer, CustomerType, Settings, SkillGroup
from callstream.runtime.config_watch import Configuration
from callstream_routing.domain import policy
from callstream_routing.domain.hall import Hall


class Configure:
    """Enter `changed` into the configuration's listeners, and call `load_once` before the first event."""

    def __init__(self, hall: Hall, configuration: Configuration) -> None:
        self._hall, self._configuration = hall, configuration
        self._loaded = False

    def load_once(self) -> None:
        """Take over what was published before anybody listened."""
        if self._loaded:
            return
        self._loaded = True
        published = self._configuration
        for tenant in published.tenants():
            self.changed(tenant, Settings.KIND, "main")
            for document in (
                *published.customer_types(tenant),
                *published.customers(tenant),
                *published.groups(tenant),
                *published.agents(tenant),
            ):
                self.changed(tenant, document.KIND, document.key_id)

    def changed(self, tenant: str, kind: str, key_id: str) -> None:
        """A document is new, changed or gone."""
        published, board = self._configuration, self._hall.touch(tenant)
        match kind:
            case Settings.KIND:
                policy.configure_settings(board, published.settings(tenant))
            case SkillGroup.KIND:
                policy.configure_group(board, key_id, published.group(tenant, key_id))
            case Agent.KIND:
                policy.configure_agent(board, key_id, published.agent(tenant, key_id))
            case CustomerType.KIND:
                policy.configure_type(board, key_id, published.customer_type(tenant, key_id))
            case Customer.KIND:
                policy.configure_customer(board, key_id, published.customer(tenant, key_id))
