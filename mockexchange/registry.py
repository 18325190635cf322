"""The registry: accounts, keys, instruments, as a fold of `journal.registry`.

Gateways, shards and books fold it at start and follow it; the directory alone writes it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from mockexchange.instruments import Asset, Instrument
from mockexchange.messages.events import (
    AccountCreated,
    AssetListed,
    InstrumentListed,
    KeyCreated,
    KeyRevoked,
    MaintenanceSwitched,
    RegistryRecord,
    ShardsConfigured,
)


def key_digest(api_key: str) -> bytes:
    """Return the digest under which a key is known; keys are compared by it, never as text."""
    return hashlib.sha256(api_key.encode()).digest()


@dataclass(slots=True)
class Registry:
    """Everything listed and everybody known, at one journal `sequence`."""

    sequence: int = 0
    subject_sequence: int = 0
    shards: int = 0
    assets: dict[str, Asset] = field(default_factory=dict)
    instruments: dict[str, Instrument] = field(default_factory=dict)
    accounts: dict[int, AccountCreated] = field(default_factory=dict)
    keys: dict[str, KeyCreated] = field(default_factory=dict)
    is_under_maintenance: bool = False
    _by_digest: dict[bytes, KeyCreated] = field(default_factory=dict)

    def apply(self, sequence: int, record: RegistryRecord) -> None:
        """Fold one record that stands at a stream sequence; records must come in order."""
        for event in record.events:
            match event:
                case ShardsConfigured(count):
                    self.shards = count
                case AssetListed(asset):
                    self.assets[asset.code] = asset
                case InstrumentListed(instrument):
                    self.instruments[instrument.symbol] = instrument
                case AccountCreated():
                    self.accounts[event.account] = event
                case KeyCreated():
                    self.keys[event.key_id] = event
                    self._by_digest[event.digest] = event
                case KeyRevoked(key_id):
                    self._by_digest.pop(self.keys.pop(key_id).digest)
                case MaintenanceSwitched(is_on):
                    self.is_under_maintenance = is_on
        self.sequence = self.subject_sequence = sequence

    def key(self, api_key: str) -> KeyCreated | None:
        """Return the valid key with this text, or None. The lookup is by digest, so time tells nothing of the text."""
        return self._by_digest.get(key_digest(api_key))

    def account_named(self, name: str) -> AccountCreated | None:
        """Return the account with this name, or None."""
        return next((account for account in self.accounts.values() if account.name == name), None)
