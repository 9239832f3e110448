"""Takes the published groups and agents over into the boards."""

from callstream.contracts.config import Agent, SkillGroup
from callstream.runtime.config_watch import Configuration
from callstream_routing.domain.hall import Hall


class Configure:
    """Enter `changed` into the configuration's listeners, and call `load_once` before the first decision."""

    def __init__(self, hall: Hall, configuration: Configuration) -> None:
        self._hall, self._configuration = hall, configuration
        self._loaded = False

    def load_once(self) -> None:
        """Take over what was published before anybody listened."""
        if self._loaded:
            return
        self._loaded = True
        for tenant in self._configuration.tenants():
            for group in self._configuration.groups(tenant):
                self.changed(tenant, SkillGroup.KIND, group.id)
            for agent in self._configuration.agents(tenant):
                self.changed(tenant, Agent.KIND, agent.id)

    def changed(self, tenant: str, kind: str, key_id: str) -> None:
        """A document is new, changed or gone."""
        if kind == SkillGroup.KIND:
            self._hall.touch(tenant).configure_group(key_id, self._configuration.group(tenant, key_id))
        elif kind == Agent.KIND:
            self._hall.touch(tenant).configure_agent(key_id, self._configuration.agent(tenant, key_id))
