"""Relays that ask for a client's certificate, and say what they think of it by an alert, or by closing the connection."""

import ssl

import pytest
from support.aiorelay import AuthRelay
from support.programs import ENCRYPTION_KEY, message
from support.tls import Authority, common_name
from support.waiting import wait_for

VERSIONS = pytest.mark.parametrize("tls_most", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)


@pytest.fixture
def asking(new_relay, authority):
    """asking(): a relay that serves nobody without a certificate of our authority."""

    def start(**options):
        relay = new_relay(certificate=authority.certificate("asking"))
        authority.ask(relay.context, **options)
        return relay

    return start


@pytest.fixture
def start(new_tenant, authority):
    """start(relay, **fields of the account): a tenant with that account, and a message m1."""

    def begin(relay, **account):
        api = new_tenant(relay, account={"use_tls": True, "tls_ca": authority.ca_pem, **account}, retry_delays=[600])
        api.enqueue(message("m1"))
        return api

    return begin


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """A client of an authority that no relay knows."""
    return Authority(tmp_path_factory.mktemp("stranger")).client("stranger")


@pytest.fixture
def store(authority):
    """Store the account anew."""
    return lambda api, relay, account_id="main", **fields: api.system.add_account(
        api, relay, account_id, use_tls=True, tls_ca=authority.ca_pem, **fields)


def wait_deferred(api, message_id="m1"):
    wait_for(lambda: api.message(message_id)["status"] == "deferred", f"{message_id} to be deferred")
    return api.message(message_id)["deferred_reason"]


def names(relay):
    """The common name of each mail's client certificate."""
    return [common_name(mail.session.client_certificate) for mail in relay.mails]


@VERSIONS
def test_the_accounts_certificate_is_shown(start, asking, authority, tls_most):
    relay = asking(tls_most=tls_most)
    client = authority.client("shop")
    api = start(relay, **client)
    api.wait_state("sent", "m1")
    assert names(relay) == ["shop"]
    assert client["tls_client_key"].splitlines()[1] not in api.system.logs()


def test_a_relay_that_does_not_ask_is_not_shown_any(start, new_relay, authority):
    relay = new_relay(certificate=authority.certificate("asking"))
    start(relay, **authority.client("shop")).wait_state("sent", "m1")
    assert relay.sessions[0].client_certificate is None


def test_an_intermediate_issuer_comes_along(start, asking, authority):
    """The relay knows the root alone."""
    relay = asking()
    client = authority.intermediate("department").client("shop")
    assert client["tls_client_cert"].count("BEGIN CERTIFICATE") == 2
    start(relay, **client).wait_state("sent", "m1")
    assert names(relay) == ["shop"]


@VERSIONS
def test_without_a_certificate_the_account_waits_until_it_has_one(start, store, asking, authority, tls_most):
    """TLS 1.3 has an alert of its own for it; before, it is a handshake failure like any other."""
    relay = asking(tls_most=tls_most)
    api = start(relay)
    wanted = {ssl.TLSVersion.TLSv1_2: "handshake failure",
              ssl.TLSVersion.TLSv1_3: "the relay wants a client certificate (tls_client_cert): certificate required"}
    assert wanted[tls_most] in wait_deferred(api)
    attempt = api.attempts("m1")[0]
    assert (attempt["phase"], attempt["blame"]) == ("tls", "account")
    store(api, relay, **authority.client("shop"))
    api.wait_state("sent", "m1")
    assert names(relay) == ["shop"]


@VERSIONS
def test_a_refused_certificate_makes_the_account_wait_and_the_reason_names_it(start, store, asking, authority, stranger, tls_most):
    relay = asking(tls_most=tls_most)
    api = start(relay, **stranger)
    assert "the relay refused the client certificate: unknown ca" in wait_deferred(api)
    attempt = api.attempts("m1")[0]
    assert (attempt["phase"], attempt["blame"]) == ("tls", "account")
    store(api, relay, **authority.client("shop"))
    api.wait_state("sent", "m1")
    assert names(relay) == ["shop"]


def test_an_expired_certificate_is_stored_and_the_relay_decides(start, asking, authority):
    api = start(asking(), **authority.client("late", expired=True))
    assert api.get("/accounts").json["accounts"][0]["warning"] == "the client certificate has expired"
    assert "the relay refused the client certificate: certificate expired" in wait_deferred(api)


@VERSIONS
@pytest.mark.parametrize("client, hint", [(True, "the relay may not accept the client certificate"), (False, "client certificate")])
def test_a_relay_that_just_hangs_up(start, authority, stranger, tls_most, client, hint):
    """As asyncio does: its servers send no alert."""
    relay = AuthRelay(tls="starttls", certificate=authority.certificate("aio"))
    authority.ask(relay.context, tls_most)
    try:
        api = start(relay, **(stranger if client else {}))
        reason = wait_deferred(api)
        assert hint in reason or (not client and tls_most == ssl.TLSVersion.TLSv1_2 and "the TLS handshake failed" in reason)
        assert api.attempts("m1")[0]["blame"] == "account"
    finally:
        relay.close()


def test_accounts_of_one_relay_never_share_a_connection(new_tenant, store, asking, authority):
    """Nor does an account that was given another certificate go on with its old connection."""
    relay = asking()
    api = new_tenant(retry_delays=[600])
    for name in ("one", "two"):
        store(api, relay, name, ttl=300, **authority.client(name))
    for number in range(3):
        api.enqueue(message(f"one{number}", account_id="one"), message(f"two{number}", account_id="two"))
        api.wait_state("sent", f"one{number}", f"two{number}")
    assert len(relay.sessions) == 2
    assert sorted(zip(relay.ids(), names(relay))) == [(f"{name}{n}", name) for name in ("one", "two") for n in range(3)]
    store(api, relay, "one", ttl=300, **authority.client("three"))
    api.enqueue(message("last", account_id="one"))
    api.wait_state("sent", "last")
    assert names(relay)[-1] == "three"


@pytest.mark.parametrize("keys, opens", [("B" * 43 + "=", False), ("B" * 43 + "=," + ENCRYPTION_KEY, True)], ids=["lost", "rotated"])
def test_the_key_is_opened_with_the_workers_keys(new_system, store, asking, authority, keys, opens):
    relay = asking()
    system = new_system(workers=0)
    api = system.add_tenant()
    store(api, relay, **authority.client("shop"))
    api.enqueue(message("m1"))
    system.start_worker(MAIL_PROXY_ENCRYPTION_KEY=keys)
    if opens:
        api.wait_state("sent", "m1")
        assert names(relay) == ["shop"]
    else:
        wait_deferred(api)
        attempt = api.attempts("m1")[0]
        assert (attempt["phase"], attempt["blame"]) == ("tls", "account")
        assert relay.sessions == []


def test_a_sealed_key_does_not_open_in_another_account(start, store, asking, authority):
    relay = asking()
    api = start(relay, **authority.client("shop"))
    api.wait_state("sent", "m1")
    store(api, relay, "other", **authority.client("other"))
    assert api.system.rows(
        "UPDATE mailproxy.account a SET tls_client_cert = b.tls_client_cert, tls_client_key_sealed = b.tls_client_key_sealed,"
        " version = a.version + 1 FROM mailproxy.account b WHERE a.tenant_id = b.tenant_id AND a.tenant_id = %s"
        " AND a.account_id = 'other' AND b.account_id = 'main' RETURNING 1", api.tenant_id)
    api.enqueue(message("m2", account_id="other"))
    wait_deferred(api, "m2")
    assert relay.ids() == ["m1"]
