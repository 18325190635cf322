"""What administrators ask the directory, and its answers. A call carries one request and gets one answer."""

from __future__ import annotations

import msgspec

from mockexchange.instruments import Asset, Instrument


class CreateAccount(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """Create an account with a first key.

    `funds` are its starting funds, asset code to units, `values` their worth in the cash asset's units.
    A name can be taken once.
    """

    name: str
    funds: dict[str, int]
    values: dict[str, int] = {}


class CreateKey(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """Make another key for an account. Permissions: `read`, `trade`.

    With a `public_key` (PEM, RSA or Ed25519) requests are signed by its other half.
    """

    account: int
    permissions: list[str]
    public_key: str = ""


class RevokeKey(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """Make a key invalid for ever."""

    key_id: str


class ListInstrument(msgspec.Struct, array_like=True, frozen=True, tag=4):
    """List an instrument, and the assets of it that are new; or change the filters of a listed one."""

    instrument: Instrument
    assets: list[Asset]


class EnsureBook(msgspec.Struct, array_like=True, frozen=True, tag=5):
    """Start the book of a symbol, or replace one that is passive or dead."""

    symbol: str


class SwitchMaintenance(msgspec.Struct, array_like=True, frozen=True, tag=6):
    """Refuse new orders from now on, or take them again."""

    is_on: bool


DirectoryRequest = CreateAccount | CreateKey | RevokeKey | ListInstrument | EnsureBook | SwitchMaintenance


class KeyMade(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """A new key; the only time its secret is shown. `sequence` is the journal's."""

    account: int
    key_id: str
    api_key: str
    api_secret: str
    sequence: int


class Done(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """The change is in the journal at stream `sequence` (0: nothing had to change)."""

    sequence: int


class DirectoryRefused(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """Refused: the field that is wrong and why. `status` is the fitting HTTP status."""

    field: str
    reason: str
    status: int = 400


class DirectoryUnready(msgspec.Struct, array_like=True, frozen=True, tag=4):
    """Not now: the directory is recovering or the journal is down."""

    detail: str


DirectoryAnswer = KeyMade | Done | DirectoryRefused | DirectoryUnready
