"""Both Genropy clients against one running service, unchanged (tests/support/genropy.py)."""

import pytest

from support.genropy import ClientNow, ClientSeed
from support.programs import ADMIN_TOKEN
from support.waiting import wait_for


@pytest.fixture
def both(new_system, relay):
    """A service, and the two clients registered with it."""
    system = new_system(workers=0)
    seed = ClientSeed(system.api)
    now = ClientNow(system.api)
    system.start_worker(GMP_CLIENT_SYNC_URL=seed.store.url + "/proxy_sync", GMP_CLIENT_SYNC_USER="mailproxy",
                        GMP_CLIENT_SYNC_PASSWORD=seed.store.password)
    account = {"id": "smtp", "host": "127.0.0.1", "port": relay.port, "use_tls": False}
    seed.save_account(account)
    now.register([account])
    yield system, now, seed
    now.close()
    seed.close()


def test_a_mail_of_todays_client_is_pushed_inside_the_sync_and_reported(both, relay):
    _, now, _ = both
    mail = now.compose("wKn1FvZ7Oq2dGWkTyJHsbQ")
    wait_for(lambda: mail.send_date, "the mail to be reported as sent")
    assert relay.ids() == [mail.id] and mail.error is None


def test_mails_composed_while_a_sync_is_under_way_go_out_too(both, relay):
    _, now, _ = both
    composed = []
    usual = now.on_sync

    def on_sync(body):
        answer = usual(body)
        if len(composed) < 5:
            composed.append(now.compose(f"later{len(composed)}"))  # its run-now comes inside this call
        return answer

    now.store.on_sync = on_sync
    composed.append(now.compose("first"))
    wait_for(lambda: len(composed) == 5 and all(m.send_date for m in composed), "all of them to be reported")
    assert sorted(relay.ids()) == sorted(m.id for m in composed)


def test_a_bad_record_is_told_to_todays_client_and_stops_no_other(both):
    _, now, _ = both
    now.mails = {m.id: m for m in (now.compose("bad-from"), now.compose("bad-account"), now.compose("no-to"), now.compose("good"))}
    # records that are broken in the client's database
    bad = {"b1": {"from": None}, "b2": {"account_id": None}, "b3": {"to": []}}
    for record_id, fields in bad.items():
        now.compose(record_id, **fields)
    wait_for(lambda: now.mails["good"].send_date and all(now.mails[i].error for i in bad), "reasons for the bad ones")
    assert [now.mails[i].error for i in bad] == ["missing from", "missing account_id", "missing to"]


def test_a_batch_of_bad_records_alone_does_not_come_again_for_ever(both):
    _, now, _ = both
    now.compose("alone", to=[])
    wait_for(lambda: now.mails["alone"].error, "its reason")
    assert now.answers[-1].status == 400
    assert not any(m.waits for m in now.mails.values())


def test_a_failed_mail_can_be_sent_again_under_its_id(both, relay):
    _, now, _ = both
    relay.on("rcpt", "550 5.1.1 no such user")
    mail = now.compose("again")
    wait_for(lambda: mail.error, "its error")
    assert "550" in mail.error
    relay.on("rcpt", None)
    mail.error = mail.proxy_ts = None
    now.after_commit()
    wait_for(lambda: mail.send_date, "the second try to be reported as sent")


def test_a_missing_attachment_comes_back_as_the_client_knows_it(both, relay):
    _, now, _ = both
    now.store.files["home:emails/f.pdf"] = 404, b'{"error":"gone"}'
    mail = now.compose("files", attachments=[{"storage_path": "home:emails/f.pdf", "fetch_mode": "endpoint", "filename": "f.pdf"}])
    wait_for(lambda: mail.attempts >= 1, "the client to queue it again")
    now.store.files["home:emails/f.pdf"] = b"%PDF-1.4"
    wait_for(lambda: mail.send_date, "it to be sent once the file is there")
    assert relay.ids() == ["files"]


def test_registering_again_gives_a_token_that_works(both):
    _, now, _ = both
    old = now.token
    now.register([])
    assert now.token != old and now.api.with_token(old).get("/accounts", tenant_id="erp").status == 401
    mail = now.compose("after")
    wait_for(lambda: mail.send_date, "mail under the new token")


def test_todays_dashboard_reads_what_it_needs(both):
    _, now, _ = both
    mail = now.compose("shown", subject="Offer")
    wait_for(lambda: mail.send_date, "the mail to be reported")
    row = wait_for(lambda: next((m for m in now.own.messages(tenant_id="erp") if m.get("reported_ts")), None), "reported_ts")
    assert {"id", "account_id", "priority", "created_at", "sent_ts", "message"} <= set(row)
    assert row["message"]["subject"] == "Offer" and "error" not in row and "error_ts" not in row
    account, = now.own.get("/accounts", tenant_id="erp").json["accounts"]
    assert {"id", "host", "port", "use_tls", "created_at"} <= set(account)
    assert now.own.post("/commands/cleanup-messages", {}, tenant_id="erp").json == {"ok": True, "removed": 0}
    assert now.api.with_token(None).get("/health").status == 200
    assert now.own.delete("/account/never-registered", tenant_id="erp").status == 400  # logged by the client, and routine
    assert now.api.with_token(ADMIN_TOKEN).get("/tenant/erp").json["id"] == "erp"
    assert now.api.with_token(ADMIN_TOKEN).delete("/tenant/erp").status == 200


def test_a_mail_of_the_client_of_2025_is_sent_and_told_with_all_seven_keys(both, relay):
    _, _, seed = both
    mail = seed.compose("r1")
    wait_for(lambda: mail.send_date, "the mail to be reported as sent")
    assert relay.ids() == ["_main_db:r1"]
    entry = seed.store.entries("_main_db:r1")[-1]
    assert set(entry) == {"id", "account_id", "priority", "sent_ts", "error_ts", "error", "deferred_ts"}


def test_the_client_of_2025_that_is_busy_is_called_again(both):
    _, _, seed = both
    usual, refused = seed.on_sync, []

    def on_sync(body):
        if len(refused) < 2:
            refused.append(body)
            return 503, {"error": "locked"}, {"Retry-After": "1"}
        return usual(body)

    seed.store.on_sync = on_sync
    mail = seed.compose("r1")
    wait_for(lambda: mail.send_date, "the report to get through")
    assert len(refused) == 2


def test_the_rules_of_the_client_of_2025(new_system):
    system = new_system(workers=0)
    seed = ClientSeed(system.api)
    rules = seed.schedule([{"name": "default", "interval_minutes": 5},
                           {"name": "peak", "days": [0, 1, 2, 3, 4], "start_hour": 9, "end_hour": 18, "interval_minutes": 2}], True)
    assert [(r["name"], r["priority"], r["enabled"]) for r in rules] == [("default", 0, True), ("peak", 1, True)]
    rule_id = rules[1]["id"]
    assert seed.checked(seed.api.request("PATCH", f"/commands/rules/{rule_id}", {"enabled": False}))["rules"][1]["enabled"] is False
    assert len(seed.checked(seed.api.delete(f"/commands/rules/{rule_id}"))["rules"]) == 1
    assert seed.checked(seed.api.get("/commands/rules"))["ok"] is True
    seed.close()


def test_the_client_of_2025_suspends_and_activates_everything(new_system, relay):
    system = new_system()
    seed = ClientSeed(system.api)
    seed.save_account({"id": "smtp", "host": "127.0.0.1", "port": relay.port, "use_tls": False})
    assert seed.checked(seed.api.request("POST", "/commands/suspend"))["ok"] is True
    seed.compose("waits")
    assert system.api.message("_main_db:waits")["status"] == "pending" and relay.ids() == []
    assert seed.checked(seed.api.request("POST", "/commands/activate"))["ok"] is True
    system.wait_state("sent", "_main_db:waits", tenant="default")
    seed.close()
