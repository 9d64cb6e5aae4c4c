"""Functions that act for an operator: what each does to which messages, as a preview, in chunks, again, and beside the workers."""

import json

import psycopg
import pytest
from psycopg import errors
from support.queue_sql import add_account
from support.suspension_sql import Later, interleave, record
from support.waiting import wait_for

NOTHING = (0, 0, 0, None)
# A call of each that acts on waiting messages, whichever they are.
ON_WAITING = {"cancel": "'acme'", "reroute": "'acme', 'spare'", "reprioritise": "'acme', 0"}


@pytest.fixture
def db(watcher):
    add_account(watcher.db, account="spare")
    watcher.sql("LISTEN mailproxy_wake")
    watcher.notified = []
    watcher.db.add_notify_handler(lambda n: watcher.notified.append(n.channel))
    return watcher


def call(db, function, arguments):
    """(messages, busy, remaining, examples)"""
    row, = db.sql(f"SELECT * FROM mailproxy.{function}({arguments})")
    return row


def act(db, function, arguments):
    return call(db, function, arguments + ", dry_run => false")


def message(db, message_id):
    names = ("state", "reason", "retries", "deferred_since", "reply_code", "settled", "account_id", "priority", "finished")
    row, = db.sql("SELECT state::text, reason, retries, deferred_since, reply_code, settled, account_id, priority, finished_at IS NOT NULL"
                  " FROM mailproxy.message WHERE message_id = %s", message_id)
    return dict(zip(names, row))


def queue(db, message_id, *columns):
    """The row's columns; None: it has none."""
    rows = db.sql(f"SELECT {', '.join(columns)} FROM mailproxy.queue q JOIN mailproxy.message m USING (message_pk) WHERE m.message_id = %s", message_id)
    return rows[0] if rows else None


def everything(db):
    return [db.sql(f"SELECT * FROM mailproxy.{table} ORDER BY 1, 2")
            for table in ("message", "queue", "event", "message_body", "tenant_sync", "command_log", "account", "instance")]


def fail(db, *ids, outcome="error", settled=None, **columns):
    """Messages that a worker has tried once."""
    db.add(*ids, batch=columns.pop("batch", "b1"))
    claims = [c for i, c in db.claim().items() if i in ids]
    record(db, claims, outcome)
    for column, value in {"settled": json.dumps(settled) if settled else None, **columns}.items():
        db.sql(f"UPDATE mailproxy.message SET {column} = %s WHERE message_id = ANY (%s)", value, list(ids))


def tell(db):
    db.sql("UPDATE mailproxy.event SET reported_at = now()")


def woken(db):
    """Whether the workers were notified since it was asked before."""
    db.sql("SELECT 1")  # what has arrived comes with the answer
    notified, db.notified[:] = bool(db.notified), []
    return notified


def audit(db):
    assert db.sql("SELECT m.message_id FROM mailproxy.message m FULL JOIN mailproxy.queue q USING (message_pk)"
                  " WHERE (m.state = 'queued') IS DISTINCT FROM (q.message_pk IS NOT NULL)") == []


# Which messages.

def test_the_predicates_are_of_one_tenant_and_all_hold_at_once(db):
    fail(db, "450", outcome="deferred", reply_code=450, batch="b1")
    fail(db, "421", outcome="deferred", reply_code=421, batch="b2")
    fail(db, "none", outcome="deferred", reply_code=None, batch="b1")
    db.add("fresh", batch="b1")
    db.add("theirs", tenant="other")
    db.sql("INSERT INTO mailproxy.attempt (message_pk, worker_epoch, attempt, outcome, tenant_id, account_id, status)"
           " SELECT message_pk, 1, 2, 'deferred', tenant_id, account_id, '4.7.1' FROM mailproxy.message WHERE message_id = '421'")
    db.sql("UPDATE mailproxy.message SET account_id = 'spare' WHERE message_id = 'fresh';"
           "UPDATE mailproxy.queue SET account_id = 'spare' WHERE message_pk = (SELECT message_pk FROM mailproxy.message WHERE message_id = 'fresh')")

    def chosen(arguments):
        done = call(db, "cancel", "'acme'" + arguments)
        assert done[0] == len(done[3]) and done[1:3] == (0, 0)
        return set(done[3])

    assert chosen("") == {"450", "421", "none", "fresh"}
    assert chosen(", account_id => 'spare'") == {"fresh"}
    assert chosen(", batch_code => 'b1'") == {"450", "none", "fresh"}
    assert chosen(", batch_code => 'b1', account_id => 'main'") == {"450", "none"}
    assert chosen(", message_ids => '{450,fresh,theirs,nobody}'") == {"450", "fresh"}
    assert chosen(", reply_class => '4xx'") == {"450", "421"}
    assert chosen(", reply_class => '450'") == {"450"}
    assert chosen(", reply_class => '4.7.1'") == {"421"}, "that of its last attempt"
    assert chosen(", reply_class => '4.3.0'") == {"450", "none"}
    assert chosen(", reply_class => 'none'") == {"none"}, "what was never tried had no reply to wait for"
    assert chosen(", reply_class => '5xx'") == set()


@pytest.mark.parametrize("arguments, error", [
    ("'nobody'", errors.NoDataFound), ("NULL", errors.NoDataFound), ("'acme', account_id => 'nobody'", errors.NoDataFound),
    ("'acme', reply_class => '4x'", errors.InvalidParameterValue), ("'acme', reply_class => '999'", errors.InvalidParameterValue)])
def test_what_is_not_there_is_an_error(db, arguments, error):
    with pytest.raises(error):
        call(db, "cancel", arguments)


@pytest.mark.parametrize("function", [*ON_WAITING, "requeue", "purge"])
def test_unless_it_is_told_to_act_it_changes_nothing(db, function):
    fail(db, "failed")
    tell(db)
    db.add("a", "b")
    before = everything(db)
    done = call(db, function, ON_WAITING.get(function, "'acme'"))
    assert done[0] > 0 and done[3]
    assert everything(db) == before
    assert act(db, function, ON_WAITING.get(function, "'acme'")) == done, "and then it does what it has shown"
    assert everything(db) != before


@pytest.mark.parametrize("function", [*ON_WAITING, "requeue", "purge"])
def test_it_is_done_in_chunks_until_nothing_is_left(db, function):
    ids = [f"m{i}" for i in range(7)]
    if function in ON_WAITING:
        db.add(*ids)
    else:
        fail(db, *ids)
        tell(db)
    arguments = ON_WAITING.get(function, "'acme'") + ", max_messages => 3"
    assert [act(db, function, arguments)[:3] for _ in range(4)] == [(3, 0, 4), (3, 0, 1), (1, 0, 0), (0, 0, 0)]
    assert db.sql("SELECT (payload ->> 'messages')::integer, actor = session_user FROM mailproxy.command_log ORDER BY command_id") == [
        (3, True), (3, True), (1, True)]
    audit(db)


@pytest.mark.parametrize("function", ON_WAITING)
def test_what_a_worker_has_in_its_hands_is_left_to_it(db, function):
    db.add("held", batch=None)
    claims = db.claim()
    db.add("a")
    assert act(db, function, ON_WAITING[function]) == (1, 1, 0, ["a"])
    assert queue(db, "held", "q.state::text", "q.account_id", "q.priority") == ("leased", "main", 2)
    record(db, list(claims.values()), "sent")
    assert message(db, "held")["state"] == "sent"


@pytest.mark.parametrize("function", ON_WAITING)
def test_what_is_claimed_while_it_waits_is_left_to_the_worker(db, pair, function):
    db.add("a", "b")
    done = []
    claiming, acting = pair
    claiming.begin()
    pk, = db.sql("SELECT min(message_pk) FROM mailproxy.queue")[0]
    claiming.sql("UPDATE mailproxy.queue SET state = 'leased', lease_token = 1, lease_epoch = 1, leased_at = now() WHERE message_pk = %s", pk)
    later = Later(lambda: done.append(act(acting, function, ON_WAITING[function])))
    wait_for(lambda: acting.is_waiting(db), "it to wait for the claim")
    claiming.commit()
    later.join()
    assert done[0][:3] == (1, 0, 1)
    assert queue(db, "a", "q.state::text", "q.account_id", "q.priority") == ("leased", "main", 2)
    assert call(db, function, ON_WAITING[function])[:3] == (0, 1, 0)
    audit(db)


@pytest.mark.parametrize("function", ON_WAITING)
def test_a_claim_passes_by_what_is_being_changed(db, pair, function):
    db.add("a", batch=None)
    acting, claiming = pair
    acting.begin()
    act(acting, function, ON_WAITING[function])
    assert claiming.claim() == {}
    acting.db.execute("ROLLBACK")
    assert set(claiming.claim()) == {"a"}


@pytest.mark.parametrize("function", [*ON_WAITING, "requeue"])
def test_workers_are_woken_when_it_is_committed(db, function):
    fail(db, "failed")
    db.add("a")
    woken(db)
    call(db, function, ON_WAITING.get(function, "'acme'"))
    assert not woken(db)
    act(db, function, ON_WAITING.get(function, "'acme'"))
    assert woken(db)


def test_a_long_list_of_ids_is_noted_by_its_beginning_and_length(db):
    ids = [f"m{i}" for i in range(250)]
    db.add(*ids)
    assert act(db, "cancel", "'acme', message_ids => '{%s}'" % ",".join(ids))[0] == 250
    (endpoint, tenant, status, payload), = db.sql("SELECT endpoint, tenant_id, response_status, payload FROM mailproxy.command_log")
    assert (endpoint, tenant, status) == ("cancelMessages", "acme", 200)
    assert payload == {"tenant_id": "acme", "reason": "cancelled by the operator", "message_ids": ids[:100], "message_ids_count": 250,
                       "messages": 250, "busy": 0}


def test_nobody_may_run_them_until_it_is_granted(db):
    assert db.sql("SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'mailproxy'::regnamespace AND p.prosecdef"
                  " AND has_function_privilege('public', p.oid, 'EXECUTE')"
                  " AND p.proname = ANY ('{pause,resume,cancel,requeue,reroute,reprioritise,retry_now,purge,reap_worker}')") == []


# Each.

def test_a_cancelled_message_is_told_as_an_error(db):
    db.add("a")
    news = db.sql("SELECT news_seq FROM mailproxy.tenant_sync WHERE tenant_id = 'acme'")[0][0]
    assert act(db, "cancel", "'acme', reason => 'a mistake'") == (1, 0, 0, ["a"])
    told = message(db, "a")
    assert (told["state"], told["reason"], told["finished"], queue(db, "a", "1")) == ("cancelled", "a mistake", True, None)
    assert db.sql("SELECT event_type::text, description, metadata, reported_at FROM mailproxy.event") == [("error", "a mistake", None, None)]
    assert db.sql("SELECT news_seq FROM mailproxy.tenant_sync WHERE tenant_id = 'acme'")[0][0] == news + 1
    row = dict(zip(*listing(db)))
    assert (row["status"], row["error"]) == ("error", "a mistake")
    assert act(db, "cancel", "'acme'") == (0, 0, 0, [])


def listing(db):
    rows = db.run("list_messages", "acme", False, None, None, None, -1, 0, "", "", 1000, None)
    return ["wanted", "pk", "id", "tenant", "name", "account", "priority", "batch", "status", "deferred_ts", "deferred_reason", "sent_ts",
            "error_ts", "error"], rows[0]


def test_who_has_a_cancelled_message_already_is_said(db):
    fail(db, "a", outcome="deferred", settled=[{"address": "has@it", "outcome": "sent"},
                                               {"address": "gone@it", "outcome": "error", "code": 550, "reason": "no"}])
    act(db, "cancel", "'acme'")
    assert message(db, "a")["reason"] == "cancelled by the operator; sent before that to has@it"
    assert db.sql("SELECT metadata FROM mailproxy.event WHERE event_type = 'error'") == [
        ({"refused": [{"address": "gone@it", "code": 550, "reason": "no"}]},)]


@pytest.mark.parametrize("state", ["scheduled", "held"])
def test_messages_that_wait_for_their_time_or_batch_are_cancelled_as_well(db, state):
    db.add("a", due_s=32503680000)
    if state == "held":
        db.suspend()
    assert queue(db, "a", "q.state::text") == (state,)
    assert act(db, "cancel", "'acme'")[0] == 1
    db.activate()
    audit(db)


def test_a_requeued_message_begins_afresh(db):
    fail(db, "a", retries=5, reply_code=550, settled=[{"address": "has@it", "outcome": "sent"}, {"address": "no@it", "outcome": "error", "code": 550}])
    db.sql("UPDATE mailproxy.message SET deferred_since = now()")
    assert act(db, "requeue", "'acme', reply_class => '550'") == (1, 0, 0, ["a"])
    assert message(db, "a") == {"state": "queued", "reason": None, "retries": 0, "deferred_since": None, "reply_code": None, "account_id": "main",
                                "settled": [{"address": "has@it", "outcome": "sent"}], "priority": 2, "finished": False}
    assert queue(db, "a", "q.state::text", "q.attempts", "q.priority", "q.due_at <= now()") == ("ready", 0, 2, True)
    assert act(db, "requeue", "'acme'")[0] == 0
    assert set(db.claim()) == {"a"}


def test_an_error_that_was_not_told_is_not_told_any_more(db):
    fail(db, "told")
    tell(db)
    fail(db, "untold")
    act(db, "requeue", "'acme'")
    assert db.sql("SELECT m.message_id FROM mailproxy.event e JOIN mailproxy.message m USING (message_pk)") == [("told",)]


def test_what_was_cancelled_may_be_requeued_and_what_was_sent_may_not(db):
    fail(db, "sent", outcome="sent")
    db.add("cancelled")
    act(db, "cancel", "'acme'")
    assert act(db, "requeue", "'acme'") == (1, 0, 0, ["cancelled"])
    audit(db)


def test_a_requeued_message_of_a_suspended_batch_is_held(db, pair):
    fail(db, "a", "b")
    fail(db, "none", batch=None)
    interleave(db, pair[0], lambda c: c.suspend(), pair[1], lambda c: act(c, "requeue", "'acme', message_ids => '{a,none}'"))
    assert db.states() == {"a": "held", "none": "ready"}
    db.activate()
    interleave(db, pair[0], lambda c: act(c, "requeue", "'acme'"), pair[1], lambda c: c.suspend())
    assert db.states() == {"a": "held", "b": "held", "none": "ready"}


def test_a_message_without_its_content_is_not_requeued(db):
    fail(db, "a", "bare")
    db.sql("DELETE FROM mailproxy.message_body WHERE message_pk = (SELECT message_pk FROM mailproxy.message WHERE message_id = 'bare')")
    notices = []
    db.db.add_notice_handler(lambda n: notices.append(n.message_primary))
    assert act(db, "requeue", "'acme'") == (1, 0, 0, ["a"])
    assert "1 messages" in notices[0]
    assert message(db, "bare")["state"] == "error"


def test_what_was_deferred_is_tried_now_and_what_its_sender_wants_later_is_not(db):
    fail(db, "a", "b", "c", outcome="deferred", reply_code=450)
    db.add("later", due_s=32503680000)
    db.add("fresh")
    before = everything(db)
    assert call(db, "retry_now", "'acme', reply_class => '4xx'") == (3, 0, 0, ["a", "b", "c"])
    assert everything(db) == before
    woken(db)
    assert act(db, "retry_now", "'acme', max_messages => 2") == (2, 0, 1, ["a", "b"])
    assert woken(db)
    assert queue(db, "a", "q.state::text", "q.due_at <= now()", "q.attempts") == ("ready", True, 1)
    assert [queue(db, message_id, "q.state::text") for message_id in ("c", "later", "fresh")] == [("scheduled",), ("scheduled",), ("ready",)]
    assert act(db, "retry_now", "'acme', message_ids => '{c,later,fresh}'")[0] == 1
    assert act(db, "retry_now", "'acme'") == (0, 0, 0, [])
    assert set(db.claim()) == {"a", "b", "c", "fresh"}
    audit(db)


def test_what_is_promoted_meanwhile_is_left_alone(db, pair):
    fail(db, "a", "b", outcome="deferred")
    done = []
    promoting, acting = pair
    promoting.begin()
    promoting.sql("UPDATE mailproxy.queue SET state = 'ready' WHERE message_pk = (SELECT min(message_pk) FROM mailproxy.queue)")
    later = Later(lambda: done.append(act(acting, "retry_now", "'acme'")))
    wait_for(lambda: acting.is_waiting(db), "it to wait for the promotion")
    promoting.commit()
    later.join()
    assert done[0][:3] == (1, 0, 1)
    audit(db)


def test_a_rerouted_message_goes_over_the_other_account(db):
    db.add("a")
    assert act(db, "reroute", "'acme', 'spare', account_id => 'main'") == (1, 0, 0, ["a"])
    assert message(db, "a")["account_id"] == "spare" and queue(db, "a", "q.account_id") == ("spare",)
    assert act(db, "reroute", "'acme', 'spare'")[0] == 0
    assert set(db.claim()) == {"a"}


def test_what_waited_for_the_account_goes_at_once_and_what_waits_for_its_time_waits(db):
    db.add("gated", "quota", "busy", "later", batch=None)
    for ids, change in ((["gated"], "due_at = now() + interval '1 hour'"),
                        (["quota"], "state = 'scheduled', waits_for_account = true, due_at = now() + interval '1 hour'"),
                        (["busy", "later"], "state = 'scheduled', due_at = now() + interval '1 hour'")):
        db.sql(f"UPDATE mailproxy.queue q SET {change} FROM mailproxy.message m WHERE m.message_pk = q.message_pk AND m.message_id = ANY (%s)", ids)
    db.sql("UPDATE mailproxy.message SET retries = 3, deferred_since = now() WHERE message_id = 'quota'")
    assert act(db, "reroute", "'acme', 'spare'")[0] == 4
    for message_id, state, is_due in (("gated", "ready", True), ("quota", "ready", True), ("busy", "scheduled", False), ("later", "scheduled", False)):
        assert queue(db, message_id, "q.state::text", "q.due_at <= now()", "q.waits_for_account") == (state, is_due, False), message_id
    assert (message(db, "quota")["retries"], message(db, "quota")["deferred_since"]) == (0, None)


def test_certified_mail_stays_certified(db):
    add_account(db.db, account="pec", is_pec_account=True)
    db.add("a")
    with pytest.raises(errors.InvalidParameterValue, match="PEC"):
        act(db, "reroute", "'acme', 'pec'")
    db.sql("UPDATE mailproxy.message SET is_pec = true, account_id = 'pec'; UPDATE mailproxy.queue SET account_id = 'pec'")
    with pytest.raises(errors.InvalidParameterValue, match="PEC"):
        act(db, "reroute", "'acme', 'main'")


def test_an_account_that_is_not_the_tenants_is_no_way_out(db):
    add_account(db.db, tenant="third", account="elsewhere")
    db.add("a")
    for account in ("'elsewhere'", "NULL"):
        with pytest.raises(errors.NoDataFound):
            act(db, "reroute", "'acme', " + account)


def test_rerouting_and_the_deletion_of_the_account_wait_for_each_other(db, pair):
    db.add("a")
    interleave(db, pair[0], lambda c: act(c, "reroute", "'acme', 'spare'"), pair[1], lambda c: c.run("delete_account", "acme", "spare"))
    assert db.sql("SELECT count(*) FROM mailproxy.message") == [(0,)]
    db.add("b")
    add_account(db.db, account="spare")
    with pytest.raises(errors.NoDataFound):
        interleave(db, pair[0], lambda c: c.run("delete_account", "acme", "spare"), pair[1], lambda c: act(c, "reroute", "'acme', 'spare'"))


def test_a_new_priority_is_the_messages_own(db):
    db.add("a", "b", batch=None)
    assert act(db, "reprioritise", "'acme', 0, message_ids => '{b}'")[3] == ["b"]
    assert message(db, "b")["priority"] == 0 and queue(db, "b", "q.priority") == (0,)
    assert list(db.claim()) == ["b", "a"]
    for wrong in ("4", "-1", "NULL"):
        with pytest.raises(errors.InvalidParameterValue):
            act(db, "reprioritise", "'acme', " + wrong)


def test_what_is_purged_is_final_and_told_of(db):
    fail(db, "told", "young")
    tell(db)
    fail(db, "untold")
    db.add("waits")
    db.sql("UPDATE mailproxy.message SET finished_at = now() - interval '1 hour' WHERE message_id = 'told'")
    assert call(db, "purge", "'acme', older_than => '30 minutes'")[3] == ["told"]
    assert act(db, "purge", "'acme'")[3] == ["told", "young"]
    assert act(db, "purge", "'acme'") == (0, 0, 1, [])
    assert act(db, "purge", "'acme', untold => true")[3] == ["untold"]
    assert db.sql("SELECT message_id FROM mailproxy.message") == [("waits",)]
    for table in ("event", "message_body"):
        assert db.sql(f"SELECT message_pk FROM mailproxy.{table} EXCEPT SELECT message_pk FROM mailproxy.message") == [], table


# Pause and resume.

def test_a_paused_account_is_passed_by_until_it_is_resumed(db):
    db.add("a", "b", batch=None)
    woken(db)
    before = db.run("read_suspension")
    assert call(db, "pause", "'acme', 'main', dry_run => true") == (2, 0, 0, ["a", "b"])
    assert db.run("read_suspension") == before
    assert call(db, "pause", "'acme', 'main', reason => 'the relay moves'") == (2, 0, 0, ["a", "b"])
    assert db.claim() == {} and db.run("read_suspension") != before and woken(db)
    row = dict(zip(*listing(db)))
    assert (row["status"], row["deferred_ts"], row["deferred_reason"]) == ("deferred", None, "the account is paused: the relay moves")
    assert call(db, "pause", "'acme', 'main'") == NOTHING
    assert call(db, "pause", "'acme', 'main', reason => 'still'")[0] == 2
    assert call(db, "resume", "'acme', 'main', dry_run => true")[0] == 2 and db.claim() == {}
    assert call(db, "resume", "'acme', 'main'") == (2, 0, 0, ["a", "b"])
    assert call(db, "resume", "'acme', 'main'") == NOTHING
    assert set(db.claim()) == {"a", "b"}
    assert db.sql("SELECT endpoint, payload FROM mailproxy.command_log ORDER BY command_id") == [
        (name, {"tenant_id": "acme", "account_id": "main", **reason, "messages": 2, "busy": 0})
        for name, reason in (("pauseAccount", {"reason": "the relay moves"}), ("pauseAccount", {"reason": "still"}), ("resumeAccount", {}))]


def test_a_worker_is_told_to_hand_back_what_it_holds_of_a_paused_account(db):
    db.add("a", batch=None)
    token = db.claim()["a"][1]
    assert db.run("list_suspended_leases", 1) == []
    assert call(db, "pause", "'acme', 'main'") == (0, 1, 0, None)
    assert db.run("list_suspended_leases", 1) == [(token,)]


def test_run_now_resumes_nothing(db):
    db.add("a", batch=None)
    call(db, "pause", "'acme', 'main'")
    db.run("run_now", None, True)
    assert db.claim() == {}


def test_a_message_that_has_its_own_time_and_a_paused_account_says_both(db):
    db.add("a", due_s=32503680000)
    call(db, "pause", "'acme', 'main'")
    row = dict(zip(*listing(db)))
    assert (row["deferred_ts"], row["deferred_reason"]) == (32503680000, "the account is paused: by the operator")


def test_a_tenant_and_a_batch_are_paused_as_the_api_suspends_them(db):
    db.add("a", "b")
    db.add("other", batch="b2")
    assert call(db, "pause", "'acme', batch_code => 'b1'") == (2, 0, 0, ["a", "b"])
    assert db.states() == {"a": "held", "b": "held", "other": "ready"}
    assert call(db, "pause", "'acme', batch_code => 'b1'") == NOTHING
    assert call(db, "resume", "'acme', batch_code => 'b1'")[0] == 2
    assert call(db, "resume", "'acme', batch_code => 'b1'") == NOTHING
    assert call(db, "pause", "'acme'")[0] == 3
    assert call(db, "pause", "'acme', batch_code => 'b1'") == NOTHING
    with pytest.raises(errors.ObjectNotInPrerequisiteState):
        call(db, "resume", "'acme', batch_code => 'b1'")
    assert db.claim() == {}
    assert call(db, "resume", "'acme'")[0] == 3
    assert len(db.claim()) == 3
    assert db.sql("SELECT endpoint FROM mailproxy.command_log ORDER BY command_id") == [("suspend",), ("activate",), ("suspend",), ("activate",)]
    with pytest.raises(errors.InvalidParameterValue):
        call(db, "pause", "'acme', account_id => 'main', batch_code => 'b1'")


# A worker that is gone.

def test_a_worker_that_is_heard_of_is_not_reaped_unless_by_force(db):
    db.add("a", batch=None)
    claims = db.claim()
    with pytest.raises(errors.ObjectInUse, match="alive"):
        call(db, "reap_worker", "1")
    assert call(db, "reap_worker", "1, forced => true") == (1, 0, 0, ["a"])
    assert db.run("beat_worker", 1, 0, 0, 0) == [], "it learns of it"
    assert db.states() == {"a": "ready"}
    assert db.sql("SELECT in_doubt FROM mailproxy.attempt") == [(True,)]
    assert db.sql("SELECT sum(in_doubt) FROM mailproxy.account_counter") == [(1,)]
    with pytest.raises(AssertionError):
        record(db, list(claims.values()), "sent")  # fenced off
    assert call(db, "reap_worker", "1") == NOTHING
    assert db.sql("SELECT endpoint, tenant_id, payload FROM mailproxy.command_log") == [
        ("reapWorker", None, {"worker": 1, "forced": True, "messages": 1, "busy": 0})]


def test_a_silent_worker_is_reaped_at_once(db):
    db.add("a", batch=None)
    db.claim()
    db.sql("UPDATE mailproxy.worker SET heartbeat_at = now() - interval '61 s' WHERE epoch = 1")
    assert call(db, "reap_worker", "1") == (1, 0, 0, ["a"])
    with pytest.raises(errors.NoDataFound):
        call(db, "reap_worker", "77")


def test_reaping_waits_for_a_claim_under_way_and_takes_over_what_it_took(db, pair):
    db.add("a", batch=None)
    interleave(db, pair[0], lambda c: c.claim(), pair[1], lambda c: call(c, "reap_worker", "1, forced => true"))
    assert db.states() == {"a": "ready"}


@pytest.mark.parametrize("function", [*ON_WAITING, "requeue", "purge"])
def test_large_tables_are_not_read_for_a_few_ids(db, function):
    """By the number of rows that are read, whatever the statistics say."""
    db.sql("INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority, state, finished_at)"
           " SELECT 'acme', 'main', 'done' || i, '<x@test>', 1, 2, 'sent', now() FROM generate_series(1, 5000) i")
    db.sql("ANALYZE mailproxy.message")
    fail(db, "failed")
    tell(db)
    db.add("a")
    with psycopg.connect(db.url, autocommit=True) as conn:
        conn.execute("SELECT pg_stat_force_next_flush()")
        before = conn.execute("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relid = 'mailproxy.message'::regclass").fetchone()[0]
        conn.execute(f"SELECT mailproxy.{function}({ON_WAITING.get(function, chr(39) + 'acme' + chr(39))}, message_ids => '{{a,failed}}', dry_run => false)")
        conn.execute("SELECT pg_stat_force_next_flush()")
        after = conn.execute("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relid = 'mailproxy.message'::regclass").fetchone()[0]
    assert after - before < 100
