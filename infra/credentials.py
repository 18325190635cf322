"""Secrets of one data directory: made at the first start, readable by their owner alone."""

from __future__ import annotations

import os
import secrets
import stat
import tomllib
from pathlib import Path
from typing import Final

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from infra.embedded.files import replace_private
from infra.embedded.nats_server import INTERNAL_USER
from infra.problem import Problem
from infra.settings import Settings

FILE_NAME: Final = "credentials.toml"
NATS_USER: Final = INTERNAL_USER


class CredentialsError(Problem):
    """Credentials that cannot be used."""


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The secrets of an exchange. `seal_key` encrypts the API secrets of accounts in the journal.

    `dashboard_password` signs in to the dashboard as the administrator; none can where it is empty.
    """

    admin_key: str
    nats_password: str
    valkey_password: str
    ray_token: str
    seal_key: str
    demo_api_key: str
    demo_api_secret: str
    dashboard_password: str = ""

    def __repr__(self) -> str:
        """Show nothing: credentials must not reach a log."""
        return "Credentials(...)"


class ApiKey(msgspec.Struct, frozen=True):
    """An API key and its secret, as sealed in the journal."""

    api_key: str
    api_secret: str


def new_api_key() -> ApiKey:
    """Make an API key; both parts are fit for a NATS subject, a header and a URL."""
    return ApiKey(api_key=secrets.token_hex(16), api_secret=secrets.token_hex(32))


def seal(key: ApiKey, seal_key: str) -> bytes:
    """Encrypt an API key for the journal."""
    return Fernet(seal_key).encrypt(msgspec.json.encode(key))


def unseal(sealed: bytes, seal_key: str) -> ApiKey:
    """Decrypt an API key of the journal. Raises CredentialsError when it was sealed with another key."""
    try:
        return msgspec.json.decode(Fernet(seal_key).decrypt(sealed), type=ApiKey)
    except (InvalidToken, ValueError) as error:
        raise CredentialsError(
            f"{FILE_NAME}: seal_key does not open the keys in the journal; restore the file that belongs to this data"
        ) from error


def credentials_for(settings: Settings) -> Credentials:
    """Return the credentials of the data directory, made now if there are none; settings win over the file.

    The secret of a server that runs elsewhere is empty: what its URL or operator says counts, and it must not
    learn ours.
    """
    path = settings.data_dir / FILE_NAME
    credentials = read_credentials(path) if path.exists() else _create(path)
    return msgspec.structs.replace(
        credentials,
        admin_key=settings.admin_key or credentials.admin_key,
        nats_password="" if settings.nats_url else credentials.nats_password,
        valkey_password="" if settings.valkey_url else credentials.valkey_password,
        ray_token="" if settings.ray_address else credentials.ray_token,
    )


def ray_environment(ray_token: str) -> dict[str, str]:
    """Return variables by which a process and Ray know each other. Ray reads them when it is imported.

    Without a token, Ray runs elsewhere, and the variables or the file that its operator set up count.
    """
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": ray_token} if ray_token else {}
    # Ray gives way to all else by default; here it runs the order path itself.
    return token | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}


def read_credentials(path: Path) -> Credentials:
    """Read a credentials file. Raises CredentialsError when others may read it, or it is damaged."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise CredentialsError(f"{path} may be read by others (mode {mode:03o}): run chmod 600 {path}")
            return msgspec.convert(tomllib.load(file), Credentials)
    except OSError as error:
        raise CredentialsError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise CredentialsError(f"{path} is damaged ({error}): restore it from a backup") from error


def _create(path: Path) -> Credentials:
    demo = new_api_key()
    credentials = Credentials(
        admin_key=secrets.token_hex(24),
        nats_password=secrets.token_hex(24),
        valkey_password=secrets.token_hex(24),
        ray_token=secrets.token_hex(32),
        seal_key=Fernet.generate_key().decode(),
        demo_api_key=demo.api_key,
        demo_api_secret=demo.api_secret,
        dashboard_password=secrets.token_urlsafe(9),
    )
    lines = [f'{name} = "{value}"' for name, value in msgspec.structs.asdict(credentials).items()]
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{FILE_NAME}.{secrets.token_hex(4)}")
    replace_private(draft, "\n".join(lines) + "\n")
    try:
        # Of several processes that start at once, one makes the credentials and all use them.
        os.link(draft, path)
    except FileExistsError:
        return read_credentials(path)
    finally:
        draft.unlink()
    return credentials
