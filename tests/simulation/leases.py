"""Who of a service's instances is the active one: callstream.runtime.lease as it looks from outside, in virtual time.

The times are the lease's own: a holder counts itself out VALID_S after its last renewal, another takes over when it has seen none
for TAKE_OVER_S. In between nobody is active. A frozen holder does not know that until it wakes, and not even then when its
machine was suspended, for then its clock stood still too: it takes itself for the active one until its next renewal fails.
"""

import asyncio
from collections.abc import Callable
from random import Random

from callstream.runtime.lease import LOOK_S, RENEW_S, REQUEST_S, TAKE_OVER_S, VALID_S

from .virtual_loop import within

SUSPENDED = 0.5
"""How often a pause was one of the whole machine."""


class ShareLease:
    """The lease of one share of a service, meant for the instance `home`."""

    def __init__(self, random: Random, home: str) -> None:
        self.holder = ""
        self.changed: Callable[[], None] = lambda: None
        self._random, self._home = random, home
        self._valid_until: dict[str, float] = {}
        self._wake: dict[str, Callable[[], None]] = {}
        self._deaf: set[str] = set()
        """Frozen, or cut off from the bucket: does not renew and does not seek."""

    def held(self, instance: str) -> bool:
        """What the instance itself believes."""
        return self._valid_until.get(instance, 0.0) > asyncio.get_running_loop().time()

    def join(self, instance: str, wake: Callable[[], None]) -> None:
        """An instance seeks the lease. One that comes back under its name takes its own back at once."""
        self._wake[instance] = wake
        self._deaf.discard(instance)
        if self.holder == instance or (not self.holder and instance == self._home):
            self._give(instance)

    def leave(self, instance: str) -> None:
        """Killed."""
        self._wake.pop(instance, None)
        self._silence(instance, 0.0)

    def deafen(self, instance: str) -> None:
        """The instance no longer reaches the bucket."""
        self._deaf.add(instance)
        self._silence(instance, VALID_S - RENEW_S * self._random.random())

    def hear(self, instance: str) -> None:
        """It reaches it again: what it still holds it renews, what another has taken is lost."""
        self._deaf.discard(instance)
        if instance not in self._wake:
            return
        if self.holder == instance:
            self._give(instance)
        elif self._random.random() < SUSPENDED:
            self._valid_until[instance] = asyncio.get_running_loop().time() + RENEW_S * self._random.random() + REQUEST_S
            within(instance, self._wake[instance])

    def _silence(self, instance: str, valid_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._valid_until[instance] = min(self._valid_until.get(instance, 0.0), loop.time() + valid_s)
        self.changed()
        if self.holder == instance:
            after = TAKE_OVER_S - RENEW_S * self._random.random() + LOOK_S * self._random.random()
            within("", lambda: loop.call_later(max(after, valid_s), self._take_over, instance))

    def _take_over(self, silent: str) -> None:
        """Somebody else takes the lease, if the holder has stayed silent and there is anybody."""
        if self.holder != silent or self.held(silent):
            return
        others = [name for name in self._wake if name not in self._deaf and name != silent]
        if others:
            self._give(self._random.choice(others))
        else:
            asyncio.get_running_loop().call_later(LOOK_S, self._take_over, silent)

    def _give(self, instance: str) -> None:
        self.holder = instance
        self._valid_until[instance] = float("inf")
        within(instance, self._wake[instance])
        self.changed()
