"""mailproxy.send_batch() says of every message what POST /commands/add-messages says, word for word, and stores the same of it."""

import json
import random
import re

import psycopg
import pytest
from psycopg import errors
from psycopg.rows import dict_row
from support.message_cases import ACCEPTED, ATTACHMENTS, BLANK, INVALID, PRIORITIES
from support.programs import message
from torture_messages import GOOD_MESSAGES, MESSAGES, NO_MESSAGES

HTTP, SQL = "over-http", "over-sql"


def with_fields(**fields):
    return json.dumps({**message("case"), **fields}).encode()


def with_raw(member, value):
    members = {name: json.dumps(given).encode() for name, given in {**message("case"), "id": "case"}.items()}
    return b"{" + b",".join(b'"%s":%s' % (name.encode(), given) for name, given in {**members, member: value}.items()) + b"}"


def without(field):
    return json.dumps({name: given for name, given in message("case").items() if name != field}).encode()


def every_case():
    """name -> a message as JSON."""
    yield from ((f"missing-{field}", without(field)) for field in ("id", "from", "to", "account_id", "subject"))
    yield from ((f"blank-{field}-{i}", with_fields(**{field: value})) for i, (field, value) in enumerate(BLANK))
    yield from ((f"invalid-{field}-{i}", with_fields(**{field: value})) for i, (field, value) in enumerate(INVALID))
    yield from ((f"accepted-{i}", with_fields(**fields)) for i, fields in enumerate(ACCEPTED))
    yield from ((f"attachment-{i}", with_fields(attachments=[{**given, "colour": "red"}])) for i, (given, _, _) in enumerate(ATTACHMENTS))
    yield from ((f"priority-{i}", with_fields(priority=given)) for i, (given, _) in enumerate(PRIORITIES))
    yield from ((f"odd-{name}", with_fields(**fields)) for name, fields in GOOD_MESSAGES.items())
    yield from ((f"bad-{name}", with_raw(member, value)) for name, (member, value, _) in MESSAGES.items())
    yield from ((f"none-{name}", value) for name, (value, _) in NO_MESSAGES.items())
    yield "other-name-for-from", json.dumps({**json.loads(without("from")), "from_addr": "ann@example.com"}).encode()
    yield "another-name-for-from", json.dumps({**json.loads(without("from")), "from": None, "from_": "ann@example.com"}).encode()


def is_json_for_postgresql(raw):
    """What C strings can hide, jsonb does not take in the first place."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return False
    # One beginning for all three: quick in 26 MiB, which each process of a run looks through.
    return not re.search(r"\\u(?:0000|d[89ab]..(?!\\ud[c-f])|(?<!\\ud[89ab]..\\u)d[c-f])", text)


CASES = dict(every_case())
TWICE = CASES.pop("bad-header-twice-the-first-bad")  # of two members with one name jsonb keeps the last one
SHARED = {name: raw for name, raw in CASES.items() if is_json_for_postgresql(raw)}
HIDDEN = {name: raw for name, raw in CASES.items() if name not in SHARED}


@pytest.fixture(scope="module")
def both(served):
    """The database, where the same account belongs to two tenants: one is served over HTTP, one in SQL."""
    for tenant in (HTTP, SQL):
        assert served.api.post("/tenant", {"id": tenant}).status == 200
        assert served.api.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9, "tenant_id": tenant}).status == 200
    with psycopg.connect(served.database_url, autocommit=True, row_factory=dict_row) as db:
        yield db


def send_batch(db, raw_messages, *arguments):
    marks = ", %s" * len(arguments)
    return db.execute(f"SELECT mailproxy.send_batch(%s::text::jsonb{marks}) AS a", (raw_messages.decode(), *arguments)).fetchone()["a"]


def add_messages(served, raw_messages):
    """The answer without the doubling that an answer of 400 has."""
    answer = served.api.request("POST", "/commands/add-messages", raw=b'{"messages":%s}' % raw_messages, query={"tenant_id": HTTP})
    return {name: answer.json[name] for name in ("ok", "queued", "rejected")}


def stored(db, tenant):
    """All there is of the tenant's messages, which then are gone; of a Message-ID that was made, what is not random."""
    rows = db.execute(
        "SELECT m.message_id, m.account_id, m.batch_code, m.priority, m.attachments, m.is_pec, m.state, m.mime_message_id AS mime,"
        " q.state AS work, q.priority AS rank, q.account_id AS at, CASE WHEN q.due_at > now() THEN q.due_at END AS due, m.size_octets,"
        " b.content, (SELECT array_agg(a.ordinal || ':' || md5(a.content) ORDER BY a.ordinal) FROM mailproxy.message_attachment a"
        " WHERE a.message_pk = m.message_pk AND a.created_at = m.created_at) AS files"
        " FROM mailproxy.message m JOIN mailproxy.queue q USING (message_pk) JOIN mailproxy.message_body b USING (message_pk, created_at)"
        " WHERE m.tenant_id = %s ORDER BY m.message_id", (tenant,)).fetchall()
    db.execute("DELETE FROM mailproxy.message WHERE tenant_id = %s", (tenant,))
    return [{**row, "mime": row["mime"] if (row["content"].get("message_id") or "").strip("<>") else row["mime"].partition("@")[2]} for row in rows]


@pytest.mark.parametrize("raw", SHARED.values(), ids=SHARED)
def test_the_same_is_said_and_stored(served, both, raw):
    over_http, over_sql = add_messages(served, b"[%s]" % raw), send_batch(both, b"[%s]" % raw, SQL)
    assert over_sql == over_http
    assert stored(both, SQL) == stored(both, HTTP)


@pytest.mark.parametrize("raw", [raw for raw in HIDDEN.values() if raw.isascii()],
                         ids=[name for name, raw in HIDDEN.items() if raw.isascii()])
def test_what_json_can_hide_is_refused_by_postgresql_itself(both, raw):
    with pytest.raises((errors.UntranslatableCharacter, errors.InvalidTextRepresentation)):
        send_batch(both, b"[%s]" % raw, SQL)


PIECES = ["a", "ann", "b.test", "@", "@", "<", ">", "(", ")", '"', "\\", "[", "]", ",", " ", ".", ":", ";", "-", "_", "+", "/", "'", "1.2.3.4",
          "IPv6:", "::1", "x" * 64, "b" * 60, "\t", "ann@b.test", "Ann <ann@b.test>", '"q q"@b.test', "ann@[IPv6:::1]", '"Doe, J" <j@b.test>']


@pytest.mark.parametrize("seed", range(3))
def test_the_same_is_said_of_addresses_at_random(served, both, seed):
    chance = random.Random(seed)
    batch = [message(f"m{i}", **{chance.choice(["from", "to", "return_path", "reply_to"]): "".join(chance.choices(PIECES, k=chance.randint(1, 8)))})
             for i in range(700)]
    raw = json.dumps(batch).encode()
    assert send_batch(both, raw, SQL) == add_messages(served, raw)
    assert stored(both, SQL) == stored(both, HTTP)


def test_of_two_members_with_one_name_the_last_one_counts(both):
    assert send_batch(both, b"[%s]" % TWICE, SQL) == {"ok": True, "queued": 1, "rejected": []}
    (row,) = stored(both, SQL)
    assert row["content"]["headers"] == {"X-A": "d"}


# Batches.

BATCHES = {
    "none": [], "one": [message("a")], "all-bad": [{}, 5, message("a", to=[])], "good-and-bad": [message("a"), {"id": 5}, {"id": ["x"]}, message("b")],
    "twice": [message("a", subject="first"), message("b"), message("a", subject="second")],
    "twice-the-last-bad": [message("a", subject="first"), message("a", subject=5)],
    "thrice": [message("a", subject="1"), message("a", subject="2"), message("a", to=[]), message("a", subject="3")],
    "of-another-tenant": [message("a", tenant_id="default"), message("b", tenant_id="nobody"), message("c", tenant_id="")],
    "many": [message(f"m{i}", subject=f"s{i}", priority=i % 4, **({"to": "x"} if i % 50 == 7 else {})) for i in range(700)],
}


@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
def test_the_same_is_said_of_a_batch(served, both, batch):
    raw = json.dumps(batch).encode()
    assert send_batch(both, raw, SQL) == add_messages(served, raw)
    assert stored(both, SQL) == stored(both, HTTP)


@pytest.mark.parametrize("raw", [b"[%s]" % without("from"), b"[]", b'[{"tenant_id":null}]', b'[{"tenant_id":""}]', b'[{"tenant_id":"x"}]'])
def test_who_names_no_tenant_is_told_the_same(served, both, raw):
    answer = served.api.request("POST", "/commands/add-messages", raw=b'{"messages":%s}' % raw)
    assert send_batch(both, raw) == {name: answer.json[name] for name in ("ok", "queued", "rejected")}


@pytest.mark.parametrize("given", [0, "low", "HIGH", "3", 9, -1, None, "nonsense", ""])
def test_the_default_priority_is_for_messages_without_one(served, both, given):
    batch = [message("d1"), message("d2", priority=1), message("d3", priority=None), message("d4", priority="nonsense")]
    assert served.api.post("/commands/add-messages", {"default_priority": given, "messages": batch}, tenant_id=HTTP).json["queued"] == 4
    send_batch(both, json.dumps(batch).encode(), SQL, None if given is None else str(given))
    assert stored(both, SQL) == stored(both, HTTP)


WORK_DONE = {
    "sent": "WITH m AS (UPDATE mailproxy.message SET state = 'sent', finished_at = now() RETURNING message_pk)"
            " DELETE FROM mailproxy.queue q USING m WHERE q.message_pk = m.message_pk",
    "error": "WITH m AS (UPDATE mailproxy.message SET state = 'error', reason = 'no', finished_at = now() RETURNING message_pk)"
             " DELETE FROM mailproxy.queue q USING m WHERE q.message_pk = m.message_pk",
    "leased": "UPDATE mailproxy.queue SET state = 'leased', lease_token = 1, lease_epoch = 1, leased_at = now()",
    "deferred": "UPDATE mailproxy.queue SET state = 'scheduled', attempts = 3, due_at = now() + interval '1 hour'",
}


@pytest.mark.parametrize("done", WORK_DONE.values(), ids=WORK_DONE)
def test_an_id_that_is_taken_is_told_and_replaced_alike(served, both, done):
    first, again = (json.dumps([message("a", subject=s), *more]).encode() for s, more in (("first", []), ("again", [message("b")])))
    assert send_batch(both, first, SQL) == add_messages(served, first)
    both.execute(done)
    assert send_batch(both, again, SQL) == add_messages(served, again)
    assert stored(both, SQL) == stored(both, HTTP)


def test_what_belongs_to_a_suspended_batch_is_held_alike(served, both):
    batch = json.dumps([message("a", batch_code="b1"), message("b", batch_code="b2"), message("c"), message("d", deferred_ts=4102444800)]).encode()
    for tenant in (HTTP, SQL):
        served.api.post("/commands/suspend", tenant_id=tenant, batch_code="b1")
    assert send_batch(both, batch, SQL) == add_messages(served, batch)
    rows = stored(both, SQL)
    assert rows == stored(both, HTTP)
    assert [row["work"] for row in rows] == ["held", "ready", "ready", "scheduled"]
    for tenant in (HTTP, SQL):
        served.api.post("/commands/activate", tenant_id=tenant, batch_code="b1")


def test_the_limits_are_those_of_the_server_that_started_last(new_system):
    system = new_system(workers=0, GMP_MAX_MESSAGE_BYTES=2000, GMP_MAX_ATTACHMENT_BYTES=1024, GMP_DEFAULT_PRIORITY=3)
    for tenant in (HTTP, SQL):
        system.api.post("/tenant", {"id": tenant})
        system.api.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9, "tenant_id": tenant})
    spare = 2000 - len(json.dumps({**message("fits", body=""), "priority": 3}, separators=(",", ":")))
    batch = [message("fits", body="x" * spare), message("long", body="x" * (spare + 1)),
             message("fat", attachments=[{"content": "QUFB" * 342}]), message("thin", attachments=[{"content": "QUFB" * 341}])]
    raw = json.dumps(batch).encode()
    with psycopg.connect(system.database_url, autocommit=True, row_factory=dict_row) as db:
        answer = send_batch(db, raw, SQL)
        assert answer == add_messages(system, raw)
        assert [(r["id"], r["reason"].partition(":")[0]) for r in answer["rejected"]] == [("long", "invalid message"), ("fat", "invalid attachments")]
        rows = stored(db, SQL)
        assert rows == stored(db, HTTP)
        assert [row["priority"] for row in rows] == [3, 3]
