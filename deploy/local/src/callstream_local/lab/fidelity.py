"""How far the model can be trusted: the recorded day, run again under the recorded policy, against what was recorded."""

from statistics import fmean, median

import msgspec

from callstream.kernel.outcomes import RequestOutcome
from callstream_local.lab.policy import Policy
from callstream_local.lab.replay import Material, as_it_was, recorded_waits
from callstream_local.lab.simulate import simulate


class Fidelity(msgspec.Struct, frozen=True, kw_only=True):
    """Answered contacts that both have, in seconds."""

    contacts: int
    recorded_wait_s: float
    """Mean."""
    replayed_wait_s: float
    error_s: float
    """Median of the single contacts' distances."""

    @property
    def sentence(self) -> str:
        """For a person."""
        return (
            f"run again as it was: average wait {self.replayed_wait_s:.1f} s, recorded {self.recorded_wait_s:.1f} s; "
            f"half of {self.contacts} waits within {self.error_s:.2f} s"
        )


def fidelity(given: Material, policy: Policy, seed: int) -> Fidelity:
    """Deterministic by seed: the patience beyond recorded waits is drawn."""
    recorded = recorded_waits(given)
    replayed = {
        fate.contact.asked.request_id: fate.waited_s
        for fate in simulate(as_it_was(given, seed), policy).fates
        if fate.outcome is RequestOutcome.ANSWERED
    }
    both = sorted(recorded.keys() & replayed.keys())
    if not both:
        return Fidelity(contacts=0, recorded_wait_s=0.0, replayed_wait_s=0.0, error_s=0.0)
    return Fidelity(
        contacts=len(both),
        recorded_wait_s=fmean(recorded[name] for name in both),
        replayed_wait_s=fmean(replayed[name] for name in both),
        error_s=median(abs(recorded[name] - replayed[name]) for name in both),
    )
