"""POST /tenant: registration and its key."""

import base64

import pytest
from support.programs import message
from support.waiting import wait_for


def register(served, **fields):
    return served.api.post("/tenant", {"id": "acme", **fields})


def test_a_new_tenant_gets_a_key_once(served):
    answer = register(served, id="fresh")
    assert answer.status == 200
    assert answer.json["ok"] is True
    key = answer.json["api_key"]
    assert len(key) == 43
    assert served.api.with_token(key).get("/accounts", tenant_id="fresh").status == 200
    stored = served.rows("SELECT * FROM mailproxy.tenant WHERE tenant_id = 'fresh'")[0]
    assert key not in repr(stored)
    assert len(stored["api_key_hash"]) == 32


def test_registering_again_with_client_auth_makes_a_new_key_and_ends_the_old(served):
    auth = {"method": "basic", "user": "mailproxy", "password": "pw1"}
    first = register(served, client_auth=auth).json["api_key"]
    second = register(served, client_auth=auth).json["api_key"]
    assert first != second
    assert served.api.with_token(first).get("/accounts").status == 401
    assert served.api.with_token(second).get("/accounts").status == 200


def test_registering_again_without_client_auth_keeps_the_key(served):
    key = register(served, id="keeper", client_auth={"method": "none"}).json["api_key"]
    answer = register(served, id="keeper", name="Kept")
    assert (answer.status, answer.json) == (200, {"ok": True})
    assert served.api.with_token(key).get("/accounts").status == 200


class TestAgain:
    """POST /tenant for a tenant that exists, as a store does it each time it is set up."""

    AUTH = {"method": "basic", "user": "mailproxy", "password": "very-secret-word"}
    STORED = "SELECT client_auth_sealed, report_secret_sealed FROM mailproxy.tenant WHERE tenant_id = %s"

    @pytest.fixture
    def tenant(self, served, request):
        return served.add_tenant(
            "again-" + request.node.name[5:60], client_auth=self.AUTH, name="Old", active=False, report_format="seed",
            client_base_url="http://store.test", client_sync_path="/sync", client_attachment_path="/files", report_secret="s3cret",
            rate_limits={"hourly": 5}, large_file_config={"enabled": True}, retry_delays=[1, 2], retry_max_age=600)

    @staticmethod
    def shown(served, tenant):
        found = served.api.get(f"/tenant/{tenant.tenant_id}").json
        return {k: v for k, v in found.items() if k not in ("created_at", "updated_at")}

    def test_what_is_left_out_goes_back_to_its_default(self, served, tenant):
        assert served.api.post("/tenant", {"id": tenant.tenant_id, "name": "New"}).json == {"ok": True}
        assert self.shown(served, tenant) == {"id": tenant.tenant_id, "name": "New", "active": True, "report_format": "event"}

    def test_without_client_auth_the_token_stays(self, served, tenant):
        assert served.api.post("/tenant", {"id": tenant.tenant_id, "client_auth": None}).json == {"ok": True}
        assert tenant.get("/accounts").status == 200

    def test_with_client_auth_the_answer_has_a_fresh_token_and_the_old_one_ends(self, served, tenant):
        answer = served.api.post("/tenant", {"id": tenant.tenant_id, "client_auth": self.AUTH})
        assert answer.json.keys() == {"ok", "api_key"} and len(answer.json["api_key"]) == 43
        assert tenant.get("/accounts").status == 401
        assert served.api.with_token(answer.json["api_key"]).get("/accounts").status == 200

    def test_a_fresh_token_has_no_end_though_the_old_one_had(self, served, tenant):
        api_key = served.api.post(f"/tenant/{tenant.tenant_id}/api-key", {"expires_at": 1}).json["api_key"]
        assert served.api.with_token(api_key).get("/accounts").status == 401, "it has expired"
        api_key = served.api.post("/tenant", {"id": tenant.tenant_id, "client_auth": self.AUTH}).json["api_key"]
        assert served.api.with_token(api_key).get("/accounts").status == 200

    def test_masked_secrets_keep_the_stored_ones_and_make_a_fresh_token(self, served, tenant):
        before = self.shown(served, tenant)
        assert before["client_auth"]["password"] == before["report_secret"] == "***"
        old = served.rows(self.STORED, tenant.tenant_id)[0]
        answer = served.api.post("/tenant", before)
        assert answer.status == 200 and "api_key" in answer.json
        assert self.shown(served, tenant) == before
        new = served.rows(self.STORED, tenant.tenant_id)[0]
        assert new["report_secret_sealed"] == old["report_secret_sealed"]

    def test_a_masked_password_is_still_the_one_the_store_is_called_with(self, served, new_tenant, relay, new_store):
        store = new_store(user="mailproxy", password="very-secret-word")
        api = new_tenant(relay, store)
        shown = api.system.api.get(f"/tenant/{api.tenant_id}").json
        api.token = api.system.api.post("/tenant", shown).json["api_key"]
        before = len(store.requests)
        api.enqueue(message("m1"))
        wait_for(lambda: store.entries("m1"), "the report")
        expected = "Basic " + base64.b64encode(b"mailproxy:very-secret-word").decode()
        assert {headers["Authorization"] for _, headers, _ in store.requests[before:]} == {expected}

    @pytest.mark.parametrize("fields", [{"client_auth": {"method": "basic", "user": "u", "password": "***"}}, {"report_secret": "***"}])
    def test_a_mask_where_nothing_is_stored_is_400_and_stores_nothing(self, served, fields):
        answer = served.api.post("/tenant", {"id": "never-there", **fields})
        assert answer.status == 400 and "***" in answer.json["detail"], answer
        assert served.value("SELECT count(*) FROM mailproxy.tenant WHERE tenant_id = 'never-there'") == 0

    def test_suspension_sync_accounts_and_messages_stay(self, served, tenant):
        tenant.post("/account", {"id": "main", "host": "127.0.0.1", "port": 9})
        assert tenant.add({"id": "m1", "account_id": "main", "from": "a@x.it", "to": "b@y.it", "subject": ""}).json["queued"] == 1
        served.rows("UPDATE mailproxy.tenant SET suspended_batches = '{NL1}' WHERE tenant_id = %s", tenant.tenant_id)
        served.rows("UPDATE mailproxy.tenant_sync SET news_seq = 7, told_seq = 5 WHERE tenant_id = %s", tenant.tenant_id)
        for fields in ({}, {"client_auth": self.AUTH}):
            assert served.api.post("/tenant", {"id": tenant.tenant_id, **fields}).status == 200
        assert served.value("SELECT suspended_batches FROM mailproxy.tenant WHERE tenant_id = %s", tenant.tenant_id) == ["NL1"]
        assert served.value("SELECT told_seq FROM mailproxy.tenant_sync WHERE tenant_id = %s", tenant.tenant_id) == 5
        assert [m["id"] for m in served.api.messages(tenant_id=tenant.tenant_id)] == ["m1"]
        assert len(served.api.get("/accounts", tenant_id=tenant.tenant_id).json["accounts"]) == 1

    def test_the_tenant_default_can_be_registered_too(self, served):
        answer = served.api.post("/tenant", {"id": "default", "client_auth": {"method": "none"}})
        assert served.api.with_token(answer.json["api_key"]).get("/messages").status == 200


def test_tenants_are_listed_by_id_and_only_the_active_ones_on_request(served):
    for tenant_id, active in (("list-z", True), ("list-a", False), ("list-M", "yes")):
        assert register(served, id=tenant_id, active=active).status == 200
    answer = served.api.get("/tenants")
    ids = [t["id"] for t in answer.json["tenants"]]
    assert answer.json["ok"] is True and ids == sorted(ids) and {"list-z", "list-a", "list-M", "default"} <= set(ids)
    for word, shown in (("true", False), ("1", False), ("no", True)):
        assert ("list-a" in [t["id"] for t in served.api.get("/tenants", active_only=word).json["tenants"]]) is shown
    assert b"null" not in answer.body


def test_one_tenant_is_shown_by_itself_without_nulls(served):
    api = served.add_tenant("alone", rate_limits={"hourly": 5}, large_file_config={"enabled": True, "action": "rewrite"})
    for token in (served.api.token, api.token):
        shown = served.api.with_token(token).get("/tenant/alone").json
        assert {shown.pop("created_at")[-1], shown.pop("updated_at")[-1]} == {"Z"}
        assert shown == {"id": "alone", "client_auth": {"method": "none"}, "rate_limits": {"hourly": 5}, "active": True,
                         "large_file_config": {"enabled": True, "action": "rewrite"}, "report_format": "event"}
    answer = served.api.get("/tenant/nobody")
    assert (answer.status, answer.json) == (404, {"detail": "Tenant 'nobody' not found"})


def test_a_tenant_that_is_deleted_is_gone_with_its_token(served):
    api = served.add_tenant("leaving")
    assert served.api.delete("/tenant/leaving").json == {"ok": True}
    assert api.get("/accounts").status == 401
    for _ in range(2):
        answer = served.api.delete("/tenant/leaving")
        assert (answer.status, answer.json) == (404, {"detail": "Tenant 'leaving' not found"})


def test_the_credentials_are_sealed(served):
    register(served, id="sealed", client_auth={"method": "basic", "user": "u", "password": "very-secret-word"})
    row = served.rows("SELECT client_auth_sealed, client_auth_key_id FROM mailproxy.tenant WHERE tenant_id = 'sealed'")[0]
    assert b"very-secret-word" not in bytes(row["client_auth_sealed"])
    assert len(row["client_auth_key_id"]) == 8


@pytest.mark.parametrize("body, loc", [
    ({}, ["body", "id"]),
    ({"id": None}, ["body", "id"]),
    ({"id": 7}, ["body", "id"]),
    ({"id": ""}, ["body", "id"]),
    ({"id": "x" * 256}, ["body", "id"]),
    ({"id": "a\x00b"}, ["body", "id"]),
    ({"id": "x", "name": 5}, ["body", "name"]),
    ({"id": "x", "name": "a\x00b"}, ["body", "name"]),
    ({"id": "x", "client_base_url": ["u"]}, ["body", "client_base_url"]),
    ({"id": "x", "client_sync_path": {}}, ["body", "client_sync_path"]),
    ({"id": "x", "client_attachment_path": 1}, ["body", "client_attachment_path"]),
    ({"id": "x", "client_auth": "basic"}, ["body", "client_auth"]),
    ({"id": "x", "active": "perhaps"}, ["body", "active"]),
    ({"id": "x", "rate_limits": []}, ["body", "rate_limits"]),
    ({"id": "x", "report_secret": "whsec_!!!"}, ["body", "report_secret"]),
    ({"id": "x", "report_secret": "whsec_"}, ["body", "report_secret"]),
    ({"id": "x", "report_format": "xml"}, ["body", "report_format"]),
    ({"id": "x", "retry_delays": [60, -1]}, ["body", "retry_delays"]),
    ({"id": "x", "retry_delays": "60"}, ["body", "retry_delays"]),
    ({"id": "x", "retry_max_age": -1}, ["body", "retry_max_age"]),
    ({"id": "x", "retry_max_age": 31536001}, ["body", "retry_max_age"]),
    ({"id": "x", "retry_max_age": "5 days"}, ["body", "retry_max_age"]),
])
def test_a_bad_field_is_422_and_named(served, body, loc):
    answer = served.api.post("/tenant", body)
    assert answer.status == 422, answer
    error = answer.json["detail"][0]
    assert error["loc"][: len(loc)] == loc
    assert {"type", "loc", "msg", "input"} <= set(error)
    assert served.value("SELECT count(*) FROM mailproxy.tenant WHERE tenant_id = 'x'") == 0


class TestPut:
    """PUT /tenant/{id} changes what is given and nothing else."""

    AUTH = {"method": "basic", "user": "u", "password": "very-secret-word"}

    @pytest.fixture(scope="class")
    def tenant(self, served):
        return served.add_tenant("put", client_auth=self.AUTH, name="Old", client_base_url="http://store.test/a", active=False,
                                 client_sync_path="/sync", report_secret="s", retry_delays=[1, 2], rate_limits={"hourly": 5})

    @staticmethod
    def shown(api):
        found = api.get("/tenant/put").json
        del found["updated_at"]
        return found

    def test_one_field_leaves_the_others_and_the_token(self, tenant):
        before = self.shown(tenant)
        assert tenant.request("PUT", "/tenant/put", {"name": "New", "client_base_url": None}).json == {"ok": True}
        assert self.shown(tenant) == {**before, "name": "New"}

    def test_every_field(self, served, tenant):
        fields = {"client_base_url": "https://store.test/b", "client_sync_path": "/s2", "client_attachment_path": "/a2",
                  "report_format": "seed", "rate_limits": {"daily": 7}, "large_file_config": {"enabled": False},
                  "retry_delays": [9], "retry_max_age": 0, "active": True}
        assert served.api.request("PUT", "/tenant/put", fields).json == {"ok": True}
        assert self.shown(tenant).items() >= fields.items()
        assert served.api.request("PUT", "/tenant/put", {"client_attachment_path": "", "report_secret": ""}).status == 200
        assert not {"client_attachment_path", "report_secret"} & set(self.shown(tenant))

    def test_a_maximum_age_alone_is_a_change_and_null_leaves_it(self, tenant):
        before = self.shown(tenant)
        assert tenant.request("PUT", "/tenant/put", {"retry_max_age": 3600}).json == {"ok": True}
        assert self.shown(tenant) == {**before, "retry_max_age": 3600}
        assert tenant.request("PUT", "/tenant/put", {"retry_max_age": None, "name": "New"}).json == {"ok": True}
        assert self.shown(tenant) == {**before, "retry_max_age": 3600, "name": "New"}

    def test_masked_credentials_keep_the_stored_ones(self, served, tenant):
        auth = {"method": "basic", "user": "other", "password": "***"}
        assert tenant.request("PUT", "/tenant/put", {"client_auth": auth}).json == {"ok": True}
        assert self.shown(tenant)["client_auth"] == auth
        answer = tenant.request("PUT", "/tenant/put", {"client_auth": {"method": "bearer", "token": "***"}})
        assert answer.status == 400

    def test_a_base_url_is_trusted_when_the_admin_token_set_it(self, served, tenant):
        trusted = "SELECT client_base_url_trusted FROM mailproxy.tenant WHERE tenant_id = 'put'"
        for api, expected in ((served.api, True), (tenant, False)):
            assert api.request("PUT", "/tenant/put", {"client_base_url": "http://10.0.0.1"}).status == 200
            assert served.value(trusted) is expected
            assert api.request("PUT", "/tenant/put", {"name": "n"}).status == 200
            assert served.value(trusted) is expected

    @pytest.mark.parametrize("body", [{}, {"name": None}, {"colour": "red"}])
    def test_an_empty_change_is_404(self, served, tenant, body):
        assert served.api.request("PUT", "/tenant/put", body).json == {"detail": "Tenant 'put' not found"}

    def test_an_unknown_tenant_is_404_and_another_one_is_401(self, served, tenant):
        answer = served.api.request("PUT", "/tenant/nobody", {"name": "n", "client_auth": self.AUTH})
        assert (answer.status, answer.json) == (404, {"detail": "Tenant 'nobody' not found"})
        assert served.api.request("PUT", "/tenant/" + "x" * 3000, {"client_auth": self.AUTH}).status == 404
        assert tenant.request("PUT", "/tenant/default", {"name": "n"}).status == 401

    @pytest.mark.parametrize("field, value", [
        ("name", 5), ("active", "perhaps"), ("client_auth", "x"), ("report_format", "xml"), ("client_base_url", "ftp://h"),
        ("client_sync_path", "@10.0.0.1/"), ("client_attachment_path", ".evil.test/"), ("retry_delays", [-1]),
        ("retry_max_age", -1)])
    def test_a_bad_field_is_422_and_nothing_changes(self, tenant, field, value):
        before = self.shown(tenant)
        answer = tenant.request("PUT", "/tenant/put", {"name": "changed", field: value})
        assert answer.status == 422 and answer.json["detail"][0]["loc"][:2] == ["body", field]
        assert self.shown(tenant) == before


def test_unknown_fields_are_ignored(served):
    assert register(served, id="lenient", colour="red", active="yes").status == 200


def test_without_a_key_no_secret_is_stored(new_system):
    system = new_system(workers=0, MAIL_PROXY_ENCRYPTION_KEY=None)
    auth = {"method": "basic", "user": "u", "password": "p"}
    answer = system.api.post("/tenant", {"id": "acme", "client_auth": auth})
    assert answer.status == 400, answer
    assert "MAIL_PROXY_ENCRYPTION_KEY" in answer.json["detail"]
    assert system.value("SELECT count(*) FROM mailproxy.tenant WHERE tenant_id = 'acme'") == 0
    answer = system.api.post("/account", {"id": "a", "host": "h", "port": 25, "user": "u", "password": "p"})
    assert answer.status == 400
    assert "openssl rand -base64 32" in answer.json["detail"]
    # What holds no secret works.
    assert system.api.post("/account", {"id": "a", "host": "h", "port": 25}).status == 200
