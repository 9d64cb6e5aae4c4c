"""Against a real Postfix with TLS and SASL, to the final mailbox."""

import os
import re

import pytest
from support.postfix import IMPLICIT_TLS_ADDRESS, REALM, Postfix
from support.programs import message
from support.tls import Authority
from support.waiting import wait_for

PASSWORD = "s3cret wörd"
SOON = {"retry_delays": [1, 1, 1]}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may start a Postfix")


@pytest.fixture(scope="module")
def postfix(authority):
    postfix = Postfix(authority)
    postfix.add_user("shop", PASSWORD)
    yield postfix
    postfix.close()


@pytest.fixture
def start(new_tenant, postfix, authority):
    """start(mechanism, **fields of the account): a tenant whose account is a user of the Postfix."""

    def begin(mechanism="any", retry_delays=SOON["retry_delays"], **fields):
        api = new_tenant(retry_delays=retry_delays)
        api.account = {"id": "main", "host": "localhost", "port": postfix.ports[mechanism], "use_tls": True, "user": f"shop@{REALM}",
                       "password": PASSWORD, "tls_ca": authority.ca_pem, **fields}
        assert api.post("/account", api.account).status == 200
        return api

    return begin


def unique(api, name):
    """The mailbox is shared by the tests of the module."""
    return f"{api.tenant_id}-{name}"


def delivered(postfix, message_id):
    copies = wait_for(lambda: postfix.mailbox().get(message_id), f"{message_id} in the mailbox:\n{postfix.log()}")
    assert len(copies) == 1
    return copies[0]


@pytest.mark.parametrize("mechanism", Postfix.MECHANISMS)
def test_mail_goes_by_starttls_and_each_mechanism_to_the_mailbox(start, postfix, mechanism):
    api = start(mechanism)
    name = unique(api, "m1")
    api.enqueue(message(name, subject="Città", body="Grüße\n.\n..two\nend"))
    api.wait_state("sent", name)
    octets = delivered(postfix, name)
    assert re.search(rb"with ESMTPSA id", octets), "over TLS and authenticated"
    used = re.findall(rf"sasl_method=(\S+), sasl_username=shop@{REALM}", postfix.log())
    assert used and (mechanism == "any" or used[-1].upper() == mechanism.upper())
    assert b"From: sender@example.com\nTo: rcpt@example.net\n" in octets
    assert api.attempts(name)[0]["reply"].startswith("Ok: queued as ")


def test_implicit_tls_on_port_465(start, postfix):
    api = start(host=IMPLICIT_TLS_ADDRESS, port=465, use_tls=None)
    name = unique(api, "m1")
    api.enqueue(message(name))
    api.wait_state("sent", name)
    assert b"with ESMTPSA id" in delivered(postfix, name)


@pytest.mark.parametrize("mechanism", Postfix.MECHANISMS)
def test_a_wrong_password_makes_the_account_wait_until_it_is_put_right(start, postfix, mechanism):
    api = start(mechanism, retry_delays=[600], password="not this one")
    names = [unique(api, f"m{i}") for i in range(3)]
    api.enqueue(*[message(name) for name in names])
    wait_for(lambda: all(m["status"] == "deferred" for m in api.messages()), "all to wait")
    shown = api.message(names[0])
    assert shown["deferred_reason"].endswith("(SMTP 535)"), shown
    assert {a["blame"] for name in names for a in api.attempts(name)} == {"account"}
    assert not set(names) & set(postfix.mailbox())
    assert api.post("/account", {**api.account, "password": PASSWORD}).status == 200
    api.wait_state("sent", *names)
    for name in names:
        delivered(postfix, name)
    assert "not this one" not in api.system.logs()


def test_without_credentials_postfix_relays_nothing_and_the_account_waits(start, postfix):
    api = start(retry_delays=[600], user=None, password=None)
    name = unique(api, "m1")
    api.enqueue(message(name))
    wait_for(lambda: api.message(name)["status"] == "deferred", "m1 to wait")
    attempt = api.attempts(name)[0]
    assert (attempt["phase"], attempt["blame"], attempt["reply"]) == (
        "rcpt", "account", "<rcpt@example.net>: Relay access denied")
    api.post("/account", api.account | {"user": f"shop@{REALM}", "password": PASSWORD})
    api.wait_state("sent", name)
    delivered(postfix, name)


@pytest.fixture
def start_with_certificate(start):
    return lambda client, **fields: start("certificate", user=None, password=None, **client, **fields)


def test_a_client_certificate_lets_mail_through(start_with_certificate, postfix, authority):
    api = start_with_certificate(authority.client("postfix-client"))
    name = unique(api, "m1")
    api.enqueue(message(name))
    api.wait_state("sent", name)
    octets = delivered(postfix, name)
    assert b"with ESMTPS id" in octets and b'CN "postfix-client"' in octets and b"(verified OK)" in octets


@pytest.mark.parametrize("has_one, reason", [(False, "No client certificate presented"), (True, "Client certificate not trusted")])
def test_without_one_that_postfix_trusts_the_account_waits(start_with_certificate, postfix, authority, tmp_path, has_one, reason):
    api = start_with_certificate(Authority(tmp_path).client("stranger") if has_one else {}, retry_delays=[600])
    name = unique(api, "m1")
    api.enqueue(message(name))
    wait_for(lambda: api.message(name)["status"] == "deferred", "m1 to wait")
    assert api.message(name)["deferred_reason"].endswith(f"Error: {reason} (SMTP 421)"), api.message(name)
    assert api.attempts(name)[0]["blame"] == "account"
    api.post("/account", api.account | authority.client("postfix-client"))
    api.wait_state("sent", name)
    delivered(postfix, name)


def test_what_postfix_refuses_is_told_by_its_own_words(start, postfix):
    api = start()
    sender, size, good = unique(api, "sender"), unique(api, "size"), unique(api, "good")
    api.enqueue(message(sender, **{"from": "forbidden@example.com"}), message(size, body="x\n" * 20000), message(good))
    api.wait_state("sent", good)
    api.wait_state("error", sender, size)
    assert "Sender address rejected: Access denied (SMTP 554)" in api.message(sender)["error"]
    assert "over the relay's limit of 20000 octets" in api.message(size)["error"]
    assert api.attempts(sender)[0]["blame"] == "message"
    assert set(postfix.mailbox()) & {sender, size, good} <= {good}


def test_a_hundred_mails_arrive_once_each(start, postfix):
    api = start()
    names = [unique(api, f"m{i}") for i in range(100)]
    api.enqueue(*[message(name) for name in names])
    api.wait_state("sent", *names)
    box = wait_for(lambda: len(set(names) & set(postfix.mailbox())) == 100 and postfix.mailbox(), "all hundred")
    assert all(len(box[name]) == 1 for name in names)
