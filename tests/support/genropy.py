"""
What the two Genropy clients do with the service, call by call: today's (tenants, two tokens, messages pushed inside the sync) and
the one of 2025 (one token, no tenants, scheduling rules). Each is its own store, with a database of mails in a dict.
"""

import time

from .store import Store


class Mail:
    def __init__(self, record_id, **fields):
        self.id = record_id
        self.fields = fields
        self.proxy_ts = self.send_date = self.error = None
        self.attempts = 0
        self.deferred_ts = None

    @property
    def waits(self):
        return self.proxy_ts is None and self.send_date is None and self.error is None


class Client:
    """What both have in common."""

    def __init__(self, api, password="wonderland"):
        self.api = api
        self.store = Store("mailproxy", password)
        self.store.on_sync = self.on_sync
        self.mails = {}
        self.answers = []  # every answer to add-messages

    def close(self):
        self.store.close()

    def checked(self, answer):
        """Both raise from 400 up, without a look at the answer."""
        if answer.status >= 400:
            raise RuntimeError(f"{answer}")
        return answer.json if answer.body else {}

    def compose(self, record_id, **fields):
        self.mails[record_id] = Mail(record_id, **fields)
        self.after_commit()
        return self.mails[record_id]

    def after_commit(self):
        self.run_now()


class ClientNow(Client):
    """Genropy today."""

    tenant_id = "erp"

    def __init__(self, admin_api):
        super().__init__(admin_api)
        self.token = None
        self.batch_size = 1000

    @property
    def own(self):
        return self.api.with_token(self.token)

    def register(self, accounts):
        answer = self.checked(self.api.post("/tenant", {
            "id": self.tenant_id, "client_base_url": self.store.url, "client_sync_path": "/proxy_sync",
            "client_attachment_path": "/proxy_get_attachments",
            "client_auth": {"method": "basic", "user": "mailproxy", "password": self.store.password}}))
        assert answer["ok"]
        self.token = answer["api_key"]  # read unconditionally: a KeyError fails the registration
        for account in accounts:
            assert self.save_account(account)["ok"]

    def save_account(self, account):
        account = {"tenant_id": self.tenant_id, "name": account["id"], "ttl": 300, "limit_behavior": "defer", "timeout": 20, **account}
        return self.checked(self.own.post("/account", {k: v for k, v in account.items() if v not in (None, "")}))

    def run_now(self):
        return self.checked(self.own.request("POST", "/commands/run-now", query={"tenant_id": self.tenant_id}))

    def as_message(self, mail):
        message = {"id": mail.id, "tenant_id": self.tenant_id, "account_id": "smtp", "subject": "", "from": "erp@example.com",
                   "priority": None, "to": ["ann@example.net"], "body": "<p>Hello</p>", "content_type": "html",
                   "message_id": f"GNR_{mail.id}", **mail.fields}
        if mail.deferred_ts:
            message["deferred_ts"] = mail.deferred_ts
        return message

    def on_sync(self, body):
        last = {entry["id"]: entry for entry in body["delivery_report"]}  # the last one of an id wins
        failed = [i for i, entry in last.items() if i in self.mails and self.take(self.mails[i], entry)]
        queued = self.push()
        answer = {"queued": queued}
        if failed:
            answer["error"] = failed
        else:
            answer["ok"] = True
        return answer

    def take(self, mail, entry):
        """True where the entry is a delivery error."""
        if entry.get("sent_ts"):
            mail.send_date, mail.error = entry["sent_ts"], None
        elif entry.get("error_ts"):
            if "Attachment fetch failed" in entry["error"] and mail.attempts < 5:
                mail.attempts += 1
                mail.proxy_ts, mail.deferred_ts = None, int(time.time())
                self.after_commit()  # from within the sync
                return False
            mail.error = entry["error"]
            return True
        return False

    def push(self):
        batch = [m for m in self.mails.values() if m.waits][: self.batch_size]
        if not batch:
            return 0
        answer = self.own.post("/commands/add-messages", {"messages": [self.as_message(m) for m in batch]},
                               tenant_id=self.tenant_id)
        self.answers.append(answer)
        if answer.status >= 400 and "rejected" not in answer.json:
            return 0  # all stay queued, and come again at each sync
        if answer.json.get("error"):
            for mail in batch:
                mail.error = str(answer.json["error"])
            return 0
        rejected = {r["id"]: r["reason"] for r in answer.json["rejected"]}
        for mail in batch:
            if mail.id in rejected:
                mail.error = rejected[mail.id]
            else:
                mail.proxy_ts = time.time()
        self.run_now()  # its commit hooks fire within the request
        return answer.json["queued"]


class ClientSeed(Client):
    """Genropy of October 2025: posts its queue by itself, and is told at the service's one client URL."""

    store_name = "_main_db"

    def save_account(self, account):
        return self.checked(self.api.post("/account", account))

    def run_now(self):
        return self.checked(self.api.request("POST", "/commands/run-now"))

    def schedule(self, rules, active):
        for rule in rules:
            answer = self.checked(self.api.post("/commands/rules", rule))
        self.checked(self.api.request("POST", "/commands/activate" if active else "/commands/suspend"))
        return answer["rules"]

    def after_commit(self):
        self.push()
        self.run_now()

    def push(self):
        batch = [m for m in self.mails.values() if m.waits]
        messages = [{"id": f"{self.store_name}:{m.id}", "account_id": "smtp", "from": "erp@example.com", "to": "ann@example.net",
                     "subject": "", "body": "Hello", "content_type": "plain", **m.fields} for m in batch]
        if not messages:
            return
        answer = self.checked(self.api.post("/commands/add-messages", {"messages": messages}))
        rejected = {r["id"]: r["reason"] for r in answer["rejected"]}
        for mail in batch:
            mail.error = rejected.get(f"{self.store_name}:{mail.id}")
            mail.proxy_ts = time.time()

    def on_sync(self, body):
        for entry in body["delivery_report"]:
            mail = self.mails[entry["id"].split(":", 1)[1]]
            # all seven keys are read
            error, error_ts, sent_ts = entry["error"], entry["error_ts"], entry["sent_ts"]
            assert {"account_id", "priority", "deferred_ts"} <= set(entry)
            if sent_ts:
                mail.send_date, mail.error = sent_ts, None
            elif error_ts:
                mail.error = error
        return 200, {"sent": len(body["delivery_report"]), "error": 0, "deferred": 0}, {}
