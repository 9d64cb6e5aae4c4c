"""TLS and AUTH, against aiosmtpd."""

import re

import pytest
from support.aiorelay import AuthRelay
from support.programs import message
from support.waiting import wait_for

USER, PASSWORD = "user@example.com", "p\"ä\\ss wörd"


@pytest.fixture
def new_auth_relay(authority):
    relays = []

    def start(names="DNS:localhost,IP:127.0.0.1", **options):
        if options.get("tls"):
            options["certificate"] = authority.certificate(f"relay{len(relays)}", names)
        relays.append(AuthRelay(**options))
        return relays[-1]

    yield start
    for relay in relays:
        relay.close()


@pytest.fixture
def start(new_tenant, authority):
    """start(relay, **fields of the account): a tenant with that account, and a message m1."""

    def begin(relay, settings=None, **account):
        account.setdefault("tls_ca", authority.ca_pem)
        api = new_tenant(relay, account=account, retry_delays=[600], **(settings or {}))
        api.enqueue(message("m1"))
        return api

    return begin


def wait_deferred(api):
    """The reason shown while the account backs off."""
    wait_for(lambda: api.message("m1")["status"] == "deferred", "m1 to be deferred")
    return api.message("m1")["deferred_reason"]


@pytest.mark.parametrize("mechanisms", [("PLAIN",), ("LOGIN",), ("PLAIN", "LOGIN")], ids="+".join)
def test_starttls_with_auth(start, new_auth_relay, mechanisms):
    relay = new_auth_relay(tls="starttls", user=USER, password=PASSWORD, mechanisms=mechanisms)
    api = start(relay, use_tls=True, user=USER, password=PASSWORD)
    api.wait_state("sent", "m1")
    assert relay.envelopes[0].was_tls
    assert relay.logins[0][1:] == (USER, PASSWORD)
    assert relay.logins[0][0] in mechanisms
    assert PASSWORD not in api.system.logs()


def test_starttls_without_auth(start, new_auth_relay):
    relay = new_auth_relay(tls="starttls")
    start(relay, use_tls=True).wait_state("sent", "m1")
    assert relay.envelopes[0].was_tls


def test_implicit_tls_on_port_465(start, new_auth_relay):
    """Implicit TLS is what port 465 means; a redirect to our port stands in for the privileged one."""
    import os
    import socket
    import threading

    if os.geteuid() != 0:
        pytest.skip("only root may listen on port 465")
    relay = new_auth_relay(tls="implicit", user=USER, password=PASSWORD, names="DNS:localhost,IP:127.0.4.65")
    listener = socket.create_server(("127.0.4.65", 465))

    def pump(a, b):
        try:
            while octets := a.recv(65536):
                b.sendall(octets)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def forward():
        try:
            while True:
                conn, _ = listener.accept()
                behind = socket.create_connection(("127.0.0.1", relay.port))
                threading.Thread(target=pump, args=(conn, behind), daemon=True).start()
                threading.Thread(target=pump, args=(behind, conn), daemon=True).start()
        except OSError:
            return

    threading.Thread(target=forward, daemon=True).start()
    try:
        api = start(relay, host="127.0.4.65", port=465, use_tls=None, user=USER, password=PASSWORD)
        api.wait_state("sent", "m1")
        assert relay.envelopes[0].was_tls
        assert relay.logins[0][1:] == (USER, PASSWORD)
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_auth_over_a_plain_connection_where_the_account_is_plain(start, new_auth_relay):
    relay = new_auth_relay(user=USER, password=PASSWORD, auth_on_plain=True)
    api = start(relay, use_tls=False, user=USER, password=PASSWORD)
    api.wait_state("sent", "m1")
    assert not relay.envelopes[0].was_tls
    assert PASSWORD not in api.system.logs()
    assert re.search(f"level=warn stage=send event=plain_auth tenant={api.tenant_id} account=main host=",
                     api.system.workers[0].log())


def test_a_certificate_by_an_unknown_authority_defers(start, new_auth_relay):
    relay = new_auth_relay(tls="starttls", user=USER, password=PASSWORD)
    api = start(relay, use_tls=True, user=USER, password=PASSWORD, tls_ca=None)
    assert "certificate" in wait_deferred(api).lower()
    assert relay.logins == [], "the password was not sent"
    assert relay.envelopes == []


def test_a_certificate_for_another_name_defers(start, new_auth_relay):
    relay = new_auth_relay(tls="starttls", user=USER, password=PASSWORD, names="DNS:other.example")
    api = start(relay, use_tls=True, user=USER, password=PASSWORD)
    wait_deferred(api)
    assert relay.logins == [] and relay.envelopes == []


def test_the_services_ca_file(start, new_auth_relay, authority):
    relay = new_auth_relay(tls="starttls")
    start(relay, settings={"GMP_CA_FILE": authority.ca_file}, use_tls=True, tls_ca=None).wait_state("sent", "m1")


def test_verification_can_be_skipped_loudly(start, new_auth_relay):
    relay = new_auth_relay(tls="starttls", names="DNS:other.example")
    api = start(relay, use_tls=True, tls_ca=None, tls_verify=False)
    api.wait_state("sent", "m1")
    assert relay.envelopes[0].was_tls
    assert re.search(f"level=warn .*tenant={api.tenant_id} .*account=main ", api.system.workers[0].log())


def test_a_pinned_key(start, new_auth_relay, authority):
    relay = new_auth_relay(tls="starttls")
    pin = authority.pin(authority.certificate("relay0")[0])
    start(relay, use_tls=True, tls_pin=pin).wait_state("sent", "m1")


def test_another_key_than_the_pinned_one_defers(start, new_auth_relay):
    relay = new_auth_relay(tls="starttls")
    api = start(relay, use_tls=True, tls_pin="sha256//" + "A" * 43 + "=")
    wait_deferred(api)
    assert relay.envelopes == []


def test_starttls_wanted_but_not_offered_defers_and_sends_nothing(start, relay):
    api = start(relay, use_tls=True, user=USER, password=PASSWORD)
    assert "STARTTLS" in wait_deferred(api)
    assert all(c.split(" ")[0] in ("EHLO", "HELO", "QUIT") for s in relay.sessions for c in s.commands)


def test_what_was_said_before_tls_is_forgotten(start, new_auth_relay):
    """EHLO is said again after STARTTLS (RFC 3207 4.2): aiosmtpd offers AUTH only then."""
    relay = new_auth_relay(tls="starttls", user=USER, password=PASSWORD)
    start(relay, use_tls=True, user=USER, password=PASSWORD).wait_state("sent", "m1")


def test_a_wrong_password_makes_the_account_wait(start, new_auth_relay, authority):
    relay = new_auth_relay(tls="starttls", user=USER, password=PASSWORD)
    api = start(relay, use_tls=True, user=USER, password="not-this-one")
    assert "(SMTP 535)" in wait_deferred(api)
    assert "not-this-one" not in api.system.logs()
    api.system.add_account(api, relay, use_tls=True, user=USER, password=PASSWORD, tls_ca=authority.ca_pem)
    api.wait_state("sent", "m1")


def test_credentials_but_no_auth_offered_makes_the_account_wait(start, relay):
    api = start(relay, use_tls=False, user=USER, password=PASSWORD)
    assert "AUTH" in wait_deferred(api).upper()
    assert relay.mails == []


def test_an_account_sealed_with_a_lost_key_waits_and_says_so(new_system, new_auth_relay, authority):
    relay = new_auth_relay(tls="starttls", user=USER, password=PASSWORD)
    system = new_system(workers=0)
    api = system.add_tenant()
    system.add_account(api, relay, use_tls=True, user=USER, password=PASSWORD, tls_ca=authority.ca_pem)
    api.enqueue(message("m1"))
    system.start_worker(MAIL_PROXY_ENCRYPTION_KEY="B" * 43 + "=")
    wait_deferred(api)
    assert relay.logins == []


def test_a_rotated_key_still_opens(new_system, new_auth_relay, authority):
    from support.programs import ENCRYPTION_KEY

    relay = new_auth_relay(tls="starttls", user=USER, password=PASSWORD)
    system = new_system(workers=0)
    api = system.add_tenant()
    system.add_account(api, relay, use_tls=True, user=USER, password=PASSWORD, tls_ca=authority.ca_pem)
    api.enqueue(message("m1"))
    system.start_worker(MAIL_PROXY_ENCRYPTION_KEY="B" * 43 + "=," + ENCRYPTION_KEY)
    system.wait_state("sent", "m1")
