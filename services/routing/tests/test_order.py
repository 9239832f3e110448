"""Which request is served when an agent becomes free (docs/routing.md): type, priority, wait; group level, service level."""

import pytest
from msgspec.structs import replace

from callstream.contracts.config import Customer, CustomerType, ServiceLevel
from callstream.contracts.queue_events import ContactQueued, OfferMade

from .story import Story

VIP, GOLD, PLAIN = "+8613900000001", "+8613900000002", "+8613900000003"
TYPES = (
    CustomerType(id="vip", name="VIP", level=9),
    CustomerType(id="gold", name="Gold", level=3),
    Customer(number=VIP, type="vip"),
    Customer(number=GOLD, type="gold"),
)


def served(story: Story, agent_id: str = "1001") -> list[str]:
    """Everybody who waits, in the order in which one agent takes them."""
    order = []
    while story.board.requests:
        story.idle(agent_id)
        name = story.offers()[-1].split("→")[0]
        order.append(name)
        story.answered(name)
    return order


ORDERS = [
    ("wait alone", [("a", PLAIN, 0), ("b", PLAIN, 0), ("c", PLAIN, 0)], "a b c"),
    ("priority before wait", [("a", PLAIN, 0), ("b", PLAIN, 3), ("c", PLAIN, 9)], "c b a"),
    ("level before priority", [("a", PLAIN, 9), ("b", GOLD, 0), ("c", VIP, 0)], "c b a"),
    ("within a level the priority, then the wait", [("a", VIP, 0), ("b", VIP, 1), ("c", VIP, 0)], "b a c"),
    ("a withheld number is of the lowest level", [("a", "", 9), ("b", GOLD, 0)], "b a"),
    ("acceptance 8: VIP first though default waited longer", [("a", PLAIN, 0), ("v1", VIP, 0), ("v2", VIP, 0)], "v1 v2 a"),
]


@pytest.mark.feature("F124", "F125", "F126")
@pytest.mark.parametrize(("_rule", "callers", "order"), ORDERS, ids=[row[0] for row in ORDERS])
def test_the_order_within_a_group(_rule: str, callers: list[tuple[str, str, int]], order: str) -> None:
    story = Story(sales=["1001"])
    story.set(*TYPES)
    for name, caller, priority in callers:
        story.request(name, caller=caller, priority=priority)
        story.later(1)
    assert served(story) == order.split()


AGEINGS = [
    # name: (caller, priority, arrives at); ageing; order
    ("off: never", {"low": (PLAIN, 0, 0), "high": (PLAIN, 1, 3600)}, 0, "high low"),
    ("a step is made up for by its seconds", {"low": (PLAIN, 0, 0), "high": (PLAIN, 1, 61)}, 60, "low high"),
    ("and not sooner", {"low": (PLAIN, 0, 0), "high": (PLAIN, 1, 59)}, 60, "high low"),
    ("nine steps", {"low": (PLAIN, 0, 0), "high": (PLAIN, 9, 541)}, 60, "low high"),
    ("a level is ten steps", {"plain": (PLAIN, 0, 0), "gold": (GOLD, 0, 31 * 60)}, 60, "plain gold"),
    ("and not fewer", {"plain": (PLAIN, 0, 0), "gold": (GOLD, 0, 29 * 60)}, 60, "gold plain"),
]


@pytest.mark.parametrize(("_rule", "callers", "ageing_s", "order"), AGEINGS, ids=[row[0] for row in AGEINGS])
def test_ageing_lets_nobody_wait_for_ever(
    _rule: str, callers: dict[str, tuple[str, int, int]], ageing_s: int, order: str
) -> None:
    story = Story(sales=["1001"])
    story.set(*TYPES)
    story.set_group("sales", ageing_s=ageing_s)
    begin = story.clock.now()
    for name, (caller, priority, at) in callers.items():
        story.later(at - (story.clock.now() - begin).total_seconds())
        story.request(name, caller=caller, priority=priority)
    assert served(story) == order.split()


def test_ageing_switched_on_while_they_wait_sorts_them_anew() -> None:
    story = Story(sales=["1001"])
    story.request("low")
    story.later(100)
    story.request("high", priority=1)
    story.set_group("sales", ageing_s=60)
    assert [place[-1] for place in story.board.group("sales").line] == ["low", "high"]
    story.set_group("sales", ageing_s=0)
    assert served(story) == ["high", "low"]


@pytest.mark.feature("F127")
def test_the_group_of_the_higher_level_goes_first_whoever_waits_in_it() -> None:
    story = Story(sales=["1001"], support=["1001"])
    story.set(*TYPES)
    story.set_group("support", level=5)
    story.request("vip", "sales", caller=VIP, priority=9)
    story.later(60)
    story.request("plain", "support")
    assert served(story) == ["plain", "vip"]
    story.set_group("support", level=0)
    story.request("vip2", "sales", caller=VIP)
    story.request("plain2", "support")
    assert served(story) == ["vip2", "plain2"]


def test_among_groups_of_one_level_the_one_nearest_to_missing_its_service_level_goes_first() -> None:
    story = Story(sales=["1001"], support=["1001"], back=["1001"])
    story.set_group("sales", service_level=ServiceLevel(share=0.8, within_s=60))
    story.set_group("support", service_level=ServiceLevel(share=0.8, within_s=20))
    story.request("no-target", "back")
    story.later(1)
    story.request("due-61", "sales")
    story.later(9)
    story.request("due-30", "support")
    assert served(story) == ["due-30", "due-61", "no-target"]


def test_a_group_that_keeps_its_service_level_has_no_claim_before_others() -> None:
    story = Story(sales=["1001"], back=["1001"])
    story.set_group("sales", service_level=ServiceLevel(share=0.5, within_s=10))
    story.request("in-time", "sales")
    assert served(story) == ["in-time"]
    assert story.board.group("sales").target.share == 1.0
    story.request("longer", "back")
    story.later(1)
    story.request("shorter", "sales")
    assert served(story) == ["longer", "shorter"]
    story.request("late", "sales")
    story.later(60)
    story.request("late2", "sales")
    story.later(60)
    assert served(story) == ["late", "late2"]
    share = story.board.group("sales").target.share
    assert share is not None
    assert share < 0.51
    for name in ("given-up-soon", "given-up-late"):
        story.request(name, "sales")
        story.later(20 if name.endswith("late") else 2)
        story.call_ended(name)
    assert story.board.group("sales").target.share == 2 / 5  # who leaves within the limit does not count
    story.request("longer2", "back")
    story.later(1)
    story.request("at-risk", "sales")
    assert served(story) == ["at-risk", "longer2"]


@pytest.mark.feature("F124")
@pytest.mark.parametrize(
    ("of_type", "asked", "groups"),
    [
        ((), ("sales", "support"), ("sales", "support")),
        (("support", "sales"), ("sales", "support"), ("support", "sales")),
        (("support",), ("sales", "support"), ("support",)),
        (("desk", "support"), ("sales",), ("desk", "support")),
    ],
)
def test_a_customer_type_says_which_groups_may_serve_it_and_in_which_order(
    of_type: tuple[str, ...], asked: tuple[str, ...], groups: tuple[str, ...]
) -> None:
    story = Story(sales=["1001"], support=["1002"], desk=["1003"])
    story.set(*TYPES, CustomerType(id="vip", name="VIP", level=9, groups=of_type))
    story.idle("1001", "1002", "1003")
    story.request("r", asked[0], caller=VIP, also_groups=asked[1:])
    queued = next(r.event for r in story.told if isinstance(r.event, ContactQueued))
    assert (queued.groups, queued.customer_type, queued.level) == (groups, "vip", 9)
    offer = next(r.event for r in story.told if isinstance(r.event, OfferMade))
    assert offer.decision.group_id == groups[0]


def test_what_a_request_was_queued_with_stands_in_the_log_whatever_is_configured_later() -> None:
    story = Story(sales=["1001"])
    story.set(*TYPES)
    story.request("plain", caller=PLAIN, priority=5)
    story.later(1)
    story.request("vip", caller=VIP)
    for document in list(story.published.values()):
        if isinstance(document, CustomerType):
            story.set(replace(document, level=0))
    again = story.restarted()
    assert [place[-1] for place in again.board.group("sales").line] == ["vip", "plain"]


@pytest.mark.feature("F134")
def test_any_of_several_groups_serves_and_the_place_holds_in_each() -> None:
    story = Story(sales=["1001"], support=["1002"])
    story.request("first", "sales", also_groups=("support",))
    story.later(1)
    story.request("second", "support")
    story.idle("1002")
    assert story.offers() == ["first→1002"]
    story.answered("first")
    assert [len(story.board.group(name).line) for name in ("sales", "support")] == [0, 1]
    story.idle("1001")
    assert story.offers() == ["first→1002"]  # second asked for support alone
    story.call_ended("second")
    story.state("1001", "break")
    story.state("1002", "break")
    story.request("third", "sales", also_groups=("support",))
    story.paused = True
    story.idle("1001", "1002")
    story.paused = False
    story.react()
    assert story.offers()[-1] == "third→1001"  # of two groups that could, the one that was asked for first
