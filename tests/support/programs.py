"""The real programs, started, watched and stopped; their logs are shown when a test fails."""

import os
import re
import signal
import subprocess
import time
from urllib.parse import quote

import psycopg
from psycopg.rows import dict_row

from .api import Api
from .builds import SERVER, WORKER
from .ports import free_port
from .postgres import as_login
from .waiting import LIMIT_FACTOR, wait_for

ADMIN_TOKEN = "admin-token-of-the-tests"
ENCRYPTION_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="  # base64 of 32 octets
SANITIZER_COMPLAINT = re.compile(r"ERROR: (Address|Leak)Sanitizer|runtime error:|SUMMARY: \w+Sanitizer")


def clean_environment(**settings):
    """The caller's environment without the service's settings, plus `settings`; a None leaves one out."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GMP_", "MAIL_PROXY_", "PG"))}
    # A sanitizer's finding must end the program, so that the test sees it.
    env["ASAN_OPTIONS"] = "abort_on_error=0:exitcode=99:detect_stack_use_after_return=1"
    env["UBSAN_OPTIONS"] = "halt_on_error=1:print_stacktrace=1:exitcode=99"
    env.update({k: str(v) for k, v in settings.items() if v is not None})
    return env


def run_program(program, *args, timeout=30, **settings):
    """Run to the end; the CompletedProcess has text stdout and stderr."""
    done = subprocess.run(
        [program, *args], env=clean_environment(**settings), stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=timeout * LIMIT_FACTOR,
    )
    assert not SANITIZER_COMPLAINT.search(done.stderr), done.stderr
    return done


class Program:
    def __init__(self, name, path, log_path, env):
        self.name = name
        self.log_path = log_path
        self.killed = False
        self.mark = 0  # where in the log the current test began
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen([path], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @property
    def pid(self):
        return self.process.pid

    def log(self, since=0):
        with open(self.log_path, "rb") as f:
            f.seek(since)
            return f.read().decode("utf-8", "replace")

    def new_log(self):
        """What it wrote during the current test."""
        return self.log(self.mark)

    def set_mark(self):
        self.mark = os.path.getsize(self.log_path)

    def alive(self):
        return self.process.poll() is None

    def wait_line(self, pattern, timeout=20):
        return wait_for(lambda: re.search(pattern, self.log()), f"/{pattern}/ in the log of {self.name}", timeout)

    def kill(self):
        """kill -9: no chance to tidy up."""
        self.killed = True
        self.process.kill()
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def terminate(self, timeout=30):
        """SIGTERM must end it by itself and with success."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=timeout * LIMIT_FACTOR)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end on SIGTERM within {timeout * LIMIT_FACTOR:.0f} s") from None

    def complaint(self):
        """What is wrong with how it runs or ran; None when nothing is."""
        found = SANITIZER_COMPLAINT.search(self.new_log())
        if found:
            return f"{self.name}: a sanitizer complained: {found.group(0)}"
        if not self.killed and self.process.poll():
            return f"{self.name} ended with {self.process.returncode}"
        return None


class System:
    """A server and any number of workers on one database, each with no more rights in it than its group role has."""

    def __init__(self, database_url, log_directory, **settings):
        self.database_url = database_url
        self.log_directory = str(log_directory)
        self.programs = []
        self.settings = {
            "GMP_HOST": "127.0.0.1",
            "GMP_API_TOKEN": ADMIN_TOKEN,
            "MAIL_PROXY_ENCRYPTION_KEY": ENCRYPTION_KEY,
            "GMP_LOG_LEVEL": "debug",
            "GMP_HELO_NAME": "mailproxy.test",
            "GMP_HTTP_THREADS": 32,  # the default, 600, is a third of a second to start and end when sanitized, and a system is started often
            **settings,
        }
        self.server = None
        self.workers = []
        self.api = None
        self._db = None

    def _start(self, name, path, **settings):
        log_path = os.path.join(self.log_directory, f"{len(self.programs)}-{name}.log")
        program = Program(name, path, log_path, clean_environment(**{**self.settings, **settings}))
        self.programs.append(program)
        return program

    def start_server(self, **settings):
        port = settings.get("GMP_PORT") or self.settings.get("GMP_PORT") or free_port()
        self.server = self._start("server", SERVER, **{"GMP_DATABASE_URL": as_login(self.database_url, "server"), "GMP_PORT": port, **settings})
        token = settings.get("GMP_API_TOKEN", self.settings["GMP_API_TOKEN"])
        self.api = Api(f"http://127.0.0.1:{port}", token)
        wait_for(self._server_is_ready, "the server to be ready")
        return self.server

    def _server_is_ready(self):
        if not self.server.alive():
            raise AssertionError("the server ended while starting:\n" + self.server.log()[-3000:])
        try:
            return self.api.get("/ready").status == 200
        except OSError:
            return False

    def revive(self):
        """Start again what has died, whose end was the failure of the test before."""
        if not self.server.alive():
            self.start_server()
        self.workers = [worker for worker in self.workers if worker.alive()]
        if not self.workers:
            self.start_worker()

    def complaints(self):
        return [c for c in (p.complaint() for p in self.programs) if c]

    def start_worker(self, **settings):
        worker = self._start(f"worker{len(self.workers) + 1}", WORKER,
                             **{"GMP_DATABASE_URL": as_login(self.database_url, "worker"), **settings})
        self.workers.append(worker)
        self.wait_worker(worker)
        return worker

    def wait_worker(self, worker):
        def is_registered():
            if not worker.alive():
                raise AssertionError("the worker ended while starting:\n" + worker.log()[-3000:])
            return self.value("SELECT count(*) FROM mailproxy.worker WHERE ended_at IS NULL AND pid = %s", worker.pid)

        wait_for(is_registered, f"{worker.name} to register")

    # The database, for looking only, but where a test says otherwise.

    def rows(self, sql, *params):
        for last_try in (False, True):
            try:
                if self._db is None or self._db.closed:
                    self._db = psycopg.connect(self.database_url, autocommit=True, row_factory=dict_row)
                cursor = self._db.execute(sql, params)
                return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                self._db = None  # a test has restarted the database
                if last_try:
                    raise

    def value(self, sql, *params):
        row = self.rows(sql, *params)[0]
        return next(iter(row.values()))

    # What tests wait for.

    def wait_state(self, state, *message_ids, tenant="acme", timeout=20):
        """Until every one of these messages is in that state."""
        wanted = list(message_ids)

        def is_so():
            return self.value(
                "SELECT count(*) FROM mailproxy.message WHERE tenant_id = %s AND message_id = ANY (%s) AND state = %s",
                tenant, wanted, state) == len(wanted)

        wait_for(is_so, f"{len(wanted)} messages to be {state}: {wanted[:5]}", timeout)

    def wait_all_final(self, tenant=None, timeout=60):
        sql = "SELECT count(*) FROM mailproxy.queue WHERE tenant_id = coalesce(%s, tenant_id)"
        wait_for(lambda: self.value(sql, tenant) == 0, "an empty queue", timeout)

    def assert_accounted_for(self):
        """Every message has exactly one of: a queue row, or a final state."""
        wrong = self.rows(
            "SELECT m.tenant_id, m.message_id, m.state, q.state AS queue_state FROM mailproxy.message m"
            " FULL JOIN mailproxy.queue q USING (message_pk)"
            " WHERE (m.state = 'queued') IS DISTINCT FROM (q.message_pk IS NOT NULL)")
        assert wrong == []

    # Registration, as a store does it.

    def add_tenant(self, tenant_id="acme", store=None, **fields):
        """Register a tenant."""
        body = {"id": tenant_id, "client_auth": {"method": "none"}, **fields}
        if store is not None:
            body.update({"client_base_url": store.url, "client_sync_path": "/proxy_sync",
                         "client_attachment_path": "/proxy_get_attachments", "client_auth": store.client_auth})
            body.update(fields)
        answer = self.api.post("/tenant", body)
        assert answer.status == 200, answer
        tenant = Tenant(self, tenant_id, answer.json["api_key"])
        if store is not None:
            store.api = tenant
        return tenant

    def add_account(self, api, relay, account_id="main", **fields):
        body = {"id": account_id, "host": "127.0.0.1", "port": relay.port, "use_tls": False, **fields}
        answer = api.post("/account", body)
        assert answer.status == 200, answer

    def close(self):
        """End everything; the first thing that was wrong fails the test."""
        complaints = []
        for program in reversed(self.programs):  # workers before the server they do not need
            try:
                if program.alive():
                    program.resume()
                    program.terminate()
            except AssertionError as late:
                complaints.append(str(late))
        complaints += self.complaints()
        if self._db is not None:
            self._db.close()
            self._db = None
        assert not complaints, "\n".join([*complaints, self.logs()])

    def logs(self):
        return "".join(f"--- {p.name} (pid {p.pid}) ---\n{p.log()[-6000:]}\n" for p in self.programs)


class Tenant(Api):
    """The service as one tenant sees it, with its token; and what the tests ask about that tenant's messages."""

    def __init__(self, system, tenant_id, token):
        super().__init__(system.api.url, token, system.api.timeout)
        self.system = system
        self.tenant_id = tenant_id

    def wait_state(self, state, *message_ids, timeout=20):
        self.system.wait_state(state, *message_ids, tenant=self.tenant_id, timeout=timeout)

    def wait_all_final(self, timeout=60):
        self.system.wait_all_final(self.tenant_id, timeout)

    def attempts(self, message_id):
        """The rows of the attempts at one message, in order."""
        return self.system.rows(
            "SELECT a.* FROM mailproxy.attempt a JOIN mailproxy.message m USING (message_pk)"
            " WHERE m.tenant_id = %s AND m.message_id = %s ORDER BY a.attempt_pk", self.tenant_id, message_id)

    def outcomes(self, message_id):
        return [row["outcome"] for row in self.attempts(message_id)]

    def sync(self, column):
        """A column of what the service knows about telling this tenant."""
        return self.system.value(f"SELECT {column} FROM mailproxy.tenant_sync WHERE tenant_id = %s", self.tenant_id)

    def retire(self):
        """Leave nothing that the service would do for this tenant while other tests run, maybe on ports used here."""
        for account in self.get("/accounts", tenant_id=self.tenant_id).json["accounts"]:
            self.delete("/account/" + quote(account["id"], safe=""), tenant_id=self.tenant_id)
        self.system.api.post("/tenant", {"id": self.tenant_id, "active": False})  # and without a URL


def message(message_id, account="main", **fields):
    """A message that is fine, but for what the test says."""
    return {"id": message_id, "account_id": account, "from": "sender@example.com", "to": ["rcpt@example.net"],
            "subject": "Hello", "body": "Hello, world.\n", **fields}


def epoch():
    return int(time.time())
