"""Fingers on the stage: one pans, two pinch, a tap chooses; and what a double click does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page

from tests.browser.conftest import Open
from tests.browser.screen import BLOCKS, EXPRESSION, Screen
from tests.serving import Served


@pytest.fixture
def phone(server: Served, browser: Browser) -> Iterator[Screen]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(server.url)
    screen = Screen(page)
    screen.wait()
    yield screen
    context.close()


def scale(page: Page) -> float:
    found: float = page.evaluate("""() =>
        document.querySelector(".world").transform.baseVal.consolidate().matrix.a""")
    return found


def touch(session: CDPSession, kind: str, *points: tuple[float, float]) -> None:
    places: list[dict[str, Any]] = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})


def middle(page: Page) -> tuple[float, float]:
    box = page.locator("#stage").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + 90


def test_two_fingers_pinch_the_picture_and_not_the_page(phone: Screen) -> None:
    session = phone.page.context.new_cdp_session(phone.page)
    x, y = middle(phone.page)
    before = scale(phone.page)
    touch(session, "touchStart", (x - 30, y), (x + 30, y))
    for reach in (40, 50, 60):
        touch(session, "touchMove", (x - reach, y), (x + reach, y))
    touch(session, "touchEnd")
    assert scale(phone.page) == pytest.approx(2 * before, rel=0.1)
    assert phone.page.evaluate("visualViewport.scale") == 1


def test_one_finger_moves_the_picture(phone: Screen) -> None:
    session = phone.page.context.new_cdp_session(phone.page)
    x, y = middle(phone.page)
    world = phone.page.locator(".world")
    before = world.get_attribute("transform")
    touch(session, "touchStart", (x, y))
    for by in (20, 40, 60):
        touch(session, "touchMove", (x, y + by))
    touch(session, "touchEnd")
    assert world.get_attribute("transform") != before
    assert phone.page.locator("body").get_attribute("data-open") == "stage"


def test_tap_chooses_a_node(phone: Screen) -> None:
    phone.page.locator("#fit").tap()
    phone.node("y").tap()
    assert phone.fact("grad_fn") == "AddBackward0"


def test_double_click_on_the_ground_zooms_in(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    box = screen.page.locator("#stage").bounding_box()
    assert box is not None
    before = scale(screen.page)
    screen.page.mouse.dblclick(box["x"] + 30, box["y"] + box["height"] / 2)
    screen.page.wait_for_function(
        f"""() => document.querySelector(".world").transform.baseVal.consolidate().matrix.a > {before * 1.5}"""
    )


def test_double_click_on_a_group_opens_it_once(open_page: Open) -> None:
    screen = open_page(BLOCKS)
    group = screen.page.locator('.node.group[data-name="blocks.11"]')
    before = scale(screen.page)
    group.dblclick()
    screen.wait()
    assert screen.page.locator('.frame-header[data-name="blocks.11"]').count() == 1
    assert scale(screen.page) == pytest.approx(before)
