"""The page around the stage: themes, sizes, memory."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.screen import EXPRESSION

PARTS = ("header.bar", ".editor-panel", ".output-panel", "#stage", ".inspector-panel", "#timeline")

BACKGROUND = "() => getComputedStyle(document.body).backgroundColor"

CONTRAST = """() => {
  const luminance = ([r, g, b]) => {
    const part = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const colour = name => {
    canvas.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const ratio = (a, b) => {
    const [x, y] = [luminance(colour(a)), luminance(colour(b))].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  const pairs = [];
  for (const ground of ["--panel", "--ground"])
    for (const ink of ["--ink", "--quiet", "--forward", "--backward", "--learns", "--error", "--update"])
      pairs.push([ink, ground]);
  pairs.push(
    ["--backward", "--backward-soft"], ["--backward", "--backward-wash"], ["--forward", "--forward-soft"],
    ["--ink", "--forward-soft"], ["--ink", "--error-soft"], ["--error", "--error-soft"], ["--quiet", "--data-wash"]);
  return pairs.map(([a, b]) => [`${a} on ${b}`, ratio(a, b)]).filter(([, r]) => r < 4.5);
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_told_from_its_ground(open_page: Open, theme: str) -> None:
    screen = open_page(theme=theme)
    assert screen.page.evaluate(CONTRAST) == []


def test_theme_follows_the_system_until_chosen_and_is_remembered(open_page: Open) -> None:
    screen = open_page(theme="dark")
    dark = screen.page.evaluate(BACKGROUND)
    button = screen.page.locator("#theme")
    assert button.text_content() == "Theme: auto"
    button.click()
    light = screen.page.evaluate(BACKGROUND)
    assert light != dark
    screen.page.reload()
    screen.wait()
    assert button.text_content() == "Theme: light"
    assert screen.page.evaluate(BACKGROUND) == light
    button.click()
    assert screen.page.evaluate(BACKGROUND) == dark


def test_snippet_is_remembered_and_the_first_example_comes_back(open_page: Open) -> None:
    screen = open_page("q = torch.tensor(7.0, requires_grad=True) * 2\n")
    screen.page.reload()
    screen.wait()
    assert screen.node("q").count() == 1
    screen.page.locator("#reset").click()
    expect(screen.node("z")).to_have_count(1)
    assert not screen.page.locator("#reset").is_visible()


@pytest.mark.parametrize(("width", "height"), [(1600, 960), (1280, 720)])
def test_panels_fill_the_window_without_overlap(open_page: Open, width: int, height: int) -> None:
    screen = open_page(EXPRESSION, width=width, height=height)
    rects = [screen.rects(part)[0] for part in PARTS]
    for i, a in enumerate(rects):
        assert a["right"] <= width
        assert a["bottom"] <= height
        for b in rects[i + 1 :]:
            apart = a["right"] <= b["left"] + 1 or b["right"] <= a["left"] + 1
            assert apart or a["bottom"] <= b["top"] + 1 or b["bottom"] <= a["top"] + 1
    legend, tools = screen.rects(".legend")[0], screen.rects(".tools")[0]
    assert legend["right"] <= tools["left"]


def test_running_moves_no_panel(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    before = [screen.rects(part) for part in (*PARTS, ".run-slot")]
    texts = ("text",)
    screen.page.locator("#run").click()
    screen.wait()
    after = [screen.rects(part) for part in (*PARTS, ".run-slot")]
    strip = [[{k: v for k, v in rect.items() if k not in texts} for rect in rects] for rects in (*before, *after)]
    assert strip[: len(before)] == strip[len(before) :]


def test_phone_shows_stage_and_one_panel_at_a_time(open_page: Open) -> None:
    screen = open_page(EXPRESSION, width=390, height=844)
    assert screen.page.evaluate("document.documentElement.scrollWidth") == 390
    for tab, panel in (("Inspector", ".inspector-panel"), ("Output", ".output-panel"), ("Code", ".editor-panel")):
        screen.page.get_by_role("button", name=tab, exact=True).click()
        visible = [
            p for p in (".inspector-panel", ".output-panel", ".editor-panel") if screen.page.locator(p).is_visible()
        ]
        assert visible == [panel]
    screen.node("z").click()
    assert screen.page.locator(".inspector-panel").is_visible()
    stage, inspector = screen.rects("#stage")[0], screen.rects(".inspector-panel")[0]
    assert stage["bottom"] <= inspector["top"]


def test_phone_shows_the_graph_alone_first_and_all_of_the_first_example(open_page: Open) -> None:
    screen = open_page(width=390, height=844)
    assert not screen.page.locator(".editor-panel").is_visible()
    (stage,), (tools,) = screen.rects("#stage"), screen.rects(".tools")
    for node in screen.rects("[data-node]"):
        assert node["left"] >= stage["left"]
        assert node["right"] <= stage["right"]
        assert node["top"] >= stage["top"]
        assert node["bottom"] <= tools["top"]
    screen.node("z").click()
    assert not screen.page.locator(".inspector-panel").is_visible()
    screen.page.get_by_role("button", name="Inspector", exact=True).click()
    assert screen.fact("grad_fn") == "MulBackward0"


def test_phone_that_shows_the_graph_alone_turns_to_the_code_when_it_fails(open_page: Open) -> None:
    screen = open_page(width=390, height=844)
    screen.type("x = torch.ones(2) @ torch.ones(3)")
    screen.page.get_by_role("button", name="Graph", exact=True).click()
    screen.page.locator("#run").click()
    screen.wait()
    expect(screen.page.locator(".editor-panel")).to_be_visible()


def test_picture_of_the_run_before_is_faint_while_the_next_is_awaited(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    screen.type("while True:\n    pass\n")
    screen.page.keyboard.press("ControlOrMeta+Enter")
    expect(screen.page.locator(".stage-svg")).to_have_css("opacity", "0.35")
    screen.page.locator("#stop").click()
    screen.wait()
    expect(screen.page.locator(".stage-svg")).to_have_css("opacity", "1")


def test_no_text_is_smaller_than_11_pixels(open_page: Open) -> None:
    screen = open_page(EXPRESSION, width=1280, height=720)
    script = """() => [...document.querySelectorAll("body *")]
        .filter(e => e.checkVisibility() && !e.closest("svg, .katex") && parseFloat(getComputedStyle(e).fontSize) < 11)
        .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
        .map(e => e.outerHTML.slice(0, 80))"""
    assert screen.page.evaluate(script) == []
