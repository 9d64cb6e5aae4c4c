"""An SMTP relay whose dialogue is in the test: every reply can be set, delayed, withheld or replaced by a cut.

    relay = Relay()
    relay.on("rcpt", lambda session, arg: "550 5.1.1 no such user" if "bad" in arg else None)   # None: the usual
    relay.on("dot", ["451 4.3.0 later"])                                  # the first time; afterwards the usual

Steps: greeting ehlo helo starttls auth credentials mail rcpt data dot rset noop quit; `auth` answers the command,
`credentials` what follows a 334. A reply may also be CUT (close without a word), RESET (close so that the peer sees a TCP
reset) or SILENCE (say nothing until the peer has gone). A callable may block; each connection has its own thread.
"""

import select
import socket
import ssl
import struct
import threading
import time

CUT = object()
RESET = object()
SILENCE = object()

USUAL = {
    "greeting": "220 relay.test ESMTP",
    "helo": "250 relay.test",
    "starttls": "220 2.0.0 go ahead",
    "auth": "334 ",
    "credentials": "235 2.7.0 welcome",
    "mail": "250 2.1.0 sender ok",
    "rcpt": "250 2.1.5 recipient ok",
    "data": "354 end with <CRLF>.<CRLF>",
    "dot": "250 2.0.0 taken",
    "rset": "250 2.0.0 reset",
    "noop": "250 2.0.0 ok",
    "quit": "221 2.0.0 bye",
}
# What comes out of turn: RCPT without an accepted MAIL, the rest without an accepted RCPT (RFC 5321 section 4.1.4). It
# uses up no reply of a list; only a callable may answer otherwise.
TOO_EARLY = {"rcpt": "503 5.5.1 need MAIL first", "data": "503 5.5.1 need RCPT first", "dot": "554 5.5.1 no valid recipients"}
EXTENSIONS = ("PIPELINING", "SIZE 20971520", "ENHANCEDSTATUSCODES")


class Mail:
    """A message the relay took: its envelope, and its octets as they were on the wire, dots stuffed, final dot off."""

    def __init__(self, session, sender, recipients, wire):
        self.session = session
        self.sender = sender
        self.recipients = recipients
        self.wire = wire

    @property
    def octets(self):
        """The RFC 5322 message: dot-stuffing undone."""
        return b"".join(line[1:] if line.startswith(b".") else line for line in self.wire.splitlines(keepends=True))

    def header(self, name):
        """The raw value of a header field, unfolded; None when absent."""
        head = self.octets.split(b"\r\n\r\n", 1)[0].replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
        for line in head.split(b"\r\n"):
            key, _, value = line.partition(b":")
            if key.lower() == name.lower().encode():
                return value.strip().decode()
        return None

    @property
    def id(self):
        return self.header("X-Genro-Mail-ID")


class Session:
    """One connection."""

    def __init__(self, number, conn):
        self.number = number
        self.conn = conn
        self.lock = threading.Lock()  # what the client said is at each moment in one place: the socket, pending or received
        self.pending = bytearray()  # arrived, not read as a line yet
        self.received = bytearray()  # every octet that was read
        self.commands = []  # its command lines, without CRLF
        self.sender = None  # None: no MAIL was accepted
        self.recipients = []
        self.client_certificate = None  # what getpeercert() said
        self.ended = threading.Event()

    def read_line(self):
        """The next line with its end; empty when the client has gone."""
        while b"\n" not in self.pending:
            if not isinstance(self.conn, ssl.SSLSocket):
                self.conn.recv(1, socket.MSG_PEEK)  # wait here, not with the lock
            with self.lock:
                octets = self.conn.recv(65536)
                if not octets:
                    return b""
                self.pending += octets
        with self.lock:
            end = self.pending.index(b"\n") + 1
            line = bytes(self.pending[:end])
            del self.pending[:end]
            self.received += line
        return line

    def has_more(self, timeout=20):
        """Has the client sent more, without waiting for a reply?"""
        return bool(self.pending) or bool(select.select([self.conn], [], [], timeout)[0])

    def has_left(self):
        """
        Has the client said QUIT or closed, be it read by this session's thread or still in the socket? Not for TLS, where
        nobody can look ahead.
        """
        with self.lock:
            try:
                waiting = self.conn.recv(65536, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:
                waiting = None  # nothing has come
            except OSError:
                return True
            said = self.received[-6:] + self.pending + (waiting or b"")
        return waiting == b"" or said.endswith(b"QUIT\r\n")

    def is_too_early(self, step):
        return step == "rcpt" and self.sender is None or step in ("data", "dot") and not self.recipients


class Relay:
    def __init__(self, extensions=EXTENSIONS, address="127.0.0.1", port=0, certificate=None):
        """`certificate`, (file, key file): STARTTLS is offered, and begins TLS."""
        self.context = None
        if certificate:
            self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self.context.load_cert_chain(*certificate)
        self.extensions = extensions
        self.steps = {}
        self.sessions = []
        self.mails = []
        self.events = []  # (what, session number) in the order they happened
        self.lock = threading.Lock()
        self.closing = False
        self.content_limit = None  # cut the connection once, after so many lines of content
        self.listener = socket.create_server((address, port), backlog=512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def on(self, step, reply):
        """A reply for that step: text, CUT, RESET, a callable(session, argument) or a list, used up in turn."""
        assert step in USUAL or step == "ehlo", step
        self.steps[step] = reply

    def note(self, what, session):
        with self.lock:
            self.events.append((what, session.number))

    def count(self, what):
        with self.lock:
            return sum(1 for event, _ in self.events if event == what)

    def ids(self):
        """The client ids of the mails taken, in order."""
        with self.lock:
            return [mail.id for mail in self.mails]

    def close(self):
        self.closing = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    # One thread accepts, one serves each connection.

    def _accept(self):
        while not self.closing:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            # Each reply goes out at once: several in turn would wait for the client's delayed acknowledgement, 40 ms.
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                session = Session(len(self.sessions), conn)
                self.sessions.append(session)
            threading.Thread(target=self._serve, args=(session,), daemon=True).start()

    def _serve(self, session):
        try:
            self._converse(session)
        except OSError:
            self.note("lost", session)
        finally:
            session.conn.close()
            session.ended.set()
            self.note("end", session)

    def _reply_for(self, step, session, argument):
        reply = self.steps.get(step)
        usual = TOO_EARLY[step] if session.is_too_early(step) else self._usual_reply(step, session)
        if isinstance(reply, list):
            if usual is TOO_EARLY.get(step):
                return usual
            with self.lock:
                reply = reply.pop(0) if reply else None
        if callable(reply):
            reply = reply(session, argument)
        return usual if reply is None else reply

    def _usual_reply(self, step, session):
        if step != "ehlo":
            return USUAL[step]
        lines = ["relay.test", *self.extensions]
        if self.context and not isinstance(session.conn, ssl.SSLSocket):
            lines.append("STARTTLS")
        return "\r\n".join(f"250{'-' if i + 1 < len(lines) else ' '}{t}" for i, t in enumerate(lines))

    def _answer(self, step, session, argument=""):
        """Send the reply. What it begins with, empty for an empty line; None when the connection is to end."""
        reply = self._reply_for(step, session, argument)
        if step == "dot" and isinstance(reply, str) and reply.startswith("2"):
            with self.lock:
                self.mails.append(argument)  # before the client can know
        if reply is RESET:
            session.conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if reply is CUT or reply is RESET:
            self.note("cut", session)
            return None
        if reply is SILENCE:
            self.note("silence", session)
            while session.conn.recv(65536):
                pass
            return None
        self.note(f"{step}-reply", session)
        session.conn.sendall(reply.encode() + b"\r\n")
        return reply[:1]

    def _converse(self, session):
        if self._answer("greeting", session) is None:
            return
        while line := session.read_line():
            command = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
            session.commands.append(command)
            step = command.split(" ", 1)[0].split(":", 1)[0].lower()
            self.note(step, session)
            if step not in ("ehlo", *USUAL) or step in ("greeting", "dot", "credentials"):
                session.conn.sendall(b"500 5.5.1 unknown command\r\n")
                continue
            first = self._answer(step, session, command)
            if first is None or step == "quit":
                return
            if step == "starttls" and first == "2":
                self._begin_tls(session)
            elif step == "auth" and first == "3":
                session.read_line()
                if self._answer("credentials", session) is None:
                    return
            elif step in ("ehlo", "helo", "rset"):
                session.sender, session.recipients = None, []
            elif step == "mail" and first == "2":
                session.sender, session.recipients = path_of(command), []
            elif step == "rcpt" and first == "2":
                session.recipients.append(path_of(command))
            elif step == "data" and first == "3":
                if not self._take_content(session):
                    return

    def _begin_tls(self, session):
        session.conn = self.context.wrap_socket(session.conn, server_side=True, do_handshake_on_connect=False)
        try:
            session.conn.do_handshake()
        except OSError:
            while socket.socket.recv(session.conn, 65536):
                pass  # closing before the peer does would reset the connection, perhaps ahead of the alert
            raise
        session.client_certificate = session.conn.getpeercert() or None

    def _take_content(self, session):
        lines = []
        while (line := session.read_line()) != b".\r\n":
            if not line:
                self.note("cut-content", session)
                return False
            if self.content_limit is not None and len(lines) >= self.content_limit:
                self.content_limit = None
                self.note("cut-content", session)
                return False
            lines.append(line)
        self.note("dot", session)
        mail = Mail(session, session.sender, list(session.recipients), b"".join(lines))
        first = self._answer("dot", session, mail)
        session.sender, session.recipients = None, []
        return first is not None


class DeadPort:
    """A port of this machine that nobody listens on: bound, so that nobody else takes it."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def close(self):
        self.socket.close()


def count_open(relay):
    """[the most connections that were open at once], from accepting to the client's QUIT or closing."""
    lock, now, most = threading.Lock(), set(), [0]

    def enter(session, _argument):
        with lock:
            now.add(session)
            now.difference_update({s for s in now if s.has_left()})
            most[0] = max(most[0], len(now))

    relay.on("greeting", enter)
    return most


def path_of(command):
    """What is between the angle brackets of MAIL or RCPT."""
    return command[command.index("<") + 1 : command.index(">")]


def after(seconds, reply=None):
    """A reply that comes late."""

    def late(_session, _argument):
        time.sleep(seconds)
        return reply

    return late
