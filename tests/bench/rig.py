"""What the rows are made of: a system of their own, relays in C, figures, and the place in docs/performance.md."""

import http.client
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import threading
import time

import psycopg
from support.api import Api
from support.builds import ROOT
from support.smtpsink import SMTP_SOURCE
from support.store import Store
from support.waiting import wait_for

HOME = os.environ.get("MAILPROXY_BENCH_HOME", os.path.join(ROOT, ".run-bench"))  # is deleted before and after
DEV = os.path.join(ROOT, "dev")
RELAY = os.path.join(ROOT, "build", "tests", "bench", "bench-relay")
DOCUMENT = os.path.join(ROOT, "docs", "performance.md")
PATIENCE_S = 600
BODY_OCTETS = 1024
BODY = ("A line of text, as long as lines are. " * 2 + "\n") * (BODY_OCTETS // 77)
# The private PostgreSQL's; durability is as initdb leaves it. See docs/performance.md.
POSTGRES = {"shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min"}
_is_durable = False  # whether it was looked at
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # for files that are not what is measured


def progress(text):
    print(text, file=sys.stderr, flush=True)


def dev(*args, settings=None, **kwargs):
    env = {k: v for k, v in os.environ.items() if not k.startswith("GMP_")}
    env.update(MAILPROXY_HOME=HOME, GMP_LOG_LEVEL="warn", MAILPROXY_PG_OPTIONS=" ".join(f"-c {k}={v}" for k, v in POSTGRES.items()),
               **{k: str(v) for k, v in (settings or {}).items()})
    return subprocess.run([DEV, *args], env=env, check=True, text=True, **kwargs)


def reset():
    dev("reset", stderr=subprocess.DEVNULL)


def down():
    """All programs end; the data stay."""
    dev("down", stderr=subprocess.DEVNULL)


def start(workers=1, **settings):
    """The system, or another number of its workers; the admin's Api."""
    api = Api(dev("up", "--workers", str(workers), settings=settings, stdout=subprocess.PIPE).stdout.strip())
    _assert_durable()
    return api


def _assert_durable():
    """Figures of a database that may forget are worth nothing."""
    global _is_durable
    if not _is_durable:
        with database() as db:
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                assert db.execute("SELECT current_setting(%s)", (name,)).fetchone() == ("on",), name
        _is_durable = True


def database_url():
    exports = dev("env", stdout=subprocess.PIPE).stdout
    return re.search(r"GMP_DATABASE_URL=(.*)", exports).group(1).strip("'\"").replace("\\", "")


def database():
    """A connection, for looking."""
    return psycopg.connect(database_url(), autocommit=True, application_name="bench")


def program_pid(name):
    """Of `server` or `worker-N`."""
    with open(os.path.join(HOME, "pid", name), encoding="ascii") as f:
        return int(f.read().split()[0])


def resident_mb(program, field="VmRSS"):
    """Resident memory of `server` or `worker-N`; VmHWM: the most it has had."""
    with open(f"/proc/{program_pid(program)}/status", encoding="ascii") as f:
        return int(re.search(rf"{field}:\s+(\d+) kB", f.read()).group(1)) / 1024


def add_tenant(admin, tenant_id, **fields):
    """The tenant's Api."""
    answer = admin.post("/tenant", {"id": tenant_id, "client_auth": {"method": "none"}, **fields})
    assert answer.status == 200, answer
    return admin.with_token(answer.json["api_key"])


def add_account(api, account_id, address, port, **fields):
    answer = api.post("/account", {"id": account_id, "host": address, "port": port, "use_tls": False, **fields})
    assert answer.status == 200, answer


def message(tenant_id, message_id, account_id="main"):
    return {"id": message_id, "tenant_id": tenant_id, "account_id": account_id, "from": "sender@example.com",
            "to": ["rcpt@example.net"], "subject": f"Message {message_id}", "body": BODY}


def enqueue(api, tenant_id, messages):
    answer = api.post("/commands/add-messages", {"messages": messages}, tenant_id=tenant_id)
    assert answer.status == 200 and answer.json["rejected"] == [], answer


def bodies(tenant_id, ids, batch, account_id="main"):
    """Request bodies of add-messages, so many messages each, as octets: made before the clock starts."""
    return [json.dumps({"messages": [message(tenant_id, i, account_id) for i in ids[at : at + batch]]}).encode()
            for at in range(0, len(ids), batch)]


def post_requests(api, requests, clients):
    """
    [(token, tenant, body of add-messages)] over so many connections that are kept open; each must be taken as a whole.
    Seconds it took.
    """
    left, failed = iter(requests), []

    def client():
        connection = http.client.HTTPConnection(api.host, api.port, timeout=PATIENCE_S)
        for token, tenant_id, body in left:  # a list's iterator is safe among threads
            headers = {"X-API-Token": token, "Content-Type": "application/json"}
            connection.request("POST", f"/commands/add-messages?tenant_id={tenant_id}", body, headers)
            response = connection.getresponse()
            text = response.read()
            if response.status != 200 or b'"rejected":[]' not in text.replace(b" ", b""):
                failed.append((response.status, text[:300]))
                break
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed[0]
    return time.monotonic() - began


def post_bodies(api, tenant_id, requests, clients):
    """As post_requests(), all of one tenant."""
    return post_requests(api, [(api.token, tenant_id, body) for body in requests], clients)


def count_stored(db, prefix):
    """Messages whose ids begin so."""
    return db.execute("SELECT count(*) FROM mailproxy.message WHERE message_id ^@ %s", (prefix,)).fetchone()[0]


def set_active(db, active):
    db.execute(f"/* bench */ UPDATE mailproxy.instance SET active = {active}")


def wait_empty(db, poll=0.02):
    """Looks at the newest message, which waits longest: from the other end each look would pass all that were sent and not yet vacuumed."""
    wait_for(lambda: not db.execute("/* bench */ SELECT message_pk FROM mailproxy.queue ORDER BY message_pk DESC LIMIT 1").fetchone(),
             "the queue to be empty", PATIENCE_S, poll)


def stand_by(db, workers):
    """So many workers run, and nothing is sent until let_go(): the service is not active."""
    set_active(db, False)
    start(workers)
    time.sleep(1)  # what a worker does at its start is no part of what is measured


def let_go(db):
    """Seconds until nothing waits any more."""
    began = time.monotonic()
    set_active(db, True)
    wait_empty(db)
    return time.monotonic() - began


def source_rate(port, messages, sessions, keeps_connections=True):
    """Mails a second that Postfix's smtp-source sends there, over connections that it keeps (-d) or one for each mail."""
    began = time.monotonic()
    subprocess.run([SMTP_SOURCE, *(["-d"] if keeps_connections else []), "-s", str(sessions), "-l", str(BODY_OCTETS), "-m", str(messages),
                    "-f", "sender@example.com", "-t", "rcpt@example.net", f"127.0.0.1:{port}"], check=True)
    return messages / (time.monotonic() - began)


class CountingStore(Store):
    """A tenant's web server."""

    def count(self):
        """Entries of all reports it acknowledged."""
        with self.lock:
            return sum(len(report) for report in self.reports)


class Relays:
    """Relays of tests/bench/relay.c: [(how, delay_ms, address, port)]."""

    def __init__(self, directory, relays):
        self.path = os.path.join(directory, "relays")
        self.offset, self.partial = 0, ""
        self.mails = []  # (seconds since the epoch, message id) of each 250
        self.open = []  # (seconds since the epoch, connections, of these waiting for the reply to a dot)
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen([RELAY], stdin=subprocess.PIPE, stdout=out, text=True)
        self.process.stdin.write("".join(f"{how} {delay_ms} {address} {port}\n" for how, delay_ms, address, port in relays))
        self.process.stdin.close()
        wait_for(lambda: "ready" in self._read() or self.process.poll() is not None, "the relays to listen")
        assert self.process.poll() is None, "the relays ended"

    def _read(self):
        """What it has written since the last call, whole lines of it."""
        with open(self.path, encoding="utf-8") as f:
            f.seek(self.offset)
            text = self.partial + f.read()
            self.offset = f.tell()
        whole, _, self.partial = text.rpartition("\n")
        return whole

    def look(self):
        """Read on."""
        for line in self._read().splitlines():
            what, *values = line.split(" ")
            if what == "mail":
                self.mails.append((int(values[0]) / 1e6, values[1]))
            elif what == "open":
                self.open.append((int(values[0]) / 1e6, int(values[1]), int(values[2])))
        return self

    def wait_mails(self, count, what):
        wait_for(lambda: len(self.look().mails) >= count, what, PATIENCE_S, 0.2)

    def close(self):
        self.process.kill()
        self.process.wait()


# ---- figures ----

def rounds(arguments, measure, text):
    """
    What measure(number) gives for each round, of which text() tells; number 0 is for warming up, and left out.
    """
    found = []
    for number in range(arguments.rounds + 1):
        found.append(measure(number))
        progress(f"{f'round {number}' if number else 'warm-up'}: {text(found[-1])}")
    return found[1:]


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def spread(values, digits=0):
    """Median | lowest – highest."""
    return f"{statistics.median(values):,.{digits}f} | {min(values):,.{digits}f} – {max(values):,.{digits}f}"


def busy_processors(seconds=2):
    """How many of the machine's processors are at work: whoever it is for."""
    def read():
        with open("/proc/stat", encoding="ascii") as f:
            fields = [int(field) for field in f.readline().split()[1:9]]  # proc(5): user nice system idle iowait irq softirq steal
        return sum(fields) - fields[3] - fields[4], sum(fields)

    busy, total = read()
    time.sleep(seconds)
    busy_then, total_then = read()
    return os.cpu_count() * (busy_then - busy) / max(1, total_then - total)


class Load:
    """How busy the machine is with other things: to be made before the row's programs run, and asked after they ended."""

    def __init__(self):
        self.before = busy_processors()

    def text(self):
        busy, cores = max(self.before, busy_processors()), os.cpu_count()
        if busy < 0.1 * cores:
            return "The machine had nothing else to do."
        return f"The machine was shared: before or after it others kept {busy:.1f} of its {cores} processors busy."


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = re.search(r"model name\s*:\s*(.*)", f.read())
    version = subprocess.run(["psql", "--version"], capture_output=True, text=True).stdout.split()[2]
    return f"{os.cpu_count()} × {model.group(1) if model else platform.machine()}, PostgreSQL {version}"


def heading(load):
    """The command, the machine, the day."""
    command = "./dev bench" + "".join(f" {a}" for a in sys.argv[1:] if a != "--write")
    return f"`{command}` on {machine()}; {time.strftime('%Y-%m-%d')}. {load.text()}"


def place(row):
    """Between which lines of docs/performance.md the figures of that row stand; None: the table of all."""
    command = " ".join(["./dev bench", *([row] if row else []), "--write"])
    return f"<!-- {command}: begin -->", f"<!-- {command}: end -->"


def write_document(row, text):
    begin, end = place(row)
    with open(DOCUMENT, encoding="utf-8") as f:
        old = f.read()
    with open(DOCUMENT, "w", encoding="utf-8") as f:
        f.write(old[: old.index(begin) + len(begin)] + "\n" + text + "\n" + old[old.index(end) :])
