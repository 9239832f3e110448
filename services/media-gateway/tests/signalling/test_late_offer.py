"""An INVITE without a description: our 200 carries the offer, the ACK its answer (RFC 3261 §13.2.1)."""

import asyncio
import socket

from callstream.contracts import call_events as call
from callstream.contracts.config import Audio
from callstream_media_gateway.sip.message import Response, parse_message
from callstream_media_gateway.sip.offer_answer import make_answer
from callstream_media_gateway.sip.sdp import parse_sdp

from .house import OTHERS, PROMPT_HZ, House
from .phone import BOUND_S


async def response(sock: socket.socket, code: int) -> Response:
    """The next response with this code."""
    async with asyncio.timeout(BOUND_S):
        while True:
            message = parse_message(await asyncio.get_running_loop().sock_recv(sock, 65_536))
            if isinstance(message, Response) and message.code == code:
                return message


async def test_the_caller_answers_our_offer_in_its_ack(open_house: House) -> None:
    ears = open_house.peers.open()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        sock.connect((open_house.hop.host, open_house.hop.port))
        host, port = sock.getsockname()
        head = (
            f"From: <sip:02011112222@{host}>;tag=x1\r\nCall-ID: late-{port}\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:late@{host}:{port}>\r\n"
        )
        target = f"sip:02166668888@{open_house.hop.host}:{open_house.hop.port}"
        sock.send(
            f"INVITE {target} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bKlate\r\n{head}"
            f"To: <{target}>\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n".encode()
        )
        await response(sock, 180)
        call_id = await open_house.call_id()
        await open_house.answer(call_id)
        ok = await response(sock, 200)
        offer = parse_sdp(ok.body)
        assert offer.audio is not None
        answer = make_answer(offer, *ears.address, session_id=3).to_bytes()
        sock.send(
            f"ACK {target} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bKack\r\n{head}"
            f"To: {ok.need('To')}\r\nCSeq: 1 ACK\r\nContent-Type: application/sdp\r\n"
            f"Content-Length: {len(answer)}\r\n\r\n".encode()
            + answer
        )
        await open_house.event(call.CallAnswered)
        ears.send_to = (offer.audio.host, offer.audio.port)
        await open_house.play(call_id, [Audio(audio_id="menu")], repeat=0)
        await ears.until_hears(PROMPT_HZ, OTHERS[PROMPT_HZ])
