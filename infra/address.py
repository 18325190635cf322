"""Where the gateway of an exchange is: what its settings say, and what a running one has left in its data directory."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from infra.data_directory import lock_holder
from infra.embedded.files import replace_private
from infra.settings import Settings

FILE_NAME: Final = "address.json"


class Address(NamedTuple):
    """A gateway's URL, and the certificate to trust where that begins with https."""

    url: str
    certificate: Path | None = None


def address_of(settings: Settings) -> Address:
    """Return where an exchange with these settings is reached from this machine."""
    return Address(settings.gateway_url, settings.tls_cert)


def leave_address(settings: Settings) -> None:
    """Let other programs find this exchange by its data directory, however it was started."""
    address = address_of(settings)
    certificate = None if address.certificate is None else str(address.certificate)
    replace_private(settings.data_dir / FILE_NAME, msgspec.json.encode((address.url, certificate)).decode())


def find_address(settings: Settings) -> Address:
    """Return where the exchange runs that holds the data directory; when none does, where it would."""
    path = settings.data_dir / FILE_NAME
    if lock_holder(settings.data_dir) is None or not path.exists():
        return address_of(settings)
    url, certificate = msgspec.json.decode(path.read_bytes(), type=tuple[str, str | None])
    return Address(url, None if certificate is None else Path(certificate))
