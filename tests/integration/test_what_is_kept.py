"""What a running service keeps and lets go: short retentions, what is not done, and days that nobody has made room for."""

from datetime import timedelta

from support.programs import message
from support.waiting import wait_for

DAY_TABLES = ["message_body", "message_attachment", "attempt", "event"]


def day(system, ago):
    return system.value("SELECT (now() AT TIME ZONE 'UTC')::date") - timedelta(ago)


def add_day(system, ago):
    """Partitions as the chore would have made them so many days ago."""
    first, last = day(system, ago), day(system, ago - 1)
    for table in DAY_TABLES:
        system.rows(f"CREATE TABLE mailproxy.{table}_{first:%Y%m%d} PARTITION OF mailproxy.{table}"
                    f" FOR VALUES FROM ('{first} 00:00:00+00') TO ('{last} 00:00:00+00')")


def past_days(system):
    return {row["table_name"] for row in system.rows("SELECT table_name FROM mailproxy.partition_status WHERE day < (now() AT TIME ZONE 'UTC')::date")}


def age(system, ago, *ids):
    for table in ("message_body", "message"):
        system.rows(f"UPDATE mailproxy.{table} SET created_at = created_at - make_interval(days => %s)"
                    " WHERE message_pk = ANY (SELECT message_pk FROM mailproxy.message WHERE message_id = ANY (%s))", ago, list(ids))


def test_what_is_told_leaves_and_what_is_not_sent_keeps_its_content(new_system, relay, store):
    system = new_system(workers=0, GMP_DELIVERY_REPORT_RETENTION_SECONDS=1, GMP_CONTENT_RETENTION_SECONDS=1, GMP_HISTORY_RETENTION_SECONDS=1)
    acme = system.add_tenant("acme", store)
    system.add_account(acme, relay)
    for ago in (3, 4):
        add_day(system, ago)
    acme.enqueue(message("old"), message("waits", batch_code="spring"), message("young"))
    age(system, 4, "waits")
    age(system, 3, "old")
    assert acme.post("/commands/suspend", batch_code="spring").status == 200
    worker = system.start_worker()
    wait_for(lambda: store.reported_ids() == {"old", "young"}, "the reports")
    wait_for(lambda: {m["id"] for m in acme.messages(tenant_id="acme")} == {"waits"}, "what was told to be gone", timeout=120)
    worker.wait_line("event=messages_purged ")
    worker.wait_line("event=partition_dropped name=event_")
    system.workers[0].terminate()
    worker = system.start_worker()  # which looks at once, and not in an hour
    wait_for(lambda: system.rows("SELECT partition, holds FROM mailproxy.partition_status WHERE day < (now() AT TIME ZONE 'UTC')::date")
             == [{"partition": f"message_body_{day(system, 4):%Y%m%d}", "holds": "unsent"}],
             "all days but one")
    assert acme.post("/commands/activate", batch_code="spring").status == 200
    wait_for(lambda: store.reported_ids() == {"old", "young", "waits"}, "the last report")
    assert b"Hello, world." in relay.mails[-1].octets


def test_a_message_whose_content_has_left_is_listed_without_it(new_system, relay):
    system = new_system(workers=0, GMP_CONTENT_RETENTION_SECONDS=1)
    acme = system.add_tenant()
    system.add_account(acme, relay)
    add_day(system, 3)
    acme.enqueue(message("m1"))
    age(system, 3, "m1")
    first = system.start_worker()
    acme.wait_state("sent", "m1")
    first.terminate()
    system.start_worker()
    wait_for(lambda: "message_body" not in past_days(system), "its day to be gone", timeout=120)
    listed = acme.message("m1")
    assert (listed["status"], listed["message"]) == ("sent", {})
    assert {"attempt", "event"} <= past_days(system), "history is kept for longer"


def test_nothing_leaves_where_it_is_kept_for_ever(new_system, relay, store):
    system = new_system(workers=0, GMP_DELIVERY_REPORT_RETENTION_SECONDS=0, GMP_CONTENT_RETENTION_SECONDS=0, GMP_HISTORY_RETENTION_SECONDS=0)
    acme = system.add_tenant("acme", store)
    system.add_account(acme, relay)
    add_day(system, 3000)
    acme.enqueue(message("m1"))
    age(system, 3000, "m1")
    worker = system.start_worker()
    wait_for(lambda: store.reported_ids() == {"m1"}, "the report")
    worker.terminate()
    system.start_worker()
    acme.enqueue(message("m2"))
    acme.wait_state("sent", "m2")
    assert past_days(system) == set(DAY_TABLES)
    assert acme.message("m1")["message"]["subject"] == "Hello"
    assert system.value("SELECT removed FROM mailproxy.purge_pass") == 0


def test_a_server_alone_makes_room_for_days_that_no_worker_has_made(new_system, relay):
    """As if the last one had made partitions for some days, weeks ago."""
    system = new_system(workers=0)
    acme = system.add_tenant()
    system.add_account(acme, relay)
    for row in system.rows("SELECT partition FROM mailproxy.partition_status"):
        system.rows(f"DROP TABLE mailproxy.{row['partition']}")
    answers = []

    def is_taken():
        answers.append(acme.add(message("m1")).status)
        return answers[-1] == 200

    wait_for(is_taken, "the message to be taken")
    assert system.value("SELECT count(*) FROM mailproxy.partition_status") == 4 * 15
    system.start_worker()
    acme.wait_state("sent", "m1")
