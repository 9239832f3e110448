"""Before a call is queued, the tenant's interface may name the agent to prefer (F093).

The question is no part of the session: after a restart it is asked again, and whatever goes wrong the call is queued without
an answer, at the latest when the hook's time is over.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import structlog

from callstream.contracts.config import Hook
from callstream.contracts.flow import TransferToAgent
from callstream.contracts.ivr_events import AgentRequested
from callstream_ivr.domain.graph import Catalogue
from callstream_ivr.domain.session import Session

log = structlog.get_logger(__name__)


class HookFailed(Exception):
    """No usable answer; says why."""


class Asks(Protocol):
    """adapters.hooks.Hooks."""

    async def ask(self, hook: Hook, data: Mapping[str, Any]) -> str:
        """The agent that is named, or empty; raises HookFailed."""
        ...


class AskPreferred:
    """Called with a session and the request that it is about to make: the agent named, empty for none, or None: not known yet."""

    def __init__(self, hooks: Asks, catalogue: Catalogue, on_answer: Callable[[str], None]) -> None:
        """`on_answer` is told the call whose answer has come: its session is to be looked at again."""
        self._hooks, self._catalogue, self._on_answer = hooks, catalogue, on_answer
        self._answers: dict[str, tuple[str, str]] = {}
        self._asked: dict[str, tuple[str, asyncio.Task[None]]] = {}

    def __call__(self, session: Session, request: AgentRequested) -> str | None:
        """See the class."""
        hook = self._hook_of(session, request)
        if hook is None:
            return ""
        answered = self._answers.get(session.call_id)
        if answered is not None and answered[0] == request.request_id:
            return answered[1]
        asked = self._asked.get(session.call_id)
        if asked is None or asked[0] != request.request_id:
            self.forget(session.call_id)
            task = asyncio.create_task(self._ask(hook, session.call_id, request))
            self._asked[session.call_id] = (request.request_id, task)
        return None

    def forget(self, call_id: str) -> None:
        """The call's request is made, or its session over."""
        self._answers.pop(call_id, None)
        asked = self._asked.pop(call_id, None)
        if asked is not None:
            asked[1].cancel()

    async def stop(self) -> None:
        """End what is being asked; the next start asks again."""
        tasks = [task for _, task in self._asked.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _hook_of(self, session: Session, request: AgentRequested) -> Hook | None:
        graph = self._catalogue.graph(session.tenant, session.flow_id, session.flow_version)
        node = graph.nodes.get(request.node_id) if graph is not None else None
        if not isinstance(node, TransferToAgent) or not node.ask_preferred:
            return None
        return self._catalogue.settings(session.tenant).preferred_agent_hook

    async def _ask(self, hook: Hook, call_id: str, request: AgentRequested) -> None:
        data = {
            "call_id": call_id,
            "request_id": request.request_id,
            "caller": request.caller,
            "called": request.called,
            "group_id": request.group_id,
            "trail": [{"label": entry.label, "key": entry.key, "branch": entry.branch} for entry in request.trail],
        }
        named = ""
        try:
            async with asyncio.timeout(hook.timeout_ms / 1000):
                named = await self._hooks.ask(hook, data)
        except (HookFailed, TimeoutError) as error:
            log.warning("no preferred agent", call_id=call_id, error=str(error) or "no answer in time")
        except Exception:
            log.exception("no preferred agent", call_id=call_id)
        self._answers[call_id] = (request.request_id, named)
        self._on_answer(call_id)
