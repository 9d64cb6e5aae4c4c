"""tls_client_cert and tls_client_key of an account: what POST /account takes, and what GET /accounts shows."""

import datetime
import subprocess

import pytest

BASE = {"id": "client", "host": "relay.test", "port": 587, "use_tls": True}


@pytest.fixture(scope="module")
def client(authority):
    return authority.client("client")


@pytest.fixture(scope="module")
def other(authority):
    return authority.client("other")


def openssl(*args, octets):
    return subprocess.run(["openssl", *args], input=octets.encode(), check=True, capture_output=True).stdout.decode()


def shown(served):
    return next(a for a in served.api.get("/accounts").json["accounts"] if a["id"] == "client")


def assert_refused(served, fields, name, *words):
    before = served.value("SELECT count(*) FROM mailproxy.account")
    answer = served.api.post("/account", {**BASE, "id": "refused", **fields})
    assert answer.status == 422, answer
    error, = answer.json["detail"]
    assert error["loc"] == ["body", name]
    for word in words:
        assert word in error["msg"], error
    assert b"PRIVATE KEY" not in answer.body
    for line in fields.get("tls_client_key", "").splitlines()[1:2]:
        assert line.encode() not in answer.body
    assert served.value("SELECT count(*) FROM mailproxy.account") == before


def test_the_certificate_is_shown_and_the_key_is_not(served, client):
    assert served.api.post("/account", {**BASE, **client}).json == {"ok": True}
    account = shown(served)
    assert account["tls_client_cert"] == client["tls_client_cert"]
    assert "tls_client_key" not in account and "warning" not in account
    expires = datetime.datetime.fromisoformat(account["tls_client_cert_expires_at"])
    end = openssl("x509", "-enddate", "-noout", octets=client["tls_client_cert"]).strip().removeprefix("notAfter=")
    assert expires == datetime.datetime.strptime(end, "%b %d %H:%M:%S %Y %Z").replace(tzinfo=datetime.timezone.utc)
    command = served.api.get("/command-log", tenant_id="default").json["commands"][-1]["payload"]
    assert command["tls_client_key"] == "***" and command["tls_client_cert"] == f"[{len(client['tls_client_cert'])} octets]"


def test_left_out_it_is_gone(served, client):
    served.api.post("/account", {**BASE, **client})
    served.api.post("/account", {**BASE, "tls_client_cert": "", "tls_client_key": None})
    assert not [name for name in shown(served) if name.startswith("tls_client")]
    assert served.value("SELECT num_nonnulls(tls_client_cert, tls_client_cert_expires_at, tls_client_key_sealed, tls_client_key_key_id)"
                        " FROM mailproxy.account WHERE account_id = 'client'") == 0


def test_one_without_the_other_is_refused(served, client):
    assert_refused(served, {"tls_client_cert": client["tls_client_cert"]}, "tls_client_key", "is needed with tls_client_cert")
    assert_refused(served, {"tls_client_key": client["tls_client_key"]}, "tls_client_cert", "is needed with tls_client_key")


def test_a_key_of_another_certificate_is_refused(served, client, other):
    assert_refused(served, {**client, "tls_client_key": other["tls_client_key"]}, "tls_client_key", "does not belong to tls_client_cert")


def test_the_keys_certificate_comes_first(served, client, authority):
    wrong = authority.ca_pem + client["tls_client_cert"]
    assert_refused(served, {**client, "tls_client_cert": wrong}, "tls_client_cert", "put that one first")
    right = {**client, "tls_client_cert": client["tls_client_cert"] + authority.ca_pem}
    assert served.api.post("/account", {**BASE, **right}).json == {"ok": True}


@pytest.mark.parametrize("options", [("pkcs8", "-topk8"), ("rsa", "-traditional", "-aes256")], ids=lambda o: o[0])
def test_an_encrypted_key_is_refused_and_the_remedy_told(served, client, options):
    key = openssl(*options, "-passout", "pass:word", octets=client["tls_client_key"])
    assert "ENCRYPTED" in key
    assert_refused(served, {**client, "tls_client_key": key}, "tls_client_key", "without a passphrase")


@pytest.mark.parametrize("form", [("rsa", "-traditional"), ("pkcs8", "-topk8", "-nocrypt")], ids=lambda o: o[0])
def test_both_forms_of_a_key_are_taken(served, client, form):
    key = openssl(*form, octets=client["tls_client_key"]).replace("\n", "\r\n")
    assert served.api.post("/account", {**BASE, **client, "tls_client_key": key}).json == {"ok": True}


def test_a_curve_key_with_its_parameters_is_taken(served):
    """As `openssl ecparam -genkey` writes it: EC PARAMETERS come first."""
    key = subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey"], check=True, capture_output=True).stdout.decode()
    certificate = subprocess.run(["openssl", "req", "-x509", "-key", "/dev/stdin", "-subj", "/CN=curve", "-days", "9"], check=True,
                                 input=key.encode(), capture_output=True).stdout.decode()
    assert "EC PARAMETERS" in key
    assert served.api.post("/account", {**BASE, "tls_client_cert": certificate, "tls_client_key": key}).json == {"ok": True}


@pytest.mark.parametrize("name, value, word", [
    ("tls_client_cert", "no certificate", "is not a certificate in PEM"),
    ("tls_client_cert", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
    ("tls_client_key", "no key", "is not a private key in PEM"),
    ("tls_client_key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "is not a private key in PEM"),
    ("tls_client_key", "x" * 20000, "16384"), ("tls_client_cert", "x" * 40000, "32768"),
], ids=range(6))
def test_what_cannot_be_read_is_refused_once_and_named(served, client, name, value, word):
    assert_refused(served, {**client, name: value}, name, word)


def test_certificate_and_key_in_the_wrong_field_or_in_one_are_told_apart(served, client):
    both = client["tls_client_cert"] + client["tls_client_key"]
    assert_refused(served, {**client, "tls_client_cert": both}, "tls_client_cert", "that belongs into tls_client_key")
    assert_refused(served, {**client, "tls_client_key": client["tls_client_cert"]}, "tls_client_key", "is not a private key in PEM")


def test_without_tls_it_is_refused(served, client):
    for use_tls in (False, None):
        assert_refused(served, {**client, "use_tls": use_tls}, "use_tls", "tls_client_cert is shown in TLS only")
    assert served.api.post("/account", {**BASE, **client, "use_tls": None, "port": 465}).json == {"ok": True}


def test_an_expired_certificate_is_stored_with_a_warning(served, authority):
    assert served.api.post("/account", {**BASE, **authority.client("expired", expired=True)}).json == {"ok": True}
    assert shown(served)["warning"] == "the client certificate has expired"


def test_a_key_pasted_into_tls_ca_is_not_told_back(served, client):
    answer = served.api.post("/account", {**BASE, "tls_ca": client["tls_client_key"]})
    assert answer.status == 422 and answer.json["detail"][0]["input"] == "***"


def test_without_an_encryption_key_it_is_not_stored(new_system, client):
    system = new_system(workers=0, MAIL_PROXY_ENCRYPTION_KEY=None)
    answer = system.api.post("/account", {**BASE, **client})
    assert answer.status == 400 and "MAIL_PROXY_ENCRYPTION_KEY" in answer.json["detail"]
