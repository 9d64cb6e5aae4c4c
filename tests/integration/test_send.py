"""A store with a database login: mailproxy.send() in its own transaction, with a server and a worker running."""

import json

import psycopg
import pytest
from support.programs import message
from support.waiting import wait_for


@pytest.fixture
def shop(shared):
    """A connection of a store that has a table of its own."""
    with psycopg.connect(shared.database_url, autocommit=True) as db:
        db.execute("CREATE TEMP TABLE orders (number integer PRIMARY KEY, mail text)")
        yield db


def order(db, tenant, number, **arguments):
    """What a store does: its own row and the message about it, or neither."""
    call = 'SELECT mailproxy.send(tenant_id => %s, id => %s, account_id => \'main\', "from" => %s, "to" => %s, subject => %s, body => %s'
    values = [tenant.tenant_id, f"order-{number}", "shop@example.com", "Ann <ann@example.net>", f"Order {number}", "Thank you.\n"]
    call += "".join(f", {name} => %s" for name in arguments) + ")"
    (message_id,) = db.execute(call, [*values, *arguments.values()]).fetchone()
    db.execute("INSERT INTO orders VALUES (%s, %s)", (number, message_id))


def test_a_committed_order_is_mailed_and_reported(new_tenant, relay, store, shop):
    tenant = new_tenant(relay, store)
    with shop.transaction():
        order(shop, tenant, 1)
        order(shop, tenant, 2, attachments=psycopg.types.json.Jsonb([{"filename": "bill.txt", "content": "MiBFVVIK"}]))
    tenant.wait_state("sent", "order-1", "order-2")
    mails = {mail.id: mail for mail in relay.mails}
    assert sorted(mails) == ["order-1", "order-2"]
    assert (mails["order-1"].header("Subject"), mails["order-1"].recipients) == ("Order 1", ["ann@example.net"])
    assert b"Thank you." in mails["order-1"].octets
    assert b"bill.txt" in mails["order-2"].octets and b"MiBFVVIK" in mails["order-2"].octets
    for message_id in ("order-1", "order-2"):
        wait_for(lambda: store.entries(message_id), "the report")
    assert tenant.message("order-1")["message"]["to"] == "Ann <ann@example.net>"


def test_an_order_that_is_rolled_back_sends_nothing(new_tenant, relay, store, shop):
    tenant = new_tenant(relay, store)
    with pytest.raises(psycopg.errors.UniqueViolation), shop.transaction():
        order(shop, tenant, 1)
        order(shop, tenant, 3)
        order(shop, tenant, 3)
    assert tenant.messages() == []
    with shop.transaction():
        order(shop, tenant, 4)
    tenant.wait_state("sent", "order-4")
    assert [mail.id for mail in relay.mails] == ["order-4"]
    wait_for(lambda: store.entries("order-4"), "the report")
    assert store.entries("order-1") == store.entries("order-3") == []


def test_what_was_sent_in_sql_is_known_over_http_and_the_other_way_round(new_tenant, relay, store, shop):
    tenant = new_tenant(relay, store)
    order(shop, tenant, 1)
    tenant.enqueue(message("order-2"))
    tenant.wait_state("sent", "order-1", "order-2")
    assert tenant.add(message("order-1"), tenant_id=tenant.tenant_id).json["rejected"] == [{"id": "order-1", "reason": "already sent"}]
    with pytest.raises(psycopg.errors.UniqueViolation, match="already sent"):
        order(shop, tenant, 2)


def test_both_ways_at_once_lose_nothing_and_send_nothing_twice(new_tenant, relay, store, shop):
    tenant = new_tenant(relay, store)
    ids = [f"m{i}" for i in range(200)]
    for start in range(0, 200, 50):
        piece = ids[start:start + 50]
        with shop.transaction():
            answer = shop.execute("SELECT mailproxy.send_batch(%s::text::jsonb, %s)",
                                  (json.dumps([message(i) for i in piece]), tenant.tenant_id)).fetchone()[0]
            assert answer["queued"] == 50
        tenant.add(*[message(i) for i in piece[:25]], tenant_id=tenant.tenant_id)
    tenant.wait_state("sent", *ids)
    tenant.wait_all_final()
    tenant.system.assert_accounted_for()
