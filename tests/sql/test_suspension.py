"""
Suspending and activating against everything else that changes a queue row, statement by statement, as the programs run
them: two transactions interleaved by hand, in both orders, and a storm of all of them.
"""

import pathlib
import threading

import psycopg
import pytest
from support.builds import ROOT
from support.waiting import wait_for

STATEMENTS = {path.stem: path.read_text() for path in pathlib.Path(ROOT, "sql", "statements").glob("*/*.sql")}
PREPARE = """
INSERT INTO mailproxy.tenant (tenant_id) VALUES ('acme'), ('other');
INSERT INTO mailproxy.account (tenant_id, account_id, host, port)
     VALUES ('acme', 'main', 'relay.test', 25), ('other', 'main', 'relay.test', 25);
INSERT INTO mailproxy.account_state (tenant_id, account_id) SELECT tenant_id, account_id FROM mailproxy.account;
INSERT INTO mailproxy.tenant_sync (tenant_id) VALUES ('acme'), ('other');
INSERT INTO mailproxy.worker (host, pid, version, lease_s, started_at, steady_since)
     VALUES ('h', 1, 'v', 60, now() - interval '1 hour', now() - interval '1 hour'),
            ('h', 2, 'v', 60, now() - interval '1 hour', now() - interval '1 hour');
"""


class Connection:
    """One connection of a program: its statements by name, and what it sees and waits for."""

    def __init__(self, url):
        self.url = url
        self.db = psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor)
        self.prepared = set()
        self.cursor = None  # of the last statement

    def run(self, statement, *params):
        """The rows of a statement of sql/statements/; none where it returns none."""
        if statement not in self.prepared:
            self.db.execute(f'PREPARE "{statement}" AS {STATEMENTS[statement]}'.replace("%", "%%"), ())
            self.prepared.add(statement)
        marks = "(" + ", ".join(["%s"] * len(params)) + ")" if params else ""
        self.cursor = self.db.execute(f'EXECUTE "{statement}"{marks}', params)
        return self.cursor.fetchall() if self.cursor.description else None

    def sql(self, text, *params):
        cursor = self.db.execute(text, params)
        return cursor.fetchall() if cursor.description else None

    def begin(self):
        self.db.execute("BEGIN")

    def commit(self):
        self.db.execute("COMMIT")

    def is_waiting(self, watcher):
        return watcher.sql("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", self.db.info.backend_pid)[0][0]

    # What the programs do.

    def add(self, *ids, batch="b1", tenant="acme", due_s=None):
        n = len(ids)
        return self.run("enqueue_messages", [tenant] * n, list(ids), ["main"] * n, [2] * n, [100] * n, [0] * n, [batch] * n,
                        [f"<{i}@test>" for i in ids], [False] * n, [due_s] * n, ["{}"] * n)

    def replace(self, *ids, batch="b1", tenant="acme"):
        """As one transaction of the server does it."""
        self.run("share_tenants", [tenant] if batch else [])
        assert self.add(*ids, batch=batch, tenant=tenant) == []
        verdicts = self.run("replace_messages", [tenant] * len(ids), list(ids), ["main"] * len(ids))
        assert {verdict for _, verdict in verdicts} == {"replaced"}
        assert len(self.add(*ids, batch=batch, tenant=tenant)) == len(ids)

    def claim(self, epoch=1):
        """{message_id: (message_pk, lease_token)}"""
        rows = self.run("claim_messages", epoch, [], [], [], 1000, 1000, 65536, [], 1000)
        pk, token, message_id = ([c.name for c in self.cursor.description].index(name)
                                 for name in ("message_pk", "lease_token", "message_id"))
        return {row[message_id]: (row[pk], row[token]) for row in rows if row[pk] is not None}

    def suspend(self, batch="b1", tenant="acme"):
        return self.run("suspend_tenant", tenant, batch, 1000)

    def activate(self, batch="b1", tenant="acme"):
        return self.run("activate_tenant", tenant, batch)

    def states(self):
        """{message_id: state of its queue row}"""
        return dict(self.sql("SELECT m.message_id, q.state::text FROM mailproxy.queue q JOIN mailproxy.message m USING (message_pk)"))


def record(c, claims, outcome="deferred", blame="recipient", phase="dot"):
    n = len(claims)
    later = 0 if outcome == "deferred" else None
    recorded = c.run("record_attempts", [pk for pk, _ in claims], [token for _, token in claims], [outcome] * n, [later] * n,
                     [1] * n, [451] * n, ["4.3.0"] * n, ["451 later"] * n, ["later" if outcome != "sent" else None] * n,
                     [None] * n, [None] * n, [None] * n, [1] * n, [1] * n, [1] * n, [1] * n, [blame] * n, [phase] * n,
                     [outcome == "sent"] * n, [60] * n, [7200] * n)
    assert len(recorded) == n


def reap(c, _claims):
    c.sql("UPDATE mailproxy.worker SET heartbeat_at = now() - interval '1 hour' WHERE epoch = 1")
    assert c.run("reap_workers", 2)


# The ways in which a message leaves a worker's hands and is not done; and its state when its batch is not suspended.
ENDS = {
    "deferred": (lambda c, claims: record(c, claims), "scheduled"),
    "its account at fault": (lambda c, claims: record(c, claims, blame="account", phase="greeting"), "ready"),
    "its account at fault, told of it alone": (lambda c, claims: record(c, claims, blame="account"), "scheduled"),
    "returned": (lambda c, claims: c.run("return_claims", [pk for pk, _ in claims], [t for _, t in claims]), "ready"),
    "recovered": (lambda c, claims: c.run("recover_leases", 1, []), "ready"),
    "its worker ended": (lambda c, claims: c.run("end_worker", 1), "ready"),
    "its worker died": (reap, "ready"),
}


@pytest.fixture
def new_connection(database):
    connections = []

    def start():
        connections.append(Connection(database))
        return connections[-1]

    yield start
    for connection in connections:
        connection.db.close()


@pytest.fixture
def watcher(new_connection):
    watcher = new_connection()
    watcher.sql(PREPARE)
    return watcher


class Later:
    """A call in a thread of its own, which waits for a lock of somebody else."""

    def __init__(self, call):
        self.error = None
        self.thread = threading.Thread(target=self._run, args=(call,))
        self.thread.start()

    def _run(self, call):
        try:
            call()
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def join(self):
        self.thread.join(60)
        assert not self.thread.is_alive(), "it waits for ever"
        if self.error:
            raise self.error


def interleave(watcher, first, do_first, second, do_second):
    """The second begins while the first has done its work and not committed; it waits, and goes on then."""
    first.begin()
    do_first(first)
    later = Later(lambda: do_second(second))
    wait_for(lambda: second.is_waiting(watcher) or not later.thread.is_alive(), "the second to wait")
    assert later.thread.is_alive() or later.error, "the second did not wait for the first"
    first.commit()
    later.join()


@pytest.fixture
def pair(new_connection):
    return new_connection(), new_connection()


# ---- what suspending does ----


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


# ---- races ----


@pytest.mark.parametrize("end", ENDS)
def test_a_lease_that_ends_while_its_batch_is_being_suspended_is_held(watcher, pair, end):
    watcher.add("m1")
    claims = list(watcher.claim().values())
    interleave(watcher, pair[0], lambda c: c.suspend(), pair[1], lambda c: ENDS[end][0](c, claims))
    assert watcher.states() == {"m1": "held"}


@pytest.mark.parametrize("end", ENDS)
def test_suspending_waits_for_a_lease_that_is_ending(watcher, pair, end):
    watcher.add("m1")
    claims = list(watcher.claim().values())
    interleave(watcher, pair[0], lambda c: ENDS[end][0](c, claims), pair[1], lambda c: c.suspend())
    assert watcher.states() == {"m1": "held"}


@pytest.mark.parametrize("end", ENDS)
def test_a_lease_that_ends_while_its_batch_is_being_activated_is_not_held(watcher, pair, end):
    watcher.add("m1")
    claims = list(watcher.claim().values())
    watcher.suspend()
    interleave(watcher, pair[0], lambda c: c.activate(), pair[1], lambda c: ENDS[end][0](c, claims))
    assert watcher.states() == {"m1": ENDS[end][1]}


@pytest.mark.parametrize("end", ENDS)
def test_activating_waits_for_a_lease_that_is_ending(watcher, pair, end):
    watcher.add("m1")
    claims = list(watcher.claim().values())
    watcher.suspend()
    interleave(watcher, pair[0], lambda c: ENDS[end][0](c, claims), pair[1], lambda c: c.activate())
    assert watcher.states() == {"m1": "ready"}


@pytest.mark.parametrize("end", ENDS)
def test_a_lease_without_a_suspended_batch_waits_for_nobody(watcher, pair, end):
    suspending, ending = pair
    watcher.add("none", batch=None)
    claims = list(watcher.claim().values())
    suspending.begin()
    suspending.suspend()
    ending.sql("SET lock_timeout = '10s'")
    ENDS[end][0](ending, claims)
    suspending.commit()
    assert watcher.states() == {"none": ENDS[end][1]}


def test_what_was_sent_waits_for_nobody(watcher, pair):
    suspending, recording = pair
    watcher.add("m1")
    claims = list(watcher.claim().values())
    suspending.begin()
    suspending.suspend()
    recording.sql("SET lock_timeout = '10s'")
    record(recording, claims, outcome="sent")
    suspending.commit()
    assert watcher.states() == {}


def test_a_message_stored_while_its_batch_is_being_suspended_is_held(watcher, pair):
    interleave(watcher, pair[0], lambda c: c.suspend(), pair[1], lambda c: c.add("m1"))
    assert watcher.states() == {"m1": "held"}


def test_suspending_waits_for_messages_that_are_being_stored(watcher, pair):
    interleave(watcher, pair[0], lambda c: c.add("m1"), pair[1], lambda c: c.suspend())
    assert watcher.states() == {"m1": "held"}


def test_a_message_replaced_while_its_batch_is_being_suspended_is_held(watcher, pair):
    watcher.add("m1", "m2")

    def replace(c):
        c.begin()
        c.replace("m1")
        c.commit()

    interleave(watcher, pair[0], lambda c: c.suspend(), pair[1], replace)
    assert watcher.states() == {"m1": "held", "m2": "held"}


def test_suspending_waits_for_a_message_that_is_being_replaced(watcher, pair):
    watcher.add("m1", "m2")
    interleave(watcher, pair[0], lambda c: c.replace("m1"), pair[1], lambda c: c.suspend())
    assert watcher.states() == {"m1": "held", "m2": "held"}


def test_a_message_that_leaves_its_batch_when_it_is_replaced_goes_out(watcher, pair):
    """It has no batch code any more: the transaction that replaces it does not share the tenant."""
    watcher.add("m1", "m2")
    interleave(watcher, pair[0], lambda c: c.replace("m1", batch=None), pair[1], lambda c: c.suspend())
    assert watcher.states() == {"m1": "ready", "m2": "held"}


def test_a_replaced_message_of_a_suspended_batch_stays_held(watcher):
    watcher.add("m1")
    watcher.suspend()
    watcher.begin()
    watcher.replace("m1")
    watcher.commit()
    assert watcher.states() == {"m1": "held"}


def test_suspending_waits_for_a_claim_and_leaves_it_what_it_took(watcher, pair):
    watcher.add("m1")
    taken = {}
    interleave(watcher, pair[0], lambda c: taken.update(c.claim()), pair[1], lambda c: c.suspend())
    assert watcher.states() == {"m1": "leased"}
    ENDS["returned"][0](watcher, list(taken.values()))
    assert watcher.states() == {"m1": "held"}


def test_a_claim_passes_by_what_is_being_suspended(watcher, pair):
    suspending, claiming = pair
    watcher.add("m1")
    watcher.add("none", batch=None)
    suspending.begin()
    suspending.suspend()
    claiming.sql("SET lock_timeout = '10s'")
    assert set(claiming.claim()) == {"none"}
    suspending.commit()
    assert claiming.claim() == {}


def test_suspending_waits_for_a_promotion_and_holds_what_it_promoted(watcher, pair):
    watcher.add("m1")
    watcher.sql("UPDATE mailproxy.queue SET state = 'scheduled'")
    interleave(watcher, pair[0], lambda c: c.run("promote_due", 100), pair[1], lambda c: c.suspend())
    assert watcher.states() == {"m1": "held"}


def test_a_promotion_passes_by_what_is_being_suspended(watcher, pair):
    suspending, promoting = pair
    watcher.add("m1")
    watcher.sql("UPDATE mailproxy.queue SET state = 'scheduled'")
    suspending.begin()
    suspending.suspend()
    promoting.sql("SET lock_timeout = '10s'")
    assert promoting.run("promote_due", 100) == [(0,)]
    suspending.commit()
    assert promoting.run("promote_due", 100) == [(0,)]
    assert watcher.states() == {"m1": "held"}


def test_two_tenants_are_suspended_side_by_side(watcher, pair):
    """The one who is second waits for the row that tells the workers, and for nothing else: no circle with one who
    suspends both."""
    watcher.add("a")
    watcher.add("b", tenant="other")
    interleave(watcher, pair[0], lambda c: c.suspend(tenant="other"), pair[1],
               lambda c: c.sql("UPDATE mailproxy.tenant SET suspended_batches = '{b1}'"))
    assert watcher.states() == {"a": "held", "b": "held"}


def storm_worker(connection, epoch, turns):
    for turn in range(turns):
        claims = list(connection.claim(epoch).values())
        third = len(claims) // 3
        if claims[:third]:
            record(connection, claims[:third], blame="account" if turn % 2 else "recipient")
        if claims[third:2 * third]:
            ENDS["returned"][0](connection, claims[third:2 * third])
        connection.sql("UPDATE mailproxy.account_state SET gate_until = NULL, gate_reason = NULL, gate_recheck_at = NULL, failures = 0")
        connection.run("promote_due", 1000)
        connection.run("recover_leases", epoch, [])


def storm_server(connection, tenant, turns):
    for turn in range(turns):
        connection.begin()
        try:
            connection.replace(*[f"{tenant}-b1-{i}" for i in range(turn % 7, 30, 3)], batch="b1", tenant=tenant)
            connection.commit()
        except (AssertionError, psycopg.errors.NotNullViolation):  # one of them is in a worker's hands
            connection.db.execute("ROLLBACK")


def storm_control(connection, tenant, turns):
    for turn in range(turns):
        connection.suspend("b1" if turn % 5 else None, tenant)
        connection.activate(None, tenant)
        connection.suspend("b2", tenant)
        connection.activate("b2", tenant)


def test_a_storm_of_all_of_it_ends_in_no_deadlock_and_no_wrong_state(watcher, new_connection):
    for tenant in ("acme", "other"):
        for batch in ("b1", "b2", None):
            watcher.add(*[f"{tenant}-{batch}-{i}" for i in range(30)], batch=batch, tenant=tenant)
    calls = [lambda e=epoch, c=new_connection(): storm_worker(c, e, 15) for epoch in (1, 2)]
    for tenant in ("acme", "other"):
        calls.append(lambda t=tenant, c=new_connection(): storm_server(c, t, 15))
        calls += [lambda t=tenant, c=new_connection(): storm_control(c, t, 15) for _ in range(2)]
    storm = [Later(call) for call in calls]
    for part in storm:
        part.join()
    assert watcher.sql("SELECT count(*) > 0 FROM mailproxy.attempt") == [(True,)], "there was something in the workers' hands"
    for tenant in ("acme", "other"):
        watcher.activate(None, tenant)
    assert "held" not in watcher.states().values()
    for tenant in ("acme", "other"):
        watcher.suspend("b1", tenant)
    states = watcher.states()
    assert len(states) == 180
    assert {states[i] for i in states if "-b1-" in i} == {"held"}
    assert "held" not in {states[i] for i in states if "-b1-" not in i}
