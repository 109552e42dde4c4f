"""Opens the page in headless Chromium: page_test.py MARTLET MODEL [FOLDER FOR SCREENSHOTS]."""
import json
import pathlib
import re
import socket
import subprocess
import sys
import time
import urllib.request

from playwright.sync_api import sync_playwright

KEY = "page-test"
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}]
SCRIPT = (
    "<think>\nThey ask about <b>Zürich</b>.\n</think>\n\nLet me **look**.\n"
    '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Zürich"}}\n</tool_call>')


def start(binary, model):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [binary, "serve", "--model-path", model, "--port", str(port), "--api-key", KEY,
         "--tool-call-parser", "qwen25", "--reasoning-parser", "qwen3"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            urllib.request.urlopen(address + "/ready", timeout=1)
            return server, address
        except OSError:
            time.sleep(0.1)
    server.kill()
    sys.exit("the server did not start")


def wait(page, condition):
    """Until a JavaScript expression holds; Playwright's own waiting evaluates text in the page, which its policy forbids."""
    for _ in range(600):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within 30 s: {condition}")


def converse(page):
    page.fill("#key", KEY)
    page.press("#key", "Tab")
    wait(page, "document.querySelector('#model').textContent !== ''")
    page.click("summary:has-text('Sampling')")
    page.fill("[name=max_tokens]", "24")
    page.fill("[name=temperature]", "0")
    page.press("[name=temperature]", "Tab")
    page.fill("#input", "What is the capital of France?")
    page.press("#input", "Enter")
    wait(page, "/Done|token limit/.test(document.querySelector('#status').textContent)")
    # The answer without the article's own labels.
    text = " ".join(page.locator("article.assistant").locator("p, li, pre").all_inner_texts())
    assert len(text.split()) > 5, text
    page.click("article.assistant summary")
    assert page.locator(".tokens span").count() > 3
    assert "%" in page.locator(".tokens span").first.get_attribute("title")
    page.click("#prompt summary")
    wait(page, "document.querySelector('#prompt pre').textContent.includes('<|im_start|>user')")
    page.wait_for_selector("#charts .chart")


def add_to_requests(page, **fields):
    page.unroute_all()
    page.route("**/v1/chat/completions", lambda route: route.continue_(
        post_data=json.dumps({**route.request.post_data_json, **fields})))


def script(page, text):
    """Has the model write one exact text: a grammar with a single word."""
    pattern = re.sub(r"([\\{}\[\]().*+?^$|/])", r"\\\1", text)
    add_to_requests(page, regex=pattern, temperature=0, max_tokens=400)


def call_a_tool(page, shots):
    """Reasoning folded, a call shown, its result sent, by the keyboard alone where a person would use it."""
    page.click("#new")
    page.fill("[name=tools]", json.dumps(TOOLS)[:-1])
    page.press("[name=tools]", "Tab")
    page.fill("#input", "What is the weather?")
    page.press("#input", "Enter")
    wait(page, "document.querySelector('#status').textContent.startsWith('Tools: ')")
    assert page.locator("#status.error").count() == 1
    page.fill("[name=tools]", json.dumps(TOOLS))
    page.press("[name=tools]", "Tab")
    script(page, SCRIPT)
    page.click("#new")
    page.fill("#input", "What is the weather?")
    page.press("#input", "Enter")
    wait(page, "!!document.querySelector('.results')")
    answer = page.locator("article.assistant")
    reasoning = answer.locator("details").first
    assert reasoning.get_attribute("open") is None and not reasoning.locator("p").is_visible()
    reasoning.locator("summary").focus()
    page.keyboard.press("Enter")
    assert reasoning.locator("p").is_visible()
    assert reasoning.locator("p").inner_text() == "They ask about <b>Zürich</b>."
    assert answer.locator("strong").inner_text() == "look"
    call = answer.locator("details", has_text="Tool call: get_weather")
    assert json.loads(call.locator("pre").inner_text()) == {"city": "Zürich"}
    shots("call")
    script(page, "It is 31 degrees.")
    answer.locator(".results textarea").focus()
    page.keyboard.type('{"degrees": 31}')
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait(page, "document.querySelectorAll('article').length === 4 && document.querySelector('#status').textContent === 'Done'")
    assert "31 degrees" in page.locator("article").last.inner_text()
    assert page.locator(".results").count() == 0
    wait(page, "document.querySelector('#prompt pre').textContent.includes('{\"degrees\": 31}')")
    page.unroute_all()


def charts(page):
    """The curves have moved with what was generated and cached."""
    def moved(name):
        return f"""[...document.querySelectorAll('.chart')].some((chart) => chart.textContent.startsWith('{name}')
          && chart.querySelector('polyline').getAttribute('points').split(' ').some((point) => point.split(',')[1] < 38))"""
    for name in ("Running", "Tokens/s", "Cache hits", "KV use"):
        wait(page, moved(name))


def reload(page):
    """Conversations are kept; the theme follows its button."""
    page.reload()
    wait(page, "document.querySelectorAll('#conversations li').length >= 2")
    page.locator("#conversations li button").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("article").count() == 4
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.focus("#theme")
    page.keyboard.press("Enter")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.keyboard.press("Enter")
    page.evaluate("delete document.documentElement.dataset.theme")


def stop(page):
    add_to_requests(page, ignore_eos=True)
    page.fill("[name=max_tokens]", "2000")
    page.press("[name=max_tokens]", "Tab")
    page.fill("#input", "Count from one to one thousand in words.")
    page.press("#input", "Enter")
    wait(page, "!!document.querySelector('#messages').lastElementChild.querySelector('p, li, pre')")
    charts(page)
    page.keyboard.press("Escape")
    wait(page, "document.querySelector('#status').textContent === 'Stopped'")


def markdown_is_text(page):
    made = page.evaluate("""async () => {
      const { markdown } = await import("/ui/markdown.js");
      const box = document.createElement("div");
      box.append(...markdown("<img src=x onerror=alert(1)> **b** [x](javascript:alert(1)) [y](https://a.example/)\\n\\n1. *i*"));
      return box.innerHTML;
    }""")
    assert "<img" not in made and "<strong>b</strong>" in made and "<ol" in made and "<em>i</em>" in made, made
    assert 'href="javascript' not in made and 'rel="noopener noreferrer"' in made, made


def main():
    binary, model, folder = sys.argv[1:4]
    server, address = start(binary, model)
    problems = []
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1200, "height": 800})
            page.set_default_timeout(20000)
            # Without a key the API answers 401, which Chromium logs; that one is wanted.
            page.on("console", lambda line: problems.append(line.text)
                    if line.type in ("error", "warning") and "401" not in line.text else None)
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.goto(address + "/")
            shot = (lambda name: page.screenshot(path=str(pathlib.Path(folder) / f"{name}.png"))) if folder else lambda name: None
            converse(page)
            call_a_tool(page, shot)
            reload(page)
            page.click("summary:has-text('Sampling')")
            page.fill("[name=tools]", "")
            page.press("[name=tools]", "Tab")
            page.click("#new")
            stop(page)
            markdown_is_text(page)
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                page.set_viewport_size({"width": 1200, "height": 800})
                shot(theme)
                page.set_viewport_size({"width": 360, "height": 740})
                assert page.evaluate("document.documentElement.scrollWidth") <= 360
                shot(f"{theme}-narrow")
            browser.close()
    finally:
        server.terminate()
        server.wait()
    assert not problems, problems
    print("the page works")


main()
