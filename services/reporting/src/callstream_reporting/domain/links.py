"""Links to one recording for whoever has them, for a short while (F202). Pure.

A link says whose call and recording it is, who asked for it, and until when; the signature covers all of that. It holds no
token, and serves for nothing else.
"""

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import msgspec

from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """What a link gives, and to whom it was given."""

    tenant: str
    call_id: str
    recording_id: str
    user: str
    expires: int
    """Seconds since 1970, the first at which it serves no more."""

    def url(self, key: bytes) -> str:
        """Path and query."""
        query = urlencode({"user": self.user, "expires": self.expires, "signature": self._signature(key)})
        place = "/".join(quote(part, safe="") for part in (self.tenant, self.call_id, self.recording_id))
        return f"/v1/recordings/{place}?{query}"

    def check(self, key: bytes, signature: str, now: datetime) -> None:
        """Raise Refusal unless the signature is ours and it is not too late."""
        if not hmac.compare_digest(self._signature(key).encode(), signature.encode()):
            raise Refusal(Reason.FORBIDDEN, "not a link of ours, or altered", "signature")
        if now >= datetime.fromtimestamp(self.expires, UTC):
            raise Refusal(Reason.FORBIDDEN, "the link has expired", "expires")

    def _signature(self, key: bytes) -> str:
        """Of the fields as JSON, so that no two sets of fields are the same text."""
        return hmac.new(key, b"recording-link:" + msgspec.json.encode(self), hashlib.sha256).hexdigest()
