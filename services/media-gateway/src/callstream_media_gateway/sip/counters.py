"""What a user agent counts. Every name is listed here; all start at 0 so that a scrape sees them before their first."""

from __future__ import annotations

NAMES: dict[str, str] = {
    "received_requests": "whole requests from the network, retransmissions included",
    "received_responses": "whole responses from the network, retransmissions included",
    "malformed": "messages that could not be parsed or lack a header that every message must have",
    "oversized": "messages beyond the size limit, refused on the way in or out",
    "refused_sources": "requests turned away by accept_source before anything was held for them",
    "challenged": "requests other than REGISTER that were asked for a password",
    "keepalives": "empty lines and single bytes that phones send to keep a path open",
    "stray_responses": "responses that belong to no transaction of ours",
    "stray_acks": "ACKs that belong to no dialog or transaction of ours",
    "stray_requests": "requests inside dialogs that we do not know (481)",
    "out_of_order": "requests of a dialog with a CSeq that was used before (500)",
    "retransmissions_in": "requests that had arrived before and were absorbed",
    "retransmissions_out": "requests and responses sent again because nothing came back",
    "timeouts": "requests of ours that nobody answered",
    "transport_errors": "messages that could not be sent, connections that could not be made",
    "udp_dropped": "datagrams the socket would not take at once; retransmission makes up for them",
    "connections_refused": "connections closed at once because too many are open",
    "broken_streams": "connections closed because message boundaries were lost",
    "handshakes_failed": "connections on which TLS or the WebSocket handshake failed, was refused or took too long",
    "dead_connections": "connections closed because the peer did not answer a ping",
    "calls_in": "calls offered to us",
    "calls_out": "calls offered by us",
    "answered": "calls answered, by us or by a peer",
    "cancelled": "incoming calls given up by their caller before our answer",
    "no_ack": "answered calls whose ACK never came",
    "no_prack": "reliable provisional responses whose PRACK never came",
    "redirected": "calls of ours that followed a redirection",
    "loops": "calls that came back to us, refused 482",
    "forks_hung_up": "second answers of a forked call, hung up again",
    "internal_errors": "exceptions of our own while handling a message: each one is a defect",
    "handler_errors": "exceptions in callbacks of the owner",
}


def new_counters() -> dict[str, int]:
    return dict.fromkeys(NAMES, 0)
