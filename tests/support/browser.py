"""The web page in Debian's Chromium, as somebody with mouse and keyboard has it. Everything is waited for, nothing slept for."""

import json
import os

from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, ElementNotInteractableException, StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from .builds import BUILD, ROOT
from . import waiting

PICTURES = os.path.join(BUILD, "page")
DOCUMENTED = os.path.join(ROOT, "docs", "page")
REWRITE = os.environ.get("MAILPROXY_REWRITE_PICTURES") == "1"

# What can be pressed and bears this name, to a reader of the screen or to one who looks; what is open on top comes first.
FIND = """
const named = (e) => (e.getAttribute("aria-label") ?? e.textContent).trim() === arguments[0] || e.textContent.trim() === arguments[0];
const places = [document.querySelector("dialog[open]"), document].filter(Boolean);
for (const place of places) {
  const found = [...place.querySelectorAll("button, a, summary, input[type=checkbox], label.form-check-label")]
    .find((e) => (named(e) || e.labels && [...e.labels].some(named)) && e.getClientRects().length && !e.disabled);
  found?.scrollIntoView({ block: "center", behavior: "instant" }); // not below the bar
  if (found || place !== document) return found ?? null;
}
return null;
"""


def wait_for(predicate, what, timeout=20.0):
    """As support.waiting has it, but less often: a look is work for the browser."""
    return waiting.wait_for(predicate, what, timeout, poll=0.04)


class Browser:
    def __init__(self):
        options = Options()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en", "--force-device-scale-factor=1",
                         "--disable-background-networking", "--disable-component-update", "--no-first-run", "--disable-extensions", "--window-size=1280,900"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.binary_location = "/usr/bin/chromium"
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_script_timeout(30)
        self.opened = 0

    def close(self):
        self.driver.quit()

    # Where we are.

    def open(self, url, token=None, at=""):
        """The page at this URL, with a token in this tab's storage; nothing of who was here before is left."""
        before = f"if (location.protocol !== 'about:') {{sessionStorage.clear(); localStorage.clear(); if ({json.dumps(token)}) sessionStorage.setItem('mailproxy.token', {json.dumps(token)})}}"
        added = self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": before})
        self.driver.get("about:blank")  # another hash alone would be the same page
        self.driver.get(url + at)
        self.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
        wait_for(lambda: self.script("return !!document.querySelector('main h1')"), "the page to show something")

    def again(self, url, token):
        """As open(), but the page that is there goes on, where it is whole and of this token: that is much quicker."""
        self.opened += 1
        is_so = self.script("""return location.href.split("#")[0] === arguments[0] && sessionStorage.getItem("mailproxy.token") === arguments[1] && !localStorage.length
                               && !document.querySelector("dialog[open], #lost:not(:empty)") && !!document.querySelector("#top nav")""", url, token)
        if not is_so:
            self.open(url, token)
            return
        self.script("document.activeElement?.blur()")
        self.go(f"#/queue?time={self.opened}")

    def go(self, at):
        """Another view: until it has taken the place of the one that is there."""
        self.script("document.querySelector('main > *').dataset.old = true; location.hash = arguments[0]", at)
        wait_for(lambda: self.script("return !!document.querySelector('main > :not([data-old]) h1')"), f"the view {at}")

    def nudge(self):
        """Ask now, as a browser does that has found its network again; for tests that are not about when it asks."""
        self.script("dispatchEvent(new Event('online'))")

    def size(self, width, height):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})

    def prefer(self, scheme):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})

    # What is there.

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def text(self, selector="main"):
        """What can be read there, or ""."""
        return self.script("return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText).join('\\n')", selector)

    def texts(self, selector):
        return self.script("return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText.replace(/\\s+/g, ' ').trim())", selector)

    def wait_text(self, text, selector="main"):
        return wait_for(lambda: text in self.text(selector), lambda_text(self, text, selector))

    def wait_gone(self, text, selector="main"):
        return wait_for(lambda: text not in self.text(selector), f"{text!r} to leave {selector}")

    def row(self, about, selector="main tbody tr"):
        """The texts of the row that has this text in it; None: there is none."""
        return next((row for row in self.texts(selector) if about in row), None)

    def wait_row(self, about, *wanted):
        return wait_for(lambda: (row := self.row(about)) and all(each in row for each in wanted) and row, f"a row of {about} with {wanted}")

    def complaints(self):
        """What the console was told since the last time: errors, and breaches of the content security policy."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING") or "Content Security Policy" in entry["message"]]

    # What somebody does.

    def press(self, name):
        def pressed():
            found = self.script(FIND, name)
            try:
                return found and (found.click() or True)
            except (StaleElementReferenceException, ElementClickInterceptedException, ElementNotInteractableException):
                return False
        wait_for(pressed, f"something to press named {name!r}")

    def is_there(self, name):
        return self.script(FIND, name) is not None

    def fill(self, name, value, within="main, dialog[open]"):
        """Type into the field with this name attribute."""
        def found():
            place = ", ".join(f"{part.strip()} [name={name}]" for part in within.split(","))
            fields = [e for e in self.driver.find_elements(By.CSS_SELECTOR, place) if e.is_displayed()]
            return fields and fields[-1]
        field = wait_for(found, f"a field {name}")
        if field.tag_name == "select":
            field.find_element(By.CSS_SELECTOR, f"option[value='{value}']").click()
            return
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(Keys.DELETE)
        field.send_keys(value)

    def key(self, *keys):
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self):
        """The name of what has the focus."""
        return self.script("const e = document.activeElement; return (e.getAttribute('aria-label') ?? e.textContent).trim() || e.name || e.id || e.nodeName")

    def dialog(self):
        return self.text("dialog[open]")

    def wait_done(self, text):
        """The dialog says what was done; close it."""
        wait_for(lambda: text in self.text("dialog[open] .done"), lambda_text(self, text, "dialog[open]"))
        said = self.dialog()
        self.press("Close")
        wait_for(lambda: not self.dialog(), "the dialog to close")
        return said

    def picture(self, name):
        """Into build/page/, for a look; with MAILPROXY_REWRITE_PICTURES=1 also into the documentation."""
        self.script("if (!document.querySelector('dialog[open]')) document.activeElement?.blur(); scrollTo(0, 0)")
        with open(os.path.join(ROOT, "docs", "page.md"), encoding="utf-8") as document:
            is_documented = f"](page/{name}.png)" in document.read()
        for directory in [PICTURES] + ([DOCUMENTED] if REWRITE and is_documented else []):
            os.makedirs(directory, exist_ok=True)
            assert self.driver.save_screenshot(os.path.join(directory, name + ".png"))


def lambda_text(browser, text, selector):
    class Lazy:  # what is there instead, when it is told
        def __str__(self):
            return f"{text!r} in {selector}, where there is {json.dumps(browser.text(selector))[:1500]}"
    return Lazy()
