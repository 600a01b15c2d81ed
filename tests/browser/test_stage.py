"""The stage: nothing covers anything, groups open and close, and no graph is too large."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.screen import BLOCKS, ENCODER, EXPRESSION, FFN, MEETING, REGRESSION, TRAINING, Screen

SNIPPETS = {
    "expression": EXPRESSION,
    "regression": REGRESSION,
    "meeting": MEETING,
    "ffn": FFN,
    "encoder": ENCODER,
    "blocks": BLOCKS,
}


@pytest.fixture(scope="module", params=[(1600, 960), (1280, 720)], ids=lambda size: f"{size[0]}-{size[1]}")
def sized(open_shared: Open, request: pytest.FixtureRequest) -> Screen:
    width, height = request.param
    return open_shared(width=width, height=height)


@pytest.mark.parametrize("name", SNIPPETS)
def test_nothing_overlaps_or_spills(sized: Screen, name: str) -> None:
    screen = sized
    screen.run(SNIPPETS[name])
    assert screen.page.locator("[data-node]").count() >= 3
    assert screen.overlaps() == []
    assert screen.spilling() == []


def test_every_group_opens_without_overlap(open_page: Open) -> None:
    screen = open_page(FFN)
    for _ in range(8):
        closed = screen.page.locator(".node.group")
        if closed.count() == 0:
            break
        closed.first.dispatch_event("click")
        screen.wait()
    assert screen.page.locator(".node.group").count() == 0
    assert screen.page.locator('[data-node][data-name="net.0.weight"]').count() == 1
    assert screen.overlaps() == []
    assert screen.spilling() == []


def test_group_opens_and_closes_with_enter_and_stays_where_it_was(open_page: Open) -> None:
    screen = open_page(BLOCKS)
    group = screen.page.locator('.node.group[data-name="blocks.11"]')
    group.focus()
    top = group.bounding_box()
    assert top is not None
    screen.page.keyboard.press("Enter")
    screen.wait()
    header = screen.page.locator('.frame-header[data-name="blocks.11"]')
    expect(header).to_be_focused()
    frame = screen.page.locator(f'[data-frame="{header.get_attribute("data-group")}"]').bounding_box()
    assert frame is not None
    assert abs(frame["y"] - top["y"]) < 2
    screen.page.keyboard.press("Enter")
    screen.wait()
    assert screen.page.locator('.node.group[data-name="blocks.11"]').count() == 1


def test_first_view_of_a_large_model_has_few_things(open_page: Open) -> None:
    screen = open_page(BLOCKS)
    assert 12 <= screen.page.locator("[data-node]").count() <= 40
    assert screen.page.locator('.node.group[data-name^="blocks."]').count() == 12


CHAIN = """x = torch.tensor(0.5, requires_grad=True)
y = x
for i in range(2500):
    y = y * 1.0001
    y = y + 0.01
    y = torch.sin(y)
    y = -y
y.backward()
"""

WEB = """import random
r = random.Random(0)
v = [torch.tensor(0.1 * (i + 1), requires_grad=True) for i in range(4)]
for i in range(2000):
    m = len(v)
    v.append(torch.maximum(v[r.randrange(max(0, m - 60), m)], v[r.randrange(max(0, m - 60), m)]))
loss = torch.stack(v[4:]).sum()
loss.backward()
"""


@pytest.mark.parametrize(("code", "ops"), [(CHAIN, "10,000"), (WEB, "2,002")])
def test_huge_graph_is_folded_and_unfolds(open_page: Open, code: str, ops: str) -> None:
    screen = open_page(code)
    assert screen.fact("ops") == ops
    assert screen.page.locator("[data-node]").count() <= 40
    fold = screen.page.locator(".node.fold")
    assert fold.count() >= 1
    before = screen.page.locator("[data-node]").count()
    fold.first.dispatch_event("click")
    screen.wait()
    assert before < screen.page.locator("[data-node]").count() <= 80
    assert screen.overlaps() == []


def test_zoom_pan_and_fit(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    world = screen.page.locator(".world")
    fitted = world.get_attribute("transform")
    screen.page.get_by_role("button", name="zoom in").click()
    zoomed = world.get_attribute("transform")
    assert zoomed != fitted
    box = screen.page.locator(".stage-svg").bounding_box()
    assert box is not None
    screen.page.mouse.move(box["x"] + 60, box["y"] + 60)
    screen.page.mouse.down()
    screen.page.mouse.move(box["x"] + 160, box["y"] + 90, steps=4)
    screen.page.mouse.up()
    panned = world.get_attribute("transform")
    assert panned != zoomed
    screen.page.mouse.wheel(0, -300)
    expect(world).not_to_have_attribute("transform", panned or "")
    moved = world.get_attribute("transform") or ""
    screen.page.keyboard.press("ControlOrMeta+Enter")
    screen.wait()
    assert world.get_attribute("transform") == moved
    screen.page.get_by_role("button", name="Fit").click()
    assert world.get_attribute("transform") == fitted


def test_keyboard_reaches_nodes_and_moves_between_them(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    screen.node("z").focus()
    screen.page.keyboard.press("ArrowUp")
    expect(screen.node("y")).to_be_focused()
    screen.page.keyboard.press("Enter")
    assert screen.fact("grad_fn") == "AddBackward0"
    screen.page.keyboard.press("Escape")
    assert screen.fact("ops") == "2"


def afar(open_page: Open) -> Screen:
    """A large graph with everything open and in view, too far away to be read."""
    screen = open_page(BLOCKS)
    screen.page.get_by_role("button", name="open all groups").click()
    screen.wait()
    screen.page.get_by_role("button", name="Fit").click()
    assert "farther" in (screen.page.locator(".stage-svg").get_attribute("class") or "")
    return screen


def test_what_is_out_of_sight_has_no_words_until_it_is_seen(open_page: Open) -> None:
    screen = open_page(BLOCKS)
    screen.page.get_by_role("button", name="open all groups").click()
    screen.wait()
    first = screen.node("blocks.0.norm.weight")
    expect(first.locator("text")).to_have_count(0)
    screen.page.get_by_role("button", name="Fit").click()
    expect(first.locator("text")).to_have_count(0)
    screen.page.get_by_role("button", name="search").click()
    screen.page.locator("#search-text").fill("blocks.0.norm.weight")
    screen.page.keyboard.press("Enter")
    expect(first.locator(".title")).to_have_text("blocks.0.norm.weight")


def test_many_things_are_moved_as_one_image_and_are_themselves_again(open_page: Open) -> None:
    screen = afar(open_page)
    image, world = screen.page.locator("canvas.afar"), screen.page.locator(".world")
    before = world.get_attribute("transform")
    box = screen.page.locator(".stage-svg").bounding_box()
    assert box is not None
    at = box["x"] + 90, box["y"] + box["height"] / 2
    screen.page.mouse.move(*at)
    screen.page.mouse.down()
    screen.page.mouse.move(at[0] + 60, at[1] + 30, steps=3)
    expect(image).to_have_count(1)
    assert world.get_attribute("transform") == before
    painted = """canvas => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.some((part, i) => i % 4 === 3 && part > 0);
    }"""
    assert image.evaluate(painted)
    screen.page.mouse.up()
    expect(image).to_have_count(0)
    assert world.get_attribute("transform") != before
    assert screen.page.locator(".stage-svg").evaluate("svg => getComputedStyle(svg).opacity") == "1"


def test_few_things_are_moved_themselves(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    for _ in range(12):
        screen.page.get_by_role("button", name="zoom out").click()
    screen.page.mouse.move(700, 300)
    screen.page.mouse.down()
    screen.page.mouse.move(720, 320, steps=3)
    assert screen.page.locator("canvas.afar").count() == 0
    screen.page.mouse.up()


def test_arrow_keys_lead_to_what_is_out_of_sight(open_page: Open) -> None:
    screen = open_page(BLOCKS)
    screen.page.get_by_role("button", name="open all groups").click()
    screen.wait()
    screen.page.locator('[data-node][data-kind="seed"]').focus()
    seen = set()
    for _ in range(25):
        screen.page.keyboard.press("ArrowUp")
        seen.add(screen.page.evaluate("document.activeElement.dataset?.node ?? document.activeElement.tagName"))
    assert "BODY" not in seen
    assert len(seen) > 15


def test_the_legend_covers_nothing_of_a_first_view(open_page: Open) -> None:
    screen = open_page(TRAINING, width=1024, height=768)
    (legend,) = screen.rects(".legend")
    assert all(node["bottom"] <= legend["top"] for node in screen.rects("[data-node]"))


def test_the_legend_steps_aside_where_it_would_cover_a_node(open_page: Open) -> None:
    screen = open_page(EXPRESSION, width=1280, height=720)
    legend, button = screen.page.locator("#legend"), screen.page.get_by_role("button", name="legend")
    expect(legend).to_be_visible()
    drag_seed_to_legend(screen)
    expect(legend).not_to_be_visible()
    button.click()
    expect(legend).to_be_visible()
    screen.page.get_by_role("button", name="Fit").click()
    expect(legend).to_be_visible()
    button.click()
    expect(legend).not_to_be_visible()


def drag_seed_to_legend(screen: Screen) -> None:
    (legend,), (seed,) = screen.rects("#legend"), screen.rects('[data-kind="seed"]')
    stage = screen.page.locator("#stage").bounding_box()
    assert stage
    x, y = stage["x"] + 20, stage["y"] + 300
    screen.page.mouse.move(x, y)
    screen.page.mouse.down()
    screen.page.mouse.move(x + legend["left"] - seed["left"] + 20, y + legend["top"] - seed["top"], steps=4)
    screen.page.mouse.up()


def test_a_node_that_the_keyboard_comes_to_is_brought_into_view(open_page: Open) -> None:
    screen = open_page(BLOCKS, width=1280, height=720)
    screen.page.locator("#output-body").focus()
    stage = screen.page.locator("#stage").bounding_box()
    assert stage
    for _ in range(4):
        screen.page.keyboard.press("Tab")
        focused = screen.page.locator(":focus").bounding_box()
        assert focused
        assert focused["y"] >= stage["y"]
        assert focused["y"] + focused["height"] <= stage["y"] + stage["height"]


def test_the_first_example_is_seen_whole_wherever_it_is_presented(open_page: Open) -> None:
    for width, height in ((1280, 720), (1600, 960), (2560, 1440)):
        screen = open_page(EXPRESSION, width=width, height=height)
        screen.page.keyboard.press("Escape")
        screen.page.get_by_role("button", name="Present").click()
        screen.page.wait_for_function("document.body.classList.contains('presenting')")
        (stage,) = screen.rects("#stage")
        for node in screen.rects("[data-node]"):
            assert node["left"] >= stage["left"]
            assert node["right"] <= stage["right"]
