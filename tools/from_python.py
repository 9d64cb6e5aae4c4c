#!/usr/bin/python3
"""
from_python.py - move what the Python service (genro-mail-proxy) holds in its SQLite file into mailproxy, over its API.

Tenants, accounts, suspended batches, scheduling rules and the messages that were not sent yet. Reads the file only; may be run
again: everything is stored by id, and a message that was sent meanwhile is not sent twice.

Tenants' tokens go on working when --database-url is given, because only their SHA-256 is known, and only the database takes
it. Without it each tenant with a client_auth gets a new token, which is printed.
"""

import argparse
import contextlib
import json
import sqlite3
import sys
import urllib.error
import urllib.parse
import urllib.request

MESSAGES_AT_ONCE = 500
ACCOUNT_FIELDS = ("id", "tenant_id", "host", "port", "user", "password", "ttl", "limit_per_minute", "limit_per_hour",
                  "limit_per_day", "limit_behavior", "use_tls", "batch_size", "is_pec_account", "imap_host", "imap_port",
                  "imap_user", "imap_password", "imap_ssl")
TENANT_FIELDS = ("id", "name", "client_auth", "client_base_url", "client_sync_path", "client_attachment_path", "rate_limits",
                 "large_file_config", "active")
JSON_FIELDS = ("client_auth", "rate_limits", "large_file_config")


class Api:
    def __init__(self, url, token):
        self.url, self.token = url.rstrip("/"), token

    def post(self, path, body=None, **query):
        url = self.url + path + ("?" + urllib.parse.urlencode(query) if query else "")
        request = urllib.request.Request(url, json.dumps(body).encode() if body is not None else b"", method="POST",
                                         headers={"X-API-Token": self.token, "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read().decode("utf-8", "replace")
            with contextlib.suppress(ValueError, TypeError):
                if path == "/commands/add-messages" and "rejected" in json.loads(text):
                    return json.loads(text)  # every message of it was refused, each for its reason
            sys.exit(f"POST {path}: {error.code} {text}")


class Move:
    def __init__(self, old, api, database_url, dry_run):
        self.old, self.api, self.database_url, self.dry_run = old, api, database_url, dry_run
        self.counts = {}
        self.tables = {name for (name,) in old.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def count(self, what, n=1):
        self.counts[what] = self.counts.get(what, 0) + n

    def rows(self, table, where="1 = 1", *params):
        if table not in self.tables:
            return []
        return [dict(row) for row in self.old.execute(f"SELECT * FROM {table} WHERE {where}", params)]

    def post(self, path, body=None, **query):
        return {"ok": True} if self.dry_run else self.api.post(path, body, **query)

    def tenants(self):
        for row in self.rows("tenants"):
            body = {name: row.get(name) for name in TENANT_FIELDS if row.get(name) is not None}
            for name in JSON_FIELDS:
                if isinstance(body.get(name), str):
                    body[name] = json.loads(body[name])
            answer = self.post("/tenant", body)
            self.count("tenants")
            if row.get("api_key_hash") and self.database_url:
                self.keep_token(row)
            elif "api_key" in answer:
                print(f"tenant {row['id']}: new token {answer['api_key']}")

    def keep_token(self, row):
        import psycopg  # needed for this alone

        if self.dry_run:
            return
        with psycopg.connect(self.database_url) as db:
            db.execute("UPDATE mailproxy.tenant SET api_key_hash = decode(%s, 'hex'), api_key_expires_at = to_timestamp(%s)"
                       " WHERE tenant_id = %s", (row["api_key_hash"], row.get("api_key_expires_at"), row["id"]))

    def accounts(self):
        for row in self.rows("accounts"):
            body = {name: row[name] for name in ACCOUNT_FIELDS if row.get(name) is not None}
            if str(body.get("password", "")).startswith("ENC:"):
                sys.exit(f"account {row['id']}: its password is encrypted in the file; register the account anew by hand")
            self.post("/account", body)
            self.count("accounts")

    def suspensions(self):
        for row in self.rows("tenants", "suspended_batches IS NOT NULL AND suspended_batches <> ''"):
            for code in row["suspended_batches"].split(","):
                query = {} if code == "*" else {"batch_code": code}
                self.post("/commands/suspend", None, tenant_id=row["id"], **query)
                self.count("suspensions")

    def rules(self):
        for row in sorted(self.rows("schedule_rules"), key=lambda r: (r["priority"], r["id"])):
            days = [int(day) for day in (row["days"] or "").split(",") if day.strip()]
            body = {"name": row["name"], "enabled": bool(row["enabled"]), "days": days, "start_hour": row["start_hour"],
                    "end_hour": row["end_hour"], "cross_midnight": bool(row["cross_midnight"]),
                    "interval_minutes": row["interval_minutes"]}
            self.post("/commands/rules", body)
            self.count("rules")

    def messages(self):
        columns = {row[1] for row in self.old.execute("PRAGMA table_info(messages)")}
        unsent = "smtp_ts IS NULL" if "smtp_ts" in columns else "sent_ts IS NULL AND error_ts IS NULL"
        batch = []
        for row in self.rows("messages", unsent + " ORDER BY priority, created_at, id"):
            batch.append(self.message(row))
            if len(batch) == MESSAGES_AT_ONCE:
                self.add(batch)
                batch = []
        if batch:
            self.add(batch)

    @staticmethod
    def message(row):
        message = json.loads(row["payload"])
        message.pop("retry_count", None)
        for name in ("id", "tenant_id", "account_id", "priority", "deferred_ts", "batch_code"):
            if row.get(name) is not None:
                message[name] = row[name]
        return message

    def add(self, batch):
        answer = self.post("/commands/add-messages", {"messages": batch})
        rejected = answer.get("rejected", [])
        self.count("messages", len(batch) - len(rejected))
        self.count("messages rejected", len(rejected))
        for item in rejected:
            print(f"message {item.get('id')}: {item['reason']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0].strip())
    parser.add_argument("file", help="the Python service's SQLite file")
    parser.add_argument("--api", required=True, help="where mailproxy-server listens, as http://127.0.0.1:8000")
    parser.add_argument("--admin-token", required=True, help="GMP_API_TOKEN of mailproxy")
    parser.add_argument("--database-url", help="mailproxy's database, so that tenants' tokens go on working")
    parser.add_argument("--dry-run", action="store_true", help="read and count, change nothing")
    args = parser.parse_args()
    old = sqlite3.connect("file:" + urllib.parse.quote(args.file) + "?mode=ro", uri=True)
    old.row_factory = sqlite3.Row
    move = Move(old, Api(args.api, args.admin_token), args.database_url, args.dry_run)
    if "accounts" not in move.tables or "messages" not in move.tables:
        sys.exit(f"{args.file}: no tables accounts and messages: not a file of the Python service")
    for step in (move.tenants, move.accounts, move.suspensions, move.rules, move.messages):
        step()
    print(", ".join(f"{n} {what}" for what, n in move.counts.items()) + (" (nothing was changed)" if args.dry_run else ""))


main()
