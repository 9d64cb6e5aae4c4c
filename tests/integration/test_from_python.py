"""tools/from_python.py moves what the Python service holds. The files are made with that service's own tables."""

import hashlib
import json
import os
import sqlite3
import subprocess
import sys

from support.builds import ROOT
from support.programs import ADMIN_TOKEN, clean_environment
from support.waiting import wait_for

SCRIPT = os.path.join(ROOT, "tools", "from_python.py")
TENANT_TOKEN = "the-token-that-the-client-has-stored"

V6_TABLES = """
CREATE TABLE tenants (id TEXT PRIMARY KEY, name TEXT, client_auth TEXT, client_base_url TEXT, client_sync_path TEXT,
    client_attachment_path TEXT, rate_limits TEXT, large_file_config TEXT, active INTEGER DEFAULT 1, suspended_batches TEXT,
    api_key_hash TEXT, api_key_expires_at INTEGER, created_at TEXT, updated_at TEXT);
CREATE TABLE accounts (pk TEXT, id TEXT, tenant_id TEXT, host TEXT, port INTEGER, user TEXT, password TEXT, ttl INTEGER,
    limit_per_minute INTEGER, limit_per_hour INTEGER, limit_per_day INTEGER, limit_behavior TEXT, use_tls INTEGER,
    batch_size INTEGER, is_pec_account INTEGER, imap_host TEXT, imap_port INTEGER, imap_user TEXT, imap_password TEXT,
    created_at TEXT, updated_at TEXT, PRIMARY KEY (tenant_id, id));
CREATE TABLE messages (pk TEXT PRIMARY KEY, id TEXT, tenant_id TEXT, account_id TEXT, priority INTEGER, payload TEXT,
    batch_code TEXT, created_at TEXT, updated_at TEXT, deferred_ts INTEGER, smtp_ts INTEGER, is_pec INTEGER DEFAULT 0);
"""
SEED_TABLES = """
CREATE TABLE accounts (id TEXT PRIMARY KEY, host TEXT, port INTEGER, user TEXT, password TEXT, ttl INTEGER,
    limit_per_minute INTEGER, limit_per_hour INTEGER, limit_per_day INTEGER, limit_behavior TEXT, use_tls INTEGER,
    created_at TEXT, batch_size INTEGER);
CREATE TABLE messages (id TEXT PRIMARY KEY, account_id TEXT, priority INTEGER, payload TEXT, created_at TEXT, updated_at TEXT,
    deferred_ts INTEGER, sent_ts INTEGER, error_ts INTEGER, error TEXT, reported_ts INTEGER);
CREATE TABLE schedule_rules (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, enabled INTEGER, priority INTEGER, days TEXT,
    start_hour INTEGER, end_hour INTEGER, cross_midnight INTEGER, interval_minutes INTEGER);
"""


def run(path, system, *args):
    done = subprocess.run([sys.executable, SCRIPT, str(path), "--api", system.api.url, "--admin-token", ADMIN_TOKEN, *args],
                          env=clean_environment(), capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    return done


def payload(message_id, **fields):
    return {"id": message_id, "from": "shop@example.com", "to": ["ann@example.net"], "subject": message_id, "body": "b",
            "content_type": "plain", "priority": 2, **fields}


def v6_file(path, relay, store):
    db = sqlite3.connect(path)
    db.executescript(V6_TABLES)
    db.execute("INSERT INTO tenants (id, name, client_auth, client_base_url, client_sync_path, suspended_batches, api_key_hash)"
               " VALUES ('acme', 'Acme', ?, ?, '/proxy_sync', 'NL1', ?)",
               (json.dumps(store.client_auth), store.url, hashlib.sha256(TENANT_TOKEN.encode()).hexdigest()))
    db.execute("INSERT INTO accounts (id, tenant_id, host, port, ttl, limit_behavior, use_tls) VALUES"
               " ('main', 'acme', '127.0.0.1', ?, 300, 'defer', 0)", (relay.port,))
    rows = [("m1", None, None), ("m2", "NL1", None), ("done", None, 1795327565)]
    for message_id, batch, smtp_ts in rows:
        db.execute("INSERT INTO messages VALUES (?, ?, 'acme', 'main', 2, ?, ?, '2026-01-27', '2026-01-27', NULL, ?, 0)",
                   (message_id, message_id, json.dumps(payload(message_id, tenant_id="acme", account_id="main")), batch, smtp_ts))
    db.execute("INSERT INTO messages VALUES ('bad', 'bad', 'acme', 'gone', 2, ?, NULL, '2026-01-27', '2026-01-27', NULL, NULL, 0)",
               (json.dumps(payload("bad", tenant_id="acme", account_id="gone")),))
    db.commit()
    db.close()


def test_tenants_accounts_tokens_and_unsent_messages_move(new_system, relay, store, tmp_path):
    system = new_system()
    path = tmp_path / "mail_service.db"
    v6_file(path, relay, store)
    done = run(path, system, "--database-url", system.database_url)
    assert done.returncode == 0, done.stderr
    assert "message bad: account not found for tenant" in done.stdout
    assert "1 tenants, 1 accounts, 1 suspensions, 2 messages, 1 messages rejected" in done.stdout
    tenant = system.api.with_token(TENANT_TOKEN)  # no client needs to be touched
    wait_for(lambda: tenant.message("m1")["status"] == "sent", "m1 to be sent")
    assert [m["id"] for m in tenant.messages()] == ["m1", "m2"]
    assert tenant.message("m2")["status"] == "pending"  # its batch is suspended
    wait_for(lambda: store.entries("m1"), "m1 to be reported to the store")


def test_running_it_again_sends_nothing_twice(new_system, relay, store, tmp_path):
    system = new_system()
    path = tmp_path / "mail_service.db"
    v6_file(path, relay, store)
    assert run(path, system).returncode == 0
    wait_for(lambda: system.api.message("m1", tenant_id="acme")["status"] == "sent", "m1 to be sent")
    done = run(path, system)
    assert done.returncode == 0, done.stderr
    assert "message m1: already sent" in done.stdout
    assert relay.ids().count("m1") == 1


def test_a_dry_run_changes_nothing(new_system, relay, store, tmp_path):
    system = new_system(workers=0)
    path = tmp_path / "mail_service.db"
    v6_file(path, relay, store)
    done = run(path, system, "--dry-run")
    assert done.returncode == 0 and "nothing was changed" in done.stdout
    assert [t["id"] for t in system.api.get("/tenants").json["tenants"]] == ["default"]


def test_a_file_of_the_time_without_tenants_moves_to_the_tenant_default(new_system, relay, tmp_path):
    system = new_system(workers=0)
    path = tmp_path / "mail_service.db"
    db = sqlite3.connect(path)
    db.executescript(SEED_TABLES)
    db.execute("INSERT INTO accounts (id, host, port, limit_per_day) VALUES ('a1', '127.0.0.1', ?, 500)", (relay.port,))
    db.execute("INSERT INTO messages (id, account_id, priority, payload, created_at) VALUES ('_main_db:m1', 'a1', 1, ?, '2025')",
               (json.dumps(payload("_main_db:m1", account_id="a1", retry_count=2)),))
    db.execute("INSERT INTO schedule_rules (name, enabled, priority, days, start_hour, end_hour, cross_midnight, interval_minutes)"
               " VALUES ('peak', 1, 0, '0,1,2,3,4', 9, 18, 0, 2)")
    db.commit()
    db.close()
    done = run(path, system)
    assert done.returncode == 0, done.stderr
    message = system.api.message("_main_db:m1")
    assert (message["tenant_id"], message["priority"], message["account_id"]) == ("default", 1, "a1")
    rule, = system.api.get("/commands/rules").json["rules"]
    assert (rule["name"], rule["days"], rule["start_hour"], rule["interval_minutes"]) == ("peak", [0, 1, 2, 3, 4], 9, 2)


def test_a_file_of_something_else_is_refused(new_system, tmp_path):
    system = new_system(workers=0)
    path = tmp_path / "other.db"
    sqlite3.connect(path).execute("CREATE TABLE t (a)").connection.commit()
    done = run(path, system)
    assert done.returncode != 0 and "not a file of the Python service" in done.stderr
