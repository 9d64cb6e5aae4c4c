"""
When tenants without news are polled: intervals, rules, do-not-disturb, and the switches, changed over SQL under running
workers. What the rules come to hour by hour is in tests/sql/test_polling_interval.py.
"""

import pytest
from support.programs import SERVER, WORKER, epoch, message, run_program
from support.waiting import wait_for


@pytest.fixture
def polled(new_system, new_store, relay):
    """polled(workers=1, **settings): a system with the tenant `acme`, its store, and a way to be sure it is not called."""

    def start(workers=1, **settings):
        return Polled(new_system(workers, **settings), new_store(), new_store(), relay)

    return start


class Polled:
    def __init__(self, system, store, clock_store, relay):
        self.system, self.store, self.clock_store = system, store, clock_store
        self.api = system.add_tenant("acme", store)
        system.add_account(self.api, relay)
        self.clock = system.add_tenant("clock", clock_store)
        wait_for(lambda: self.store.requests, "the first poll, due since the tenant is there")
        self.quiet()

    def sql(self, text, *params):
        return self.system.rows(text, *params)

    def last_synced(self, ago_s):
        self.sql("UPDATE mailproxy.tenant_sync SET last_sync_at = now() - make_interval(secs => %s) WHERE tenant_id = 'acme'",
                 ago_s)

    def look(self):
        """
        A worker looks at all tenants more than once: `clock` is called on demand, and what else was due by then has been
        called before it or beside it. A tenant rests for 100 ms after a call, `clock` too, so that the last look finds
        none resting.
        """
        for _ in range(3):
            calls = len(self.clock_store.requests)
            self.clock.post("/commands/run-now")
            wait_for(lambda calls=calls: len(self.clock_store.requests) > calls, "a look at all tenants")

    def quiet(self):
        """Until nothing is due nor under way; how often acme was called so far."""
        self.look()
        wait_for(lambda: self.system.value("SELECT count(*) FROM mailproxy.tenant_sync WHERE tenant_id = 'acme'"
                                           " AND lease_token IS NOT NULL") == 0, "no call to be under way")
        return len(self.store.requests)

    def is_polled(self, ago_s):
        """Is it polled when the last sync was so long ago?"""
        calls = self.quiet()
        self.last_synced(ago_s)
        return self.quiet() > calls

    def add_rule(self, minutes, enabled=True, priority=0):
        return self.sql("INSERT INTO mailproxy.rule (enabled, priority, interval_minutes) VALUES (%s, %s, %s) RETURNING rule_id",
                        enabled, priority, minutes)[0]["rule_id"]

    def is_told(self, message_id):
        self.api.enqueue(message(message_id))
        return wait_for(lambda: self.store.entries(message_id), f"the report of {message_id}")


def test_without_rules_the_setting_is_the_interval(polled):
    p = polled(GMP_SYNC_INTERVAL=100)
    assert not p.is_polled(ago_s=80)
    assert p.is_polled(ago_s=101)


def test_the_interval_is_300_seconds_unless_set(polled):
    p = polled()
    assert not p.is_polled(ago_s=280)
    assert p.is_polled(ago_s=301)


def test_rules_set_the_interval_and_the_last_that_matches_wins(polled):
    p = polled()
    p.add_rule(minutes=10)
    assert not p.is_polled(ago_s=580)
    assert p.is_polled(ago_s=601)
    p.add_rule(minutes=2, priority=1)
    assert not p.is_polled(ago_s=100)
    assert p.is_polled(ago_s=121)


def test_rules_of_which_none_matches_poll_every_minute(polled):
    p = polled()
    p.sql("INSERT INTO mailproxy.rule (priority, days, interval_minutes) VALUES (0, '{9}', 30)")
    assert not p.is_polled(ago_s=40)
    assert p.is_polled(ago_s=61)


def test_without_an_enabled_rule_nothing_is_polled_but_mail_goes_out_and_is_reported(polled):
    p = polled(GMP_SYNC_INTERVAL=1)
    rule_id = p.add_rule(minutes=1, enabled=False)
    assert not p.is_polled(ago_s=86400)
    p.is_told("m1")
    calls = p.quiet()
    p.api.post("/commands/run-now")
    wait_for(lambda: len(p.store.requests) > calls, "the sync that was asked for")
    assert not p.is_polled(ago_s=86400)
    p.sql("DELETE FROM mailproxy.rule WHERE rule_id = %s", rule_id)
    assert p.is_polled(ago_s=100), "with no rules stored the setting counts again"


def test_a_rule_changed_by_sql_acts_at_once(polled):
    p = polled()
    rule_id = p.add_rule(minutes=1, enabled=False)
    assert not p.is_polled(ago_s=86400)
    p.last_synced(86400)
    calls = len(p.store.requests)
    p.sql("UPDATE mailproxy.rule SET enabled = true WHERE rule_id = %s", rule_id)
    wait_for(lambda: len(p.store.requests) > calls, "the poll, by itself")


def test_an_instance_that_is_not_active_calls_nobody_until_it_is(polled):
    p = polled(workers=2)
    p.sql("UPDATE mailproxy.instance SET active = false")
    assert p.system.api.get("/status").json == {"ok": True, "active": False}
    calls = len(p.store.requests)
    p.sql("UPDATE mailproxy.tenant_sync SET news_seq = news_seq + 1, last_sync_at = NULL")
    p.system.workers[0].terminate()  # and it is so for a worker that starts, too
    p.system.start_worker()
    wait_for(lambda: p.system.workers[-1].log().count("database_connected"), "the new worker to work")
    assert len(p.store.requests) == calls
    p.sql("UPDATE mailproxy.instance SET active = true")
    wait_for(lambda: len(p.store.requests) > calls, "the call, by itself")


def test_a_tenant_that_is_not_active_is_told_but_not_polled(polled):
    p = polled(GMP_SYNC_INTERVAL=1)
    assert p.system.api.request("PUT", "/tenant/acme", {"active": False}).status == 200
    assert not p.is_polled(ago_s=86400)
    p.is_told("m1")
    calls = p.quiet()
    p.api.post("/commands/run-now")
    wait_for(lambda: len(p.store.requests) > calls, "the sync that was asked for")


def test_a_tenant_whose_sending_is_suspended_is_polled_and_told(polled):
    p = polled()
    p.sql("UPDATE mailproxy.tenant SET suspended_batches = '{*}' WHERE tenant_id = 'acme'")
    assert p.is_polled(ago_s=301)
    calls = p.quiet()
    p.sql("UPDATE mailproxy.tenant_sync SET news_seq = news_seq + 1 WHERE tenant_id = 'acme'")
    wait_for(lambda: p.quiet() > calls, "the call about news of before")


def test_the_last_sync_is_remembered_over_a_restart(polled):
    p = polled(GMP_SYNC_INTERVAL=3600)
    calls = p.quiet()
    p.system.workers[0].terminate()
    p.system.start_worker()
    assert p.quiet() == calls
    assert p.is_polled(ago_s=3601)


def test_do_not_disturb_lasts_until_the_interval_after_it_is_over(polled):
    p = polled(GMP_SYNC_INTERVAL=100)
    p.store.on_sync = lambda _body: {"ok": True, "next_sync_after": epoch() + 3600}
    p.api.post("/commands/run-now")
    wait_for(lambda: p.api.sync("last_sync_at > now() + interval '30 minutes'"), "the wish to be noted")
    p.store.on_sync = None
    assert not p.is_polled(ago_s=-10)
    assert not p.is_polled(ago_s=80)
    assert p.is_polled(ago_s=101)


def test_a_wish_that_is_past_already_is_none(polled):
    p = polled(GMP_SYNC_INTERVAL=100)
    p.store.on_sync = lambda _body: {"ok": True, "next_sync_after": 1}
    assert p.is_polled(ago_s=101)
    assert abs(p.api.sync("extract(epoch FROM last_sync_at)::float8") - epoch()) < 60


@pytest.mark.parametrize("by, overrides", [
    ("its own token", True), ("the query", True), ("the body", False), ("everybody's", False),
])
def test_do_not_disturb_is_overridden_for_a_tenant_named_by_token_or_query(polled, by, overrides):
    p = polled()
    p.last_synced(-3600)
    calls = p.quiet()
    admin = p.system.api
    answer = {"its own token": lambda: p.api.post("/commands/run-now"),
              "the query": lambda: admin.post("/commands/run-now", tenant_id="acme"),
              "the body": lambda: admin.post("/commands/run-now", {"tenant_id": "acme"}),
              "everybody's": lambda: admin.post("/commands/run-now")}[by]()
    assert answer.json == {"ok": True}
    assert (p.quiet() > calls) is overrides


def test_a_poll_that_fails_is_tried_again_after_the_pause_not_after_the_interval(polled):
    p = polled()
    p.store.on_sync = lambda _body: (500, {}, {})
    p.last_synced(86400)
    wait_for(lambda: p.api.sync("failures") == 1, "the failure to be noted")
    assert p.api.sync("last_sync_at < now() - interval '1 hour'"), "a call that failed is no sync"
    calls = p.quiet()
    p.store.on_sync = None
    p.sql("UPDATE mailproxy.tenant_sync SET retry_at = now() WHERE tenant_id = 'acme'")
    assert p.quiet() == calls + 1
    assert p.api.sync("failures") == 0


@pytest.mark.parametrize("program", [SERVER, WORKER])
@pytest.mark.parametrize("zone", ["Europe/Roma", "nowhere", "../Europe/Rome"])
def test_an_unknown_time_zone_is_refused_at_the_start(database, program, zone):
    done = run_program(program, GMP_DATABASE_URL=database, GMP_TIMEZONE=zone)
    assert done.returncode == 1
    assert f"GMP_TIMEZONE={zone}: PostgreSQL knows no such time zone" in done.stderr
    assert "pg_timezone_names" in done.stderr, "the remedy"
