"""mailproxy.send() and send_batch(): part of the caller's transaction, whoever calls, and whatever else goes on meanwhile."""

import datetime
import json

import psycopg
import pytest
from psycopg import errors, sql
from support.suspension_sql import Later, interleave
from support.waiting import wait_for

GOOD = {"account_id": "main", "from": "shop@acme.example", "to": "ann@example.net", "subject": "Your order"}
LEFT = "SELECT (SELECT count(*) FROM mailproxy.message) + (SELECT count(*) FROM mailproxy.queue) + (SELECT count(*) FROM" \
       " mailproxy.message_body) + (SELECT count(*) FROM mailproxy.message_attachment) + (SELECT count(*) FROM mailproxy.command_log)"


def send(db, **arguments):
    """mailproxy.send() with arguments by name."""
    arguments = {"tenant_id": "acme", **GOOD, **arguments}
    call = sql.SQL("SELECT mailproxy.send({})").format(sql.SQL(", ").join(
        sql.SQL("{} => {}").format(sql.Identifier(name), sql.Literal(value)) for name, value in arguments.items()))
    return db.execute(call).fetchone()[0]


def send_batch(db, *messages, tenant="acme"):
    return db.execute("SELECT mailproxy.send_batch(%s::text::jsonb, %s)", (json.dumps(messages), tenant)).fetchone()[0]


def message(message_id, **fields):
    return {"id": message_id, **GOOD, **fields}


@pytest.fixture
def db(watcher):
    return watcher.db


def content(db, message_id):
    return db.execute("SELECT b.content FROM mailproxy.message m JOIN mailproxy.message_body b USING (message_pk, created_at)"
                      " WHERE m.message_id = %s", (message_id,)).fetchone()[0]


# One message.

def test_the_least_is_an_account_two_addresses_and_a_subject(db):
    message_id = send(db)
    assert content(db, message_id) == {"id": message_id, "tenant_id": "acme", **GOOD, "priority": 2}
    assert send(db) != message_id


def test_every_argument_is_a_field(db):
    later = datetime.datetime(2100, 1, 1, tzinfo=datetime.timezone.utc)
    given = {"body": "<p>Hi</p>", "content_type": "html", "cc": "cc@b.test", "bcc": "bcc@b.test, d@b.test", "reply_to": "r@b.test",
             "return_path": "<>", "message_id": "<order-1@acme.example>", "batch_code": "news"}
    nested = {"headers": {"X-Null": None, "X-Order": "1"}, "attachments": [{"filename": "a.txt", "content": "YQ=="}]}
    assert send(db, id="order-1", priority="high", deferred_until=later, **given,
                **{name: psycopg.types.json.Jsonb(value) for name, value in nested.items()}) == "order-1"
    assert content(db, "order-1") == {
        "id": "order-1", "tenant_id": "acme", **GOOD, **given, "headers": nested["headers"], "priority": 1,
        "attachments": [{"filename": "a.txt", "content": 1, "fetch_mode": "base64"}], "deferred_ts": int(later.timestamp())}
    assert db.execute("SELECT state, due_at FROM mailproxy.queue").fetchall() == [("scheduled", later)]
    assert db.execute("SELECT ordinal, content FROM mailproxy.message_attachment").fetchall() == [(0, b"a")]


@pytest.mark.parametrize("given, error, reason", [
    ({"to": " "}, errors.InvalidParameterValue, "missing to"),
    ({"account_id": "nobodys"}, errors.InvalidParameterValue, "account not found for tenant"),
    ({"subject": "a\r\nBcc: evil@b.test"}, errors.InvalidParameterValue, "invalid subject: contains CR or LF"),
    ({"id": "sent"}, errors.UniqueViolation, "already sent"),
    ({"id": "leased"}, errors.ObjectInUse, "being sent"),
    ({"deferred_until": "infinity"}, errors.InvalidParameterValue, "invalid deferred_ts: is not a time in seconds since the epoch"),
])
def test_a_message_that_is_not_taken_is_an_error_with_the_reason(watcher, db, given, error, reason):
    watcher.add("sent", "leased", batch=None)
    claims = watcher.claim()
    db.execute("UPDATE mailproxy.message SET state = 'sent', finished_at = now() WHERE message_id = 'sent'")
    db.execute("DELETE FROM mailproxy.queue WHERE message_pk = %s", (claims["sent"][0],))
    with pytest.raises(error) as raised:
        send(db, **{"id": "m1", **given})
    assert (raised.value.diag.message_primary, raised.value.diag.message_detail) == (
        reason, f"The message has the id {given.get('id', 'm1')}.")


def test_what_must_be_sealed_is_left_to_the_server(db):
    url = {"url": "https://files.example/a.pdf"}
    for secret in ({"password": "hidden"}, {"token": "hidden"}, {"method": "bearer", "token": ""}):
        (rejected,) = send_batch(db, message("m1", attachments=[{**url, "auth": secret}]))["rejected"]
        assert rejected["reason"] == ("invalid attachments: auth of attachment 1: a password or token is sealed by the server: "
                                      "send this message over HTTP")
    assert send_batch(db, message("m1", attachments=[{**url, "auth": {"user": "ann", "method": "none", "password": None}}]))["queued"] == 1
    assert content(db, "m1")["attachments"][0]["auth"] == {"method": "none", "user": "ann"}


# A batch as a whole.

@pytest.mark.parametrize("given", ["{}", "null", '"x"', "5"])
def test_a_batch_is_an_array(db, given):
    with pytest.raises(errors.InvalidParameterValue, match="messages is not an array"):
        db.execute("SELECT mailproxy.send_batch(%s::text::jsonb)", (given,))


def test_a_batch_has_at_most_ten_thousand_messages(db):
    with pytest.raises(errors.ProgramLimitExceeded, match="Cannot enqueue more than 10000 messages at once"):
        send_batch(db, *[{}] * 10001)
    assert len(send_batch(db, *[{}] * 10000)["rejected"]) == 10000


# Part of a transaction.

def test_what_is_rolled_back_was_never_there(db):
    given = [message("m1", attachments=[{"content": "YQ=="}]), message("m2"), {}]
    db.execute("BEGIN")
    assert send_batch(db, *given)["queued"] == 2
    send(db)
    assert db.execute(LEFT).fetchone()[0] > 0
    db.execute("ROLLBACK")
    assert db.execute(LEFT).fetchone()[0] == 0


def test_a_message_that_is_not_taken_leaves_the_rest_of_the_transaction_to_a_savepoint(db):
    with db.transaction():
        send(db, id="m1")
        with pytest.raises(errors.InvalidParameterValue), db.transaction():
            send(db, id="m2", subject="a\nb")
        send(db, id="m3")
    assert db.execute("SELECT array_agg(message_id ORDER BY message_id) FROM mailproxy.message").fetchone()[0] == ["m1", "m3"]


def test_the_same_id_again_in_one_transaction_is_the_same_message(db):
    with db.transaction():
        send(db, id="m1", subject="first")
        send(db, id="m1", subject="second")
    assert content(db, "m1")["subject"] == "second"
    assert db.execute("SELECT count(*) FROM mailproxy.queue").fetchone()[0] == 1


def test_the_workers_are_told_once_after_the_commit(database, db):
    with psycopg.connect(database, autocommit=True) as listener:
        listener.execute("LISTEN mailproxy_wake")
        told = listener.notifies()
        with pytest.raises(ZeroDivisionError), db.transaction():
            send(db)
            raise ZeroDivisionError
        send_batch(db, {})
        db.execute("SELECT setval('mailproxy.wake_seq', 1)")
        with db.transaction():
            send(db)
            send_batch(db, message("m1"), message("m2"))
            db.execute("NOTIFY mailproxy_wake, 'before the commit'")
        db.execute("NOTIFY mailproxy_wake, 'last'")
        payloads = []
        for notification in told:
            payloads.append(notification.payload)
            if payloads[-1] == "last":
                break
    assert payloads == ["", "before the commit", "last"]


def test_of_transactions_in_quick_succession_one_tells_the_workers(database, db):
    with psycopg.connect(database, autocommit=True) as listener:
        listener.execute("LISTEN mailproxy_wake")
        told = listener.notifies()

        def is_told(ms_before):
            db.execute("DO $$ BEGIN PERFORM setval('mailproxy.wake_seq', (extract(epoch FROM clock_timestamp()) * 1000)::bigint - %s);"
                       " PERFORM mailproxy.intake_wake(); NOTIFY mailproxy_wake, 'next'; END $$", (ms_before,))
            return next(told).payload == "" and next(told).payload == "next"

        assert is_told(50) and is_told(-3600000), "also when the clock was put back"
        wait_for(lambda: not is_told(0), "one that comes within 50 ms of another")


def test_a_batch_is_noted_in_the_command_log_tenant_by_tenant(db):
    send_batch(db, message("a", tenant_id="acme"), message("b", tenant_id="other"), {"id": "c"}, message("d", body="secret"), tenant="acme")
    send_batch(db, {"id": "x" * 300}, {"id": ["y"], "tenant_id": "other"}, tenant="other")
    send_batch(db, *[message(f"m{i}") for i in range(502)])
    send_batch(db)
    rows = db.execute("SELECT tenant_id, endpoint, actor, response_status, payload FROM mailproxy.command_log ORDER BY command_id, tenant_id").fetchall()
    assert sorted(rows[:2]) == [("acme", "addMessages", "mailproxy", 200, {"messages": [{"id": "a"}, {"id": "c"}, {"id": "d"}]}),
                                ("other", "addMessages", "mailproxy", 200, {"messages": [{"id": "b"}]})]
    assert rows[2] == ("other", "addMessages", "mailproxy", 400, {"messages": [{"id": "x" * 255}, {"id": '["y"]'}]})
    assert (len(rows[3][4]["messages"]), rows[3][4]["more"]) == (500, 2)
    assert len(rows) == 4


# Whose messages.

@pytest.fixture
def as_role(database, cluster, db):
    """as_role(name): a connection that logged in with this role; the roles are gone afterwards."""
    made, connections = [], []

    def connect(name, **tenant):
        if name not in made:
            db.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
            made.append(name)
            db.execute(sql.SQL("GRANT USAGE ON SCHEMA mailproxy TO {0};"
                               "GRANT EXECUTE ON FUNCTION mailproxy.current_tenant(), mailproxy.send_batch(jsonb, text, text) TO {0}"
                               ).format(sql.Identifier(name)))
            db.execute("UPDATE mailproxy.tenant SET login_role = %s WHERE tenant_id = %s", (name, tenant.get("tenant")))
        connections.append(psycopg.connect(database.replace("user=" + cluster.USER, "user=" + name), autocommit=True,
                                           cursor_factory=psycopg.ClientCursor))
        return connections[-1]

    yield connect
    for connection in connections:
        connection.close()
    for name in made:
        db.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
        db.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_a_tenants_role_sends_for_its_tenant_alone(as_role, db):
    shop = as_role("acme_shop", tenant="acme")
    for named in ({"tenant_id": None}, {"tenant_id": "acme"}):
        assert content(db, send(shop, **named))["from"] == "shop@acme.example"
    for tenant in ("other", "default", "nobody"):
        with pytest.raises(errors.InsufficientPrivilege, match="tenant mismatch"):
            send(shop, tenant_id=tenant)
        assert send_batch(shop, message("m1", tenant_id=tenant), tenant=None) == {
            "ok": False, "queued": 0, "rejected": [{"id": "m1", "reason": "tenant mismatch"}]}
    assert db.execute("SELECT DISTINCT tenant_id, actor FROM mailproxy.command_log").fetchall() == [("acme", "acme_shop")]
    assert db.execute("SELECT DISTINCT tenant_id FROM mailproxy.message").fetchall() == [("acme",)]


def test_a_tenants_role_needs_no_right_to_any_table(as_role, db):
    shop = as_role("acme_shop", tenant="acme")
    send(shop, id="m1")
    for table, in db.execute("SELECT format('mailproxy.%I', relname) FROM pg_class WHERE relnamespace = 'mailproxy'::regnamespace"
                             " AND relkind IN ('r', 'p')").fetchall():
        with pytest.raises(errors.InsufficientPrivilege):
            shop.execute("SELECT count(*) FROM " + table)
    for call in ("intake_share_tenants('{acme}')", "intake_find_accounts('{acme}', '{main}')", "intake_read('[]', 'acme', NULL, 2)",
                 "intake_log(ARRAY[NULL]::mailproxy.draft[], 'acme', NULL, 'x', NULL, 200::smallint)",
                 "intake_replace_messages('{acme}', '{m1}', '{main}')"):
        with pytest.raises(errors.InsufficientPrivilege):
            shop.execute("SELECT mailproxy." + call)


def test_the_role_is_that_of_set_role(as_role, db):
    as_role("acme_shop", tenant="acme")
    both = as_role("both_shops")
    with pytest.raises(errors.InsufficientPrivilege, match="role both_shops belongs to no tenant"):
        send(both)
    db.execute("GRANT acme_shop TO both_shops")
    both.execute("SET ROLE acme_shop")
    assert both.execute("SELECT mailproxy.current_tenant()").fetchone()[0] == "acme"
    send(both, tenant_id=None)
    both.execute("RESET ROLE")
    with pytest.raises(errors.InsufficientPrivilege, match="role both_shops belongs to no tenant"):
        both.execute("SELECT mailproxy.current_tenant()")
    db.execute("SET ROLE acme_shop")
    with pytest.raises(errors.InsufficientPrivilege, match="tenant mismatch"):
        send(db, tenant_id="other")
    db.execute("RESET ROLE")


def test_who_may_write_messages_may_name_any_tenant(as_role, db):
    assert db.execute("SELECT mailproxy.current_tenant()").fetchone()[0] is None
    operator = as_role("operator")
    with pytest.raises(errors.InsufficientPrivilege):
        send(operator, tenant_id="other")
    db.execute("GRANT INSERT ON mailproxy.message TO operator")
    send(operator, tenant_id="other")


def test_no_role_is_two_tenants(db):
    with pytest.raises(errors.UniqueViolation):
        db.execute("UPDATE mailproxy.tenant SET login_role = 'shop'")


def test_what_a_role_puts_in_the_way_is_not_met(as_role, db):
    """Objects and settings of the caller's own, under names that the functions use."""
    db.execute("CREATE SCHEMA trap")
    db.execute("GRANT ALL ON SCHEMA trap TO PUBLIC")
    shop = as_role("acme_shop", tenant="acme")
    shop.execute("CREATE FUNCTION trap.octet_length(text) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$")
    shop.execute("CREATE FUNCTION trap.jsonb_typeof(jsonb) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$")
    shop.execute("CREATE FUNCTION trap.equal(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$")
    shop.execute("CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.equal)")
    shop.execute("CREATE TEMP TABLE message (message_pk bigint)")
    shop.execute("CREATE TEMP TABLE pg_roles (rolname name)")
    shop.execute("SET search_path = trap, pg_temp, mailproxy, pg_catalog")
    shop.execute("SET standard_conforming_strings = off")
    shop.execute("SET transform_null_equals = on")
    with pytest.raises(errors.RaiseException, match="trapped"):  # its plans are made anew for send_batch()
        shop.execute("SELECT mailproxy.intake_identify('{\"id\":\"m1\"}', NULL, NULL)")
    assert send_batch(shop, message("m1", headers={"X-A": "b"}, attachments=[{"filename": "a\\b.txt", "content": "YQ=="}]),
                      message("m2", subject="a\r\nb"), tenant=None)["rejected"] == [
        {"id": "m2", "reason": "invalid subject: contains CR or LF"}]
    send(shop, id="m3")


# Against everything else that goes on.

def test_two_that_send_the_same_id_wait_for_each_other(watcher, pair):
    interleave(watcher, pair[0], lambda c: send(c.db, id="m1", subject="first"), pair[1], lambda c: send(c.db, id="m1", subject="second"))
    assert content(watcher.db, "m1")["subject"] == "second"
    assert watcher.states() == {"m1": "ready"}


def test_one_that_waited_for_what_was_rolled_back_stores_its_own(watcher, pair):
    pair[0].begin()
    send(pair[0].db, id="m1", subject="first")
    later = Later(lambda: send(pair[1].db, id="m1", subject="second"))
    wait_for(lambda: pair[1].is_waiting(watcher), "the second to wait")
    pair[0].db.execute("ROLLBACK")
    later.join()
    assert content(watcher.db, "m1")["subject"] == "second"


def test_the_api_waits_for_a_transaction_that_sends_the_same_id(watcher, pair):
    def over_http(c):
        assert c.add("m1", batch=None) == [], "told that the id is taken"

    interleave(watcher, pair[0], lambda c: send(c.db, id="m1"), pair[1], over_http)
    interleave(watcher, pair[0], lambda c: c.add("m2", batch=None), pair[1], lambda c: send(c.db, id="m2"))
    assert watcher.states() == {"m1": "ready", "m2": "ready"}


def test_a_claim_sees_nothing_before_the_commit(watcher, pair):
    pair[0].begin()
    send(pair[0].db, id="m1")
    assert watcher.claim() == {}
    pair[0].commit()
    assert set(watcher.claim()) == {"m1"}


def test_suspending_waits_for_who_sends_to_the_batch_and_holds_it_then(watcher, pair):
    interleave(watcher, pair[0], lambda c: send(c.db, id="m1", batch_code="b1"), pair[1], lambda c: c.suspend())
    assert watcher.states() == {"m1": "held"}
    interleave(watcher, pair[0], lambda c: c.activate(), pair[1], lambda c: send(c.db, id="m2", batch_code="b1"))
    assert watcher.states() == {"m1": "ready", "m2": "ready"}


def test_an_account_that_is_being_deleted_is_not_found(watcher, pair):
    def send_late(c):
        with pytest.raises(errors.InvalidParameterValue, match="account not found for tenant"):
            send(c.db, id="m1")

    interleave(watcher, pair[0], lambda c: c.sql("DELETE FROM mailproxy.account WHERE tenant_id = 'acme'"), pair[1], send_late)


def test_deleting_an_account_waits_for_who_sends_over_it_and_takes_the_message_along(watcher, pair):
    interleave(watcher, pair[0], lambda c: send(c.db, id="m1"), pair[1],
               lambda c: c.sql("DELETE FROM mailproxy.account WHERE tenant_id = 'acme'"))
    assert watcher.states() == {}


def test_a_snapshot_that_is_too_old_is_a_serialization_failure(watcher, pair):
    pair[0].sql("BEGIN ISOLATION LEVEL REPEATABLE READ")
    pair[0].sql("SELECT count(*) FROM mailproxy.message")
    watcher.add("m1")
    with pytest.raises(errors.SerializationFailure):
        send(pair[0].db, id="m1")
    pair[0].sql("ROLLBACK")
    pair[0].sql("BEGIN ISOLATION LEVEL SERIALIZABLE")
    send(pair[0].db, id="m1", subject="again")
    pair[0].commit()
    assert content(watcher.db, "m1")["subject"] == "again"
