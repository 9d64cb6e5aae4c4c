"""A relay by aiosmtpd: a second, independent SMTP server, with TLS and AUTH."""

import ssl

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult


class _Handler:
    def __init__(self, implicit_tls):
        self.implicit_tls = implicit_tls
        self.envelopes = []

    async def handle_DATA(self, server, session, envelope):
        envelope.client_certificate = server.transport.get_extra_info("peercert") or None
        envelope.was_tls = self.implicit_tls or session.ssl is not None  # which STARTTLS sets
        envelope.login = getattr(session, "auth_data", None)
        self.envelopes.append(envelope)
        return "250 2.0.0 taken"


class AuthRelay(Controller):
    """tls: None, "implicit" or "starttls". user: None means no AUTH is offered."""

    def __init__(self, tls=None, certificate=None, user=None, password=None, mechanisms=("PLAIN", "LOGIN"),
                 auth_on_plain=False, smtputf8=False):
        self.tls = tls
        self.context = None
        if tls:
            self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self.context.load_cert_chain(*certificate)
        self.user, self.password = user, password
        self.mechanisms = mechanisms
        self.auth_on_plain = auth_on_plain
        self.smtputf8 = smtputf8
        self.logins = []  # (mechanism, user, password) of every try
        self.records = _Handler(implicit_tls=tls == "implicit")
        super().__init__(self.records, hostname="127.0.0.1", port=0,
                         ssl_context=self.context if tls == "implicit" else None)
        self.start()

    def _authenticate(self, _server, _session, _envelope, mechanism, data):
        self.logins.append((mechanism, data.login.decode(), data.password.decode()))
        good = (data.login.decode(), data.password.decode()) == (self.user, self.password)
        return AuthResult(success=good, handled=good, auth_data=data.login.decode())

    def factory(self):
        known = {"PLAIN", "LOGIN"}
        return SMTP(
            self.handler, hostname="relay.test", enable_SMTPUTF8=self.smtputf8,
            tls_context=self.context if self.tls == "starttls" else None, require_starttls=self.tls == "starttls",
            authenticator=self._authenticate if self.user else None, auth_required=bool(self.user),
            auth_require_tls=bool(self.tls == "starttls") and not self.auth_on_plain,
            auth_exclude_mechanism=known - set(self.mechanisms) if self.user else known,
        )

    def _trigger_server(self):
        """Controller connects once to see whether it is up, to the port it was told; ours is the system's choice."""
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()

    @property
    def envelopes(self):
        return self.records.envelopes

    def close(self):
        self.stop()
