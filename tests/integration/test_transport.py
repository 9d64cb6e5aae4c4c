"""When a connection to a relay is encrypted, and where a password may travel."""

import socket

import pytest
from support.programs import message
from support.relay import EXTENSIONS
from support.waiting import wait_for

LOGIN = {"user": "u", "password": "a-plain-word"}


@pytest.fixture
def offering(new_relay, authority):
    """A relay that offers STARTTLS and AUTH PLAIN, before and after it."""
    return new_relay(extensions=(*EXTENSIONS, "AUTH PLAIN"), certificate=authority.certificate("transport"))


def said(relay):
    return [command.split(" ")[0] for session in relay.sessions for command in session.commands]


@pytest.mark.parametrize("use_tls", [None, False])
def test_without_use_tls_no_port_but_465_is_encrypted_even_where_starttls_is_offered(new_tenant, offering, use_tls):
    api = new_tenant(offering, account={"use_tls": use_tls})
    api.enqueue(message("m1"))
    api.wait_state("sent", "m1")
    assert "STARTTLS" not in said(offering)


def test_use_tls_means_starttls_on_any_port_but_465(new_tenant, offering, authority):
    api = new_tenant(offering, account={"use_tls": True, "tls_ca": authority.ca_pem})
    api.enqueue(message("m1"))
    api.wait_state("sent", "m1")
    assert said(offering)[:3] == ["EHLO", "STARTTLS", "EHLO"]


def waits(api, *words):
    """m1 waits for the account, and its reason holds these words."""
    wait_for(lambda: api.message("m1")["status"] == "deferred", "m1 to wait")
    attempt, = api.attempts("m1")
    assert (attempt["outcome"], attempt["blame"]) == ("deferred", "account")
    assert all(word in api.message("m1")["deferred_reason"] for word in words), api.message("m1")


@pytest.mark.parametrize("offered", ["AUTH GSSAPI NTLM", "AUTH"])
def test_no_mechanism_in_common_makes_the_account_wait(new_tenant, new_relay, offered):
    relay = new_relay(extensions=(*EXTENSIONS, offered))
    api = new_tenant(relay, account=LOGIN, retry_delays=[600])
    api.enqueue(message("m1"))
    waits(api, "AUTH")
    assert "MAIL" not in said(relay) and relay.mails == []


@pytest.fixture
def own_address():
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return probe.getsockname()[0]


def test_where_tls_is_required_for_it_no_password_leaves_the_machine_over_a_plain_connection(new_tenant, new_relay, own_address):
    relay = new_relay(extensions=(*EXTENSIONS, "AUTH PLAIN"), address=own_address)
    account = {**LOGIN, "host": own_address}
    api = new_tenant(relay, account=account, retry_delays=[600], GMP_REQUIRE_TLS_FOR_AUTH="true")
    api.enqueue(message("m1"))
    waits(api, "GMP_REQUIRE_TLS_FOR_AUTH")
    assert "AUTH" not in said(relay) and relay.mails == []


@pytest.mark.parametrize("settings", [{"GMP_REQUIRE_TLS_FOR_AUTH": "true"}, {"GMP_REQUIRE_TLS_FOR_AUTH": "false"}])
@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", None], ids=["loopback", "localhost", "own address"])
def test_elsewhere_it_goes_over_a_plain_account_with_a_warning(new_tenant, new_relay, own_address, settings, address):
    if address is None and settings["GMP_REQUIRE_TLS_FOR_AUTH"] == "true":
        return  # as above
    host = address or own_address
    relay = new_relay(extensions=(*EXTENSIONS, "AUTH PLAIN"), address=own_address if address is None else "127.0.0.1")
    api = new_tenant(relay, account={**LOGIN, "host": host}, **settings)
    api.enqueue(message("m1"))
    api.wait_state("sent", "m1")
    assert "AUTH" in said(relay)
    shown, = api.get("/accounts").json["accounts"]
    assert shown["warning"] == "credentials are sent over a plain connection"
    api.system.workers[0].wait_line(f"level=warn stage=send event=plain_auth tenant={api.tenant_id} account=main ")
    assert LOGIN["password"] not in api.system.logs()


@pytest.mark.parametrize("account, warning", [
    ({"use_tls": True}, None), ({"use_tls": False}, None), ({"port": 465, **LOGIN}, None), ({"use_tls": True, **LOGIN}, None),
    ({"use_tls": True, "tls_verify": False}, "the server's certificate is not verified"),
    ({"port": 465, "use_tls": False, **LOGIN}, "credentials are sent over a plain connection"),
    ({"port": 587, **LOGIN}, "credentials are sent over a plain connection"),
])
def test_an_account_warns_of_what_its_setting_up_risks(served, account, warning):
    fields = {"id": "warned", "host": "relay.example.com", "port": 25, **account}
    assert served.api.post("/account", fields).status == 200
    shown, = (a for a in served.api.get("/accounts", tenant_id="default").json["accounts"] if a["id"] == "warned")
    assert shown.get("warning") == warning


@pytest.mark.parametrize("step, reply", [("greeting", "554 5.3.2 closed"), ("ehlo", "550 5.7.1 not you"), ("credentials", "535 5.7.8 wrong")])
def test_what_is_the_accounts_fault_is_an_error_when_the_retries_are_used_up(new_tenant, offering, step, reply):
    offering.on(step, lambda *_: reply)
    if step == "ehlo":
        offering.on("helo", lambda *_: reply)
    api = new_tenant(offering, account=LOGIN, retry_delays=[0, 0])
    api.enqueue(message("m1"))
    api.wait_state("error", "m1", timeout=60)
    code, text = reply.split(" ", 1)
    assert api.message("m1")["error"] == f"Max retries (2) exceeded: {text} (SMTP {code})"
    assert api.outcomes("m1") == ["deferred", "deferred", "error"]
