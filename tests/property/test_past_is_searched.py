"""A row of history that is searched by halves and read in pieces says what the whole row would say."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from gateway.past import Past

ROWS = st.lists(st.integers(0, 50), max_size=1_300).map(sorted)


def past_of(rows: list[int]) -> Past[int]:
    async def rows_at(start: int, stop: int) -> list[int]:
        assert 0 <= start <= stop <= len(rows)
        return rows[start:stop]

    return Past(len(rows), rows_at)


@given(ROWS, st.integers(-1, 51))
def test_the_first_row_of_a_kind_is_found(rows: list[int], wanted: int) -> None:
    place = asyncio.run(past_of(rows).first_at(lambda row: row >= wanted))
    assert all(row < wanted for row in rows[:place])
    assert all(row >= wanted for row in rows[place:])


@given(ROWS, st.data(), st.integers(1, 700), st.integers(1, 3))
def test_rows_that_fit_are_read_from_a_place_on_and_back(
    rows: list[int], data: st.DataObject, limit: int, step: int
) -> None:
    place = data.draw(st.integers(0, len(rows)))
    past = past_of(rows)

    def fits(row: int) -> bool:
        return row % step == 0

    assert asyncio.run(past.after(place, limit, fits)) == [row for row in rows[place:] if fits(row)][:limit]
    assert asyncio.run(past.before(place, limit, fits)) == [row for row in rows[:place] if fits(row)][-limit:]
