"""
No command crosses a tenant: two tenants have the same account and message ids, and whatever one of them does, every row
of the other stays as it is.
"""

import itertools
import pathlib
import re

import pytest
from support.builds import ROOT
from support.programs import epoch, message

_number = itertools.count(1)

# Every tenant-scoped route, as tenant `one` may use it, with what makes it do as much as it can.
COMMANDS = {
    "POST /account": {"body": {"id": "main", "host": "127.0.0.1", "port": 7}},
    "POST /account (id of nobody yet)": {"body": {"id": "new", "host": "127.0.0.1", "port": 7}},
    "GET /accounts": {},
    "DELETE /account/main": {},
    "PUT /tenant/one": {"body": {"name": "New", "active": False, "retry_delays": [5], "retry_max_age": 60, "report_format": "seed"}},
    "GET /tenant/one": {},
    "POST /commands/add-messages": {"body": {"messages": [
        message("queued"), message("error"), message("sent"), message("scheduled"), message("new"), message("held")]}},
    "POST /commands/delete-messages": {"body": {"ids": [
        "queued", "scheduled", "held", "gated", "sent", "error", "untold", "elsewhere"]}},
    "POST /commands/cleanup-messages": {"body": {"older_than_seconds": 0}},
    "GET /messages": {"query": {"include_history": "true"}},
    "GET /messages (a search)": {"query": {"search": "hello"}},
    "GET /message/queued": {},
    "GET /queue": {},
    "GET /throughput": {},
    "GET /errors": {},
    "GET /accounts/health": {},
    "POST /commands/requeue": {"body": {"status": "error"}},
    "POST /commands/requeue (by id)": {"body": {"ids": ["error", "queued", "sent", "elsewhere"]}},
    "POST /commands/requeue (what is deferred)": {"body": {"status": "deferred"}},
    "POST /commands/run-now": {},
    "POST /commands/suspend": {},
    "POST /commands/suspend (a batch)": {"query": {"batch_code": "news"}},
    "POST /commands/activate": {},
    "POST /commands/activate (a batch)": {"query": {"batch_code": "news"}},
}
# The tables a tenant's rows are in, and what says whose a row is.
OWN = ["tenant", "tenant_sync", "account", "account_state", "rate_bucket", "account_counter", "message", "queue", "attempt",
       "event", "command_log"]
BY_PK = ["message_body", "message_attachment"]


class Two:
    """A tenant, and another that is alike in everything: messages in every state there is, gates, limits, news, attempts."""

    def __init__(self, system):
        number = next(_number)
        self.system, self.admin = system, system.api
        self.one, self.two = (
            system.add_tenant(f"{name}{number}", client_base_url="http://127.0.0.1:9", name="Shop") for name in ("one", "two"))
        for api in (self.one, self.two):
            fill(system, api)
        self.two.enqueue(message("elsewhere"))

    def run(self, api, command, **query):
        method, path = command.split()[:2]
        path = path.replace("/tenant/one", f"/tenant/{query.get('tenant_id', self.one.tenant_id)}")
        fields = COMMANDS[command]
        return api.request(method, path, body=fields.get("body"), query={**fields.get("query", {}), **query})

    def rows(self):
        """{table: its rows that are the other tenant's, whole}"""
        return rows_of(self.system, self.two.tenant_id)


@pytest.fixture
def two(served):
    return Two(served)


def fill(system, api):
    assert api.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9, "password": "p", "user": "u"}).status == 200
    assert api.post("/account", {"id": "gated", "host": "127.0.0.1", "port": 9}).status == 200
    api.enqueue(message("queued", attachments=[{"filename": "a", "content": "eA=="}]),
                message("scheduled", deferred_ts=epoch() + 600), message("sent"), message("error"), message("untold"),
                message("held", batch_code="news"), message("gated", account="gated"))
    elsewhere(system, api.tenant_id)


def elsewhere(system, tenant_id):
    """What workers, suspensions and stores leave behind."""
    system.rows("UPDATE mailproxy.queue SET state = 'held' WHERE message_pk IN (SELECT message_pk FROM mailproxy.message"
                " WHERE tenant_id = %s AND message_id = 'held')", tenant_id)
    system.rows("UPDATE mailproxy.account_state SET failures = 3, gate_until = now() + interval '1 hour', gate_reason = 'down'"
                " WHERE tenant_id = %s AND account_id = 'gated'", tenant_id)
    system.rows("UPDATE mailproxy.tenant_sync SET failures = 2, retry_at = now() + interval '1 hour', last_error = 'down'"
                " WHERE tenant_id = %s", tenant_id)
    system.rows("INSERT INTO mailproxy.rate_bucket SELECT tenant_id, account_id, 'hour', now(), 5 FROM mailproxy.account"
                " WHERE tenant_id = %s", tenant_id)
    system.rows("INSERT INTO mailproxy.account_counter (worker_epoch, sent, tenant_id, account_id)"
                " SELECT 0, 5, tenant_id, account_id FROM mailproxy.account WHERE tenant_id = %s", tenant_id)
    system.rows(
        "WITH m AS (UPDATE mailproxy.message SET finished_at = now(), state = (CASE message_id WHEN 'error' THEN 'error'"
        "  ELSE 'sent' END)::mailproxy.message_state, reason = CASE message_id WHEN 'error' THEN 'no' END"
        " WHERE tenant_id = %s AND message_id IN ('sent', 'error', 'untold') RETURNING *),"
        " q AS (DELETE FROM mailproxy.queue WHERE message_pk IN (SELECT message_pk FROM m)),"
        " a AS (INSERT INTO mailproxy.attempt (message_pk, worker_epoch, attempt, outcome, tenant_id, account_id)"
        "  SELECT message_pk, 1, 1, state::text::mailproxy.outcome, tenant_id, account_id FROM m)"
        " INSERT INTO mailproxy.event (message_pk, event_at, reported_at, event_type, tenant_id)"
        " SELECT message_pk, now(), CASE WHEN message_id <> 'untold' THEN now() - interval '1 hour' END,"
        "  state::text::mailproxy.event_type, tenant_id FROM m", tenant_id)


def rows_of(system, tenant_id):
    found = {table: f"SELECT t::text FROM mailproxy.{table} t WHERE tenant_id = %s" for table in OWN}
    found |= {table: f"SELECT t::text FROM mailproxy.{table} t JOIN mailproxy.message m USING (message_pk) WHERE m.tenant_id = %s"
              for table in BY_PK}
    return {table: sorted(row["t"] for row in system.rows(sql, tenant_id)) for table, sql in found.items()}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_under_one_tenants_token_leaves_the_others_rows_untouched(served, two, command):
    before, default = two.rows(), rows_of(served, "default")
    assert all(before[table] for table in [*OWN, *BY_PK] if table != "command_log"), "there is something to lose"
    answer = two.run(two.one, command)
    assert answer.status == 200, answer
    assert two.rows() == before
    assert rows_of(served, "default") == default
    assert f'"{two.two.tenant_id}"'.encode() not in answer.body
    served.assert_accounted_for()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_admin_for_one_tenant_leaves_the_others_rows_untouched(two, command):
    before = two.rows()
    answer = two.run(two.admin, command, tenant_id=two.one.tenant_id)
    assert answer.status == 200, answer
    assert two.rows() == before


@pytest.mark.parametrize("command", [c for c in COMMANDS if "add-messages" not in c])
def test_a_command_that_names_another_tenant_is_401_and_changes_nothing(served, two, command):
    refused = (401, {"detail": "Token not authorized for this tenant"})
    before = two.rows(), rows_of(served, two.one.tenant_id)
    answer = two.run(two.one, command, tenant_id=two.two.tenant_id)
    assert (answer.status, answer.json) == refused
    body = COMMANDS[command].get("body")
    if body is not None and "/tenant/" not in command:
        method, path = command.split()[:2]
        answer = two.one.request(method, path, body={**body, "tenant_id": two.two.tenant_id})
        assert (answer.status, answer.json) == refused
    assert (two.rows(), rows_of(served, two.one.tenant_id)) == before


def test_messages_that_name_another_tenant_are_rejected_one_by_one_and_change_nothing(two):
    before, other = two.rows(), two.two.tenant_id
    for answer in (two.one.add(message("queued", tenant_id=other), message("fresh", tenant_id=other)),
                   two.one.add(message("queued"), message("fresh"), tenant_id=other)):
        assert answer.status == 400
        assert {r["reason"] for r in answer.json["rejected"]} == {"tenant mismatch"}
    assert two.rows() == before


def test_deleting_a_tenant_leaves_the_other_untouched(served, two):
    before = two.rows()
    assert two.admin.delete(f"/tenant/{two.one.tenant_id}").json == {"ok": True}
    assert two.rows() == before
    left = {table for table, rows in rows_of(served, two.one.tenant_id).items() if rows}
    assert left <= {"attempt", "event", "command_log", "rate_bucket"}, "the first two leave with their partition, the last with its period"


def test_every_tenant_scoped_route_is_tried_above():
    text = pathlib.Path(ROOT, "server", "routes", "routes.c").read_text()
    routes = re.findall(r'\{"(\w+)", "([^"]+)", AUTH_TENANT\b', text)
    assert len(routes) >= 10
    tried = {re.sub(r"/(account|tenant)/\w+", r"/\1/{\1_id}", " ".join(c.split()[:2])).replace("/message/queued", "/message/{id}") for c in COMMANDS}
    assert {f"{method} {path}" for method, path in routes} - tried == set()


def test_mail_of_two_tenants_with_the_same_account_id_and_relay_never_shares_a_connection(new_tenant, relay):
    """Same relay, same user name, same account id: what differs is whose it is."""
    one, two = new_tenant(relay), new_tenant(relay)
    for round_ in range(5):
        for api in (one, two):
            api.enqueue(*[message(f"m{round_}-{i}", **{"from": f"{api.tenant_id}@example.com"}) for i in range(10)])
    one.wait_all_final()
    two.wait_all_final()
    assert len(relay.mails) == 100
    senders = {}
    for mail in relay.mails:
        senders.setdefault(mail.session.number, set()).add(mail.sender)
    assert all(len(found) == 1 for found in senders.values()), senders
