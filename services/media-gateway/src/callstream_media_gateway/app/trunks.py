"""The trunks that calls leave through: their health, their places, and the ways to an outside number (F175)."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from urllib.parse import quote

import structlog
from msgspec import structs

from callstream.contracts.lines import Number, Trunk
from callstream.contracts.outbound import Outgoing
from callstream.runtime.config_watch import Configuration
from callstream.runtime.config_watch import Credentials as StoredCredentials
from callstream.runtime.tasks import end
from callstream_media_gateway import metrics
from callstream_media_gateway.adapters.trunk_address import hop_of, uri_at
from callstream_media_gateway.adapters.trunk_leg import Place, Way
from callstream_media_gateway.app.watch_trunk import WatchTrunk, credentials_of
from callstream_media_gateway.domain.number_format import written
from callstream_media_gateway.domain.trunk_choice import Exit, TrunkState, Unusable, carries, in_order
from callstream_media_gateway.sip.digest import Credentials
from callstream_media_gateway.sip.uri import NameAddr
from callstream_media_gateway.sip.user_agent import UserAgent

log = structlog.get_logger(__name__)

USABLE = "usable"


class Trunks:
    """A TrunkBook (adapters/trunk_leg.py). What it knows dies with the process: a new one begins with no calls counted, holds
    all trunks to live, and registers again.
    """

    def __init__(
        self,
        configuration: Configuration,
        credentials: StoredCredentials,
        user_agent: UserAgent,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._configuration, self._credentials, self._user_agent = configuration, credentials, user_agent
        self._clock, self._chance = clock, chance
        self._states: dict[tuple[str, str], TrunkState] = {}
        self._at_once: Counter[tuple[str, str]] = Counter()
        self._started = False
        self._leaving: set[asyncio.Task[None]] = set()
        self._watches: dict[tuple[str, str], WatchTrunk] = {}
        configuration.on_change.append(self._changed)
        credentials.on_change.append(self._credential_changed)
        for name in (USABLE, *Unusable):
            metrics.trunks.labels(name).set_function(lambda name=name: self._count(name))  # type: ignore[misc]

    def start(self) -> None:
        """Register, and ask every outgoing trunk whether it lives, from now on. The user agent has been started."""
        self._started = True
        for tenant, trunk in self._configuration.trunks():
            self._watch(tenant, trunk)

    async def stop(self) -> None:
        """Unregister, and ask no more."""
        self._started = False
        watches, self._watches = list(self._watches.values()), {}
        await end(*(task for watch in watches for task in watch.tasks))
        await asyncio.gather(*(watch.leave() for watch in watches), *self._leaving)

    def state(self, tenant: str, trunk_id: str) -> TrunkState:
        """What is known of a trunk."""
        return self._states.setdefault((tenant, trunk_id), TrunkState())

    def why_not(self, tenant: str, trunk: Trunk) -> Unusable | None:
        """What keeps calls from leaving through a trunk now; None too for one that takes none at all."""
        return self.state(tenant, trunk.id).unusable(trunk.outgoing, self._clock()) if trunk.outgoing is not None else None

    def exits(self, tenant: str, number: Number) -> list[Exit]:
        """The tenant's trunks that calls showing `number` may leave through, whether they can take one now or not."""
        return [(trunk, outgoing) for trunk, outgoing in self._outgoing(tenant) if carries(trunk, outgoing, number)]

    def showable(self, tenant: str) -> list[Number]:
        """The tenant's numbers that calls can leave with."""
        outgoing = self._outgoing(tenant)
        return [number for number in self._configuration.numbers(tenant) if any(carries(*pair, number) for pair in outgoing)]

    def ways(self, tenant: str, number: Number, callee: str, agent_id: str = "") -> list[Way]:
        """How to reach `callee` (E.164, or a short number) showing `number`: the trunks in the order to be tried."""
        exits = in_order(self.exits(tenant, number), self._chance)
        ways = [self._way(tenant, trunk, outgoing, number.number, callee) for trunk, outgoing in exits]
        return [structs.replace(way, agent_id=agent_id) for way in ways]

    def credentials_at(self, place: Place) -> Credentials | None:
        """What answers challenges of the trunk that a call of a former process goes through."""
        trunk = self._configuration.trunk(place.tenant, place.trunk)
        return credentials_of(trunk, self._credentials.of_trunk(place.tenant, place.trunk)) if trunk is not None else None

    def at_once(self, tenant: str, agent_id: str = "") -> int:
        """Legs through trunks that go on now: those that an agent has dialled, or all of the tenant."""
        return self._at_once[tenant, agent_id]

    # what legs tell

    def take(self, way: Way) -> bool:
        """Take one of the trunk's places; False when it cannot take a call now."""
        state, now = self.state(way.tenant, way.trunk), self._clock()
        why = state.unusable(way.outgoing, now)
        if why is not None:
            metrics.trunk_attempts.labels(why).inc()
            return False
        state.started.note(now)
        self.occupy(Place(way.tenant, way.trunk, way.agent_id), +1)
        return True

    def give_back(self, way: Way) -> None:
        """The call that took it is over."""
        self.occupy(Place(way.tenant, way.trunk, way.agent_id), -1)

    def occupy(self, place: Place, change: int) -> None:
        """Count a place that is taken (+1) or given back (-1), also by a call of a former process."""
        self.state(place.tenant, place.trunk).calls += change
        for whose in {place.agent_id, ""}:
            self._at_once[place.tenant, whose] += change
            if not self._at_once[place.tenant, whose]:
                del self._at_once[place.tenant, whose]

    def failed(self, way: Way, message: str) -> None:
        """The trunk said nothing at all."""
        if self.state(way.tenant, way.trunk).failed(way.outgoing, message):
            log.error("trunk down", tenant=way.tenant, trunk=way.trunk, error=message)

    def answered(self, way: Way) -> None:
        """The trunk lives."""
        if self.state(way.tenant, way.trunk).alive():
            log.info("trunk up", tenant=way.tenant, trunk=way.trunk)

    # inside

    def _outgoing(self, tenant: str) -> list[Exit]:
        return [(trunk, trunk.outgoing) for trunk in self._configuration.trunks_of(tenant) if trunk.outgoing is not None]

    def _way(self, tenant: str, trunk: Trunk, outgoing: Outgoing, caller: str, callee: str) -> Way:
        called_user = quote(written(callee, outgoing.called, trunk.country), safe="+*")
        caller_user = quote(written(caller, outgoing.caller, trunk.country), safe="+*")
        return Way(
            tenant=tenant,
            trunk=trunk.id,
            outgoing=outgoing,
            target=uri_at(outgoing, called_user),
            caller=NameAddr("", uri_at(outgoing, caller_user)._replace(port=None)),
            hop=hop_of(outgoing),
            credentials=credentials_of(trunk, self._credentials.of_trunk(tenant, trunk.id)),
        )

    def _watch(self, tenant: str, trunk: Trunk) -> None:
        if trunk.outgoing is None or not self._started:
            return
        state = self.state(tenant, trunk.id)
        watch = WatchTrunk(tenant, trunk, trunk.outgoing, state, self._user_agent, self._credentials, self._chance)
        self._watches[tenant, trunk.id] = watch
        watch.start()

    def _changed(self, tenant: str, kind: str, trunk_id: str) -> None:
        """Begin anew with what it is now. The calls through it stay counted."""
        if kind != Trunk.KIND:
            return
        watch = self._watches.pop((tenant, trunk_id), None)
        trunk = self._configuration.trunk(tenant, trunk_id)
        if watch is not None:
            for task in watch.tasks:
                task.cancel()
            if not watch.is_account_of(trunk):
                leaving = asyncio.create_task(watch.leave())
                self._leaving.add(leaving)
                leaving.add_done_callback(self._leaving.discard)
        state = self.state(tenant, trunk_id)
        state.alive()
        state.registered = None
        if trunk is not None:
            self._watch(tenant, trunk)

    def _credential_changed(self, tenant: str, kind: str, key_id: str) -> None:
        if kind == "trunk-credential":
            self._changed(tenant, Trunk.KIND, key_id)

    def _count(self, name: str) -> float:
        return sum((self.why_not(tenant, watch.trunk) or USABLE) == name for (tenant, _), watch in self._watches.items())
