"""The node's web page in headless Chromium, as a person uses it: by pointer, by keyboard alone, on a phone, in the dark.

CONDUIT_SHOTS=FOLDER keeps screenshots.

What a page comes to is waited for by selectors and expect(): wait_for_function asks by eval once its first look failed, and
the page's own Content-Security-Policy, which is under test as well, forbids that.
"""

import functools
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

import node_process
from node_process import SKIPPED, Node

PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1360, "height": 860}
WAIT_MS = 60_000
LAST_ANSWER = "article.assistant:last-of-type"

# The lowest contrast of any text that is seen, and whose it is: WCAG's relative luminance.
LOWEST_CONTRAST = """() => {
  const parsed = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (rgb) => rgb.slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = parsed(getComputedStyle(e).backgroundColor);
      if (color.length < 4 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  let lowest = [21, ""];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest(".unseen")) continue;
    const [a, b] = [parsed(getComputedStyle(element).color), ground(element)].map(luminance);
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < lowest[0]) lowest = [contrast, walker.currentNode.data.trim()];
  }
  return lowest;
}"""


class Visit:
    """A browser's page of its own; what its console calls an error fails the check."""

    def __init__(self, browser, url: str, expected_error: str = "", **context):
        self.errors: list[str] = []
        self.expected_error = expected_error  # as a refusal's status, which the console repeats
        self.context = browser.new_context(**{"viewport": DESKTOP, **context})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)

    def __enter__(self) -> Page:
        return self.page

    def __exit__(self, kind, *_) -> None:
        self.context.close()
        unexpected = [error for error in self.errors if not self.expected_error or self.expected_error not in error]
        assert kind or not unexpected, unexpected


def is_connected(page: Page) -> None:
    page.wait_for_selector("#link[data-state=ready]")
    page.wait_for_selector("#model option[value=test]", state="attached")


def ask(page: Page, question: str, **parameters) -> None:
    """By pointer. Parameters are the fields' ids."""
    page.click("#parameters summary")
    for name, value in parameters.items():
        page.fill(f"#{name}", str(value))
    page.click("#parameters summary")
    page.fill("#question", question)
    page.click("#send")


def is_answered(page: Page) -> str:
    page.wait_for_selector(f"{LAST_ANSWER}:not([aria-busy]) .foot:not(:empty)")
    return page.inner_text(f"{LAST_ANSWER} .text")


def never_ends_by_itself(page: Page) -> None:
    """Answers go on until max_tokens, whatever the model would say."""
    page.route("**/v1/chat/completions",
               lambda route: route.continue_(post_data=json.dumps({**route.request.post_data_json, "ignore_eos": True})))


def keep_shot(page: Page, name: str) -> None:
    if folder := os.environ.get("CONDUIT_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def has_no_sideways_scroll(page: Page) -> None:
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1], widths


def streams_an_answer(browser, node: Node) -> None:
    """a question is answered piece by piece, with its numbers; the charts move"""
    with Visit(browser, node.url) as page:
        is_connected(page)
        page.evaluate("""() => {
          window.lengths = new Set();
          new MutationObserver(() => lengths.add(document.querySelector("article.assistant .text")?.textContent.length))
            .observe(document.querySelector("#log"), {childList: true, subtree: true, characterData: true});
        }""")
        flat = page.get_attribute("#charts .line-0", "d")
        ask(page, "Why is the sky blue?", temperature=0, max_tokens=60)
        text = is_answered(page)
        assert text.strip() and page.evaluate("lengths.size") > 5, (text, page.evaluate("lengths.size"))
        foot = page.inner_text(f"{LAST_ANSWER} .foot")
        assert "tokens/s" in foot and "first after" in foot, foot
        expect(page.locator("#charts .line-0").first).not_to_have_attribute("d", flat)
        # Every line has a value: an answer was made.
        expect(page.locator('#charts svg[aria-label*=" –"]')).to_have_count(0)
        ask(page, "And at sunset?", temperature=0, max_tokens=60)
        is_answered(page)
        assert page.locator("article").count() == 4
        assert page.evaluate(LOWEST_CONTRAST)[0] >= 4.5, page.evaluate(LOWEST_CONTRAST)
        keep_shot(page, "desktop-light")
        print("    ", repr(text[:60]), "|", foot.replace("\n", " "))


def parameters_reach_the_model(browser, node: Node) -> None:
    """the same seed gives the same answer, max_tokens ends it; a value out of range is not sent; reset forgets"""
    with Visit(browser, node.url) as page:
        is_connected(page)
        texts = []
        for _ in range(2):
            ask(page, "Tell me a story.", temperature=1, seed=7, max_tokens=20)
            texts.append(is_answered(page))
            page.click("#reset")
            assert page.locator("article").count() == 0 and page.is_visible("#welcome")
        assert texts[0] == texts[1], texts
        page.fill("#question", "Hello")
        page.click("#parameters summary")
        page.fill("#temperature", "3")
        page.click("#send")
        assert page.locator("article").count() == 0, "temperature 3 was sent"
        page.reload()
        assert page.input_value("#seed") == "7", "parameters are kept for the next visit"


def works_by_keyboard(browser, node: Node) -> None:
    """Tab reaches the question, with a focus that is seen; Enter sends, Shift+Enter does not, Esc stops"""
    with Visit(browser, node.url) as page:
        is_connected(page)
        never_ends_by_itself(page)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # "Skip to the question"
        assert page.evaluate("document.activeElement.id") == "question"
        page.keyboard.type("Count to a")
        page.keyboard.press("Shift+Enter")
        page.keyboard.type("thousand.")
        assert page.input_value("#question") == "Count to a\nthousand."
        page.keyboard.press("Shift+Tab")
        focused = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert focused == "solid", focused
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"{LAST_ANSWER}[aria-busy] .text:not(:empty)")
        page.keyboard.press("Escape")
        is_answered(page)
        assert "stopped" in page.inner_text(f"{LAST_ANSWER} .foot")
        assert page.evaluate("document.activeElement.id") == "question"
        assert page.is_visible("#send") and page.is_hidden("#stop")
    node_process.eventually("a stopped answer leaves the node", lambda: node.metric("conduit_requests_running") == 0)


def fits_a_phone(browser, node: Node) -> None:
    """360 pixels: no sideways scrolling in any part, each reached by its button; the question is on the screen"""
    with Visit(browser, node.url, viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2) as page:
        is_connected(page)
        page.fill("#question", "Say hello. " + "long" * 60)
        has_no_sideways_scroll(page)
        page.fill("#question", "Say hello.")
        page.tap("#send")
        is_answered(page)
        has_no_sideways_scroll(page)
        box = page.locator("#question").bounding_box()
        assert box["y"] + box["height"] <= PHONE["height"], box
        keep_shot(page, "phone-chat")
        for view in ("live", "cluster"):
            page.tap(f"nav [data-view={view}]")
            assert page.is_visible(f"#{view}") and page.is_hidden("#chat")
            has_no_sideways_scroll(page)
            keep_shot(page, f"phone-{view}")
        page.tap("nav [data-view=chat]")
        assert page.is_visible("article")


def is_dark_where_wanted(browser, node: Node) -> None:
    """prefers-color-scheme: dark is dark, and as readable"""
    with Visit(browser, node.url, color_scheme="dark") as page:
        is_connected(page)
        ask(page, "Write `code` in **bold**.", temperature=0.7, max_tokens=80)
        is_answered(page)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        assert max(ground) < 60, ground
        assert page.evaluate(LOWEST_CONTRAST)[0] >= 4.5, page.evaluate(LOWEST_CONTRAST)
        keep_shot(page, "desktop-dark")


def never_shows_html(browser, node: Node) -> None:
    """markup in a question, or in an answer, stays text"""
    with Visit(browser, node.url) as page:
        is_connected(page)
        evil = "<img src=x onerror=\"window.hit=1\"><b>bold</b>"
        page.route("**/v1/chat/completions", lambda route: route.fulfill(
            content_type="text/event-stream",
            body='data: {"choices":[{"delta":{"content":"<script>window.hit=1</script>**x** <i>"}}]}\n\ndata: [DONE]\n\n'))
        page.fill("#question", evil)
        page.click("#send")
        assert is_answered(page) == "<script>window.hit=1</script>x <i>"
        assert page.inner_text("article.user .text") == evil
        assert page.evaluate("window.hit === undefined && document.querySelectorAll('article img, article i, article script').length === 0")


def failures_are_said_in_words(browser, node: Node) -> None:
    """a refusal is shown with the node's words and a button that asks again"""
    with Visit(browser, node.url, "400") as page:
        is_connected(page)
        ask(page, "Hello", system="word " * 20_000)  # more than any context
        page.wait_for_selector("article .failure")
        said = page.inner_text("article .failure")
        assert "token" in said, said
        page.click("#parameters summary")
        page.fill("#system", "")
        page.click("article button")
        is_answered(page)
        assert page.locator("article .failure").count() == 0
        print("    ", said)


def asks_for_a_key(browser, node: Node) -> None:
    """a node with an API key: the page asks for it, says when it is wrong, and goes on when it is right"""
    with tempfile.TemporaryDirectory() as folder:
        guarded = Node(options.node, node_process.model_path(options, folder), environment={"CONDUIT_API_KEY": "s3cret"})
        try:
            with Visit(browser, guarded.url, "401") as page:
                page.wait_for_selector("#key-form:not([hidden])")
                assert page.evaluate("document.activeElement.id") == "key"
                page.keyboard.type("wrong")
                page.keyboard.press("Enter")
                expect(page.locator("#key-note")).to_contain_text("refused")
                page.keyboard.type("s3cret")
                page.keyboard.press("Enter")
                is_connected(page)
                page.keyboard.type("Hello")
                page.keyboard.press("Enter")
                is_answered(page)
        finally:
            guarded.process.kill()


def says_when_the_node_is_gone(browser, node: Node) -> None:
    """the node ends under an answer: both the answer and the page say so"""
    with Visit(browser, node.url, "net::ERR") as page:
        is_connected(page)
        never_ends_by_itself(page)
        ask(page, "Count to a million.", max_tokens=2000)
        page.wait_for_selector(f"{LAST_ANSWER}[aria-busy] .text:not(:empty)")
        node.process.kill()
        page.wait_for_selector(f"{LAST_ANSWER} .failure")
        page.wait_for_selector("#link[data-state=failed]")
        said = page.inner_text(f"{LAST_ANSWER} .failure"), page.inner_text("#trouble")
        assert all("node" in text for text in said), said
        keep_shot(page, "node-gone")
        print("    ", said)


if __name__ == "__main__":
    options = node_process.arguments()
    chromium = shutil.which("chromium")
    if chromium is None:
        print("SKIPPED: chromium is absent; apt-get install chromium fonts-dejavu-core")
        sys.exit(SKIPPED)
    checks = [streams_an_answer, parameters_reach_the_model, works_by_keyboard, fits_a_phone, is_dark_where_wanted, never_shows_html,
              failures_are_said_in_words, asks_for_a_key, says_when_the_node_is_gone]
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        # Root has no sandbox of Chromium's; a small /dev/shm (a container's) would end it.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        node_process.run([functools.wraps(check)(functools.partial(check, browser)) for check in checks], options)
        browser.close()
