"""The directory: the only writer of the registry, and the one that starts actors and keeps them alive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Final, NamedTuple

import msgspec

from actors.fleet import Fleet, Missing, Part, book_part, shard_part
from actors.runtime import Pauses, Tenure, World, last_sequence, read_until, run
from actors.surveys import AWAY, Survey
from infra.ports import JournalUnavailable, PeerLost
from infra.public_keys import PublicKeyError, parse_public_key
from mockexchange.instruments import Asset, Instrument, ListingError, check_listing
from mockexchange.messages.codec import decode_directory_request, decode_registry_record, encode
from mockexchange.messages.directory import (
    CreateAccount,
    CreateKey,
    DirectoryAnswer,
    DirectoryRefused,
    DirectoryRequest,
    DirectoryUnready,
    Done,
    EnsureBook,
    KeyMade,
    ListInstrument,
    RevokeKey,
    SwitchMaintenance,
)
from mockexchange.messages.events import (
    SCHEMA_VERSION,
    AccountCreated,
    AssetListed,
    InstrumentListed,
    KeyCreated,
    KeyRevoked,
    MaintenanceSwitched,
    RegistryEvent,
    RegistryRecord,
    ShardsConfigured,
)
from mockexchange.messages.subjects import REGISTRY, heartbeat
from mockexchange.registry import Registry, key_digest

WATCH_S: Final = 1.0
STATUS_TIMEOUT_S: Final = 2.0
SURVEY_EVERY: Final = 5
"""The servers are asked once in so many rounds."""

UNRESPONSIVE_AFTER: Final = 5
"""Unanswered questions in a row after which an actor is replaced."""

NS_PER_MS: Final = 1_000_000
MAX_ACCOUNTS: Final = 100_000
MAX_KEYS_PER_ACCOUNT: Final = 20
MAX_NAME_LENGTH: Final = 64
PERMISSIONS: Final = ("read", "trade")


class Secret(NamedTuple):
    """An API key, its secret, and both sealed for the journal."""

    api_key: str
    api_secret: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class DirectorySettings:
    """What exists from the first start on.

    `demo` is the first account's name, funds (asset to units), their values in the cash asset, and its secret.
    """

    shards: int
    assets: list[Asset]
    instruments: list[Instrument]
    demo_name: str
    demo_funds: dict[str, int]
    demo_values: dict[str, int]
    demo_secret: Secret
    always_on: list[Part] = field(default_factory=list)


@dataclass(slots=True)
class Life:
    """The process in which an actor lives, since when, and how many it has lost."""

    pid: object
    since_ms: int
    restarts: int = 0


class TooFewShards(Exception):
    """The settings ask for fewer accounts shards than are in use."""


class DirectoryShell:
    """Runs the registry and watches over a fleet."""

    def __init__(
        self,
        world: World,
        fleet: Fleet,
        settings: DirectorySettings,
        new_secret: Callable[[], Secret],
        surveys: Mapping[str, Survey] | None = None,
    ) -> None:
        self.registry = Registry()
        self._world = world
        self._fleet = fleet
        self._settings = settings
        self._new_secret = new_secret
        self._tenure = Tenure(world, REGISTRY)
        self._lock = asyncio.Lock()
        self._book_locks: dict[str, asyncio.Lock] = {}
        self._books: set[str] = set()
        self._silences: dict[Part, int] = {}
        self._statuses: dict[str, dict[str, object]] = {}
        self._lives: dict[str, Life] = {}
        self._surveys = surveys or {}
        self._servers: dict[str, dict[str, object]] = {}
        self._watch: asyncio.Task[None] | None = None
        self.is_serving = False
        self.counters = {"started": 0, "replaced": 0}

    async def start(self) -> None:
        """Recover the registry, list what the settings name, start the actors that always run, then watch."""
        end = await last_sequence(self._world, REGISTRY)
        async for message in read_until(self._world, [REGISTRY], 1, end):
            self.registry.apply(message.sequence, decode_registry_record(message.payload))
        self._tenure.sequence = end
        pauses = Pauses(self._world.clock)
        while isinstance(await self._append(self._first_events()), DirectoryUnready):
            await pauses.wait()
        self._books = {part.key for part in await self._fleet.books()}
        self.is_serving = True
        self._watch = run(self._world, self._watch_over())

    async def stop(self) -> None:
        """Watch no longer."""
        if self._watch is not None:
            self._watch.cancel()

    async def handle(self, payload: bytes) -> bytes:
        """Answer one encoded request."""
        if not self.is_serving:
            return encode(DirectoryUnready("the directory is recovering"))
        return encode(await self._answer(decode_directory_request(payload)))

    def status(self) -> dict[str, object]:
        """Describe the directory and all it watches."""
        return {
            "state": "serving" if self.is_serving else "recovering",
            "accounts": len(self.registry.accounts),
            "keys": len(self.registry.keys),
            "instruments": len(self.registry.instruments),
            "parts": {name: status | self._life_of(name) for name, status in self._statuses.items()},
            "servers": self._servers,
            **self.counters,
        }

    # --- the registry ---

    async def _answer(self, request: DirectoryRequest) -> DirectoryAnswer:
        if isinstance(request, EnsureBook):
            return await self._ensure_book(request.symbol)
        async with self._lock:
            match request:
                case CreateAccount():
                    return await self._create_account(request)
                case CreateKey():
                    return await self._create_key(request)
                case RevokeKey(key_id):
                    if key_id not in self.registry.keys:
                        return DirectoryRefused("key_id", "no such key", 404)
                    return await self._append([KeyRevoked(key_id)])
                case ListInstrument():
                    return await self._list(request)
                case SwitchMaintenance(is_on):
                    is_news = is_on is not self.registry.is_under_maintenance
                    return await self._append([MaintenanceSwitched(is_on)] if is_news else [])

    async def _create_account(self, request: CreateAccount) -> DirectoryAnswer:
        name = request.name.strip()
        if not 1 <= len(name) <= MAX_NAME_LENGTH or not name.isprintable():
            return DirectoryRefused("name", f"must be 1 to {MAX_NAME_LENGTH} printable characters")
        if self.registry.account_named(name) is not None:
            return DirectoryRefused("name", "an account with this name exists", 409)
        if len(self.registry.accounts) >= MAX_ACCOUNTS:
            return DirectoryRefused("name", f"there are {MAX_ACCOUNTS} accounts, which is the limit", 409)
        for asset in request.funds:
            if asset not in self.registry.assets:
                return DirectoryRefused("funds", f"the asset {asset} is not known", 404)
        account = self._new_account(name, request.funds, request.values)
        return await self._append_with_key([account], account.account, list(PERMISSIONS), self._new_secret())

    async def _create_key(self, request: CreateKey) -> DirectoryAnswer:
        if request.account not in self.registry.accounts:
            return DirectoryRefused("account", "no such account", 404)
        if not request.permissions or not set(request.permissions) <= set(PERMISSIONS):
            return DirectoryRefused("permissions", f"must be some of {', '.join(PERMISSIONS)}")
        existing = sum(key.account == request.account for key in self.registry.keys.values())
        if existing >= MAX_KEYS_PER_ACCOUNT:
            return DirectoryRefused("account", f"the account has {MAX_KEYS_PER_ACCOUNT} keys, which is the limit", 409)
        try:
            public_key = parse_public_key(request.public_key).pem if request.public_key else ""
        except PublicKeyError as error:
            return DirectoryRefused("public_key", str(error))
        secret = self._new_secret()
        return await self._append_with_key([], request.account, request.permissions, secret, public_key)

    async def _append_with_key(
        self, events: list[RegistryEvent], account: int, permissions: list[str], secret: Secret, public_key: str = ""
    ) -> DirectoryAnswer:
        key = self._new_key(account, permissions, secret, public_key)
        done = await self._append([*events, key])
        if not isinstance(done, Done):
            return done
        return KeyMade(account, key.key_id, secret.api_key, secret.api_secret, done.sequence)

    async def _list(self, request: ListInstrument) -> DirectoryAnswer:
        try:
            events = self._listing(request.instrument, request.assets)
        except ListingError as error:
            listed_field, _, reason = str(error).partition(": ")
            return DirectoryRefused(listed_field, reason)
        return await self._append(events)

    def _listing(self, instrument: Instrument, assets: list[Asset]) -> list[RegistryEvent]:
        """Return the events that list an instrument. Raises ListingError."""
        check_listing(instrument)
        events: list[RegistryEvent] = []
        scales = ((instrument.base, instrument.base_scale), (instrument.quote, instrument.quote_scale))
        known = {asset.code: asset for asset in (*assets, *self.registry.assets.values())}
        for code, scale in scales:
            asset = known.get(code, Asset(code, scale))
            if asset.scale != scale:
                raise ListingError(f"base_scale: the asset {code} has {asset.scale} decimals for life")
            if code not in self.registry.assets:
                events.append(AssetListed(asset))
        listed = self.registry.instruments.get(instrument.symbol)
        if listed is not None and (listed.price_scale, listed.quantity_scale) != (
            instrument.price_scale,
            instrument.quantity_scale,
        ):
            raise ListingError("price_scale: the scales of a listed instrument never change")
        return events if listed == instrument else [*events, InstrumentListed(instrument)]

    def _first_events(self) -> list[RegistryEvent]:
        """Return what the settings ask for and the registry does not have yet."""
        settings, registry = self._settings, self.registry
        in_use = max((account.shard + 1 for account in registry.accounts.values()), default=0)
        if settings.shards < in_use:
            raise TooFewShards(
                f"MOCKX_ACCOUNT_SHARDS is {settings.shards}, but accounts live on {in_use} shards: set it to at "
                f"least {in_use}"
            )
        events: list[RegistryEvent] = []
        if registry.shards != settings.shards:
            events.append(ShardsConfigured(settings.shards))
        events += [AssetListed(asset) for asset in settings.assets if asset.code not in registry.assets]
        for instrument in settings.instruments:
            listed = registry.instruments.get(instrument.symbol)
            # Of a listed instrument only the feed is the settings' business; filters may have been changed since.
            wanted = instrument if listed is None else msgspec.structs.replace(listed, feed=instrument.feed)
            if wanted != listed:
                events.append(InstrumentListed(wanted))
        if not registry.accounts:
            demo = self._new_account(settings.demo_name, settings.demo_funds, settings.demo_values)
            events += [demo, self._new_key(demo.account, list(PERMISSIONS), settings.demo_secret)]
        return events

    def _new_account(self, name: str, funds: dict[str, int], values: dict[str, int]) -> AccountCreated:
        number = max(self.registry.accounts, default=0) + 1
        return AccountCreated(number, name, (number - 1) % self._settings.shards, funds, values)

    def _new_key(self, account: int, permissions: list[str], secret: Secret, public_key: str = "") -> KeyCreated:
        digest = key_digest(secret.api_key)
        return KeyCreated(digest.hex()[:12], account, digest, secret.sealed, permissions, public_key)

    async def _append(self, events: list[RegistryEvent]) -> Done | DirectoryUnready:
        if not events:
            return Done(self.registry.sequence)
        record = RegistryRecord(SCHEMA_VERSION, self._tenure.sequence, self._world.clock.now_ns(), events)
        try:
            sequence = await self._tenure.append(encode(record))
        except JournalUnavailable as failure:
            return DirectoryUnready(str(failure))
        self.registry.apply(sequence, record)
        return Done(sequence)

    # --- the fleet ---

    async def _ensure_book(self, symbol: str) -> DirectoryAnswer:
        if symbol not in self.registry.instruments:
            return DirectoryRefused("symbol", "the symbol is not listed", 404)
        async with self._book_locks.setdefault(symbol, asyncio.Lock()):
            part = book_part(symbol)
            self._books.add(symbol)
            try:
                await self._fleet.ensure(part)
                async with asyncio.timeout(STATUS_TIMEOUT_S):
                    status = await self._fleet.status(part)
                if status["state"] == "passive":
                    await self._replace(part)
            except (PeerLost, TimeoutError) as failure:
                return DirectoryUnready(f"the book of {symbol} is being started: {failure}")
        return Done(0)

    async def _watch_over(self) -> None:
        for round_number in count():
            parts = [*(shard_part(shard) for shard in range(self._settings.shards)), *self._settings.always_on]
            parts += [book_part(symbol) for symbol in sorted(self._books)]
            await asyncio.gather(*(self._look_after(part) for part in parts))
            if round_number % SURVEY_EVERY == 0:
                await asyncio.gather(*(self._survey(name, survey) for name, survey in self._surveys.items()))
            payload = json.dumps({"part": "directory", **self.status()}).encode()
            self._world.bus.publish(heartbeat("directory"), payload)
            await self._world.clock.sleep(WATCH_S)

    async def _look_after(self, part: Part) -> None:
        """Ask an actor how it is; start one that is missing, replace one that has not answered for long."""
        try:
            async with asyncio.timeout(STATUS_TIMEOUT_S):
                self._statuses[part.name] = await self._fleet.status(part)
            self._silences[part] = 0
            self._note_life(part.name, self._statuses[part.name].get("pid"))
        except TimeoutError:
            self._silences[part] = self._silences.get(part, 0) + 1
            self._statuses[part.name] = {"state": "silent"}
            if self._silences[part] >= UNRESPONSIVE_AFTER:
                await self._replace_silent(part)
        except Missing:
            await self._revive(part)
        except PeerLost as failure:
            # It died and is being restarted where it ran.
            self._statuses[part.name] = {"state": "restarting", "detail": str(failure)}

    def _note_life(self, name: str, pid: object) -> None:
        if pid is None:
            return
        life = self._lives.get(name)
        if life is None:
            self._lives[name] = Life(pid, self._world.clock.now_ns() // NS_PER_MS)
        elif life.pid != pid:
            self._lives[name] = Life(pid, self._world.clock.now_ns() // NS_PER_MS, life.restarts + 1)

    def _life_of(self, name: str) -> dict[str, object]:
        life = self._lives.get(name)
        return {} if life is None else {"restarts": life.restarts, "since": life.since_ms}

    async def _survey(self, name: str, survey: Survey) -> None:
        try:
            async with asyncio.timeout(STATUS_TIMEOUT_S):
                self._servers[name] = await survey()
        except TimeoutError:
            self._servers[name] = AWAY

    async def _revive(self, part: Part) -> None:
        """Start an actor that always runs. A book is started when it is used next, or by a shard that needs it."""
        if part.kind == "book":
            self._books.discard(part.key)
            self._statuses.pop(part.name, None)
            # One that sleeps and wakes has not been restarted.
            self._lives.pop(part.name, None)
            return
        self._statuses[part.name] = {"state": "starting"}
        try:
            await self._fleet.ensure(part)
            self.counters["started"] += 1
        except PeerLost as failure:
            self._statuses[part.name] = {"state": "starting", "detail": str(failure)}

    async def _replace_silent(self, part: Part) -> None:
        self._silences[part] = 0
        try:
            await self._replace(part)
        except PeerLost as failure:
            self._statuses[part.name] = {"state": "silent", "detail": str(failure)}

    async def _replace(self, part: Part) -> None:
        await self._fleet.remove(part)
        await self._fleet.ensure(part)
        self.counters["replaced"] += 1
