"""A tenant's web server: takes delivery reports, hands out attachments, and pushes messages while it is synced."""

import base64
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .ports import free_port


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.store.serve(self)

    def do_GET(self):
        self.server.store.serve(self)

    def log_message(self, *_args):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *args):
        self.connections = set()
        super().__init__(*args)

    def get_request(self):
        conn, address = super().get_request()
        self.connections.add(conn)
        return conn, address

    def shutdown_request(self, request):
        self.connections.discard(request)
        super().shutdown_request(request)

    def cut_connections(self):
        """What a stopped server's peers see; its threads would serve connections that are kept alive on and on."""
        for conn in list(self.connections):
            try:
                conn.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended already


class Store:
    """
    reports    every acknowledged delivery_report array
    requests   every request to the sync path: (time, headers, body)
    on_sync    None, or a callable(body) that returns what to answer: a dict, or (status, dict, headers)
    files      storage_path -> octets, a (status, octets) pair, or a callable that returns either
    """

    def __init__(self, user=None, password=None, port=0):
        self.user, self.password = user, password
        self.reports = []
        self.requests = []
        self.fetches = []  # (path, headers, body) of every attachment request
        self.on_sync = None
        self.files = {}
        self.api = None  # set by System.add_tenant(): the service, with this tenant's token
        self.lock = threading.Lock()
        self.port = port or free_port()  # which nobody else takes while it is down
        self.server = None
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def client_auth(self):
        if self.user is None:
            return {"method": "none"}
        return {"method": "basic", "user": self.user, "password": self.password}

    def start(self):
        self.server = _Server(("127.0.0.1", self.port), _Handler)
        self.server.store = self
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        """Down: connections are refused until start(), which takes the same port."""
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server.cut_connections()
            self.server = None

    close = stop

    # What tests ask.

    def entries(self, message_id=None):
        """Every entry of every acknowledged report, in order."""
        with self.lock:
            return [e for report in self.reports for e in report if message_id in (None, e["id"])]

    def reported_ids(self, key="sent_ts"):
        return {e["id"] for e in self.entries() if e.get(key)}

    # Serving.

    def serve(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        path = handler.path.split("?")[0]
        if not self._is_authorised(handler):
            self._answer(handler, 401, {"error": "who are you?"})
        elif path == "/proxy_sync":
            self._sync(handler, json.loads(body))
        elif path == "/proxy_get_attachments":
            with self.lock:
                self.fetches.append((path, dict(handler.headers), body))
            self._file(handler, json.loads(body).get("storage_path"))
        else:
            with self.lock:
                self.fetches.append((path, dict(handler.headers), body))
            self._file(handler, path)

    def _is_authorised(self, handler):
        if self.user is None:
            return True
        wanted = "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return handler.headers.get("Authorization") == wanted

    def _sync(self, handler, body):
        with self.lock:
            self.requests.append((time.time(), dict(handler.headers), body))
        answer = self.on_sync(body) if self.on_sync else {"ok": True, "queued": 0}
        status, data, headers = answer if isinstance(answer, tuple) else (200, answer, {})
        if 200 <= status < 300:
            with self.lock:
                self.reports.append(body["delivery_report"])
        self._answer(handler, status, data, headers)

    def _file(self, handler, path):
        found = self.files.get(path, (404, b'{"error":"no such file"}'))
        if callable(found):
            found = found()
        status, octets = found if isinstance(found, tuple) else (200, found)
        self._answer(handler, status, octets, {"Content-Type": "application/octet-stream"})

    @staticmethod
    def _answer(handler, status, data, headers=None):
        octets = data if isinstance(data, bytes) else json.dumps(data).encode()
        try:
            handler.send_response(status)
            headers = {"Content-Type": "application/json", **(headers or {})}
            for name, value in headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(octets)))
            handler.end_headers()
            handler.wfile.write(octets)
        except OSError:
            handler.close_connection = True  # the caller has gone; its business
