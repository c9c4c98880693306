"""A session as the store knows it, read to bring it to life: its journal is played again."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from duologue.actors.words_at import words_at
from duologue.cluster_status import BatcherStatus
from duologue.errors import CapacityExceeded
from duologue.hosting.placement import seats_in_order
from duologue.peers import Peers
from duologue.session.chronicle import Chronicle
from duologue.session.setup import SessionSetup
from duologue.session_lease import Lease
from duologue.settings import Settings
from duologue.store.store import Store
from duologue.tenants import Tenant
from duologue.wire.checkpoints import checkpoint_from_bytes
from duologue.wire.journal import entry_from_bytes
from duologue.wire.sessions import config_from_bytes


@dataclass(frozen=True, slots=True)
class RecalledSession:
    """What was said and decided, whose it is, and who could seat it."""

    chronicle: Chronicle
    tenant: Tenant | None
    model: str
    choices: Sequence[BatcherStatus]
    """Batching actors of its model, the best place first."""
    described: str
    """The address of the one that told the model's words."""
    words_digest: str
    num_entries: int
    """Entries of the journal that were played."""

    @classmethod
    async def read(
        cls, lease: Lease, store: Store, settings: Settings, node_id: str, peers: Peers
    ) -> Self:
        """Read the journal and play it.

        Raises CapacityExceeded if no batching actor of its model is there, BatcherUnavailable if
        none of them answers, ModelUnavailable if it was begun with a model that is no longer there,
        InvalidInput for a journal or a config that makes no sense.
        """
        key = lease.tenant_id, lease.session_id
        record, kept, batchers, tenant = await asyncio.gather(
            store.require_session(*key), store.read(*key), store.batchers(), store.tenant(key[0])
        )
        config = config_from_bytes(record.config)
        checkpoint = None if kept.checkpoint is None else checkpoint_from_bytes(kept.checkpoint)
        if checkpoint is None:
            model = config.model_name(settings.model.name)
        else:
            model = checkpoint.state.terms.model
        choices = seats_in_order(batchers, node_id, model=model)
        if not choices:
            of_it = f" of the model {model}" if model else ""
            raise CapacityExceeded(f"no batching actor{of_it} is there that could seat a session")
        described, words = await words_at(choices, checkpoint, peers)
        if checkpoint is None:
            setup = words.setup(settings, config)
        else:  # whatever the settings are today
            setup = words.under(checkpoint.state.terms)
        chronicle = Chronicle.restore(
            setup,
            lease.session_id,
            lease.epoch,
            checkpoint,
            recent_events=settings.sessions.recent_events,
            max_entries=settings.store.journal_entries,
        )
        for entry in kept.entries:
            chronicle.replay(*entry_from_bytes(entry, lease.session_id))
        return cls(
            chronicle, tenant, model, choices, described, words.words_digest, len(kept.entries)
        )

    @property
    def setup(self) -> SessionSetup:
        return self.chronicle.session.setup

    @property
    def records_text(self) -> bool:
        """Whether what is said may be told in traces."""
        return self.tenant is not None and self.tenant.records_text

    @property
    def weight(self) -> float:
        """Of its tenant, among those who share a batching actor."""
        return 1.0 if self.tenant is None else self.tenant.weight

    def is_limited(self, settings: Settings) -> bool:
        """Whether its tenant may be given so many reply tokens a minute only."""
        default = settings.sessions.default_output_tokens_per_minute
        return bool(default or (self.tenant and self.tenant.output_tokens_per_minute))

    def max_cells(self, settings: Settings) -> int:
        """Cells of a device that its tenant may hold; 0 for any number."""
        own = self.tenant.max_cells if self.tenant is not None else None
        return own or settings.sessions.default_max_cells or 0
