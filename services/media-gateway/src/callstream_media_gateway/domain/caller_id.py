"""Which of the company's numbers an outside party sees (F143-F147, F020). Pure: randomness is an argument.

It is chosen here and not in routing: a dial must not wait for another service, and all it looks at is configuration.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum

from msgspec import Struct

from callstream.contracts.lines import Number
from callstream.contracts.outbound import CallerIdPolicy
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain.dial_guard import Dialler
from callstream_media_gateway.domain.regions import Home

Chance = Callable[[int], int]
"""A number of 0 <= x < n."""
HomeOf = Callable[[str], Home | None]


class ChosenBy(StrEnum):
    """What decided."""

    HAND = "hand"
    CITY = "city"
    PROVINCE = "province"
    GROUP = "group"
    TRANSFER_OUT = "transfer-out"
    MOBILE_LEG = "mobile-leg"
    RANDOM = "random"


MARKS: dict[ChosenBy, Callable[[Number], bool]] = {
    ChosenBy.MOBILE_LEG: lambda number: number.prefer_for_mobile_leg,
    ChosenBy.TRANSFER_OUT: lambda number: number.transfer_out,
}


class Choice(Struct, frozen=True):
    """The number, and why: `fitting` are those that it was drawn from, `allowed` all that could have been shown."""

    number: Number
    by: ChosenBy
    fitting: tuple[str, ...]
    allowed: tuple[str, ...]


def may_show(number: Number, dialler: Dialler) -> bool:
    """Whether the agent is authorised for the number (F146)."""
    return (
        number.all_agents
        or dialler.agent_id in number.allowed_agents
        or any(group in number.allowed_groups for group in dialler.groups)
    )


def choose_caller_id(
    dialler: Dialler,
    callee: Home | None,
    numbers: Sequence[Number],
    policy: CallerIdPolicy,
    wish: str,
    home_of: HomeOf,
    chance: Chance,
) -> Choice:
    """For an agent's dial. `numbers`: the tenant's that calls can leave with; `wish`: chosen by hand, or empty.

    Raises Refusal(forbidden, field `caller_id`) for a wish that is not allowed, when nothing is allowed, and when the policy
    wants a choice by hand among several.
    """
    allowed = [number for number in numbers if may_show(number, dialler)]
    if wish:
        chosen = next((number for number in allowed if number.number == wish), None)
        if chosen is None:
            raise Refusal(Reason.FORBIDDEN, f"the agent may not show {wish}", "caller_id")
        return _of([chosen], ChosenBy.HAND, allowed, chance)
    if not allowed:
        raise Refusal(Reason.FORBIDDEN, "the agent may show no number", "caller_id")
    if policy is CallerIdPolicy.BY_HAND and len(allowed) > 1:
        raise Refusal(Reason.INVALID, "one of several numbers has to be chosen", "caller_id")
    if policy is CallerIdPolicy.GROUP:
        linked = [number for number in allowed if any(group in number.outbound_groups for group in dialler.groups)]
        if linked:
            return _of(linked, ChosenBy.GROUP, allowed, chance)
    if policy is CallerIdPolicy.REGION and callee is not None and callee.province:
        for by, is_near in ((ChosenBy.CITY, _same_city), (ChosenBy.PROVINCE, _same_province)):
            near = [number for number in allowed if is_near(_home(number, home_of), callee)]
            if near:
                return _of(near, by, allowed, chance)
    return _of(allowed, ChosenBy.RANDOM, allowed, chance)


def choose_marked(numbers: Sequence[Number], mark: ChosenBy, chance: Chance) -> Choice | None:
    """A number marked for ringing mobiles (F147) or for transfers out (F020); None when there is none."""
    marked = [number for number in numbers if MARKS[mark](number)]
    return _of(marked, mark, numbers, chance) if marked else None


def choose_of_group(dialler: Dialler, group_id: str, numbers: Sequence[Number], chance: Chance) -> Choice:
    """For a callback of a group: of its numbers (F145), else of those that the agent may show, else any: the group has promised
    the call, and whoever answers it for the group did not ask to dial."""
    linked = [number for number in numbers if group_id in number.outbound_groups]
    if linked:
        return _of(linked, ChosenBy.GROUP, linked, chance)
    return choose_any([number for number in numbers if may_show(number, dialler)] or numbers, chance)


def choose_any(numbers: Sequence[Number], chance: Chance) -> Choice:
    """Any of at least one, at random."""
    return _of(numbers, ChosenBy.RANDOM, numbers, chance)


def _of(fitting: Sequence[Number], by: ChosenBy, allowed: Sequence[Number], chance: Chance) -> Choice:
    drawn = fitting[chance(len(fitting))]
    return Choice(drawn, by, tuple(n.number for n in fitting), tuple(n.number for n in allowed))


def _home(number: Number, home_of: HomeOf) -> Home | None:
    if number.region is None:
        return home_of(number.number)
    return Home("CN", number.region.province, (number.region.city,) if number.region.city else ())


def _same_province(one: Home | None, other: Home) -> bool:
    return one is not None and one.province.casefold() == other.province.casefold()


def _same_city(one: Home | None, other: Home) -> bool:
    if one is None or not _same_province(one, other):
        return False
    theirs = {city.casefold() for city in other.cities}
    return any(city.casefold() in theirs for city in one.cities)
