"""Trades for candles: an instrument, journal records of own trades, payloads of prints."""

from __future__ import annotations

from infra.ports import JournalMessage
from mockexchange.candles import Candle, Interval, aggregated, candle_of
from mockexchange.instruments import Asset, Instrument
from mockexchange.messages.codec import encode
from mockexchange.messages.events import (
    AssetListed,
    BookRecord,
    FillSide,
    InstrumentListed,
    OrderFilled,
    RegistryRecord,
)
from mockexchange.messages.orders import Side, Trade
from mockexchange.messages.subjects import REGISTRY, book_journal, market
from mockexchange.views import encode_trade

BTC_USDT = Instrument("BTC", "USDT", 8, 8, 2, 5, feed=True)
ETH_USDT = Instrument("ETH", "USDT", 8, 8, 2, 4)
START_MS = 1_723_161_251_000
"""The manual clock's first moment."""


def trade(
    trade_id: int,
    price: int = 6_000_000,
    quantity: int = 1_000,
    *,
    at_ms: int = START_MS,
    side: Side = Side.BUY,
    is_outside: bool = False,
    instrument: Instrument = BTC_USDT,
) -> Trade:
    """Return a trade."""
    return Trade(trade_id, instrument.symbol, price, quantity, side, at_ms * 1_000_000, is_outside)


def candle(each: Trade, instrument: Instrument = BTC_USDT) -> Candle:
    """Return the one-second candle of a trade."""
    return candle_of(each, instrument.quote_amount(each.price, each.quantity))


def candles_of(trades: list[Trade], interval: Interval, instrument: Instrument = BTC_USDT) -> list[Candle]:
    """Return the candles of trades, in order."""
    ordered = sorted(trades, key=lambda each: (each.time_ns // 1_000_000_000, each.trade_id))
    return aggregated([candle(each, instrument) for each in ordered], interval)


def listing(sequence: int = 1) -> JournalMessage:
    """Return the registry record that lists the instruments."""
    assets = [AssetListed(Asset(code)) for code in ("BTC", "ETH", "USDT")]
    record = RegistryRecord(1, 0, 0, [*assets, InstrumentListed(BTC_USDT), InstrumentListed(ETH_USDT)])
    return JournalMessage(sequence, REGISTRY, encode(record))


def journaled(sequence: int, trades: list[Trade], instrument: Instrument = BTC_USDT) -> JournalMessage:
    """Return the book record of own trades, which have one time."""
    events = [_filled(each, instrument) for each in trades]
    record = BookRecord(1, 0, trades[0].time_ns, instrument.symbol, {}, [*events])
    return JournalMessage(sequence, book_journal(instrument.symbol), encode(record))


def said(each: Trade, instrument: Instrument = BTC_USDT) -> tuple[str, bytes]:
    """Return subject and payload of a trade: a print as the candle writer hears it, one of accounts as others do."""
    return market(instrument.symbol, "print" if each.is_outside else "trade"), encode_trade(each, instrument)


def _filled(each: Trade, instrument: Instrument) -> OrderFilled:
    taker, maker = FillSide(1, 1, 0, 0, 0, 0), FillSide(2, 2, 0, 0, 0, 0)
    base, quote = instrument.base_amount(each.quantity), instrument.quote_amount(each.price, each.quantity)
    return OrderFilled(each.trade_id, each.price, each.quantity, base, quote, each.taker_side, taker, maker, 0)
