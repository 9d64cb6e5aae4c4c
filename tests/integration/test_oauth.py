"""Accounts that log in with an access token: where it comes from, when it is renewed, and where it is never seen."""

import subprocess
import threading
from urllib.parse import quote

import pytest
from support.oauth import Doorman, TokenEndpoint
from support.programs import message
from support.waiting import wait_for

LOCAL = {"GMP_ALLOW_PRIVATE_HOSTS": "127.0.0.1"}


@pytest.fixture
def new_endpoint():
    endpoints = []

    def start(**options):
        endpoints.append(TokenEndpoint(**options))
        return endpoints[-1]

    yield start
    for endpoint in endpoints:
        endpoint.close()


@pytest.fixture
def endpoint(new_endpoint):
    return new_endpoint()


@pytest.fixture
def start(new_tenant):
    """start(relay, **fields of the account): a tenant whose account keeps no connection for the next message."""

    def begin(relay, workers=1, retry_delays=(600,), **account):
        return new_tenant(relay, account={"ttl": 0, **account}, workers=workers, retry_delays=list(retry_delays), **LOCAL)

    return begin


def send(api, *ids):
    api.enqueue(*(message(i) for i in ids))
    api.wait_state("sent", *ids)


def deferred_reason(api, message_id):
    wait_for(lambda: api.message(message_id)["status"] == "deferred", f"{message_id} to be deferred")
    return api.message(message_id)["deferred_reason"]


def stored(api, column):
    return api.system.value(f"SELECT {column} FROM mailproxy.account_token WHERE tenant_id = %s", api.tenant_id)


def run_now(api):
    assert api.post("/commands/run-now").status == 200


def wait_due(api):
    wait_for(lambda: stored(api, "refresh_at <= now()"), "the token to be due for renewal")


@pytest.mark.parametrize("offered, used", [
    (("XOAUTH2",), "XOAUTH2"), (("OAUTHBEARER",), "OAUTHBEARER"),
    (("PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"), "OAUTHBEARER")], ids=lambda v: v if isinstance(v, str) else "+".join(v))
def test_a_token_is_fetched_and_used_by_what_the_relay_offers(start, relay, endpoint, offered, used):
    doorman = Doorman(relay, offered)
    send(start(relay, **endpoint.client_credentials()), "m1")
    assert doorman.logins == [(used, "box@example.com", endpoint.tokens[0])]
    assert endpoint.requests == [{
        "grant_type": "client_credentials", "client_id": endpoint.CLIENT_ID, "client_secret": endpoint.CLIENT_SECRET,
        "scope": "https://mail.example.com/.default"}]


@pytest.mark.parametrize("kind", ["client_credentials", "refresh_token"])
def test_the_client_is_told_by_basic_where_the_endpoint_wants_that(start, relay, new_endpoint, kind):
    endpoint = new_endpoint(basic=True, rotates=True)
    doorman = Doorman(relay)
    send(start(relay, **getattr(endpoint, kind)(oauth_client_auth="basic")), "m1")
    assert doorman.tokens == endpoint.tokens
    form, = endpoint.requests
    assert (form["client_id"], form["client_secret"], form["grant_type"]) == (endpoint.CLIENT_ID, endpoint.CLIENT_SECRET, kind)


def test_an_endpoint_that_does_not_decode_basic_quotes_no_secret(start, relay, new_endpoint):
    endpoint = new_endpoint(basic=True)
    Doorman(relay)
    endpoint.on_request = lambda form: (401, {
        "error": "invalid_client", "error_description": f"No '{quote(form['client_secret'], safe='')}', no '{form['client_secret']}'."})
    api = start(relay, **endpoint.client_credentials(oauth_client_auth="basic"))
    api.enqueue(message("m1"))
    reason = deferred_reason(api, "m1")
    assert "answered 401 invalid_client: No '" in reason
    assert "s3cret" not in reason and "s3cret" not in api.system.logs()


def test_two_workers_fetch_one_token_for_many_messages(start, relay, endpoint):
    doorman = Doorman(relay)
    api = start(relay, workers=2, batch_size=2, **endpoint.client_credentials())
    total = 0
    while len(api.system.rows("SELECT DISTINCT worker_epoch FROM mailproxy.attempt")) < 2:
        ids = [f"m{total + i}" for i in range(20)]
        total += len(ids)
        assert total <= 1000, "one of the workers does nothing"
        send(api, *ids)
    assert len(doorman.logins) > 2 and set(doorman.tokens) == set(endpoint.tokens)
    assert len(endpoint.requests) == 1


def test_a_token_is_renewed_before_it_expires(start, relay, new_endpoint):
    endpoint = new_endpoint(expires_in=4)
    doorman = Doorman(relay)
    api = start(relay, **endpoint.client_credentials())
    send(api, "m1")
    assert stored(api, "expires_at - refresh_at = interval '2 s'")
    wait_due(api)
    send(api, "m2")
    assert doorman.tokens == endpoint.tokens and len(endpoint.tokens) == 2


def test_a_long_lived_token_is_renewed_a_minute_before_its_end(start, relay, endpoint):
    Doorman(relay)
    api = start(relay, **endpoint.client_credentials())
    send(api, "m1")
    assert stored(api, "expires_at - refresh_at = interval '60 s'")


def test_a_token_is_used_on_while_its_endpoint_is_down(start, relay, new_endpoint):
    endpoint = new_endpoint(expires_in=600)
    doorman = Doorman(relay)
    api = start(relay, **endpoint.client_credentials())
    send(api, "m1")
    api.system.rows("UPDATE mailproxy.account_token SET refresh_at = now() WHERE tenant_id = %s", api.tenant_id)
    endpoint.stop()
    send(api, "m2")
    assert set(doorman.tokens) == {endpoint.tokens[0]} and stored(api, "last_error") is not None


def test_refresh_tokens_rotate_and_the_newest_is_kept(start, relay, new_endpoint):
    endpoint = new_endpoint(expires_in=1, rotates=True)
    doorman = Doorman(relay)
    api = start(relay, **endpoint.refresh_token())
    for number in range(3):
        send(api, f"m{number}")
        wait_due(api)
    assert [form["refresh_token"] for form in endpoint.requests] == [
        endpoint.REFRESH_TOKEN, "refresh-token-1", "refresh-token-2"]
    # Who stores the account again, as it was, goes on with the newest one; who brings another begins with that.
    api.system.add_account(api, relay, ttl=0, **endpoint.refresh_token())
    send(api, "again")
    assert endpoint.requests[-1]["refresh_token"] == "refresh-token-3"
    wait_due(api)
    endpoint.refresh_tokens.add("granted anew")
    api.system.add_account(api, relay, ttl=0, **endpoint.refresh_token(oauth_refresh_token="granted anew"))
    send(api, "anew")
    assert endpoint.requests[-1]["refresh_token"] == "granted anew"
    assert doorman.tokens == endpoint.tokens


def test_a_wrong_client_secret_closes_the_gate_until_the_account_is_mended(start, relay, endpoint):
    doorman = Doorman(relay)
    api = start(relay, **endpoint.client_credentials(oauth_client_secret="a wrong word"))
    api.enqueue(message("m1"), message("m2"))
    reason = deferred_reason(api, "m1")
    assert "127.0.0.1 answered 401 invalid_client: The secret '************' is wrong." in reason
    assert "a wrong word" not in api.system.logs()
    assert doorman.logins == [] and relay.sessions == []
    assert len(endpoint.requests) == 1
    api.system.add_account(api, relay, ttl=0, **endpoint.client_credentials())
    api.wait_state("sent", "m1", "m2")


def test_a_revoked_refresh_token_is_told(start, relay, endpoint):
    Doorman(relay)
    endpoint.refresh_tokens.clear()
    api = start(relay, **endpoint.refresh_token())
    api.enqueue(message("m1"))
    assert "answered 400 invalid_grant: Token has been expired or revoked." in deferred_reason(api, "m1")


def test_an_endpoint_that_is_down_holds_its_account_until_it_is_up(start, relay, endpoint):
    Doorman(relay)
    api = start(relay, **endpoint.client_credentials())
    endpoint.stop()
    api.enqueue(message("m1"))
    assert "no access token: 127.0.0.1:" in deferred_reason(api, "m1")
    endpoint.start()
    run_now(api)
    api.wait_state("sent", "m1")


NO_TOKENS = [
    (503, {"error": "temporarily_unavailable"}, "answered 503 temporarily_unavailable"),
    (500, b"<html>oops</html>", "answered 500"),
    (200, b"no json", "answered 200 without a JSON object"),
    (200, {"token_type": "Bearer"}, "answered 200 without an access_token"),
    (200, {"access_token": "a\x01auth=Bearer b"}, "answered 200 without a usable access_token"),
    (200, {"access_token": "t", "token_type": "mac"}, "no bearer token"),
    (302, {}, "answered 302"),
    (200, b"x" * 100000, "larger than 65536 octets"),
]


def test_what_is_no_token_is_told_and_asked_for_again(start, relay, endpoint):
    doorman = Doorman(relay)
    api = start(relay, **endpoint.client_credentials())
    for number, (status, answer, _) in enumerate(NO_TOKENS):
        endpoint.on_request = lambda form, answer=(status, answer): answer
        if number == 0:
            api.enqueue(message("m1"))
        else:
            run_now(api)
        wait_for(lambda: NO_TOKENS[number][2] in (api.message("m1").get("deferred_reason") or ""), NO_TOKENS[number][2])
    assert doorman.logins == []
    endpoint.on_request = None
    run_now(api)
    api.wait_state("sent", "m1")


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_a_token_the_relay_refuses_is_renewed_at_once(start, relay, endpoint, mechanism):
    doorman = Doorman(relay, (mechanism,))
    api = start(relay, **endpoint.client_credentials())
    send(api, "m1")
    doorman.accepts = lambda token: token != endpoint.tokens[0]  # revoked before its time
    send(api, "m2")
    assert doorman.tokens == [endpoint.tokens[0], endpoint.tokens[0], endpoint.tokens[1]]
    assert api.outcomes("m2") == ["sent"]


@pytest.mark.parametrize("mechanism, told", [("XOAUTH2", "refused the access token: status 401"),
                                             ("OAUTHBEARER", "not with this token")])
def test_a_relay_that_refuses_every_token_is_the_accounts_fault(start, relay, endpoint, mechanism, told):
    doorman = Doorman(relay, (mechanism,), accepts=lambda token: False)
    api = start(relay, **endpoint.client_credentials())
    api.enqueue(message("m1"))
    assert told in deferred_reason(api, "m1")
    assert len(endpoint.tokens) == 2 and doorman.tokens == endpoint.tokens
    assert [row["blame"] for row in api.attempts("m1")] == ["account"]


def test_a_relay_without_the_mechanisms_is_told(start, relay, endpoint):
    relay.extensions = (*relay.extensions, "AUTH PLAIN LOGIN")
    api = start(relay, **endpoint.client_credentials())
    api.enqueue(message("m1"))
    assert "OAUTHBEARER, XOAUTH2" in deferred_reason(api, "m1")
    assert not any(command.startswith("AUTH") for session in relay.sessions for command in session.commands)


def test_an_owner_may_bring_the_token(start, relay):
    doorman = Doorman(relay, accepts=lambda token: token == "brought-2")
    api = start(relay, user="box@example.com", oauth_token="brought-1")
    api.enqueue(message("m1"))
    assert "refused the access token" in deferred_reason(api, "m1")
    api.system.add_account(api, relay, ttl=0, user="box@example.com", oauth_token="brought-2")
    api.wait_state("sent", "m1")
    assert doorman.tokens == ["brought-1", "brought-2"]
    assert api.system.value("SELECT count(*) FROM mailproxy.account_token") == 0


def test_others_go_on_while_an_endpoint_is_silent(start, new_relay, endpoint):
    answering, asked = threading.Event(), threading.Event()

    def wait(_form):
        asked.set()
        answering.wait(15)

    endpoint.on_request = wait
    slow, quick = new_relay(), new_relay()
    Doorman(slow)
    api = start(slow, **endpoint.client_credentials())
    api.system.add_account(api, quick, "quick")
    api.enqueue(message("m1"))
    assert asked.wait(20)
    api.enqueue(message("q1", "quick"))
    api.wait_state("sent", "q1")
    assert slow.sessions == [] and len(endpoint.requests) == 1
    answering.set()
    api.wait_state("sent", "m1")


def test_a_worker_that_dies_asking_leaves_the_question_to_the_next(start, relay, endpoint):
    asked, answering = threading.Event(), threading.Event()

    def wait(_form):
        endpoint.on_request = None
        asked.set()
        answering.wait(15)

    endpoint.on_request = wait
    Doorman(relay)
    api = start(relay, **endpoint.client_credentials())
    api.enqueue(message("m1"))
    assert asked.wait(20)
    api.system.workers[0].kill()
    answering.set()
    assert stored(api, "leased_until > now()")
    api.system.rows("UPDATE mailproxy.account_token SET leased_until = now()")  # its 45 s are over
    api.system.rows("UPDATE mailproxy.worker SET heartbeat_at = heartbeat_at - interval '1 hour'")
    api.system.start_worker()
    api.wait_state("sent", "m1", timeout=60)
    assert len(endpoint.requests) == 2


def test_an_endpoint_on_a_private_address_is_refused(new_tenant, relay, endpoint):
    Doorman(relay)
    api = new_tenant(relay, account=endpoint.client_credentials(), retry_delays=[600])
    api.enqueue(message("m1"))
    assert "private or special address" in deferred_reason(api, "m1")
    assert endpoint.requests == []


def test_no_secret_is_seen_anywhere(start, relay, new_endpoint):
    endpoint = new_endpoint(expires_in=1, rotates=True)
    doorman = Doorman(relay)
    api = start(relay, **endpoint.refresh_token())
    send(api, "m1")
    wait_due(api)
    send(api, "m2")
    doorman.accepts = lambda token: False
    api.enqueue(message("m3"))
    deferred_reason(api, "m3")
    dump = subprocess.run(["pg_dump", api.system.database_url], check=True, capture_output=True, text=True).stdout
    shown = api.get("/accounts").body.decode() + repr(api.messages())
    logs = "".join(program.log() for program in api.system.programs)
    assert len(endpoint.secrets) >= 6 and "account_token" in dump and '"oauth_client_id":"proxy"' in shown
    for secret in endpoint.secrets:
        for place in (dump, shown, logs):
            assert secret not in place and secret.encode().hex() not in place


def test_the_token_goes_with_its_account(start, relay, endpoint):
    Doorman(relay)
    api = start(relay, **endpoint.client_credentials())
    send(api, "m1")
    assert api.delete("/account/main", tenant_id=api.tenant_id).status == 200
    assert api.system.value("SELECT count(*) FROM mailproxy.account_token") == 0
