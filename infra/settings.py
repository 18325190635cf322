"""Settings of an exchange: `MOCKX_*` in the environment, then `mockexchange.toml`, then the defaults below.

Each field says what it means and what fits; error lines and docs/configuration.md are made of that.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator
from pydantic.config import JsonDict
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from infra import setting_values as values
from infra.problem import Problem
from infra.recordings import recorded_symbols
from mockexchange.money import RATE_SCALE, to_units

PREFIX: Final = "MOCKX_"
CONFIG_VARIABLE: Final = "MOCKX_CONFIG"
CONFIG_FILE: Final = "mockexchange.toml"
DEFAULT_SYMBOLS: Final = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "BNB/USDT", "XRP/USDT")


class SettingsError(Problem):
    """Settings that cannot be used; each line names a setting and says what to change."""


def _setting(default: Any, meaning: str, fits: str, *, is_secret: bool = False, **bounds: Any) -> Any:
    extra: JsonDict = {"fits": fits, "is_secret": is_secret}
    return Field(default, description=meaning, json_schema_extra=extra, repr=not is_secret, **bounds)


def _port(default: int, meaning: str) -> Any:
    return _setting(default, meaning, "a port from 1 to 65535", ge=1, le=65535)


def _limit(default: int, meaning: str) -> Any:
    text = f"Limit of the Binance dialect: {meaning[0].lower()}{meaning[1:]} 0 lifts it."
    return _setting(default, text, "a whole number from 0 to 1000000000", ge=0, le=1_000_000_000)


_Host = Annotated[str, BeforeValidator(values.parse_host)]
_File = Annotated[Path, BeforeValidator(values.parse_file)]
_NatsUrl = Annotated[str, BeforeValidator(values.parse_nats_url)]
_ValkeyUrl = Annotated[str, BeforeValidator(values.parse_valkey_url)]
_RayAddress = Annotated[str, BeforeValidator(values.parse_ray_address)]
_Symbols = Annotated[tuple[str, ...], BeforeValidator(values.parse_symbols)]
_Feed = Annotated[str, BeforeValidator(lambda text: values.feed_text(values.parse_feed(text)))]
_FeedOptions = Annotated[str, BeforeValidator(values.parse_feed_options)]
_Fee = Annotated[Decimal, BeforeValidator(values.parse_fee)]
_Funds = Annotated[str, BeforeValidator(lambda text: values.funds_text(values.parse_funds(text)))]
_Sync = Annotated[str, BeforeValidator(values.parse_journal_sync)]
_Size = Annotated[int, BeforeValidator(values.parse_size)]


class Settings(BaseSettings):
    """Everything that can be set, resolved and checked."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        enable_decoding=False,
        extra="forbid",
        frozen=True,
        validate_default=True,
    )

    data_dir: Path = _setting(Path("./data"), "Where journal, logs and credentials live.", "a directory")
    host: _Host = _setting("127.0.0.1", "Where gateway and NATS listen.", "an IP address or a host name")
    gateway_port: int = _port(8000, "Port of the HTTP gateway.")
    tls_cert: _File | None = _setting(
        None, "Certificate of the gateway, with its chain; with it, all is https and wss.", "a PEM file"
    )
    tls_key: _File | None = _setting(None, "Key of that certificate, without a password.", "a PEM file")
    dashboard: bool = _setting(True, "Whether the dashboard runs.", "on or off")
    dashboard_port: int = _port(8050, "Port of the dashboard.")
    nats_port: int = _port(4222, "Port of the embedded NATS server.")
    valkey_port: int = _port(6380, "Port of the embedded Valkey server, on loopback.")
    ray_port: int = _port(6399, "Port of the local Ray's control service.")
    nats_url: _NatsUrl | None = _setting(
        None,
        "A NATS server with JetStream that already runs, in place of the embedded one.",
        "URLs like nats://user:password@host:4222, comma-separated",
        is_secret=True,
    )
    valkey_url: _ValkeyUrl | None = _setting(
        None,
        "A Valkey server that already runs, in place of the embedded one.",
        "a URL like valkey://:password@host:6379/0",
        is_secret=True,
    )
    ray_address: _RayAddress | None = _setting(
        None, "A Ray cluster that already runs, in place of a local one.", "an address like host:6379"
    )
    auth: bool = _setting(
        True, "Whether requests need a key; off makes each the demo account's, on loopback only.", "on or off"
    )
    admin_key: str | None = _setting(
        None,
        "The administrator's key; without one it is generated into credentials.toml.",
        "at least 16 letters, digits, dots, dashes or underscores",
        is_secret=True,
        pattern=r"^[A-Za-z0-9._-]{16,256}$",
    )
    symbols: _Symbols = _setting(
        DEFAULT_SYMBOLS,
        "Symbols to list; unless set, with a replay the recorded ones, with a real exchange those that are found.",
        "symbols like BTC/USDT,ETH/USDT in capital letters, none twice",
    )
    feed: _Feed = _setting(
        "synthetic:1",
        "The outside market that is mirrored into the books.",
        "synthetic, synthetic:<seed>, replay:<file>, ccxt:<exchange id> or none",
    )
    feed_quote: str = _setting(
        "USDT",
        "Quote asset of the symbols that are found at a real exchange, unless symbols are set.",
        "1 to 16 capital letters or digits",
        pattern=r"^[A-Z0-9]{1,16}$",
    )
    feed_limit: int = _setting(
        25,
        "Most symbols that are found at a real exchange, those with the most volume in 24 hours.",
        "a whole number from 1 to 500",
        ge=1,
        le=500,
    )
    feed_mode: Literal["auto", "rest"] = _setting(
        "auto", "How a real exchange is followed: WebSocket where ccxt has it, or by REST alone.", "auto or rest"
    )
    feed_options: _FeedOptions = _setting(
        "{}",
        "What ccxt's exchange is constructed with: URLs, options, a proxy.",
        "a JSON object",
        is_secret=True,
    )
    feed_silence_seconds: float = _setting(
        10.0,
        "After this long without a word from the feed its prices are stale.",
        "0.5 to 3600 seconds",
        ge=0.5,
        le=3600,
    )
    maker_fee: _Fee = _setting(
        Decimal("0.001"), "Fee of the order that rested, as a part of one.", "0 to 0.1 with at most 6 decimals"
    )
    taker_fee: _Fee = _setting(
        Decimal("0.001"), "Fee of the order that came, as a part of one.", "0 to 0.1 with at most 6 decimals"
    )
    cash_asset: str = _setting(
        "USDT", "The asset that values are stated in.", "1 to 16 capital letters or digits", pattern=r"^[A-Z0-9]{1,16}$"
    )
    demo_funds: _Funds = _setting(
        "100000 USDT", "Starting funds of the demo account.", "amounts like 100000 USDT, 1.5 BTC"
    )
    account_shards: int = _setting(
        1, "Shards the accounts are spread over; it may grow, never shrink.", "a whole number from 1 to 64", ge=1, le=64
    )
    gateway_processes: int = _setting(
        1, "Gateway processes, which share one port.", "a whole number from 1 to 64", ge=1, le=64
    )
    max_open_orders: int = _setting(
        200_000, "Most open orders of one account.", "a whole number from 1 to 1000000", ge=1, le=1_000_000
    )
    max_streams: int = _setting(
        2_000,
        "Most WebSocket connections of one gateway process.",
        "a whole number from 1 to 100000",
        ge=1,
        le=100_000,
    )
    limit_weight_per_minute: int = _limit(6_000, "Request weight of one address in a minute.")
    limit_requests_per_5_minutes: int = _limit(61_000, "Requests of one address in five minutes.")
    limit_orders_per_10_seconds: int = _limit(100, "New orders of one account in ten seconds.")
    limit_orders_per_day: int = _limit(200_000, "New orders of one account in a day.")
    order_timeout_seconds: float = _setting(
        5.0, "An order that no book has decided after this long is refused.", "0.1 to 60 seconds", ge=0.1, le=60
    )
    book_idle_seconds: float = _setting(
        300.0, "A book without orders goes to sleep after this long.", "1 to 86400 seconds", ge=1, le=86_400
    )
    journal_sync: _Sync = _setting(
        "1",
        "How often the embedded journal is forced to disk: a power cut, not a crash, loses what came after.",
        "always, or 1 to 9999 seconds",
    )
    journal_max_bytes: _Size = _setting(
        "10GB",
        "Most bytes of the journal; when it is full, orders are refused.",
        "at least 10MB, like 500MB or 10GB",
        ge=10_000_000,
    )
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "What goes into the logs.", "debug, info, warning or error"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let arguments win over the environment, and the environment over the file."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, init_kwargs=_file_values())

    @model_validator(mode="before")
    @classmethod
    def _take_symbols_of_recording(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "symbols" in data:
            return data
        try:
            source = values.parse_feed(str(data.get("feed", "none")))
        except ValueError:
            return data
        if source.kind == "ccxt":
            return data | {"symbols": ()}
        if source.kind != "replay":
            return data
        try:
            return data | {"symbols": recorded_symbols(source.path)}
        except values.Unfit as error:
            raise values.Unfit(f"{_variable('feed')}: {error}") from error

    @field_validator("data_dir")
    @classmethod
    def _resolve(cls, directory: Path) -> Path:
        return directory.expanduser().resolve()

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if not self.auth and not values.is_loopback(self.host):
            raise values.Unfit(
                f"{PREFIX}AUTH is off, but {PREFIX}HOST is {self.host!r}: turn it on, or set {PREFIX}HOST to 127.0.0.1"
            )
        if (self.tls_cert is None) is not (self.tls_key is None):
            given, missing = ("CERT", "KEY") if self.tls_key is None else ("KEY", "CERT")
            raise values.Unfit(
                f"{PREFIX}TLS_{given} is set, but {PREFIX}TLS_{missing} is not: set both, or use mockx up --tls"
            )
        taken: dict[int, str] = {}
        for field in ("gateway_port", "dashboard_port", "nats_port", "valkey_port", "ray_port"):
            port = getattr(self, field)
            if port in taken:
                raise values.Unfit(
                    f"{_variable(field)} is {port}, as is {_variable(taken[port])}: set one of them to another port"
                )
            taken[port] = field
        return self

    @property
    def maker_rate(self) -> int:
        """The maker fee in millionths."""
        return to_units(self.maker_fee, RATE_SCALE)

    @property
    def taker_rate(self) -> int:
        """The taker fee in millionths."""
        return to_units(self.taker_fee, RATE_SCALE)

    @property
    def demo_balances(self) -> dict[str, int]:
        """The demo account's starting funds: asset code to units."""
        return values.parse_funds(self.demo_funds)

    @property
    def feed_source(self) -> values.FeedSource:
        """The feed, taken apart."""
        return values.parse_feed(self.feed)

    @property
    def fed_symbols(self) -> frozenset[str]:
        """Those of `symbols` that the feed knows; the others are plain books between accounts."""
        match self.feed_source.kind:
            case "synthetic" | "ccxt":
                return frozenset(self.symbols)
            case "replay":
                return frozenset(self.symbols) & frozenset(recorded_symbols(self.feed_source.path))
            case "none":
                return frozenset()

    @property
    def gateway_url(self) -> str:
        """Where this machine reaches the gateway."""
        scheme = "http" if self.tls_cert is None else "https"
        return f"{scheme}://{values.reachable_host(self.host)}:{self.gateway_port}"

    @property
    def dashboard_url(self) -> str:
        """Where this machine reaches the dashboard."""
        scheme = "http" if self.tls_cert is None else "https"
        return f"{scheme}://{values.reachable_host(self.host)}:{self.dashboard_port}"

    @property
    def nats_endpoint(self) -> str:
        """Where this machine reaches NATS, embedded or not."""
        return self.nats_url or f"nats://{values.reachable_host(self.host)}:{self.nats_port}"

    @property
    def valkey_endpoint(self) -> str:
        """Where this machine reaches Valkey, embedded or not."""
        return self.valkey_url or f"valkey://127.0.0.1:{self.valkey_port}/0"

    @property
    def journal_sync_interval(self) -> str:
        """`journal_sync` as nats-server's `sync_interval` takes it."""
        return self.journal_sync if self.journal_sync == "always" else f"{self.journal_sync}s"

    def to_environment(self) -> dict[str, str]:
        """Return variables that give a child process exactly these settings, whatever else it finds."""
        variables = {_variable(name): _text(getattr(self, name)) for name in type(self).model_fields}
        return variables | {CONFIG_VARIABLE: os.devnull}


def load_settings() -> Settings:
    """Read, resolve and check all settings. Raises SettingsError with one line for each mistake."""
    _refuse_unknown(
        (name for name in os.environ if name.upper().startswith(PREFIX)),
        {CONFIG_VARIABLE, *map(_variable, Settings.model_fields)},
        "in the environment",
    )
    file_values = _file_values()
    _refuse_unknown(file_values, set(Settings.model_fields), f"in {_file()}")
    try:
        return Settings()
    except ValidationError as error:
        lines = dict.fromkeys(_line(problem, file_values) for problem in error.errors(include_url=False))
        raise SettingsError("\n".join(lines)) from error


def default_text(field: str) -> str:
    """Return a field's default as one would write it in the environment."""
    return _text(Settings.model_fields[field].default)


def _variable(field: str) -> str:
    return PREFIX + field.upper()


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "on" if value else "off"
        case tuple():
            return ",".join(map(str, value))
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)


def _file() -> Path:
    return Path(os.environ.get(CONFIG_VARIABLE) or CONFIG_FILE).expanduser()


def _file_values() -> dict[str, Any]:
    """Return what the configuration file sets; a file that is named must exist."""
    path = _file()
    try:
        return tomllib.loads(path.read_text(), parse_float=Decimal)
    except FileNotFoundError as error:
        if os.environ.get(CONFIG_VARIABLE):
            raise SettingsError(f"{CONFIG_VARIABLE} is {str(path)!r}, but there is no such file") from error
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error


def _refuse_unknown(names: Iterable[str], known: set[str], where: str) -> None:
    lines = []
    for name in names:
        if name.upper() not in known and name not in known:
            nearest = difflib.get_close_matches(name.upper(), [other.upper() for other in known], n=1, cutoff=0)
            suggestion = next(other for other in known if other.upper() == nearest[0])
            lines.append(f"{name} {where} is not a setting; did you mean {suggestion}?")
    if lines:
        raise SettingsError("\n".join(lines))


def _line(problem: ErrorDetails, file_values: Mapping[str, Any]) -> str:
    """Say in one line which setting is wrong and what would fit."""
    error = problem.get("ctx", {}).get("error")
    reason = str(error) if isinstance(error, values.Unfit) else ""
    field = str(problem["loc"][0]) if problem["loc"] else ""
    if field not in Settings.model_fields:
        return reason or problem["msg"]
    in_environment = any(name.upper() == _variable(field) for name in os.environ)
    name = _variable(field) if in_environment or field not in file_values else f"{field} in {_file()}"
    if reason:
        return f"{name}: {reason}"
    extra = Settings.model_fields[field].json_schema_extra
    assert isinstance(extra, dict)
    shown = "not usable" if extra["is_secret"] else repr(_text(problem["input"]))
    return f"{name} is {shown}, but must be {extra['fits']}"
