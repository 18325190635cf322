"""Counters in Valkey: many in one question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from infra.ports import Count, CountersUnavailable

PREFIX: Final = "mockx-limits:"
"""Not of the read model's prefix, which is emptied when that is rebuilt."""

# KEYS: the counters. ARGV: three for each, the amount, the life in seconds, and whether it is a level.
_COUNT: Final = """
local values = {}
for i = 1, #KEYS do
  local amount, life = tonumber(ARGV[3 * i - 2]), ARGV[3 * i - 1]
  local value
  if ARGV[3 * i] == '1' then
    value = tonumber(server.call('GET', KEYS[i]) or '0')
    if amount > value then
      server.call('SET', KEYS[i], amount, 'EX', life)
      value = amount
    end
  elseif amount == 0 then
    value = tonumber(server.call('GET', KEYS[i]) or '0')
  else
    value = server.call('INCRBY', KEYS[i], amount)
    if value == amount then server.call('EXPIRE', KEYS[i], life) end
  end
  values[i] = value
end
return values
"""


class ValkeyCounters:
    """Implements `Counters`."""

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey
        self._count = valkey.register_script(_COUNT)

    async def add(self, counts: Sequence[Count]) -> list[int]:
        """Count; return the new value of each. Raises CountersUnavailable."""
        keys = [f"{PREFIX}{count.key}" for count in counts]
        arguments = [part for count in counts for part in (count.amount, count.life_s, int(count.is_level))]
        try:
            return [int(value) for value in await self._count(keys, arguments)]
        except (ValkeyError, OSError) as error:
            raise CountersUnavailable(f"{type(error).__name__}: {error}") from error
