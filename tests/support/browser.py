"""A real browser on the dashboard of a running exchange, used as people use it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.running_exchange import RunningExchange

PATIENCE_MS: Final = 60_000
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
DESKTOP: Final = {"width": 1440, "height": 900}
PHONE: Final = {"width": 390, "height": 844}

expect.set_options(timeout=PATIENCE_MS)

RECORD: Final = """
const Shared = window.SharedWorker;
window.SharedWorker = class extends Shared {
  constructor(...words) {
    super(...words);
    this.port.addEventListener("message", (event) => window.noteHeard(JSON.stringify(event.data)));
    const post = this.port.postMessage.bind(this.port);
    this.port.postMessage = (message, ...more) => { window.noteSaid(JSON.stringify(message)); post(message, ...more); };
  }
};
const ask = window.fetch;
window.fetch = async (...words) => {
  const answer = await ask(...words);
  answer.clone().text().then((text) => window.noteHeard(text));
  return answer;
};
"""
"""The page's WebSocket is a worker's: what it hears and says passes through the worker's port."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium, the system's own."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert path is not None, "chromium is not installed; as root, make test installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def dashboard_url(exchange: RunningExchange) -> str:
    return f"http://127.0.0.1:{exchange.variables['MOCKX_DASHBOARD_PORT']}"


class MarketPage:
    """The market page in a browser of its own: nothing is shared with other pages of a test."""

    def __init__(
        self, browser: Browser, url: str, viewport: dict[str, int] | None = None, *, is_recorded: bool = False
    ) -> None:
        self.url = url
        self.context = browser.new_context(viewport=viewport or DESKTOP)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.heard: list[str] = []
        self.said: list[str] = []
        self.errors: list[str] = []
        if is_recorded:
            self.page.expose_function("noteHeard", partial(_append, self.heard))
            self.page.expose_function("noteSaid", partial(_append, self.said))
            self.page.add_init_script(RECORD)
        watch_console(self.page, self.errors)

    def sign_in(self, secret: str) -> None:
        """Sign in with a key or the password."""
        self.page.goto(f"{self.url}/sign-in")
        self.page.fill("#secret", secret)
        self.page.click("#enter")

    def open(self, symbol: str) -> None:
        """Show a symbol by its address."""
        self.page.goto(f"{self.url}/?symbol={symbol.replace('/', '-')}")
        expect(self.page.locator("#symbol")).to_have_value(symbol)

    def choose(self, symbol: str) -> None:
        """Choose another symbol as one does with the mouse."""
        self.page.click("#symbol")
        self.page.locator(".option", has_text=symbol).click()

    def last(self) -> str:
        """Return the last price shown."""
        return str(self.page.locator(".figure .last").inner_text())

    def enter(self, side: str, kind: str, **fields: str) -> None:
        """Fill in an order; fields by their ids, with dashes as underscores."""
        self.page.locator("#side").get_by_text(side, exact=True).click()
        self.pick("type", kind)
        for name, value in fields.items():
            self.page.fill(f"#{name.replace('_', '-')}", value)

    def pick(self, box: str, text: str) -> None:
        """Choose something of a list that drops down."""
        if self.page.locator(f"#{box}").input_value() != text:
            self.page.click(f"#{box}")
            self.page.get_by_role("option", name=text, exact=True).click()

    def place(self) -> str:
        """Place the order with the Enter key; return what the page then says."""
        said = self.page.locator("#answer").inner_text()
        self.page.press("#amount", "Enter")
        expect(self.page.locator("#answer")).not_to_have_text(said or " ")
        return str(self.page.locator("#answer").inner_text())

    def order(self, order_id: str) -> Any:
        """Return the row of an open order."""
        return self.page.locator(f'.order[data-order="{order_id}"]')

    def level(self, price: str) -> Any:
        """Return the ladder's row at a price."""
        return self.page.locator(f'#ladder button.level[data-price="{price}"]')

    def close(self) -> None:
        self.context.close()

    def everything_heard(self) -> str:
        """Return all that the page was told, over WebSocket and HTTP, without spaces."""
        return "".join(self.heard).replace(" ", "").replace('\\"', '"')


def watch_console(page: Page, errors: list[str]) -> None:
    """Keep what goes wrong in a page, but for servers that do not answer, which tests bring about."""
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: _keep_complaint(message.type, message.text, errors))


def _keep_complaint(kind: str, text: str, errors: list[str]) -> None:
    if kind == "error" and not text.startswith(("Failed to load resource", "WebSocket connection")):
        errors.append(text)


def _append(texts: list[str], text: str) -> None:
    """Keep a text; Playwright calls no built-in function."""
    texts.append(text)
