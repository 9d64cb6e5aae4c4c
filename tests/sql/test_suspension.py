"""What suspending and activating do to queue rows, by the API's statements and by hand."""

import psycopg
import pytest
from support.suspension_sql import record


def test_a_suspended_batch_is_held_and_let_go(watcher):
    watcher.add("a", "b")
    watcher.add("later", due_s=32503680000)
    watcher.add("another", batch="b2")
    watcher.add("none", batch=None)
    assert watcher.suspend() == [(["b1"], False)]
    assert watcher.states() == {"a": "held", "b": "held", "later": "held", "another": "ready", "none": "ready"}
    assert set(watcher.claim()) == {"another", "none"}
    assert watcher.activate() == [([],)]
    assert watcher.states() == {"a": "ready", "b": "ready", "later": "scheduled", "another": "leased", "none": "leased"}


def test_a_suspended_tenant_is_passed_by_and_its_rows_are_not_touched(watcher):
    watcher.add("a")
    watcher.add("none", batch=None)
    watcher.add("theirs", tenant="other")
    before = watcher.sql("SELECT ctid, state FROM mailproxy.queue ORDER BY 1")
    assert watcher.suspend(None) == [(["*"], False)]
    assert watcher.suspend("b1") == [(["*"], False)], "nothing more to suspend"
    assert watcher.sql("SELECT ctid, state FROM mailproxy.queue ORDER BY 1") == before
    assert set(watcher.claim()) == {"theirs"}
    assert watcher.activate("b1") == [], "a single batch of what is suspended as a whole"
    assert watcher.activate(None) == [([],)]
    assert set(watcher.claim()) == {"a", "none"}


def test_what_was_held_when_the_whole_tenant_was_suspended_goes_on_with_it(watcher):
    watcher.add("a")
    watcher.suspend("b1")
    watcher.suspend(None)
    watcher.add("b")
    assert watcher.claim() == {}
    watcher.activate(None)
    assert watcher.states() == {"a": "ready", "b": "ready"}


def test_batches_are_listed_in_order_and_once(watcher):
    for code in ("z", "a", "Z", "é", "a"):
        rows = watcher.suspend(code)
    assert rows == [(["Z", "a", "z", "é"], False)]
    assert watcher.activate("nothing of the kind") == [(["Z", "a", "z", "é"],)]
    assert watcher.run("suspend_tenant", "acme", "more", 4) == [(["Z", "a", "more", "z", "é"], True)]
    assert watcher.activate("z") == [(["Z", "a", "é"],)]
    assert watcher.suspend(tenant="nobody") == [] and watcher.activate(tenant="nobody") == []


def test_an_edit_by_sql_does_the_same(watcher):
    watcher.add("a")
    watcher.add("b", batch="b2")
    before = watcher.run("read_suspension")
    watcher.sql("UPDATE mailproxy.tenant SET suspended_batches = '{b1,b2}' WHERE tenant_id = 'acme'")
    assert watcher.states() == {"a": "held", "b": "held"}
    watcher.sql("UPDATE mailproxy.tenant SET suspended_batches = '{b2}', name = 'Acme'")  # all of them, all at once
    assert watcher.states() == {"a": "ready", "b": "held"}
    assert watcher.run("read_suspension")[0][0] == before[0][0] + 2
    watcher.sql("UPDATE mailproxy.tenant SET name = 'Acme & Co.'")
    assert watcher.run("read_suspension")[0][0] == before[0][0] + 2, "nothing was suspended or activated"


def test_an_edit_that_would_miss_messages_is_refused(watcher):
    with pytest.raises(psycopg.errors.RaiseException, match="read committed"):
        watcher.sql("BEGIN ISOLATION LEVEL REPEATABLE READ;"
                    "UPDATE mailproxy.tenant SET suspended_batches = '{b1}' WHERE tenant_id = 'acme'; COMMIT")


def test_the_switch_of_the_whole_service_is_left_alone_where_there_are_tenants(watcher):
    assert watcher.run("switch_instance", False) == [(True,)]
    assert watcher.sql("SELECT active FROM mailproxy.instance") == [(True,)]
    watcher.sql("DELETE FROM mailproxy.tenant WHERE tenant_id <> 'default'")
    before = watcher.run("read_suspension")
    assert watcher.run("switch_instance", False) == [(False,)]
    assert watcher.run("switch_instance", False) == [(False,)]
    assert watcher.sql("SELECT active FROM mailproxy.instance") == [(False,)]
    assert watcher.run("read_suspension")[0][0] == before[0][0] + 1


def test_whoever_suspends_or_activates_wakes_the_workers(watcher, pair):
    listener, other = pair
    listener.sql("LISTEN mailproxy_wake")
    other.suspend()
    other.activate()
    other.sql("UPDATE mailproxy.instance SET active = false")
    other.sql("UPDATE mailproxy.tenant SET name = 'x'")
    other.sql("NOTIFY mailproxy_wake, 'end'")
    told = []
    for notify in listener.db.notifies():
        told.append(notify.payload)
        if notify.payload == "end":
            break
    assert told.count("suspension") == 3


def test_a_worker_is_told_what_it_holds_of_what_is_suspended(watcher):
    watcher.add("a", "b")
    watcher.add("c", batch="b2")
    watcher.add("none", batch=None)
    watcher.add("theirs", tenant="other")
    claims = watcher.claim()

    def listed(epoch=1):
        tokens = [token for token, in watcher.run("list_suspended_leases", epoch)]
        assert tokens == sorted(tokens)
        return {message_id for message_id, (_, token) in claims.items() if token in tokens}

    assert listed() == set()
    watcher.suspend("b1")
    assert listed() == {"a", "b"}
    assert listed(epoch=2) == set()
    watcher.suspend(None)
    assert listed() == {"a", "b", "c", "none"}
    watcher.activate(None)
    assert listed() == set()
    watcher.sql("UPDATE mailproxy.instance SET active = false")
    assert listed() == set(claims)


def test_unsent_messages_are_counted_whatever_their_state(watcher):
    watcher.add("sent")
    record(watcher, list(watcher.claim().values()), outcome="sent")
    watcher.add("held", "held too")
    watcher.suspend("b1")
    watcher.add("leased", batch="b2")
    watcher.claim()
    watcher.add("ready", batch="b2")
    watcher.add("scheduled", batch="b2", due_s=32503680000)
    watcher.add("none", batch=None)
    watcher.add("theirs", "theirs too", tenant="other")
    count = lambda *of: watcher.run("count_pending", *of)[0][0]  # noqa: E731
    assert (count("acme", None), count("acme", "b1"), count("acme", "b2"), count("acme", "b3")) == (6, 2, 3, 0)
    assert (count("other", None), count("other", "b1"), count("nobody", None)) == (2, 2, 0)
