"""The OAuth fields of an account: what POST /account takes, and what GET /accounts shows."""

import pytest

GOOD = {"id": "oauth", "host": "smtp.example.com", "port": 587, "use_tls": True, "user": "box@example.com",
        "oauth_token_url": "https://login.example.com/token", "oauth_client_id": "proxy", "oauth_client_secret": "word-1"}
BAD = [
    ({"oauth_token_url": "http://login.example.com/token"}, "oauth_token_url"),
    ({"oauth_token_url": "ftp://login.example.com/"}, "oauth_token_url"),
    ({"oauth_token_url": "https://"}, "oauth_token_url"),
    ({"oauth_token_url": "http://127.0.0.1@login.example.com/"}, "oauth_token_url"),
    ({"oauth_token_url": "https://login.example.com/\r\nX: y"}, "oauth_token_url"),
    ({"oauth_token_url": 5}, "oauth_token_url"),
    ({"oauth_token_url": None}, "oauth_client_id"),
    ({"oauth_grant": "password"}, "oauth_grant"),
    ({"oauth_grant": "refresh_token"}, "oauth_refresh_token"),
    ({"oauth_grant": "client_credentials", "oauth_refresh_token": "r"}, "oauth_refresh_token"),
    ({"oauth_grant": "token"}, "oauth_token"),
    ({"oauth_client_id": None}, "oauth_client_id"),
    ({"oauth_client_secret": None}, "oauth_client_secret"),
    ({"oauth_client_secret": "w\n"}, "oauth_client_secret"),
    ({"oauth_client_secret": "w" * 10000}, "oauth_client_secret"),
    ({"oauth_client_auth": "digest"}, "oauth_client_auth"),
    ({"oauth_client_auth": 5}, "oauth_client_auth"),
    ({"oauth_client_auth": "basic", "oauth_client_secret": None, "oauth_refresh_token": "r"}, "oauth_client_secret"),
    ({"oauth_client_auth": "basic", "oauth_token_url": None, "oauth_client_id": None, "oauth_client_secret": None}, "oauth_client_auth"),
    ({"oauth_token": "word-2"}, "oauth_token"),
    ({"oauth_token": "a b"}, "oauth_token"),
    ({"oauth_token": "a\x01auth=Bearer b"}, "oauth_token"),
    ({"user": None}, "user"),
    ({"password": "p"}, "password"),
    ({"use_tls": False}, "use_tls"),
    ({"use_tls": None}, "use_tls"),
]


@pytest.mark.parametrize("change, field", BAD, ids=[f"{f}-{i}" for i, (_, f) in enumerate(BAD)])
def test_what_does_not_go_together_is_422_and_named(served, change, field):
    answer = served.api.post("/account", {**GOOD, **change})
    assert answer.status == 422, answer
    assert field in [error["loc"][1] for error in answer.json["detail"]], answer
    assert b"word-1" not in answer.body and b"word-2" not in answer.body


FINE = [
    {}, {"oauth_grant": "client_credentials"}, {"oauth_refresh_token": "r"}, {"oauth_grant": "refresh_token", "oauth_refresh_token": "r"},
    {"oauth_client_auth": "basic"}, {"oauth_client_auth": "body", "oauth_refresh_token": "r", "oauth_client_secret": None},
    {"oauth_refresh_token": "r", "oauth_client_secret": None}, {"use_tls": None, "port": 465},
    {"oauth_token_url": "http://localhost:8080/token"}, {"oauth_token_url": "http://[::1]/token"},
    {"host": "localhost", "use_tls": False},
    {"oauth_token": "t", "oauth_token_url": None, "oauth_client_id": None, "oauth_client_secret": None},
    {"oauth_token": "t", "oauth_grant": "token", "oauth_token_url": "", "oauth_client_id": "", "oauth_client_secret": ""},
]


@pytest.mark.parametrize("change", FINE, ids=range(len(FINE)))
def test_what_goes_together_is_stored_and_shown_without_secrets(served, change):
    body = {**GOOD, **change}
    assert served.api.post("/account", body).json == {"ok": True}
    shown = next(a for a in served.api.get("/accounts").json["accounts"] if a["id"] == "oauth")
    grant = "token" if "oauth_token" in body else "refresh_token" if "oauth_refresh_token" in body else "client_credentials"
    assert shown["oauth_grant"] == grant
    assert {k for k in shown if k.startswith("oauth_")} <= {
        "oauth_grant", "oauth_token_url", "oauth_client_id", "oauth_scope", "oauth_client_auth"}
    assert shown.get("oauth_client_auth") == (None if grant == "token" else body.get("oauth_client_auth", "body"))


def test_an_update_without_the_fields_ends_oauth(served):
    served.api.post("/account", GOOD)
    served.api.post("/account", {"id": "oauth", "host": "smtp.example.com", "port": 587})
    shown = next(a for a in served.api.get("/accounts").json["accounts"] if a["id"] == "oauth")
    assert not any(k.startswith("oauth_") for k in shown)
