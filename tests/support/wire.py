"""HTTP/1.1 octet by octet: what a client may send when it is wrong, hostile or broken, and a strict reading of the answers."""

import json
import re
import select
import socket

from .waiting import LIMIT_FACTOR

STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d\d\d) [ -~]+")
FIELD_LINE = re.compile(rb"([!-9;-~]+): ([ -~]*)")
HEAD_ONLY = {100, 204, 304}


class Headers(dict):
    """Names in any case."""

    def __setitem__(self, name, value):
        super().__setitem__(name.lower(), value)

    def __getitem__(self, name):
        return super().__getitem__(name.lower())

    def __contains__(self, name):
        return super().__contains__(name.lower())

    def get(self, name, default=None):
        return super().get(name.lower(), default)


class Answer:
    """One answer; `octets` is all of it."""

    def __init__(self, status, headers, body, octets):
        self.status = status
        self.headers = headers
        self.body = body
        self.octets = octets

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def detail(self):
        return self.json["detail"]

    def __repr__(self):
        return f"<{self.status} {self.body[:600]!r}>"


class Wire:
    """A connection that is kept, and made again when the server has ended it."""

    def __init__(self, api, token=None):
        self.address = (api.host, api.port)
        self.token = token
        self.socket = None
        self.pending = b""

    def close(self):
        if self.socket is not None:
            self.socket.close()
        self.socket = None
        self.pending = b""

    def send(self, octets):
        if self.socket is None:
            self.socket = socket.create_connection(self.address, timeout=20 * LIMIT_FACTOR)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(octets)

    def end(self):
        """Nothing more will come from this side."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side was first

    def _more(self):
        octets = self.socket.recv(262144)
        self.pending += octets
        return bool(octets)

    def _take_until(self, mark):
        while mark not in self.pending:
            if not self._more():
                raise ConnectionError(f"the connection ended within an answer: {self.pending[:200]!r}")
        taken, self.pending = self.pending.split(mark, 1)
        return taken

    def _take(self, count):
        while len(self.pending) < count:
            if not self._more():
                raise ConnectionError(f"the connection ended within an answer: {self.pending[:200]!r}")
        taken, self.pending = self.pending[:count], self.pending[count:]
        return taken

    def _take_chunks(self):
        body = b""
        while size := int(self._take_until(b"\r\n"), 16):
            body += self._take(size)
            assert self._take(2) == b"\r\n", "a chunk ends with CRLF"
        assert self._take_until(b"\r\n") == b"", "no trailer"
        return body

    def _take_rest(self):
        while self._more():
            pass
        taken, self.pending = self.pending, b""
        return taken

    def answer(self, to_head=False):
        """The next answer; None when the server ends the connection instead. AssertionError: it is no proper HTTP."""
        if not self.pending and not self._more():
            return None
        head = self._take_until(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        status = STATUS_LINE.fullmatch(lines[0])
        assert status, lines[0]
        headers = Headers()
        for line in lines[1:]:
            field = FIELD_LINE.fullmatch(line)
            assert field, line
            name = field[1].decode()
            assert name not in headers, f"{name} twice"
            headers[name] = field[2].decode()
        body = b""
        if not to_head and int(status[1]) not in HEAD_ONLY:
            chunked = headers.get("Transfer-Encoding") == "chunked"
            assert not chunked or "Content-Length" not in headers, head
            if chunked:
                body = self._take_chunks()
            elif "Content-Length" in headers:
                body = self._take(int(headers["Content-Length"]))
            else:
                body = self._take_rest()
                assert headers["Connection"] == "close", head
        return Answer(int(status[1]), headers, body, head + body)

    def has_more(self):
        """Is there something to read, if only the end?"""
        return bool(self.pending or select.select([self.socket], [], [], 0)[0])

    def is_ended(self):
        """Has the server ended it, with nothing more to say?"""
        try:
            return not self.pending and not self._more()
        except ConnectionError:
            return True

    def request(self, method, target, body=None, headers=(), token=True):
        """
        One request, on the kept connection. `target`, header names and values are octets or text; the headers go out
        as they are, besides Host, the token and the framing. None: the server hung up.
        """
        lines = [b" ".join((_octets(method), _octets(target), b"HTTP/1.1")), b"Host: mailproxy.test"]
        if token and self.token is not None:
            lines.append(b"X-API-Token: " + _octets(self.token))
        if body is not None:
            lines.append(b"Content-Length: %d" % len(body))
        lines += [_octets(name) + b": " + _octets(value) for name, value in headers]
        octets = b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")
        kept = self.socket is not None
        try:
            self.send(octets)
            answer = self.answer(to_head=method == "HEAD")
        except (ConnectionError, BrokenPipeError):
            if not kept:
                raise
            answer = None
        if answer is None and kept:  # it had been idle for too long
            self.close()
            self.send(octets)
            answer = self.answer(to_head=method == "HEAD")
        if answer is None or answer.headers.get("Connection") == "close":
            if answer is not None:
                assert self.is_ended(), f"octets behind the last answer: {self.pending[:200]!r}"
            self.close()
        return answer


def _octets(text):
    return text if isinstance(text, bytes) else text.encode()
