"""
A running system on a torture bench: tenants with secrets that must never show, a canary whose messages must all arrive, and
what holds for every answer.
"""

import json
import re

from support import described
from support.programs import ADMIN_TOKEN, ENCRYPTION_KEY, message
from support.relay import Relay
from support.waiting import wait_for
from support.wire import Wire

SECRET = "planted-secret"  # what every secret of the bench begins with
HARMLESS = "nobody"  # an id that nothing has

# What is stored, but for the canary's messages: their number, and whatever a tenant, an account or a rule says.
STORED = """
SELECT (SELECT count(*) FROM mailproxy.message WHERE tenant_id <> 'canary') AS messages,
       (SELECT count(*) FROM mailproxy.message_body) -
       (SELECT count(*) FROM mailproxy.message WHERE tenant_id = 'canary') AS bodies,
       (SELECT count(*) FROM mailproxy.message_attachment) AS attachments,
       (SELECT md5(string_agg(t::text, ' ' ORDER BY tenant_id)) FROM mailproxy.tenant t) AS tenants,
       (SELECT md5(string_agg(a::text, ' ' ORDER BY tenant_id, account_id)) FROM mailproxy.account a) AS accounts,
       (SELECT md5(string_agg(r::text, ' ' ORDER BY r::text)) FROM mailproxy.rule r) AS rules
"""


class Route:
    """An endpoint, as the description tells of it."""

    def __init__(self, method, template, operation):
        self.method = method
        self.template = template
        self.is_public = operation["security"] == [] or {} in operation["security"]
        self.is_admins = "403" in operation["responses"]
        parameters = operation.get("parameters", [])
        self.path_parameters = {p["name"]: p["schema"] for p in parameters if p["in"] == "path"}
        self.query_parameters = {p["name"]: p["schema"] for p in parameters if p["in"] == "query"}
        self.body = None  # the schema
        self.body_is_required = False
        # run-now takes anything for its body, and nothing of it to heart.
        self.reads_body = "requestBody" in operation and template != "/commands/run-now"
        if self.reads_body:
            reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            self.body = described.document()["components"]["schemas"][reference.rsplit("/", 1)[1]]
            self.body_is_required = operation["requestBody"]["required"]

    def __repr__(self):
        return f"{self.method} {self.template}"

    def path(self, **values):
        """Octets; parameters are `values`, encoded already, or what nothing is called."""
        def fill(match):
            usual = b"0" if self.path_parameters[match[1]].get("type") == "integer" else HARMLESS.encode()
            return values.get(match[1], usual).decode("latin-1")
        return re.sub(r"\{(\w+)\}", fill, self.template).encode("latin-1")

    def empty_body(self):
        return b"{}" if self.reads_body else None

    def good_body(self):
        """Members that fit, for all that are required."""
        usual = {"string": "made", "integer": 1, "boolean": True, "array": [], "object": {}, None: "made"}
        return {name: usual[self.body["properties"][name].get("type")] for name in self.body.get("required", [])}


def routes():
    return [Route(method, template, operation) for method, _, template, operation in described.operations()]


class Bench:
    def __init__(self, system):
        self.system = system
        self.relay = Relay()
        self.canaries = []
        self.canary = system.add_tenant("canary")
        system.add_account(self.canary, self.relay)
        self.secrets = [ADMIN_TOKEN, ENCRYPTION_KEY, SECRET, self.canary.token]
        self.plant()
        self.wire = Wire(system.api, ADMIN_TOKEN)
        self.accepted = []  # what was answered below 400 since forget()

    def plant(self):
        """A tenant full of secrets."""
        planted = self.system.add_tenant("planted", client_auth={"method": "bearer", "token": SECRET + "-bearer"},
                                         report_secret=SECRET + "-report")
        self.secrets.append(planted.token)
        self.system.add_account(planted, self.relay, user="someone", password=SECRET + "-smtp",
                                imap_password=SECRET + "-imap")
        planted.enqueue(message("planted", deferred_ts=4102444800, attachments=[
            {"storage_path": "http://127.0.0.1:9/a", "auth": {"method": "bearer", "token": SECRET + "-attachment"}}]))

    def close(self):
        self.wire.close()
        self.relay.close()

    def forget(self):
        self.accepted = []

    # What holds for every answer.

    def check(self, answer, what, allowed=()):
        """No failure of ours, an error that says what is wrong, and no secret."""
        assert answer is not None, f"{what}: the server hung up"
        assert answer.status < 500 or answer.status in allowed, f"{what}: {answer}"
        for secret in self.secrets:
            assert secret.encode() not in answer.octets, f"{what}: a secret shows in {answer}"
        if answer.status == 405:
            assert answer.headers.get("Allow"), f"{what}: 405 without Allow"
        if answer.status >= 400 and answer.body:
            detail = answer.detail
            assert detail and isinstance(detail, (str, list, dict)), f"{what}: {answer}"
            for error in detail if isinstance(detail, list) else []:
                assert error["msg"] and error["type"], f"{what}: {answer}"
                assert error["loc"][0] in ("path", "query", "body"), f"{what}: {answer}"

    def ask(self, method, target, body=None, headers=(), token=True, allowed=()):
        """One request, and what holds for its answer."""
        what = f"{method} {target[:200]!r} {b'' if body is None else body[:200]!r}"
        answer = self.wire.request(method, target, body, headers, token)
        self.check(answer, what, allowed)
        described.check(method, target.decode("latin-1"), answer)
        self.note(method, answer, what)
        return answer

    def note(self, method, answer, what):
        if answer is not None and answer.status < 400 and method != "GET":
            self.accepted.append(what)

    def is_healthy(self):
        answer = self.wire.request("GET", "/health", token=False)
        assert answer.json == {"status": "ok"}, answer

    def send_canary(self, name):
        """A good message. Whether it arrives is seen at the end: a queue that has been stopped stays stopped."""
        assert self.wire.request("GET", "/ready").status == 200
        self.canaries.append(f"{len(self.canaries)}-{name}"[:200])
        good = json.dumps({"messages": [{**message(self.canaries[-1]), "tenant_id": "canary"}]}).encode()
        answer = self.wire.request("POST", "/commands/add-messages", good)
        assert answer.status == 200 and answer.json["queued"] == 1, answer

    def stored(self):
        return self.system.rows(STORED)

    def missing(self):
        arrived = set(self.relay.ids())
        return [c for c in self.canaries if c not in arrived]

    def wait_canaries(self):
        """Every good message has arrived, once, whatever came between."""
        try:
            wait_for(lambda: not self.missing(), "the good messages to arrive between the bad requests", 60)
        except AssertionError as late:
            states = self.system.rows("SELECT message_id, state::text, reason FROM mailproxy.message"
                                      " WHERE message_id = ANY (%s)", self.missing())
            raise AssertionError(f"{late}\n" + "\n".join(map(str, states))) from None
        assert sorted(self.relay.ids()) == sorted(self.canaries)

    def assert_no_secret_in_logs(self):
        for program in self.system.programs:
            log = program.log()
            for secret in self.secrets:
                assert secret not in log, f"a secret stands in the log of {program.name}"


def resident_octets(program):
    with open(f"/proc/{program.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) * 1024

def parameter(name, value):
    """A query of one parameter, encoded already."""
    return b"?" + name.encode() + b"=" + value


def locs(answer):
    """[("body", "id"), ...] of a 422."""
    return [tuple(error["loc"]) for error in answer.detail]


def fits_no_member(schema, kind):
    """Must JSON of that kind be refused for a member of that schema?"""
    wanted = "object" if "$ref" in schema else schema.get("type")
    bad = {"string": {"unstorable", "int", "number", "bool", "array", "object"},
           "integer": {"text", "unstorable", "huge", "array", "object"},
           "boolean": {"text", "digits", "unstorable", "huge", "number", "array", "object"}}
    return kind in bad[wanted] if wanted in bad else wanted in ("array", "object") and kind != wanted


def fits_no_parameter(schema, kind):
    """Must a text of that kind be refused for a parameter of the path or the query?"""
    bad = {"string": {"unstorable"}, "integer": {"text", "unstorable", "huge"},
           "boolean": {"text", "unstorable", "huge", "number"}}
    return kind in bad.get(schema.get("type"), ())
