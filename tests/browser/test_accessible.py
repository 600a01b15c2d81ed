"""axe-core finds nothing to object to, whatever the theme and whatever is shown; bars and menus work by keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.screen import EXPRESSION, Screen
from tests.serving import ROOT

AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
GPT = (Path(__file__).parents[1] / "bench" / "snippets" / "w5_gpt12.py").read_text("utf-8")
FAILING = "W = torch.randn(3, 2)\nx = torch.randn(4)\ny = x @ W\n"
RUN = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.map(v => `${v.id}: ${v.help}: ${v.nodes.slice(0, 4).map(n => n.html.slice(0, 160)).join(" | ")}`);
}"""


def violations(page: Page) -> list[str]:
    page.evaluate(AXE)
    found: list[str] = page.evaluate(RUN)
    return found


def in_theme(screen: Screen, theme: str) -> None:
    for _ in range(4):
        if screen.page.locator("html").get_attribute("data-theme") == theme:
            return
        screen.page.locator("#theme").click()
    raise AssertionError(f"no theme {theme}")


@pytest.mark.parametrize("theme", ["light", "dark", "contrast"])
def test_axe_finds_no_violation(open_page: Open, theme: str) -> None:
    screen = open_page(theme=theme)
    in_theme(screen, theme)
    assert violations(screen.page) == []
    screen.run(FAILING)
    assert violations(screen.page) == []
    screen.run(GPT)
    screen.page.locator("#search-open").click()
    screen.page.keyboard.type("blocks.11.attn")
    screen.page.keyboard.press("Enter")
    screen.wait()
    screen.page.keyboard.press("Escape")
    screen.page.get_by_role("button", name="colour by").click()
    screen.page.get_by_role("radio", name="gradient norm").check()
    assert violations(screen.page) == []


@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_no_violation_in_search_and_inspector(open_page: Open, width: int) -> None:
    screen = open_page(EXPRESSION, width=width, height=800)
    screen.node("z").click()
    screen.page.locator("#search-open").click()
    screen.page.keyboard.type("a")
    assert violations(screen.page) == []


BARS = [
    ("split-editor", ".editor-panel", "width", "ArrowRight"),
    ("split-output", ".output-panel", "height", "ArrowUp"),
]


@pytest.mark.parametrize(("bar", "panel", "side", "key"), BARS)
def test_panel_is_resized_by_keyboard_and_remembered(
    open_page: Open, bar: str, panel: str, side: str, key: str
) -> None:
    screen = open_page(EXPRESSION)

    def size() -> float:
        box = screen.page.locator(panel).bounding_box()
        assert box is not None
        return box["width"] if side == "width" else box["height"]

    before = size()
    handle = screen.page.locator(f"#{bar}")
    handle.focus()
    for _ in range(3):
        screen.page.keyboard.press(key)
    assert size() == pytest.approx(before + 48, abs=2)
    assert handle.get_attribute("aria-valuenow") == str(round(size()))
    screen.page.reload()
    screen.wait()
    assert size() == pytest.approx(before + 48, abs=2)
    handle.focus()
    screen.page.keyboard.press("Enter")
    assert size() == pytest.approx(before, abs=2)


def test_panel_is_resized_by_dragging_within_bounds(open_page: Open) -> None:
    screen = open_page(EXPRESSION, width=1280, height=720)
    handle = screen.page.locator("#split-inspector").bounding_box()
    assert handle is not None
    x, y = handle["x"] + 4, handle["y"] + 100
    screen.page.mouse.move(x, y)
    screen.page.mouse.down()
    screen.page.mouse.move(x - 60, y, steps=3)
    narrower = screen.page.locator(".inspector-panel").bounding_box()
    screen.page.mouse.move(10, y, steps=3)
    screen.page.mouse.up()
    widest = screen.page.locator(".inspector-panel").bounding_box()
    stage = screen.page.locator("#stage").bounding_box()
    assert narrower is not None
    assert widest is not None
    assert stage is not None
    assert narrower["width"] < widest["width"]
    assert stage["width"] > 200


def test_stage_of_a_phone_is_resized(open_page: Open) -> None:
    screen = open_page(EXPRESSION, width=390, height=844)
    before = screen.page.locator("#stage").bounding_box()
    screen.page.locator("#split-stage").focus()
    for _ in range(4):
        screen.page.keyboard.press("ArrowDown")
    after = screen.page.locator("#stage").bounding_box()
    assert before is not None
    assert after is not None
    assert after["height"] > before["height"] + 40


def test_system_that_wants_more_contrast_gets_it(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    screen.page.emulate_media(contrast="more")
    expect(screen.page.locator("html")).to_have_attribute("data-theme", "contrast")
    screen.page.emulate_media(contrast="no-preference")
    expect(screen.page.locator("html")).to_have_attribute("data-theme", "light")
