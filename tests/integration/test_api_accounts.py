"""Accounts: POST /account, GET /accounts, DELETE /account/{id}."""

import re

import pytest
from support.programs import message


@pytest.fixture(scope="module")
def acme(served):
    return served.add_tenant("acme")


def listed(api, account_id):
    found = [a for a in api.get("/accounts").json["accounts"] if a["id"] == account_id]
    return found[0] if found else None


def test_the_smallest_account_shows_its_defaults(acme):
    assert acme.post("/account", {"id": "small", "host": "relay.test", "port": 2525}).json == {"ok": True}
    shown = listed(acme, "small")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", shown.pop("created_at"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", shown.pop("updated_at"))
    assert shown.items() >= {
        "id": "small", "tenant_id": "acme", "host": "relay.test", "port": 2525, "ttl": 300, "limit_behavior": "defer",
        "is_pec_account": False, "imap_port": 993}.items()
    assert None not in shown.values()


def test_every_field_is_kept_but_no_password_is_shown(acme, served):
    full = {"id": "full", "tenant_id": "acme", "name": "Full", "host": "relay.test", "port": "587", "user": "u",
            "password": "hidden-word", "ttl": 60, "limit_per_minute": 10, "limit_per_hour": "100", "limit_per_day": 1000.0,
            "limit_behavior": "reject", "use_tls": "yes", "batch_size": 5, "timeout": 30, "max_connections": 3,
            "retry_delays": [1, 2], "retry_max_age": "86400", "imap_password": "hidden-word-2"}
    assert acme.post("/account", full).json == {"ok": True}
    shown = listed(acme, "full")
    assert shown.items() >= {"port": 587, "user": "u", "ttl": 60, "limit_per_minute": 10, "limit_per_hour": 100,
                             "limit_per_day": 1000, "limit_behavior": "reject", "use_tls": True, "batch_size": 5,
                             "retry_max_age": 86400}.items()
    assert "hidden-word" not in repr(shown)
    row = served.rows("SELECT * FROM mailproxy.account WHERE account_id = 'full'")[0]
    assert (row["timeout_s"], row["max_connections"], row["retry_delays"], row["retry_max_age_s"]) == (30, 3, [1, 2], 86400)
    assert b"hidden-word" not in bytes(row["password_sealed"])
    assert b"hidden-word-2" not in bytes(row["imap_password_sealed"])


def test_no_secret_and_no_null_is_listed(acme):
    acme.post("/account", {"id": "quiet", "host": "h", "port": 25, "user": "u", "password": "hidden-word", "imap_password": "hidden-word"})
    answer = acme.get("/accounts")
    assert b"hidden-word" not in answer.body and b'"password"' not in answer.body and b'"imap_password"' not in answer.body
    assert b"null" not in answer.body


def test_an_omitted_field_goes_back_to_its_default(acme):
    acme.post("/account", {"id": "back", "host": "a.test", "port": 25, "ttl": 10, "user": "u", "limit_per_day": 5})
    acme.post("/account", {"id": "back", "host": "b.test", "port": 26})
    shown = listed(acme, "back")
    assert (shown["host"], shown["port"], shown["ttl"]) == ("b.test", 26, 300)
    assert "user" not in shown and "limit_per_day" not in shown


def test_a_maximum_age_of_zero_is_none_and_no_number_is_the_tenants(acme, served):
    stored = "SELECT retry_max_age_s FROM mailproxy.account WHERE account_id = 'aged'"
    for given, shown in ((0, 0), (None, None), (31536000, 31536000)):
        assert acme.post("/account", {"id": "aged", "host": "h", "port": 25, "retry_max_age": given}).status == 200
        assert listed(acme, "aged").get("retry_max_age") == shown == served.value(stored)
    acme.post("/account", {"id": "aged", "host": "h", "port": 25})
    assert "retry_max_age" not in listed(acme, "aged")


def test_nulls_are_as_good_as_absence(acme):
    nulls = {k: None for k in ("user", "password", "ttl", "limit_per_minute", "limit_per_hour", "limit_per_day",
                               "limit_behavior", "use_tls", "batch_size", "name", "timeout", "tls_ca")}
    assert acme.post("/account", {"id": "nulls", "host": "h", "port": 25, **nulls}).status == 200
    assert listed(acme, "nulls")["ttl"] == 300


def test_limits_of_zero_or_less_mean_no_limit(acme):
    assert acme.post("/account", {"id": "free", "host": "h", "port": 25, "limit_per_minute": 0, "limit_per_hour": -1,
                                  "batch_size": 0}).status == 200
    assert listed(acme, "free").keys().isdisjoint({"limit_per_minute", "limit_per_hour", "batch_size"})


def test_the_list_is_ordered_by_id(acme):
    for name in ("zz", "aa", "mm"):
        acme.post("/account", {"id": name, "host": "h", "port": 25})
    ids = [a["id"] for a in acme.get("/accounts").json["accounts"]]
    assert ids == sorted(ids)


BAD = [
    ("id", None), ("id", 5), ("id", ""), ("id", "x" * 256), ("id", "a\x00b"),
    ("host", None), ("host", ""), ("host", 5), ("host", "a b"), ("host", "evil\r\nhost"), ("host", "h\x00"), ("host", "h" * 256),
    ("host", "relay.test/path"), ("host", "user@relay.test"), ("host", "relay.test:25"), ("host", "relay.test?x"), ("host", "%2e"),
    ("host", "[::1"), ("host", "[relay.test]"), ("host", "::1]"), ("host", "a..b"), ("host", "-oX"), ("host", "."), ("host", "h\\x"),
    ("port", None), ("port", "smtp"), ("port", 0), ("port", 65536), ("port", -1), ("port", 25.5), ("port", []), ("port", 2**70),
    ("user", 5), ("user", "u\r\nRSET"), ("user", "u\x00"), ("user", "u\tv"), ("user", "u\x7f"), ("imap_user", "u\nv"), ("imap_host", "a b"), ("user", "u" * 100000),
    ("password", 5), ("password", "p\x00"), ("password", "p" * 100000),
    ("ttl", "soon"), ("ttl", -1), ("ttl", 2**40),
    ("limit_per_minute", "many"), ("limit_per_hour", {}), ("limit_per_day", 2**40),
    ("limit_behavior", 5),
    ("use_tls", "perhaps"), ("use_tls", 7), ("tls_verify", "maybe"),
    ("tls_ca", "no certificate"), ("tls_ca", 5), ("tls_ca", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ("tls_pin", "md5//abc"), ("tls_pin", "sha256//short="), ("tls_pin", "ab" * 31), ("tls_pin", "/etc/passwd"), ("tls_pin", 5),
    ("batch_size", "big"), ("timeout", "long"), ("max_connections", "all"),
    ("retry_delays", "60"), ("retry_delays", [60, "x"]), ("retry_delays", [-1]), ("retry_delays", [1] * 100),
    ("retry_max_age", "long"), ("retry_max_age", -1), ("retry_max_age", 31536001), ("retry_max_age", 0.5), ("retry_max_age", [60]),
    ("is_pec_account", "perhaps"), ("imap_port", 0), ("imap_port", "x"),
    ("dsn_notify", "sometimes"), ("dsn_notify", "never,delay"), ("dsn_notify", "delay,delay"), ("dsn_notify", "delay,"),
    ("dsn_notify", "failure\r\nRSET"), ("dsn_notify", "failure delay"), ("dsn_notify", 5), ("dsn_ret", "body"), ("dsn_ret", 5),
    ("tenant_id", 5),
]


@pytest.mark.parametrize("field, value", BAD, ids=[f"{f}-{i}" for i, (f, _) in enumerate(BAD)])
def test_a_bad_field_is_422_and_named(served, acme, field, value):
    body = {"id": "bad", "host": "relay.test", "port": 25, field: value}
    if value is None:
        del body[field]
    before = served.value("SELECT count(*) FROM mailproxy.account")
    answer = acme.post("/account", body)
    assert answer.status == 422, answer
    assert answer.json["detail"][0]["loc"][:2] == ["body", field]
    assert {"type", "loc", "msg", "input"} <= set(answer.json["detail"][0])
    assert served.value("SELECT count(*) FROM mailproxy.account") == before


@pytest.mark.parametrize("host", ["localhost", "10.0.0.1", "::1", "[::1]", "smtp_relay", "relay.test.", "münchen.example"])
def test_names_and_addresses_are_hosts(acme, host):
    assert acme.post("/account", {"id": "host", "host": host, "port": 25}).json == {"ok": True}
    assert listed(acme, "host")["host"] == host


def test_a_certificate_is_kept_and_a_private_key_is_not(acme, authority):
    body = {"id": "trust", "host": "h", "port": 25, "tls_ca": authority.ca_pem}
    assert acme.post("/account", body).json == {"ok": True}
    assert listed(acme, "trust")["tls_ca"] == authority.ca_pem
    with open(authority.ca_key, encoding="ascii") as f:
        key = f.read()
    answer = acme.post("/account", {**body, "tls_ca": authority.ca_pem + key})
    assert answer.status == 422 and "private key" in answer.json["detail"][0]["msg"]
    assert listed(acme, "trust")["tls_ca"] == authority.ca_pem


def test_a_pin_is_kept_in_the_form_of_curl(acme):
    for pin in ("sha256//" + "A" * 43 + "=", "A" * 43 + "=", "00" * 32, ":".join(["00"] * 32)):
        assert acme.post("/account", {"id": "pin", "host": "h", "port": 25, "tls_pin": pin}).json == {"ok": True}
        assert listed(acme, "pin")["tls_pin"] == "sha256//" + "A" * 43 + "="


def test_a_422_does_not_tell_the_password(acme):
    answer = acme.post("/account", {"id": "bad", "host": "h", "port": "x", "password": "hidden-word"})
    assert answer.status == 422
    assert b"hidden-word" not in answer.body


@pytest.mark.parametrize("given, shown", [("never", "NEVER"), ("Failure,delay", "FAILURE,DELAY"), ("", None), (None, None)])
def test_notifications_are_kept_as_they_are_said(acme, given, shown):
    body = {"id": "dsn", "host": "h", "port": 25, "dsn_notify": given, "dsn_ret": "hdrs"}
    assert acme.post("/account", body).json == {"ok": True}
    assert listed(acme, "dsn").get("dsn_notify") == shown
    assert listed(acme, "dsn")["dsn_ret"] == "HDRS"


def test_several_bad_fields_are_all_named(acme):
    answer = acme.post("/account", {"port": "x"})
    assert {tuple(e["loc"]) for e in answer.json["detail"]} == {("body", "id"), ("body", "host"), ("body", "port")}
    missing = [e for e in answer.json["detail"] if e["loc"] == ["body", "id"]][0]
    assert (missing["type"], missing["msg"], missing["input"]) == ("missing", "Field required", {"port": "x"})


def test_an_account_of_an_unknown_tenant_is_refused(served):
    answer = served.api.post("/account", {"id": "a", "tenant_id": "nobody", "host": "h", "port": 25})
    assert answer.status in (400, 404)
    assert isinstance(answer.json["detail"], str)


def test_ids_may_hold_any_character(acme):
    for account_id in ("a:b", "a/b", "ä ö", "100%", "a?b#c"):
        assert acme.post("/account", {"id": account_id, "host": "h", "port": 25}).status == 200
        assert listed(acme, account_id)
        from urllib.parse import quote

        assert acme.delete("/account/" + quote(account_id, safe="")).json == {"ok": True}, account_id
        assert not listed(acme, account_id)


def test_delete_takes_the_messages_of_that_tenant_alone(served):
    mine, theirs = served.add_tenant("mine"), served.add_tenant("theirs")
    for api in (mine, theirs):
        api.post("/account", {"id": "shared", "host": "127.0.0.1", "port": 9})
        api.enqueue(message("m", account="shared"))
    assert mine.delete("/account/shared", tenant_id="mine").json == {"ok": True}
    assert mine.messages() == []
    assert len(theirs.messages()) == 1
    served.assert_accounted_for()


def test_delete_of_an_unknown_account(served, acme):
    answer = acme.delete("/account/nobody", tenant_id="acme")
    assert (answer.status, answer.json) == (400, {"detail": "account not found or not owned by tenant"})
    for api in (served.api, acme):
        answer = api.delete("/account/nobody")
        assert (answer.status, answer.json) == (200, {"ok": True}), "nobody named a tenant"


def test_a_tenants_name_does_not_open_anothers_account(served, acme):
    theirs = served.add_tenant("their-own")
    theirs.post("/account", {"id": "their-own", "host": "h", "port": 25})
    answer = acme.delete("/account/their-own", tenant_id="acme")
    assert (answer.status, answer.json) == (400, {"detail": "account not found or not owned by tenant"})
    assert acme.delete("/account/their-own").json == {"ok": True}
    assert listed(theirs, "their-own")
