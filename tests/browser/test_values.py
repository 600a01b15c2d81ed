"""What the page shows is what torch computed."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.screen import EXPRESSION, MEETING, REGRESSION, TRAINING


def test_expression_typed_and_run_shows_every_value_and_gradient(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    assert screen.words(screen.node("y"))[1] == "y = 5.0"
    assert screen.words(screen.node("z"))[1] == "z = 20.0"
    for name, value, grad in (("a", "2.0", "4.0"), ("b", "3.0", "4.0"), ("x", "4.0", "5.0")):
        assert screen.words(screen.node(name))[2:] == [value, f"grad {grad}"]
    assert sorted(screen.labels()) == ["∂z/∂a 4.0", "∂z/∂b 4.0", "∂z/∂x 5.0", "∂z/∂y 4.0"]
    assert screen.words(screen.page.locator('[data-node="seed"]')) == ["seed ∂z/∂z = 1.0"]


def test_bound_values_and_leaf_gradients_stand_beside_their_lines(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    chips = {c.get_attribute("data-chip"): c.text_content() for c in screen.page.locator("[data-chip]").all()}
    assert chips == {
        "4": "y 5.0 · AddBackward0",
        "5": "z 20.0 · MulBackward0",
        "6": "a.grad 4.0 · b.grad 4.0 · x.grad 5.0",
    }


def test_page_runs_the_first_example_by_itself(open_page: Open) -> None:
    screen = open_page()
    assert screen.words(screen.node("z"))[1] == "z = 20.0"
    summary = screen.page.locator("#summary").text_content() or ""
    assert summary.startswith("ran in ")
    assert summary.endswith(" · 5 nodes · sandboxed")


def test_gradients_that_meet_are_summed_in_sight(open_page: Open) -> None:
    screen = open_page(MEETING)
    assert "1.0 + 6.0 + 6.0 = 13.0" in screen.words(screen.node("b"))
    assert sorted(screen.labels()) == ["+ 1.0", "6.0 + 6.0", "∂d/∂a 39.0", "∂d/∂c 1.0"]


def test_matrices_are_written_with_their_gradients(open_page: Open) -> None:
    screen = open_page(REGRESSION)
    weight = screen.node("W")
    assert weight.locator(".heat.value .cell").count() == 3
    assert weight.locator(".heat.grad .cell").count() == 3
    assert screen.node("X").locator(".heat image").count() == 1


def test_inspector_shows_the_chain_rule_with_numbers(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    screen.node("z").click()
    assert screen.fact("shape") == "[] (scalar)"
    assert screen.fact("dtype") == "torch.float32"
    assert screen.fact("grad_fn") == "MulBackward0"
    assert screen.fact("is_leaf") == "False"
    assert (screen.fact("self"), screen.fact("other")) == ("x = 4.0 4 B", "y = 5.0 4 B")
    terms = [" ".join((t or "").split()) for t in screen.page.locator(".terms").all_text_contents()]
    assert terms == ["= 1.0 · 5.0 = 5.0", "= 1.0 · 4.0 = 4.0"]
    assert screen.page.locator(".formula .katex").count() == 2
    assert screen.page.locator(".next li").all_inner_texts() == ["0 AccumulateGrad → x", "1 AddBackward0 → y"]


def test_edge_shows_its_contribution(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    screen.page.locator(".backward-label", has_text="∂z/∂x").click()
    inspector = screen.page.locator("#inspector-body")
    assert "x → z" in (inspector.locator("h2").text_content() or "")
    assert inspector.locator(".figure.grad").text_content() == "5.0"


def test_node_line_and_span_are_selected_together(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    screen.node("z").click()
    assert "z = x * y" in (screen.page.locator(".cm-chosen").text_content() or "")
    assert screen.page.locator(".cm-chosen-span").text_content() == "x * y"
    screen.page.locator(".cm-line", has_text="y = a + b").click(position={"x": 30, "y": 8})
    assert "lined" in (screen.node("y").get_attribute("class") or "")
    assert "lined" not in (screen.node("z").get_attribute("class") or "")


def test_steps_of_a_loop_are_chosen_and_keep_their_places(open_page: Open) -> None:
    screen = open_page(TRAINING)
    shown = screen.page.locator("[data-step]")
    assert "step 6 of 6" in (shown.text_content() or "")
    before = screen.rects('[data-node][data-name="loss"]')[0]
    for _ in range(5):
        screen.page.get_by_role("button", name="previous step").click()
    screen.wait()
    assert "step 1 of 6" in (shown.text_content() or "")
    assert "loss 9.0" in (shown.text_content() or "")
    assert screen.words(screen.node("w"))[2:] == ["5.0", "grad 6.0", "5.0 → 4.4 · SGD"]
    after = screen.rects('[data-node][data-name="loss"]')[0]
    assert (before["left"], before["top"]) == (after["left"], after["top"])


def test_y_of_the_first_lesson_says_why_it_has_no_grad(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    screen.node("y").click()
    card = screen.page.locator("[data-none]")
    assert card.get_attribute("data-none") == "not_leaf"
    text = " ".join((card.text_content() or "").split())
    assert "y.grad is None because y is not a leaf: AddBackward0 made it in line 4." in text
    assert "Call y.retain_grad() before backward() to keep it" in text
    screen.node("x").click()
    assert card.count() == 0


def test_a_matrix_product_is_explained_with_its_matrices(open_page: Open) -> None:
    screen = open_page(
        "A = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)\n"
        "B = torch.tensor([[5.0], [6.0]], requires_grad=True)\nC = A @ B\nC.sum().backward()"
    )
    screen.node("C").click()
    rule = screen.page.locator('[data-rule="A"]')
    assert rule.locator(".rule-words").text_content() == "the gradient times the right matrix transposed"
    matrices = [m.locator("td").all_text_contents() for m in rule.locator(".small-matrix").all()]
    assert matrices == [["1.0", "1.0"], ["5.0", "6.0"], ["5.0", "6.0", "5.0", "6.0"]]
    rule.locator("summary").click()
    assert rule.locator("details code").text_content() == "grad @ mat2.mT"
    assert "derivatives.yaml: mm" in (rule.text_content() or "")


def test_large_tensors_are_explained_by_their_shapes(open_page: Open) -> None:
    screen = open_page(
        "W = torch.randn(256, 64, requires_grad=True)\nx = torch.randn(4, 256, requires_grad=True)\n"
        "h = x @ W\nh.sum().backward()"
    )
    screen.node("h").click()
    terms = " ".join((screen.page.locator('[data-rule="x"] .terms').text_content() or "").split())
    assert terms.startswith("[4, 256] = [4, 64] @ [64, 256], norm")


def test_a_gradient_is_checked_by_finite_differences_on_request(open_page: Open) -> None:
    screen = open_page("W = torch.randn(3, requires_grad=True)\nloss = (W ** 3).sum()\nloss.backward()")
    screen.node("W").click()
    card = screen.page.locator("[data-gradcheck]")
    card.get_by_role("button", name="Check this gradient").click()
    expect(card.locator(".agrees")).to_be_visible(timeout=30_000)
    rows = [row.locator("td").all_text_contents() for row in card.locator("tbody tr").all()]
    assert [row[0] for row in rows] == ["[0]", "[1]", "[2]"]
    shown = (
        screen.page.locator(".card", has_text="Gradient ∂loss/∂W").locator(".matrix [data-cell]").all_text_contents()
    )
    for row, gradient in zip(rows, shown, strict=True):
        autograd, quotient, known = (float(text.replace("−", "-")) for text in (row[1], row[2], gradient))
        assert abs(autograd - quotient) < 1e-4
        assert abs(autograd - known) < 1e-2 * max(1, abs(known))


CUBE = """class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x ** 3
    @staticmethod
    def backward(ctx, grad):
        x, = ctx.saved_tensors
        return grad * 2 * x
x = torch.tensor(2.0, requires_grad=True)
y = Cube.apply(x)
y.backward()
"""


def test_a_wrong_backward_is_caught_by_the_check(open_page: Open) -> None:
    screen = open_page(CUBE)
    screen.node("y").click()
    assert "your own Cube.backward" in (screen.page.locator(".rule-words").text_content() or "")
    screen.node("x").click()
    screen.page.get_by_role("button", name="Check this gradient").click()
    expect(screen.page.locator(".disagrees")).to_be_visible(timeout=30_000)
    assert screen.page.locator(".check-table tbody td").all_text_contents()[1:3] == ["4.0", "12.0"]


def test_a_group_that_is_chosen_tells_its_size_and_the_whole_graph_its_own(open_page: Open) -> None:
    screen = open_page(
        "net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))\nx = torch.randn(32, 4)\n"
        "loss = net(x).pow(2).mean()\nloss.backward()"
    )
    assert screen.fact("parameters") == "131"
    assert screen.fact("saved").startswith("3.1 kB for backward, in 4 tensors; 704 B of it leaves and data")
    header = screen.page.locator('[data-group][data-name="Sequential"]')
    header.dispatch_event("click")
    expect(screen.page.locator("#inspector-body h2 .name")).to_have_text("Sequential")
    assert screen.fact("saved").startswith("2.8 kB for backward, in 3 tensors")
    rows = screen.page.locator("#inspector-body .sizes tbody tr")
    assert rows.nth(0).inner_text().split() == ["0", "Linear(4,", "16)", "80", "512", "B"]
    rows.nth(0).locator("button").click()
    expect(screen.page.locator("#inspector-body h2 .name")).to_have_text("0")
    assert screen.fact("parameters") == "80"


def test_what_broadcasting_makes_backward_sum_is_said(open_page: Open) -> None:
    screen = open_page(
        "a = torch.ones(3, 4)\nb = torch.zeros(4, requires_grad=True)\ny = a * 2 + b\nloss = y.sum()\nloss.backward()"
    )
    label = screen.page.locator(".label", has_text="Σ")
    expect(label).to_have_count(1)
    label.dispatch_event("click")
    expect(screen.page.locator("[data-summed]")).to_contain_text("summed over dim 0: [3, 4] → [4]")
