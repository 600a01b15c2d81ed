"""What is saved: pictures that need nothing beside them, and the trace as the API answers it."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from xml.etree import ElementTree

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.screen import BLOCKS, EXPRESSION, FFN, MEETING, TRAINING
from tests.serving import Served

SVG = "{http://www.w3.org/2000/svg}"


def saved(page: Page, choice: str) -> Path:
    page.get_by_role("button", name="save", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name=choice).click()
    return Path(download.value.path())


def test_svg_needs_nothing_beside_it(open_page: Open) -> None:
    screen = open_page(EXPRESSION)
    text = saved(screen.page, "Picture as SVG").read_text("utf-8")
    root = ElementTree.fromstring(text)
    words = ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]
    assert "z = 20.0" in words
    assert "∂z/∂y 4.0" in words
    assert "var(" not in text
    assert not re.search(r'(href|src)="?(?!data:)\w+:', text.replace("http://www.w3.org", ""))
    assert root.attrib["viewBox"]
    colours = {element.attrib.get("fill") for element in root.iter(f"{SVG}rect")}
    assert all(colour is None or colour == "none" or colour.startswith("rgb") for colour in colours)


def test_svg_has_all_of_a_picture_that_goes_on_beyond_the_view(open_page: Open) -> None:
    screen = open_page(BLOCKS)
    root = ElementTree.fromstring(saved(screen.page, "Picture as SVG").read_text("utf-8"))
    words = ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]
    assert {f"blocks.{i}" for i in range(12)} <= set(words)


def test_svg_from_afar_is_as_detailed_as_from_near(open_page: Open) -> None:
    screen = open_page(BLOCKS)
    near = saved(screen.page, "Picture as SVG").read_text("utf-8")
    for _ in range(9):
        screen.page.get_by_role("button", name="zoom out").click()
    assert "farther" in (screen.page.locator(".stage-svg").get_attribute("class") or "")
    assert saved(screen.page, "Picture as SVG").read_text("utf-8") == near


def test_svg_of_a_moment_has_nothing_that_is_still_to_come(open_page: Open) -> None:
    screen = open_page(MEETING)
    screen.page.locator('[data-part="scrubber"]').fill("1")
    root = ElementTree.fromstring(saved(screen.page, "Picture as SVG").read_text("utf-8"))
    words = ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]
    assert "b = 6.0" in words
    assert "d" in words
    assert not [word for word in words if "42.0" in word or "39.0" in word or "6.0 + 6.0" in word]
    dashed = [path for path in root.iter(f"{SVG}path") if path.attrib.get("stroke-dasharray")]
    assert dashed == []


def test_png_is_twice_as_large_as_the_picture(open_page: Open) -> None:
    screen = open_page(FFN, theme="dark")
    svg = ElementTree.fromstring(saved(screen.page, "Picture as SVG").read_text("utf-8"))
    data = saved(screen.page, "Picture as PNG, double size").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert abs(width - 2 * int(svg.attrib["width"])) <= 2
    assert abs(height - 2 * int(svg.attrib["height"])) <= 2


def test_trace_is_what_the_api_answers(open_page: Open, server: Served) -> None:
    screen = open_page(EXPRESSION)
    trace = json.loads(saved(screen.page, "Trace as JSON").read_text("utf-8"))
    answer = server.graph(EXPRESSION)
    assert trace["graphs"] == answer["graphs"]
    assert trace["steps"] == answer["steps"]
    assert trace["missing"] == []


def test_saving_the_trace_runs_nothing_again(open_page: Open) -> None:
    screen = open_page(TRAINING)
    asked: list[str] = []
    screen.page.on("request", lambda request: asked.append(request.url))
    trace = json.loads(saved(screen.page, "Trace as JSON").read_text("utf-8"))
    assert [url for url in asked if "/api/" in url] == []
    assert [step["loss"] for step in trace["steps"]] == [point["loss"] for point in trace["scalars"]]
    assert len(trace["steps"]) == 6
    assert trace["status"] == "ok"
    assert trace["missing"] == ["the loop variables of each iteration"]
    expect(screen.page.locator("#stage-note")).to_contain_text("Missing: the loop variables")
