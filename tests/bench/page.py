"""`python -m tests.bench.page`: the page in a real Chromium on a real server. Prints Markdown; asserts nothing.

Times are taken inside the page (`performance.now`), from a click to the frame in which its result was painted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

from playwright.sync_api import Browser, Page, Request, sync_playwright

from tests.bench.__main__ import machine
from tests.browser.conftest import FLAGS
from tests.browser.screen import SETTLED
from tests.programs import chromium
from tests.serving import Served, serve

SNIPPETS: Final = Path(__file__).parent / "snippets"
STEPS: Final = """w = torch.tensor(5.0, requires_grad=True)
opt = torch.optim.SGD([w], lr=0.01)
for i in range(10_000):
    opt.zero_grad()
    loss = (w - 2) ** 2
    loss.backward()
    opt.step()
"""

PATIENT: Final[dict[str, object]] = {"cpu_seconds": 300, "wall_seconds": 500}
"""Settings of the server: a long loop is to come to its end, however slow the machine is."""

EVERY: Final = """() => {
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (text) {
    send.call(this, text.replace('"trace":"sampled"', '"trace":"every"'));
  };
}"""
"""The page asks for a sample of a long loop's steps; with this it gets each of them, with all its numbers."""

WATCH: Final = """() => {
  const marks = (window.marks = {});
  const note = name => { marks[name] ??= performance.now(); };
  document.addEventListener("readystatechange", () => {
    const stage = document.querySelector("#stage");
    if (!stage || window.watched) return;
    window.watched = true;
    new MutationObserver(() => requestAnimationFrame(() => setTimeout(() => note("picture"))))
      .observe(stage, { attributes: true, attributeFilter: ["data-drawn"] });
    new MutationObserver(() => document.body.dataset.phase !== "idle" && note("interactive"))
      .observe(document.body, { attributes: true, attributeFilter: ["data-phase"] });
  });
}"""

CLICK: Final = """([selector, ends]) => new Promise(resolve => {
  const stage = document.querySelector("#stage");
  const start = performance.now();
  const seen = new MutationObserver(() => {
    seen.disconnect();
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
  });
  seen.observe(stage, { attributes: true, attributeFilter: ["data-drawn"] });
  document.querySelector(selector).dispatchEvent(new MouseEvent("click", { bubbles: true, detail: 1 }));
})"""

FRAMES: Final = """([count, pan]) => new Promise(resolve => {
  const root = document.querySelector(".stage-svg");
  const { left, top, width, height } = root.getBoundingClientRect();
  const [x, y] = [left + width / 3, top + height / 2];
  const mouse = (type, dx, dy) => root.dispatchEvent(new MouseEvent(type,
    { bubbles: true, cancelable: true, view: window, clientX: x + dx, clientY: y + dy, button: 0, buttons: 1 }));
  if (pan) mouse("mousedown", 0, 0);
  const gaps = [];
  let before = performance.now();
  const step = now => {
    gaps.push(now - before);
    before = now;
    const turn = gaps.length / 12;
    if (pan) mouse("mousemove", Math.sin(turn) * 90, (Math.cos(turn) - 1) * 160);
    if (gaps.length < count) return requestAnimationFrame(step);
    if (pan) mouse("mouseup", 0, 0);
    resolve(gaps.slice(5));
  };
  requestAnimationFrame(step);
})"""


def main() -> None:
    """Measure everything; about three minutes."""
    flags = _flags().parse_args()
    wanted = set(flags.only.split(",")) if flags.only else {"load", "run", "open", "frames", "memory"}
    rows: list[tuple[str, str, str]] = []
    with serve(**PATIENT) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=[*FLAGS, "--enable-precise-memory-info", *flags.flag]
        )
        for name, measure in (
            ("load", first_load),
            ("run", runs),
            ("open", openings),
            ("frames", frames),
            ("memory", memory),
        ):
            if name in wanted:
                sys.stderr.write(f"{name}\n")
                rows += measure(browser, server, flags.repeats)
        version = browser.version
        browser.close()
    about = machine()
    lines = [f"Chromium {version} without a GPU, {about['cpu']}, {about['cores']} cores", ""]
    lines += ["| what | measured | aim |", "| --- | ---: | ---: |"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    sys.stdout.write("\n".join([*lines, ""]))


Rows = list[tuple[str, str, str]]


def first_load(browser: Browser, server: Served, repeats: int) -> Rows:
    """What comes over the network, and when the page can be used, without a cache."""
    interactive, picture = [], []
    sizes: dict[str, int] = {}
    for _ in range(repeats):
        with opened(browser) as page:
            sizes = {}
            finished = _finished(page)
            page.goto(server.url)
            page.wait_for_function(SETTLED)
            page.wait_for_function("() => document.querySelector('#editor').shadowRoot", timeout=60_000)
            page.wait_for_timeout(700)
            sizes = _sizes(finished)
            answered = page.evaluate("performance.getEntriesByType('navigation')[0].responseStart")
            marks = page.evaluate("marks")
            interactive.append(marks["interactive"] - answered)
            picture.append(marks["picture"] - answered)
    code = sum(size for kind, size in sizes.items() if kind != "fonts")
    kinds = ", ".join(f"{kind} {size / 1000:,.0f}" for kind, size in sorted(sizes.items()))
    return [
        ("first load, kB compressed: code and libraries", f"{code / 1000:,.0f}", "1,200"),
        (f"of that: {kinds}", f"{sum(sizes.values()) / 1000:,.0f}", ""),
        ("interactive after the server answers, ms", _ms(interactive), "1,000"),
        ("first picture after the server answers, ms", _ms(picture), ""),
    ]


def _finished(page: Page) -> list[Request]:
    """Grows with every request that the page finishes."""
    finished: list[Request] = []

    def keep(request: Request) -> None:
        finished.append(request)

    page.on("requestfinished", keep)
    return finished


def _sizes(finished: list[Request]) -> dict[str, int]:
    """Bytes as they were sent, of each kind of file."""
    sizes: dict[str, int] = {}
    for request in {request.url: request for request in finished}.values():
        response = request.response()
        kind = "fonts" if "woff2" in request.url else "libraries" if "/vendor/" in request.url else "own"
        sizes[kind] = sizes.get(kind, 0) + int((response.headers if response else {}).get("content-length", 0))
    return sizes


def runs(browser: Browser, server: Served, repeats: int) -> Rows:
    """From the click on Run to the first picture of it, each in a page that has not seen the snippet."""
    rows: Rows = []
    for name, aim in (("w1", "150"), ("w3", ""), ("w5", "700"), ("w6", ""), ("w7b", ""), ("w8", "4,000")):
        times, count = [], 0
        for _ in range(repeats if name in ("w1", "w3") else max(3, repeats // 2)):
            with opened(browser) as page:
                page.goto(server.url)
                page.wait_for_function(SETTLED)
                page.locator(".cm-content").click()
                page.keyboard.press("ControlOrMeta+a")
                page.keyboard.insert_text(code(name))
                page.wait_for_timeout(600)
                times.append(page.evaluate(CLICK, ["#run", "run"]))
                page.wait_for_function(SETTLED, timeout=60_000)
                count = page.locator("[data-node]").count()
        rows.append((f"{name}: Run to first picture, ms ({count} things in it)", _ms(times), aim))
    return rows


def openings(browser: Browser, server: Served, repeats: int) -> Rows:
    """From the click on a group, or on open all, to the picture in which it is open."""
    rows: Rows = []
    with opened(browser, code("w8")) as page:
        page.goto(server.url)
        page.wait_for_function(SETTLED)
        loop = '.node.group[data-name^="for "]'
        if page.locator(loop).count():
            page.evaluate(CLICK, [loop, "open"])
            page.wait_for_function(SETTLED)
        names = [f"b.{i}" for i in range(31, 31 - repeats, -1)]
        times = []
        for name in names:
            times.append(page.evaluate(CLICK, [f'.node.group[data-name="{name}"]', "open"]))
            page.wait_for_function(SETTLED)
        rows.append(("w8: opening a block for the first time, ms", f"{times[0]:.0f}", "150"))
        rows.append(("w8: opening a further block, ms", _ms(times[1:]), "150"))
    for name, aim in (("w5", "400"), ("w8", "")):
        with opened(browser, code(name)) as page:
            page.goto(server.url)
            page.wait_for_function(SETTLED)
            time = page.evaluate(CLICK, ["#open-all", "open"])
            page.wait_for_function(SETTLED)
            things = page.locator("[data-node]").count()
            rows.append((f"{name}: open all, {things:,} things, to the picture, ms", f"{time:.0f}", aim))
    return rows


def frames(browser: Browser, server: Served, repeats: int) -> Rows:
    """Times between frames while the view is dragged, and while a step is played."""
    rows: Rows = []
    for name in ("w5", "w8"):
        with opened(browser, code(name)) as page:
            page.goto(server.url)
            page.wait_for_function(SETTLED)
            page.locator("#open-all").click()
            page.wait_for_function(SETTLED, timeout=60_000)
            elements = page.evaluate("document.querySelectorAll('*').length")
            for view, keys in (("at reading size", 0), ("from afar, half of it in view", 9), ("all of it in view", -1)):
                if keys < 0:
                    page.locator("#fit").click()
                for _ in range(keys):
                    page.locator("#zoom-out").click()
                page.wait_for_timeout(300)
                seen = page.locator(".node:not(.unseen)").count()
                gaps = page.evaluate(FRAMES, [140, True])
                what = f"{name} opened, {view} ({seen:,} of its things; {elements:,} elements): panning, p95 ms"
                rows.append((what, f"{p95(gaps):.0f}", "20"))
    for name in ("w1", "w3", "w5"):
        with opened(browser, code(name)) as page:
            page.goto(server.url)
            page.wait_for_function(SETTLED)
            play = page.locator('[data-do="play"]')
            if play.count() == 0:
                continue
            play.click()
            gaps = page.evaluate(FRAMES, [240, False])
            elements = page.evaluate("document.querySelectorAll('*').length")
            rows.append((f"{name}: playing, p95 ms ({elements:,} elements)", f"{p95(gaps):.0f}", "20"))
    return rows


def memory(browser: Browser, server: Served, repeats: int) -> Rows:
    """What the page holds after a long run of which it got every step."""
    with opened(browser) as page:
        page.add_init_script(f"({EVERY})()")
        page.goto(server.url)
        page.wait_for_function(SETTLED)
        before = heap(page)
        page.locator(".cm-content").click()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.insert_text(STEPS)
        page.locator("#run").click()
        page.wait_for_function(SETTLED, timeout=600_000)
        shown = page.locator("#inspector-body h2").first.inner_text()
        if shown != "Step 10,000 of 10,000" or page.locator("[data-skipped]").count() > 0:
            raise SystemExit(f"not every step came: {shown}; {page.locator('#output-body').inner_text()}")
        summary = page.locator("#summary").inner_text()
        what = f"memory of the page after 10,000 streamed steps, MB ({summary}; {before:.0f} MB before)"
        return [(what, f"{heap(page):.0f}", "bounded")]


def heap(page: Page) -> float:
    """Megabytes in use after a collection: objects, and the buffers that frames lie in."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    usage = session.send("Runtime.getHeapUsage")
    return float(usage["usedSize"] + usage.get("backingStorageSize", 0)) / 1e6


def code(name: str) -> str:
    """The snippet called so."""
    return next(SNIPPETS.glob(f"{name}_*.py")).read_text("utf-8")


@contextmanager
def opened(browser: Browser, text: str | None = None) -> Iterator[Page]:
    """A page of its own, with the snippet in it."""
    context = browser.new_context(viewport={"width": 1600, "height": 900})
    page = context.new_page()
    page.add_init_script(f"({WATCH})()")
    if text is not None:
        page.add_init_script(f"localStorage.setItem('chainrule.code', {json.dumps(text)})")
    yield page
    context.close()


def p95(gaps: list[float]) -> float:
    """The time that 95 of 100 frames keep to."""
    return sorted(gaps)[int(0.95 * (len(gaps) - 1))]


def _ms(times: list[float]) -> str:
    return f"{median(times):,.0f} ({min(times):,.0f} to {max(times):,.0f})"


def _flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.bench.page", description="Measure the page.")
    parser.add_argument("--only", default="", help="some of load,run,open,frames,memory")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--flag", action="append", default=[], help="a flag for Chromium, such as --disable-gpu")
    return parser


if __name__ == "__main__":
    main()
