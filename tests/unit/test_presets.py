import pytest

from infra.settings import DEFAULT_SYMBOLS
from mockexchange.instruments import check_listing
from mockexchange.presets import KNOWN_SYMBOLS, preset, symbol_of_venue


@pytest.mark.parametrize("symbol", [*KNOWN_SYMBOLS, "PEPE/USDT", "ABC/XYZ", "A/B"])
def test_every_preset_can_be_listed_and_traded(symbol):
    instrument = preset(symbol)
    check_listing(instrument)
    assert instrument.symbol == symbol
    assert instrument.check_price(instrument.start_price) is None
    assert instrument.min_notional < instrument.quote_amount(instrument.start_price, instrument.max_quantity)


def test_the_default_symbols_are_known():
    assert set(DEFAULT_SYMBOLS) <= set(KNOWN_SYMBOLS)


def test_bitcoin_is_priced_in_cents_and_traded_in_hundred_thousandths():
    instrument = preset("BTC/USDT")
    assert instrument.price_text(instrument.start_price) == "60000.00"
    assert instrument.quantity_text(1) == "0.00001"
    assert instrument.min_notional == 5 * 10**8


def test_a_preset_has_a_feed_only_when_asked_for():
    assert not preset("BTC/USDT").feed
    assert preset("BTC/USDT", feed=True).feed


@pytest.mark.parametrize(
    ("name", "symbol"),
    [("BTCUSDT", "BTC/USDT"), ("ETHBTC", "ETH/BTC"), ("BTCFDUSD", "BTC/FDUSD"), ("USDT", None), ("QQQ", None)],
)
def test_a_venues_name_is_taken_apart_at_its_quote_asset(name, symbol):
    assert symbol_of_venue(name) == symbol
