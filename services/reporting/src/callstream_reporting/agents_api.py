"""Agents' states over HTTP: the log of one (F063, F223), attendance of several as a table (F070)."""

import csv
import io
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Response

from callstream.contracts.roles import Principal
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.api import Person, answer
from callstream.runtime.config_watch import Configuration
from callstream_reporting.adapters.agent_states import AgentStates
from callstream_reporting.domain.attendance import attendance, lines
from callstream_reporting.domain.permissions import visible_agents

LONGEST = timedelta(days=93)


def add_agents(app: FastAPI, states: AgentStates, configuration: Configuration) -> None:
    """Enter the routes. Times without an offset are the tenant's."""

    def zone_of(person: Principal) -> ZoneInfo:
        return ZoneInfo(configuration.settings(person.tenant).time_zone)

    def groups_of(person: Principal) -> dict[str, tuple[str, ...]]:
        return {agent.id: agent.groups for agent in configuration.agents(person.tenant)}

    @app.get("/v1/agents/{agent_id}/states")
    async def log(agent_id: str, person: Person, since: datetime, until: datetime) -> Response:
        agent_id = person.agent_id if agent_id == "me" else agent_id
        agents = visible_agents(person, groups_of(person), agent_id)
        begin, end = _span(since, until, zone_of(person))
        return answer(await states.log(person.tenant, begin, end, agents))

    @app.get("/v1/attendance.csv")
    async def table(person: Person, since: datetime, until: datetime, agent: str = "") -> Response:
        zone = zone_of(person)
        agents = visible_agents(person, groups_of(person), agent)
        begin, end = _span(since, until, zone)
        rows = await states.log(person.tenant, begin, end, agents)
        names = {each.id: each.name for each in configuration.agents(person.tenant)}
        days = attendance(rows, begin, min(end, datetime.now(zone)), zone)
        text = io.StringIO()
        csv.writer(text).writerows([_harmless(cell) for cell in line] for line in lines(days, names, zone))
        head = {"Content-Disposition": 'attachment; filename="attendance.csv"'}
        return Response(text.getvalue(), 200, head, "text/csv; charset=utf-8")


def _span(since: datetime, until: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    begin, end = (moment if moment.tzinfo else moment.replace(tzinfo=zone) for moment in (since, until))
    if end <= begin:
        raise Refusal(Reason.INVALID, "must be later than since", "until")
    if end - begin > LONGEST:
        raise Refusal(Reason.INVALID, f"at most {LONGEST.days} days at once", "until")
    return begin, end


def _harmless(cell: str) -> str:
    """A name that begins like a formula is no formula to the spreadsheet that opens the file."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@") else cell
