"""Gradients of tensors that meet: drawn as a sum of which every cell adds up, built as the engine brings its parts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Open
from tests.browser.screen import Screen
from tests.browser.test_accessible import violations

SMALL = """X = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
W = torch.tensor([[0.5, -1.0], [2.0, 0.0]], requires_grad=True)
h = X @ W
loss = (h * h + h).sum()
loss.backward()
"""
LARGE = """W = torch.randn(40, 40, requires_grad=True)
loss = (W @ W).sum() + W.abs().sum()
loss.backward()
"""


def goto(screen: Screen, event: int) -> None:
    screen.page.locator('[data-part="scrubber"]').evaluate(
        "(e, at) => { e.value = at; e.dispatchEvent(new Event('input', { bubbles: true })); }", str(event)
    )


def events(screen: Screen) -> int:
    return int(screen.page.locator('[data-part="scrubber"]').get_attribute("max") or 0)


def places(screen: Screen) -> list[tuple[str | None, str | None]]:
    """Where each node stands in the picture, and how high it is: the view goes along, the picture stays."""
    nodes = screen.page.locator("[data-node]").all()
    return [(each.get_attribute("transform"), each.locator(".body").get_attribute("height")) for each in nodes]


def numbers(locator: Locator) -> list[float]:
    texts: list[str] = locator.evaluate("e => [...e.querySelectorAll('.cell, td')].map(cell => cell.textContent)")
    return [float(text.replace("\u2212", "-")) for text in texts]


def test_card_draws_the_sum_and_each_cell_adds_up(open_page: Open) -> None:
    screen = open_page(SMALL)
    addends = [numbers(term) for term in screen.node("h").locator(".addend").all()]
    assert addends == [[1.0, 1.0, 1.0, 1.0], [4.5, -1.0, -0.5, -3.0], [4.5, -1.0, -0.5, -3.0], [10.0, -1.0, 0.0, -5.0]]
    assert screen.overlaps() == []
    assert screen.spilling() == []
    signs = screen.node("h").locator(".addends-sign").all_text_contents()
    assert signs == ["+", "+", "="]


def test_sum_builds_in_the_engines_order_and_nothing_moves(open_page: Open) -> None:
    screen = open_page(SMALL)
    addends = screen.node("h").locator(".addend")
    before = places(screen)
    seen: list[list[bool]] = []
    for event in range(events(screen)):
        goto(screen, event)
        awaited = [("awaited" in (each.get_attribute("class") or "")) for each in addends.all()]
        if not seen or seen[-1] != awaited:
            seen.append(awaited)
        assert places(screen) == before
    assert seen == [
        [True, True, True, True],
        [False, True, True, True],
        [False, False, True, True],
        [False, False, False, True],
        [False, False, False, False],
    ]
    screen.page.keyboard.press("End")
    goto(screen, 0)
    expect(screen.node("h").locator(".addends")).to_have_css("visibility", "hidden")


def test_inspector_writes_the_addition_and_says_what_a_cell_is_made_of(open_page: Open) -> None:
    screen = open_page(SMALL)
    screen.node("h").click()
    addition = screen.page.locator("[data-addition]")
    rows = addition.locator("li")
    assert [re.sub(r"\s+", " ", row.locator(".term-name").inner_text()).strip() for row in rows.all()] == [
        "from add norm 2.0",
        "from mul, input 0 norm 5.52",
        "from mul, input 1 norm 5.52",
        "gradient of h norm 11.2",
    ]
    readout = screen.page.locator(".card", has=addition).locator(".readout")
    expect(readout).to_have_text("[0, 0]: 1.0 + 4.5 + 4.5 = 10.0")
    rows.last.locator('[data-cell="3"]').focus()
    expect(readout).to_have_text("[1, 1]: 1.0 \u2212 3.0 \u2212 3.0 = \u22125.0")
    assert addition.locator("td.source").all_text_contents() == ["1.0", "\u22123.0", "\u22123.0", "\u22125.0"]
    rows.nth(1).get_by_role("button").click()
    expect(screen.page.locator(".inspector-panel h2 .kind")).to_have_text("edge")
    expect(screen.page.locator("[data-addition]")).to_have_count(1)


def test_inspector_keeps_the_room_of_what_has_not_come(open_page: Open) -> None:
    screen = open_page(SMALL)
    heights = set()
    texts = []
    for event in range(events(screen)):
        goto(screen, event)
        screen.wait_for_inspector()
        addition = screen.page.locator("[data-addition]")
        if addition.count() and "h" in screen.page.locator(".inspector-panel h2 .name").inner_text():
            heights.add(addition.evaluate("e => e.offsetHeight"))
            texts.append(screen.page.locator(".card", has=addition).locator(".readout").inner_text())
    assert texts == [
        "[0, 0]: 1.0 + ? + ? = ?",
        "[0, 0]: 1.0 + 4.5 + ? = ?",
        "[0, 0]: 1.0 + 4.5 + 4.5 = ?",
        "[0, 0]: 1.0 + 4.5 + 4.5 = 10.0",
    ]
    assert len(heights) == 1


def test_large_tensors_meet_as_means_of_blocks(open_page: Open) -> None:
    screen = open_page(LARGE)
    assert screen.node("W").locator(".addend image").count() == 4
    screen.node("W").click()
    card = screen.page.locator(".card", has=screen.page.locator("[data-addition]"))
    expect(card).to_contain_text("Means of blocks of the last two dims, all in one scale")
    expect(card).to_contain_text("They add up; norms do not.")
    said = (card.locator(".readout").text_content() or "").replace("\u2212", "-")
    assert said.startswith("block [")
    left, right = said.split(": ")[1].split(" = ")
    terms = [float(number) for number in left.replace("- ", "+ -").split(" + ")]
    assert abs(sum(terms) - float(right)) < 0.02 * max(map(abs, terms))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_violation_in_a_sum(open_page: Open, theme: str) -> None:
    screen = open_page(SMALL, theme=theme)
    goto(screen, 11)
    screen.page.locator("[data-addition]").wait_for()
    assert violations(screen.page) == []
    screen.run(LARGE)
    screen.node("W").click()
    screen.page.locator("[data-addition]").wait_for()
    assert violations(screen.page) == []


def test_a_hook_that_changes_the_sum_is_not_called_a_sum(open_page: Open) -> None:
    hooked = SMALL.replace("loss =", "h.register_hook(lambda g: g * 10)\nloss =")
    screen = open_page(hooked)
    assert screen.node("h").locator(".addends-sign").all_text_contents() == ["+", "+", "\u2192"]
    screen.node("h").click()
    changed = "A hook, or a write in place, makes something else of the sum."
    expect(screen.page.locator("[data-changed]")).to_have_text(changed)


def test_gradients_of_different_outputs_are_no_sum(open_page: Open) -> None:
    screen = open_page(
        "a = torch.ones(2, 3, requires_grad=True)\nx, y = (a * 2).unbind(0)\nloss = (x * y).sum()\nloss.backward()\n"
    )
    unbound = screen.page.locator('[data-node]:has-text("UnbindBackward0")')
    unbound.click()
    assert unbound.locator(".addend").count() == 0
    assert not [label for label in screen.labels() if label.startswith("+")]
    assert screen.page.locator("[data-addition]").count() == 0
    for event in range(events(screen)):
        goto(screen, event)
        assert "contribution" not in (screen.page.locator('[data-part="narration"]').text_content() or "")
