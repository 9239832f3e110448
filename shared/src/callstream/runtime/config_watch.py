"""Configuration in memory: every service watches the bucket CONFIG, and no call ever waits for a configuration request.

A document that is not valid is logged and counted, and the one before it stays. Broker restarts only delay news.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Self, TypeVar

import msgspec
import structlog
from nats.aio.client import Client

from callstream.contracts.config import (
    Agent,
    AudioFile,
    BlockedCaller,
    CollectTemplate,
    Customer,
    CustomerType,
    Document,
    Published,
    Settings,
    SkillGroup,
    Workplace,
)
from callstream.contracts.credentials import BucketCredential, SipCredential, TrunkCredential
from callstream.contracts.flow import Flow
from callstream.contracts.lines import Number, Trunk
from callstream.contracts.subjects import (
    ARCHIVE_KEYS_BUCKET,
    CONFIG_BUCKET,
    CREDENTIALS_BUCKET,
    bucket_stream,
    bucket_subject,
    config_key,
)
from callstream.runtime import metrics
from callstream.runtime.link import Link
from callstream.runtime.pull_reader import PullReader, RawMessage
from callstream.runtime.tasks import end
from callstream.runtime.wire import parse_headers

KINDS: dict[str, type[Document]] = {
    kind.KIND: kind
    for kind in (
        Settings,
        SkillGroup,
        Agent,
        CustomerType,
        Customer,
        BlockedCaller,
        Workplace,
        CollectTemplate,
        Number,
        Trunk,
        AudioFile,
        Flow,
        SipCredential,
        TrunkCredential,
        BucketCredential,
    )
}

OnChange = Callable[[str, str, str], None]
"""(tenant, kind, id of the document); the document may be new, changed or gone."""

D = TypeVar("D", bound=Document)

log = structlog.get_logger(__name__)

_published = msgspec.json.Decoder(Published)


class Documents:
    """Documents of one bucket by tenant, kind and id; watched, or put by hand in tests."""

    BUCKET = ""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        """Set once everything that the bucket held at the start is here."""
        self.on_change: list[OnChange] = []
        """Called after each change once ready; an error of one is logged and does not stop the others."""
        self._documents: dict[str, dict[str, dict[str, Document]]] = {}
        self._reader: PullReader | None = None
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, documents: Mapping[str, Iterable[Document]]) -> Self:
        """From memory: documents by tenant."""
        made = cls()
        for tenant, several in documents.items():
            for document in several:
                made.put(tenant, document)
        made.ready.set()
        return made

    async def watch(self, nc: Client) -> None:
        """Begin to watch the bucket. Returns at once; `ready` tells when the initial documents are here."""
        reader = PullReader(
            Link.of(nc), bucket_stream(self.BUCKET), 0, self._take, only=bucket_subject(self.BUCKET), last_per_subject=True
        )
        self._reader = reader
        await reader.start()
        self._task = asyncio.create_task(self._get_ready(reader))

    async def stop(self) -> None:
        """End the watch; the documents stay."""
        await end(self._task)
        if self._reader is not None:
            await self._reader.stop()

    def put(self, tenant: str, document: Document) -> None:
        """Enter a document, as if it had been published."""
        self._documents.setdefault(tenant, {}).setdefault(document.KIND, {})[document.key_id] = document
        self._tell(tenant, document.KIND, document.key_id)

    def remove(self, tenant: str, kind: str, key_id: str) -> None:
        """Take a document away; no error when there is none."""
        if self._documents.get(tenant, {}).get(kind, {}).pop(key_id, None) is not None:
            self._tell(tenant, kind, key_id)

    def tenants(self) -> list[str]:
        """Tenants with any document."""
        return sorted(self._documents)

    def _one(self, kind: type[D], tenant: str, key_id: str) -> D | None:
        found = self._documents.get(tenant, {}).get(kind.KIND, {}).get(key_id)
        return found if isinstance(found, kind) else None

    def _all(self, kind: type[D], tenant: str) -> list[D]:
        found = self._documents.get(tenant, {}).get(kind.KIND, {})
        return [document for _, document in sorted(found.items()) if isinstance(document, kind)]

    async def _get_ready(self, reader: PullReader) -> None:
        await reader.caught_up.wait()
        self.ready.set()

    async def _take(self, messages: list[RawMessage]) -> None:
        for message in messages:
            self._take_one(message)

    def _take_one(self, message: RawMessage) -> None:
        key = message.subject[len(bucket_subject(self.BUCKET, "")) :]
        parts = key.split(".", 2)
        if len(parts) != 3 or parts[1] not in KINDS:
            self._refuse(key, "no document of a known kind has such a key")
            return
        tenant, kind, key_id = parts
        headers = parse_headers(message.headers)
        if "KV-Operation" in headers or "Nats-Marker-Reason" in headers:
            self.remove(tenant, kind, key_id)
            return
        try:
            document = msgspec.json.decode(_published.decode(message.payload).body, type=KINDS[kind])
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
            self._refuse(key, str(error))
            return
        if document.key_id != key_id:
            self._refuse(key, f"the document says that it is {document.key_id!r}")
            return
        self.put(tenant, document)

    def _refuse(self, key: str, why: str) -> None:
        metrics.config_invalid.inc()
        log.error("configuration refused", bucket=self.BUCKET, key=key, error=why)

    def _tell(self, tenant: str, kind: str, key_id: str) -> None:
        if not self.ready.is_set():
            return
        for action in list(self.on_change):
            try:
                action(tenant, kind, key_id)
            except Exception:
                log.exception("configuration listener failed", kind=kind)


class Configuration(Documents):
    """What console published, typed.

    In tests: `Configuration.of({"acme": [Settings(ring_timeout_s=5), SkillGroup(id="sales", name="Sales")]})`.
    """

    BUCKET = CONFIG_BUCKET

    def settings(self, tenant: str) -> Settings:
        """The tenant's settings, or the defaults."""
        return self._one(Settings, tenant, "main") or _DEFAULTS

    def group(self, tenant: str, group_id: str) -> SkillGroup | None:
        """A skill group."""
        return self._one(SkillGroup, tenant, group_id)

    def groups(self, tenant: str) -> list[SkillGroup]:
        """All skill groups, by id."""
        return self._all(SkillGroup, tenant)

    def agent(self, tenant: str, agent_id: str) -> Agent | None:
        """An agent."""
        return self._one(Agent, tenant, agent_id)

    def agents(self, tenant: str) -> list[Agent]:
        """All agents, by id."""
        return self._all(Agent, tenant)

    def customer_types(self, tenant: str) -> list[CustomerType]:
        """All customer types, by id."""
        return self._all(CustomerType, tenant)

    def customer_type(self, tenant: str, type_id: str) -> CustomerType | None:
        """A customer type."""
        return self._one(CustomerType, tenant, type_id)

    def customers(self, tenant: str) -> list[Customer]:
        """All customers, by number."""
        return self._all(Customer, tenant)

    def customer(self, tenant: str, e164: str) -> Customer | None:
        """The customer with a number."""
        return self._one(Customer, tenant, e164.lstrip("+"))

    def blocked(self, tenant: str, caller: str) -> BlockedCaller | None:
        """The blacklist's entry of a caller, or None (F129)."""
        return self._one(BlockedCaller, tenant, caller.lstrip("+")) if caller else None

    def number(self, e164: str, tenant: str = "") -> tuple[str, Number] | None:
        """(tenant, number) of a number with or without its plus sign; of any tenant when none is named."""
        key_id = e164.lstrip("+")
        for candidate in (tenant,) if tenant else self.tenants():
            found = self._one(Number, candidate, key_id)
            if found is not None:
                return candidate, found
        return None

    def numbers(self, tenant: str) -> list[Number]:
        """All numbers of a tenant."""
        return self._all(Number, tenant)

    def trunks(self) -> list[tuple[str, Trunk]]:
        """(tenant, trunk) of all tenants."""
        return [(tenant, trunk) for tenant in self.tenants() for trunk in self._all(Trunk, tenant)]

    def trunks_of(self, tenant: str) -> list[Trunk]:
        """All trunks of a tenant, by id."""
        return self._all(Trunk, tenant)

    def trunk(self, tenant: str, trunk_id: str) -> Trunk | None:
        """A trunk."""
        return self._one(Trunk, tenant, trunk_id)

    def flow(self, tenant: str, flow_id: str, version: int) -> Flow | None:
        """One published version of a flow."""
        return self._one(Flow, tenant, f"{flow_id}.{version}")

    def collect_template(self, tenant: str, template_id: str) -> CollectTemplate | None:
        """A template by which agents collect digits."""
        return self._one(CollectTemplate, tenant, template_id)

    def audio(self, tenant: str, audio_id: str) -> AudioFile | None:
        """An uploaded sound."""
        return self._one(AudioFile, tenant, audio_id)


class Credentials(Documents):
    """Digest secrets of desk phones and of accounts at trunks; only media-gateway may read that bucket."""

    BUCKET = CREDENTIALS_BUCKET

    def of_user(self, tenant: str, sip_user: str) -> SipCredential | None:
        """The credential of a SIP user name."""
        return self._one(SipCredential, tenant, sip_user)

    def of_trunk(self, tenant: str, trunk_id: str) -> TrunkCredential | None:
        """The credential of our account at a trunk."""
        return self._one(TrunkCredential, tenant, trunk_id)

    def find(self, sip_user: str) -> list[tuple[str, SipCredential]]:
        """(tenant, credential) of every tenant that has this user name; the realm tells them apart."""
        found = [(tenant, self._one(SipCredential, tenant, sip_user)) for tenant in self.tenants()]
        return [(tenant, credential) for tenant, credential in found if credential is not None]


class ArchiveKeys(Documents):
    """Keys to tenants' own buckets for recordings; only media-gateway and reporting may read that bucket."""

    BUCKET = ARCHIVE_KEYS_BUCKET

    def of_place(self, tenant: str, place_id: str) -> BucketCredential | None:
        """A place that the tenant has or had, with its keys."""
        return self._one(BucketCredential, tenant, place_id)


_DEFAULTS = Settings()


def publication(tenant: str, document: Document, revision: int) -> tuple[str, bytes]:
    """(key, value) under which a document is published: for console, and for tests that fill a bucket."""
    body = msgspec.Raw(msgspec.json.encode(document))
    value = msgspec.json.encode(Published(revision=revision, body=body))
    return config_key(tenant, document.KIND, document.key_id), value
