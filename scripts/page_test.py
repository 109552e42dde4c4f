"""Opens the page in headless Chromium: page_test.py MARTLET MODEL [FOLDER FOR SCREENSHOTS]."""
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

from playwright.sync_api import sync_playwright

KEY = "page-test"


def start(binary, model):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [binary, "serve", "--model-path", model, "--port", str(port), "--api-key", KEY],
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


def stop(page):
    page.fill("[name=max_tokens]", "2000")
    page.press("[name=max_tokens]", "Tab")
    page.fill("#input", "Count from one to one thousand in words.")
    page.press("#input", "Enter")
    wait(page, "!!document.querySelector('#messages').lastElementChild.querySelector('p, li, pre')")
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
            converse(page)
            stop(page)
            markdown_is_text(page)
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                page.set_viewport_size({"width": 1200, "height": 800})
                if folder:
                    page.screenshot(path=str(pathlib.Path(folder) / f"{theme}.png"))
                page.set_viewport_size({"width": 360, "height": 740})
                assert page.evaluate("document.documentElement.scrollWidth") <= 360
                if folder:
                    page.screenshot(path=str(pathlib.Path(folder) / f"{theme}-narrow.png"))
            browser.close()
    finally:
        server.terminate()
        server.wait()
    assert not problems, problems
    print("the page works")


main()
