"""The portfolio page in Chromium, on an exchange as `mockx up` starts it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from infra.http_client import request
from tests.support.browser import DESKTOP, PHONE, dashboard_url, watch_console
from tests.support.launched import LaunchedExchange
from tests.support.members import Member, Members, exchange_with_dashboard

MARKUP = "<img src=x onerror=\"document.title='it ran'\">"
SECRET_FUNDS = "31337.77"
SPACE = "\N{NARROW NO-BREAK SPACE}"

LISTEN = """
const Worker = window.SharedWorker;
window.heard = [];
window.SharedWorker = class extends Worker {
  constructor(...given) {
    super(...given);
    this.port.addEventListener("message", (event) => window.heard.push(JSON.stringify(event.data)));
  }
};
"""
"""Notes what the worker that holds the page's WebSocket hands to the page."""


class PortfolioPage:
    """The portfolio page in a browser of its own, and all that the dashboard told it."""

    def __init__(self, browser: Browser, url: str, viewport: Any) -> None:
        self.url = url
        self.context = browser.new_context(viewport=viewport)
        self.page: Page = self.context.new_page()
        self.heard: list[str] = []
        self.errors: list[str] = []
        self.page.add_init_script(LISTEN)
        self.page.on("response", self._keep)
        watch_console(self.page, self.errors)

    def sign_in(self, secret: str, query: str = "") -> None:
        self.page.goto(f"{self.url}/sign-in")
        self.page.fill("#secret", secret)
        self.page.click("#enter")
        expect(self.page.locator("#sign-out")).to_be_visible()
        self.page.goto(f"{self.url}/portfolio{query}")

    def figure(self, name: str) -> Locator:
        """Return a figure by what stands above it."""
        pattern = re.compile(f"^{re.escape(name)}")
        label = self.page.locator("span").filter(has_text=pattern)
        return self.page.locator(".figure").filter(has=label).locator("b")

    def row(self, asset: str) -> Locator:
        return self.page.locator(f'#folio-table tr[data-key="{asset}"] td')

    def move(self, kind: str, amount: str) -> Locator:
        """Deposit or withdraw the cash asset with the form; return what the page says of it."""
        expect(self.page.locator("#transfer-asset")).to_have_value("USDT")
        self.page.locator("#transfer-kind").get_by_text(kind, exact=True).click()
        expect(self.page.locator("#transfer")).to_have_text(kind)
        self.page.fill("#transfer-amount", amount)
        self.page.click("#transfer")
        return self.page.locator("#transfer-answer")

    def told(self) -> list[str]:
        """Return all that the dashboard has told this page since it was loaded, and what it answered before, too."""
        return [*self.heard, *self.page.evaluate("window.heard")]

    def _keep(self, response: Any) -> None:
        if response.url.endswith("_dash-update-component"):
            self.heard.append(response.text())


Open = Callable[..., PortfolioPage]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LaunchedExchange]:
    with exchange_with_dashboard(tmp_path_factory.mktemp("portfolio") / "data", "BTC/USDT") as running:
        yield running


@pytest.fixture
def open_page(exchange: LaunchedExchange, browser: Browser) -> Iterator[Open]:
    pages: list[PortfolioPage] = []

    def make(viewport: Any = DESKTOP) -> PortfolioPage:
        pages.append(PortfolioPage(browser, dashboard_url(exchange), viewport))
        return pages[-1]

    yield make
    for page in pages:
        assert page.errors == []
        page.context.close()


def trade(seller: Member, buyer: Member, amount: str, price: str) -> None:
    """Let one member buy from another."""
    seller.place("sell", amount, price)
    buyer.place("buy", amount, price)


def test_money_in_and_out_moves_balances_and_equity_and_is_no_profit(members: Members, open_page: Open) -> None:
    member, page = members.join({"USDT": "1000"}), open_page()
    page.sign_in(member.api_key)
    expect(page.figure("Equity")).to_have_text(f"1{SPACE}000.00")
    expect(page.move("Deposit", "250.5")).to_contain_text("Deposited 250.5 USDT; now free: 1250.50000000")
    expect(page.figure("Equity")).to_have_text(f"1{SPACE}250.50")
    expect(page.figure("Deposits")).to_have_text(f"1{SPACE}250.50")
    expect(page.move("Withdraw", "50.5")).to_contain_text("Withdrew 50.5 USDT")
    expect(page.figure("Equity")).to_have_text(f"1{SPACE}200.00")
    expect(page.figure("Withdrawals")).to_have_text("50.50")
    expect(page.row("USDT").nth(4)).to_have_text(f"1{SPACE}200.00000000")
    expect(page.figure("P&L net")).to_have_text("0.00")
    expect(page.figure("TVPI")).to_have_text("1.00\N{MULTIPLICATION SIGN}")
    expect(page.move("Withdraw", "5000")).to_contain_text("Refused:")
    expect(page.move("Deposit", "-3")).to_contain_text("Amount: enter a number greater than 0.")
    assert member.balances()["USDT"] == ("1200.00000000", "0.00000000")
    expect(page.page.locator("#folio-equity .scatterlayer .js-line").last).to_be_attached()
    points = member.ask("GET", "/overview/equity")
    assert (points[-1]["equity"], points[-1]["invested"]) == ("1200.00000000", "1200.00000000")


def test_a_position_shows_its_cost_and_moves_with_the_price(members: Members, open_page: Open) -> None:
    seller, buyer = members.join({"LAB": "100"}), members.join({"USDT": "1000"})
    page = open_page()
    page.sign_in(buyer.api_key)
    trade(seller, buyer, "10", "20.00")
    lab = page.row("LAB")
    expect(lab.nth(6)).to_have_text("20.00")
    expect(page.figure("Cash")).to_have_text("800.00")
    # The fee was taken from what was bought: 200 for 9.99, which cost 20.02 each.
    expect(lab.nth(7)).to_have_text("20.02")
    expect(page.figure("Fees")).to_have_text("0.20")
    trade(seller, members.join({"USDT": "1000"}), "1", "30.00")
    expect(lab.nth(6)).to_have_text("30.00")
    expect(lab.nth(1)).to_have_text("299.70")
    expect(lab.nth(8)).to_have_text("+99.70")
    expect(page.figure("Equity")).to_have_text(f"1{SPACE}099.70")
    expect(page.figure("P&L gross")).to_have_text("+99.90")
    trade(buyer, members.join({"USDT": "1000"}), "5", "30.00")
    expect(lab.nth(9)).to_have_text(re.compile(r"^\+49\.7"))
    expect(page.figure("Free")).not_to_have_text("800.00")
    buyer.place("sell", "2", "90.00")
    expect(lab.nth(5)).to_have_text("2.00000000")
    expect(page.figure("Frozen")).to_have_text("60.00")


def test_an_administrator_sees_all_accounts_side_by_side(members: Members, open_page: Open) -> None:
    funds = {"USDT": "4321"}
    made = members.administer("POST", "/accounts", {"name": MARKUP, "funds": funds})
    page = open_page()
    page.sign_in(members.admin_key)
    row = page.page.locator(f'#folio-table-all tr[data-key="{made["account"]}"]')
    expect(row.locator("td").nth(0)).to_have_text(f"{MARKUP} · {made['account']}")
    expect(row.locator("td").nth(1)).to_have_text(f"4{SPACE}321.00")
    row.focus()
    page.page.keyboard.press("Enter")
    expect(page.figure("Equity")).to_have_text(f"4{SPACE}321.00")
    expect(page.move("Deposit", "79")).to_contain_text("Deposited 79 USDT")
    expect(row.locator("td").nth(1)).to_have_text(f"4{SPACE}400.00")
    expect(page.figure("Equity")).to_have_text(f"4{SPACE}400.00")
    assert page.page.title() != "it ran"


def test_an_account_sees_only_its_own(members: Members, open_page: Open) -> None:
    hidden = members.join({"USDT": SECRET_FUNDS})
    member, page = members.join({"USDT": "500"}), open_page()
    page.sign_in(member.api_key, f"?account={hidden.account}")
    expect(page.figure("Equity")).to_have_text("500.00")
    expect(page.page.locator("#folio-everyone")).to_be_hidden()
    expect(page.page.locator("#folio-chooser")).to_be_hidden()
    page.page.evaluate(
        "account => window.dash_clientside.set_props('folio-account', { value: account })", str(hidden.account)
    )
    body = {"amount": "1"}
    path = f"/balance/USDT/deposit?account={hidden.account}"
    assert request("POST", f"{member.exchange.url}{path}", key=member.api_key, body=body).status == 403
    hidden.ask("POST", "/balance/USDT/deposit", {"amount": "0.01"})
    member.ask("POST", "/balance/USDT/deposit", {"amount": "1"})
    expect(page.figure("Equity")).to_have_text("501.00")
    before = page.told()
    page.page.reload()
    expect(page.figure("Equity")).to_have_text("501.00")
    told = [*before, *page.told()]
    assert any("501.00" in each for each in told)
    assert not any(SECRET_FUNDS in each or "31337.78" in each for each in told)


def test_whoever_has_not_signed_in_sees_nothing(open_page: Open) -> None:
    page = open_page()
    page.page.goto(f"{page.url}/portfolio")
    expect(page.figure("Equity")).to_have_text("Sign in to see a portfolio.")
    expect(page.page.locator("#folio-table")).to_be_empty()


def test_the_page_fits_a_phone(members: Members, open_page: Open) -> None:
    page = open_page(PHONE)
    page.sign_in(members.join({"USDT": "1000"}).api_key)
    expect(page.row("USDT").first).to_have_text("USDT")
    assert page.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    expect(page.move("Deposit", "1")).to_contain_text("Deposited 1 USDT")
