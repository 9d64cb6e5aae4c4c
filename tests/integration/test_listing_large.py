"""
GET /messages where the list is long: streamed with flat memory, and a client that stops reading costs a thread for its
time and nothing else. MAILPROXY_TEST_ROWS=1000000 makes it a million messages; by default it is fewer, for the time they
take to make.
"""

import itertools
import os
import re
import socket
import threading

import pytest
from support.builds import SANITIZED
from support.programs import System, message
from support.waiting import wait_for

ROWS = int(os.environ.get("MAILPROXY_TEST_ROWS", "120000"))
MIB = 1024 * 1024
# Three tenants, most of it of one; a tenth queued; an event each for what is final.
FILL = """
SET session_replication_role = replica;
INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority, state, finished_at)
     SELECT CASE WHEN i %% 10 < 8 THEN 'deep' WHEN i %% 10 = 8 THEN 'other' ELSE 'third' END, 'main', 'm' || i, '<' || i || '@test>',
            600, i / 7 %% 4, CASE WHEN i %% 11 = 0 THEN 'queued' ELSE 'sent' END::mailproxy.message_state,
            CASE WHEN i %% 11 > 0 THEN now() END
       FROM generate_series(1, {rows}) i;
INSERT INTO mailproxy.message_body (message_pk, created_at, content)
     SELECT message_pk, created_at, json_build_object('id', message_id, 'to', ARRAY['a@x.it'], 'subject', 'Hello',
                                                      'body', repeat('x', 300)) FROM mailproxy.message;
INSERT INTO mailproxy.queue (message_pk, due_at, priority, tenant_id, account_id)
     SELECT message_pk, now(), priority, tenant_id, account_id FROM mailproxy.message WHERE state = 'queued';
INSERT INTO mailproxy.event (message_pk, event_at, reported_at, event_type, tenant_id)
     SELECT message_pk, now(), now() - interval '1 hour', 'sent', tenant_id FROM mailproxy.message WHERE state = 'sent';
SET session_replication_role = origin;
ANALYZE;
"""


@pytest.fixture(scope="module")
def deep(cluster, template, tmp_path_factory):
    """A server with one connection to a database that holds ROWS messages."""
    url = cluster.create_database("deep", template)
    # What is freed stays in a sanitizer's quarantine; a small one, so that memory says something.
    options = {"ASAN_OPTIONS": "exitcode=99:quarantine_size_mb=8"} if SANITIZED else {}
    system = System(url, tmp_path_factory.mktemp("deep"), GMP_DB_POOL_SIZE=1, GMP_HTTP_THREADS=8, GMP_LOG_LEVEL="info", **options)
    system.start_server()
    system.tenants = {name: system.add_tenant(name) for name in ("deep", "other", "third")}
    for api in system.tenants.values():
        api.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9})
    for statement in FILL.format(rows=ROWS).split(";\n"):
        if statement.strip():
            system.rows(statement)
    yield system
    system.close()
    cluster.drop_database("deep")


def memory_of(program):
    """Octets resident."""
    with open(f"/proc/{program.pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1)) * 1024


class Reader:
    """A client that reads as much as it is told to."""

    def __init__(self, api, query=""):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)  # what is on its way is little
        self.socket.settimeout(120)
        self.socket.connect((api.host, api.port))
        self.socket.sendall(f"GET /messages{query} HTTP/1.0\r\nHost: x\r\nX-API-Token: {api.token}\r\n\r\n".encode())

    def read(self, octets=1 << 62):
        """Pieces, until so many octets have come, or the end."""
        while octets > 0:
            piece = self.socket.recv(1 << 20)
            if not piece:
                return
            octets -= len(piece)
            yield piece

    def close(self):
        self.socket.close()


def count_items(pieces):
    """How many messages a stream holds; each begins in the same way, which may be cut between two pieces."""
    mark, rest, count = b'{"pk":"', b"", 0
    for piece in pieces:
        text = rest + piece
        count += text.count(mark)
        rest = text[-len(mark) + 1:]
    return count, rest


@pytest.mark.parametrize("token, query, share", [("deep", "", 0.8), ("admin", "", 1), ("deep", "?include_history=true", 0.8)])
def test_a_long_list_is_streamed_with_flat_memory(deep, token, query, share):
    reader = Reader(deep.api if token == "admin" else deep.tenants[token], query)
    peaks = []

    def watched():
        start = memory_of(deep.server)
        for piece in reader.read():
            peaks.append(memory_of(deep.server) - start)
            yield piece

    count, end = count_items(watched())
    reader.close()
    assert count == round(ROWS * share)
    assert end.endswith(b"]}"), end
    tenth = max(1, len(peaks) // 10)
    grown = max(peaks[tenth:]) - max(peaks[:tenth])
    print(f"{count} messages, RSS {memory_of(deep.server) / MIB:.1f} MiB, "
          f"first tenth +{max(peaks[:tenth]) / MIB:.1f} MiB, rest +{grown / MIB:.1f} MiB")
    assert grown < (24 if SANITIZED else 4) * MIB, "it grows with the list"
    assert max(peaks) < (64 if SANITIZED else 24) * MIB


def test_who_does_not_read_holds_no_connection_to_the_database(deep):
    """There is one connection, and there are several who have stopped reading."""
    readers = [Reader(deep.tenants["deep"]) for _ in range(4)]
    try:
        for reader in readers:
            assert sum(map(len, reader.read(100_000))) > 0
        for _ in range(3):
            assert deep.tenants["other"].messages(limit=1)
    finally:
        for reader in readers:
            reader.close()


def test_who_goes_away_in_the_middle_frees_its_thread(deep):
    """More clients than there are threads, one after the other and all at once: each leaves what it asked for unread."""
    for _ in range(3):
        readers = [Reader(deep.tenants["deep"]) for _ in range(8)]
        for reader in readers:
            assert sum(map(len, reader.read(100_000))) > 0
        for reader in readers:
            reader.close()
    assert deep.tenants["other"].messages(limit=1)
    wait_for(lambda: len(re.findall(r"event=request_failed .*path=/messages .*went away", deep.server.new_log())) >= 24,
             "all of them to be given up")


def test_who_stays_without_reading_is_given_up(deep):
    """20 s of silence in the middle of an answer end it: else so many clients as there are threads would end the service."""
    readers = [Reader(deep.tenants["deep"]) for _ in range(8)]
    try:
        for reader in readers:
            assert sum(map(len, reader.read(100_000))) > 0
        assert deep.tenants["other"].messages(limit=1), "answered once the first of them is given up"
    finally:
        for reader in readers:
            reader.close()


def test_filters_search_the_whole_list(deep):
    api = deep.tenants["deep"]
    found = api.messages(status="pending", limit=50)
    assert len(found) == 50 and {m["status"] for m in found} == {"pending"}
    last = api.messages(status="error")
    assert last == []


def test_pages_go_on_where_others_add(deep):
    """The cursor finds its place in a long list while rows come before and behind it."""
    api = deep.tenants["third"]
    stop = threading.Event()

    def add():
        for i in itertools.count():
            if stop.is_set():
                return
            api.enqueue(*[message(f"new{i}-{k}", priority=k) for k in range(4)])

    adding = threading.Thread(target=add)
    adding.start()
    seen, after = [], {}
    try:
        for _ in range(40):
            answer = api.get("/messages", limit=200, **after).json
            seen += [m["id"] for m in answer["messages"] if not m["id"].startswith("new")]
            after = {"after": answer["next"]}
    finally:
        stop.set()
        adding.join()
    expected = [row["message_id"] for row in deep.rows(
        "SELECT message_id FROM mailproxy.message WHERE tenant_id = 'third' AND message_id NOT LIKE 'new%%'"
        " ORDER BY priority, created_at, message_id LIMIT %s", len(seen))]
    assert len(seen) > 7000 and seen == expected


def test_a_cleanup_of_all_leaves_what_is_queued(deep):
    """The last one: what is final goes, in many transactions of bounded size, with flat memory."""
    before = memory_of(deep.server)
    final = deep.value("SELECT count(*) FROM mailproxy.message WHERE state <> 'queued'")
    queued = deep.value("SELECT count(*) FROM mailproxy.message WHERE state = 'queued'")
    answer = deep.api.post("/commands/cleanup-messages", {"older_than_seconds": 60})
    assert (answer.status, answer.json) == (200, {"ok": True, "removed": final})
    assert deep.value("SELECT count(*) FROM mailproxy.message") == queued
    assert deep.value("SELECT count(*) FROM mailproxy.event") == 0
    deep.assert_accounted_for()
    assert memory_of(deep.server) - before < (64 if SANITIZED else 8) * MIB
