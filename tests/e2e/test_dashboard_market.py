"""The market page in Chromium, on an exchange as `mockx up` starts it."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.browser import PHONE, MarketPage, dashboard_url
from tests.support.launched import PROGRAMS, LaunchedExchange
from tests.support.members import exchange_with_dashboard

MARKUP = "<img src=x onerror=\"document.title='it ran'\">"
Open = Callable[..., MarketPage]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory) -> Iterator[LaunchedExchange]:
    with exchange_with_dashboard(tmp_path_factory.mktemp("market") / "data", "ETH/USDT,BTC/USDT") as running:
        yield running


@pytest.fixture
def open_page(exchange, browser) -> Iterator[Open]:
    pages: list[MarketPage] = []

    def make(**options: Any) -> MarketPage:
        pages.append(MarketPage(browser, dashboard_url(exchange), **options))
        return pages[-1]

    yield make
    for page in pages:
        assert page.errors == []
        page.close()


def order_id(said: str) -> str:
    found = re.match(r"Order (\d+): new\.$", said)
    assert found is not None, said
    return found[1]


def pid_of(exchange: LaunchedExchange, part: str) -> int:
    return next(pid for pid, command in exchange.family().items() if PROGRAMS.get(part, part) in command)


# --- looking ---


def test_anybody_sees_prices_move_and_the_first_symbol_of_the_settings_first(open_page):
    market = open_page()
    market.page.goto(market.url)
    expect(market.page.locator("#symbol")).to_have_value("ETH/USDT")
    last = market.page.locator(".figure .last")
    expect(last).to_have_text(re.compile(r"^\d+\.\d\d$"))
    expect(last).not_to_have_text(market.last())
    expect(market.page).to_have_url(re.compile(r"\?symbol=ETH-USDT$"))
    expect(market.page.locator("#blocked")).to_have_text("Sign in to trade.")
    expect(market.page.locator("#place")).to_be_disabled()


def test_switching_quickly_never_mixes_symbols(open_page):
    market = open_page()
    market.open("BTC/USDT")
    expect(market.page.locator("#ladder .bids.level").first).to_be_enabled()
    market.page.evaluate(
        """() => { window.titles = []; new MutationObserver(() => window.titles.push(document.title))
        .observe(document.querySelector("title"), {childList: true, characterData: true, subtree: true}); }"""
    )
    for symbol in ["ETH/USDT", "BTC/USDT"] * 5 + ["ETH/USDT"]:
        market.choose(symbol)
    best = market.page.locator("#ladder .bids.level").first
    expect(best).to_have_attribute("data-price", re.compile(r"^\d{4}\.\d\d$"))
    shown = set(market.page.evaluate("() => window.titles"))
    priced = [match.groups() for title in shown if (match := re.match(r"(\S+) (\w+/USDT) ·", title))]
    assert {symbol for _, symbol in priced} == {"BTC/USDT", "ETH/USDT"}
    assert all((float(price) > 20_000) == (symbol == "BTC/USDT") for price, symbol in priced), priced
    prices = (
        market.page.locator("#ladder .price").all_inner_texts()
        + market.page.locator("#tape .trade:not(.heading) span:first-child").all_inner_texts()
    )
    assert all(float(price) < 20_000 for price in prices if price), prices


def test_a_phone_shows_the_page_without_scrolling_sideways(open_page, members):
    market = open_page(viewport=PHONE)
    market.sign_in(members.join().api_key)
    market.open("LAB/USDT")
    market.enter("Buy", "Limit", price="10", amount="1.234")
    expect(market.order(order_id(market.place()))).to_be_visible()
    width = market.page.evaluate("() => document.documentElement.scrollWidth")
    assert width <= PHONE["width"]


def test_the_state_of_trading_is_told_and_blocks_what_it_must(open_page, members):
    market, figures = open_page(), ".figure"
    market.sign_in(members.join().api_key)
    market.open("LAB/USDT")
    expect(market.page.locator(figures).last).to_contain_text("accounts only")
    members.administer("POST", "/admin/maintenance", {"on": True})
    try:
        expect(market.page.locator("#blocked")).to_contain_text("maintenance")
        expect(market.page.locator(figures).last).to_contain_text("under maintenance")
        expect(market.page.locator("#place")).to_be_disabled()
    finally:
        members.administer("POST", "/admin/maintenance", {"on": False})
    expect(market.page.locator("#place")).to_be_enabled()
    market.choose("ETH/USDT")
    members.administer("PATCH", "/admin/tickers/ETH/USDT/price", {"price": "2500"})
    expect(market.page.locator(figures).last).to_contain_text("price set by hand")
    members.administer("PATCH", "/admin/tickers/ETH/USDT/price", {"released": True})
    expect(market.page.locator(figures).last).to_contain_text("live")


# --- signing in ---


def test_a_key_and_the_password_sign_in_and_nothing_else_does(open_page, members, exchange):
    market, member = open_page(), members.join()
    market.sign_in("not-a-key-of-this-exchange")
    expect(market.page.locator("#said")).to_contain_text("neither an API key nor the password")
    market.sign_in(member.api_key)
    expect(market.page.locator("#sign-out")).to_be_visible()
    cookie = next(each for each in market.context.cookies() if each["name"] == "mockx_session")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    market.page.click("#sign-out")
    expect(market.page.locator("#sign-in")).to_be_visible()
    market.sign_in(exchange.credentials.dashboard_password)
    expect(market.page.locator("#who")).to_have_text("administrator")


def test_a_copied_cookie_is_worth_nothing_after_signing_out(open_page, members):
    market, thief = open_page(), open_page()
    market.sign_in(members.join().api_key)
    expect(market.page.locator("#sign-out")).to_be_visible()
    thief.context.add_cookies(market.context.cookies())
    thief.page.goto(thief.url)
    expect(thief.page.locator("#sign-out")).to_be_visible()
    market.page.click("#sign-out")
    expect(thief.page.locator("#sign-in")).to_be_visible()


def test_a_revoked_key_ends_what_is_open(open_page, members):
    market, member = open_page(), members.join()
    market.sign_in(member.api_key)
    expect(market.page.locator("#preview")).to_contain_text("USDT")
    members.administer("DELETE", f"/keys/{member.key_id}")
    expect(market.page.locator("#sign-in")).to_be_visible()


def test_markup_in_the_name_of_an_account_is_shown_and_does_not_run(open_page, members):
    market = open_page()
    made = members.administer("POST", "/accounts", {"name": MARKUP, "funds": {"USDT": "1000"}})
    market.sign_in(made["api_key"])
    expect(market.page.locator("#who")).to_have_text(MARKUP)
    expect(market.page).not_to_have_title("it ran")


# --- trading ---


def test_an_order_is_placed_amended_filled_and_another_canceled_by_hand(open_page, members):
    market, member, other = open_page(), members.join(), members.join()
    market.sign_in(member.api_key)
    market.open("LAB/USDT")
    market.enter("Buy", "Limit", price="40.25", amount="2.5")
    expect(market.page.locator("#preview")).to_contain_text("100.62500 USDT")
    placed = order_id(market.place())
    expect(market.order(placed)).to_contain_text("0.000 / 2.500")
    expect(market.level("40.25")).to_have_class(re.compile(r"\bown\b"))
    expect(market.level("40.25")).to_contain_text("2.500")

    market.order(placed).get_by_role("button", name="Amend").click()
    market.page.fill("#amend-amount", "1.5")
    market.page.press("#amend-amount", "Enter")
    expect(market.order(placed)).to_contain_text("0.000 / 1.500")
    assert member.order(placed)["amount"] == "1.500"

    other.place("sell", "0.5", "40.25")
    expect(market.order(placed)).to_contain_text("0.500 / 1.500")
    other.place("sell", "1", "40.25")
    expect(market.order(placed)).to_have_count(0)
    expect(market.page.locator("#tape .trade.sell").first).to_contain_text("40.25")
    assert member.order(placed)["status"] == "filled"

    market.enter("Sell", "Limit", price="55.5", amount="1")
    resting = order_id(market.place())
    market.order(resting).get_by_role("button", name="Cancel").click()
    expect(market.order(resting)).to_have_count(0)
    expect(market.level("55.50")).to_have_count(0)
    assert member.order(resting)["status"] == "canceled"


def test_every_type_of_order_can_be_placed(open_page, members):
    market, member, other = open_page(), members.join(), members.join()
    market.sign_in(member.api_key)
    market.open("LAB/USDT")
    other.place("sell", "3", "30")
    other.place("buy", "3", "29")
    market.enter("Buy", "Market", amount="60")
    market.page.locator("#unit").get_by_text("USDT", exact=True).click()
    expect(market.page.locator("#preview")).to_contain_text("2.000 LAB")
    assert re.search(r"filled, 2\.000 at 30\.", market.place())
    other.ask("DELETE", "/orders")
    typed = {
        "Stop": {"stop_price": "20", "amount": "1"},
        "Stop limit": {"stop_price": "20", "price": "19", "amount": "2"},
        "Take profit": {"stop_price": "90", "amount": "3"},
        "Take profit limit": {"stop_price": "90", "price": "91", "amount": "4"},
    }
    for kind, fields in typed.items():
        market.enter("Sell", kind, **fields)
        row = market.order(order_id(market.place()))
        expect(row).to_contain_text(f"stop {fields['stop_price']}.00")
        expect(row).to_contain_text(kind.lower().replace("stop", "stop loss", 1) if "Stop" in kind else kind.lower())
    market.enter("Sell", "One cancels the other", price="80", stop_price="15", amount="5")
    assert market.place().count("new") == 2
    expect(market.page.locator(".order", has_text="one cancels other")).to_have_count(2)
    market.pick("profit-kind", "TP limit")
    market.pick("stop-kind", "Stop limit")
    prices = {"profit_price": "96", "price": "95", "stop_price": "14", "stop_limit_price": "13"}
    market.enter("Sell", "One cancels the other", **prices, amount="6")
    assert market.place().count("new") == 2
    legs = market.page.locator(".order", has_text="6.000")
    expect(legs).to_have_count(2)
    expect(legs.filter(has_text="95.00 stop 96.00")).to_contain_text("take profit limit")
    expect(legs.filter(has_text="13.00 stop 14.00")).to_contain_text("stop loss limit")
    market.page.click("#cancel-symbol")
    expect(market.page.locator(".order")).to_have_count(0)
    assert member.ask("GET", "/orders?status=open") == []


def test_shares_of_the_balance_are_exact_and_refusals_are_told(open_page, members):
    market = open_page()
    market.sign_in(members.join({"USDT": "1000.99", "LAB": "7.7777"}).api_key)
    market.open("LAB/USDT")
    market.enter("Buy", "Limit", price="3.33")
    market.page.get_by_role("button", name="100 %").click()
    expect(market.page.locator("#amount")).to_have_value("300.597")
    market.page.locator("#side").get_by_text("Sell", exact=True).click()
    market.page.get_by_role("button", name="50 %").click()
    expect(market.page.locator("#amount")).to_have_value("3.888")
    market.enter("Sell", "Limit", amount="much")
    assert market.place() == "Amount: enter a number greater than 0."
    market.enter("Sell", "Limit", amount="99")
    assert market.place().startswith("Refused: ")


# --- two people ---

FORGE = """([account, page]) => new Promise((resolve) => {
  const heard = [];
  const socket = new WebSocket(location.origin.replace("http", "ws") + "/_dash-ws-callback");
  socket.onopen = () => socket.send(JSON.stringify({type: "callback_request", requestId: "forged", rendererId: "forged",
    payload: {output: "own-followed.data", outputs: {id: "own-followed", property: "data"},
      inputs: [{id: "connection", property: "data", value: 1}], changedPropIds: ["connection.data"],
      state: [{id: "page", property: "data", value: page}, {id: "signed-in", property: "data", value: account}]}}));
  socket.onmessage = (event) => {
    heard.push(event.data);
    if (event.data.includes('"known":true') || event.data.includes('"known": true')) { socket.close(); resolve(heard); }
  };
})"""


def test_two_people_see_each_others_effect_and_nothing_of_each_other(open_page, members):
    ann, ben = members.join({"USDT": "31415.92", "LAB": "10"}), members.join({"USDT": "27182.81", "LAB": "10"})
    ann_page, ben_page = open_page(is_recorded=True), open_page(is_recorded=True)
    for page, member in ((ann_page, ann), (ben_page, ben)):
        page.sign_in(member.api_key)
        page.open("LAB/USDT")
        expect(page.page.locator("#preview")).to_contain_text("USDT")
    ann_page.enter("Buy", "Limit", price="12.34", amount="1.111")
    placed = order_id(ann_page.place())
    expect(ben_page.level("12.34")).to_contain_text("1.111")
    expect(ben_page.level("12.34")).not_to_have_class(re.compile(r"\bown\b"))
    expect(ben_page.order(placed)).to_have_count(0)

    anns_name = next(name for text in ann_page.said for name in re.findall(r'"([0-9a-f]{32})"', text))
    forged = ben_page.page.evaluate(FORGE, [ann.account, anns_name])
    ben_page.page.evaluate(
        "(id) => window.dash_clientside.set_props('click', {data: {action: 'cancel', id, amount: '1', at: 1}})", placed
    )
    expect(ben_page.page.locator("#answer")).to_contain_text("Refused")
    assert ann.order(placed)["status"] == "new"
    expect(ann_page.order(placed)).to_be_visible()

    ben_page.enter("Sell", "Limit", price="12.34", amount="1.111")
    assert "filled, 1.111 at 12.34" in ben_page.place()
    expect(ann_page.order(placed)).to_have_count(0)
    expect(ben_page.page.locator("#tape .trade.sell").first).to_contain_text("12.34")

    bens = ben_page.everything_heard() + "".join(forged).replace(" ", "")
    anns = ann_page.everything_heard()
    own_order = f'"id":"{placed}"'
    assert own_order in anns
    assert "31415.92" in anns
    for text in (own_order, f'"order_id":"{placed}"', "31415.92", f'"account":{ann.account},', ann.api_key):
        assert text not in bens, text
    assert "27182.81" in bens
    assert "27182.81" not in anns


# --- what can be away ---


def test_the_page_says_that_nats_is_away_and_goes_on_by_itself(open_page, exchange, members):
    market = open_page()
    market.sign_in(members.join().api_key)
    market.open("BTC/USDT")
    expect(market.page.locator("#place")).to_be_enabled()
    nats = pid_of(exchange, "nats-server")
    os.kill(nats, signal.SIGSTOP)
    try:
        expect(market.page.locator("#links")).to_contain_text("NATS cannot be reached")
        expect(market.page.locator("#place")).to_be_disabled()
        expect(market.page.locator("#blocked")).to_contain_text("NATS")
        old = market.last()
    finally:
        os.kill(nats, signal.SIGCONT)
    expect(market.page.locator("#links")).to_be_empty()
    expect(market.page.locator("#place")).to_be_enabled()
    expect(market.page.locator(".figure .last")).not_to_have_text(old)


def test_the_page_says_that_the_gateway_is_away_and_goes_on_by_itself(open_page, exchange, members):
    market, member = open_page(), members.join()
    market.sign_in(member.api_key)
    market.open("LAB/USDT")
    gateway = pid_of(exchange, "gateway")
    os.kill(gateway, signal.SIGSTOP)
    try:
        expect(market.page.locator("#links")).to_contain_text("The gateway does not answer")
        expect(market.page.locator("#place")).to_be_disabled()
    finally:
        os.kill(gateway, signal.SIGCONT)
    expect(market.page.locator("#links")).to_be_empty()
    market.enter("Buy", "Limit", price="9", amount="1")
    expect(market.order(order_id(market.place()))).to_be_visible()


def test_the_page_says_that_the_dashboard_is_away_and_goes_on_by_itself(open_page, exchange, members):
    market, member = open_page(), members.join()
    market.sign_in(member.api_key)
    market.open("LAB/USDT")
    expect(market.page.locator("#preview")).to_contain_text("USDT")
    os.kill(pid_of(exchange, "-m dashboard"), signal.SIGKILL)
    expect(market.page.locator("#links")).to_contain_text("The dashboard does not answer")
    expect(market.page.locator("#links")).to_be_empty()
    placed = member.place("buy", "1", "8.5")
    expect(market.order(placed)).to_be_visible()
