"""A reverse proxy that serves the service below a prefix, as `location /mail/ { proxy_pass http://server/; }` does, and breaks what it is told to."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.pass_on()

    do_POST = do_PATCH = do_DELETE = do_GET

    def pass_on(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server.asked.append(self.path)
        if not self.path.startswith(server.prefix):
            self.send_error(404)
            return
        if urlsplit(self.path).path[len(server.prefix) - 1:] in server.broken:
            self.answer(503, [("Content-Type", "application/json")], b'{"detail":"not now"}')
            return
        conn = http.client.HTTPConnection(server.upstream.hostname, server.upstream.port, timeout=30)
        conn.request(self.command, self.path[len(server.prefix) - 1:], body or None,
                     {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")})
        answer = conn.getresponse()
        octets = answer.read()
        conn.close()
        self.answer(answer.status, answer.getheaders(), octets)

    def answer(self, status, headers, octets):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def log_message(self, *_args):
        pass


class PrefixProxy:
    def __init__(self, upstream, prefix="/mail/", broken=()):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.daemon_threads = True
        self.server.upstream, self.server.prefix, self.server.broken, self.server.asked = urlsplit(upstream), prefix, broken, []
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}{prefix}"

    @property
    def asked(self):
        """The paths that were asked for."""
        return self.server.asked

    def close(self):
        self.server.shutdown()
        self.server.server_close()
