"""What a learner reads of an error and of a notice, and what the buttons beside it do."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.screen import TRAINING

CLASH = (
    "x = torch.randn(3, 4, requires_grad=True)\nw = torch.randn(3, 4)\nh = x.relu()\ny = h @ w\ny.sum().backward()\n"
)
DEEP = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 3)
        self.fc2 = nn.Linear(2, 1)
    def forward(self, x):
        return self.fc2(self.fc1(x))

net = Net()
y = net(torch.ones(5, 4))
"""
PILING = TRAINING.replace("    opt.zero_grad()\n", "")


def test_a_problem_names_operands_and_the_sizes_that_clash(open_page: Open) -> None:
    screen = open_page(CLASH)
    card = screen.page.locator("[data-problem]")
    assert card.locator("[data-operand=h] .operand-shape").text_content() == "[3, 4]"
    assert card.locator("[data-operand=h] .clash").all_text_contents() == ["4"]
    assert card.locator("[data-operand=w] .clash").all_text_contents() == ["3"]
    expect(card).to_contain_text("the last dimension of A must equal the second to last of B")
    expect(card.locator(".suggestion code").first).to_have_text("h @ w.T")
    note = screen.page.locator("[data-failure]")
    assert note.locator(".clash").all_text_contents() == ["4", "3"]
    assert screen.page.locator(".cm-wavy").text_content() == "h @ w"


def test_line_numbers_stand_beside_their_lines_below_a_problem(open_page: Open) -> None:
    screen = open_page(CLASH)
    expect(screen.page.locator("[data-failure]")).to_be_visible()
    numbers = screen.page.locator(".cm-lineNumbers .cm-gutterElement:visible").evaluate_all(
        "all => all.filter(e => e.textContent === '5').map(e => e.getBoundingClientRect().top)"
    )
    line = screen.page.locator(".cm-line", has_text="y.sum").bounding_box()
    assert line
    assert abs(numbers[-1] - line["y"]) < 2


def test_a_snippet_that_did_not_run_claims_no_time_and_has_no_playhead(open_page: Open) -> None:
    screen = open_page("x = torch.tensor(3.0\n")
    expect(screen.page.locator("#summary")).to_have_text(re.compile("^failed · 0 nodes"))
    expect(screen.page.locator(".playhead")).to_be_hidden()


def test_an_operand_leads_to_its_node(open_page: Open) -> None:
    screen = open_page(CLASH)
    screen.page.locator("[data-problem] [data-operand=h]").click()
    expect(screen.page.locator("#inspector-body h2")).to_contain_text("h")
    assert screen.fact("grad_fn") == "ReluBackward0"


def test_a_fix_is_put_into_the_line_and_run(open_page: Open) -> None:
    screen = open_page(CLASH)
    buttons = screen.page.locator("[data-failure] .fix")
    assert [text.split()[-1] for text in buttons.all_text_contents()] == ["3]", "4]"]
    buttons.first.click()
    expect(screen.page.locator("[data-failure]")).to_have_count(0)
    screen.wait()
    assert "y = h @ w.T" in screen.page.locator(".cm-line").all_text_contents()[3]
    assert screen.node("y").count() == 1
    screen.page.locator(".cm-content").click()
    screen.page.keyboard.press("ControlOrMeta+z")
    assert screen.page.locator(".cm-line").all_text_contents()[3].startswith("y = h @ w")
    assert ".T" not in screen.page.locator(".cm-line").all_text_contents()[3]


def test_a_fix_in_another_line_changes_that_line(open_page: Open) -> None:
    screen = open_page(DEEP)
    card = screen.page.locator("[data-problem]")
    expect(card.locator(".way")).to_contain_text("in forward, called by line 10")
    expect(card).to_contain_text("net.fc2 is Linear(2, 1)")
    card.locator(".fix").click()
    expect(screen.page.locator("[data-failure]")).to_have_count(0)
    screen.wait()
    assert "self.fc2 = nn.Linear(3, 1)" in screen.page.locator(".cm-line").all_text_contents()[4]


def test_a_fix_is_withdrawn_once_the_text_has_changed(open_page: Open) -> None:
    screen = open_page(CLASH)
    assert screen.page.locator("[data-problem] .fix").count() == 2
    screen.page.locator(".cm-line").first.click()
    screen.page.keyboard.press("Home")
    screen.page.keyboard.insert_text("# ")
    expect(screen.page.locator("[data-problem] .fix")).to_have_count(0)
    expect(screen.page.locator("[data-failure] .fixes")).to_be_hidden()


def test_a_notice_stands_in_the_output_and_at_its_line(open_page: Open) -> None:
    screen = open_page(PILING)
    notice = screen.page.locator("[data-notice=gradients_pile_up]")
    expect(notice).to_contain_text("Gradients pile up")
    expect(notice.locator(".suggestion")).to_contain_text("optimizer.zero_grad()")
    mark = screen.page.locator("[data-caution]")
    assert mark.get_attribute("data-caution") == "5"
    notice.get_by_role("button", name="show the node").click()
    expect(screen.page.locator("#inspector-body h2")).to_contain_text("w")
    notice.get_by_role("button", name="line 5").click()
    assert "loss.backward()" in (screen.page.locator(".cm-chosen").text_content() or "")


def test_a_failing_line_far_down_is_brought_up_with_what_stands_below_it(open_page: Open) -> None:
    screen = open_page("x = torch.ones(2, 3)\n" * 60 + "y = x @ x\n" + "z = 1\n" * 20, width=1280, height=720)
    expect(screen.page.locator("[data-failure] .fix").last).to_be_in_viewport()
