"""A certificate that is replaced while we run: new handshakes use the new one, connections that stand go on."""

import asyncio
import ssl
from pathlib import Path

import structlog

from callstream_media_gateway.sip import tls

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 30.0


class RenewedCertificate:
    """Looks at the files of `contexts` now and then. Renewals are short these days: nobody should have to restart for one."""

    def __init__(self, certificate: Path, key: Path, contexts: list[ssl.SSLContext]) -> None:
        self._certificate, self._key, self._contexts = certificate, key, contexts
        self._seen = self._stamps()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()

    def look(self) -> bool:
        """Load changed files; True when that was done. A pair that is half written or broken is left for the next time."""
        stamps = self._stamps()
        if stamps == self._seen:
            return False
        try:
            tls.serving(self._certificate, self._key)  # a pair that does not fit must not get into the contexts in use
            for context in self._contexts:
                context.load_cert_chain(self._certificate, self._key)
        except OSError as error:
            log.error("the new certificate cannot be used, the old one stays", error=str(error))
            return False
        self._seen = stamps
        log.info("certificate renewed", file=str(self._certificate))
        return True

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        """What tells one version of the files from the next."""
        found: list[tuple[int, int, int] | None] = []
        for path in (self._certificate, self._key):
            try:
                stat = path.stat()
            except OSError:
                found.append(None)
            else:
                found.append((stat.st_mtime_ns, stat.st_ino, stat.st_size))
        return found
