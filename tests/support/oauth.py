"""A token endpoint (RFC 6749), and relays that take its tokens (RFC 7628, XOAUTH2)."""

import base64
import itertools
import json
import threading
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote_plus

from .ports import free_port
from .relay import CUT
from .store import _Server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.store.serve(self)

    def log_message(self, *_args):
        pass


class TokenEndpoint:
    """
    requests    the form of every request
    tokens      every access token given out, in order
    expires_in  what it says of them; None: nothing
    basic       id and secret come by HTTP Basic (RFC 6749 section 2.3.1), and not in the form; `requests` shows them all the same
    rotates     each refresh token is good once, and a new one comes with the access token
    on_request  None, or a callable(form) that returns (status, dict or octets), or None for the usual
    """

    CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN = "proxy", "s3cret/+&=word", "first-refresh/+&=token"

    def __init__(self, expires_in=3600, rotates=False, basic=False):
        self.expires_in, self.rotates, self.basic = expires_in, rotates, basic
        self.requests, self.tokens = [], []
        self.refresh_tokens = {self.REFRESH_TOKEN}  # that are good
        self.every_refresh_token = [self.REFRESH_TOKEN]
        self.on_request = None
        self.numbers = itertools.count(1)
        self.lock = threading.Lock()
        self.port = free_port()
        self.server = None
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/oauth2/v2.0/token"

    def start(self):
        self.server = _Server(("127.0.0.1", self.port), _Handler)
        self.server.store = self
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server.cut_connections()
            self.server = None

    close = stop

    def client_credentials(self, **fields):
        """An account's fields."""
        return {"user": "box@example.com", "oauth_token_url": self.url, "oauth_client_id": self.CLIENT_ID,
                "oauth_client_secret": self.CLIENT_SECRET, "oauth_scope": "https://mail.example.com/.default", **fields}

    def refresh_token(self, **fields):
        return {"user": "box@example.com", "oauth_token_url": self.url, "oauth_client_id": self.CLIENT_ID,
                "oauth_client_secret": self.CLIENT_SECRET, "oauth_refresh_token": self.REFRESH_TOKEN, **fields}

    @property
    def secrets(self):
        """All that may be seen nowhere else."""
        return [self.CLIENT_SECRET, *self.every_refresh_token, *self.tokens]

    def serve(self, handler):
        octets = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        assert handler.headers["Content-Type"] == "application/x-www-form-urlencoded"
        form = {k: v[0] for k, v in parse_qs(octets.decode(), strict_parsing=True).items()}
        if self.basic:
            form = self._basic(form, handler.headers.get("Authorization"))
        else:
            assert "Authorization" not in handler.headers
        with self.lock:
            self.requests.append(form)
        status, data = (self.on_request and self.on_request(form)) or self._answer(form)
        octets = data if isinstance(data, bytes) else json.dumps(data).encode()
        try:
            handler.send_response(status)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(octets)))
            handler.end_headers()
            handler.wfile.write(octets)
        except OSError:
            handler.close_connection = True

    @staticmethod
    def _basic(form, authorization):
        assert not {"client_id", "client_secret"} & form.keys()
        method, credentials = (authorization or "Basic Og==").split()
        assert method == "Basic"
        names = ("client_id", "client_secret")
        return form | dict(zip(names, map(unquote_plus, base64.b64decode(credentials).decode().split(":"))))

    def _answer(self, form):
        if (form.get("client_id"), form.get("client_secret")) != (self.CLIENT_ID, self.CLIENT_SECRET):
            return 401, {"error": "invalid_client",
                         "error_description": f"The secret '{form.get('client_secret')}' is wrong."}
        if form["grant_type"] == "refresh_token" and form.get("refresh_token") not in self.refresh_tokens:
            return 400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
        with self.lock:
            number = next(self.numbers)
            answer = {"token_type": "Bearer", "access_token": f"access-token-{number}." + "x" * 1500}
            self.tokens.append(answer["access_token"])
            if self.expires_in is not None:
                answer["expires_in"] = self.expires_in
            if self.rotates and form["grant_type"] == "refresh_token":
                answer["refresh_token"] = f"refresh-token-{number}"
                self.refresh_tokens = {answer["refresh_token"]}
                self.every_refresh_token.append(answer["refresh_token"])
        return 200, answer


class Doorman:
    """Makes a scripted relay ask for tokens: `accepts` is a callable(token); `logins` is (mechanism, user, token)."""

    def __init__(self, relay, mechanisms=("XOAUTH2",), accepts=lambda token: True):
        self.accepts = accepts
        self.logins = []
        relay.extensions = (*relay.extensions, "AUTH " + " ".join(mechanisms))
        relay.on("auth", self.login)

    @property
    def tokens(self):
        return [token for _, _, token in self.logins]

    def login(self, session, command):
        _, mechanism, *initial = command.split()
        if not initial:
            session.conn.sendall(b"334 \r\n")
            initial = [session.read_line().decode().strip()]
        text = base64.b64decode(initial[0]).decode()
        if mechanism == "XOAUTH2":
            user, auth = text.removesuffix("\x01\x01").split("\x01")
            user = user.removeprefix("user=")
        else:
            assert mechanism == "OAUTHBEARER" and text.endswith("\x01\x01")
            head, *pairs = text.removesuffix("\x01\x01").split("\x01")
            user = head.removeprefix("n,a=").removesuffix(",")
            auth = next(pair for pair in pairs if pair.startswith("auth="))
        assert auth.startswith("auth=Bearer ")
        token = auth.removeprefix("auth=Bearer ")
        self.logins.append((mechanism, user, token))
        if self.accepts(token):
            return "235 2.7.0 welcome"
        refusal = json.dumps({"status": "401", "schemes": "bearer", "scope": "https://mail.example.com/"})
        session.conn.sendall(b"334 " + base64.b64encode(refusal.encode()) + b"\r\n")
        return "535 5.7.8 not with this token" if session.read_line() else CUT
