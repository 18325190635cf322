"""Messages that come and go in numbers: none is lost, none overtakes another, whatever else comes between them."""

from __future__ import annotations

import asyncio
import json

from tests.support.eventually import eventually
from tests.support.stream_site import StreamSite, on_a_stream_site

ASKED = 300


def request(number: int) -> str:
    return json.dumps({"id": number, "method": "time"})


@on_a_stream_site()
async def test_all_of_many_at_once_are_answered(at: StreamSite) -> None:
    async with at.talk("/ws-api/v3") as talk:
        for number in range(ASKED):
            await talk.say(request(number))
        answers = [await talk.hear() for _ in range(ASKED)]
        assert sorted(answer["id"] for answer in answers) == list(range(ASKED))


@on_a_stream_site()
async def test_pieces_bytes_and_pings_stand_between_messages_as_they_came(at: StreamSite) -> None:
    async with at.talk("/ws") as talk:
        await talk.say({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        pong = await talk.socket.ping()
        await talk.socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 2}).encode())
        await talk.socket.send(iter(['{"method": "LIST_SUB', 'SCRIPTIONS", "id": "\N{GREEK SMALL LETTER MU}"}']))
        assert [(await talk.hear())["id"] for _ in range(3)] == [1, 2, "\N{GREEK SMALL LETTER MU}"]
        await asyncio.wait_for(pong, 5.0)


@on_a_stream_site()
async def test_who_says_much_and_goes_leaves_nothing_behind(at: StreamSite) -> None:
    async with at.talk("/ws-api/v3") as talk:
        for number in range(ASKED):
            await talk.say(request(number))
    await eventually(lambda: at.sockets == 0)
    await eventually(lambda: at.gateway.streams.connections == 0)
    async with at.talk("/ws-api/v3") as talk:
        assert (await talk.ask(request(1)))["id"] == 1
