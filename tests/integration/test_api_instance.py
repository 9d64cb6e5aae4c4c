"""GET and PUT /instance, POST /instance/reload-bounce."""

import pytest
from support.programs import ADMIN_TOKEN

DEFAULTS = {"id": 1, "name": "mail-proxy", "bounce_enabled": False, "bounce_imap_port": 993, "bounce_imap_folder": "INBOX",
            "bounce_imap_ssl": True, "bounce_poll_interval": 60}


@pytest.fixture
def api(served):
    """The instance as a fresh database has it."""
    served.rows("UPDATE mailproxy.instance SET name = DEFAULT, api_token_sealed = NULL, api_token_key_id = NULL,"
                " bounce_enabled = DEFAULT, bounce_imap_host = NULL, bounce_imap_port = DEFAULT, bounce_imap_user = NULL,"
                " bounce_imap_password_sealed = NULL, bounce_imap_password_key_id = NULL, bounce_imap_folder = DEFAULT,"
                " bounce_imap_ssl = DEFAULT, bounce_poll_interval_s = DEFAULT, bounce_return_path = NULL,"
                " bounce_last_uid = NULL, bounce_last_sync_at = NULL, bounce_uidvalidity = NULL")
    return served.api


def put(api, **fields):
    return api.request("PUT", "/instance", body=fields)


def shown(api):
    answer = api.get("/instance")
    assert answer.status == 200, answer
    return {k: v for k, v in answer.json.items() if k not in ("created_at", "updated_at")}


def test_a_fresh_instance_shows_its_defaults_and_no_nulls(api):
    answer = api.get("/instance")
    assert answer.json["created_at"].endswith("Z") and answer.json["updated_at"].endswith("Z")
    assert shown(api) == DEFAULTS
    assert list(answer.json)[:3] == ["id", "name", "bounce_enabled"]


def test_put_changes_what_is_given_and_nothing_else(api):
    answer = put(api, name="Post", bounce_imap_host="imap.example.com", bounce_imap_port="143", bounce_imap_user="b",
                 bounce_enabled="yes", bounce_imap_folder="Bounces", bounce_imap_ssl=0, bounce_poll_interval=30.0,
                 bounce_return_path="bounces@example.com")
    assert (answer.status, answer.json) == (200, {"ok": True})
    changed = {"id": 1, "name": "Post", "bounce_enabled": True, "bounce_imap_host": "imap.example.com", "bounce_imap_port": 143,
               "bounce_imap_user": "b", "bounce_imap_folder": "Bounces", "bounce_imap_ssl": False,
               "bounce_poll_interval": 30, "bounce_return_path": "bounces@example.com"}
    assert shown(api) == changed
    assert put(api, name=None, bounce_imap_port=None, bounce_enabled=None, strange=1).status == 200
    assert shown(api) == changed
    assert put(api).status == 200
    assert put(api, bounce_imap_host="", bounce_imap_user="", bounce_return_path="").status == 200
    assert shown(api) == {k: v for k, v in changed.items()
                          if k not in ("bounce_imap_host", "bounce_imap_user", "bounce_return_path")}


def test_what_the_reader_of_the_mailbox_keeps_is_shown(api, served):
    served.rows("UPDATE mailproxy.instance SET bounce_last_uid = 17, bounce_uidvalidity = 4294967295,"
                " bounce_last_sync_at = to_timestamp(1795327565)")
    assert shown(api) == {**DEFAULTS, "bounce_last_uid": 17, "bounce_uidvalidity": 4294967295, "bounce_last_sync": 1795327565}


@pytest.mark.parametrize("name, column", [("api_token", "api_token_sealed"),
                                          ("bounce_imap_password", "bounce_imap_password_sealed")])
def test_a_secret_is_sealed_masked_kept_and_ended(api, served, name, column):
    def stored():
        return served.value(f"SELECT {column} FROM mailproxy.instance")

    assert put(api, **{name: "***"}).json == {"detail": f'{name} is "***", but none is stored'}
    assert put(api, **{name: "very-secret-word"}).status == 200
    sealed = bytes(stored())
    assert b"very-secret-word" not in sealed
    assert shown(api) == {**DEFAULTS, name: "***"}
    assert put(api, name="Post", **{name: "***"}).status == 200
    assert bytes(stored()) == sealed
    assert put(api, **{name: ""}).status == 200
    assert stored() is None
    assert shown(api) == {**DEFAULTS, "name": "Post"}


def test_a_stored_api_token_opens_nothing(api):
    assert put(api, api_token="another-token").status == 200
    assert api.with_token("another-token").get("/instance").status == 401
    assert api.with_token(ADMIN_TOKEN).get("/instance").status == 200


def test_a_secret_needs_a_key(new_system):
    system = new_system(workers=0, MAIL_PROXY_ENCRYPTION_KEY=None)
    answer = put(system.api, bounce_imap_password="word")
    assert answer.status == 400
    assert "MAIL_PROXY_ENCRYPTION_KEY" in answer.json["detail"]


@pytest.mark.parametrize("field, value", [
    ("name", ""), ("name", 5), ("api_token", 5), ("bounce_enabled", "perhaps"), ("bounce_imap_host", "a b"),
    ("bounce_imap_host", "imap://h"), ("bounce_imap_port", 0), ("bounce_imap_port", 65536), ("bounce_imap_port", "x"),
    ("bounce_imap_user", "a\r\nb"), ("bounce_imap_password", ["w"]), ("bounce_imap_folder", ""), ("bounce_imap_folder", "a\nb"),
    ("bounce_imap_ssl", 2), ("bounce_poll_interval", 0), ("bounce_poll_interval", -1), ("bounce_poll_interval", 10**12),
    ("bounce_return_path", "nobody"), ("bounce_return_path", "a@b, c@d"), ("bounce_return_path", "<>"), ("name", "a\x00b"),
])
def test_a_bad_field_is_422_and_named(api, field, value):
    answer = put(api, **{field: value})
    assert answer.status == 422, answer
    assert answer.json["detail"][0]["loc"] == ["body", field]
    assert shown(api) == DEFAULTS


def test_a_refused_secret_is_not_echoed(api):
    for name in ("api_token", "bounce_imap_password"):
        answer = put(api, **{name: ["very-secret-word"]})
        assert answer.status == 422
        assert b"very-secret-word" not in answer.body


def test_reload_bounce_wants_a_host_where_it_is_enabled(api):
    def reload():
        answer = api.post("/instance/reload-bounce")
        return answer.status, answer.body

    fine = (200, b'{"ok":true,"error":null}')
    assert reload() == fine
    put(api, bounce_enabled=True)
    assert reload() == (400, b'{"detail":"Bounce enabled but imap_host not configured"}')
    put(api, bounce_imap_host="imap.example.com")
    assert reload() == fine


@pytest.mark.parametrize("method, path", [("GET", "/instance"), ("PUT", "/instance"), ("POST", "/instance/reload-bounce"),
                                          ("GET", "/command-log"), ("GET", "/command-log/export")])
def test_a_tenant_has_no_say_here(served, method, path):
    tenant = served.add_tenant("nosy")

    def ask(token):
        return served.api.with_token(token).request(method, path, body={})

    assert ask(tenant.token).status == 403
    assert ask(None).status == 401
    assert ask(served.api.token).status == 200
