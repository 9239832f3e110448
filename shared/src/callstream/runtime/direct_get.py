"""Reads messages of a stream by its numbers, without a consumer: JetStream's batched direct get."""

import asyncio

import msgspec

from callstream.runtime.link import Link, NoAnswer, end_with
from callstream.runtime.pull_reader import RawMessage
from callstream.runtime.wire import parse_headers, status


async def get_behind(link: Link, stream: str, subjects: str, after: int, count: int, within_s: float) -> list[RawMessage]:
    """Up to `count` messages behind `after` whose subject matches. Raises NoAnswer."""
    found: list[RawMessage] = []
    done: asyncio.Future[None] = link.loop.create_future()

    def receive(_subject: bytes, _reply: bytes, payload: bytes, headers: bytes | None) -> None:
        code = status(headers)
        if code == 0:
            named = parse_headers(headers)
            found.append(RawMessage(int(named["Nats-Sequence"]), named["Nats-Subject"], payload, headers))
        elif done.done():
            return
        elif code in (204, 404):
            done.set_result(None)
        else:
            done.set_exception(NoAnswer(f"direct get: status {code}"))

    inbox = link.nc.new_inbox()
    stop = await link.listen(inbox, receive)
    timer = link.loop.call_later(within_s, end_with, done, NoAnswer("no answer in time"))
    try:
        body = msgspec.json.encode({"seq": after + 1, "next_by_subj": subjects, "batch": count})
        link.post(f"$JS.API.DIRECT.GET.{stream}", body, inbox)
        await done
    finally:
        timer.cancel()
        await stop()
    return found
