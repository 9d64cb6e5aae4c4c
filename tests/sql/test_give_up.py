"""What waits behind the gate of an account at fault for longer than its maximum age is ended, and nothing else."""

import psycopg
import pytest
from support.queue_sql import add_account, add_messages, statement

DAY = 86400
FIRST = ("", "", 0, 0)


@pytest.fixture
def conn(database):
    with psycopg.connect(database, autocommit=True, prepare_threshold=None) as conn:
        prepare(conn)
        yield conn


def prepare(conn):
    conn.execute("PREPARE give_up AS " + statement("sweep/give_up_messages"))


def give_up(conn, max_age=5 * DAY, place=FIRST):
    """(place to go on after or None, rows of the messages given up)"""
    values = psycopg.sql.SQL(", ").join(map(psycopg.sql.Literal, [max_age, 0, *place]))
    rows = conn.execute(psycopg.sql.SQL("EXECUTE give_up({})").format(values)).fetchall()
    return None if rows[0][0] is None else rows[0][:4], [row[4:] for row in rows if row[4] is not None]


def give_up_all(conn, **options):
    """Messages given up per chunk, until nothing is left to look at."""
    place, chunks = FIRST, []
    while place:
        place, rows = give_up(conn, place=place, **options)
        chunks.append(len(rows))
    return chunks


def fail(conn, days=6, account="main"):
    """The account has been at fault for so long, and its gate is closed."""
    conn.execute("UPDATE mailproxy.account_state SET failures = 9, gate_until = now() + interval '1 hour', gate_reason = 'no route',"
                 " failing_since = now() - make_interval(days => %s) WHERE account_id = %s", (days, account))


def age(conn, days=6, where="true"):
    """These messages were accepted so long ago, and were due at once."""
    conn.execute("UPDATE mailproxy.message m SET created_at = now() - make_interval(days => %s) WHERE " + where, (days,))
    conn.execute("UPDATE mailproxy.queue q SET due_at = m.created_at FROM mailproxy.message m"
                 " WHERE m.message_pk = q.message_pk AND " + where)


@pytest.fixture
def overdue(conn):
    """Three messages that have waited for six days, as long as their account has failed."""
    add_account(conn)
    add_messages(conn, 3)
    age(conn)
    fail(conn)
    return conn


def states(conn):
    return dict(conn.execute("SELECT state::text, count(*) FROM mailproxy.message GROUP BY state").fetchall())


def test_it_is_an_error_that_is_told_logged_and_counted(overdue):
    news = overdue.execute("SELECT news_seq FROM mailproxy.tenant_sync WHERE tenant_id = 'acme'").fetchone()[0]
    add_messages(overdue, 2)
    reason = "Max age (432000 s) exceeded: no route"
    place, rows = give_up(overdue)
    assert place is None
    assert {(tenant, account, attempts, why) for tenant, _, account, attempts, _, why in rows} == {("acme", "main", 0, reason)}
    assert all(6 * DAY <= waited < 6 * DAY + 60 for *_, waited, _ in rows)
    assert states(overdue) == {"error": 3, "queued": 2}
    assert overdue.execute("SELECT count(*) FROM mailproxy.queue").fetchone()[0] == 2
    assert overdue.execute("SELECT DISTINCT reason, finished_at IS NOT NULL FROM mailproxy.message WHERE state = 'error'").fetchall() == [
        (reason, True)]
    assert overdue.execute("SELECT event_type::text, tenant_id, description, reported_at, count(*) FROM mailproxy.event"
                           " GROUP BY 1, 2, 3, 4").fetchall() == [("error", "acme", reason, None, 3)]
    assert overdue.execute("SELECT outcome::text, blame::text, reply, in_doubt, count(*) FROM mailproxy.attempt"
                           " GROUP BY 1, 2, 3, 4").fetchall() == [("error", "account", reason, False, 3)]
    assert overdue.execute("SELECT errors, sent + deferred + rate_limited FROM mailproxy.account_counter").fetchall() == [(3, 0)]
    assert overdue.execute("SELECT news_seq FROM mailproxy.tenant_sync WHERE tenant_id = 'acme'").fetchone()[0] == news + 1
    assert give_up(overdue) == (None, [])


KEPT = {
    "its account's gate has opened": "UPDATE mailproxy.account_state SET gate_until = now()",
    "its account is at a limit": "UPDATE mailproxy.account_state SET failures = 0, failing_since = NULL",
    "run-now has just ended the back-off": "UPDATE mailproxy.account_state SET failures = 0, gate_until = NULL, gate_reason = NULL",
    "it waited for a limit, and its account has failed for a moment": "UPDATE mailproxy.account_state SET failing_since = now()",
    "it was to go out later": "UPDATE mailproxy.queue SET due_at = now() - interval '4 days'",
    "its first attempt failed later": "UPDATE mailproxy.message SET deferred_since = now() - interval '4 days'",
    "its tenant is suspended": "UPDATE mailproxy.tenant SET suspended_batches = '{*}'",
    "the service is suspended": "UPDATE mailproxy.instance SET active = false",
    "its batch is suspended": "UPDATE mailproxy.queue SET state = 'held'",
    "it waits for its own retry": "UPDATE mailproxy.queue SET state = 'scheduled', due_at = now() + interval '1 hour'",
    "a worker holds it": "UPDATE mailproxy.queue SET state = 'leased', lease_token = message_pk, lease_epoch = 1, leased_at = now()",
    "some have it already": """UPDATE mailproxy.message SET settled = '[{"address": "a@x.test", "outcome": "sent"}]'""",
}


@pytest.mark.parametrize("change", KEPT.values(), ids=KEPT)
def test_it_is_left_alone_when(overdue, change):
    overdue.execute(change)
    assert give_up(overdue) == (None, [])
    assert states(overdue) == {"queued": 3}


@pytest.mark.parametrize("change", ["UPDATE mailproxy.message SET deferred_since = created_at",
                                    "UPDATE mailproxy.message SET deferred_since = created_at, retries = 1"])
def test_a_retry_that_is_due_later_does_not_count(overdue, change):
    """What was tried waits, ready, with the time of its retry."""
    overdue.execute(change)
    overdue.execute("UPDATE mailproxy.queue SET due_at = now() + interval '1 hour', attempts = 1")
    assert len(give_up(overdue)[1]) == 3


@pytest.mark.parametrize("service, tenant, account, ends", [
    (5 * DAY, None, None, True), (7 * DAY, None, None, False), (0, None, None, False),
    (7 * DAY, 5 * DAY, None, True), (5 * DAY, 7 * DAY, None, False), (5 * DAY, 0, None, False),
    (7 * DAY, 7 * DAY, 5 * DAY, True), (5 * DAY, 5 * DAY, 7 * DAY, False), (5 * DAY, 5 * DAY, 0, False), (0, 0, 5 * DAY, True)])
def test_the_accounts_age_goes_before_the_tenants_before_the_services(overdue, service, tenant, account, ends):
    overdue.execute("UPDATE mailproxy.tenant SET retry_max_age_s = %s", (tenant,))
    overdue.execute("UPDATE mailproxy.account SET retry_max_age_s = %s", (account,))
    assert len(give_up(overdue, max_age=service)[1]) == (3 if ends else 0)


def test_a_deep_backlog_goes_in_chunks_and_what_stands_before_it_is_in_nobodys_way(conn):
    for account in ("a", "b", "c"):
        add_account(conn, account=account)
    add_messages(conn, 2500, account="a")
    add_messages(conn, 1500, account="b", priority=3)  # to go out later: accepted long ago, due yesterday
    age(conn)
    conn.execute("UPDATE mailproxy.queue SET due_at = now() - interval '1 day' WHERE account_id = 'b'")
    add_messages(conn, 700, account="b", priority=3)
    add_messages(conn, 10, account="b", priority=1)
    add_messages(conn, 10, account="c")
    age(conn, where="m.message_pk > 4000")
    add_messages(conn, 3000, account="c")
    for account in ("a", "b", "c"):
        fail(conn, account=account)
    chunks = give_up_all(conn)
    assert sum(chunks) == 2500 + 700 + 10 + 10
    assert chunks[:2] == [1000, 1000] and len(chunks) <= 8
    assert states(conn) == {"error": 3220, "queued": 4500}


def test_a_young_backlog_is_not_walked(conn):
    add_account(conn)
    add_messages(conn, 5000)
    fail(conn)
    (plan,), = conn.execute("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE give_up(432000, 0, '', '', 0, 0)")
    assert sum(rows_of_the_queue(plan[0]["Plan"])) <= 2


def rows_of_the_queue(node):
    if node.get("Relation Name") == "queue":
        yield node["Actual Rows"] * node["Actual Loops"]
    for child in node.get("Plans", ()):
        yield from rows_of_the_queue(child)


def test_one_process_at_a_time(overdue, database):
    with psycopg.connect(database, prepare_threshold=None) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('mailproxy.give_up_messages'))")
        assert give_up(overdue) == (None, [])
    assert len(give_up(overdue)[1]) == 3


def test_what_is_being_claimed_is_not_waited_for(overdue, database):
    with psycopg.connect(database) as other:
        other.execute("SELECT FROM mailproxy.queue ORDER BY message_pk LIMIT 1 FOR UPDATE")
        assert len(give_up(overdue)[1]) == 2
    assert len(give_up(overdue)[1]) == 1


class TestSinceWhen:
    FAULT = {"outcome": "deferred", "blame": "account", "phase": "connect", "code": None, "reason": "no route"}
    SINCE = "SELECT failing_since, failures FROM mailproxy.account_state"

    def reopen(self, conn):
        conn.execute("UPDATE mailproxy.account_state SET failures = 0, gate_until = NULL, gate_reason = NULL")  # as run-now does

    def test_an_account_fails_since_its_first_failure_until_it_is_well(self, conn, claimer):
        add_account(conn)
        add_messages(conn, 3)
        claimer.record(claimer.claim(), **self.FAULT)
        since = conn.execute(self.SINCE).fetchone()
        assert since[0] and since[1] == 1
        self.reopen(conn)
        assert conn.execute(self.SINCE).fetchone() == (since[0], 0), "nobody knows yet whether it is well"
        claimer.record(claimer.claim(), **self.FAULT)
        assert conn.execute(self.SINCE).fetchone() == (since[0], 1)
        self.reopen(conn)
        claimer.record(claimer.claim())
        assert conn.execute(self.SINCE).fetchone() == (None, 0)

    def test_a_message_fails_since_its_first_deferral(self, conn, claimer):
        add_account(conn)
        add_messages(conn, 1)
        first = None
        for _ in range(3):
            claimer.record(claimer.claim(), outcome="deferred", blame="message", code=451, reason="later")
            conn.execute("UPDATE mailproxy.queue SET state = 'ready'")
            since = conn.execute("SELECT deferred_since FROM mailproxy.message").fetchone()[0]
            first = first or since
            assert since == first is not None
