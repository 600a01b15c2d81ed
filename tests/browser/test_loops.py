"""Loops as learners write them: batches in epochs, validation, several losses, accumulation."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.screen import Screen

NESTED = """X, y = torch.randn(12, 4), torch.randn(12, 1)
Xv, yv = torch.randn(8, 4), torch.randn(8, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
opt = torch.optim.Adam(model.parameters(), lr=0.01)
schedule = torch.optim.lr_scheduler.StepLR(opt, step_size=2)
for epoch in range(4):
    for batch, (xb, yb) in enumerate(zip(X.split(4), y.split(4))):
        opt.zero_grad()
        loss = F.mse_loss(model(xb), yb)
        loss.backward()
        opt.step()
    with torch.no_grad():
        val_loss = F.mse_loss(model(Xv), yv)
    lr = schedule.get_last_lr()[0]
    schedule.step()
"""

ACCUMULATING = """w = torch.tensor(3.0, requires_grad=True)
v = torch.tensor(-1.0, requires_grad=True)
opt = torch.optim.SGD([w, v], lr=0.05)
for step in range(6):
    fit = (w * 2 - 4) ** 2
    penalty = 0.1 * (w ** 2 + v ** 2)
    fit.backward()
    penalty.backward()
    if step % 3 == 2:
        opt.step()
        opt.zero_grad()
"""


def go_to(screen: Screen, step: int) -> None:
    plot = screen.page.locator(".plot")
    plot.press("Home")
    for _ in range(step - 1):
        plot.press("ArrowRight")
    expect(plot).to_have_attribute("aria-valuenow", str(step))
    screen.wait()


def test_each_step_says_in_which_turn_of_which_loops_it_is(open_page: Open) -> None:
    screen = open_page(NESTED)
    for step, turn in ((1, "epoch 0 \u00b7 batch 0"), (6, "epoch 1 \u00b7 batch 2"), (12, "epoch 3 \u00b7 batch 2")):
        go_to(screen, step)
        assert screen.fact("in loop") == turn
        text = screen.page.locator(".plot").get_attribute("aria-valuetext") or ""
        assert text.startswith(f"Step {step} of 12, {turn}, loss")


def test_validation_after_an_epoch_is_beside_its_last_batch(open_page: Open) -> None:
    """There the module is closed, which is open in the steps before and after: its header must not stay."""
    screen = open_page(NESTED)
    header = screen.page.locator(".frame-header")
    go_to(screen, 2)
    expect(header).to_have_attribute("data-name", "Sequential")
    go_to(screen, 3)
    expect(header).to_have_count(0)
    expect(screen.node("loss")).to_be_visible()
    expect(screen.node("val_loss")).to_be_visible()
    go_to(screen, 4)
    expect(header).to_have_attribute("data-name", "Sequential")


def test_what_stands_beside_the_lines_is_of_the_step_in_each_structure(open_page: Open) -> None:
    screen = open_page(NESTED)
    chip = screen.page.locator("[data-chip='9'].value .value")
    for step in (1, 3, 4, 5, 12):
        go_to(screen, step)
        expect(chip).to_have_text(screen.fact("loss"))
    expect(screen.page.locator("[data-chip='5'] .value")).to_have_text("StepLR")


def test_several_losses_are_a_line_each(open_page: Open) -> None:
    screen = open_page(ACCUMULATING)
    readout = screen.page.locator("[data-readout]")
    go_to(screen, 2)
    expect(readout).to_contain_text("fit 4.0")
    expect(readout).to_contain_text("penalty 1.0")
    expect(screen.page.locator("#chart-words")).to_contain_text("penalty over 12 points")
