"""What the settings of docs/config.md change, and that each may come from a file."""

import threading

import pytest
from support.builds import SERVER, WORKER
from support.postgres import as_login
from support.programs import epoch, message, run_program
from support.waiting import wait_for

LEASED = "SELECT count(*) FROM mailproxy.queue WHERE state = 'leased'"


def table():
    """name, kind, default, least, most of each setting."""
    return [line.split("|")[:5] for line in run_program(SERVER, "settings").stdout.splitlines()]


def sample(name, kind, least, most):
    """A value that is not the default."""
    if name == "MAIL_PROXY_ENCRYPTION_KEY":
        return "A" * 43 + "="
    return {"integer": most, "boolean": "true", "level": "error", "seconds,...": "7,8", "text": "some text", "secret": "a secret"}[kind]


@pytest.mark.parametrize("program", [SERVER, WORKER])
def test_each_setting_may_come_from_a_file(program, tmp_path):
    files, expected = {}, {}
    for name, kind, _, least, most in table():
        value = sample(name, kind, least, most)
        path = tmp_path / name
        path.write_text(f"  {value}\n")
        files[name + "_FILE"] = path
        expected[name] = "***" if kind == "secret" else value
    done = run_program(program, "check-config", **files)
    assert done.returncode == 0, done.stderr
    assert dict(line.split("=", 1) for line in done.stdout.splitlines()) == expected


@pytest.mark.parametrize("program", [SERVER, WORKER])
def test_an_integer_out_of_its_bounds_is_refused_with_them(program):
    integers = [(name, least, most) for name, kind, _, least, most in table() if kind == "integer"]
    for name, least, most in integers[:: 1 if program == SERVER else len(integers) - 1]:
        for value in (int(least) - 1, int(most) + 1, "", "x"):
            done = run_program(program, "check-config", **{name: value})
            if value == "":
                assert done.returncode == 0, "as if it were not set"
            else:
                assert done.returncode != 0
                assert f"{name}={value}: must be an integer from {least} to {most}" in done.stderr


def test_a_value_and_its_file_at_once_are_refused(tmp_path):
    (tmp_path / "token").write_text("one")
    done = run_program(SERVER, "check-config", GMP_API_TOKEN="other", GMP_API_TOKEN_FILE=tmp_path / "token")
    assert done.returncode != 0
    assert "GMP_API_TOKEN and GMP_API_TOKEN_FILE are both set: keep one" in done.stderr


def test_the_default_priority_is_for_messages_and_batches_that_name_none(new_system):
    system = new_system(workers=0, GMP_DEFAULT_PRIORITY=3)
    api = system.add_tenant()
    system.add_account(api, DeadRelay)
    api.enqueue(message("none"), message("null", priority=None), message("unknown", priority="soon"), message("own", priority="high"))
    assert api.post("/commands/add-messages", {"messages": [message("batch")], "default_priority": 0}).status == 200
    assert {m["id"]: m["priority"] for m in api.messages()} == {"none": 3, "null": 3, "unknown": 3, "own": 1, "batch": 0}


class DeadRelay:
    port = 9


@pytest.mark.parametrize("settings, account, held", [({}, {}, 50), ({"GMP_BATCH_SIZE_PER_ACCOUNT": 7}, {}, 7),
                                                     ({"GMP_BATCH_SIZE_PER_ACCOUNT": 7}, {"batch_size": 20}, 20)])
def test_a_worker_holds_no_more_of_an_account_than_its_batch_size(new_system, relay, settings, account, held):
    gate = threading.Event()
    relay.on("dot", lambda *_: gate.wait(60) and None)
    system = new_system(workers=0, **settings)
    api = system.add_tenant()
    system.add_account(api, relay, max_connections=1, **account)
    system.add_account(api, relay, "second")
    api.enqueue(*[message(f"m{i}") for i in range(120)])
    system.start_worker()
    wait_for(lambda: system.value(LEASED) == held and relay.count("dot") == 1, f"{held} to be held")
    api.enqueue(message("other", account="second"))
    wait_for(lambda: relay.count("dot") == 2, "another account's message to go out, after further claims")
    assert system.value(LEASED) == held + 1
    gate.set()
    system.wait_all_final()


def test_ten_connections_are_opened_for_an_account_unless_set(new_system, new_relay):
    gate = threading.Event()
    relays = [new_relay(), new_relay()]
    for relay in relays:
        relay.on("dot", lambda *_: gate.wait(60) and None)
    system = new_system(workers=0)
    api = system.add_tenant()
    system.add_account(api, relays[0], "usual")
    system.add_account(api, relays[1], "four", max_connections=4)
    api.enqueue(*[message(f"{name}{i}", account=name) for name in ("usual", "four") for i in range(40)])
    system.start_worker()
    wait_for(lambda: [r.count("dot") for r in relays] == [10, 4], "ten and four messages under way")
    api.enqueue(message("last", account="four"))
    assert [len(r.sessions) for r in relays] == [10, 4]
    gate.set()
    system.wait_all_final()
    assert [len(r.sessions) for r in relays] == [10, 4]


def test_a_worker_opens_no_more_connections_than_it_may(new_system, new_relay):
    gate = threading.Event()
    relays = [new_relay() for _ in range(4)]
    system = new_system(workers=0, GMP_WORKER_CONNECTIONS=5)
    api = system.add_tenant()
    for number, relay in enumerate(relays):
        relay.on("dot", lambda *_: gate.wait(60) and None)
        system.add_account(api, relay, f"a{number}")
        api.enqueue(*[message(f"m{number}-{i}", account=f"a{number}") for i in range(10)])
    system.start_worker()
    wait_for(lambda: sum(r.count("dot") for r in relays) == 5, "five messages under way")
    assert sum(len(r.sessions) for r in relays) == 5
    gate.set()
    system.wait_all_final()
    assert sorted(i for r in relays for i in r.ids()) == sorted(f"m{n}-{i}" for n in range(4) for i in range(10))


@pytest.mark.parametrize("level, shown", [("error", set()), ("warn", {"warn"}), ("info", {"warn", "info"}),
                                          ("debug", {"warn", "info", "debug"})])
def test_the_log_tells_what_its_level_says(new_system, relay, level, shown):
    system = new_system(workers=1, GMP_LOG_LEVEL=level)
    api = system.add_tenant()
    system.add_account(api, relay, use_tls=True)  # which the relay does not offer
    system.add_account(api, relay, "plain")
    api.enqueue(message("m1"), message("m2", account="plain"))
    api.wait_state("sent", "m2")
    wait_for(lambda: api.message("m1")["status"] == "deferred", "m1 to wait")
    found = {line.split("level=")[1].split(" ")[0] for p in system.programs for line in p.log().splitlines() if "level=" in line}
    assert found - {"error"} <= shown
    assert level == "warn" or (found - {"error", "warn"}) == shown - {"warn"}


def test_a_host_that_does_not_answer_is_passed_over_for_the_next(new_system, database, relay):
    """Several hosts in GMP_DATABASE_URL; the sockets of one lead nowhere."""
    directory = database.split("host=")[1].split("&")[0].split(" ")[0]
    system = new_system(workers=0)
    api = system.add_tenant()
    system.add_account(api, relay)
    url = database.replace(f"host={directory}", f"host=/nonexistent,{directory}")
    assert url != database
    system.server.terminate()
    system.start_server(GMP_DATABASE_URL=as_login(url, "server"))
    system.start_worker(GMP_DATABASE_URL=as_login(url, "worker"))
    api = type(api)(system, api.tenant_id, api.token)
    api.enqueue(message("m1"))
    api.wait_state("sent", "m1")


def test_retries_are_those_of_the_account_before_the_tenants_before_the_services(new_system, relay):
    relay.on("dot", lambda *_: "451 4.3.0 later")
    system = new_system(GMP_RETRY_DELAYS="1000")
    delays = {"service": (None, None), "tenant": ([2000], None), "account": ([2000], [4000])}
    for number, (name, (of_tenant, of_account)) in enumerate(delays.items()):
        api = system.add_tenant(name, retry_delays=of_tenant)
        system.add_account(api, relay, retry_delays=of_account)
        api.enqueue(message("m1"))
        wait_for(lambda a=api: a.message("m1")["status"] == "deferred", "m1 to wait")
        delay = 1000 * 2**number
        assert delay - 10 <= api.message("m1")["deferred_ts"] - epoch() <= 1.1 * delay + 1, name


def test_the_maximum_age_is_the_accounts_before_the_tenants_before_the_services(new_system, relay):
    relay.on("dot", lambda *_: "451 4.3.0 later")
    system = new_system(GMP_RETRY_DELAYS=",".join(["1"] * 30), GMP_RETRY_MAX_AGE=1)
    ages = {"service": (None, None), "tenant": (2, None), "account": (100, 3), "never": (1, 0)}
    for name, (of_tenant, of_account) in ages.items():
        api = system.add_tenant(name, retry_max_age=of_tenant)
        system.add_account(api, relay, retry_max_age=of_account)
        api.enqueue(message("m1"))
    for age, name in enumerate(("service", "tenant", "account"), start=1):
        system.wait_state("error", "m1", tenant=name)
        reason = system.value("SELECT reason FROM mailproxy.message WHERE tenant_id = %s", name)
        assert reason == f"Max age ({age} s) exceeded: 4.3.0 later (SMTP 451)"
    tries = "SELECT count(*) FROM mailproxy.attempt WHERE tenant_id = 'never'"
    wait_for(lambda: system.value(tries) >= 6, "tries after that")
    assert system.value("SELECT state::text FROM mailproxy.message WHERE tenant_id = 'never'") == "queued"
