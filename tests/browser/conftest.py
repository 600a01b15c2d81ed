"""A real Chromium on a real server. A console error or a request to another host fails the test that caused it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.browser.screen import Screen
from tests.programs import chromium
from tests.serving import Served

PATIENCE = 30_000
"""Milliseconds that an expectation may take to come true, on a machine that has other things to do."""

ABSENT = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "AimEnabled",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
)
"""Features that Chromium is to do without. The address bar that nobody sees has pages of its own, which in every new
window cost a third of the time that the tested page needs. The others are Playwright's: of two lists Chromium heeds
the last one alone."""

FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join(ABSENT)}",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module: while it is there, its event loop counts as running, and no other test's can."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield launched
        launched.close()


@dataclass
class Watch:
    """What a page must not do."""

    host: str
    faults: list[str] = field(default_factory=list)
    expected: Callable[[str], bool] = lambda _: False

    def console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not self.expected(message.text):
            self.faults.append(f"{message.type}: {message.text}")

    def request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc != self.host:
            self.faults.append(f"asked another host: {request.url}")


SEEN = 'try { localStorage.setItem("chainrule.seen", "yes"); } catch {}'
"""A page that is opened for the first time plays its snippet; every other shows the full picture."""

Open = Callable[..., Screen]


@pytest.fixture
def open_page(server: Served, browser: Browser) -> Iterator[Open]:
    """Opens the page: `open_page(code, width=…, height=…, theme="light", first_visit=False, motion=True, …)`."""
    with opening(browser, server) as opener:
        yield opener


@pytest.fixture(scope="module")
def open_shared(server: Served, browser: Browser) -> Iterator[Open]:
    """The same, for a page of which the tests of a module only ask: opening it takes longer than asking."""
    with opening(browser, server) as opener:
        yield opener


@contextmanager
def opening(browser: Browser, server: Served) -> Iterator[Open]:
    """What opens pages; closes them at the end, and fails for what they must not have done."""
    opened: list[tuple[Page, Watch]] = []

    def opener(
        code: str | None = None,
        *,
        width: int = 1600,
        height: int = 960,
        theme: str = "light",
        first_visit: bool = False,
        motion: bool = True,
        expected: Callable[[str], bool] = lambda _: False,
        url: str = server.url,
    ) -> Screen:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="no-preference" if motion else "reduce",
        )
        if not first_visit:
            context.add_init_script(SEEN)
        page = context.new_page()
        watch = Watch(urlsplit(url).netloc, expected=expected)
        page.on("console", watch.console)
        page.on("pageerror", lambda error: watch.faults.append(f"uncaught: {error}"))
        page.on("request", watch.request)
        opened.append((page, watch))
        screen = Screen(page)
        page.goto(url)
        screen.wait()
        if code is not None:
            screen.run(code)
        return screen

    yield opener
    faults = [fault for _, watch in opened for fault in watch.faults]
    for page, _ in opened:
        page.context.close()
    assert not faults, faults
