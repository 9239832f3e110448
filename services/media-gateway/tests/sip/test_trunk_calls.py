"""A leg to an outside number: which trunk it goes through, when the next one is tried, and what it leaves behind."""

import asyncio

import pytest
from msgspec import structs

from callstream.contracts.config import Settings
from callstream.contracts.lines import Number
from callstream.contracts.outbound import CallerIdPolicy, DialGuard, DialRule, NumberFormat, NumberStyle, SipTransport
from callstream.contracts.roles import Role
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_local.ports import free_port
from callstream_media_gateway.adapters import trunk_leg
from callstream_media_gateway.domain.inputs import HungUp, PhoneAnswered, PhoneRefused, PhoneRings
from callstream_media_gateway.domain.trunk_choice import FAILS_OVER
from callstream_media_gateway.media.worker_commands import UpdateLeg
from callstream_media_gateway.sip.incoming_call import IncomingCall
from callstream_media_gateway.sip.offer_answer import make_answer

from .carriers import ANN, CALLEE, SHOWN, TENANT, carriers, side, silent_port, trunk
from .phones import until


async def test_a_call_leaves_as_its_trunk_wants_it_and_frees_its_place_at_the_end() -> None:
    async with carriers(1) as (carrier,):
        carrier.picks_up()
        called, shown = NumberFormat(style=NumberStyle.NATIONAL, prefix="9"), NumberFormat(style=NumberStyle.DIGITS)
        async with side(trunk("a", carrier, domain="carrier.test", called=called, caller=shown)) as our:
            leg = our.dial()
            await our.gets(PhoneAnswered)
            call = carrier.calls[0]
            assert (call.request_uri.user, call.request_uri.host) == ("913900000001", "carrier.test")
            assert (call.from_.uri.user, call.from_.uri.host) == ("861055501234", "carrier.test")
            assert [type(given) for given in our.fed] == [PhoneRings, PhoneAnswered]
            assert our.fed[0] == PhoneRings(leg_id="leg-1", trunk="a")
            leg.watch()
            assert (leg.trunk, our.calls("a"), our.trunks.at_once(TENANT, "ann")) == ("a", [1], 1)
            assert any(isinstance(told, UpdateLeg) for told in our.media.told)
            carrier.dialogs[0].bye()
            assert await our.gets(HungUp) == HungUp(leg_id="leg-1")
            assert (our.calls("a"), our.trunks.at_once(TENANT, "ann"), our.trunks.at_once(TENANT)) == ([0], 0, 0)


@pytest.mark.parametrize("transport", [SipTransport.UDP, SipTransport.TCP])
async def test_a_trunk_is_reached_by_its_transport_and_left_when_it_is_closed_there(transport: SipTransport) -> None:
    async with carriers(1) as (carrier,):
        carrier.picks_up()
        closed = trunk("closed", free_port(), 1, transport=SipTransport.TCP)
        async with side(closed, trunk("open", carrier, 2, transport=transport)) as our:
            leg = our.dial()
            await our.gets(PhoneAnswered)
            assert (leg.trunk, carrier.calls[0].source.transport) == ("open", transport)
            leg.hang_up()
            await until(lambda: ("ended", "bye") in carrier.story)


@pytest.mark.parametrize("code", sorted(FAILS_OVER))
async def test_a_trunk_that_fails_itself_is_left_for_the_next_by_priority(code: int) -> None:
    async with carriers(3) as (first, second, third):
        first.rejects(code)
        second.picks_up()
        third.picks_up()
        documents = [trunk("third", third, 3), trunk("first", first, 1), trunk("second", second, 2)]
        async with side(*documents) as our:
            leg = our.dial()
            await our.gets(PhoneAnswered)
            assert (leg.trunk, len(first.calls), len(second.calls), len(third.calls)) == ("second", 1, 1, 0)
            assert our.calls("first", "second", "third") == [0, 1, 0]
            assert our.trunks.state(TENANT, "first").failures == 0, "what one call is told keeps no other from the trunk"
            leg.hang_up()
            await until(lambda: ("ended", "bye") in second.story)
            assert our.calls("second") == [0]


@pytest.mark.parametrize("code", [404, 480, 484, 486, 600, 603, 604])
async def test_the_callees_own_no_ends_the_leg(code: int) -> None:
    async with carriers(2) as (first, second):
        first.rejects(code)
        async with side(trunk("a", first, 1), trunk("b", second, 2)) as our:
            our.dial()
            assert await our.gets(PhoneRefused) == PhoneRefused(leg_id="leg-1", sip_status=code)
            assert (second.calls, our.calls("a", "b"), our.trunks.state(TENANT, "a").failures) == ([], [0, 0], 0)


async def test_once_it_rings_no_other_trunk_is_tried() -> None:
    async with carriers(2) as (first, second):
        first.rings()
        async with side(trunk("a", first, 1), trunk("b", second, 2)) as our:
            our.dial()
            await our.gets(PhoneRings)
            first.calls[0].reject(503)
            assert (await our.gets(PhoneRefused)).sip_status == 503
            assert second.calls == []


async def test_a_trunk_that_says_nothing_is_left_within_its_time_and_what_comes_late_is_hung_up() -> None:
    with silent_port() as gone:
        async with carriers(1) as (second,):
            second.picks_up()
            async with side(trunk("a", gone, 1, answer_within_s=1), trunk("b", second, 2)) as our:
                our.dial()
                await our.gets(PhoneAnswered)
                assert our.calls("a", "b") == [0, 1]
                assert our.trunks.state(TENANT, "a").message == "no response"
                assert [type(given) for given in our.fed].count(PhoneAnswered) == 1


async def test_a_trunk_that_makes_no_progress_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trunk_leg, "PROGRESS_WITHIN_S", 0.05)
    async with carriers(2) as (first, second):
        second.picks_up()
        async with side(trunk("a", first, 1, answer_within_s=1), trunk("b", second, 2)) as our:
            our.dial()
            await our.gets(PhoneAnswered)
            await until(lambda: "cancelled" in first.story)
            assert our.trunks.state(TENANT, "a").failures == 0, "it has answered: 100"


async def test_when_all_trunks_fail_or_none_is_there_the_leg_says_so() -> None:
    async with carriers(2) as (first, second):
        first.rejects(503)
        second.rejects(500)
        async with side(trunk("a", first, 1), trunk("b", second, 2)) as our:
            our.dial()
            refused = await our.gets(PhoneRefused)
            assert (refused.sip_status, refused.reason) == (500, Reason.TRUNKS_FAILED)
            for name in ("a", "b"):
                our.trunks.state(TENANT, name).down = True
            our.fed.clear()
            our.dial()
            refused = await our.gets(PhoneRefused)
            assert (refused.sip_status, refused.reason) == (503, Reason.NO_TRUNK)
        async with side() as our:
            with pytest.raises(Refusal) as error:
                our.dial()
            assert error.value.reason is Reason.NO_TRUNK


async def test_a_full_trunk_is_passed_over() -> None:
    async with carriers(2) as (first, second):
        first.rings()
        second.rings()
        async with side(trunk("a", first, 1, max_calls=1), trunk("b", second, 2, max_calls_per_s=1)) as our:
            assert [our.dial().trunk for _ in range(2)] == ["a", "b"]
            third = our.dial()
            assert third.trunk == ""
            assert (await our.gets(PhoneRefused)).reason is Reason.NO_TRUNK
            our.now += 1.0
            assert our.dial().trunk == "b", "a second later"


async def test_giving_up_while_it_rings_cancels_and_tries_nobody_else() -> None:
    async with carriers(2) as (first, second):
        first.rings()
        async with side(trunk("a", first, 1), trunk("b", second, 2)) as our:
            leg = our.dial()
            await our.gets(PhoneRings)
            leg.hang_up()
            assert await our.gets(PhoneRefused) == PhoneRefused(leg_id="leg-1", sip_status=487)
            assert (first.story[-1], second.calls, our.calls("a")) == ("cancelled", [], [0])


async def test_the_far_end_is_heard_before_it_answers() -> None:
    async with carriers(1) as (carrier,):

        def announce(call: IncomingCall) -> None:
            assert call.offer is not None
            call.provisional(183, sdp=make_answer(call.offer, "127.0.0.1", 45_678, session_id=3))

        carrier.when_called = announce
        async with side(trunk("a", carrier)) as our:
            our.dial()
            assert await our.gets(PhoneRings) == PhoneRings(leg_id="leg-1", early=True, trunk="a")
            assert our.media.told[-1].remote == ("127.0.0.1", 45_678)


async def test_a_number_leaves_through_its_own_trunks_only() -> None:
    async with carriers(2) as (first, second):
        second.rings()
        mine = Number(number=SHOWN, flow_id="f", flow_version=1, all_agents=True, trunks=("b",))
        async with side(trunk("a", first, 1), trunk("b", second, 2), mine) as our:
            assert our.dial().trunk == "b"
        async with side(trunk("a", first, 1, callers=("+862100000000",)), trunk("b", second, 2, callers=(SHOWN,))) as our:
            assert our.dial().trunk == "b"


async def test_limits_are_counted_by_agent_and_by_tenant() -> None:
    async with carriers(1) as (carrier,):
        carrier.rings()
        guard = DialGuard(agent_per_minute=3, agent_at_once=2, tenant_per_minute=4)
        other = type(ANN)(id="bob", name="Bob", email="bob@acme.test", sip_user="bob")
        async with side(trunk("a", carrier), Settings(dial_guard=guard), other) as our:
            legs = [our.dial(), our.dial()]
            with pytest.raises(Refusal, match="as many outside legs") as full:
                our.dial()
            assert (full.value.reason, full.value.field) == (Reason.AT_CAPACITY, "number")
            for leg in legs:
                await until(lambda: len(carrier.calls) == 2)
                leg.hang_up()
            await until(lambda: our.calls("a") == [0])
            our.dial()
            with pytest.raises(Refusal, match="the agent has dialled too often"):
                our.dial()
            our.dial_out.prepare(TENANT, "bob", CALLEE)
            with pytest.raises(Refusal, match="the tenant's agents"):
                our.dial_out.prepare(TENANT, "bob", CALLEE)
            assert our.dial_out.prepare(TENANT, "bob", "119").callee == "119", "an emergency is never held up"
            our.now += 61
            our.dial()


async def test_a_destination_opens_by_the_role_of_who_dials() -> None:
    abroad = Settings(dial_guard=DialGuard(rules=(DialRule(roles=(Role.SUPERVISOR,), countries=("US",)),)))
    async with carriers(1) as (carrier,), side(trunk("a", carrier), abroad) as our:
        with pytest.raises(Refusal, match="not open"):
            our.dial_out.prepare(TENANT, "ann", "+12125550100")
        prepared = our.dial_out.prepare(TENANT, "ann", "+12125550100", role=Role.SUPERVISOR)
        assert (prepared.callee, prepared.region) == ("+12125550100", "US")


async def test_an_emergency_call_leaves_whatever_the_agent_may_show() -> None:
    bob = type(ANN)(id="bob", name="Bob", email="bob@acme.test", sip_user="bob")
    closed = [Number(number=number, flow_id="f", flow_version=1) for number in (SHOWN, "+862155500000")]
    by_hand = Settings(caller_id=CallerIdPolicy.BY_HAND)
    async with carriers(1) as (carrier,), side(trunk("a", carrier), bob, by_hand, *closed) as our:
        with pytest.raises(Refusal, match="may show no number"):
            our.dial_out.prepare(TENANT, "bob", CALLEE)
        assert our.dial_out.prepare(TENANT, "bob", "120").callee == "120"
        for number in closed:
            our.configuration.put(TENANT, structs.replace(number, allowed_agents=("bob",)))
        with pytest.raises(Refusal, match="has to be chosen"):
            our.dial_out.prepare(TENANT, "bob", CALLEE)
        assert our.dial_out.prepare(TENANT, "bob", "120").choice.by == "random"


async def test_what_is_refused_reaches_no_carrier() -> None:
    async with carriers(1) as (carrier,), side(trunk("a", carrier)) as our:
        for agent, typed, wish, reason, field in (
            ("ann", "+12125550100", "", Reason.FORBIDDEN, "number"),
            ("ann", "16823456", "", Reason.FORBIDDEN, "number"),
            ("ann", "what", "", Reason.INVALID, "number"),
            ("ann", CALLEE, "+862100000000", Reason.FORBIDDEN, "caller_id"),
            ("eve", CALLEE, "", Reason.UNKNOWN_AGENT, "agent_id"),
        ):
            with pytest.raises(Refusal) as refused:
                our.dial_out.prepare(TENANT, agent, typed, wish=wish)
            assert (refused.value.reason, refused.value.field) == (reason, field)
            assert our.refused[-1] == (agent, typed, wish, reason), "and told"
        await asyncio.sleep(0)
        assert (carrier.story, our.trunks.at_once(TENANT)) == ([], 0)


@pytest.mark.feature("F147")
async def test_a_mobile_is_rung_with_the_number_marked_for_it() -> None:
    marked = Number(number="+862155500000", flow_id="f", flow_version=1, prefer_for_mobile_leg=True)
    async with carriers(1) as (carrier,):
        carrier.rings()
        async with side(trunk("a", carrier), marked) as our:
            prepared = our.dial_out.to_mobile(TENANT, "ann", CALLEE)
            assert (prepared.choice.number.number, prepared.choice.by, prepared.callee) == (marked.number, "mobile-leg", CALLEE)
            our.configuration.remove(TENANT, "number", marked.key_id)
            prepared = our.dial_out.to_mobile(TENANT, "ann", CALLEE)
            assert (prepared.choice.number.number, prepared.choice.by) == (SHOWN, "random")
            our.configuration.remove(TENANT, "trunk", "a")
            with pytest.raises(Refusal) as refused:
                our.dial_out.to_mobile(TENANT, "ann", CALLEE)
            assert refused.value.reason is Reason.NO_TRUNK


async def test_a_mobile_that_is_bound_somewhere_expensive_is_not_rung() -> None:
    """Agents bind their mobiles themselves: that must be no way round the guard."""
    guard = DialGuard(rules=(DialRule(groups=("sales",), countries=("US",)),), agent_per_minute=1)
    bob = type(ANN)(id="bob", name="Bob", email="bob@acme.test", sip_user="bob")
    async with carriers(1) as (carrier,), side(trunk("a", carrier), Settings(dial_guard=guard), bob) as our:
        for agent, mobile in (("ann", "+8616812345"), ("ann", "+442079460000"), ("bob", "+12125550100")):
            with pytest.raises(Refusal) as refused:
                our.dial_out.to_mobile(TENANT, agent, mobile)
            assert (refused.value.reason, our.refused[-1]) == (Reason.FORBIDDEN, (agent, mobile, "", Reason.FORBIDDEN))
        for _ in range(3):
            assert our.dial_out.to_mobile(TENANT, "ann", "+12125550100").agent_id == "", "no limit holds up being rung"


async def test_a_transfer_shows_the_number_that_is_marked_for_it() -> None:
    marked = Number(number="+862155500000", flow_id="f", flow_version=1, transfer_out=True)
    async with carriers(1) as (carrier,), side(trunk("a", carrier), marked) as our:
        prepared = our.dial_out.prepare(TENANT, "ann", CALLEE, transfer_out=True)
        assert (prepared.choice.number, prepared.choice.by) == (marked, "transfer-out")
        assert our.dial_out.prepare(TENANT, "ann", CALLEE).choice.number.number == SHOWN
        assert our.dial_out.prepare(TENANT, "ann", CALLEE, transfer_out=True, wish=SHOWN).choice.by == "hand"
