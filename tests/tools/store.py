#!/usr/bin/python3
"""
store.py [PORT [FILE...]] - a tenant's web server: acknowledges delivery reports at POST /proxy_sync and prints them,
and serves each FILE as the attachment "files:<its name>" at POST /proxy_get_attachments.
"""

import os
import signal
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.store import Store  # noqa: E402


def main(port, files):
    store = Store(port=port)
    for path in files:
        with open(path, "rb") as f:
            store.files["files:" + os.path.basename(path)] = f.read()

    def acknowledge(body):
        for entry in body["delivery_report"]:
            print(entry, flush=True)
        return {"ok": True, "queued": 0}

    store.on_sync = acknowledge
    print(f"listening on {store.url}", flush=True)
    stop = threading.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda *_: stop.set())
    stop.wait()
    store.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0, sys.argv[2:])
