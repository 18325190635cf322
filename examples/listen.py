"""Print the ticks of all markets and the fills of one account, with nothing but nats-py.

    pip install nats-py
    python examples/listen.py --account 1 --key <api key> --secret <api secret>

The key and secret of the demo account stand in `data/credentials.toml`. The subjects and payloads are described in
`docs/protocol.md`. Stops with Ctrl-C, or after `--count` messages.
"""

from __future__ import annotations

import argparse
import asyncio
import json

import nats
from nats.aio.msg import Msg


def line_of(subject: str, payload: dict[str, object]) -> str:
    """Say in one line what a message says."""
    if subject.endswith(".ticker"):
        return f"tick  {payload['symbol']:<10} bid {payload['bid']}  ask {payload['ask']}  last {payload['last']}"
    fill = payload["fill"]
    assert isinstance(fill, dict)
    return (
        f"fill  {fill['symbol']:<10} {fill['side']} {fill['amount']} at {fill['price']}, fee {fill['fee']} "
        f"{fill['fee_currency']}, order {fill['order_id']}"
    )


async def listen(url: str, account: str, key: str, secret: str, count: int) -> None:
    """Subscribe and print until `count` messages were seen (0: without end)."""
    connection = await nats.connect(url, user=key, password=secret, inbox_prefix=f"_INBOX.{key}".encode())
    messages: asyncio.Queue[Msg] = asyncio.Queue()
    for subject in ("market.*.ticker", f"account.{account}.fills"):
        await connection.subscribe(subject, cb=messages.put)
    await connection.flush()
    seen = 0
    try:
        while not count or seen < count:
            message = await messages.get()
            print(line_of(message.subject, json.loads(message.data)), flush=True)
            seen += 1
    finally:
        await connection.close()


def main() -> None:
    """Read the command line and listen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="nats://127.0.0.1:4222")
    parser.add_argument("--account", default="1", help="the account's number (default: %(default)s, demo)")
    parser.add_argument("--key", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--count", type=int, default=0, help="stop after so many messages (default: never)")
    options = parser.parse_args()
    try:
        asyncio.run(listen(options.url, options.account, options.key, options.secret, options.count))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
