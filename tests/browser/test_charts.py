"""The charts: what they show, and the way from them to a step."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.screen import EXPRESSION

REGRESSION_LOOP = """X = torch.linspace(-1, 1, 20)
Y = 2 * X + 1
W = torch.tensor(0.0, requires_grad=True)
b = torch.tensor(0.0, requires_grad=True)
lr = {lr}
for epoch in range(40):
    loss = ((W * X + b - Y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        W -= lr * W.grad
        b -= lr * b.grad
    W.grad = b.grad = None
"""

SHOWN = "() => Number(document.querySelector('.plot').getAttribute('aria-valuenow'))"


def test_a_click_goes_to_the_step_under_it(open_page: Open) -> None:
    screen = open_page(REGRESSION_LOOP.format(lr=0.1))
    page = screen.page
    assert page.evaluate(SHOWN) == 40
    over = page.locator(".u-over").bounding_box()
    assert over is not None
    page.mouse.click(over["x"] + over["width"] / 2, over["y"] + over["height"] / 2)
    shown = page.evaluate(SHOWN)
    assert 18 <= shown <= 23
    expect(page.locator("[data-readout]")).to_contain_text(f"step {shown}")
    loss = re.search(r"loss\s*([\d.e-]+)", page.locator("[data-readout]").text_content() or "")
    assert loss is not None
    screen.wait()
    assert screen.words(screen.node("loss"))[1] == f"loss = {loss[1]}"


def test_the_cursor_shows_values(open_page: Open) -> None:
    screen = open_page(REGRESSION_LOOP.format(lr=0.1))
    page = screen.page
    readout = page.locator("[data-readout]")
    expect(readout).to_have_text(re.compile(r"^\s*step 40\s"))
    over = page.locator(".u-over").bounding_box()
    assert over is not None
    page.mouse.move(over["x"] + 2, over["y"] + 20)
    expect(readout).to_have_text(re.compile(r"^\s*step 1\s"))
    assert page.evaluate(SHOWN) == 40
    page.mouse.move(10, 10)
    expect(readout).to_have_text(re.compile(r"^\s*step 40\s"))


def test_arrow_keys_move_the_step(open_page: Open) -> None:
    screen = open_page(REGRESSION_LOOP.format(lr=0.1))
    page = screen.page
    page.locator(".plot").focus()
    for key, expected in (("ArrowLeft", 39), ("PageDown", 29), ("Home", 1), ("ArrowRight", 2), ("End", 40)):
        page.keyboard.press(key)
        assert page.evaluate(SHOWN) == expected


def test_parameters_and_gradient_norms_have_charts(open_page: Open) -> None:
    screen = open_page(REGRESSION_LOOP.format(lr=0.1))
    page = screen.page
    words = page.locator("#chart-words")
    expect(words).to_have_text(re.compile("^loss over 40 points"))
    page.get_by_role("button", name="Parameters", exact=True).click()
    expect(words).to_have_text(re.compile("W over 40 points.*; b over 40 points"))
    assert "lr" not in (words.text_content() or "")
    page.get_by_role("button", name="Gradients", exact=True).click()
    expect(words).to_have_text(re.compile("norm of W over 40 points.*; norm of b over 40 points"))
    page.reload()
    screen.wait()
    expect(page.get_by_role("button", name="Gradients", exact=True)).to_have_attribute("aria-pressed", "true")


def test_the_run_before_lies_under_this_one_until_it_is_taken_away(open_page: Open) -> None:
    screen = open_page(REGRESSION_LOOP.format(lr=0.01))
    page = screen.page
    compare = page.locator("[data-compare]")
    assert compare.count() == 0
    slow = page.locator(".chart-line strong").text_content()
    screen.run(REGRESSION_LOOP.format(lr=0.1))
    expect(compare).to_be_checked()
    readout = page.locator("[data-readout]")
    expect(readout).to_contain_text(f"({slow})")
    drawn = page.locator(".plot canvas").screenshot()
    compare.uncheck()
    expect(readout).not_to_contain_text("(")
    assert page.locator(".plot canvas").screenshot() != drawn
    compare.check()
    assert page.locator(".plot canvas").screenshot() == drawn


def test_a_scale_of_powers_where_it_helps(open_page: Open) -> None:
    screen = open_page(REGRESSION_LOOP.format(lr=0.001))
    log = screen.page.locator("[data-log]")
    expect(log).not_to_be_checked()
    screen.run(REGRESSION_LOOP.format(lr=0.3))
    expect(log).to_be_checked()
    log.uncheck()
    expect(log).not_to_be_checked()


def test_a_loss_that_is_no_number_is_loud(open_page: Open) -> None:
    screen = open_page(REGRESSION_LOOP.format(lr=10.0).replace("range(40)", "range(80)"))
    odd = screen.page.locator("[data-odd]")
    expect(odd).to_have_text(re.compile(r"^loss is (∞|NaN) from step \d+$"))
    odd.click()
    assert f"from step {screen.page.evaluate(SHOWN)}" in (odd.text_content() or "")


def test_a_single_step_has_no_charts(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    expect(screen.page.locator("#charts")).to_be_hidden()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_charts_have_a_panel_of_their_own_on_a_phone(open_page: Open, theme: str) -> None:
    screen = open_page(EXPRESSION, width=390, height=844, theme=theme)
    page = screen.page
    tab = page.locator("#charts-tab")
    expect(tab).to_be_hidden()
    screen.run(REGRESSION_LOOP.format(lr=0.1))
    tab.click()
    over = page.locator(".u-over").bounding_box()
    assert over is not None
    assert over["width"] > 250
    assert over["height"] > 100
    page.mouse.click(over["x"] + 1, over["y"] + over["height"] / 2)
    assert page.evaluate(SHOWN) == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator('[data-tab="editor"]').click()
    screen.run(EXPRESSION)
    expect(tab).to_be_hidden()


PRINTED = """w = torch.tensor(0.0, requires_grad=True)
for epoch in range(20):
    loss = (w - 3) ** 2
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
    distance = 3 - w.item()
    print(f"epoch {epoch}: loss {loss:.3f}, hits {epoch * epoch}")
"""


def test_what_a_loop_names_and_prints_has_a_chart(open_page: Open) -> None:
    page = open_page(PRINTED).page
    page.get_by_role("button", name="Numbers", exact=True).click()
    expect(page.locator("#chart-words")).to_have_text(
        re.compile(r"^distance over 20 points: from 2\.4 to .*; hits over 20 points: from 0\.0 to 361")
    )


ADAM = """model = nn.Linear(1, 1)
opt = torch.optim.Adam(model.parameters(), lr=0.125)
X = torch.linspace(-1, 1, 20).unsqueeze(1)
for epoch in range(30):
    loss = F.mse_loss(model(X), 2 * X + 1)
    opt.zero_grad()
    loss.backward()
    opt.step()
"""


def test_what_an_optimizer_keeps_is_shown_at_its_parameter(open_page: Open) -> None:
    screen = open_page(ADAM)
    screen.page.get_by_role("button", name="Parameters", exact=True).click()
    expect(screen.page.locator("#chart-words")).to_have_text(re.compile("weight over 30 points.*; bias over 30 points"))
    screen.node("weight").click()
    update = screen.page.locator("[data-update]")
    expect(update.locator('[data-fact="lr"]')).to_have_text("0.125")
    expect(update.locator('[data-fact="betas"]')).to_have_text("0.9, 0.999")
    expect(update.locator('[data-fact="exp_avg"]')).to_have_text(re.compile(r"^(norm )?.?[\d.e-]+"))
