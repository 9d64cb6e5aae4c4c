"""From an empty service to a mail that was sent, as docs/install.md tells it."""

import socket

from support.api import Api
from support.programs import message
from support.waiting import wait_for


def is_ready(url):
    try:
        return Api(url).get("/ready").status == 200
    except OSError:
        return False


def is_listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def send_one(url, admin_token, port, programs):
    """Through the SMTP server on that port of this host."""
    def running(what):
        for program in programs:
            assert program.alive(), program.log()
        return what()

    wait_for(lambda: running(lambda: is_ready(url)), "the server to be ready", timeout=60)
    wait_for(lambda: running(lambda: is_listening(port)), "the SMTP server to listen", timeout=60)  # or the first try is made in vain
    admin = Api(url, admin_token)
    token = admin.post("/tenant", {"id": "shop"}).json["api_key"]
    shop = Api(url, token)
    assert shop.post("/account", {"id": "main", "host": "127.0.0.1", "port": port, "use_tls": False}).status == 200
    assert shop.post("/account", {"id": "sealed", "host": "127.0.0.1", "port": port, "user": "shop", "password": "needs the key"}).status == 200
    answer = shop.post("/commands/add-messages", {"messages": [message("first")]})
    assert answer.json == {"ok": True, "queued": 1, "rejected": []}
    wait_for(lambda: running(lambda: shop.get("/messages").json["messages"][0]["status"] == "sent"), "the mail to be sent", timeout=60)
