"""GET /metrics: its format, whose figures they are, that they are exact, and what they cost."""

import pathlib
import re
import signal
import threading

import psycopg
import pytest
from support.metrics import Scrape, scrape
from support.builds import ROOT, SERVER
from support.programs import ADMIN_TOKEN, message, run_program
from support.waiting import wait_for

COUNTERS = ["gmp_sent_total", "gmp_errors_total", "gmp_deferred_total", "gmp_rate_limited_total"]
OWN_FAMILY = re.compile(r"gmp_(http|db_pool|build|start|database_connections|oldest_snapshot)")


def wait_value(system, expected, name, **labels):
    """Until a scrape says so, because the programs do by themselves what changes it."""
    wait_for(lambda: Scrape(system.api).value(name, **labels) == expected, f"{name} {labels} to be {expected}")


# The format.


def documented():
    """name -> (type, help) of docs/metrics.md."""
    text = pathlib.Path(ROOT, "docs", "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(gmp_\w+)` \| (\w+) \| [^|]*\| ([^|]*) \|$", text, re.M)
    assert len(rows) == len({name for name, _, _ in rows})
    return {re.sub("_total$", "", name): (kind, text) for name, kind, text in rows}


def test_every_family_is_declared_and_documented(served):
    assert scrape(served.api).families == documented()


def test_it_says_its_format_and_keeps_the_words_of_its_predecessors(served):
    assert served.api.get("/metrics").headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    words = {"gmp_sent": "Total sent emails", "gmp_errors": "Total send errors", "gmp_deferred": "Total deferred emails",
             "gmp_rate_limited": "Total rate limited occurrences", "gmp_pending_messages": "Current pending messages"}
    families = scrape(served.api).families
    assert {name: families[name] for name in words} == {
        name: ("gauge" if name == "gmp_pending_messages" else "counter", text) for name, text in words.items()}


def test_every_account_has_its_series_from_the_beginning(served):
    tenant = served.add_tenant("zero", name="Zero & Co")
    served.add_account(tenant, DEAD, "a1", name="Main")
    served.add_account(tenant, DEAD, "a2")
    found = scrape(served.api)
    for name in [*COUNTERS, "gmp_in_doubt_total", "gmp_pending_messages", "gmp_oldest_due_seconds"]:
        assert found.value(name, tenant_id="zero", account_id="a1") == 0, name
        assert found.value(name, tenant_id="zero", account_id="a2") == 0, name
    assert 'gmp_sent_total{account_id="a1",account_name="Main",tenant_id="zero",tenant_name="Zero & Co"} 0.0\n' in found.text
    assert 'gmp_sent_total{account_id="a2",account_name="a2",tenant_id="zero",tenant_name="Zero & Co"} 0.0\n' in found.text


def test_a_tenant_without_a_name_is_called_by_its_id(served):
    tenant = served.add_tenant("unnamed")
    served.add_account(tenant, DEAD, "a1")
    assert scrape(served.api).find("gmp_sent_total", tenant_id="unnamed")[0].labels["tenant_name"] == "unnamed"


def test_label_values_are_escaped(served):
    tenant = served.add_tenant("escaped")
    served.add_account(tenant, DEAD, "a1")
    name = 'back\\slash "quoted"\nsecond line, {è}'
    served.rows("UPDATE mailproxy.account SET name = %s WHERE tenant_id = 'escaped'", name)
    assert scrape(served.api).value("gmp_sent_total", account_name=name) == 0


def test_a_deleted_accounts_series_go_with_it(new_tenant, relay):
    tenant = new_tenant(relay)
    tenant.enqueue(message("m1"))
    tenant.wait_state("sent", "m1")
    wait_value(tenant.system, 1, "gmp_sent_total", tenant_id=tenant.tenant_id)
    assert tenant.delete("/account/main").status == 200
    wait_value(tenant.system, None, "gmp_sent_total", tenant_id=tenant.tenant_id)
    tenant.system.add_account(tenant, relay)
    wait_value(tenant.system, 0, "gmp_sent_total", tenant_id=tenant.tenant_id)


class DEAD:
    port = 9


# Who may read it.


def test_it_is_public_even_with_an_unknown_token(served):
    for token in (None, "unknown", ADMIN_TOKEN):
        assert served.api.with_token(token).get("/metrics").status == 200


def test_with_a_token_set_that_token_or_the_admins_is_needed(new_system):
    system = new_system(workers=0, GMP_METRICS_TOKEN="scraper")
    tenant = system.add_tenant()
    nobody = system.api.with_token(None)
    for token, status in [(None, 401), ("", 401), ("wrong", 401), (tenant.token, 401), ("scraper", 200), (ADMIN_TOKEN, 200)]:
        assert system.api.with_token(token).get("/metrics").status == status, token
        if token:
            for scheme in ("Bearer", "bearer"):
                answer = nobody.request("GET", "/metrics", headers={"Authorization": f"{scheme} {token}"})
                assert answer.status == status, (scheme, token)
    assert nobody.get("/metrics").json == {"detail": "Invalid or missing API token"}
    assert nobody.request("GET", "/metrics", headers={"Authorization": "Basic c2NyYXBlcg=="}).status == 401
    assert system.api.with_token("scraper").get("/tenants").status == 401, "it is good for nothing else"
    answer = nobody.request("GET", "/tenants", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
    assert answer.status == 401, "elsewhere a Bearer token is none"


# What is counted.


def test_outcomes_replies_and_durations_are_counted(new_system, relay):
    relay.on("dot", [None, "550 5.1.1 no", "451 4.3.0 later", None])
    system = new_system(workers=1, GMP_RETRY_DELAYS="0")
    tenant = system.add_tenant()
    system.add_account(tenant, relay, max_connections=1)
    for number, state in enumerate(["sent", "error", "sent"]):
        tenant.enqueue(message(f"m{number}"))
        system.wait_state(state, f"m{number}")
    wait_value(system, 2, "gmp_sent_total", account_id="main")
    found = scrape(system.api)
    assert [found.value(name, account_id="main") for name in COUNTERS] == [2, 1, 1, 0]
    for outcome, count in [("sent", 2), ("error", 1), ("deferred", 1)]:
        assert found.value("gmp_attempt_duration_seconds_count", outcome=outcome) == count
        buckets = found.find("gmp_attempt_duration_seconds_bucket", outcome=outcome)
        assert [b.value for b in buckets] == sorted(b.value for b in buckets)
        assert (buckets[-1].labels["le"], buckets[-1].value) == ("+Inf", count)
    taken_ms = system.value("SELECT sum(compose_ms + connect_ms + send_ms) FROM mailproxy.attempt WHERE outcome = 'sent'")
    assert found.value("gmp_attempt_duration_seconds_sum", outcome="sent") == pytest.approx(taken_ms / 1000)
    classes = {s.labels["class"]: s.value for s in found.find("gmp_smtp_replies_total")}
    assert classes == {"none": 0, "2xx": 2, "3xx": 0, "4xx": 1, "5xx": 1}


def test_no_connection_is_no_reply(new_system, new_relay):
    relay = new_relay()
    relay.close()
    system = new_system(workers=1)
    tenant = system.add_tenant()
    system.add_account(tenant, relay)
    tenant.enqueue(message("m1"))
    wait_value(system, 1, "gmp_smtp_replies_total", **{"class": "none"})
    assert scrape(system.api).value("gmp_deferred_total", account_id="main") == 1


def test_pending_due_and_in_flight(new_system, relay):
    gate = threading.Event()
    relay.on("dot", lambda *_: gate.wait(60) and None)
    system = new_system(workers=0)
    tenant = system.add_tenant()
    system.add_account(tenant, relay, max_connections=1, batch_size=1)
    system.add_account(tenant, relay, "later")
    tenant.enqueue(message("m1"), message("m2"), message("m3", account="later", deferred_ts=4102444800))
    wait_value(system, 2, "gmp_pending_messages", account_id="main")
    wait_for(lambda: Scrape(system.api).value("gmp_oldest_due_seconds", account_id="main") > 0, "time to pass")
    found = scrape(system.api)
    assert found.value("gmp_pending_messages", account_id="later") == 1
    assert found.value("gmp_oldest_due_seconds", account_id="later") == 0, "it is not due"
    assert (found.value("gmp_in_flight_messages"), found.value("gmp_workers_alive")) == (0, 0)
    system.start_worker()
    wait_value(system, 1, "gmp_in_flight_messages")
    found = scrape(system.api)
    assert found.value("gmp_pending_messages", account_id="main") == 2
    assert found.value("gmp_workers_alive") == 1
    gate.set()
    system.wait_state("sent", "m1", "m2")
    wait_value(system, 0, "gmp_pending_messages", account_id="main")
    assert scrape(system.api).value("gmp_oldest_due_seconds", account_id="main") == 0


def test_what_a_tenant_was_not_told_of(new_system, relay, store):
    store.on_sync = lambda _body: (500, {}, {})
    system = new_system(workers=1)
    tenant = system.add_tenant(store=store)
    silent = system.add_tenant("silent")
    for api in (tenant, silent):
        system.add_account(api, relay)
        api.enqueue(message("m1"), message("m2"))
        api.wait_state("sent", "m1", "m2")
        wait_value(system, 2, "gmp_unreported_events", tenant_id=api.tenant_id)
    wait_for(lambda: Scrape(system.api).value("gmp_report_lag_seconds", tenant_id="acme") > 0, "time to pass")
    assert scrape(system.api).value("gmp_report_lag_seconds", tenant_id="silent") is None, "there is nobody to call"
    store.on_sync = None
    tenant.post("/commands/run-now")
    wait_value(system, 0, "gmp_unreported_events", tenant_id="acme")
    wait_value(system, 0, "gmp_report_lag_seconds", tenant_id="acme")


def test_an_account_that_fails_is_told_until_it_is_well_again(new_system, new_relay):
    relay = new_relay()
    relay.close()
    system = new_system(workers=1)
    tenant = system.add_tenant()
    system.add_account(tenant, relay)
    assert scrape(system.api).value("gmp_account_failing", account_id="main") == 0
    tenant.enqueue(message("m1"))
    wait_value(system, 1, "gmp_account_failing", account_id="main")
    assert scrape(system.api).value("gmp_account_limited", account_id="main") == 0, "its gate is closed, but by no limit"
    system.add_account(tenant, new_relay())
    system.wait_state("sent", "m1")
    wait_value(system, 0, "gmp_account_failing", account_id="main")


def test_an_account_without_an_access_token_fails(served):
    tenant = served.add_tenant("tokenless")
    served.add_account(tenant, DEAD)
    served.rows("INSERT INTO mailproxy.account_token (tenant_id, account_id, account_version, last_error, retry_at)"
                " SELECT tenant_id, account_id, version, 'no', now() FROM mailproxy.account WHERE tenant_id = 'tokenless'")
    assert scrape(served.api).value("gmp_account_failing", tenant_id="tokenless") == 1
    served.rows("UPDATE mailproxy.account SET version = version + 1 WHERE tenant_id = 'tokenless'")
    assert scrape(served.api).value("gmp_account_failing", tenant_id="tokenless") == 0, "it was another account's that has changed since"


def test_an_account_at_its_limit_and_a_tenant_that_is_suspended(new_tenant, relay):
    tenant = new_tenant(relay, account={"limit_per_day": 1})
    known = {"tenant_id": tenant.tenant_id}
    wait_value(tenant.system, 0, "gmp_account_limited", **known)
    tenant.enqueue(message("m1"), message("m2"))
    wait_value(tenant.system, 1, "gmp_account_limited", **known)
    assert scrape(tenant.system.api).value("gmp_account_failing", **known) == 0
    assert scrape(tenant.system.api).value("gmp_tenant_suspended", **known) == 0
    assert tenant.post("/commands/suspend", batch_code="spring").status == 200
    assert scrape(tenant.system.api).value("gmp_tenant_suspended", **known) == 0, "a batch of it is"
    assert tenant.post("/commands/suspend").status == 200
    assert scrape(tenant.system.api).value("gmp_tenant_suspended", **known) == 1


def test_the_room_of_the_database(served):
    found = scrape(served.api)
    assert found.value("gmp_partition_days_ahead") == 14
    assert found.value("gmp_database_connections_max") == int(served.value("SHOW max_connections"))
    assert 1 <= found.value("gmp_database_connections") <= found.value("gmp_database_connections_max")


def test_the_service_as_a_whole(served):
    found = scrape(served.api)
    version = run_program(SERVER, "--version").stdout.split()[1]
    assert found.value("gmp_build_info", version=version) == 1
    assert found.value("gmp_schema_version") == len(list(pathlib.Path(ROOT, "sql", "migrations").glob("*.sql")))
    assert (found.value("gmp_active"), found.value("gmp_database_up")) == (1, 1)
    assert found.value("gmp_db_pool_busy") <= found.value("gmp_db_pool_open") <= found.value("gmp_db_pool_size")
    served.rows("UPDATE mailproxy.instance SET active = false")
    try:
        wait_value(served, 0, "gmp_active")
    finally:
        served.rows("UPDATE mailproxy.instance SET active = true")


# Exact, whatever dies.


def figures(found):
    """What must not change by itself while nothing is sent, whoever else uses PostgreSQL."""
    return {(s.name, tuple(s.labels.items())): s.value for s in found.samples
            if not OWN_FAMILY.match(s.name) and not s.name.endswith("_seconds") and "workers" not in s.name}


def test_with_two_workers_sent_is_what_the_relay_took(new_system, smtp_sink):
    system = new_system(workers=2)
    api = system.add_tenant()
    for number in range(5):
        system.add_account(api, smtp_sink, f"a{number}")
    for part in range(6):
        api.enqueue(*[message(f"m{part}-{i}", account=f"a{i % 5}") for i in range(500)])
    system.wait_all_final()
    assert len(smtp_sink.ids()) == 3000
    for number in range(5):
        wait_value(system, 600, "gmp_sent_total", account_id=f"a{number}")
    assert scrape(system.api).sum("gmp_smtp_replies_total") == 3000
    recorders = system.value("SELECT count(DISTINCT worker_epoch) FROM mailproxy.account_counter WHERE sent > 0")
    assert recorders == 2, "both took part"


def test_no_count_is_lost_or_made_twice_by_kills_and_restarts(new_system, smtp_sink):
    system = new_system(workers=2, GMP_LEASE_SECONDS=2)
    api = system.add_tenant()
    system.add_account(api, smtp_sink)
    for part in range(6):
        api.enqueue(*[message(f"m{part}-{i}") for i in range(500)])
    wait_for(lambda: len(smtp_sink.ids()) > 200, "mail to flow")
    system.workers[0].kill()
    system.server.kill()
    system.start_worker()
    system.start_server()
    system.wait_all_final(timeout=90)
    wait_for(lambda: system.value("SELECT count(*) FROM mailproxy.worker WHERE ended_at IS NULL") == 2, "the killed one to be given up")
    wait_value(system, 3000, "gmp_sent_total", account_id="main")
    found = scrape(system.api)
    doubted = system.value("SELECT count(*) FROM mailproxy.attempt WHERE in_doubt")
    assert found.value("gmp_in_doubt_total", account_id="main") == doubted
    assert 3000 <= len(smtp_sink.ids()) <= 3000 + doubted
    recorded = system.value("SELECT count(*) FROM mailproxy.attempt WHERE NOT in_doubt")
    assert sum(found.value(name, account_id="main") for name in COUNTERS) == recorded
    assert found.sum("gmp_attempt_duration_seconds_count") == recorded

    # All of them go, and others come, who add the counters of the dead to those of epoch 0.
    for program in system.workers[1:] + [system.server]:
        program.terminate()
    system.start_server()
    assert figures(scrape(system.api)) == figures(found)
    system.start_worker()
    wait_for(lambda: system.value("SELECT count(*) FROM mailproxy.account_counter WHERE worker_epoch > 0") == 0, "a fold")
    assert system.value("SELECT count(*) FROM mailproxy.attempt_counter WHERE worker_epoch > 0") == 0
    assert figures(scrape(system.api)) == figures(found)


# The process itself.


def test_requests_are_counted_by_template_never_by_path(new_system):
    system = new_system(workers=0)
    tenant = system.add_tenant()
    for number in range(3):
        assert tenant.delete(f"/account/none{number}").status == 200
    assert system.api.get("/nowhere/1").status == 404
    assert system.api.get("/nowhere/2").status == 404
    assert system.api.request("BREW", "/coffee").status == 404
    assert system.api.post("/health").status == 405
    wait_value(system, 3, "gmp_http_requests_total", method="DELETE", route="/account/{account_id}", status="200")
    wait_value(system, 2, "gmp_http_requests_total", method="GET", route="unmatched", status="404")
    wait_value(system, 1, "gmp_http_requests_total", method="POST", route="unmatched", status="405")
    wait_value(system, 1, "gmp_http_requests_total", method="other", route="unmatched", status="404")
    found = scrape(system.api)
    assert "none1" not in found.text and "nowhere" not in found.text and "BREW" not in found.text
    route = {"method": "DELETE", "route": "/account/{account_id}"}
    assert found.value("gmp_http_request_duration_seconds_count", **route) == 3
    assert found.value("gmp_http_request_duration_seconds_bucket", le="+Inf", **route) == 3
    assert found.value("gmp_http_request_duration_seconds_sum", **route) > 0
    assert found.value("gmp_http_requests_in_flight") == 1, "the scrape itself"
    assert 1 <= found.value("gmp_http_connections") <= found.value("gmp_http_threads")


@pytest.mark.usefixtures("durable_database")
def test_without_the_database_the_process_still_tells_of_itself(new_system, durable_cluster):
    system = new_system(workers=0)
    system.add_account(system.add_tenant(), DEAD)
    families = scrape(system.api).families
    durable_cluster.stop(signal.SIGINT)
    try:
        found = scrape(system.api)
        assert found.families == families
        assert found.value("gmp_database_up") == 0
        assert found.find("gmp_sent_total") == [], "an old figure is no figure"
        assert found.find("gmp_http_requests_total") != []
        assert found.value("gmp_db_pool_size") > 0
    finally:
        durable_cluster.start()
    wait_value(system, 1, "gmp_database_up")
    assert scrape(system.api).value("gmp_sent_total", account_id="main") == 0


def test_an_answer_that_was_slow_is_kept(new_system):
    """Ten times as long as it took, here by a lock that it had to wait for."""
    system = new_system(workers=0)
    tenant = system.add_tenant()
    system.add_account(tenant, DEAD)
    found = []
    with psycopg.connect(system.database_url) as conn:
        conn.execute("LOCK TABLE mailproxy.queue IN ACCESS EXCLUSIVE MODE")
        asking = threading.Thread(target=lambda: found.append(Scrape(system.api)))
        asking.start()
        wait_for(lambda: system.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                                      " AND now() - query_start > interval '600 milliseconds'"), "it to have waited")
    asking.join()
    assert found[0].value("gmp_pending_messages", account_id="main") == 0
    tenant.enqueue(message("m1"))
    kept = Scrape(system.api)
    assert kept.value("gmp_figures_age_seconds") > 0.6, "kept for six seconds or more"
    assert kept.value("gmp_pending_messages", account_id="main") == 0
    assert scrape(system.api).value("gmp_pending_messages", account_id="main") == 1
