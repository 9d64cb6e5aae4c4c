"""What the relay's replies lead to: sent, tried again, or an error; recipient by recipient."""

import threading

import pytest
from support.metrics import scrape
from support.programs import epoch, message
from support.queue_sql import change_queue_row
from support.relay import CUT, RESET, DeadPort
from support.waiting import wait_for

SOON = {"retry_delays": [1, 1, 1]}
LATER = {"retry_delays": [600, 600]}


@pytest.fixture
def start(new_tenant, relay):
    """start(**fields of the tenant, or GMP_ settings): a tenant with an account at `relay`."""

    def begin(store=None, **fields):
        return new_tenant(relay, store, **fields)

    return begin


TEMPORARY = [("greeting", "421 4.3.2 not now"), ("mail", "451 4.3.0 later"), ("rcpt", "450 4.2.1 mailbox busy"),
             ("data", "451 4.3.0 later"), ("dot", "452 4.3.1 disk full")]


@pytest.mark.parametrize("step, reply", TEMPORARY, ids=[s for s, _ in TEMPORARY])
def test_4xx_then_success(start, relay, step, reply):
    relay.on(step, [reply])
    api = start(**SOON)
    api.enqueue(message("m1"))
    api.wait_state("sent", "m1")
    assert relay.ids() == ["m1"]
    shown = api.message("m1")
    assert shown["status"] == "sent"
    assert "error" not in shown and "deferred_ts" not in shown
    if step != "greeting":  # which is the account's affair: no attempt at the message was made
        assert api.outcomes("m1") == ["deferred", "sent"]
        assert shown["message"]["retry_count"] == 1


def test_while_it_waits_a_message_shows_the_last_reply_and_when(start, relay):
    relay.on("dot", lambda *_: "451 4.3.0 try later")
    api = start(**LATER)
    api.enqueue(message("m1"))
    wait_for(lambda: api.message("m1")["status"] == "deferred", "m1 to be deferred")
    shown = api.message("m1")
    assert shown["deferred_reason"] == "4.3.0 try later (SMTP 451)"
    assert epoch() + 590 <= shown["deferred_ts"] <= epoch() + 661  # up to 10 % jitter
    assert "error" not in shown and "sent_ts" not in shown
    assert shown["message"]["retry_count"] == 1


PERMANENT = [("mail", "550 5.7.1 sender refused"), ("rcpt", "550 5.1.1 no such user"), ("data", "554 5.5.0 no"),
             ("dot", "554 5.7.1 spam")]


@pytest.mark.parametrize("step, reply", PERMANENT, ids=[s for s, _ in PERMANENT])
def test_5xx_is_an_error_at_once(start, relay, step, reply):
    relay.on(step, [reply])
    api = start(**SOON)
    api.enqueue(message("m1"), message("m2"))
    api.wait_all_final()
    states = {m["id"]: m for m in api.messages()}
    refused = next(m for m in states.values() if m["status"] == "error")
    other = next(m for m in states.values() if m is not refused)
    assert other["status"] == "sent", "the connection goes on with the next message"
    code, text = reply.split(" ", 1)
    assert refused["error"] == f"{text} (SMTP {code})"
    assert refused["error_ts"] and "sent_ts" not in refused and "deferred_ts" not in refused
    assert api.outcomes(refused["id"]) == ["error"]
    assert "retry_count" not in refused["message"]


def test_retries_used_up(start, relay):
    relay.on("dot", lambda *_: "451 4.3.0 never")
    api = start(retry_delays=[0, 0])
    api.enqueue(message("m1"))
    api.wait_state("error", "m1")
    assert api.outcomes("m1") == ["deferred", "deferred", "error"]
    assert api.message("m1")["error"] == "Max retries (2) exceeded: 4.3.0 never (SMTP 451)"


def test_no_retries_when_the_list_is_empty(start, relay):
    relay.on("dot", lambda *_: "451 4.3.0 never")
    api = start(GMP_RETRY_DELAYS="")
    assert api.post("/account", {"id": "once", "host": "127.0.0.1", "port": relay.port, "retry_delays": []}).status == 200
    api.enqueue(message("m1", account="once"))
    api.wait_state("error", "m1")
    assert api.outcomes("m1") == ["error"]


def test_the_accounts_schedule_goes_before_the_services(start, relay):
    relay.on("dot", ["451 4.3.0 later"])
    api = start(**LATER)
    api.post("/account", {"id": "quick", "host": "127.0.0.1", "port": relay.port, "retry_delays": [0]})
    api.enqueue(message("m1", account="quick"))
    api.wait_state("sent", "m1")


def by_recipient(**replies):
    """Replies to RCPT by local part."""
    return lambda _session, command: replies.get(command[command.index("<") + 1 : command.index("@")])


def test_some_recipients_refused_is_sent_and_reported_with_them(start, relay, store):
    relay.on("rcpt", by_recipient(bad="550 5.1.1 no such user"))
    api = start(store=store, **SOON)
    api.enqueue(message("m1", to=["good@x.test", "bad@x.test", "fine@x.test"]))
    api.wait_state("sent", "m1")
    assert relay.mails[0].recipients == ["good@x.test", "fine@x.test"]
    entry = wait_for(lambda: store.entries("m1"), "the report")[-1]
    assert entry["sent_ts"] and "error" not in entry
    assert entry["refused"] == [{"address": "bad@x.test", "code": 550, "reason": "5.1.1 no such user (SMTP 550)"}]


def test_all_recipients_refused_is_an_error_without_data(start, relay):
    relay.on("rcpt", by_recipient(bad="550 5.1.1 no such user", worse="553 5.1.3 bad name"))
    api = start(**SOON)
    api.enqueue(message("m1", to=["bad@x.test", "worse@x.test"]))
    api.wait_state("error", "m1")
    assert relay.mails == []
    assert "(SMTP 55" in api.message("m1")["error"]


def test_deferred_recipients_are_tried_again_alone(start, relay, store):
    relay.on("rcpt", lambda session, command: "450 4.2.1 busy" if "later@" in command and not relay.mails else
             "550 5.1.1 gone" if "bad@" in command else None)
    api = start(store=store, **SOON)
    api.enqueue(message("m1", to=["now@x.test"], cc=["later@x.test"], bcc=["bad@x.test"]))
    api.wait_state("sent", "m1")
    assert [m.recipients for m in relay.mails] == [["now@x.test"], ["later@x.test"]]
    assert relay.mails[0].octets == relay.mails[1].octets, "the same message, with the same Message-ID"
    final = wait_for(lambda: [e for e in store.entries("m1") if e.get("sent_ts")], "the final report")[-1]
    assert [r["address"] for r in final["refused"]] == ["bad@x.test"]
    assert api.outcomes("m1") == ["deferred", "sent"]


def test_data_may_be_answered_although_no_recipient_was_taken(start, relay):
    """With PIPELINING a relay may answer 354 to DATA after refusing every RCPT: an empty message ends it (RFC 2920 3.1)."""
    relay.on("rcpt", by_recipient(bad="550 5.1.1 no such user"))
    relay.on("data", lambda *_: "354 go ahead all the same")
    api = start(**SOON)
    api.enqueue(message("m1", to=["bad@x.test"]), message("m2"))
    api.wait_state("error", "m1")
    api.wait_state("sent", "m2")
    assert relay.ids().count("m1") == 0


@pytest.mark.parametrize("how", [CUT, RESET], ids=["closed", "reset"])
@pytest.mark.parametrize("step", ["greeting", "ehlo", "mail", "rcpt", "data", "dot"])
def test_a_connection_cut_anywhere_loses_nothing(start, relay, step, how):
    relay.on(step, [how])
    api = start(**SOON)
    api.enqueue(message("m1"))
    api.wait_state("sent", "m1")
    assert relay.ids() == ["m1"]


def test_a_connection_cut_in_the_middle_of_the_content(start, relay):
    relay.content_limit = 500
    api = start(**SOON)
    api.enqueue(message("m1", body="".join(f"line {i}\n" for i in range(300000))))
    api.wait_state("sent", "m1")
    assert relay.count("cut-content") == 1
    assert relay.ids() == ["m1"]
    assert api.outcomes("m1") == ["deferred", "sent"]
    assert relay.mails[0].octets.endswith(b"line 299999\r\n")


@pytest.mark.parametrize("greeting", ["HTTP/1.1 400 Bad Request", "", "220", "999 what", "2x0 y", "\x00\x01\x02"])
def test_a_peer_that_does_not_speak_smtp_defers(start, relay, greeting):
    relay.on("greeting", [greeting])
    api = start(**SOON)
    api.enqueue(message("m1"))
    if greeting == "220":
        api.wait_state("sent", "m1")
        return
    wait_for(lambda: "m1" in relay.ids(), "m1 to arrive in the end")
    api.wait_state("sent", "m1")


@pytest.mark.parametrize("beginning", ["", "220-" + "x" * 100000], ids=["nothing", "endless"])
def test_a_relay_that_never_ends_its_greeting_times_out(start, relay, beginning):
    gate = threading.Event()

    def dawdle(session, _argument):
        session.conn.sendall(beginning.encode())
        gate.wait(60)

    relay.on("greeting", [dawdle])
    api = start(**SOON)
    api.post("/account", {"id": "main", "host": "127.0.0.1", "port": relay.port, "use_tls": False, "timeout": 1})
    api.enqueue(message("m1"))
    try:
        api.wait_state("sent", "m1", timeout=30)
    finally:
        gate.set()
    assert len(relay.sessions) >= 2


class TestFaultsOfTheAccount:
    """No relay, a 5xx greeting: every message of the account waits, none of another does."""

    def test_nobody_listens(self, start):
        dead = DeadPort()
        api = start(**LATER)
        api.post("/account", {"id": "dead", "host": "127.0.0.1", "port": dead.port})
        api.enqueue(*[message(f"d{i}", account="dead") for i in range(30)], *[message(f"m{i}") for i in range(30)])
        api.wait_state("sent", *[f"m{i}" for i in range(30)])
        shown = wait_for(lambda: [m for m in api.messages(account_id="dead") if m["status"] == "deferred"] or None,
                         "the dead account's messages to be shown as deferred")
        assert all(m["deferred_ts"] > epoch() - 5 and m["deferred_reason"] for m in shown)
        dead.close()

    def test_a_5xx_greeting_makes_all_wait_and_updating_the_account_ends_it(self, start, relay):
        relay.on("greeting", lambda *_: "554 5.7.0 go away")
        api = start(**LATER)
        api.enqueue(*[message(f"m{i}") for i in range(5)])
        wait_for(lambda: all(m["status"] == "deferred" for m in api.messages()), "all five to be deferred")
        assert "go away (SMTP 554)" in api.message("m0")["deferred_reason"]
        assert len(relay.sessions) < 5 * 3, "the relay is not hammered"
        relay.on("greeting", None)
        api.post("/account", {"id": "main", "host": "127.0.0.1", "port": relay.port, "use_tls": False})
        api.wait_state("sent", *[f"m{i}" for i in range(5)])

    def test_run_now_during_an_outage_uses_up_no_retries(self, start, relay):
        relay.on("greeting", lambda *_: "421 4.3.2 closed")
        api = start(**LATER)
        api.enqueue(message("m1"))
        attempts = lambda: api.system.value(
            "SELECT count(*) FROM mailproxy.attempt WHERE tenant_id = %s", api.tenant_id)  # noqa: E731
        wait_for(lambda: attempts() == 1, "the first attempt")
        for tried in range(2, 10):
            api.post("/commands/run-now")
            wait_for(lambda: attempts() == tried, f"attempt {tried}")
        assert api.message("m1")["status"] == "deferred"
        assert api.message("m1")["message"]["retry_count"] == 1
        relay.on("greeting", None)
        api.post("/commands/run-now")
        api.wait_state("sent", "m1")

    def test_run_now_ends_the_back_off(self, start, relay):
        relay.on("greeting", lambda *_: "421 4.3.2 closed")
        api = start(**LATER)
        api.enqueue(message("m1"))
        wait_for(lambda: api.message("m1")["status"] == "deferred", "m1 to be deferred")
        relay.on("greeting", None)
        api.post("/commands/run-now")
        api.wait_state("sent", "m1")

    def test_what_waits_behind_it_shows_no_other_messages_ending_as_its_own(self, start, relay):
        relay.on("greeting", lambda *_: "554 5.7.0 go away")
        api = start(retry_delays=[])
        api.enqueue(message("first"))
        api.wait_state("error", "first")
        assert api.message("first")["error"] == "Max retries (0) exceeded: 5.7.0 go away (SMTP 554)"
        api.enqueue(message("next"))
        assert api.message("next")["deferred_reason"] == "the account is being backed off: 5.7.0 go away (SMTP 554)"

    def test_what_waits_behind_it_names_no_other_messages_recipient(self, start, relay):
        relay.on("rcpt", lambda *_: "454 4.7.0 Throttling failure for <one@x.test>, two@y.test: Daily message quota exceeded.")
        api = start(**LATER)
        api.enqueue(message("first", to=["one@x.test"]))
        wait_for(lambda: api.message("first")["status"] == "deferred", "it to wait")
        api.enqueue(message("next"))
        assert api.message("next")["deferred_reason"] == (
            "the account is being backed off: 4.7.0 Throttling failure for <address>, <address>: Daily message quota exceeded. (SMTP 454)")
        assert "one@x.test" in api.message("first")["deferred_reason"], "its own reply, word for word"

    def test_a_fault_told_of_one_message_is_not_tried_again_whenever_another_is_sent(self, start, relay):
        """The account answers for a quota; what else it sends would open its gate for that message every time."""
        relay.on("rcpt", by_recipient(slow="454 4.7.0 Throttling failure: Daily message quota exceeded."))
        api = start(**LATER)
        api.enqueue(message("slow", to=["slow@x.test"]))
        wait_for(lambda: api.message("slow")["status"] == "deferred", "it to wait")
        api.system.rows("UPDATE mailproxy.account_state SET failures = 0, gate_until = NULL, gate_reason = NULL"
                        " WHERE tenant_id = %s", api.tenant_id)  # as a message that was under way would
        for number in range(10):
            api.enqueue(message(f"m{number}"))
            api.wait_state("sent", f"m{number}")
        assert api.outcomes("slow") == ["deferred"]
        shown = api.message("slow")
        assert shown["status"] == "deferred" and shown["deferred_ts"] > epoch() + 500
        assert shown["deferred_reason"].startswith("4.7.0 Throttling failure")

        for tries, end_back_off in ((2, lambda: api.post("/commands/run-now")),
                                    (3, lambda: api.system.add_account(api, relay))):
            end_back_off()
            wait_for(lambda n=tries: api.outcomes("slow") == ["deferred"] * n, f"try {tries}")
            assert api.message("slow")["message"]["retry_count"] == 1, "a probe of the account"
            assert api.message("slow")["deferred_ts"] > epoch() + 500
        relay.on("rcpt", None)
        api.post("/commands/run-now")
        api.wait_state("sent", "slow")


class TestMaximumAge:
    """How long a message may fail: RFC 5321 4.5.4.1 calls it the give-up time."""

    OFTEN = {"retry_delays": [1] * 20}

    def test_a_message_that_has_failed_for_so_long_is_not_tried_again(self, start, relay, store):
        relay.on("dot", lambda *_: "451 4.3.0 later")
        api = start(store=store, **self.OFTEN, retry_max_age=2)
        api.enqueue(message("m1"))
        api.wait_state("error", "m1")
        assert api.message("m1")["error"] == "Max age (2 s) exceeded: 4.3.0 later (SMTP 451)"
        outcomes = api.outcomes("m1")
        assert outcomes == ["deferred"] * (len(outcomes) - 1) + ["error"] and 2 <= len(outcomes) - 1 < 20
        attempts = api.attempts("m1")
        assert (attempts[-1]["ended_at"] - attempts[0]["ended_at"]).total_seconds() >= 2
        told = wait_for(lambda: [e for e in store.entries("m1") if e.get("error")], "the report")[-1]
        assert told["error"] == api.message("m1")["error"] and told["error_ts"]

    def test_one_failure_is_never_too_old(self, start, relay):
        """It has waited for long enough by then, because it was suspended, and that was nobody's failure."""
        relay.on("dot", ["451 4.3.0 later"])
        api = start(retry_delays=[0], retry_max_age=1)
        api.post("/commands/suspend", tenant_id=api.tenant_id)
        api.enqueue(message("m1"))
        change_queue_row(api, "m1", "due_at = due_at - interval '1 minute'")
        api.post("/commands/activate", tenant_id=api.tenant_id)
        api.wait_state("sent", "m1")
        assert api.outcomes("m1") == ["deferred", "sent"]

    def test_recipients_that_were_reached_stay_sent(self, start, relay):
        relay.on("rcpt", by_recipient(slow="450 4.2.1 busy"))
        api = start(**self.OFTEN, retry_max_age=2)
        api.enqueue(message("m1", to=["fast@x.test", "slow@x.test"]))
        api.wait_state("sent", "m1")
        assert api.message("m1", include_history="true")["history"][-1]["metadata"]["refused"] == [
            {"address": "slow@x.test", "code": 450, "reason": "Max age (2 s) exceeded: 4.2.1 busy (SMTP 450)"}]

    def test_a_dead_accounts_backlog_is_given_up_and_told(self, start, store):
        dead = DeadPort()
        api = start(store=store, retry_delays=[600, 600])
        api.post("/account", {"id": "dead", "host": "127.0.0.1", "port": dead.port, "batch_size": 5, "retry_max_age": 1})
        api.post("/account", {"id": "patient", "host": "127.0.0.1", "port": dead.port, "batch_size": 5})
        ids = [f"d{i}" for i in range(30)]
        api.enqueue(*[message(i, account="dead") for i in ids], message("p", account="patient"))
        api.wait_state("error", *ids)
        dead.close()
        shown = [m for m in api.messages() if m["status"] == "error"]
        assert {m["id"] for m in shown} == set(ids)
        reason, = {m["error"] for m in shown}
        assert reason.startswith("Max age (1 s) exceeded: ") and "127.0.0.1" in reason
        assert all(m["error_ts"] and "deferred_ts" not in m for m in shown)
        wait_for(lambda: {e["id"] for e in store.entries() if e.get("error") == reason} == set(ids), "all of them to be told")
        assert all(api.outcomes(i)[-1] == "error" for i in ids)
        assert scrape(api.system.api).value("gmp_errors_total", account_id="dead", tenant_id=api.tenant_id) == len(ids)
        log = "".join(worker.new_log() for worker in api.system.workers)
        assert log.count("event=given_up tenant=" + api.tenant_id) == len(ids)
        wait_for(lambda: api.message("p")["status"] == "deferred", "the other account's to wait")
        api.system.assert_accounted_for()
