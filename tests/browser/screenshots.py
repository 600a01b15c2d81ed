"""`python -m tests.browser.screenshots`: the pictures of README.md, taken from the running page, into docs/images."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.screen import Screen
from tests.programs import chromium
from tests.serving import ROOT, serve

IMAGES: Final = ROOT / "docs" / "images"
GPT: Final = (Path(__file__).parents[1] / "bench" / "snippets" / "w5_gpt12.py").read_text("utf-8")
MEETING: Final = """X = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
W = torch.tensor([[0.5, -1.0], [2.0, 0.0]], requires_grad=True)

h = X @ W
loss = (h * h + h).sum()
loss.backward()
"""
FIT: Final = """X = torch.randn(32, 2)
target = X @ torch.tensor([[2.0], [-1.0]]) + 0.5

w = torch.zeros(2, 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
optimizer = torch.optim.SGD([w, b], lr=0.15)

for epoch in range(24):
    optimizer.zero_grad()
    loss = F.mse_loss(X @ w + b, target)
    loss.backward()
    optimizer.step()
"""


def backward_in_the_middle(screen: Screen) -> None:
    """Two of the three gradients that meet in h have come."""
    screen.page.locator('[data-part="scrubber"]').fill("10")
    screen.page.evaluate("document.activeElement.blur()")
    addition = screen.page.locator("[data-addition]")
    addition.wait_for()
    addition.evaluate("element => element.closest('.card').scrollIntoView({ block: 'end' })")


def step_of_training(screen: Screen) -> None:
    """In the middle of the loop, with the curves."""
    screen.page.locator('[data-part="step"]').fill("10")
    screen.wait()
    screen.node("w").click()


def gradients_of_a_block(screen: Screen) -> None:
    """One block of twelve, open, with the size of its gradients."""
    screen.page.locator("#search-open").click()
    screen.page.keyboard.type("blocks.10.attn")
    screen.page.keyboard.press("Enter")
    screen.wait()
    screen.page.keyboard.press("Escape")
    screen.page.locator("#crumbs").get_by_role("button", name="qkv").click()
    screen.page.get_by_role("button", name="colour by").click()
    screen.page.get_by_role("radio", name="gradient norm").check()
    screen.page.keyboard.press("Escape")
    screen.page.get_by_role("button", name="show the way to the loss").focus()


SHOTS: Final[dict[str, tuple[str, str, Callable[[Screen], None]]]] = {
    "stage-light": (MEETING, "light", backward_in_the_middle),
    "training-dark": (FIT, "dark", step_of_training),
    "gradients-light": (GPT, "light", gradients_of_a_block),
}


def main() -> None:
    """Take those that are named, or all."""
    wanted = sys.argv[1:] or list(SHOTS)
    with serve() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        for name in wanted:
            code, theme, act = SHOTS[name]
            context = browser.new_context(
                viewport={"width": 1600, "height": 960},
                color_scheme="dark" if theme == "dark" else "light",
                reduced_motion="reduce",
            )
            page = context.new_page()
            page.goto(server.url)
            screen = Screen(page)
            screen.wait()
            screen.run(code)
            act(screen)
            page.mouse.move(0, 0)
            page.wait_for_timeout(800)
            page.screenshot(path=IMAGES / f"{name}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
