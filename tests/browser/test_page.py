"""The page around the stage: themes, sizes, memory."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.screen import EXPRESSION
from tests.browser.test_accessible import FAILING
from tests.browser.test_live import ENDLESS, at_least, start

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


SAMPLE = """parts => {
  window.seen = new Set();
  const look = () => {
    const rect = part => {
      const { left, right, top, bottom } = document.querySelector(part).getBoundingClientRect();
      return [left, part === "#timeline" ? "" : right, top, bottom].map(Math.round);
    };
    window.seen.add(JSON.stringify(parts.map(rect)));
    window.sampling = requestAnimationFrame(look);
  };
  look();
}"""
"""Where the parts are, at each frame. The timeline alone makes room: for the curves, when there are some."""


def test_nothing_moves_from_the_click_through_a_live_run_to_its_end(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    screen.page.evaluate(SAMPLE, [*PARTS, ".run-slot", ".control"])
    at_least(start(screen, ENDLESS), 20)
    screen.page.locator("#stop").click()
    screen.wait()
    assert screen.page.evaluate("[...window.seen].length") == 1, screen.page.evaluate("[...window.seen]")


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


@pytest.mark.parametrize(("width", "height"), [(844, 390), (667, 375)])
def test_phone_on_its_side_has_the_panel_beside_the_graph(open_page: Open, width: int, height: int) -> None:
    screen = open_page(FITTING, width=width, height=height)
    assert screen.page.evaluate("document.documentElement.scrollWidth") == width
    (stage,), (editor,), (timeline,) = (screen.rects(part) for part in ("#stage", ".editor-panel", "#timeline"))
    assert stage["bottom"] - stage["top"] > 180
    assert stage["right"] <= editor["left"]
    assert max(stage["bottom"], editor["bottom"]) <= timeline["top"]
    assert timeline["bottom"] <= height
    (last,), (first,) = screen.rects("[data-tab=charts]"), screen.rects("#present")
    assert last["right"] <= first["left"]
    screen.page.get_by_role("button", name="Graph", exact=True).click()
    assert screen.rects("#stage")[0]["right"] == width


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


FITTING = """X = torch.linspace(-1, 1, 10).reshape(10, 1)
y = 2 * X + 1
w = torch.zeros(1, 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
for epoch in range(4):
    loss = ((X @ w + b - y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        w -= 0.3 * w.grad
        b -= 0.3 * b.grad
    w.grad, b.grad = None, None
"""
"""Too tall to be seen whole on most screens: it is shown in the smallest size of a first view."""

TINY = """() => {
  const scale = document.querySelector(".world").getCTM().a;
  const told = e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  const size = e => parseFloat(getComputedStyle(e).fontSize) * (e.closest(".world") ? scale : 1);
  return [...document.querySelectorAll("body *")]
    .filter(e => told(e) && !e.closest(".katex") && e.checkVisibility({ visibilityProperty: true }) && size(e) < 10.99)
    .map(e => `${size(e).toFixed(1)}: ${e.outerHTML.slice(0, 80)}`);
}"""
"""Texts of less than 11 pixels, as large as they are seen. The formulas have indices."""


@pytest.mark.parametrize(("width", "height"), [(360, 740), (768, 1024), (1280, 720), (2560, 1440)])
def test_no_text_is_smaller_than_11_pixels(open_page: Open, width: int, height: int) -> None:
    screen = open_page(FITTING, width=width, height=height)
    assert screen.page.locator(".world text").count() > 10
    assert screen.page.evaluate(TINY) == []
    screen.page.get_by_role("button", name="search").click()
    screen.page.keyboard.type("w")
    screen.page.get_by_role("button", name="colour by").click()
    screen.page.get_by_role("radio", name="gradient norm").check()
    assert screen.page.evaluate(TINY) == []
    screen.node("w").dispatch_event("click")
    assert screen.page.evaluate(TINY) == []
    screen.run(FAILING)
    assert screen.page.evaluate(TINY) == []
    screen.page.get_by_role("button", name="Present").click()
    assert screen.page.evaluate(TINY) == []
