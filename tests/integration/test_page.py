"""
The web page in Debian's Chromium: each thing it shows and each thing that can be done on it, against a running system. Pictures of it
are left in build/page/; with MAILPROXY_REWRITE_PICTURES=1 those of docs/page.md are made anew.

One browser and one system for all tests, in the order they stand here: what looks only comes first.
"""

import json
import re
from urllib.parse import urlsplit

import pytest
from selenium.webdriver.common.keys import Keys
from support.browser import Browser, wait_for
from support.page_scene import Scene
from support.prefix_proxy import PrefixProxy
from support.programs import message
from support.relay import Relay


@pytest.fixture(scope="module")
def scene(shared):
    relay = Relay()
    yield Scene(shared, relay)
    relay.close()


@pytest.fixture(scope="module")
def chromium(scene):
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def page(chromium, scene):
    """The browser, of ordinary size; afterwards nobody has complained: no error in the console, no breach of the policy."""
    chromium.size(1280, 900)
    chromium.prefer("light")
    chromium.url = scene.system.api.url + "/"
    chromium.complaints()
    yield chromium
    assert chromium.complaints() == []


@pytest.fixture
def admin(page, scene):
    page.again(page.url, scene.system.api.token)
    return page


@pytest.fixture
def acme(page, scene):
    page.again(page.url, scene.acme.token)
    return page


def numbers(page, of):
    """The figure of a tile."""
    return int(re.sub(r"\D", "", page.text(f"#tile-{of}")) or -1)  # -1: nothing is there yet


# ---- logging in -----------------------------------------------------------------------------------------------------

def test_who_has_no_token_is_asked_for_one_and_a_wrong_one_is_refused(page):
    page.open(page.url)
    assert page.focused() == "token"
    page.fill("token", "not-a-token")
    page.key(Keys.ENTER)
    page.wait_text("does not know this token")
    assert page.focused() == "token"
    assert "401" in page.complaints()[0]  # the browser tells of each answer that is no 2xx


def test_a_token_opens_the_page_for_this_tab_alone_and_is_in_no_address(page, scene):
    page.open(page.url)
    page.complaints()  # it was asked whether it takes nobody
    page.fill("token", scene.system.api.token)
    page.press("Log in")
    page.wait_text("Queue by account")
    assert page.script("return {...sessionStorage}") == {"mailproxy.token": scene.system.api.token}
    assert page.script("return {...localStorage}") == {}
    addresses = page.script("return [location.href, ...performance.getEntriesByType('resource').map((e) => e.name)]")
    assert not any(scene.system.api.token in address for address in addresses)
    page.press("Log out")
    page.wait_text("Token")
    assert page.script("return {...sessionStorage}") == {}
    page.script("location.reload()")
    wait_for(lambda: page.focused() == "token", "the page to ask for a token")
    page.complaints()


def test_a_tenants_token_sees_its_tenant_alone(acme, scene):
    acme.wait_text("Queue by account")
    assert acme.texts("#top nav a") == ["Queue", "Messages", "Accounts"]
    assert acme.text("#top .own") == "acme"
    acme.go("#/messages?search=globex-1")
    acme.wait_text("No message is like that")
    acme.go("#/tenants")
    acme.wait_text("Queue by account")
    acme.go("#/message?id=globex-1&tenant=globex")
    acme.wait_text("Token not authorized for this tenant")
    acme.complaints()


# ---- looking --------------------------------------------------------------------------------------------------------

def test_the_queue_by_account_is_what_the_database_says(admin, scene):
    admin.wait_row("down", "acme", "4")

    def backlog():
        rows = scene.system.rows("SELECT * FROM mailproxy.account_backlog WHERE tenant_id = 'acme'")
        return {of: sum(row[column] for row in rows) for of, column in (("waiting", "messages"), ("deferred", "deferred"), ("held", "held"), ("sending", "sending"))}

    # Both may be in the middle of a change.
    wait_for(lambda: {of: numbers(admin, of) for of in backlog()} == backlog(), "the page to agree with the database")
    assert numbers(admin, "held") == 7 and numbers(admin, "waiting") >= 16
    assert "acme" in admin.text(".suspensions") and "spring" in admin.text(".suspensions")
    admin.picture("queue")


def test_the_page_follows_without_reloading(admin, scene):
    admin.script("window.same = true")
    before = numbers(admin, "held")
    scene.acme.enqueue(message("spring-more", batch_code="spring"))
    wait_for(lambda: numbers(admin, "held") == before + 1, "the page to tell of another message")
    assert scene.acme.post("/commands/delete-messages", {"ids": ["spring-more"]}).json["removed"] == 1
    assert admin.script("return window.same")


def test_charts_tell_what_came_and_went(admin, scene):
    def totals(chart):
        return admin.script("return Object.fromEntries(Chart.getChart(arguments[0]).data.datasets.map((d) => [d.label, d.data.reduce((a, b) => a + b, 0)]))", chart)

    admin.wait_text("Throughput and latency")
    sent = scene.system.value("SELECT count(*) FROM mailproxy.attempt WHERE outcome = 'sent' AND ended_at > now() - interval '6 hours'")
    wait_for(lambda: totals("chart-throughput")["Sent"] >= sent - 20, "the chart to have what was sent")
    assert totals("chart-throughput")["Sent"] <= sent and totals("chart-throughput")["Errors"] > 10
    assert totals("chart-latency")["Median"] > 0
    assert re.search(r"In the last 6 hours \d+.* messages were accepted", admin.script("return document.getElementById('chart-throughput').getAttribute('aria-label')"))
    admin.press("By the hour")
    by_hour = admin.texts("details[open] tbody td:nth-child(3)")
    assert 6 <= len(by_hour) <= 7 and sum(map(int, by_hour)) == totals("chart-throughput")["Sent"]
    admin.fill("hours", "1")
    wait_for(lambda: totals("chart-throughput")["Sent"] < sent / 2, "the chart of the last hour")
    assert "hours=1" in admin.script("return location.hash")


def test_errors_are_counted_and_lead_to_an_example(admin):
    row = admin.wait_row("no such user here", "550", "acme")
    example = re.search(r"(past|refused)-\d+", row).group(0)
    admin.press(example)
    admin.wait_text("What happened")
    admin.wait_text("550 5.1.1")


def test_one_tenant_can_be_chosen(admin):
    admin.wait_row("down", "acme")
    admin.fill("tenant", "globex", within="#top")
    admin.wait_text("Nothing waits")
    assert "tenant=globex" in admin.script("return location.hash")
    admin.press("Messages")
    wait_for(lambda: len(admin.texts("main tbody tr")) == 10, "its ten messages")
    admin.fill("tenant", "", within="#top")
    admin.wait_row("acme")


def test_messages_are_searched_and_filtered(acme):
    acme.go("#/messages")
    acme.wait_row("past-")
    acme.picture("messages")
    acme.fill("status", "error")
    acme.wait_row("no such user here", "error")
    assert all("error" in row for row in acme.texts("main tbody tr"))
    acme.fill("search", "refused-2")
    wait_for(lambda: len(acme.texts("main tbody tr")) == 1, "one message")
    acme.wait_row("To nobody", "refused-2")
    acme.fill("status", "")
    acme.fill("search", "ticket 47")
    acme.wait_row("Your ticket 4718", "heidi@example.net")
    acme.fill("search", "")
    acme.fill("account", "down")
    wait_for(lambda: len(acme.texts("main tbody tr")) == 4, "the messages of that account")
    acme.fill("account", "")
    acme.fill("batch", "spring")
    wait_for(lambda: len(acme.texts("main tbody tr")) == 7, "the messages of that batch")
    assert "batch=spring" in acme.script("return location.hash")
    acme.script("location.reload()")
    wait_for(lambda: len(acme.texts("main tbody tr")) == 7, "the same after a reload")


def test_messages_come_in_pages(acme, scene):
    acme.go("#/messages?search=ticket")
    acme.wait_row("past-")
    seen, pages = set(), 0
    while True:
        pages += 1
        acme.wait_text(f"Page {pages}", ".pager")
        ids = wait_for(lambda: [i for i in acme.texts("main tbody td code.id") if re.search(r"-\d", i)], "messages")
        assert not seen & set(ids)
        seen |= set(ids)
        if not acme.is_there("Next"):
            break
        acme.press("Next")
    assert pages == 3 and len(seen) == len([m for m in scene.acme.messages() if "ticket" in m["message"]["subject"]]) > 100
    acme.press("Previous")
    acme.wait_text(f"Page {pages - 1}", ".pager")


def test_one_message_has_its_whole_history(admin, scene):
    admin.go("#/message?tenant=acme&id=refused-1")
    admin.wait_text("To two, of whom one is unknown")
    for said in ("ann@example.net", "nobody@example.net", "no such user here", "250 2.0.0 taken"):
        admin.wait_text(said)
    sentences = [row["sentence"] for row in scene.system.rows("SELECT * FROM mailproxy.explain_message('acme', 'refused-1')")]
    shown = admin.text(".explanation")
    assert sentences and all(sentence in shown for sentence in sentences)
    admin.picture("message")
    admin.go("#/message?tenant=acme&id=metered-8")
    admin.wait_text("It has not been tried yet")
    assert "limit" in admin.text(".explanation")
    admin.go("#/message?tenant=acme&id=no-such")
    admin.wait_text("message not found")
    admin.complaints()


def test_accounts_tell_their_health_and_what_their_limits_leave(admin):
    admin.go("#/accounts?tenant=acme")
    admin.wait_text("Ways out")

    def told():
        return {card.split(" ")[0]: card for card in admin.texts(".card-box")}

    cards = wait_for(lambda: "backed off" in (cards := told()).get("down", "") and cards, "the dead relay's account to be backed off")
    assert "127.0.0.1:9" in cards["down"]
    assert "0 of 5 left" in cards["metered"] and "195 of 200 left" in cards["metered"] and "more at" in cards["metered"]
    assert " ok " in cards["Shop"]
    assert admin.script("return document.querySelector('meter').value") == 5
    admin.picture("accounts")


# ---- for everybody --------------------------------------------------------------------------------------------------

NAMELESS = """
return [...document.querySelectorAll("button, a, input, select, summary, meter, canvas, dialog[open], nav, table")].filter((e) => e.getClientRects().length)
  .filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.labels?.length)).map((e) => e.outerHTML.slice(0, 200));
"""


# Each view: what stands in it when it is there.
VIEWS = {"messages": "Found", "message?tenant=globex&id=globex-1": "Attempts and replies", "accounts": "Ways out", "rules": "A new rule",
         "tenants": "Who may hand over mail", "queue": "What went wrong"}


def test_a_screen_reader_finds_its_way(admin):
    for at, heading in VIEWS.items():
        admin.go("#/" + at)
        admin.wait_text(heading)
        assert len(admin.texts("main h1")) == 1, at
        assert admin.script(NAMELESS) == [], at
        assert [len(admin.texts(landmark)) for landmark in ("header", "main", "nav[aria-label]:not(.pager)")] == [1, 1, 1], at
        assert admin.script("return document.documentElement.lang") == "en"
        levels = admin.script("return [...document.querySelectorAll('main h1, main h2, main h3')].map((e) => Number(e.tagName[1]))")
        assert levels[0] == 1 and all(deeper - level <= 1 for level, deeper in zip(levels, levels[1:])), at
        twice = admin.script("const ids = [...document.querySelectorAll('[id]')].map((e) => e.id); return ids.filter((id, i) => ids.indexOf(id) !== i)")
        assert twice == [], at


def test_everything_can_be_done_with_the_keyboard(acme, scene):
    acme.wait_text("Queue by account")
    acme.key(Keys.TAB)
    assert acme.focused() == "Skip to the content"
    acme.key(Keys.ENTER)
    assert acme.script("return document.activeElement.id") == "main"
    wait_for(lambda: acme.key(Keys.TAB) or acme.focused() == "Run now", "the button to be reached")
    acme.key(Keys.ENTER)
    wait_for(acme.dialog, "the dialog")
    inside = "return document.querySelector('dialog').contains(document.activeElement) || document.activeElement === document.body"
    for _ in range(5):
        acme.key(Keys.TAB)
        assert acme.script(inside)
    acme.key(Keys.ESCAPE)
    wait_for(lambda: not acme.dialog(), "the dialog to close")
    assert acme.focused() == "Run now"


def test_it_is_italian_where_that_is_wanted(admin, scene):
    admin.wait_text("Queue by account")
    admin.press("Italiano")
    admin.wait_text("Coda per account")
    assert admin.script("return document.documentElement.lang") == "it"
    admin.picture("italian")
    for view in ("messages", "accounts", "rules", "tenants", "message?tenant=globex&id=globex-1"):
        admin.go("#/" + view)
        wait_for(lambda: admin.texts("main h2"), "the view")
    admin.press("English")
    wait_for(lambda: admin.script("return document.documentElement.lang") == "en", "English")


def test_both_languages_have_the_same_texts_with_the_same_names_in_them(page):
    page.driver.set_script_timeout(10)
    locales = page.driver.execute_async_script("""
        const done = arguments[0];
        Promise.all(["en", "it"].map((name) => import(new URL(`page/scripts/locale_${name}.js`, document.baseURI)))).then(
          (all) => done(all.map((each) => each.default)), (error) => done(String(error)));""")
    english, italian = locales
    assert list(english) == list(italian)
    for key, text in english.items():
        assert isinstance(text, dict) == isinstance(italian[key], dict), key
        assert set(re.findall(r"\{\w+\}", json.dumps(text))) == set(re.findall(r"\{\w+\}", json.dumps(italian[key]))), key


def test_dark_and_light_follow_the_system_and_a_switch(admin):
    admin.wait_text("Queue by account")
    paper = "return getComputedStyle(document.body).backgroundColor"
    light = admin.script(paper)
    admin.prefer("dark")
    wait_for(lambda: admin.script(paper) != light, "dark")
    dark = admin.script(paper)
    admin.press("Light")
    assert admin.script(paper) == light
    admin.press("Dark")
    assert admin.script(paper) == dark
    admin.wait_row("acme")
    admin.picture("dark")
    admin.prefer("light")
    wait_for(lambda: admin.script(paper) == light, "the switch to have gone back to the system's wish")


def test_it_fits_a_phone(admin):
    admin.size(360, 740)
    for at, heading in VIEWS.items():
        admin.go("#/" + at)
        admin.wait_text(heading)
        assert admin.script("return document.documentElement.scrollWidth") <= 360, at
        cut = admin.script("return [...document.querySelectorAll('main button, main td, main th, main dd')].filter((e) => e.getBoundingClientRect().right > 361).map((e) => e.outerHTML.slice(0, 200))")
        assert cut == [], at
        admin.picture("phone-" + at.split("?")[0])


# ---- doing ----------------------------------------------------------------------------------------------------------

def test_nothing_is_done_before_it_was_confirmed(acme, scene):
    acme.go("#/messages?search=order-3")
    acme.wait_row("order-3")
    acme.press("Choose order-3")
    acme.press("Delete")
    acme.wait_text("cannot be undone", "dialog[open]")
    assert "order-3" in acme.dialog()
    acme.picture("dialog")
    acme.press("Cancel")
    wait_for(lambda: not acme.dialog(), "the dialog to close")
    assert scene.acme.message("order-3")


def test_chosen_messages_are_deleted(acme, scene):
    acme.go("#/messages?account=down")
    acme.wait_row("down-3")
    acme.press("Choose down-2")
    acme.press("Choose down-3")
    acme.wait_text("2 chosen")
    acme.press("Delete")
    acme.press("Delete 2")
    acme.wait_done("2 messages were deleted")
    wait_for(lambda: not acme.row("down-3"), "it to leave the list")
    assert scene.acme.message("down-2") is None and scene.acme.message("down-3") is None


def test_a_message_in_error_is_sent_again(acme, scene):
    scene.kind = True
    acme.go("#/message?id=refused-2")
    acme.wait_text("no such user here")
    acme.press("Send again")
    acme.wait_text("That is one message", "dialog[open]")
    assert "all its retries again" in acme.dialog()
    acme.script("document.querySelector('dialog[open] [type=submit]').click()")
    acme.wait_done("One message is in the queue again")
    scene.acme.wait_state("sent", "refused-2")
    acme.nudge()
    acme.wait_text("sent", "main h1")
    scene.kind = False


def test_all_errors_of_a_tenant_are_sent_again(admin, scene):
    errors = scene.system.value("SELECT count(*) FROM mailproxy.message WHERE tenant_id = 'acme' AND state = 'error'")
    assert errors > 10
    scene.kind = True
    admin.go("#/queue?tenant=acme")
    admin.press("Send errors again")
    admin.wait_text(f"Those are {errors} messages", "dialog[open]")
    admin.script("document.querySelector('dialog[open] [type=submit]').click()")
    admin.wait_done(f"{errors} messages are in the queue again")
    wait_for(lambda: scene.system.value("SELECT count(*) FROM mailproxy.message WHERE tenant_id = 'acme' AND state = 'error'") == 0, "no error to be left")
    scene.kind = False


def test_a_batch_is_activated_and_suspended(admin, scene):
    admin.go("#/queue?tenant=acme")
    admin.press("Activate spring")
    admin.wait_text("batch spring of tenant acme", "dialog[open]")
    admin.press("Activate")
    admin.wait_done("Nothing of tenant acme is suspended")
    scene.acme.wait_state("sent", *[f"spring-{n}" for n in range(7)])
    wait_for(lambda: not admin.texts(".suspensions"), "the list of what is suspended to go")
    admin.press("Suspend a batch")
    admin.fill("batch", "summer")
    admin.press("Suspend")
    admin.wait_done("Suspended of tenant acme: summer")
    admin.wait_text("summer", ".suspensions")
    assert scene.system.value("SELECT suspended_batches FROM mailproxy.tenant WHERE tenant_id = 'acme'") == ["summer"]


def test_a_tenant_suspends_and_activates_itself(acme, scene):
    acme.press("Suspend all")
    acme.wait_text("Nothing of tenant acme is sent any more", "dialog[open]")
    assert "waiting there now" in acme.dialog()
    acme.press("Suspend")
    acme.wait_done("All of tenant acme is suspended")
    scene.acme.enqueue(message("patient"))
    acme.nudge()
    acme.wait_text("All of tenant acme is suspended", ".suspensions")
    acme.press("Activate acme")
    acme.wait_text("is sent again", "dialog[open]")
    acme.press("Activate")
    acme.wait_done("Nothing of tenant acme is suspended")
    scene.acme.wait_state("sent", "patient")


def test_run_now_ends_the_back_off(acme, scene):
    tries = "SELECT count(*) FROM mailproxy.attempt WHERE account_id = 'down'"
    before = scene.system.value(tries)
    acme.press("Run now")
    acme.wait_text("back-off", "dialog[open]")
    acme.script("document.querySelector('dialog[open] [type=submit]').click()")
    acme.wait_done("the workers were told")
    wait_for(lambda: scene.system.value(tries) > before, "the dead relay to be tried again")


def test_cleaning_up_says_how_much_it_removed(acme, scene):
    scene.system.rows("UPDATE mailproxy.event SET reported_at = now() - interval '3 hours' WHERE tenant_id = 'acme'")
    before = scene.system.value("SELECT count(*) FROM mailproxy.message WHERE tenant_id = 'acme'")
    acme.press("Clean up")
    acme.fill("hours", "2")
    acme.press("Remove them")
    said = acme.wait_done("messages were removed")
    left = scene.system.value("SELECT count(*) FROM mailproxy.message WHERE tenant_id = 'acme'")
    assert left < before and f"{before - left} messages were removed" in said


def test_rules_are_previewed_added_switched_and_deleted(admin, scene):
    assert scene.system.api.post("/commands/rules", {"name": "always", "interval_minutes": 15}).status == 200
    admin.go("#/rules")
    admin.wait_row("always", "every day", "15")
    admin.fill("name", "office hours")
    for day in ("Mon", "Tue", "Wed", "Thu", "Fri"):
        admin.press(day)
    admin.fill("start_hour", "8")
    admin.fill("end_hour", "18")
    admin.fill("interval_minutes", "2")
    admin.press("Show the week with it")
    admin.wait_text("The week with the new rule")
    wait_for(lambda: "08:00–18:00: 2 min" in admin.texts(".week tbody tr")[0], "Monday to have the new hours")
    assert "2 min" not in admin.texts(".week tbody tr")[6]
    assert [rule["name"] for rule in scene.system.api.get("/commands/rules").json["rules"]] == ["always"]
    admin.press("Add the rule")
    admin.wait_row("office hours", "Mon, Tue, Wed, Thu, Fri", "08:00–18:00", "2 min")
    admin.wait_text("The week")
    admin.picture("rules")
    admin.press("Switch off: office hours")
    admin.press("Switch off")
    admin.wait_done("The rule is off")
    admin.wait_row("office hours", "off")
    wait_for(lambda: "2 min" not in admin.texts(".week tbody tr")[0], "the week without it")
    admin.press("Switch on: office hours")
    admin.press("Switch on")
    admin.wait_done("The rule is on")
    for name in ("office hours", "always"):
        admin.press(f"Delete: {name}")
        admin.press("Delete the rule")
        admin.wait_done("The rule was deleted")
    admin.wait_text("There are no rules")
    assert scene.system.api.get("/commands/rules").json["rules"] == []


def test_tenants_are_made_and_their_tokens_shown_once_and_revoked(admin, scene):
    admin.go("#/tenants")
    admin.wait_row("globex", "Globex Corporation")
    admin.picture("tenants")
    admin.press("New tenant")
    admin.fill("id", "initech")
    admin.fill("name", "Initech")
    admin.press("Make the tenant")
    admin.wait_text("shown here and never again", "dialog[open]")
    first = admin.script("return document.querySelector('dialog[open] [name=key]').value")
    assert scene.system.api.with_token(first).get("/messages").status == 200
    admin.wait_done("Tenant initech was made")
    admin.wait_row("initech", "Initech", "active")
    assert first not in admin.script("return document.documentElement.outerHTML")
    admin.press("Actions for initech")
    admin.press("New token: initech")
    admin.press("New token")
    admin.wait_text("shown here and never again", "dialog[open]")
    second = admin.script("return document.querySelector('dialog[open] [name=key]').value")
    admin.press("Close")
    assert (scene.system.api.with_token(first).get("/messages").status, scene.system.api.with_token(second).get("/messages").status) == (401, 200)
    admin.press("Revoke the token: initech")
    admin.press("Revoke the token")
    admin.wait_done("has no token any more")
    assert scene.system.api.with_token(second).get("/messages").status == 401


def test_what_the_server_refuses_is_told_and_may_be_tried_again(admin):
    admin.go("#/tenants")
    admin.wait_row("acme")
    admin.press("New tenant")
    admin.fill("id", "acme")
    admin.press("Make the tenant")
    admin.wait_text("There is a tenant acme already", "dialog[open] .problem")
    admin.fill("id", "umbrella")
    admin.press("Make the tenant")
    admin.wait_done("Tenant umbrella was made")


# ---- going on -------------------------------------------------------------------------------------------------------

def test_a_filter_keeps_the_cursor_while_the_page_goes_on(acme, scene):
    scene.acme.enqueue(message("cursor-1", subject="Mind the cursor"))
    acme.go("#/messages")
    acme.fill("search", "the cursor")
    acme.wait_row("cursor-1")
    scene.acme.enqueue(message("cursor-2", subject="Mind the cursor"))
    acme.nudge()
    acme.wait_row("cursor-2")
    assert acme.script("return document.activeElement.name") == "search"
    acme.key(" x")
    acme.wait_text("No message is like that")
    assert acme.script("return document.activeElement.value") == "the cursor x"


def test_it_works_below_a_prefix(page, scene):
    proxy = PrefixProxy(scene.system.api.url)
    try:
        page.open(proxy.url, scene.system.api.token)
        page.wait_text("Queue by account")
        page.go("#/messages?search=globex-1")
        page.wait_row("globex-1")
        assert {urlsplit(path).path.split("/")[1] for path in proxy.asked} == {"mail"}
    finally:
        page.driver.get("about:blank")
        proxy.close()


def test_what_one_answer_fails_to_give_is_told_and_the_rest_is_there(page, scene):
    proxy = PrefixProxy(scene.system.api.url, broken=("/throughput", "/errors"))
    try:
        page.open(proxy.url, scene.system.api.token)
        page.wait_row("metered", "acme")
        assert page.texts("main .problem") == ["This cannot be shown: not now"] * 2
        assert not page.text("#lost")
    finally:
        page.driver.get("about:blank")
        proxy.close()
    assert all("503" in complaint for complaint in page.complaints())


def test_a_connection_that_is_lost_is_told_and_found_again(admin, scene):
    admin.wait_text("Queue by account")
    port = urlsplit(scene.system.api.url).port
    scene.system.server.terminate()
    admin.nudge()
    admin.wait_text("Connection lost", "#lost")
    assert admin.row("acme")  # what was known is still there
    scene.system.start_server(GMP_PORT=port)
    admin.press("Try now")
    wait_for(lambda: not admin.text("#lost"), "the connection to be back")
    assert any("ERR_CONNECTION_REFUSED" in complaint for complaint in admin.complaints())


def test_a_token_that_ends_leads_back_to_the_login(page, scene):
    key = scene.system.api.post("/tenant/globex/api-key").json["api_key"]
    page.open(page.url, key)
    page.wait_text("Queue by account")
    assert scene.system.api.delete("/tenant/globex/api-key").status == 200
    page.nudge()
    page.wait_text("not good any more")
    assert page.script("return {...sessionStorage}") == {}
    page.complaints()


def test_a_server_without_an_admin_token_opens_at_once(page, new_system):
    system = new_system(workers=0, GMP_API_TOKEN=None)
    page.open(system.api.url + "/")
    page.wait_text("Queue by account")
    assert page.texts("#top nav a")[-1] == "Tenants"
    page.press("Suspend all")
    page.wait_text("is sent any more", "dialog[open]")
    page.press("Suspend")
    page.wait_done("The whole service is suspended")
    page.wait_text("The whole service is suspended", ".suspensions")
    page.press("Activate the service")
    page.wait_text("is sent again", "dialog[open]")
    page.press("Activate")
    page.wait_done("The whole service is active")
    wait_for(lambda: not page.texts(".suspensions"), "nothing to be suspended")
    tenant = system.add_tenant("acme")
    page.press("Log in")
    page.fill("token", tenant.token)
    page.key(Keys.ENTER)
    wait_for(lambda: page.text("#top .own") == "acme", "the tenant to be logged in")
    page.driver.get("about:blank")
