"""explain_message() and audit(): the story of a message and the sum of all, in each state a message can be in."""

import pytest
from support.operators import Desk


@pytest.fixture
def desk(database):
    desk = Desk(database)
    yield desk
    desk.close()


def story(desk, message_id, tenant="acme"):
    return "\n".join(r["sentence"] for r in desk.rows("SELECT * FROM mailproxy.explain_message(%s, %s)", tenant, message_id))


def says(desk, message_id, *parts, tenant="acme"):
    told = story(desk, message_id, tenant)
    assert [p for p in parts if p not in told] == [], told
    return told


def test_a_message_there_is_none(desk):
    name, = desk.messages(1)
    desk.account(tenant="other")
    says(desk, "nothing", "Tenant acme has no message nothing", "deleted")
    says(desk, name, f"Tenant other has no message {name}", tenant="other")  # another tenant's is nobody's


def test_one_that_is_new_and_one_behind_it(desk):
    first, second = desk.messages(2)
    urgent, = desk.messages(1, priority=0)
    desk.worker()
    says(desk, urgent, "Accepted for account main with priority 0: 100 octets.", "that go first: none.")
    says(desk, second, "that go first: 2.")
    assert "No worker" not in story(desk, first)


def test_no_worker_is_alive(desk):
    name, = desk.messages(1)
    says(desk, name, "No worker is alive")
    desk.worker()
    assert "No worker" not in story(desk, name)
    desk.sql("UPDATE mailproxy.worker SET heartbeat_at = now() - interval '2 hours'")
    says(desk, name, "No worker is alive")


def test_its_account_is_paused(desk):
    name, = desk.messages(1)
    desk.sql("SELECT mailproxy.pause('acme', 'main', reason => 'the relay moves')")
    says(desk, name, "Account main is paused: the relay moves. Nothing of it is sent until mailproxy.resume().")


def test_the_service_a_tenant_or_a_batch_is_suspended(desk):
    name, = desk.messages(1, batch_code="spring")
    desk.sql("UPDATE mailproxy.instance SET active = false")
    says(desk, name, "The service is not active", "batch spring")
    desk.sql("UPDATE mailproxy.instance SET active = true, restore_found_at = now(), restore_found_by = 1, restore_seen_at = now(),"
             " restore_seen_epoch = 1")
    says(desk, name, "The database was restored to a state before", "mailproxy.confirm_restore()")
    desk.sql("SELECT mailproxy.confirm_restore()")
    desk.sql("UPDATE mailproxy.tenant SET suspended_batches = '{*}' WHERE tenant_id = 'acme'")
    told = says(desk, name, "Tenant acme is suspended as a whole")
    assert "The service" not in told
    desk.sql("UPDATE mailproxy.tenant SET suspended_batches = '{spring}' WHERE tenant_id = 'acme'")
    told = says(desk, name, "Batch spring is suspended")
    assert "as a whole" not in told
    desk.sql("UPDATE mailproxy.tenant SET suspended_batches = '{}' WHERE tenant_id = 'acme'")
    assert "suspended" not in story(desk, name)


def test_one_whose_time_is_to_come(desk):
    name, = desk.messages(1, due_in_s=3600)
    says(desk, name, "It is not to be sent before " + desk.value("SELECT mailproxy.explain_time(due_at) FROM mailproxy.queue"))


def test_one_that_is_deferred_by_what_the_relay_said(desk):
    name, = desk.messages(1)
    worker = desk.worker()
    worker.record(worker.claim(), "deferred", "message", phase="rcpt", code=450, reason="450 4.2.1 busy", retry_s=600)
    due = desk.value("SELECT mailproxy.explain_time(due_at) FROM mailproxy.queue")
    says(desk, name, 'Attempt 1: deferred, for the relay said "450 450 4.2.1 busy" (at rcpt, fault of the message).',
         f"Worker {worker.epoch} on test", f"Deferred: retry 1 is due at {due}. The last reply: 450 4.2.1 busy.",
         "and is given up at the latest when that is longer ago than the workers' GMP_RETRY_MAX_AGE",
         "The tenant was not told yet: deferred. It has no client_base_url")
    desk.sql("UPDATE mailproxy.account SET retry_max_age_s = 7200")
    says(desk, name, "given up at the latest at " + desk.value("SELECT mailproxy.explain_time(deferred_since + interval '2 hours') FROM mailproxy.message"))
    desk.sql("UPDATE mailproxy.account SET retry_max_age_s = 0")
    assert "given up" not in story(desk, name)
    desk.sql("UPDATE mailproxy.queue SET due_at = now() - interval '1 second'")
    says(desk, name, "It has been due since")
    desk.sql("UPDATE mailproxy.queue SET state = 'ready'")
    says(desk, name, "It was tried before (attempts: 1, retries used up: 1).", "that go first: none.")


def test_one_whose_account_is_backed_off_is_to_be_tried_or_being_tried(desk):
    first, second = desk.messages(2)
    worker = desk.worker()
    worker.record(worker.claim(most=1), "deferred", "account", phase="connect", code=None, reason="connection refused", retry_s=60)
    until, since = desk.row("SELECT mailproxy.explain_time(gate_until), mailproxy.explain_time(failing_since) AS since"
                            " FROM mailproxy.account_state WHERE tenant_id = 'acme'").values()
    says(desk, second, f"Account main is passed by until {until} (failures in a row: 1, since {since}): the account is being backed off: connection refused.")
    says(desk, first, "Attempt 1: deferred, connection refused (at connect, fault of the account).")
    desk.sql("UPDATE mailproxy.account_state SET gate_until = now()")
    says(desk, second, "is to be tried again now")
    worker.claim(most=1)
    says(desk, second, "one worker tries it now")


def test_one_whose_account_or_tenant_is_at_its_limit(desk):
    desk.account(account="few", limit_per_minute=2)
    names = desk.messages(5, account="few")
    worker = desk.worker()
    worker.record(worker.claim())
    worker.claim()
    says(desk, names[4], "Account few is passed by until", "rate limit of 2 per minute reached",
         "The limit of 2 per minute of the account is used up: the relay took 2, 0 are under way; the next one may go at")
    desk.sql("""UPDATE mailproxy.tenant SET rate_limits = '{"hourly": 1}' WHERE tenant_id = 'acme'""")
    desk.sql("UPDATE mailproxy.rate_bucket SET account_id = '', period = 'hour'")
    says(desk, names[4], "The limit of 1 per hour of all the tenant's accounts is used up")


def test_one_whose_account_has_no_token_or_no_connection_to_spare(desk):
    desk.account(account="one", max_connections=1)
    names = desk.messages(2, account="one")
    desk.sql("INSERT INTO mailproxy.account_token (tenant_id, account_id, account_version, last_error, retry_at)"
             " VALUES ('acme', 'one', 1, 'invalid_client', now() + interval '1 minute')")
    says(desk, names[0], "Account one has no access token: invalid_client")
    desk.sql("DELETE FROM mailproxy.account_token")
    first, second = desk.worker(), desk.worker()
    first.claim(most=1)
    second.claim()
    says(desk, names[1], "Account one has no connection to spare", f"Connections to its relay: 1 in use of 1 (worker {first.epoch}: 1).")


def test_one_in_the_hands_of_a_worker_that_lives_falls_silent_dies_or_has_ended(desk):
    name, = desk.messages(1)
    worker = desk.worker()
    worker.claim()
    told = says(desk, name, f"Worker {worker.epoch} (test, pid 1) has had it in hand since", "attempt 1 is under way.")
    assert "doubt" not in told and "silence" not in told
    for change, part in [("heartbeat_at = now() - interval '31 minutes'", "after 3600 s of silence another one takes the message over"),
                         ("heartbeat_at = now() - interval '2 hours'", "counts as dead: another one takes the message over"),
                         ("ended_at = now(), ended_how = 'reaped'", "That worker has ended (reaped)")]:
        desk.sql("UPDATE mailproxy.worker SET " + change)
        says(desk, name, part)


def test_one_that_is_in_doubt(desk):
    name, = desk.messages(1)
    worker = desk.worker()
    worker.claim()
    desk.sql("INSERT INTO mailproxy.attempt (message_pk, worker_epoch, attempt, outcome, in_doubt, tenant_id, account_id, reply)"
             " SELECT message_pk, lease_epoch, attempts, 'deferred', true, tenant_id, account_id, 'the worker died while it held the message: the relay"
             " may have taken it' FROM mailproxy.queue")
    says(desk, name, "Attempt 1 is in doubt: the worker died while it held the message: the relay may have taken it.")


def test_the_end_and_what_the_tenant_was_told_of_it(desk):
    good, bad, cancelled = desk.messages(3)
    worker = desk.worker()
    worker.record(worker.claim(most=1))
    worker.record(worker.claim(most=1), "error", "recipient", phase="rcpt", code=550, reason="550 no such user")
    desk.sql("DELETE FROM mailproxy.queue")
    desk.sql("UPDATE mailproxy.message SET state = 'cancelled', finished_at = now(), reason = 'by ada' WHERE state = 'queued'")
    says(desk, good, "Attempt 1: the relay took it.", "Sent, which is final.", "The tenant was not told yet: sent.")
    says(desk, bad, "Attempt 1: refused for good", "Given up, which is final: 550 no such user.")
    says(desk, cancelled, "Cancelled, which is final: by ada.")
    desk.sql("UPDATE mailproxy.event SET reported_at = now()")
    told = says(desk, bad, "The tenant was told: error, 550 no such user.")
    assert "not told" not in told


def test_why_the_tenant_was_not_told(desk):
    name, = desk.messages(1)
    worker = desk.worker()
    worker.record(worker.claim())
    desk.sql("UPDATE mailproxy.tenant SET client_base_url = 'http://store.test' WHERE tenant_id = 'acme'")
    says(desk, name, "It is to be called now.")
    desk.sql("UPDATE mailproxy.tenant_sync SET failures = 2, last_error = 'HTTP 500', retry_at = now() + interval '1 minute'")
    says(desk, name, "Its last call failed (failures in a row: 2): HTTP 500. The next one is due at")
    desk.sql("UPDATE mailproxy.tenant_sync SET lease_epoch = 7, lease_token = 1, leased_at = now()")
    says(desk, name, "Worker 7 has been calling it since")
    desk.sql("UPDATE mailproxy.instance SET active = false")
    says(desk, name, "The service is not active, so nobody is called.")


def test_of_tenant_default_it_is_said_what_the_database_does_not_know(desk):
    desk.sql("INSERT INTO mailproxy.account (tenant_id, account_id, host, port) VALUES ('default', 'main', 'relay.test', 25)")
    desk.sql("INSERT INTO mailproxy.account_state (tenant_id, account_id) VALUES ('default', 'main')")
    name, = desk.messages(1, tenant="default")
    worker = desk.worker()
    worker.record(worker.claim())
    says(desk, name, "GMP_CLIENT_SYNC_URL, which the database does not know", tenant="default")


def test_what_must_not_be_is_said_and_audited(desk):
    lost, = desk.messages(1)
    desk.messages(2)
    desk.account(tenant="other")
    desk.messages(1, tenant="other")
    balanced = "SELECT tenant_id, accepted, queued, balanced FROM mailproxy.audit(%s) ORDER BY tenant_id"
    assert [tuple(r.values()) for r in desk.rows(balanced, None)] == [("acme", 3, 3, True), ("other", 1, 1, True)]
    desk.sql("DELETE FROM mailproxy.queue q USING mailproxy.message m WHERE m.message_pk = q.message_pk AND m.message_id = %s", lost)
    assert [tuple(r.values()) for r in desk.rows(balanced, None)] == [("acme", 3, 2, False), ("other", 1, 1, True)]
    says(desk, lost, "It is queued and not in the queue, which must not be: see mailproxy.audit().")
    desk.sql("UPDATE mailproxy.message SET state = 'sent', finished_at = now() WHERE tenant_id = 'other'")
    assert [tuple(r.values()) for r in desk.rows(balanced, "other")] == [("other", 1, 1, False)]


def test_an_audit_counts_every_final_state(desk):
    desk.messages(4)
    worker = desk.worker()
    worker.record(worker.claim(most=1))
    worker.record(worker.claim(most=1), "error", "message", code=550, reason="550 no")
    desk.sql("DELETE FROM mailproxy.queue WHERE message_pk = (SELECT max(message_pk) FROM mailproxy.queue)")
    desk.sql("UPDATE mailproxy.message SET state = 'cancelled', finished_at = now() WHERE message_pk = (SELECT max(message_pk) FROM mailproxy.message)")
    assert desk.row("SELECT * FROM mailproxy.audit()") == {"tenant_id": "acme", "accepted": 4, "sent": 1, "error": 1, "cancelled": 1,
                                                           "queued": 1, "balanced": True}


def test_a_callers_search_path_changes_nothing(desk):
    name, = desk.messages(1)
    desk.worker().claim()
    before = story(desk, name), desk.rows("SELECT * FROM mailproxy.audit()")
    desk.sql("CREATE SCHEMA evil; CREATE FUNCTION evil.format(text, VARIADIC \"any\") RETURNS text LANGUAGE internal AS 'text_format' IMMUTABLE;"
             "CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS $$SELECT timestamptz '1970-01-01'$$;"
             "CREATE TABLE evil.message (); CREATE TABLE evil.queue ()")
    desk.sql("SET search_path = evil, mailproxy, pg_catalog")
    told, audited = story(desk, name), desk.rows("SELECT * FROM mailproxy.audit()")
    assert (told, audited) == before
    assert "1970" not in told
