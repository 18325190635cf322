"""What each API key signs with: its secret, or the other half of a public key."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.registry_follower import RegistryFollower
from infra.credentials import ApiKey
from infra.public_keys import PublicKey, parse_public_key
from mockexchange.messages.events import KeyCreated

Unseal = Callable[[bytes], ApiKey]
"""Opens what the journal holds of a key."""


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A secret that both sides know."""

    secret: bytes

    def verify(self, payload: bytes, signature: str) -> bool:
        """Say whether a hexadecimal signature of a payload was made with this secret, in constant time."""
        expected = hmac.digest(self.secret, payload, "sha256").hex().encode()
        return hmac.compare_digest(expected, signature.lower().encode())


Verifier = SecretKey | PublicKey


class KeyRing:
    """Opens keys when they are first used and keeps them open until the registry has changed."""

    def __init__(self, follower: RegistryFollower, unseal: Unseal) -> None:
        self._follower = follower
        self._unseal = unseal
        self._open: dict[str, Verifier] = {}
        self._open_of = -1

    def verifier(self, api_key: str) -> Verifier | None:
        """Return what checks the signatures of a valid key, None if there is no such key. Raises CredentialsError."""
        registry = self._follower.registry
        key = registry.key(api_key)
        if key is None:
            return None
        if self._open_of != registry.sequence:
            self._open = {key_id: verifier for key_id, verifier in self._open.items() if key_id in registry.keys}
            self._open_of = registry.sequence
        verifier = self._open.get(key.key_id)
        if verifier is None:
            verifier = self._open[key.key_id] = self._opened(key)
        return verifier

    def _opened(self, key: KeyCreated) -> Verifier:
        if key.public_key:
            return parse_public_key(key.public_key)
        return SecretKey(self._unseal(key.sealed).api_secret.encode())


HMAC: Final = "hmac"


def kind_of(key: KeyCreated) -> str:
    """Return by what a key signs: `hmac`, `rsa` or `ed25519`."""
    return parse_public_key(key.public_key).kind if key.public_key else HMAC
