#!/usr/bin/python3
"""
demo.py ROOT HOME - the whole way of a few mails, to be watched: ./dev run.

Starts the system (unless it is up), a mail sink and a tenant's web server; registers a tenant and an account, posts
a batch, waits until every message is sent and reported, and shows what arrived. Ends what it started on Ctrl-C.
"""

import base64
import email
import email.policy
import json
import os
import signal
import subprocess
import sys
import time

ROOT, HOME = os.path.abspath(sys.argv[1]), sys.argv[2]
sys.path.insert(0, os.path.join(ROOT, "tests"))

from support.api import Api  # noqa: E402
from support.store import Store  # noqa: E402
from support.waiting import wait_for  # noqa: E402

DEV = os.path.join(ROOT, "dev")
MAIL = os.path.join(HOME, "mail")
TENANT = "demo"


def the_batch(run):
    """Text, HTML, non-ASCII, several recipients, an attachment in the message and one that the tenant serves."""
    common = {"tenant_id": TENANT, "account_id": "main", "from": "Demo Shop <shop@example.com>"}
    csv = base64.b64encode(b"sku,pieces\nA-1,3\nB-7,12\n").decode()
    return [
        {**common, "id": f"{run}:text", "to": ["ann@example.net"], "subject": "Your order has left",
         "body": "Dear Ann,\n\nyour order is on its way.\n"},
        {**common, "id": f"{run}:html", "to": ["bob@example.net"], "subject": "Offers of the week",
         "body": "<h1>Offers</h1><p>Everything <b>half price</b>.</p>", "content_type": "html"},
        {**common, "id": f"{run}:umlaut", "to": ["Żaneta Müller <zaneta@example.net>"],
         "subject": "Grüße aus München – 你好", "body": "Es grüßt: die Bäckerei „Süßes Brötchen“. 🥨\n"},
        {**common, "id": f"{run}:many", "to": ["ann@example.net", "bob@example.net"], "cc": ["carol@example.net"],
         "bcc": ["archive@example.com"], "subject": "To many, and a copy nobody sees", "body": "One message, four recipients.\n"},
        {**common, "id": f"{run}:files", "to": ["warehouse@example.net"], "subject": "Stock and report",
         "body": "Two attachments.\n", "priority": "high", "attachments": [
             {"filename": "stock.csv", "storage_path": f"base64:{csv}", "mime_type": "text/csv"},
             {"filename": "report.pdf", "storage_path": "demo:report.pdf", "fetch_mode": "endpoint"}]},
    ]


def start_sink():
    os.makedirs(MAIL, exist_ok=True)
    port_file = os.path.join(MAIL, "port")
    if os.path.exists(port_file):
        os.remove(port_file)
    sink = subprocess.Popen([sys.executable, os.path.join(ROOT, "tests", "tools", "mailsink.py"), MAIL],
                            start_new_session=True)  # Ctrl-C is ours alone
    wait_for(lambda: os.path.exists(port_file) or sink.poll() is not None, "the mail sink to listen")
    with open(port_file, encoding="ascii") as f:
        return sink, int(f.read())


def register(admin, store, sink_port):
    answer = admin.post("/tenant", {"id": TENANT, "name": "Demo Shop", "client_base_url": store.url,
                                    "client_sync_path": "/proxy_sync", "client_attachment_path": "/proxy_get_attachments",
                                    "client_auth": store.client_auth})
    if answer.status != 200:
        sys.exit(f"POST /tenant: {answer}")
    tenant = admin.with_token(answer.json["api_key"])
    answer = tenant.post("/account", {"tenant_id": TENANT, "id": "main", "host": "127.0.0.1", "port": sink_port,
                                      "use_tls": False})
    if answer.status != 200:
        sys.exit(f"POST /account: {answer}")
    return tenant


def watch(tenant, ids, seconds=60):
    """Print the counts whenever they change, until all are sent and reported."""
    shown, end = None, time.monotonic() + seconds
    while time.monotonic() < end:
        mine = [m for m in tenant.messages(tenant_id=TENANT) if m["id"] in ids]
        states = [m["status"] for m in mine]
        counts = {s: states.count(s) for s in ("pending", "sending", "deferred", "sent", "error") if s in states}
        counts["reported"] = sum(1 for m in mine if m.get("reported_ts"))
        if counts != shown:
            print("   " + "  ".join(f"{n} {s}" for s, n in counts.items()), flush=True)
            shown = counts
        if counts.get("sent") == counts["reported"] == len(ids):
            return True
        time.sleep(0.05)
    return False


def show_mail(ids):
    for name in sorted(os.listdir(MAIL)):
        if not name.endswith(".eml"):
            continue
        with open(os.path.join(MAIL, name), "rb") as f:
            mail = email.message_from_binary_file(f, policy=email.policy.default)
        if mail["X-Genro-Mail-ID"] not in ids:
            continue
        print(f"   {os.path.join(MAIL, name)}")
        print(f"      for      {', '.join(str(v) for v in mail.get_all('X-Envelope-To'))}")
        print(f"      subject  {mail['Subject']}")
        for part in mail.walk():
            if not part.is_multipart():
                octets = len(part.get_payload(decode=True))
                print(f"      part     {part.get_content_type()}, {octets} octets {part.get_filename() or ''}".rstrip())


def demonstrate(url, sink_port, store):
    run = time.strftime("%H%M%S")
    batch = the_batch(run)
    ids = {m["id"] for m in batch}
    tenant = register(Api(url, os.environ.get("GMP_API_TOKEN")), store, sink_port)
    print(f"\n1. posting {len(batch)} messages to {url}/commands/add-messages")
    answer = tenant.post("/commands/add-messages", {"messages": batch}, tenant_id=TENANT)
    print(f"   {answer.status} {answer.body.decode()}")
    print("2. sending and reporting")
    complete = watch(tenant, ids)
    print("3. what arrived at the mail sink")
    show_mail(ids)
    print(f"4. what the tenant was told (POST {store.url}/proxy_sync)")
    for entry in store.entries():
        if entry["id"] in ids:
            print(f"   {json.dumps(entry, ensure_ascii=False)}")
    token = f" -H 'X-API-Token: {tenant.token}'"
    admin = "with GMP_API_TOKEN as the admin" if os.environ.get("GMP_API_TOKEN") else "opens as the admin, because GMP_API_TOKEN is not set"
    print(f"""
On the web page, {url}/
   {admin}; with the token {tenant.token} as the tenant {TENANT}

Look further (in another terminal{'' if HOME == os.path.join(ROOT, '.run') else f', with MAILPROXY_HOME={HOME}'}):
   curl -s{token} '{url}/messages?tenant_id={TENANT}' | jq .
   ./dev status     what runs, what is queued
   ./dev psql       the database
   ./dev logs -f    one line per attempt and report
""")
    return complete


def main():
    # Ctrl-C is answered here; the programs below get their own sessions and end when told.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    here = {**os.environ, "MAILPROXY_HOME": HOME}
    was_up = subprocess.run([DEV, "status"], capture_output=True, env=here).returncode == 0
    store = Store()
    store.files["demo:report.pdf"] = b"%PDF-1.4\n% the demo's report\n%%EOF\n"
    sink, code = None, 1
    try:
        up = subprocess.run([DEV, "up"], stdout=subprocess.PIPE, text=True, start_new_session=True, env=here)
        if up.returncode != 0:
            return up.returncode
        sink, sink_port = start_sink()
        if demonstrate(up.stdout.strip(), sink_port, store):
            code = 0
            print("All sent and reported. The system stays up until Ctrl-C.", flush=True)
        else:
            print("Not everything was sent and reported. The system stays up until Ctrl-C: ./dev logs", flush=True)
        while True:
            signal.pause()
    except KeyboardInterrupt:
        print()
        return code
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if sink:
            sink.terminate()
            sink.wait()
        store.stop()
        if not was_up:
            subprocess.run([DEV, "down"], env=here, start_new_session=True)


if __name__ == "__main__":
    sys.exit(main())
