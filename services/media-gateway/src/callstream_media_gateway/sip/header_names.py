"""The one spelling of each header name inside this package; compact forms (RFC 3261 7.3.3 and later) are expanded."""

from __future__ import annotations

_COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
_KNOWN = (
    "Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Authorization "
    "Authentication-Info Call-ID Call-Info Contact Content-Disposition Content-Encoding Content-Language "
    "Content-Length Content-Type CSeq Date Diversion Error-Info Event Expires From History-Info Identity In-Reply-To "
    "Max-Forwards MIME-Version Min-Expires Min-SE Organization P-Asserted-Identity P-Preferred-Identity Path Priority "
    "Privacy Proxy-Authenticate Proxy-Authorization Proxy-Require RAck Reason Record-Route Refer-To Referred-By "
    "Reject-Contact Replaces Reply-To Request-Disposition Require Retry-After Route RSeq Server Service-Route "
    "Session-Expires SIP-ETag SIP-If-Match Subject Subscription-State Supported Timestamp To Unsupported User-Agent "
    "Via Warning WWW-Authenticate"
)
_NAMES = _KNOWN.split()

known: dict[str, str] = {spelling: name for name in _NAMES for spelling in (name, name.lower(), name.upper())}
known.update({spelling: name for short, name in _COMPACT.items() for spelling in (short, short.upper())})
_lower = {name.lower(): name for name in _NAMES}


def canonical_name(name: str) -> str:
    """ "v" and "VIA" are "Via"; a name we do not know is written in title case ("X-Trunk-Id")."""
    return known.get(name) or _lower.get(name.lower()) or name.title()
