"""Where a client's exchange is and who it is there: what the constructor says, then the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

PREFIX: Final = "MOCKEXCHANGE_"
DEFAULT_URL: Final = "http://localhost:8000"
DEFAULT_TIMEOUT_S: Final = 10.0


class Access(NamedTuple):
    """The exchange's URL without a slash at its end, the keys, and the certificate to trust beside the known ones."""

    base_url: str
    api_key: str
    secret: str
    admin_key: str
    timeout_ms: int
    ca_file: str


def read_access(
    config: Mapping[str, Any],
    *,
    base_url: str | None,
    api_key: str | None,
    secret: str | None,
    admin_key: str | None,
    timeout: float | None,
    ca_file: str | None,
) -> Access:
    """Return what counts: arguments win over ccxt's config, that over the environment. Raises ValueError."""
    url = (base_url or _variable("BASE_URL") or DEFAULT_URL).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"the base URL must look like {DEFAULT_URL}, not {url!r}")
    return Access(
        base_url=url,
        api_key=api_key or config.get("apiKey") or _variable("API_KEY"),
        secret=secret or config.get("secret") or _variable("SECRET"),
        admin_key=admin_key or _variable("ADMIN_KEY"),
        timeout_ms=_timeout_ms(config, timeout),
        ca_file=ca_file or _variable("CA_FILE"),
    )


def with_access(config: Mapping[str, Any], access: Access) -> dict[str, Any]:
    """Return ccxt's config with the keys, and options that keep to what this exchange has."""
    own_options = {"fetchMarkets": {"types": ["spot"]}, "warnOnFetchOpenOrdersWithoutSymbol": False}
    made = {
        **config,
        "apiKey": access.api_key,
        "secret": access.secret,
        "timeout": access.timeout_ms,
        "options": own_options | dict(config.get("options") or {}),
    }
    if access.ca_file:
        # ccxt hands the first to requests as `verify`, the second to the ssl module.
        made |= {"validateServerSsl": access.ca_file, "cafile": access.ca_file}
    return made


def urls_at(base_url: str, urls: Any) -> Any:
    """Return ccxt's tree of URLs, all of which point at this exchange: none leads to a real one."""
    if isinstance(urls, dict):
        return {name: urls_at(base_url, url) for name, url in urls.items()}
    parts = urlsplit(urls)
    is_socket = parts.scheme in {"ws", "wss"}
    return f"{base_url.replace('http', 'ws', 1) if is_socket else base_url}{parts.path}"


def api_urls(base_url: str, urls: dict[str, Any]) -> dict[str, Any]:
    """Return the `api` part of ccxt's URLs, with the forms that its spot methods need."""
    sockets = base_url.replace("http", "ws", 1)
    moved: dict[str, Any] = urls_at(base_url, urls)
    moved["ws"] = {
        **moved.get("ws", {}),
        # ccxt knows spot streams by "/stream" in their URL.
        "spot": f"{sockets}/stream/ws",
        "ws-api": {"spot": f"{sockets}/ws-api/v3"},
    }
    return moved


def _timeout_ms(config: Mapping[str, Any], timeout: float | None) -> int:
    if timeout is None and "timeout" in config:
        return int(config["timeout"])
    text = _variable("TIMEOUT")
    try:
        seconds = DEFAULT_TIMEOUT_S if timeout is None and not text else float(timeout if timeout is not None else text)
    except ValueError as error:
        raise ValueError(f"{PREFIX}TIMEOUT must be a number of seconds, not {text!r}") from error
    if not 0 < seconds < 86_400:
        raise ValueError(f"the timeout must be more than 0 and less than a day, not {seconds} seconds")
    return int(seconds * 1000)


def _variable(name: str) -> str:
    return os.environ.get(PREFIX + name, "")
