"""Limits on how much one client may ask: counted over all gateway processes, by address and by account.

Counts are kept in windows that begin at the same moments everywhere. Whoever asks too much is refused until the window
ends, and whoever goes on then is banned, each time for twice as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.counters import SharedCounters
from gateway.failures import Failure
from infra.ports import Clock, Count

NS_PER_S: Final = 1_000_000_000
STRIKES_BEFORE_BAN: Final = 20
STRIKES_WINDOW_S: Final = 300
FIRST_BAN_S: Final = 120
LONGEST_BAN_S: Final = 259_200
MAX_KNOWN_BANS: Final = 10_000


@dataclass(frozen=True, slots=True)
class RateLimits:
    """How much is allowed; 0 is no limit. Weight and requests are an address's, orders an account's."""

    weight_per_minute: int = 6_000
    requests_per_5_minutes: int = 61_000
    orders_per_10_seconds: int = 100
    orders_per_day: int = 200_000


class Rule(NamedTuple):
    """At most `limit` within a window of so many seconds."""

    name: str
    limit: int
    seconds: int


class Used(NamedTuple):
    """How much of a rule is used up in the window of now."""

    rule: Rule
    total: int


class LimitExceeded(Failure):
    """A client asked too much, and has `used` so much. A ban ends at `banned_until_s` (0: there is none)."""

    def __init__(self, rule: Rule, retry_after_s: int, banned_until_s: int = 0, used: Sequence[Used] = ()) -> None:
        super().__init__(rule, retry_after_s, banned_until_s)
        self.used = used
        self.rule = rule
        self.retry_after_s = retry_after_s
        self.banned_until_s = banned_until_s


class Limiter:
    """Counts requests and orders, and refuses what is too much; `has_limits` tells whether anything is counted."""

    def __init__(self, limits: RateLimits, counters: SharedCounters, clock: Clock) -> None:
        self.weight = Rule("weight", limits.weight_per_minute, 60)
        self.raw = Rule("raw", limits.requests_per_5_minutes, 300)
        self.orders = (Rule("orders", limits.orders_per_10_seconds, 10), Rule("orders", limits.orders_per_day, 86_400))
        self.has_limits = any(rule.limit for rule in (self.weight, self.raw, *self.orders))
        self._counters = counters
        self._clock = clock
        self._bans: dict[str, int] = {}

    async def count_request(self, address: str, weight: int) -> list[Used]:
        """Count a request of an address; return what it has used up. Raises LimitExceeded."""
        if not self.has_limits:
            return []
        rules = [(rule, amount) for rule, amount in ((self.weight, weight), (self.raw, 1)) if rule.limit]
        if not rules:
            return []
        now_s = self._now_s()
        if self._bans.get(address, 0) > now_s:
            raise await self._strike(rules[0][0], address, now_s)
        counts = [_count(rule, address, now_s, amount) for rule, amount in rules]
        *totals, banned_until_s = await self._counters.add([*counts, Count(_ban(address), 0, 0, is_level=True)])
        if banned_until_s > now_s:
            self._remember(address, banned_until_s, now_s)
            raise await self._strike(rules[0][0], address, now_s)
        used = [Used(rule, total) for (rule, _), total in zip(rules, totals, strict=True)]
        for rule, total in used:
            if total > rule.limit:
                raise await self._strike(rule, address, now_s, used)
        return used

    async def count_orders(self, account: int, orders: int) -> list[Used]:
        """Count orders of an account (0: only look); return what it has used up. Raises LimitExceeded."""
        rules = [rule for rule in self.orders if rule.limit]
        if not rules:
            return []
        now_s = self._now_s()
        totals = await self._counters.add([_count(rule, str(account), now_s, orders) for rule in rules])
        used = [Used(rule, total) for rule, total in zip(rules, totals, strict=True)]
        for rule, total in used:
            if orders and total > rule.limit:
                raise LimitExceeded(rule, _until_next(rule, now_s), used=used)
        return used

    def _now_s(self) -> int:
        return self._clock.now_ns() // NS_PER_S

    async def _strike(self, rule: Rule, address: str, now_s: int, used: Sequence[Used] = ()) -> LimitExceeded:
        """Take note of a request that was too much; return what is said to it."""
        strikes = await self._add_one(f"strikes:{now_s // STRIKES_WINDOW_S}:{address}", STRIKES_WINDOW_S)
        if strikes % STRIKES_BEFORE_BAN == 0:
            await self._ban(address, now_s)
        until_s = self._bans.get(address, 0)
        if until_s > now_s:
            return LimitExceeded(rule, until_s - now_s, until_s, used)
        return LimitExceeded(rule, _until_next(rule, now_s), used=used)

    async def _ban(self, address: str, now_s: int) -> None:
        bans = await self._add_one(f"bans:{address}", LONGEST_BAN_S)
        length_s = min(FIRST_BAN_S << min(bans - 1, 20), LONGEST_BAN_S)
        level = Count(_ban(address), now_s + length_s, length_s, is_level=True)
        (until_s,) = await self._counters.add([level])
        self._remember(address, until_s, now_s)

    def _remember(self, address: str, until_s: int, now_s: int) -> None:
        if len(self._bans) >= MAX_KNOWN_BANS:
            self._bans = {known: end for known, end in self._bans.items() if end > now_s}
        self._bans[address] = until_s

    async def _add_one(self, key: str, life_s: int) -> int:
        return (await self._counters.add([Count(key, 1, life_s)]))[0]


def _count(rule: Rule, subject: str, now_s: int, amount: int) -> Count:
    return Count(f"{rule.name}:{rule.seconds}:{now_s // rule.seconds}:{subject}", amount, rule.seconds)


def _ban(address: str) -> str:
    return f"ban:{address}"


def _until_next(rule: Rule, now_s: int) -> int:
    return rule.seconds - now_s % rule.seconds
