"""/commands/rules: the rules that pace the polling, and /tenants/sync-status: what they come to."""

import threading

import pytest
from support.programs import epoch
from support.waiting import wait_for

EVERY_DAY = {"enabled": True, "days": [], "cross_midnight": False}


@pytest.fixture
def api(served):
    """The service without workers, as the admin sees it: active, without rules and with nothing in its log."""
    served.rows("TRUNCATE mailproxy.rule RESTART IDENTITY")
    served.rows("TRUNCATE mailproxy.command_log RESTART IDENTITY")
    served.rows("UPDATE mailproxy.instance SET active = true")
    served.api.system = served
    return served.api


@pytest.fixture
def fresh_api(new_system):
    """The same, without tenants."""
    system = new_system(workers=0)
    system.api.system = system
    return system.api


def rules_of(answer):
    assert answer.status == 200, answer
    assert list(answer.json) == ["ok", "rules"] and answer.json["ok"] is True
    return answer.json["rules"]


def post(api, **fields):
    return rules_of(api.post("/commands/rules", fields))


def errors_of(answer):
    assert answer.status == 422, answer
    return {(e["type"], *e["loc"]) for e in answer.json["detail"]}


def is_active(api):
    return api.get("/status").json["active"]


def suspend(api):
    api.system.rows("UPDATE mailproxy.instance SET active = false")


# ---- POST

def test_an_empty_rule_is_always_and_every_minute(api):
    assert post(api) == [{"id": 1, "enabled": True, "priority": 0, "days": [], "cross_midnight": False, "interval_minutes": 1}]


def test_every_post_adds_a_rule_behind_the_others_whatever_priority_it_asks_for(api):
    post(api, name="default", interval_minutes=5)
    found = post(api, name="peak", days=[0, 1, 2, 3, 4], start_hour=9, end_hour=18, interval_minutes=2, priority=77)
    assert found == [
        {"id": 1, "name": "default", **EVERY_DAY, "priority": 0, "interval_minutes": 5},
        {"id": 2, "name": "peak", "enabled": True, "priority": 1, "days": [0, 1, 2, 3, 4], "start_hour": 9, "end_hour": 18,
         "cross_midnight": False, "interval_minutes": 2}]
    assert [list(rule) for rule in found] == [
        ["id", "name", "enabled", "priority", "days", "cross_midnight", "interval_minutes"],
        ["id", "name", "enabled", "priority", "days", "start_hour", "end_hour", "cross_midnight", "interval_minutes"]]
    assert [r["id"] for r in post(api, id=1, name="peak")] == [1, 2, 3], "an id in the request is no update"
    assert rules_of(api.get("/commands/rules"))[:2] == found


def test_the_next_priority_follows_the_highest_not_the_number_of_rules(api):
    post(api)
    post(api)
    rules_of(api.delete("/commands/rules/1"))
    assert [r["priority"] for r in post(api)] == [1, 2]
    api.system.rows("UPDATE mailproxy.rule SET priority = 2147483647 WHERE rule_id = 2")
    assert [(r["id"], r["priority"]) for r in post(api)] == [(3, 2), (2, 2147483647), (4, 2147483647)]


def test_rules_come_by_priority_then_id(api):
    for _ in range(3):
        post(api)
    api.system.rows("UPDATE mailproxy.rule SET priority = CASE rule_id WHEN 1 THEN 5 ELSE 0 END")
    assert [r["id"] for r in rules_of(api.get("/commands/rules"))] == [2, 3, 1]


def test_days_may_be_any_integers_and_scalars_may_be_texts(api):
    rule = post(api, days=[9, -1, 2147483647, -2147483648, "3", 3, True], start_hour="7", end_hour=7.0, enabled="off",
                cross_midnight="yes", interval_minutes="10", unknown={"x": 1})[0]
    assert rule == {"id": 1, "enabled": False, "priority": 0, "days": [9, -1, 2147483647, -2147483648, 3, 3, 1], "start_hour": 7,
                    "end_hour": 7, "cross_midnight": True, "interval_minutes": 10}


def test_what_is_null_is_as_if_absent(api):
    names = ["name", "enabled", "priority", "days", "start_hour", "end_hour", "cross_midnight", "interval_minutes"]
    assert post(api, **dict.fromkeys(names)) == [{"id": 1, **EVERY_DAY, "priority": 0, "interval_minutes": 1}]


@pytest.mark.parametrize("field, value, error", [
    ("start_hour", 24, "less_than_equal"), ("start_hour", -1, "greater_than_equal"), ("end_hour", 24, "less_than_equal"),
    ("end_hour", "9" * 30, "less_than_equal"), ("end_hour", "-" + "9" * 30, "greater_than_equal"),
    ("interval_minutes", 1e300, "less_than_equal"),
    ("end_hour", "x", "int_parsing"), ("interval_minutes", 0, "greater_than_equal"), ("interval_minutes", 1.5, "int_parsing"),
    ("interval_minutes", 2147483648, "less_than_equal"), ("enabled", "maybe", "bool_parsing"), ("cross_midnight", 2, "bool_parsing"),
    ("days", 1, "list_type"), ("name", 5, "string_type"), ("name", "a\0b", "value_error"), ("priority", "high", "int_parsing"),
])
def test_what_does_not_fit_is_422_and_nothing_is_stored(api, field, value, error):
    assert errors_of(api.post("/commands/rules", {field: value})) == {(error, "body", field)}
    assert rules_of(api.get("/commands/rules")) == []


@pytest.mark.parametrize("days", [["x"], [1.5], [2147483648], [-2147483649], [[1]], [None], list(range(2000))])
def test_days_that_are_no_integers_are_422(api, days):
    answer = api.post("/commands/rules", {"days": days})
    assert answer.status == 422 and answer.json["detail"][0]["loc"][:2] == ["body", "days"], answer


@pytest.mark.parametrize("raw, error", [
    (b"", ("missing", "body")), (b"null", ("missing", "body")), (b"[]", ("model_attributes_type", "body")),
])
def test_a_body_that_is_no_object_is_422(api, raw, error):
    assert errors_of(api.request("POST", "/commands/rules", raw=raw)) == {error}


def test_rules_added_at_once_get_a_priority_each(api):
    def add():
        for _ in range(5):
            post(api)

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [r["priority"] for r in rules_of(api.get("/commands/rules"))] == list(range(30))


# ---- PATCH, DELETE

def test_patch_switches_a_rule(api):
    post(api, name="a")
    post(api, name="b")
    found = rules_of(api.request("PATCH", "/commands/rules/1", {"enabled": False, "name": "other", "priority": 9}))
    assert [(r["name"], r["enabled"], r["priority"]) for r in found] == [("a", False, 0), ("b", True, 1)]
    found = rules_of(api.request("PATCH", "/commands/rules/1", {"enabled": "yes"}))
    assert [r["enabled"] for r in found] == [True, True]


def test_delete_removes_a_rule(api):
    post(api)
    post(api)
    assert [r["id"] for r in rules_of(api.delete("/commands/rules/1"))] == [2]
    assert rules_of(api.delete("/commands/rules/2")) == []


@pytest.mark.parametrize("rule_id", ["2", "0", "-1", "2147483648", "-2147483649", "9223372036854775807", "9223372036854775808",
                                     "-9223372036854775809", "99999999999999999999999999"])
def test_an_unknown_id_changes_nothing(api, rule_id):
    before = post(api)
    assert rules_of(api.request("PATCH", f"/commands/rules/{rule_id}", {"enabled": False})) == before
    assert rules_of(api.delete(f"/commands/rules/{rule_id}")) == before


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("rule_id", ["x", "1x", "1.5", "%00", "1%00", "..", "null", "0x1", "%20"])
def test_an_id_that_is_no_integer_is_422(api, method, rule_id):
    post(api)
    answer = api.request(method, f"/commands/rules/{rule_id}", {"enabled": False})
    assert errors_of(answer) == {("int_parsing", "path", "rule_id")}
    assert len(rules_of(api.get("/commands/rules"))) == 1


@pytest.mark.parametrize("body, error", [
    ({}, ("missing", "body", "enabled")), ({"enabled": None}, ("missing", "body", "enabled")),
    ({"enabled": "maybe"}, ("bool_parsing", "body", "enabled")), (None, ("missing", "body")),
])
def test_patch_must_say_whether_it_is_enabled(api, body, error):
    assert errors_of(api.request("PATCH", "/commands/rules/1", body)) == {error}


def test_a_path_and_a_body_that_do_not_fit_are_told_together(api):
    assert errors_of(api.request("PATCH", "/commands/rules/x", {})) == {
        ("int_parsing", "path", "rule_id"), ("missing", "body", "enabled")}


# ---- the switch

def test_an_enabled_rule_that_is_added_activates_the_service(api):
    suspend(api)
    post(api, enabled=False)
    assert not is_active(api)
    rules_of(api.request("PATCH", "/commands/rules/1", {"enabled": True}))
    assert not is_active(api), "switching one on does not"
    post(api)
    assert is_active(api)


def test_no_rule_that_goes_suspends_the_service(api):
    post(api)
    rules_of(api.request("PATCH", "/commands/rules/1", {"enabled": False}))
    assert is_active(api)
    rules_of(api.delete("/commands/rules/1"))
    assert is_active(api)


def test_what_changes_rules_is_logged(api):
    post(api, name="a", days=[1])
    rules_of(api.request("PATCH", "/commands/rules/1", {"enabled": False}))
    rules_of(api.delete("/commands/rules/1"))
    rules_of(api.get("/commands/rules"))
    logged = [(c["endpoint"], c["payload"], c["response_status"]) for c in api.get("/command-log").json["commands"]]
    assert logged == [("addRule", {"name": "a", "days": [1]}, 200), ("updateRule", {"rule_id": "1", "enabled": False}, 200),
                      ("deleteRule", {"rule_id": "1"}, 200)]


# ---- who may

@pytest.mark.parametrize("method, path", [("POST", "/commands/rules"), ("GET", "/commands/rules"), ("PATCH", "/commands/rules/1"),
                                          ("DELETE", "/commands/rules/1"), ("GET", "/tenants/sync-status")])
def test_rules_and_sync_status_are_for_the_admin_token(api, acme, method, path):
    for token, status, detail in [
            (None, 401, "Admin token required"), ("nobody's", 401, "Invalid or missing API token"),
            (acme.token, 403, "Admin token required, tenant tokens not allowed for this operation")]:
        answer = api.with_token(token).request(method, path, {"enabled": True})
        assert (answer.status, answer.json) == (status, {"detail": detail})
    assert rules_of(api.get("/commands/rules")) == []


# ---- GET /tenants/sync-status

def sync_status(api):
    answer = api.get("/tenants/sync-status")
    assert answer.status == 200, answer
    assert answer.json["ok"] is True
    return answer.json


def test_sync_status_of_tenants_never_called(fresh_api, store):
    fresh_api.system.add_tenant("acme", store, name="Acme")
    fresh_api.system.add_tenant("without")
    assert sync_status(fresh_api) == {
        "ok": True, "sync_interval_seconds": 300, "tenants": [
            {"id": "acme", "name": "Acme", "active": True, "client_base_url": store.url, "next_sync_due": True, "in_dnd": False},
            {"id": "default", "active": True, "next_sync_due": False, "in_dnd": False},
            {"id": "without", "active": True, "next_sync_due": False, "in_dnd": False}]}
    keys = list(fresh_api.get("/tenants/sync-status").json["tenants"][0])
    assert keys == ["id", "name", "active", "client_base_url", "next_sync_due", "in_dnd"]


@pytest.mark.parametrize("last_sync, news, due, in_dnd", [
    ("now() - interval '301 s'", False, True, False), ("now() - interval '200 s'", False, False, False),
    ("now() - interval '200 s'", True, True, False), ("now() + interval '1 hour'", False, False, True),
    ("now() + interval '1 hour'", True, True, True),
])
def test_sync_status_says_when_the_last_sync_was_and_whether_one_is_due(fresh_api, store, last_sync, news, due, in_dnd):
    fresh_api.system.add_tenant("acme", store)
    fresh_api.system.rows(f"UPDATE mailproxy.tenant_sync SET told_seq = news_seq, news_seq = news_seq + %s, last_sync_at = {last_sync}"
                          " WHERE tenant_id = 'acme'", int(news))
    found = sync_status(fresh_api)["tenants"][0]
    assert (found["next_sync_due"], found["in_dnd"]) == (due, in_dnd)
    assert isinstance(found["last_sync_ts"], float)
    assert found["last_sync_ts"] == pytest.approx(fresh_api.system.value(
        "SELECT extract(epoch FROM last_sync_at)::float8 FROM mailproxy.tenant_sync WHERE tenant_id = 'acme'"), abs=0.001)


def test_sync_status_tells_the_interval_that_the_rules_come_to(fresh_api, store):
    fresh_api.system.add_tenant("acme", store)
    fresh_api.system.rows("UPDATE mailproxy.tenant_sync SET told_seq = news_seq, last_sync_at = now() - interval '100 s'")

    def told():
        found = sync_status(fresh_api)
        return found.get("sync_interval_seconds"), found["tenants"][0]["next_sync_due"]

    assert told() == (300, False)
    post(fresh_api, days=[9])
    assert told() == (60, True), "no rule matches"
    post(fresh_api, interval_minutes=10)
    assert told() == (600, False)
    post(fresh_api, interval_minutes=2147483647)
    assert told() == (2147483647 * 60, False)
    for rule_id in (1, 2, 3):
        fresh_api.request("PATCH", f"/commands/rules/{rule_id}", {"enabled": False})
    assert told() == (None, False), "no polling"


def test_nothing_is_due_while_the_service_is_suspended(fresh_api, store):
    fresh_api.system.add_tenant("acme", store)
    suspend(fresh_api)
    assert not any(t["next_sync_due"] for t in sync_status(fresh_api)["tenants"])


def test_sync_status_knows_the_global_client_url(new_system, store):
    system = new_system(workers=0, GMP_CLIENT_SYNC_URL=store.url, GMP_SYNC_INTERVAL=77)
    assert sync_status(system.api) == {"ok": True, "sync_interval_seconds": 77, "tenants": [
        {"id": "default", "active": True, "next_sync_due": True, "in_dnd": False}]}


def test_sync_status_follows_a_wish_not_to_be_disturbed(new_tenant, store):
    until = epoch() + 3600
    store.on_sync = lambda _body: {"ok": True, "next_sync_after": until}
    tenant = new_tenant(store=store)
    admin = tenant.system.api

    def mine():
        return next(t for t in sync_status(admin)["tenants"] if t["id"] == tenant.tenant_id)

    wait_for(lambda: mine()["in_dnd"], "the wish to be noted")
    assert mine()["last_sync_ts"] == float(until) and mine()["next_sync_due"] is False


# ---- what they come to

def preview(api, *rules):
    answer = api.post("/commands/rules/preview", {"rules": list(rules)} if rules else None)
    assert answer.status == 200, answer
    assert list(answer.json) == ["ok", "time_zone", "slots"] and answer.json["time_zone"] == "Europe/Rome"
    return [(s["weekday"], s["from_minute"], s["to_minute"], s.get("interval_seconds")) for s in answer.json["slots"]]


def whole_days(interval, days=range(7)):
    return [(day, 0, 1440, interval) for day in days]


def test_without_rules_the_week_is_the_default_interval(api):
    assert preview(api) == whole_days(api.get("/tenants/sync-status").json["sync_interval_seconds"])


def test_the_stored_rules_make_the_week(api):
    post(api, interval_minutes=5)
    post(api, days=[0, 1], start_hour=9, end_hour=18, interval_minutes=2)
    assert preview(api) == [slot for day in (0, 1) for slot in (
        (day, 0, 540, 300), (day, 540, 1080, 120), (day, 1080, 1440, 300))] + whole_days(300, range(2, 7))


def test_other_rules_are_tried_without_storing_them(api):
    post(api, interval_minutes=5)
    before = rules_of(api.get("/commands/rules"))
    assert preview(api, {"interval_minutes": 7}, {"days": [6], "start_hour": "22", "end_hour": 6, "cross_midnight": True, "name": "x"}) == [
        *whole_days(420, range(6)), (6, 0, 360, 60), (6, 360, 1320, 420), (6, 1320, 1440, 60)]
    assert rules_of(api.get("/commands/rules")) == before
    assert api.get("/command-log").json["commands"][1:] == []


@pytest.mark.parametrize("rules, expected", [
    ([], 300), ([{"enabled": False}], None), ([{"days": [9]}], 60), ([{"interval_minutes": 5}, {"interval_minutes": 7}], 420),
    ([{"interval_minutes": 5}, {"interval_minutes": 7, "enabled": False}], 300), ([{}], 60),
    ([{"interval_minutes": 2147483647}], 2147483647 * 60)])
def test_which_rule_wins_is_as_in_the_polling(api, rules, expected):
    answer = api.post("/commands/rules/preview", {"rules": rules})
    assert {s.get("interval_seconds") for s in answer.json["slots"]} == {expected}


def test_rules_that_do_not_fit_are_told_one_by_one(api):
    answer = api.post("/commands/rules/preview", {"rules": [{}, {"start_hour": 24, "days": [1, "x"]}, 5, None]})
    assert answer.status == 422
    assert [(e["type"], *e["loc"]) for e in answer.json["detail"]] == [
        ("int_parsing", "body", "rules", 1, "days", 1), ("less_than_equal", "body", "rules", 1, "start_hour"),
        ("model_attributes_type", "body", "rules", 2), ("missing", "body", "rules", 3)]
    answer = api.post("/commands/rules/preview", {"rules": [{}] * 201})
    assert [(e["type"], *e["loc"]) for e in answer.json["detail"]] == [("too_long", "body", "rules")]
    assert preview(api, *[{}] * 200) == whole_days(60)


def test_a_rule_called_preview_is_none(api):
    """The path of the preview goes before the one with a parameter."""
    for method in ("PATCH", "DELETE", "GET"):
        answer = api.request(method, "/commands/rules/preview", body={"enabled": True} if method == "PATCH" else None)
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
