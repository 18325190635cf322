"""The outside market that the settings name."""

from __future__ import annotations

from collections.abc import Callable

from actors.feeds.replay import ReplaySource
from actors.feeds.source import MarketSource, SilentSource
from actors.feeds.synthetic import SyntheticSource
from infra.setting_values import parse_feed
from mockexchange.instruments import Instrument


def build_source(
    settings_feed: str, instruments: dict[str, Instrument], open_live: Callable[[str], MarketSource] | None = None
) -> MarketSource:
    """Make the source for a `MOCKX_FEED` text and the instruments that have a feed.

    `open_live` makes the source of a ccxt exchange. Raises ReplayError for a recording that cannot be played on them.
    """
    fed = {symbol: instrument for symbol, instrument in instruments.items() if instrument.feed}
    feed = parse_feed(settings_feed)
    match feed.kind:
        case "synthetic":
            return SyntheticSource(fed, feed.seed)
        case "replay":
            return ReplaySource(feed.path, fed)
        case "ccxt":
            assert open_live is not None
            return open_live(feed.venue)
        case "none":
            return SilentSource()
