"""deploy/nginx/mailproxy.conf with Debian's nginx before two servers: TLS, IPv6, a prefix, and a server that dies."""

import json
import os
import re
import subprocess

import psycopg
import pytest
from support.api import Api
from support.builds import ROOT
from support.metrics import Scrape
from support.nginx import Nginx
from support.programs import ADMIN_TOKEN, message
from support.waiting import wait_for

AS_ADMIN = ("-H", f"X-API-Token: {ADMIN_TOKEN}")
LIMIT = 128 * 1024 * 1024
ADD = "/commands/add-messages"


class Front:
    """Two servers behind an nginx; tenant acme with account main."""

    def __init__(self, system, directory, authority):
        self.system = system
        system.start_server()
        self.servers = {api.port: (api, program) for api, program in self._both()}
        self.nginx = Nginx(directory, authority, list(self.servers))
        assert system.api.post("/tenant", {"id": "acme"}).status == 200
        assert system.api.post("/account", {"tenant_id": "acme", "id": "main", "host": "127.0.0.1", "port": 9}).status == 200

    def _both(self):
        programs = [p for p in self.system.programs if p.name == "server"]
        assert len(programs) == 2
        return [(Api(f"http://127.0.0.1:{self._port_of(p)}", ADMIN_TOKEN), p) for p in programs]

    @staticmethod
    def _port_of(program):
        with open(f"/proc/{program.pid}/environ", encoding="utf-8") as file:
            return int(re.search(r"\bGMP_PORT=(\d+)", file.read()).group(1))

    def get(self, path, *options):
        return self.nginx.curl(path, *AS_ADMIN, *options)

    def add(self, *ids):
        return self.get(ADD, *self.body_of(*ids))

    @staticmethod
    def body_of(*ids):
        return "-d", json.dumps({"messages": [{**message(i), "tenant_id": "acme"} for i in ids]})

    def stored(self):
        return [row["message_id"] for row in self.system.rows("SELECT message_id FROM mailproxy.message ORDER BY message_pk")]

    def busy(self):
        """(Api, program) of the one server that is at work on a request beside the scrape that asks; None: none is."""
        found = [(api, program) for api, program in self.servers.values()
                 if program.alive() and Scrape(api).value("gmp_http_requests_in_flight") == 2]
        return found[0] if len(found) == 1 else None

    def started(self, path, *options):
        """curl, which goes on by itself."""
        return subprocess.Popen(self.nginx.command(path, "-w", "\n%{http_code}", *AS_ADMIN, *options), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def close(self):
        self.nginx.close()


@pytest.fixture
def front(new_system, tmp_path, authority):
    front = Front(new_system(workers=0), tmp_path, authority)
    yield front
    front.close()


@pytest.fixture(scope="module")
def quiet_front(served, tmp_path_factory, authority):
    """For tests after which both servers are as they were."""
    front = Front(served, tmp_path_factory.mktemp("nginx"), authority)
    yield front
    front.close()


def test_it_speaks_tls_http_2_and_ipv6_and_nothing_older(quiet_front):
    nginx = quiet_front.nginx
    assert [(a.status, a.version) for a in (nginx.curl("/health"), nginx.curl("/health", "--http1.1"))] == [(200, "2"), (200, "1.1")]
    assert nginx.curl("/health").headers["strict-transport-security"] == "max-age=31536000"
    assert nginx.curl("/health", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0").status == 0
    assert subprocess.run(["curl", "-sS", f"https://{nginx.host}:{nginx.port}/health"], capture_output=True).returncode == 60, "its authority is not known"
    plain = subprocess.run(["curl", "-sSi", f"http://{nginx.host}:{nginx.plain_port}/messages?x=1"], capture_output=True, text=True).stdout
    assert plain.startswith("HTTP/1.1 308 ") and f"Location: https://{nginx.host}/messages?x=1" in plain


def test_it_is_reached_below_a_prefix_as_well_and_ids_stay_as_they_are_written(quiet_front):
    for prefix in ("", "/mailproxy"):
        assert quiet_front.get(prefix + "/health").status == 200
        slash = quiet_front.get(prefix + "/messages/?x=1")
        assert slash.status == 307
        assert re.sub(r"^https://[^/]*", "", slash.headers["location"]) == prefix + "/messages?x=1"
        account = json.dumps({"tenant_id": "acme", "id": "a/b c", "host": "127.0.0.1", "port": 9})
        assert quiet_front.get(prefix + "/account", "-d", account).status == 200
        assert quiet_front.get(prefix + "/account/a%2Fb%20c?tenant_id=acme", "-X", "DELETE").status == 200
        assert [a["id"] for a in json.loads(quiet_front.get(prefix + "/accounts?tenant_id=acme").body)["accounts"]] == ["main"]
    bare = quiet_front.get("/mailproxy")
    assert (bare.status, bare.headers["location"]) == (308, "/mailproxy/")
    assert quiet_front.get("/mailproxyhealth").status == 404


def test_the_web_page_and_what_it_is_made_of_are_there_below_the_prefix(quiet_front):
    page = quiet_front.get("/mailproxy/")
    assert (page.status, page.body) == (200, quiet_front.get("/").body)
    assert "script-src 'self'" in page.headers["content-security-policy"]
    parts = re.findall(r'(?:href|src)="(page/[^"]+)"', page.body.decode())
    assert len(parts) > 3
    assert [part for part in parts if quiet_front.get("/mailproxy/" + part).status != 200] == []


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/metrics?x=1", "/%6Detrics", "//metrics", "/x/../metrics", "/./metrics", "/metrics%2F",
                                  "/mailproxy/metrics", "/mailproxy//metrics", "/mailproxy/%6detrics", "/mailproxy/mailproxy/metrics", "/metrics%0a"])
def test_figures_are_for_nobody_who_comes_this_way(quiet_front, path):
    answer = quiet_front.get(path)
    assert answer.status == 404 and b"gmp_" not in answer.body


def test_a_body_of_128_mib_is_taken_and_a_larger_one_refused_in_json(quiet_front, tmp_path):
    with open(tmp_path / "body", "wb") as file:
        file.truncate(LIMIT)
    fitting = quiet_front.get(ADD, "-X", "POST", "-T", str(tmp_path / "body"))
    assert fitting.status == 422, "the server has read it, and says that it is no JSON"
    os.truncate(tmp_path / "body", LIMIT + 1)
    refused = quiet_front.get(ADD, "-X", "POST", "-T", str(tmp_path / "body"))
    assert (refused.status, json.loads(refused.body)) == (413, {"detail": "Request body too large"})
    assert refused.headers["content-type"] == "application/json"


def test_nginx_lets_go_of_a_connection_before_the_server_does():
    with open(os.path.join(ROOT, "deploy", "nginx", "mailproxy.conf"), encoding="utf-8") as file:
        ours = int(re.search(r"keepalive_timeout (\d+)s;", file.read()).group(1))
    with open(os.path.join(ROOT, "server", "http", "listener.c"), encoding="utf-8") as file:
        theirs = int(re.search(r'"keep_alive_timeout_ms", "(\d+)"', file.read()).group(1)) / 1000
    assert ours < theirs


def test_a_list_of_any_length_is_passed_on_as_it_comes(front):
    count = 20000  # some 40 MB: more than the sockets on the way hold
    front.system.rows("INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority, state, reason, finished_at)"
                      " SELECT 'acme', 'main', 'm' || i, '<m@test>', 1, 2, 'error', repeat('no', 1000), now() FROM generate_series(1, %s) i", count)
    curl = front.started("/messages?tenant_id=acme", "--http1.1")
    first = curl.stdout.read(1000)
    api, _ = wait_for(front.busy, "a server to send it")
    with pytest.raises(AssertionError):  # it waits for a client that does not read on; nginx would have taken all of it by then
        wait_for(lambda: Scrape(api).value("gmp_http_requests_in_flight") == 1, "the request to end", timeout=2)
    told, _, status = (first + curl.stdout.read()).rpartition(b"\n")
    assert curl.wait() == 0 and status == b"200"
    assert len(json.loads(told)["messages"]) == count
    wait_for(lambda: Scrape(api).value("gmp_http_requests_in_flight") == 1, "the request to end")
    assert "buffered to a temporary file" not in front.nginx.log()


# A server dies.

def test_requests_go_on_when_a_server_is_killed(front):
    assert [front.add(f"m{i}").status for i in range(6)] == [200] * 6
    taken = [Scrape(api).value("gmp_http_requests_total", route=ADD, status="200") for api, _ in front.servers.values()]
    assert sum(taken) == 6 and min(taken) > 0, "both have work"
    (_, dead), (living, _) = front.servers.values()
    dead.kill()
    assert [front.add(f"m{i}").status for i in range(6, 20)] == [200] * 14
    assert [front.get("/messages?tenant_id=acme&limit=1").status for _ in range(6)] == [200] * 6
    assert front.stored() == [f"m{i}" for i in range(20)]
    assert front.get("/ready").status == 200
    assert Scrape(living).value("gmp_http_requests_total", route=ADD, status="200") >= 14


@pytest.fixture
def locked(front):
    """Nobody gets at a message until it commits."""
    with psycopg.connect(front.system.database_url) as conn:
        conn.execute("LOCK TABLE mailproxy.message")
        yield conn


def test_a_post_that_a_server_died_over_is_left_to_its_client_to_repeat(front, locked):
    curl = front.started(ADD, *front.body_of("m1", "m2"))
    _, program = wait_for(front.busy, "the request to be under way")
    program.kill()
    body, _, status = curl.communicate()[0].rpartition(b"\n")
    assert status == b"502"
    assert "send it again, with the same ids" in json.loads(body)["detail"]
    living, = [api for api, p in front.servers.values() if p.alive()]
    assert Scrape(living).find("gmp_http_requests_total", route=ADD) == [], "it was not asked"
    locked.commit()
    again = front.add("m1", "m2")
    assert (again.status, json.loads(again.body)) == (200, {"ok": True, "queued": 2, "rejected": []})
    assert front.stored() == ["m1", "m2"]


def test_a_get_that_a_server_died_over_is_answered_by_another(front, locked):
    curl = front.started("/messages?tenant_id=acme")
    _, program = wait_for(front.busy, "the request to be under way")
    program.kill()
    wait_for(front.busy, "the other server to be asked")
    locked.commit()
    body, _, status = curl.communicate()[0].rpartition(b"\n")
    assert (status, json.loads(body)) == (b"200", {"ok": True, "messages": []})


def test_without_any_server_the_answer_is_json_as_well(front):
    for _, program in front.servers.values():
        program.kill()
    answer = front.get("/health")
    assert (answer.status, answer.headers["retry-after"]) == (502, "1")
    assert "No server has answered" in json.loads(answer.body)["detail"]
