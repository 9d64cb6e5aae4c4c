"""A private PgBouncer in transaction mode before a private PostgreSQL; one Unix socket, no TCP."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile

import psycopg

from .postgres import LOGINS
from .queue_sql import options_of_the_programs
from .waiting import wait_for

PROGRAM = "/usr/sbin/pgbouncer"
CONFIGURATION = """
[databases]
* = host={cluster} {connect_query}
[pgbouncer]
listen_addr =
unix_socket_dir = {directory}
logfile = {directory}/log
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 500
auth_type = trust
auth_file = {directory}/users
"""


class PgBouncer:
    """It refuses to run as root, as PostgreSQL does; so root runs it as the same user."""

    def __init__(self, cluster, pool_size=2):
        self.directory = tempfile.mkdtemp(prefix="mptest-pb-", dir="/tmp")
        self.user = cluster.USER
        self.as_user = cluster.as_user
        self.process = None
        planner = [f"SET {word}" for word in options_of_the_programs().split() if "=" in word]
        values = {"cluster": cluster.directory, "directory": self.directory, "pool_size": pool_size,
                  "connect_query": f"connect_query='{'; '.join(planner)}'"}
        self._write("ini", CONFIGURATION.format(**values))
        self._write("users", "".join(f'"{user}" ""\n' for user in (self.user, *LOGINS.values())))
        if os.geteuid() == 0:
            shutil.chown(self.directory, pwd.getpwnam("postgres").pw_uid)
        self.start()

    def _write(self, name, text):
        with open(os.path.join(self.directory, name), "w", encoding="ascii") as file:
            file.write(text)

    def conninfo(self, database):
        return f"postgresql:///{database}?host={self.directory}&port=6432&user={self.user}"

    def start(self):
        self.process = subprocess.Popen(
            [*self.as_user, PROGRAM, "-q", os.path.join(self.directory, "ini")], cwd="/",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self._answers, "PgBouncer to answer")

    def _answers(self):
        assert self.process.poll() is None, open(os.path.join(self.directory, "log"), encoding="utf-8").read()[-2000:]
        try:
            psycopg.connect(self.conninfo("postgres")).close()
            return True
        except psycopg.OperationalError:
            return False

    def stop(self):
        """At once: whoever is connected through it loses the connection."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)
        self.process = None

    def close(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
