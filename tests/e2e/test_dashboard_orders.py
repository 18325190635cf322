"""The orders and system pages in Chromium, on an exchange as `mockx up` starts it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from infra.credentials import FILE_NAME, read_credentials
from infra.read_model.rows import Rows
from infra.read_model.valkey_store import call, commands_of
from infra.valkey_client import connect_valkey
from mockexchange.messages.orders import Order, OrderStatus, OrderType, Side, TimeInForce
from tests.support.browser import MarketPage, dashboard_url
from tests.support.running_exchange import RunningExchange

PAGE = 50
FIRST = 2**40
"""Ids of orders that were never placed are far from all others."""

ROWS = "#blotter tbody tr:not([hidden])"
SYMBOL = "LAB/USDT"
FORGE = """([account, id]) => {
  const set = window.dash_clientside.set_props;
  set("orders-account", {value: account});
  set("blotter-asked", {data: {account, cursors: [0], cursor: 0, number: 77}});
  set("detail-asked", {data: {id, at: 1}});
  set("cancel-order", {n_clicks: 1});
}"""
"""Has a page ask for another account's orders, for the story of one, and for its end."""


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    data = tmp_path_factory.mktemp("orders") / "data"
    running = RunningExchange(data, dashboard="on", symbols="BTC/USDT,ETH/USDT")
    running.start()
    admin = read_credentials(data / FILE_NAME).admin_key
    listing = {"symbol": SYMBOL, "price_decimals": 2, "quantity_decimals": 3, "min_notional": "1"}
    answer = running.ask("POST", "/instruments", listing, admin)
    assert answer.status < 300, answer
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def placed(exchange: RunningExchange) -> list[dict[str, Any]]:
    """Place 120 orders that rest, and cancel every tenth; return them, oldest first."""
    body = [
        {"symbol": SYMBOL, "side": "buy", "type": "limit", "amount": "0.1", "limit_price": f"{10 + number / 100:.2f}"}
        for number in range(120)
    ]
    orders = [row["order"] for row in ask(exchange, "POST", "/orders/batch", body)]
    for order in orders[::10]:
        ask(exchange, "DELETE", f"/orders/{order['id']}")
    return orders


def ask(exchange: RunningExchange, method: str, path: str, body: object = None, key: str | None = None) -> Any:
    answer = exchange.ask(method, path, body, key)
    assert answer.status < 300, answer
    return answer.body


def account(exchange: RunningExchange, name: str) -> str:
    """Make an account; return its key."""
    admin = read_credentials(exchange.data_dir / FILE_NAME).admin_key
    return str(ask(exchange, "POST", "/accounts", {"name": name}, admin)["api_key"])


def opened(exchange: RunningExchange, browser: Browser, path: str, secret: str = "") -> Page:
    """Open a page in a browser of its own, signed in as the demo account or with another secret."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    url = dashboard_url(exchange)
    page.goto(f"{url}/sign-in")
    page.fill("#secret", secret or read_credentials(exchange.data_dir / FILE_NAME).demo_api_key)
    page.click("#enter")
    page.wait_for_url(f"{url}/")
    page.goto(f"{url}{path}")
    return page


def ids(page: Page) -> list[str]:
    found: list[str] = page.eval_on_selector_all(ROWS, "rows => rows.map(row => row.dataset.id)")
    return found


def shows(page: Page, wanted: list[str]) -> None:
    """Wait until the page shows these orders and no others, in this order."""
    page.wait_for_function(
        "([rows, wanted]) => [...document.querySelectorAll(rows)].map(row => row.dataset.id).join() === wanted",
        arg=[ROWS, ",".join(wanted)],
    )


def choose(page: Page, box: str, text: str) -> None:
    page.click(f"#{box}")
    page.get_by_role("option", name=text, exact=True).click()


def newest_first(orders: list[dict[str, Any]]) -> list[str]:
    return [order["id"] for order in reversed(orders)]


def test_pages_lead_back_into_the_past_and_forth(exchange, browser, placed) -> None:
    page = opened(exchange, browser, "/orders")
    choose(page, "market-filter", SYMBOL)
    wanted = newest_first(placed)
    shows(page, wanted[:PAGE])
    page.click("#older")
    shows(page, wanted[PAGE : 2 * PAGE])
    page.click("#older")
    shows(page, wanted[2 * PAGE :])
    expect(page.locator("#older")).to_be_disabled()
    expect(page.locator("#page-number")).to_have_text("Page 3")
    page.click("#newer")
    shows(page, wanted[PAGE : 2 * PAGE])
    page.click("#newest")
    shows(page, wanted[:PAGE])
    expect(page.locator("#newer")).to_be_disabled()


def test_filters_show_what_fits_and_reset_shows_all(exchange, browser, placed) -> None:
    page = opened(exchange, browser, "/orders")
    choose(page, "market-filter", "LAB")
    choose(page, "status-filter", "Canceled")
    canceled = newest_first(placed[::10])
    shows(page, canceled)
    choose(page, "side-filter", "Sell")
    expect(page.locator(".nothing")).to_have_text("No orders.")
    page.click("#reset-filters")
    shows(page, [order["id"] for order in exchange.get(f"/orders?limit={PAGE}")])


def test_new_orders_appear_on_the_newest_page_and_move_no_other(exchange, browser, placed) -> None:
    key = account(exchange, "live")
    order = {"symbol": SYMBOL, "side": "buy", "type": "limit", "amount": "0.1", "limit_price": "20.00"}
    first = [row["order"] for row in ask(exchange, "POST", "/orders/batch", [order] * (PAGE + 5), key)]
    newest, past = (opened(exchange, browser, "/orders", key) for _ in range(2))
    shows(newest, newest_first(first)[:PAGE])
    past.click("#older")
    shows(past, newest_first(first)[PAGE:])
    more = [ask(exchange, "POST", "/orders", order, key) for _ in range(3)]
    shows(newest, newest_first(first + more)[:PAGE])
    expect(past.locator("#newest")).to_have_text("Newest (3 new)")
    assert ids(past) == newest_first(first)[PAGE:]
    ask(exchange, "DELETE", f"/orders/{first[0]['id']}", None, key)
    expect(past.locator(ROWS).last.locator("td").last).to_have_text("Canceled")
    newest.click("#older")
    shows(newest, newest_first(first + more)[PAGE:])


def test_an_orders_story_tells_every_step_and_goes_on_while_it_is_open(exchange, browser, placed) -> None:
    buyer, seller = account(exchange, "buyer"), account(exchange, "seller")
    admin = read_credentials(exchange.data_dir / FILE_NAME).admin_key
    number = ask(exchange, "GET", "/account", None, seller)["account"]
    ask(exchange, "PATCH", f"/admin/balance/LAB?account={number}", {"free": "10"}, admin)
    order = {"symbol": SYMBOL, "type": "limit", "limit_price": "30.00"}
    resting = ask(exchange, "POST", "/orders", order | {"side": "buy", "amount": "2"}, buyer)
    page = opened(exchange, browser, "/orders", buyer)
    shows(page, [resting["id"]])
    page.focus(ROWS)
    page.keyboard.press("Enter")
    steps = page.locator(".story strong")
    begun = ["Received by the gateway", "Money reserved", "Accepted by the book"]
    expect(steps).to_have_text(begun)
    ask(exchange, "POST", "/orders", order | {"side": "sell", "amount": "0.5"}, seller)
    expect(steps).to_have_text([*begun, "Filled in part"])
    expect(page.locator(".story li").last).to_contain_text("0.500 LAB at 30.00 USDT")
    page.click("#cancel-order")
    expect(steps).to_have_text([*begun, "Filled in part", "Canceled, filled in part"])
    took = page.locator(".story .took").all_inner_texts()
    assert took[0] == ""
    assert all(text.startswith("after ") for text in took[1:]), took
    expect(page.locator("#story")).to_contain_text("From start to end: ")
    expect(page.locator("#cancel-row")).to_be_hidden()


def test_accounts_see_their_own_orders_alone(exchange, browser, placed) -> None:
    key = account(exchange, "stranger")
    page = opened(exchange, browser, f"/orders?order_id={placed[0]['id']}", key)
    expect(page.locator(".nothing")).to_have_text("No orders.")
    expect(page.locator("#story")).to_have_text("the order does not exist")
    order = {"symbol": SYMBOL, "side": "buy", "type": "limit", "amount": "0.1", "limit_price": "20.00"}
    own = ask(exchange, "POST", "/orders", order, key)
    ask(exchange, "POST", "/orders", order)
    shows(page, [own["id"]])
    nobody = browser.new_context().new_page()
    nobody.goto(f"{dashboard_url(exchange)}/orders")
    expect(nobody.locator(".nothing")).to_have_text("Sign in to see your orders.")


def test_an_administrator_chooses_an_account_and_sees_its_orders_and_figures(exchange, browser, placed) -> None:
    key, admin = account(exchange, "chosen"), read_credentials(exchange.data_dir / FILE_NAME).admin_key
    number = ask(exchange, "GET", "/account", None, key)["account"]
    order = {"symbol": SYMBOL, "side": "buy", "type": "limit", "amount": "0.1", "limit_price": "20.00"}
    orders = [ask(exchange, "POST", "/orders", order, key) for _ in range(3)]
    page = opened(exchange, browser, "/orders", admin)
    expect(page.locator("#orders-account")).to_have_value("demo · 1")
    shows(page, [order["id"] for order in exchange.get(f"/orders?limit={PAGE}")])
    page.click("#orders-account")
    page.fill("#orders-account", "chos")
    page.get_by_role("option", name=f"chosen · {number}").click()
    shows(page, newest_first(orders))
    expect(page.locator("#figures p")).to_contain_text("3 orders in all")
    orders.append(ask(exchange, "POST", "/orders", order, key))
    shows(page, newest_first(orders))
    page.focus(ROWS)
    page.keyboard.press("Enter")
    expect(page.locator("#story")).to_contain_text(f"Order {orders[-1]['id']}")
    page.click("#cancel-order")
    expect(page.locator(".story strong").last).to_have_text("Canceled")
    assert ask(exchange, "GET", f"/orders/{orders[-1]['id']}", None, key)["status"] == "canceled"
    page.goto(f"{dashboard_url(exchange)}/orders?account={number}&order_id={orders[0]['id']}")
    expect(page.locator("#story")).to_contain_text(f"Order {orders[0]['id']}")
    expect(page.locator("#orders-account")).to_have_value(f"chosen · {number}")


def test_a_session_that_asks_for_anothers_orders_is_shown_its_own(exchange, browser, placed) -> None:
    hidden, own = account(exchange, "hidden"), account(exchange, "curious")
    number = str(ask(exchange, "GET", "/account", None, hidden)["account"])
    order = {"symbol": SYMBOL, "side": "buy", "type": "limit", "amount": "0.1"}
    secret = ask(exchange, "POST", "/orders", order | {"limit_price": "23.45"}, hidden)
    mine = [ask(exchange, "POST", "/orders", order | {"limit_price": "20.00"}, own)]
    desk = MarketPage(browser, dashboard_url(exchange), is_recorded=True)
    desk.sign_in(own)
    expect(desk.page.locator("#sign-out")).to_be_visible()
    desk.page.goto(f"{desk.url}/orders?account={number}&order_id={secret['id']}")
    shows(desk.page, newest_first(mine))
    expect(desk.page.locator("#story")).to_have_text("the order does not exist")
    expect(desk.page.locator("#orders-chooser")).to_be_hidden()
    desk.page.evaluate(FORGE, [number, secret["id"]])
    expect(desk.page.locator("#cancel-answer")).to_have_text("the order does not exist")
    ask(exchange, "POST", "/orders", order | {"limit_price": "23.45"}, hidden)
    mine.append(ask(exchange, "POST", "/orders", order | {"limit_price": "20.00"}, own))
    shows(desk.page, newest_first(mine))
    expect(desk.page.locator("#figures p")).to_contain_text("2 orders in all")
    heard = desk.everything_heard()
    assert '"limit_price":"20.00"' in heard
    assert "23.45" not in heard
    assert ask(exchange, "GET", f"/orders/{secret['id']}", None, hidden)["status"] == "new"
    assert desk.errors == []
    desk.close()


def test_the_system_page_lists_the_parts_and_tells_a_killed_books_restart(exchange, browser, placed) -> None:
    admin = read_credentials(exchange.data_dir / FILE_NAME).admin_key
    page = opened(exchange, browser, "/system", admin)
    expect(page.locator("#health")).to_have_text("All is well.")
    for part in ("accounts.0", "history", "candles", "feed", "gateway.1"):
        expect(page.locator(f'#parts tr[data-name="{part}"] td:nth-child(2)')).to_have_text(
            "following" if part in {"history", "candles"} else "serving"
        )
    expect(page.locator("#servers tbody tr").first).to_contain_text("records")
    book = page.locator(f'#books tr[data-name="{SYMBOL}"] td')
    expect(book.nth(1)).to_have_text("serving")
    restarts = int(book.nth(2).inner_text())
    os.kill(int(book.nth(9).inner_text()), signal.SIGKILL)
    expect(book.nth(2)).to_have_text(str(restarts + 1))
    expect(book.nth(1)).to_have_text("serving")
    refused = exchange.ask("POST", "/orders", {"symbol": SYMBOL, "side": "buy", "amount": "1000000"})
    assert refused.status >= 400
    expect(page.locator("#refusals tbody tr").first).to_contain_text(SYMBOL)


def test_others_learn_whether_all_is_well_and_nothing_more(exchange, browser) -> None:
    page = opened(exchange, browser, "/system")
    expect(page.locator("#health")).to_have_text("All is well.")
    expect(page.locator("#whole")).to_be_hidden()
    assert page.locator("#whole table").count() == 0


def test_of_a_hundred_thousand_past_orders_a_browser_holds_a_page(exchange, browser, placed) -> None:
    key = account(exchange, "old hand")
    number = ask(exchange, "GET", "/account", None, key)["account"]
    # The browser's own event loop runs in this thread.
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, write_past(exchange, number, 100_000)).result()
    page = opened(exchange, browser, "/orders", key)
    shows(page, [str(order_id) for order_id in range(FIRST + 100_000, FIRST + 100_000 - PAGE, -1)])
    expect(page.locator("#figures p")).to_contain_text("100,000 orders in all")
    choose(page, "status-filter", "Canceled")
    page.wait_for_function(f"document.querySelectorAll('{ROWS} td:nth-child(11)')[0].textContent === 'Canceled'")
    wanted = [str(order_id) for order_id in range(FIRST + 100_000, FIRST, -100)]
    shows(page, wanted[:PAGE])
    page.click("#older")
    shows(page, wanted[PAGE : 2 * PAGE])
    assert page.locator("#blotter tbody tr").count() == PAGE


async def write_past(exchange: RunningExchange, owner: int, count: int) -> None:
    """Write closed orders into the read model, every hundredth of them canceled and the others filled."""
    password = read_credentials(exchange.data_dir / FILE_NAME).valkey_password
    url = f"valkey://127.0.0.1:{exchange.variables['MOCKX_VALKEY_PORT']}/0"
    async with connect_valkey(url, password) as valkey:
        for start in range(1, count + 1, 2_000):
            rows = Rows()
            for number in range(start, start + 2_000):
                rows.put_order(past_order(owner, number, count))
            for command in commands_of(rows):
                await call(valkey, *command)


def past_order(owner: int, number: int, count: int) -> Order:
    made_ns = time.time_ns() - (count - number + 1) * 1_000_000_000
    is_canceled = number % 100 == 0
    return Order(
        FIRST + number, owner, "BTC/USDT", Side.BUY, OrderType.LIMIT, TimeInForce.GTC, False, 1_000, 6_000_000, 0,
        f"g:{number}", "", 6_000_000_000, 0, 1_000, 1_000, made_ns, made_ns,
        OrderStatus.CANCELED if is_canceled else OrderStatus.FILLED, 0 if is_canceled else 1_000,
        0 if is_canceled else 6_000_000_000, 0, made_ns, None, 1, 2,
    )  # fmt: skip
