"""A small HTTP client for the service; raises nothing for a status, because statuses are what tests look at."""

import http.client
import json
from urllib.parse import urlencode, urlsplit

from . import described


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:600]!r}>"


class Api:
    """One connection per call, as the clients in the field do; `token` goes out as X-API-Token."""

    def __init__(self, url, token=None, timeout=60):
        parts = urlsplit(url)
        self.url = url
        self.host, self.port = parts.hostname, parts.port
        self.token = token
        self.timeout = timeout

    def with_token(self, token):
        return Api(self.url, token, self.timeout)

    def request(self, method, path, body=None, query=None, headers=None, raw=None):
        headers = dict(headers or {})
        if self.token is not None:
            headers.setdefault("X-API-Token", self.token)
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            headers.setdefault("Content-Type", "application/json")
        if query:
            path += "?" + urlencode(query)
        conn = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        try:
            conn.request(method, path, body=raw, headers=headers)
            response = conn.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        finally:
            conn.close()
        described.check(method, path, answer)
        return answer

    def get(self, path, **query):
        return self.request("GET", path, query=query)

    def post(self, path, body=None, **query):
        return self.request("POST", path, body=body, query=query)

    def delete(self, path, **query):
        return self.request("DELETE", path, query=query)

    # What nearly every test does.

    def add(self, *messages, **query):
        """add-messages; asserts nothing."""
        return self.post("/commands/add-messages", {"messages": list(messages)}, **query)

    def enqueue(self, *messages, **query):
        """add-messages that must take every message."""
        answer = self.add(*messages, **query)
        assert answer.status == 200, answer
        assert answer.json["rejected"] == [], answer
        assert answer.json["queued"] == len({m["id"] for m in messages}), answer
        return answer.json

    def messages(self, **query):
        answer = self.get("/messages", **query)
        assert answer.status == 200, answer
        return answer.json["messages"]

    def message(self, message_id, **query):
        found = [m for m in self.messages(**query) if m["id"] == message_id]
        assert len(found) <= 1, found
        return found[0] if found else None
