"""GET /command-log and its export; what the commands write there, and what they never write."""

import json

import pytest
from support.programs import message


@pytest.fixture(scope="module")
def pair(served):
    """Two tenants with an account `main` each."""
    pair = served.add_tenant("one"), served.add_tenant("two")
    for tenant in pair:
        assert tenant.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9}).status == 200
    return pair


@pytest.fixture
def log(served, pair):
    """log(**query): the commands since the test began, without id and time."""
    served.rows("TRUNCATE mailproxy.command_log")

    def read(**query):
        answer = served.api.get("/command-log", **query)
        assert answer.status == 200, answer
        assert answer.json["total"] == len(answer.json["commands"])
        return [{k: v for k, v in c.items() if k not in ("id", "command_ts")} for c in answer.json["commands"]]

    return read


def endpoints(commands):
    return [(c["endpoint"], c.get("tenant_id"), c["response_status"]) for c in commands]


def actors(served):
    return [row["actor"] for row in served.rows("SELECT actor FROM mailproxy.command_log ORDER BY command_id")]


# What is written.


def test_each_command_has_a_row_with_its_tenant_and_who_gave_it(served, log):
    admin = served.api
    key = admin.post("/tenant", {"id": "t", "name": "T"}).json["api_key"]
    tenant = admin.with_token(key)
    tenant.request("PUT", "/tenant/t", body={"name": "U"})
    tenant.post("/account", {"id": "a", "host": "h", "port": 25})
    tenant.add(message("m", account="a"))
    tenant.post("/commands/delete-messages", {"ids": ["m", "n"]})
    tenant.delete("/account/a")
    admin.post("/tenant/t/api-key", {"expires_at": 2000000000})
    admin.delete("/tenant/t/api-key")
    admin.delete("/tenant/t")
    admin.request("PUT", "/instance", body={"name": "Post"})
    commands = log()
    assert endpoints(commands) == [
        ("addTenant", "t", 200), ("updateTenant", "t", 200), ("addAccount", "t", 200), ("addMessages", "t", 200),
        ("deleteMessages", "t", 200), ("deleteAccount", "t", 200), ("createApiKey", "t", 200), ("revokeApiKey", "t", 200),
        ("deleteTenant", "t", 200), ("updateInstance", None, 200)]
    assert [c["payload"] for c in commands] == [
        {"id": "t", "name": "T"}, {"tenant_id": "t", "name": "U"}, {"id": "a", "host": "h", "port": 25},
        {"messages": [{**message("m", account="a"), "body": "[14 octets]"}]}, {"ids": ["m", "n"]}, {"account_id": "a"},
        {"tenant_id": "t", "expires_at": 2000000000}, {"tenant_id": "t"}, {"tenant_id": "t"}, {"name": "Post"}]
    assert actors(served) == ["admin"] + ["tenant:t"] * 5 + ["admin"] * 4


def test_what_changes_nothing_is_not_noted(served, log, pair):
    pair[0].post("/commands/run-now")
    pair[0].get("/messages")
    served.api.get("/tenants")
    served.api.get("/command-log")
    served.api.post("/instance/reload-bounce")
    pair[0].add()
    assert log() == []


def test_what_did_not_reach_its_handler_is_not_noted(served, log, pair):
    assert pair[0].post("/account", {"id": "a"}).status == 422
    assert pair[0].post("/account", {"id": "a", "host": "h", "port": 25}, tenant_id="two").status == 401
    assert pair[0].post("/tenant", {"id": "x"}).status == 403
    assert served.api.with_token("unknown").add(message("m")).status == 401
    assert served.api.delete("/tenant/nobody").status == 404
    assert log() == []


def test_a_command_that_its_handler_refuses_is_noted_with_400(served, log, pair):
    assert served.api.delete("/tenant/default").status == 400
    assert pair[0].delete("/account/nope", tenant_id="one").status == 400
    assert pair[0].add(message("m", to=[]), tenant_id="one").status == 400
    assert pair[0].add(*[message("m")] * 10001).status == 400
    assert served.api.request("PUT", "/tenant/one", body={"report_secret": "***"}).status == 400
    assert endpoints(log()) == [
        ("deleteTenant", "default", 400), ("deleteAccount", "one", 400), ("addMessages", "one", 400),
        ("addMessages", "one", 400), ("updateTenant", "one", 400)]


def test_rejected_messages_are_noted_with_the_answers_status(log, pair):
    assert pair[0].add(message("fine"), message("bad", to=[])).status == 200
    assert pair[0].add(message("bad", to=[])).status == 200  # names no tenant: from a client that reads no 400
    assert endpoints(log()) == [("addMessages", "one", 200)] * 2
    assert [[m["id"] for m in c["payload"]["messages"]] for c in log()] == [["fine", "bad"], ["bad"]]


def test_a_batch_of_several_tenants_has_a_row_for_each_with_its_own_messages(served, log):
    answer = served.api.add(message("x", tenant_id="two"), message("y", tenant_id="one"), message("z", tenant_id="two"),
                            {"id": "no-one's"}, message("w", tenant_id="nobody"), default_priority=1)
    assert answer.json["queued"] == 3
    found = {c["tenant_id"]: [m["id"] for m in c["payload"]["messages"]] for c in log()}
    assert found == {"one": ["y"], "two": ["x", "z"], "default": ["no-one's"], "nobody": ["w"]}
    assert "two" not in json.dumps([c for c in log() if c["tenant_id"] == "one"])


def test_a_tenants_token_writes_into_its_own_log_alone(log, pair):
    pair[0].add(message("mine"), message("yours", tenant_id="two"))
    assert endpoints(log()) == [("addMessages", "one", 200)]


def test_deleting_messages_of_several_tenants_has_a_row_for_each(served, log, pair):
    pair[0].enqueue(message("d1"))
    pair[1].enqueue(message("d2"))
    served.rows("TRUNCATE mailproxy.command_log")
    assert served.api.post("/commands/delete-messages", {"ids": ["d2", "d1", "d3"]}).json["removed"] == 2
    assert {c["tenant_id"]: c["payload"] for c in log()} == {
        "one": {"ids": ["d1"]}, "two": {"ids": ["d2"]}, "default": {"ids": ["d3"]}}


def test_deleting_an_account_without_a_tenant_tells_whose_it_was(served, log, pair):
    assert pair[1].post("/account", {"id": "only-two", "host": "h", "port": 25}).status == 200
    assert served.api.delete("/account/only-two").status == 200
    assert served.api.delete("/account/nowhere").status == 200
    assert endpoints(log(endpoint_filter="deleteAccount")) == [("deleteAccount", "two", 200), ("deleteAccount", "default", 200)]


def test_a_large_batch_is_noted_in_part(log, pair):
    pair[0].enqueue(*[message(f"large-message-{i}", body="x" * 100) for i in range(3000)])
    command, = log()
    *first, rest = command["payload"]["messages"]
    assert [m["id"] for m in first] == [f"large-message-{i}" for i in range(len(first))]
    assert len(first) > 1000
    in_full = [m for m in first if len(m) > 1]
    assert in_full == [message(f"large-message-{i}", body="[100 octets]") for i in range(len(in_full))]
    assert first[len(in_full):] == [{"id": f"large-message-{i}"} for i in range(len(in_full), len(first))]
    assert rest == f"[{3000 - len(first)} more]"
    assert len(json.dumps(command["payload"])) < 65536


def test_the_log_is_as_true_as_the_transaction(served, log, pair):
    """A command that cannot be noted is not carried out."""
    served.rows("ALTER TABLE mailproxy.command_log ADD CONSTRAINT no_more CHECK (false) NOT VALID")
    try:
        assert pair[0].add(message("never")).status == 503
        assert pair[0].post("/account", {"id": "never", "host": "h", "port": 25}).status == 503
        assert served.api.post("/tenant", {"id": "never"}).status == 503
        assert pair[0].post("/commands/delete-messages", {"ids": ["fine"]}).status == 503
    finally:
        served.rows("ALTER TABLE mailproxy.command_log DROP CONSTRAINT no_more")
    assert pair[0].message("never") is None
    assert "never" not in [a["id"] for a in pair[0].get("/accounts").json["accounts"]]
    assert served.api.get("/tenant/never").status == 404
    assert log() == []


def test_a_server_without_tokens_writes_open(new_system):
    system = new_system(workers=0, GMP_API_TOKEN=None)
    assert system.api.post("/tenant", {"id": "t"}).status == 200
    assert actors(system) == ["open"]


# What is read.


@pytest.fixture(scope="class")
def filled(served, pair):
    """Seven commands a second apart from the second 1000 on, and half a second later than it."""
    served.rows("TRUNCATE mailproxy.command_log")
    served.rows("INSERT INTO mailproxy.command_log (command_at, endpoint, tenant_id, payload, response_status)"
                " SELECT to_timestamp(1000.5 + i), (ARRAY['addMessages', 'suspend', 'add_100%%'])[1 + i %% 3],"
                " CASE WHEN i < 6 THEN (ARRAY['one', 'two'])[1 + i %% 2] END,"
                " CASE WHEN i < 5 THEN json_build_object('n', i) END, CASE WHEN i < 6 THEN 200 END"
                " FROM generate_series(0, 6) i")
    return served.api


class TestReading:
    @pytest.mark.parametrize("query, expected", [
        ({}, [0, 1, 2, 3, 4, 5, 6]),
        ({"limit": 3}, [0, 1, 2]),
        ({"tenant_id": "one"}, [0, 2, 4]),
        ({"tenant_id": "none"}, []),
        ({"tenant_id": ""}, [0, 1, 2, 3, 4, 5, 6]),
        ({"since_ts": 1003}, [3, 4, 5, 6]),
        ({"until_ts": 1003}, [0, 1, 2, 3]),
        ({"since_ts": 1002, "until_ts": 1002}, [2]),
        ({"since_ts": 1004, "until_ts": 1002}, []),
        ({"since_ts": 253402300799}, []),
        ({"until_ts": 253402300799, "since_ts": 0}, [0, 1, 2, 3, 4, 5, 6]),
        ({"endpoint_filter": "end"}, [1, 4]),
        ({"endpoint_filter": "%"}, [2, 5]),
        ({"endpoint_filter": "d_1"}, [2, 5]),
        ({"endpoint_filter": "a_d"}, []),
        ({"endpoint_filter": ""}, [0, 1, 2, 3, 4, 5, 6]),
        ({"endpoint_filter": "add", "tenant_id": "one", "limit": 1}, [0]),
        ({"strange": "x"}, [0, 1, 2, 3, 4, 5, 6]),
    ])
    def test_filters(self, filled, query, expected):
        answer = filled.get("/command-log", **query)
        assert answer.status == 200, answer
        assert [c["command_ts"] - 1000 for c in answer.json["commands"]] == expected
        assert answer.json["total"] == len(expected)

    def test_an_entry_leaves_nulls_out(self, filled):
        commands = filled.get("/command-log").json["commands"]
        assert list(commands[0]) == ["id", "command_ts", "endpoint", "tenant_id", "payload", "response_status"]
        assert list(commands[6]) == ["id", "command_ts", "endpoint"]

    def test_the_export_keeps_nulls(self, filled):
        answer = filled.get("/command-log/export", tenant_id="", since_ts=1004, limit=1, endpoint_filter="x")
        assert answer.json == {"ok": True, "commands": [
            {"endpoint": "suspend", "tenant_id": "one", "payload": {"n": 4}, "command_ts": 1004},
            {"endpoint": "add_100%", "tenant_id": "two", "payload": None, "command_ts": 1005},
            {"endpoint": "addMessages", "tenant_id": None, "payload": None, "command_ts": 1006}]}

    def test_both_are_paged_without_a_gap(self, served, filled):
        """Many rows of one moment, more than a page holds."""
        served.rows("INSERT INTO mailproxy.command_log (command_at, endpoint, tenant_id)"
                    " SELECT to_timestamp(500000 + i / 300), 'page' || i, 'one' FROM generate_series(0, 1233) i")
        expected = [f"page{i}" for i in range(1234)]
        for query in ({}, {"tenant_id": "one"}):
            listed = filled.get("/command-log", since_ts=500000, limit=5000, **query).json
            assert [c["endpoint"] for c in listed["commands"]] == expected
            assert listed["total"] == 1234
            exported = filled.get("/command-log/export", since_ts=500000, **query).json
            assert [c["endpoint"] for c in exported["commands"]] == expected
        assert filled.get("/command-log", since_ts=500000).json["total"] == 100  # the default limit

    @pytest.mark.parametrize("path", ["/command-log", "/command-log/export"])
    @pytest.mark.parametrize("query", [{"since_ts": "x"}, {"until_ts": "x"}, {"since_ts": -1}, {"until_ts": 253402300800},
                                       {"since_ts": "1e400"}, {"tenant_id": "x" * 256}, {"tenant_id": "a\x00b"}])
    def test_a_bad_parameter_is_422_and_named(self, filled, path, query):
        answer = filled.get(path, **query)
        assert answer.status == 422, answer
        assert answer.json["detail"][0]["loc"] == ["query", next(iter(query))]

    @pytest.mark.parametrize("limit", ["0", "-1", "x", "99999999999999999999"])
    def test_a_bad_limit_is_422(self, filled, limit):
        assert filled.get("/command-log", limit=limit).status == 422


def test_the_export_ends_at_100000_commands(served, log):
    served.rows("INSERT INTO mailproxy.command_log (command_at, endpoint) SELECT to_timestamp(i), 'e' FROM generate_series(1, 100020) i")
    commands = served.api.get("/command-log/export").json["commands"]
    assert len(commands) == 100000
    assert commands[-1]["command_ts"] == 100000
