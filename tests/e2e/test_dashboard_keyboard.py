"""The dashboard used with the keyboard alone, and every page as whoever may look at it, in Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import DESKTOP, PHONE, MarketPage, dashboard_url
from tests.support.launched import LaunchedExchange
from tests.support.members import Members, exchange_with_dashboard

Open = Callable[..., MarketPage]

ORDER_FORM = [
    "1m", "candles", "buy", "type", "price", "amount", "25", "50", "75", "100", "time-in-force", "post-only", "place",
    "cancel-symbol", "cancel-all",
]  # fmt: skip
TWO_ORDERS = ["profit-kind", "profit-price", "price", "stop-kind", "stop-price", "stop-limit-price", "amount"]
FILTERS = ["status-filter", "side-filter", "type-filter", "market-filter", "from-filter", "to-filter", "reset-filters"]

FOCUSED = """() => {
  const element = document.activeElement;
  if (element.type === "radio") return element.value;
  return element.id.startsWith("{") ? String(JSON.parse(element.id).share) : element.id;
}"""
"""What has the focus, by its id, or by its value where it is one of several to choose from."""

IS_SEEN = """() => {
  const element = document.activeElement, ringed = [element, element.nextElementSibling].filter(Boolean);
  const look = () => ringed.map((each) => {
    const style = getComputedStyle(each);
    return [style.outlineStyle, style.outlineWidth, style.borderColor, style.boxShadow].join();
  }).join();
  const focused = look();
  element.blur();
  const other = look();
  element.focus();
  return focused !== other;
}"""
"""Whether what has the focus looks different for it."""


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LaunchedExchange]:
    with exchange_with_dashboard(tmp_path_factory.mktemp("keyboard") / "data", "BTC/USDT") as running:
        yield running


@pytest.fixture
def open_page(exchange: LaunchedExchange, browser: Browser) -> Iterator[Open]:
    pages: list[MarketPage] = []

    def make(**options: Any) -> MarketPage:
        pages.append(MarketPage(browser, dashboard_url(exchange), **options))
        return pages[-1]

    yield make
    for page in pages:
        assert page.errors == []
        page.close()


def press(desk: MarketPage, *keys: str) -> None:
    for key in keys:
        desk.page.keyboard.press(key)


def sign_in(desk: MarketPage, secret: str) -> None:
    """Sign in with the keyboard: the field has the focus."""
    desk.page.goto(f"{desk.url}/sign-in")
    expect(desk.page.locator("#secret")).to_be_focused()
    desk.page.keyboard.type(secret)
    press(desk, "Enter")
    expect(desk.page.locator("#sign-out")).to_be_visible()


def tabbed(desk: MarketPage, first: str, count: int) -> list[str]:
    """Press Tab so many times from an element on; return what had the focus, which must be seen each time."""
    desk.page.add_style_tag(content="*, *::before, *::after { transition: none !important; }")
    desk.page.focus(first)
    passed = []
    for _ in range(count):
        press(desk, "Tab")
        passed.append(desk.page.evaluate(FOCUSED))
        assert desk.page.evaluate(IS_SEEN), f"the focus on {passed[-1]} is not seen"
    return passed


def test_tab_leads_through_the_order_form_as_it_is_read(open_page: Open, members: Members) -> None:
    desk = open_page()
    sign_in(desk, members.join().api_key)
    desk.open("LAB/USDT")
    expect(desk.page.locator("#place")).to_be_enabled()
    assert tabbed(desk, "#symbol", len(ORDER_FORM)) == ORDER_FORM
    press(desk, "Shift+Tab", "Shift+Tab")
    assert desk.page.evaluate(FOCUSED) == "place"
    desk.enter("Sell", "One cancels the other")
    desk.pick("profit-kind", "TP limit")
    desk.pick("stop-kind", "Stop limit")
    assert tabbed(desk, "#type", len(TWO_ORDERS)) == TWO_ORDERS
    desk.page.focus(".way")
    passed = [desk.page.evaluate("document.activeElement.textContent")]
    for _ in range(3):
        press(desk, "Tab")
        passed.append(desk.page.evaluate("document.activeElement.textContent"))
    assert passed == ["Market", "Portfolio", "Orders", "System"]


def test_an_order_is_placed_amended_and_canceled_with_the_keyboard_alone(open_page: Open, members: Members) -> None:
    desk, member = open_page(), members.join()
    sign_in(desk, member.api_key)
    desk.open("LAB/USDT")
    expect(desk.page.locator("#place")).to_be_enabled()
    desk.page.focus("#side input[value=buy]")
    press(desk, "ArrowRight")
    expect(desk.page.locator("#place")).to_have_text("Sell LAB")
    press(desk, "Tab", "ArrowDown")
    expect(desk.page.get_by_role("option", name="Stop limit", exact=True)).to_be_visible()
    press(desk, "Escape")
    expect(desk.page.get_by_role("option", name="Stop limit", exact=True)).to_be_hidden()
    expect(desk.page.locator("#type")).to_be_focused()
    press(desk, "Tab")
    desk.page.keyboard.type("70.5")
    press(desk, "Tab")
    desk.page.keyboard.type("2")
    press(desk, "Enter")
    row = desk.page.locator(".order")
    expect(row).to_contain_text("0.000 / 2.000")

    amend = row.get_by_role("button", name="Amend")
    amend.focus()
    press(desk, "Enter")
    expect(desk.page.locator("#amend-amount")).to_be_focused()
    press(desk, "Escape")
    expect(desk.page.locator("#amend-amount")).to_be_hidden()
    expect(amend).to_be_focused()
    press(desk, "Enter")
    expect(desk.page.locator("#amend-amount")).to_be_focused()
    press(desk, "ControlOrMeta+a")
    desk.page.keyboard.type("1.5")
    press(desk, "Enter")
    expect(row).to_contain_text("0.000 / 1.500")
    row.get_by_role("button", name="Cancel").focus()
    press(desk, "Enter")
    expect(row).to_have_count(0)
    placed = member.ask("GET", "/orders")
    assert [(order["status"], order["amount"]) for order in placed] == [("canceled", "1.500")]


def test_orders_are_walked_through_and_their_stories_opened_and_closed(open_page: Open, members: Members) -> None:
    desk, member = open_page(), members.join()
    newest = [member.place("buy", "1", f"{price}.00") for price in (7, 8, 9)][::-1]
    sign_in(desk, member.api_key)
    desk.page.goto(f"{desk.url}/orders")
    rows = desk.page.locator("#blotter tbody tr:not([hidden])")
    expect(rows).to_have_count(3)
    assert tabbed(desk, "#status-filter", len(FILTERS) - 1) == FILTERS[1:]
    desk.page.focus("#blotter tbody tr")
    press(desk, "ArrowDown", "Enter")
    expect(desk.page.locator("#story")).to_contain_text(f"Order {newest[1]}")
    press(desk, "Escape")
    expect(desk.page.locator("#story")).to_be_hidden()
    expect(rows.nth(1)).to_be_focused()
    assert desk.page.evaluate(IS_SEEN)
    press(desk, "ArrowUp", " ")
    expect(desk.page.locator("#story")).to_contain_text(f"Order {newest[0]}")


PAGES = {
    "/?symbol=BTC-USDT": ".bids.level:not([disabled])",
    "/portfolio": "#folio-table tbody tr",
    "/orders": "#figures td",
    "/system": "#health",
}
"""Pages, and what is drawn on each once its streams have come, for whoever may see it."""


@pytest.mark.parametrize(("scheme", "size"), [("light", DESKTOP), ("dark", PHONE)])
def test_every_page_is_drawn_for_everybody_without_an_error(
    open_page: Open, members: Members, exchange: LaunchedExchange, scheme: str, size: dict[str, int]
) -> None:
    member = members.join()
    member.place("buy", "1", "6.00")
    for secret in ("", member.api_key, exchange.credentials.dashboard_password):
        desk = open_page(viewport=size)
        desk.page.emulate_media(color_scheme=scheme)
        if secret:
            sign_in(desk, secret)
        for path, drawn in PAGES.items():
            desk.page.goto(f"{desk.url}{path}")
            is_open = path in ("/system", "/?symbol=BTC-USDT")
            expect(desk.page.locator(drawn if secret or is_open else ".invitation").first).to_be_visible()
            root = desk.page.locator("html")
            expect(root).to_have_attribute("data-mantine-color-scheme", scheme)
            assert root.evaluate("root => root.scrollWidth") <= size["width"], f"{path} is too wide"
            assert desk.errors == [], path


def test_what_a_page_looks_like_is_chosen_once_for_all_pages(open_page: Open) -> None:
    desk = open_page()
    desk.page.emulate_media(color_scheme="dark")
    desk.page.goto(desk.url)
    root = desk.page.locator("html")
    expect(root).to_have_attribute("data-mantine-color-scheme", "dark")
    line = desk.page.locator("#chart .xgrid.crisp").first
    expect(line).to_have_attribute("style", re.compile("38, 42, 50"))
    desk.page.focus("#scheme")
    press(desk, "Enter")
    expect(root).to_have_attribute("data-mantine-color-scheme", "light")
    expect(line).to_have_attribute("style", re.compile("236, 239, 242"))
    desk.page.goto(f"{desk.url}/system")
    expect(desk.page.locator("#health")).to_be_visible()
    expect(root).to_have_attribute("data-mantine-color-scheme", "light")
