"""Public keys by which clients sign: RSA and Ed25519, as PEM."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MAX_PEM: Final = 4_096
RSA_BITS: Final = range(2_048, 4_097)


class PublicKeyError(ValueError):
    """A text that is no public key that can be used; the message says why."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that checks signatures of its other half."""

    key: RSAPublicKey | Ed25519PublicKey

    @property
    def kind(self) -> str:
        """What it is: `rsa` or `ed25519`."""
        return "rsa" if isinstance(self.key, RSAPublicKey) else "ed25519"

    @property
    def pem(self) -> str:
        """The key as text."""
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_bytes(encoding, form).decode()

    def verify(self, payload: bytes, signature: str) -> bool:
        """Say whether a base64 signature of a payload was made by the other half."""
        try:
            signed = base64.b64decode(signature, validate=True)
            if isinstance(self.key, RSAPublicKey):
                self.key.verify(signed, payload, padding.PKCS1v15(), hashes.SHA256())
            else:
                self.key.verify(signed, payload)
        except (binascii.Error, ValueError, InvalidSignature):
            return False
        return True


def parse_public_key(pem: str) -> PublicKey:
    """Read a public key. Raises PublicKeyError."""
    if len(pem) > MAX_PEM:
        raise PublicKeyError(f"must be at most {MAX_PEM} characters")
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PublicKeyError("must be a public key as PEM, which begins with -----BEGIN PUBLIC KEY-----") from error
    if isinstance(key, RSAPublicKey):
        if key.key_size not in RSA_BITS:
            raise PublicKeyError(f"must have {RSA_BITS[0]} to {RSA_BITS[-1]} bits")
        return PublicKey(key)
    if isinstance(key, Ed25519PublicKey):
        return PublicKey(key)
    raise PublicKeyError("must be an RSA or an Ed25519 key")
