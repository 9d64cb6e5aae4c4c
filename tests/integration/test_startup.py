"""Starting and stopping: every mistake is named with its remedy, and ends the program with failure."""

import os
import re
import resource
import signal
import socket

import psycopg
import pytest
from support.builds import ROOT, SERVER, WORKER
from support.programs import run_program
from support.waiting import wait_for

BOTH = pytest.mark.parametrize("program", [SERVER, WORKER], ids=["server", "worker"])
NOWHERE = "postgresql:///mailproxy?host=/nonexistent&connect_timeout=2"


@BOTH
def test_help_and_version_succeed_without_any_setting(program):
    for option in ("--help", "--version"):
        done = run_program(program, option)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()


@BOTH
def test_unknown_command_is_refused_with_the_usage(program):
    done = run_program(program, "no-such-command")
    assert done.returncode != 0
    assert "no-such-command" in done.stderr


@BOTH
def test_no_database_is_named_and_ends_the_start(program):
    done = run_program(program, GMP_DATABASE_URL=NOWHERE, GMP_HOST="127.0.0.1", GMP_PORT=18099)
    assert done.returncode != 0
    assert "/nonexistent" in done.stderr
    assert "GMP_DATABASE_URL" in done.stderr


@BOTH
def test_an_empty_database_asks_for_migrate(program, empty_database):
    done = run_program(program, GMP_DATABASE_URL=empty_database, GMP_HOST="127.0.0.1", GMP_PORT=18099)
    assert done.returncode != 0
    assert "mailproxy-server migrate" in done.stderr


@BOTH
def test_a_schema_of_another_version_names_both_versions(program, database):
    with psycopg.connect(database, autocommit=True) as conn:
        latest = conn.execute("SELECT max(version) FROM mailproxy.schema_migration").fetchone()[0]
        conn.execute("INSERT INTO mailproxy.schema_migration (version, name) VALUES (9999, 'future')")
    done = run_program(program, GMP_DATABASE_URL=database, GMP_HOST="127.0.0.1", GMP_PORT=18099)
    assert done.returncode != 0
    assert "9999" in done.stderr and str(latest) in done.stderr


def test_a_taken_port_is_named(database):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_program(SERVER, GMP_DATABASE_URL=database, GMP_HOST="127.0.0.1", GMP_PORT=port)
    assert done.returncode != 0
    assert str(port) in done.stderr and "GMP_PORT" in done.stderr


@BOTH
@pytest.mark.parametrize("name, value, bound", [
    ("GMP_PORT", "70000", "65535"),
    ("GMP_PORT", "http", "65535"),
    ("GMP_LEASE_SECONDS", "0", "3600"),
    ("GMP_DEFAULT_PRIORITY", "7", "3"),
    ("GMP_RETRY_DELAYS", "60,soon", "soon"),
    ("GMP_RETRY_DELAYS", "60,-5", "-5"),
    ("GMP_LOG_LEVEL", "loud", "debug"),
    ("GMP_REQUIRE_TLS_FOR_AUTH", "perhaps", "true"),
])
def test_a_bad_setting_is_named_with_value_and_bounds(program, name, value, bound):
    done = run_program(program, "check-config", **{name: value})
    assert done.returncode != 0
    assert name in done.stderr and value in done.stderr and bound in done.stderr


@BOTH
def test_a_bad_key_is_named_but_not_shown(program, database):
    done = run_program(program, GMP_DATABASE_URL=database, MAIL_PROXY_ENCRYPTION_KEY="c2hvcnQ=", GMP_HOST="127.0.0.1",
                       GMP_PORT=18099)
    assert done.returncode != 0
    assert "MAIL_PROXY_ENCRYPTION_KEY" in done.stderr
    assert "c2hvcnQ=" not in done.stderr + done.stdout


@BOTH
def test_a_file_setting_that_cannot_be_read_is_named(program):
    done = run_program(program, "check-config", GMP_API_TOKEN_FILE="/nonexistent/token")
    assert done.returncode != 0
    assert "GMP_API_TOKEN_FILE" in done.stderr and "/nonexistent/token" in done.stderr


@BOTH
def test_check_config_masks_secrets(program, tmp_path):
    token = tmp_path / "token"
    token.write_text("a-secret-from-a-file\n")
    done = run_program(program, "check-config", GMP_API_TOKEN_FILE=token, MAIL_PROXY_ENCRYPTION_KEY="A" * 43 + "=",
                       GMP_DATABASE_URL="postgresql://u:secretpw@h/d", GMP_RETRY_DELAYS="1,2")
    assert done.returncode == 0, done.stderr
    assert "GMP_RETRY_DELAYS=1,2" in done.stdout
    assert "GMP_API_TOKEN=***" in done.stdout
    for secret in ("a-secret-from-a-file", "A" * 43, "secretpw"):
        assert secret not in done.stdout + done.stderr


def test_without_admin_token_the_server_refuses_to_listen_beyond_loopback(database):
    done = run_program(SERVER, GMP_DATABASE_URL=database, GMP_HOST="0.0.0.0", GMP_PORT=18099)
    assert done.returncode != 0
    assert "GMP_API_TOKEN" in done.stderr


@pytest.mark.parametrize("settings", [{"GMP_HOST": None}, {"GMP_HOST": "127.0.0.1"},
                                      {"GMP_HOST": "0.0.0.0", "GMP_ALLOW_OPEN_LISTEN": "true"}])
def test_without_admin_token_it_listens_on_loopback_and_elsewhere_where_a_setting_says_so(new_system, settings):
    system = new_system(workers=0, GMP_API_TOKEN=None, **settings)
    assert system.api.get("/accounts").status == 200
    listening = "0.0.0.0" if "GMP_ALLOW_OPEN_LISTEN" in settings else "127.0.0.1"
    assert f" host={listening} port={system.api.port} " in system.server.log()


def test_a_server_without_workers_makes_room_for_the_days_to_come(new_system):
    system = new_system(workers=0)
    dropped = ("DO $$ DECLARE r regclass; BEGIN FOR r IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent ="
               " 'mailproxy.message_body'::regclass LOOP EXECUTE 'DROP TABLE ' || r; END LOOP; END $$")
    counted = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'mailproxy.message_body'::regclass"
    system.rows(dropped)
    assert system.value(counted) == 0
    system.server.terminate()
    system.start_server()
    assert system.value(counted) >= 7


def test_the_server_stops_on_sigterm_and_on_sigint(new_system):
    for how in (signal.SIGTERM, signal.SIGINT):
        system = new_system(workers=0)
        system.server.process.send_signal(how)
        assert system.server.process.wait(timeout=30) == 0


def test_the_worker_says_goodbye_on_sigterm(new_system):
    system = new_system(workers=1)
    worker = system.workers[0]
    worker.terminate()
    assert worker.process.returncode == 0
    assert system.rows("SELECT ended_how FROM mailproxy.worker WHERE pid = %s", worker.pid) == [{"ended_how": "stopped"}]


def test_every_log_line_is_key_value(new_system):
    system = new_system(workers=1)
    system.api.get("/health")
    for program in (system.server, system.workers[0]):
        lines = wait_for(lambda p=program: p.log().splitlines(), "a log line")
        for line in lines:
            assert re.match(r"ts=\S+ level=(error|warn|info|debug) stage=\w+ event=\w+( |$)", line), line


def test_config_document_is_the_settings_table():
    done = run_program(SERVER, "settings")
    assert done.returncode == 0, done.stderr
    table = [line.split("|") for line in done.stdout.splitlines()]
    with open(os.path.join(ROOT, "docs", "config.md"), encoding="utf-8") as f:
        rows = [line.strip().strip("|").split(" | ") for line in f if line.startswith("| `")]
    documented = {}
    for row in rows:
        name, kind, default, bounds, text = (cell.strip() for cell in row)
        documented[name.strip("`")] = (kind, default.strip("`"), bounds, text)
    expected = {}
    for name, kind, default, low, high, text in table:
        expected[name] = (kind, default or "none", f"{low} – {high}" if low else "", text)
    assert documented == expected
    assert list(documented) == [row[0] for row in table], "in the order of the table"


def test_the_programs_may_open_as_many_files_as_the_system_allows(new_system):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, hard - 1, 512), hard))
    try:
        system = new_system()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for program in system.programs:
        assert resource.prlimit(program.pid, resource.RLIMIT_NOFILE) == (hard, hard)
