"""The playback: what the stage, the timeline, the code and the words say at successive moments."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Open
from tests.browser.screen import EXPRESSION, FFN, MEETING, REGRESSION, TRAINING, Screen
from tests.browser.test_accessible import violations

CUT = """a = torch.tensor(2.0, requires_grad=True)
b = a.detach() * 3
d = a * b
d.backward()
with torch.no_grad():
    a -= 0.1 * a.grad
a.grad = None
"""


def position(screen: Screen) -> str:
    return screen.page.locator('[data-part="position"]').text_content() or ""


def narration(screen: Screen) -> str:
    return screen.page.locator('[data-part="narration"]').text_content() or ""


def scrubber(screen: Screen) -> Locator:
    return screen.page.get_by_role("slider", name="event")


def press(screen: Screen, *keys: str) -> None:
    for key in keys:
        screen.page.keyboard.press(key)


def leave_editor(screen: Screen) -> None:
    """So that keys are the playback's."""
    screen.page.locator(".claim").click()


def settle(screen: Screen) -> None:
    """Until the event that a key began is over."""
    screen.page.wait_for_function("() => document.querySelectorAll('.token').length === 0")


def goto(screen: Screen, event: int) -> None:
    """By the scrubber, as a screen reader would set it: no event plays on the way."""
    scrubber(screen).evaluate(
        "(e, at) => { e.value = at; e.dispatchEvent(new Event('input', { bubbles: true })); }", str(event)
    )


def sum_at_b(screen: Screen) -> str:
    return " ".join(screen.words(screen.node("b"))[3].replace("\u00a0", " ").split())


def test_the_sum_builds_at_b_as_the_engine_brings_its_parts(open_page: Open) -> None:
    screen = open_page(MEETING)
    assert sum_at_b(screen) == "1.0 + 6.0 + 6.0 = 13.0"
    seen: list[tuple[str, str]] = []
    for event in range(3, 12):
        goto(screen, event)
        words = (sum_at_b(screen), screen.words(screen.node("a"))[3])
        if not seen or seen[-1] != words:
            seen.append(words)
    assert seen == [
        ("", "grad –"),
        ("1.0 + ? + ? = ?", "grad –"),
        ("1.0 + 6.0 + ? = ?", "grad –"),
        ("1.0 + 6.0 + 6.0 = ?", "grad –"),
        ("1.0 + 6.0 + 6.0 = 13.0", "grad –"),
        ("1.0 + 6.0 + 6.0 = 13.0", "grad 39.0"),
    ]
    leave_editor(screen)
    press(screen, "End")
    assert screen.page.locator(".moment").count() == 0
    assert sorted(screen.labels()) == ["+ 1.0", "6.0 + 6.0", "∂d/∂a 39.0", "∂d/∂c 1.0"]


def test_words_of_tensors_are_sentences(open_page: Open) -> None:
    screen = open_page(REGRESSION)
    said = []
    for event in range(int(scrubber(screen).get_attribute("max") or 0)):
        goto(screen, event)
        said.append(narration(screen))
    assert "MeanBackward0: gradient 1.0 / 10 gives [10, 1] (norm 0.316) for pow" in said
    assert not [words for words in said if " ," in words or "gradient =" in words or "[] " in words]


def test_a_closed_group_has_no_result_before_it_is_through(open_page: Open) -> None:
    screen = open_page(FFN)
    screen.page.get_by_role("button", name="close all groups").click()
    screen.wait()
    value = screen.page.locator(".node.group .value").last
    seen = []
    for event in range(int(scrubber(screen).get_attribute("max") or 0)):
        goto(screen, event)
        if position(screen).startswith("forward"):
            seen.append(value.evaluate("e => getComputedStyle(e).visibility"))
    assert len(seen) > 3
    assert seen == ["hidden"] * (len(seen) - 1) + ["visible"]
    press(screen, "End")
    expect(value).to_be_visible()


def test_what_has_not_happened_is_empty(open_page: Open) -> None:
    screen = open_page(MEETING)
    goto(screen, 0)
    values = screen.page.locator("[data-node] .title .value:visible").all_text_contents()
    assert values == ["6.0"]
    assert screen.page.locator(".backward-label:visible").count() == 0
    assert screen.page.locator(".edge .backward:visible").count() == 0
    goto(screen, 7)
    assert sorted(screen.page.locator(".backward-label:visible text").all_text_contents()) == [
        "+ 1.0",
        "6.0",
        "∂d/∂c 1.0",
    ]
    chips = screen.page.locator("#editor .chip:visible").all_text_contents()
    assert len(chips) == 3
    assert not any("grad" in chip for chip in chips)


def test_play_goes_through_all_and_ends_on_the_full_picture(open_page: Open) -> None:
    screen = open_page(MEETING)
    screen.page.get_by_role("combobox", name="speed").select_option("8")
    screen.page.get_by_role("button", name="play", exact=True).click()
    expect(screen.page.get_by_role("button", name="pause", exact=True)).to_be_visible()
    expect(screen.page.locator("svg.moment")).to_have_count(1)
    expect(screen.page.get_by_role("button", name="play", exact=True)).to_be_visible(timeout=60_000)
    assert position(screen) == "the whole step · 12 events"
    assert screen.page.locator(".moment, .ahead, .unback, [data-now]").count() == 0
    assert screen.words(screen.node("a"))[3] == "grad 39.0"


def test_tokens_carry_the_values_while_an_event_plays(open_page: Open) -> None:
    screen = open_page(MEETING)
    leave_editor(screen)
    goto(screen, 1)
    press(screen, "[", "[", "ArrowRight")
    tokens = screen.page.locator(".token.forward")
    expect(tokens).to_have_count(2)
    assert tokens.all_text_contents() == ["6.0", "36.0"]
    before = [token.get_attribute("transform") for token in tokens.all()]
    screen.page.wait_for_function(
        "before => document.querySelector('.token')?.getAttribute('transform') !== before", arg=before[0]
    )
    press(screen, "]", "]", "]", "]", "]")
    expect(tokens).to_have_count(0, timeout=20_000)
    assert screen.node("d").get_attribute("data-now") == "forward"


def test_pause_stops_after_the_event_that_happens(open_page: Open) -> None:
    screen = open_page(MEETING)
    leave_editor(screen)
    press(screen, "Space")
    expect(screen.page.get_by_role("button", name="pause", exact=True)).to_be_visible()
    press(screen, "Space")
    expect(screen.page.get_by_role("button", name="play", exact=True)).to_be_visible()
    settle(screen)
    at = scrubber(screen).input_value()
    screen.page.wait_for_function("() => new Promise(done => setTimeout(() => done(true), 400))")
    assert scrubber(screen).input_value() == at
    assert at != "12"


def test_everything_by_keyboard_alone(open_page: Open) -> None:
    screen = open_page(TRAINING)
    leave_editor(screen)
    press(screen, "Home")
    assert scrubber(screen).input_value() == "0"
    assert "step 6 of 6" in (screen.page.locator("[data-step]").text_content() or "")
    press(screen, "Home")
    screen.wait()
    assert "step 1 of 6" in (screen.page.locator("[data-step]").text_content() or "")
    press(screen, "ArrowRight", "ArrowRight", "ArrowRight")
    assert position(screen) == "backward · 2 of 5 · PowBackward0"
    press(screen, "ArrowLeft")
    assert position(screen) == "backward · 1 of 5 · PowBackward0"
    press(screen, "Shift+ArrowRight")
    screen.wait()
    assert "step 2 of 6" in (screen.page.locator("[data-step]").text_content() or "")
    press(screen, "Shift+ArrowLeft", "End", "ArrowRight")
    screen.wait()
    assert "step 2 of 6" in (screen.page.locator("[data-step]").text_content() or "")
    press(screen, "]", "]")
    assert screen.page.get_by_role("combobox", name="speed").input_value() == "4"


def test_keys_in_the_editor_are_typed(open_page: Open) -> None:
    screen = open_page(MEETING)
    screen.page.locator(".cm-content").click()
    press(screen, "End", "Space", "ArrowLeft", "p", "[")
    assert scrubber(screen).input_value() == "12"
    assert not screen.page.locator("body.presenting").count()
    assert "p[" in (screen.page.locator(".cm-content").text_content() or "")


def test_arrow_keys_after_a_click_on_a_node_are_the_playbacks(open_page: Open) -> None:
    screen = open_page(MEETING)
    screen.node("c").click()
    assert scrubber(screen).input_value() == "1"
    press(screen, "ArrowRight")
    assert scrubber(screen).input_value() == "2"


def test_the_scrubber_tells_a_screen_reader_what_happens(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    slider = scrubber(screen)
    slider.focus()
    press(screen, "Home")
    assert slider.get_attribute("aria-valuetext") == "line 4: y = a + b: 2.0 plus 3.0 gives 5.0"
    press(screen, "ArrowRight", "ArrowRight", "ArrowRight")
    said = "MulBackward0: gradient 1.0 times saved y = 5.0 gives 5.0 for x"
    assert slider.get_attribute("aria-valuetext") == said
    assert narration(screen) == said
    leave_editor(screen)
    press(screen, "ArrowRight")
    assert screen.page.locator("#told").text_content() == narration(screen)
    assert narration(screen) == "MulBackward0: gradient 1.0 times saved x = 4.0 gives 4.0 for y"


def test_the_line_works_with_the_pointer_and_phases_can_be_chosen(open_page: Open) -> None:
    screen = open_page(MEETING)
    screen.page.get_by_role("button", name="3 backward, 9 events").click()
    assert position(screen) == "backward · 1 of 9 · AddBackward0"
    track = screen.rects(".events")[0]
    middle = (track["top"] + track["bottom"]) / 2
    screen.page.mouse.move(track["left"] + 4, middle)
    screen.page.mouse.down()
    assert position(screen).startswith("forward · 1 of 3")
    screen.page.mouse.move((track["left"] + track["right"]) / 2, middle, steps=5)
    assert position(screen).startswith("backward")
    screen.page.mouse.move(track["right"] + 30, middle, steps=5)
    screen.page.mouse.up()
    assert position(screen) == "the whole step · 12 events"


def test_an_update_moves_the_parameter_and_zero_grad_empties_it(open_page: Open) -> None:
    screen = open_page(TRAINING)
    leave_editor(screen)
    press(screen, "Home", "Home")
    screen.wait()
    goto(screen, 6)
    assert screen.words(screen.node("w"))[2:] == ["5.0", "grad 6.0", ""]
    goto(screen, 7)
    assert screen.node("w").get_attribute("data-now") == "update"
    assert screen.words(screen.node("w"))[2:] == ["5.0", "grad 6.0", "5.0 → 4.4 · SGD"]
    assert narration(screen) == "SGD: w 5.0 − 0.1 · 6.0 = 4.4"
    assert screen.page.locator("#editor .cm-chosen").text_content() == "    opt.step()"
    press(screen, "End", "ArrowRight")
    screen.wait()
    goto(screen, 1)
    assert screen.words(screen.node("w"))[2:] == ["4.4", "grad 6.0", ""]
    goto(screen, 2)
    assert narration(screen) == "zero_grad: w.grad 6.0 is cleared"
    assert screen.words(screen.node("w"))[2:] == ["4.4", "grad –", ""]
    assert screen.node("w").get_attribute("data-now") == "zero_grad"


def test_a_cut_is_marked_on_the_line_and_said(open_page: Open) -> None:
    screen = open_page(CUT)
    assert screen.page.locator(".cut-label text").all_text_contents() == ["✂ detach()"]
    goto(screen, 0)
    assert "no gradient passes back" in narration(screen)
    chips = screen.page.locator("#editor .chip[data-chip='6']")
    assert chips.is_hidden()
    goto(screen, 6)
    assert narration(screen) == "by hand: a 2.0 − 0.1 · 6.0 = 1.4"
    assert chips.text_content() == "a 1.4"
    assert screen.overlaps() == []
    assert screen.spilling() == []


def test_line_node_and_moment_select_one_another(open_page: Open) -> None:
    screen = open_page(MEETING)
    goto(screen, 1)
    assert "selected" in (screen.node("c").get_attribute("class") or "")
    assert screen.page.locator("#editor .cm-chosen-span").text_content() == "b * b"
    assert screen.fact("grad_fn") == "MulBackward0"
    screen.node("d").click()
    assert scrubber(screen).input_value() == "2"
    screen.page.locator("#editor .cm-line").nth(1).click()
    assert scrubber(screen).input_value() == "0"


def test_choosing_a_node_in_the_full_picture_leaves_it_full(open_page: Open) -> None:
    screen = open_page(MEETING)
    screen.node("b").click()
    assert position(screen) == "forward · 1 of 3 · mul → b"
    assert screen.page.locator(".moment").count() == 0
    assert sum_at_b(screen) == "1.0 + 6.0 + 6.0 = 13.0"


def test_a_closed_group_counts_what_happens_inside(open_page: Open) -> None:
    screen = open_page(FFN, width=1280, height=720)
    closed = screen.page.locator('[data-kind="group"]').first
    goto(screen, 1)
    assert "forward" in " ".join(screen.words(closed))
    assert "of 2" in " ".join(screen.words(closed))
    goto(screen, 25)
    assert "op" in " ".join(screen.words(closed))
    assert screen.page.locator(".inside").count() == 0


def test_without_motion_nothing_travels_and_states_switch_at_once(open_page: Open) -> None:
    screen = open_page(MEETING, motion=False)
    leave_editor(screen)
    press(screen, "Home", "ArrowRight", "ArrowRight")
    assert screen.page.locator(".token").count() == 0
    assert "d = 42.0" in screen.words(screen.node("d"))
    press(screen, "Space")
    expect(screen.page.locator('[data-part="position"]')).to_contain_text("backward", timeout=20_000)
    assert screen.page.locator(".token").count() == 0


def test_a_loop_begins_again(open_page: Open) -> None:
    screen = open_page("x = torch.tensor(2.0, requires_grad=True)\ny = x * x\n")
    screen.page.get_by_role("button", name="Loop").click()
    leave_editor(screen)
    press(screen, "]", "]", "]", "Space")
    for _ in range(2):
        screen.page.wait_for_function("() => parseFloat(document.querySelector('.playhead').style.left) > 60")
        screen.page.wait_for_function("() => parseFloat(document.querySelector('.playhead').style.left) < 40")
    press(screen, "Space")


def test_a_first_visit_plays_the_first_snippet_once(open_page: Open) -> None:
    screen = open_page(first_visit=True)
    expect(screen.page.get_by_role("button", name="pause", exact=True)).to_be_visible()
    expect(screen.page.locator("svg.moment")).to_have_count(1)
    screen.page.get_by_role("combobox", name="speed").select_option("8")
    expect(screen.page.get_by_role("button", name="play", exact=True)).to_be_visible(timeout=60_000)
    assert screen.page.locator(".moment").count() == 0
    screen.page.reload()
    screen.wait()
    assert screen.page.locator(".moment").count() == 0
    expect(screen.page.get_by_role("button", name="play", exact=True)).to_be_visible()


def test_a_first_visit_without_motion_stands_still(open_page: Open) -> None:
    screen = open_page(first_visit=True, motion=False)
    expect(screen.page.get_by_role("button", name="play", exact=True)).to_be_visible()
    assert screen.page.locator(".moment").count() == 0


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080)])
def test_presentation_is_readable_from_afar(open_page: Open, width: int, height: int) -> None:
    screen = open_page(MEETING, width=width, height=height)
    leave_editor(screen)
    press(screen, "p")
    expect(screen.page.locator("body.presenting")).to_have_count(1)
    screen.page.wait_for_function("() => document.querySelector('#stage').clientHeight > innerHeight - 2")
    goto(screen, 9)
    expect(screen.page.locator(".said-words")).to_have_text(
        "gradients of b meet: 1.0 + 6.0 + 6.0 = 13.0, which enters MulBackward0"
    )
    assert screen.page.locator("#editor .cm-chosen-span").text_content() == "a * 3"
    screen.page.wait_for_function(
        """least => [...document.querySelectorAll(".node .title, .node .sum")]
            .every(e => e.getBoundingClientRect().height >= least)""",
        arg=height / 40,
    )
    for selector in (".said-words", ".said-place", "#editor .cm-line"):
        size = screen.page.locator(selector).first.evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
        assert size >= height / 40, selector
    box = screen.rects('[data-node][data-name="b"]')[0]
    stage = screen.rects("#stage")[0]
    assert box["top"] >= stage["top"]
    assert box["bottom"] <= stage["bottom"]
    press(screen, "Escape")
    expect(screen.page.locator("body.presenting")).to_have_count(0)
    assert screen.page.locator(".inspector-panel").is_visible()


def test_presentations_controls_go_and_come_back(open_page: Open) -> None:
    screen = open_page(MEETING)
    screen.page.get_by_role("button", name="Present").click()
    controls = screen.page.get_by_role("button", name="play", exact=True)
    expect(controls).to_be_visible()
    expect(screen.page.locator("body.resting")).to_have_count(1, timeout=15_000)
    expect(controls).to_be_hidden()
    screen.page.mouse.move(300, 300)
    expect(controls).to_be_visible()
    screen.page.get_by_role("button", name="Leave").click()
    expect(screen.page.locator("body.presenting")).to_have_count(0)


def test_playing_moves_no_panel_and_no_node(open_page: Open) -> None:
    screen = open_page(REGRESSION)
    watched = ("header.bar", "#editor", ".output-panel", "#stage", "#timeline", ".track")
    where = [[screen.rects(part)[0][side] for side in ("left", "top", "right", "bottom")] for part in watched]
    sizes = screen.page.locator(".node > .body").evaluate_all("all => all.map(e => e.getAttribute('width'))")
    for event in range(0, 19, 3):
        goto(screen, event)
        now = [[screen.rects(part)[0][side] for side in ("left", "top", "right", "bottom")] for part in watched]
        assert now == where
        assert (
            screen.page.locator(".node > .body").evaluate_all("all => all.map(e => e.getAttribute('width'))") == sizes
        )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_violation_at_a_moment_nor_in_a_presentation(open_page: Open, theme: str) -> None:
    screen = open_page(TRAINING, theme=theme)
    leave_editor(screen)
    press(screen, "Home", "ArrowRight", "ArrowRight", "ArrowRight")
    settle(screen)
    assert violations(screen.page) == []
    press(screen, "p")
    expect(screen.page.locator("body.presenting")).to_have_count(1)
    assert violations(screen.page) == []


def test_inspector_tells_what_has_come_so_far(open_page: Open) -> None:
    screen = open_page(MEETING)
    inspector = screen.page.locator("#inspector-body")
    screen.node("b").click()
    card = inspector.locator(".card", has_text="Sum of 3 contributions")
    expect(card.locator(".sum")).to_have_text("1.0 + 6.0 + 6.0 = 13.0")
    goto(screen, 0)
    screen.node("b").click()
    expect(inspector.locator("[data-ahead]").last).to_have_text("has not come yet")
    screen.node("d").click()
    expect(inspector.locator("[data-ahead]").last).to_have_text("has not come yet")
    seen = []
    for event in range(3, 11):
        goto(screen, event)
        screen.wait_for_inspector()
        said = inspector.locator(".sum, [data-ahead]").all_text_contents()
        seen.append(" ".join(" ".join(said).replace("\u00a0", " ").split()))
    assert "1.0 + ? + ? = ?" in seen
    assert "1.0 + 6.0 + ? = ?" in seen
    assert "1.0 + 6.0 + 6.0 = ?" in seen
    assert "1.0 + 6.0 + 6.0 = 13.0" in seen
