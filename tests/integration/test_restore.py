"""After a restore from backup nothing is sent until an operator has agreed: docs/restore.md as a test."""

import os

import pytest
from support.builds import SERVER, WORKER
from support.metrics import Scrape
from support.postgres import Cluster
from support.programs import System, message, run_program
from support.waiting import wait_for

WAITS_FOR_CONFIRMATION = "SELECT restore_found_at IS NOT NULL FROM mailproxy.instance"


class Backup:
    """A cluster that archives its WAL, and a copy of it that is brought to a later point of that archive."""

    def __init__(self):
        self.original = Cluster(archive_mode="on", archive_command="mkdir -p ../archive && cp %p ../archive/%f", **Cluster.VOLATILE)
        done = run_program(SERVER, "migrate", GMP_DATABASE_URL=self.original.create_database("mail"))
        assert done.returncode == 0, done.stderr
        self.original.create_logins()
        self.copy = Cluster(copy_of=self.original, **Cluster.VOLATILE)

    @property
    def url(self):
        """Of whichever is running."""
        return f"postgresql:///mail?host={self.original.directory},{self.copy.directory}&user={Cluster.USER}"

    def name_this_moment(self, name):
        with self.original.connect() as conn:
            conn.execute("SELECT pg_create_restore_point(%s)", [name])

    def lose_all_since(self, name):
        with self.original.connect() as conn:
            last, = conn.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
            wait_for(lambda: conn.execute("SELECT last_archived_wal >= %s FROM pg_stat_archiver", [last]).fetchone()[0],
                     "the WAL to be archived")
        self.original.kill()
        self.copy.recover(os.path.join(self.original.directory, "archive"), name)

    def close(self):
        self.copy.close()
        self.original.close()


@pytest.fixture
def backup():
    backup = Backup()
    yield backup
    backup.close()


@pytest.fixture
def system(backup, tmp_path):
    """A server on the backup's cluster; workers remember what they have seen, unless told otherwise."""
    system = System(backup.url, tmp_path, GMP_STATE_DIR=tmp_path / "state", GMP_LEASE_SECONDS=2)
    system.start_server()
    yield system
    system.close()


def wait_two_rounds_of_claims(system):
    wait_for(lambda: system.value("SELECT bool_and(heartbeat_at > started_at + interval '2.5 s') FROM mailproxy.worker"
                                  " WHERE ended_at IS NULL"), "claims to have been made")


def test_what_a_restore_made_wait_again_is_sent_when_an_operator_has_agreed(system, backup, relay):
    api = system.add_tenant()
    system.add_account(api, relay)
    ids = [f"m{i}" for i in range(5)]
    api.enqueue(*[message(i) for i in ids])
    backup.name_this_moment("before they were sent")
    worker = system.start_worker()
    api.enqueue(message("forgotten"))
    system.wait_state("sent", *ids, "forgotten")

    backup.lose_all_since("before they were sent")
    worker.wait_line("event=restore_found .*lost_to=")
    forgetful = system.start_worker(GMP_STATE_DIR=None)
    forgetful.wait_line("event=restore_found")
    wait_for(lambda: system.api.get("/ready").status == 200, "the server to be connected to the copy")
    api.enqueue(message("fresh"))
    assert sorted(m["id"] for m in api.messages()) == sorted(["fresh", *ids]), "of the lost one nothing is known"
    wait_two_rounds_of_claims(system)
    assert len(relay.ids()) == 6
    wait_for(lambda: Scrape(system.api).value("gmp_restore_unconfirmed") == 1, "the metrics to say so")

    again = system.rows("SELECT tenant_id, account_id, messages FROM mailproxy.confirm_restore(dry_run => true)")
    assert again == [{"tenant_id": "acme", "account_id": "main", "messages": 5}]
    assert system.value(WAITS_FOR_CONFIRMATION)
    assert system.rows("SELECT tenant_id, account_id, messages FROM mailproxy.confirm_restore()") == again
    system.wait_all_final()
    assert sorted(relay.ids()) == sorted([*ids, *ids, "forgotten", "fresh"])
    before = {mail.id: mail.octets for mail in relay.mails[:6]}
    assert all(mail.octets == before.get(mail.id, mail.octets) for mail in relay.mails[6:]), "the same octets, as after a crash"
    system.assert_accounted_for()
    worker.terminate()
    assert "event=restore_found" not in system.start_worker().log()


def test_a_worker_that_was_not_running_remembers_by_its_directory(new_system, tmp_path, relay):
    """The restore is that of one row: the life of the worker that had sent."""
    state = tmp_path / "state"
    system = new_system(workers=1, GMP_STATE_DIR=state)
    api = system.add_tenant()
    system.add_account(api, relay)
    system.workers[0].terminate()
    assert "event=restore_found" not in system.start_worker().log()
    system.workers[1].terminate()
    system.rows("DELETE FROM mailproxy.worker")
    system.start_worker().wait_line("event=restore_found")
    assert system.value(WAITS_FOR_CONFIRMATION)
    assert system.rows("SELECT * FROM mailproxy.confirm_restore()") == []
    api.enqueue(message("m1"))
    system.wait_state("sent", "m1")


def test_a_directory_that_cannot_be_used_stops_the_start(database, tmp_path):
    (tmp_path / "file").write_text("")
    done = run_program(WORKER, GMP_DATABASE_URL=database, GMP_STATE_DIR=tmp_path / "file")
    assert done.returncode != 0
    assert f"GMP_STATE_DIR={tmp_path / 'file'}: Not a directory" in done.stderr
