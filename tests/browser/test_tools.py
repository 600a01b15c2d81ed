"""The stage's tools: open and close all, search, the way to the loss, colours by a measure, the map."""

from __future__ import annotations

import itertools

from playwright.sync_api import Locator, expect

from tests.browser.conftest import Open
from tests.browser.screen import BLOCKS, EXPRESSION, FFN, MEETING, Screen

VANISHING = """x = torch.tensor(1.0, requires_grad=True)
y = x
for i in range(12):
    y = torch.sigmoid(y * 0.01)
y.backward()
"""

NOT_A_NUMBER = """x = torch.tensor(-1.0, requires_grad=True)
y = x * 2
z = torch.log(y)
loss = z * 3
loss.backward()
"""


def in_view(screen: Screen, locator: Locator) -> bool:
    box, stage = locator.bounding_box(), screen.page.locator("#stage").bounding_box()
    assert stage is not None
    if box is None:
        return False
    return box["x"] >= stage["x"] - 1 and box["y"] >= stage["y"] - 1 and box["y"] <= stage["y"] + stage["height"]


def find(screen: Screen, query: str) -> list[str]:
    """Opens the search with its key and types."""
    screen.page.locator(".stage-svg [tabindex='0']").first.focus()
    screen.page.keyboard.press("/")
    field = screen.page.locator("#search-text")
    expect(field).to_be_focused()
    field.fill(query)
    return screen.page.locator("#search-results strong").all_text_contents()


def test_all_groups_open_and_close(open_page: Open) -> None:
    screen = open_page(BLOCKS)
    screen.page.get_by_role("button", name="open all groups").click()
    screen.wait()
    assert screen.page.locator(".node.group").count() == 0
    assert screen.page.locator("[data-node]").count() > 100
    assert screen.overlaps() == []
    assert in_view(screen, screen.page.locator('[data-node][data-kind="seed"]'))
    screen.page.get_by_role("button", name="close all groups").click()
    screen.wait()
    assert screen.page.locator("[data-node]").count() <= 5


def test_slash_opens_the_search_wherever_nothing_is_typed(open_page: Open) -> None:
    screen = open_page(BLOCKS)
    screen.page.locator(".claim").click()
    screen.page.keyboard.press("/")
    expect(screen.page.locator("#search-text")).to_be_focused()
    screen.page.keyboard.press("Escape")
    screen.page.locator(".cm-content").click()
    screen.page.keyboard.press("/")
    expect(screen.page.locator("#search")).to_be_hidden()


def test_search_says_in_which_group_each_of_many_alike_is(open_page: Open) -> None:
    screen = open_page(BLOCKS)
    find(screen, "gelu")
    details = [text.split(" \u00b7 ")[-1] for text in screen.page.locator("#search-results .node").all_inner_texts()]
    assert len(set(details)) == 12
    assert "blocks.3" in details[3]


def test_search_finds_by_name_op_shape_and_line(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    assert find(screen, "z") == ["z"]
    assert find(screen, "mul") == ["z"]
    assert find(screen, "line 4") == ["y"]
    assert find(screen, "nothing like it") == []
    expect(screen.page.locator("#search-count")).to_have_text("nothing found")
    assert "net.0.weight" in find(open_page(FFN), "[256, 64]")


def test_enter_opens_the_groups_around_what_was_found(open_page: Open) -> None:
    screen = open_page(BLOCKS)
    wanted = screen.page.locator('[data-node][data-name="blocks.7.up.weight"]')
    assert wanted.count() == 0
    assert find(screen, "blocks.7.up.weight") == ["blocks.7.up.weight"]
    screen.page.keyboard.press("Enter")
    screen.wait()
    expect(wanted).to_have_count(1)
    assert in_view(screen, wanted)
    expect(wanted).to_have_class("node leaf selected found")
    crumbs = screen.page.locator("#crumbs button").all_text_contents()
    assert crumbs[0] == "graph"
    assert crumbs[-2:] == ["blocks.7", "up"]
    screen.page.keyboard.press("Escape")
    expect(screen.page.locator("#search")).to_be_hidden()
    expect(wanted).not_to_have_class("node leaf selected found")


def test_crumb_brings_its_group_into_view(open_page: Open) -> None:
    screen = open_page(BLOCKS)
    find(screen, "blocks.3.up.weight")
    screen.page.keyboard.press("Enter")
    screen.wait()
    screen.page.locator("#crumbs").get_by_role("button", name="blocks.3").click()
    frame = screen.page.locator('[data-group] >> text="blocks.3"')
    assert in_view(screen, frame)


def test_way_to_the_loss_dims_the_rest(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    screen.node("a").click()
    button = screen.page.get_by_role("button", name="show the way to the loss")
    button.click()
    dimmed = screen.page.locator(".node.dimmed").evaluate_all("nodes => nodes.map(n => n.dataset.name)")
    assert set(dimmed) == {"b", "x", "seed ∂z/∂z = 1.0"}
    screen.node("x").click()
    dimmed = screen.page.locator(".node.dimmed").evaluate_all("nodes => nodes.map(n => n.dataset.name)")
    assert set(dimmed) == {"a", "b", "y", "seed ∂z/∂z = 1.0"}
    button.click()
    assert screen.page.locator(".dimmed").count() == 0


def test_way_needs_a_node(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    screen.page.get_by_role("button", name="show the way to the loss").click()
    expect(screen.page.locator("#stage-note")).to_contain_text("Choose a node first")


def test_vanishing_gradients_are_seen_at_once(open_page: Open) -> None:
    screen = open_page(VANISHING)
    assert screen.page.locator(".tinted").count() == 0
    screen.page.get_by_role("button", name="colour by").click()
    screen.page.get_by_role("radio", name="gradient norm").check()
    assert "▽" in (screen.node("x").locator(".badge-text").text_content() or "")
    ends = screen.page.evaluate("""() => {
        const bodies = [...document.querySelectorAll(".node.tinted .body")];
        return [bodies[0], bodies.at(-1)].map(body => getComputedStyle(body).fill);
    }""")
    assert ends[0] != ends[1]
    assert screen.page.locator("#measure-ticks span").all_text_contents() == ["1e−7", "0.01", "1000.0"]
    screen.page.reload()
    screen.wait()
    assert screen.page.locator(".tinted").count() > 0
    screen.page.get_by_role("button", name="colour by").click()
    screen.page.get_by_role("radio", name="nothing").check()
    assert screen.page.locator(".tinted, .badge").count() == 0


def test_bytes_saved_for_backward_stand_at_their_ops(open_page: Open) -> None:
    screen = open_page(FFN)
    screen.page.get_by_role("button", name="colour by").click()
    screen.page.get_by_role("radio", name="bytes saved").check()
    texts = screen.page.locator(".badge-text").all_text_contents()
    assert any(text.endswith("kB") for text in texts)


def test_not_a_number_is_loud_where_it_starts(open_page: Open) -> None:
    screen = open_page(NOT_A_NUMBER)
    assert screen.node("z").locator(".alarm-text").text_content() == "⚠ NaN starts here"
    assert screen.node("loss").locator(".alarm-text").text_content() == "⚠ NaN"
    assert screen.node("y").locator(".alarm-text").count() == 0
    expect(screen.page.get_by_role("button", name="NaN starts here: z")).to_have_count(1)
    assert screen.overlaps() == []


def test_infinite_gradient_is_loud(open_page: Open) -> None:
    screen = open_page("x = torch.tensor(0.0, requires_grad=True)\ny = x * 1\nz = torch.sqrt(y)\nz.backward()\n")
    assert screen.node("y").locator(".alarm-text").text_content() == "⚠ ∞ in the gradient"
    assert screen.node("z").locator(".alarm-text").count() == 0
    assert screen.page.locator(".edge.odd").count() == 2


def test_mask_of_infinities_is_no_alarm(open_page: Open) -> None:
    screen = open_page("""x = torch.randn(3, 3, requires_grad=True)
m = x.masked_fill(torch.ones(3, 3).triu(1) == 1, float("-inf"))
p = m.softmax(-1)
(p ** 2).sum().backward()
""")
    assert screen.page.locator(".alarm-text").count() == 0


def test_map_shows_where_one_is_and_moves_there(open_page: Open) -> None:
    screen = open_page(BLOCKS)
    minimap = screen.page.locator("#minimap")
    expect(minimap).to_be_visible()
    first = screen.page.locator('.node.group[data-name="blocks.0"]')
    assert not in_view(screen, first)
    box = minimap.bounding_box()
    assert box is not None
    screen.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 8)
    screen.page.mouse.down()
    screen.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 8, steps=4)
    screen.page.mouse.up()
    assert in_view(screen, first)


def test_map_is_hidden_while_all_is_in_view(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    expect(screen.page.locator("#minimap")).to_be_hidden()


def test_focus_follows_the_order_of_reading(open_page: Open) -> None:
    screen = open_page(MEETING)
    order = screen.page.locator(".things [tabindex='0']").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect().top)"
    )
    assert all(below >= above - 16 for above, below in itertools.pairwise(order))


def test_map_stands_beside_the_tools_where_there_is_no_room_below(open_page: Open) -> None:
    screen = open_page(BLOCKS, width=1000, height=600)
    screen.page.get_by_role("button", name="open all groups").click()
    screen.wait()
    (small,), (tools,) = screen.rects("#minimap"), screen.rects(".tools")
    assert small["right"] <= tools["left"] or small["top"] >= tools["bottom"]


def test_map_leaves_the_corner_where_it_would_cover_a_node(open_page: Open) -> None:
    screen = open_page(BLOCKS, width=1280, height=720)
    minimap = screen.page.locator("#minimap")
    (small,), (under,) = screen.rects("#minimap"), screen.rects('[data-kind="seed"]')
    stage = screen.page.locator("#stage").bounding_box()
    assert stage
    screen.page.mouse.move(stage["x"] + 40, stage["y"] + 120)
    screen.page.mouse.down()
    screen.page.mouse.move(
        stage["x"] + 40 + small["right"] - under["right"], stage["y"] + 120 + small["bottom"] - under["bottom"], steps=5
    )
    screen.page.mouse.up()
    expect(minimap).to_have_class("minimap left")
    (small,) = screen.rects("#minimap")
    nodes = screen.rects("[data-node]") + screen.rects(".legend:not(.aside)")
    assert not any(
        node["left"] < small["right"]
        and node["right"] > small["left"]
        and node["top"] < small["bottom"]
        and node["bottom"] > small["top"]
        for node in nodes
    )


def test_a_phone_can_present(open_page: Open) -> None:
    screen = open_page(EXPRESSION, width=360, height=740)
    screen.page.get_by_role("button", name="Present").click()
    expect(screen.page.locator("body")).to_have_class("presenting")
