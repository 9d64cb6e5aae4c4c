"""A private PostgreSQL: initdb in a directory of its own, one Unix socket, no TCP."""

import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile

import psycopg

from .waiting import wait_for


def _bin(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda p: int(p.split("/")[4]))
    if not found:
        raise RuntimeError(f"PostgreSQL's {name} is missing: run ./dev build once, it installs what is needed")
    return found[-1]


# Logins that may do what the group role of their program may, and nothing else.
LOGINS = {"server": "server_login", "worker": "worker_login"}


def as_login(url, program):
    """The same database, as that program's login."""
    return url.replace(f"user={Cluster.USER}", f"user={LOGINS[program]}")


class Cluster:
    """initdb and postgres refuse to run as root, so root runs them as the user postgres."""

    USER = "mailproxy"
    # For data that need not outlive the cluster.
    VOLATILE = {"fsync": "off", "full_page_writes": "off"}
    MEMORY = "/dev/shm"

    def __init__(self, copy_of=None, in_memory=False, **settings):
        """
        copy_of: a running cluster that is copied with pg_basebackup, instead of initdb; it is started by the caller, with
        start() as its standby or with recover().
        in_memory: it lives in memory where there is room. A migrated database is 750 files: a copy of it takes ten times less
        processor time than in a directory on disk.
        """
        self.settings = {
            "listen_addresses": "",
            "max_connections": "200",
            "shared_buffers": "64MB",
            "log_min_messages": "warning",
            **({"max_wal_size": "256MB"} if in_memory else {}),
            **settings,
        }
        # The copy of a directory is quicker than a copy through the WAL, if nothing waits for the disk.
        self.copy_strategy = "file_copy" if in_memory else "wal_log"
        self.directory = tempfile.mkdtemp(prefix="mptest-pg-", dir=self.MEMORY if in_memory and self._memory_suffices() else "/tmp")
        self.data = os.path.join(self.directory, "data")
        self.log_path = os.path.join(self.directory, "log")
        self.process = None
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.directory, user.pw_uid, user.pw_gid)
            self.as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
        else:
            self.as_user = []
        if copy_of is not None:
            self._run("pg_basebackup", "-D", self.data, "-h", copy_of.directory, "-U", self.USER, "--checkpoint=fast",
                      "--no-sync", "--write-recovery-conf", "--wal-method=stream")
            return
        self._run("initdb", "-D", self.data, "-U", self.USER, "--auth=trust", "--no-sync", "--encoding=UTF8",
                  "--locale=C.UTF-8")
        self.start()

    @classmethod
    def _memory_suffices(cls):
        """For several clusters at once, each with its databases and up to 256 MB of WAL."""
        try:
            return shutil.disk_usage(cls.MEMORY).free >= 4 << 30 and os.access(cls.MEMORY, os.W_OK)
        except FileNotFoundError:
            return False

    def _run(self, program, *arguments):
        subprocess.run([*self.as_user, _bin(program), *arguments], check=True, cwd="/", stdout=subprocess.DEVNULL)

    def conninfo(self, database):
        return f"postgresql:///{database}?host={self.directory}&user={self.USER}"

    def connect(self, database="postgres"):
        return psycopg.connect(self.conninfo(database), autocommit=True)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def start(self):
        options = [f"-c{name}={value}" for name, value in self.settings.items()]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.as_user, _bin("postgres"), "-D", self.data, "-k", self.directory, *options],
                cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        wait_for(self._answers, "PostgreSQL to answer", timeout=30)

    def _answers(self):
        if self.process.poll() is not None:
            raise RuntimeError("PostgreSQL did not start:\n" + self.log()[-2000:])
        try:
            self.connect().close()
            return True
        except psycopg.OperationalError:
            return False

    def stop(self, how=signal.SIGINT):
        """SIGINT: fast shutdown; SIGQUIT: immediate, as after a crash."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=60)
        self.process = None

    def kill(self):
        """kill -9 of all its processes."""
        self._signal(self._pids(), signal.SIGKILL)
        self.process.wait(timeout=60)
        self.process = None

    def promote(self):
        """A standby becomes a primary."""
        with self.connect() as conn:
            assert conn.execute("SELECT pg_promote()").fetchone()[0]

    def recover(self, archive, target):
        """Start a copy that replays the archive's WAL up to the restore point `target`, and no further."""
        os.remove(os.path.join(self.data, "standby.signal"))
        with open(os.path.join(self.data, "recovery.signal"), "w", encoding="ascii"):
            pass
        self.settings.update({"restore_command": f"cp {archive}/%f %p", "recovery_target_name": target,
                              "recovery_target_action": "promote", "primary_conninfo": ""})
        self.start()
        wait_for(self._is_primary, "the end of the recovery", timeout=60)

    def _is_primary(self):
        with self.connect() as conn:
            return not conn.execute("SELECT pg_is_in_recovery()").fetchone()[0]

    def _pids(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as f:
            return [self.process.pid, *map(int, f.read().split())]

    @contextlib.contextmanager
    def frozen(self):
        """It stands still as a whole: connections stay open, nothing is answered."""
        pids = self._pids()
        try:
            self._signal(pids, signal.SIGSTOP)
            yield
        finally:
            self._signal(pids, signal.SIGCONT)

    @staticmethod
    def _signal(pids, which):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, which)

    def create_database(self, name, template="template0"):
        with self.connect() as conn:
            conn.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY {self.copy_strategy}')
        return self.conninfo(name)

    def create_logins(self):
        """Once a database is migrated, and the group roles are there."""
        with self.connect() as conn:
            for program, login in LOGINS.items():
                conn.execute(f"CREATE ROLE {login} LOGIN IN ROLE mailproxy_{program}; ALTER ROLE {login} SET role = 'mailproxy_{program}'")

    def drop_database(self, name):
        with self.connect() as conn:
            conn.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def close(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)
