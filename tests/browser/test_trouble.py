"""Failing snippets, hostile text, and a server that is busy or gone."""

from __future__ import annotations

import re

from playwright.sync_api import Route, expect

from tests.browser.conftest import Open
from tests.browser.screen import EXPRESSION


def test_failing_line_is_marked_with_message_and_partial_graph(open_page: Open) -> None:
    screen = open_page("x = torch.randn(3, 4, requires_grad=True)\ny = x.relu()\nz = y @ x\nprint('never')\n")
    assert (screen.page.locator(".cm-failed").text_content() or "").startswith("z = y @ x")
    assert screen.page.locator(".cm-wavy").text_content() == "y @ x"
    message = screen.page.locator("[data-failure]").text_content() or ""
    assert "mat1 and mat2 shapes cannot be multiplied" in message
    assert screen.page.locator("[data-failure] .suggestion").count() == 1
    assert screen.node("y").count() == 1
    assert "line 3" in (screen.page.locator("[data-problem]").text_content() or "")
    assert (screen.page.locator("#summary").text_content() or "").startswith("failed after")


def test_syntax_error_is_marked(open_page: Open) -> None:
    screen = open_page("x = torch.ones(2)\ny = (x + \n")
    assert screen.page.locator("[data-failure=SyntaxError]").count() == 1
    assert screen.page.locator("[data-node]").count() == 0


def test_snippet_without_tensors_says_so(open_page: Open) -> None:
    screen = open_page("print('hello')\n")
    assert screen.page.locator("#empty").is_visible()
    assert not screen.page.locator("#dock").is_visible()
    printed = screen.page.locator("button.print", has_text="hello")
    printed.click()
    assert "hello" in (screen.page.locator(".cm-chosen").text_content() or "")


def test_values_leave_with_the_lines_that_made_them(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    assert screen.page.locator("[data-chip]").count() == 3
    screen.type("q = 1\n")
    assert screen.page.locator("[data-chip]").count() == 0
    screen.run("n = 3 + 4\n")
    assert screen.page.locator("[data-chip]").all_text_contents() == ["n 7"]


def test_hostile_text_is_shown_as_text(open_page: Open) -> None:
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    screen = open_page(
        f"class Evil(torch.nn.Module):\n"
        f"    def forward(s, x):\n"
        f"        y = x * 2\n"
        f"        return y + 1\n"
        f"Evil.__name__ = Evil.__qualname__ = {evil!r}\n"
        f"x = torch.tensor(1.0, requires_grad=True)\n"
        f"out = Evil()(x)\n"
        f"print({evil!r})\n"
        f"raise ValueError({evil!r})\n"
    )
    assert screen.page.locator("button.print").first.text_content() == evil
    assert evil in (screen.page.locator("[data-failure]").text_content() or "")
    assert evil in (screen.page.locator("[data-problem]").text_content() or "")
    assert screen.page.locator("img[src=x], main script").count() == 0


def test_endless_run_is_stopped_by_its_button(open_page: Open) -> None:
    screen = open_page()
    screen.type("while True:\n    pass\n")
    screen.page.keyboard.press("ControlOrMeta+Enter")
    stop = screen.page.locator("#stop")
    expect(stop).to_be_visible()
    stop.click()
    screen.wait()
    expect(stop).to_be_hidden()
    expect(screen.page.locator("#output-body")).to_contain_text("Stopped in line")
    screen.run(EXPRESSION)
    assert screen.words(screen.node("z"))[1] == "z = 20.0"


def test_unsafe_server_is_announced(open_page: Open) -> None:
    screen = open_page()
    banner = screen.page.locator("#unsafe")
    assert not banner.is_visible()

    def unsafe(route: Route) -> None:
        health = route.fetch().json()
        health["sandbox"]["unsafe_local"] = True
        route.fulfill(json=health)

    screen.page.route("**/healthz", unsafe)
    screen.page.reload()
    expect(banner).to_be_visible()
    expect(banner).to_contain_text("without the sandbox")
    expect(screen.page.locator("#summary")).to_have_text(re.compile("not sandboxed$"))
