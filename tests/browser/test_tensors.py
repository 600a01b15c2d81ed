"""Tensors in the inspector: every dim with its size, every cell with its index, and which cells made a cell."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.screen import Screen

CODE = """A = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, -6.0]], requires_grad=True)
B = torch.tensor([[1.0, 0.5], [2.0, -1.0], [0.0, 3.0]], requires_grad=True)
i = torch.tensor([[0, 2], [1, 0]])
product = A @ B
total = A.sum(dim=1)
average = A.mean(0, keepdim=True)
largest = A.amax(dim=0)
picked = A.gather(1, i)
chosen = A.index_select(1, torch.tensor([2, 0]))
looked = F.embedding(torch.tensor([1, 0]), A)
row = A[1]
part = A[:, 1:]
turned = A.t()
stretched = A + torch.tensor([10.0, 20.0, 30.0])
loss = product.sum() + picked.sum()
loss.backward()
"""


@pytest.fixture(scope="module")
def screen(open_shared: Open) -> Screen:
    return open_shared(CODE)


def choose(screen: Screen, name: str) -> None:
    screen.page.locator(f'[data-node][data-name="{name}"]').dispatch_event("click")
    expect(screen.page.locator(".inspector-panel h2 .name")).to_have_text(name)


def made(screen: Screen, name: str, cell: int) -> tuple[str, list[list[str]]]:
    """What the section says when the pointer is on a cell of the result, and the marked cells of each table."""
    choose(screen, name)
    section = screen.page.locator("[data-origin]")
    section.locator("table").last.locator(f'[data-cell="{cell}"]').hover()
    marked = [table.locator("td.source").all_text_contents() for table in section.locator("table").all()]
    return section.locator(".sum-text").text_content() or "", marked


@pytest.mark.parametrize(
    ("name", "cell", "words", "sources"),
    [
        (
            "product",
            1,
            "product[0, 1] = 1.0·0.5 + 2.0·-1.0 + 3.0·3.0 = 7.5",
            [["1.0", "2.0", "3.0"], ["0.5", "-1.0", "3.0"]],
        ),
        ("total", 1, "total[1] = 4.0 + 5.0 + -6.0 = 3.0", [["4.0", "5.0", "-6.0"]]),
        ("average", 2, "average[0, 2] = (3.0 + -6.0) / 2 = -1.5", [["3.0", "-6.0"]]),
        ("largest", 0, "largest[0] = max(1.0, 4.0) = 4.0", [["1.0", "4.0"]]),
        ("picked", 1, "picked[0, 1] = input[0, 2] = 3.0", [["3.0"], ["2.0"]]),
        ("chosen", 0, "chosen[0, 0] = input[0, 2] = 3.0", [["3.0"], ["2.0"]]),
        ("looked", 2, "looked[0, 2] = input[1, 2] = -6.0", [["-6.0"], ["1.0"]]),
        ("row", 0, "row[0] = input[1, 0] = 4.0", [["4.0"]]),
        ("part", 2, "part[1, 0] = input[1, 1] = 5.0", [["5.0"]]),
        ("turned", 1, "turned[0, 1] = input[1, 0] = 4.0", [["4.0"]]),
        ("stretched", 5, "stretched[1, 2] = -6.0 + 30.0 = 24.0", [["-6.0"], ["30.0"]]),
    ],
)
def test_cell_names_the_cells_that_made_it(
    screen: Screen, name: str, cell: int, words: str, sources: list[list[str]]
) -> None:
    said, marked = made(screen, name, cell)
    assert said.replace("\u2212", "-") == words
    assert [[text.replace("\u2212", "-") for text in table] for table in marked[:-1]] == sources
    assert len(marked[-1]) == 1


def test_cells_are_reached_by_keyboard(screen: Screen) -> None:
    choose(screen, "total")
    section = screen.page.locator("[data-origin]")
    section.locator("table").last.locator('[data-cell="0"]').focus()
    screen.page.keyboard.press("Tab")
    assert "total[1] =" in (section.locator(".sum-text").text_content() or "")


def test_reduction_is_drawn_as_the_collapse_that_it_is(screen: Screen) -> None:
    choose(screen, "total")
    dims = screen.page.locator("[data-collapse] li")
    assert [item.get_attribute("class") for item in dims.all()] == ["kept", "gone"]
    expect(screen.page.locator(".card h3", has_text="dim 1 collapses")).to_have_count(1)
    choose(screen, "average")
    assert screen.page.locator("[data-collapse] .after").all_text_contents() == ["1", "3"]


def test_attribute_that_is_a_list_is_written_as_one(open_page: Open) -> None:
    screen = open_page("w = torch.zeros(2, 1, requires_grad=True)\n(w * 2).sum().backward()\n")
    choose(screen, "w")
    assert screen.fact("size") == "[2, 1]"


def test_every_dim_has_its_size_and_every_cell_its_index(open_page: Open) -> None:
    screen = open_page(CODE)
    choose(screen, "A")
    table = screen.page.locator(".card table").first
    assert table.locator("caption").text_content() == "\u2193 dim 0: 2   \u2192 dim 1: 3"
    table.locator('[data-cell="5"]').hover()
    expect(screen.page.locator(".card .readout").first).to_have_text("[1, 2] = \u22126.0")
    screen.run("t = torch.arange(12.0).reshape(2, 2, 3)\n")
    choose(screen, "t")
    rows = screen.page.locator(".card table tbody th").all_text_contents()
    assert rows == ["0, 0", "0, 1", "1, 0", "1, 1"]


def test_pointer_on_the_stage_is_told_index_and_value(open_page: Open) -> None:
    screen = open_page(
        CODE.split("product")[0] + "C = torch.ones(40, 40)\nloss = (A @ B).sum() + C.sum()\nloss.backward()\n"
    )
    note = screen.page.locator(".pointed")
    expect(note).to_be_hidden()
    screen.node("A").locator(".heat.value .cell").nth(5).hover()
    expect(note).to_have_text("[1, 2] = \u22126.0")
    screen.node("C").locator(".heat.value").hover()
    expect(note).to_have_text(re.compile(r"^mean of block \[\d, \d\]: 1.0$"))
    inside = note.evaluate(
        "e => { const [a, b] = [e, document.querySelector('#stage')].map(x => x.getBoundingClientRect());"
        " return a.left >= b.left && a.right <= b.right; }"
    )
    assert inside
    screen.page.mouse.move(0, 0)
    expect(note).to_be_hidden()


def test_large_tensor_says_which_block_is_under_the_pointer(open_page: Open) -> None:
    screen = open_page("w = torch.randn(128, 64, requires_grad=True)\nw.sum().backward()\n")
    choose(screen, "w")
    picture = screen.page.locator(".heat-image").first
    picture.hover()
    said = screen.page.locator(".card .readout").first.text_content() or ""
    assert said.startswith("[")
    assert "mean" in said
    expect(screen.page.locator(".card .dims").first).to_have_text("dim 0: 128, dim 1: 64")


def test_unknown_numbers_claim_nothing(open_page: Open) -> None:
    screen = open_page("a = torch.randn(40, 40, requires_grad=True)\nb = a @ a\nb.sum().backward()\n")
    choose(screen, "b")
    assert screen.page.locator("[data-origin]").count() == 0


@pytest.mark.parametrize(("shape", "asked"), [("3, 4, 4", 0), ("1, 16, 20", 1)])
def test_image_is_shown_if_the_learner_asks(open_page: Open, shape: str, asked: int) -> None:
    screen = open_page(
        f"picture = torch.rand({shape}, requires_grad=True)\nother = torch.rand(5, 4, 4)\npicture.sum().backward()\n"
    )
    screen.page.set_viewport_size({"width": 1100, "height": 720})
    requests: list[str] = []
    screen.page.on("request", lambda request: requests.append(request.url))
    choose(screen, "picture")
    assert screen.page.locator(".photo-image").count() == 0
    screen.page.get_by_role("checkbox", name="as an image").first.check()
    image = screen.page.locator(".card .photo-image").first
    expect(image).to_be_visible()
    size = [int(side) for side in shape.split(", ")]
    assert image.evaluate("canvas => [canvas.width, canvas.height]") == [size[2], size[1]]
    inside = image.evaluate("e => e.getBoundingClientRect().right <= e.closest('.card').getBoundingClientRect().right")
    assert inside
    grey = image.evaluate("""canvas => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.every((v, i) => i % 4 > 2 || v === data[i - (i % 4)]);
    }""")
    assert grey == (size[0] == 1)
    assert len([url for url in requests if url.endswith("/api/graph")]) >= asked
    choose(screen, "other")
    assert screen.page.get_by_role("checkbox", name="as an image").count() == 0
