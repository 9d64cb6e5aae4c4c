"""Group roles: each program may do what its statements need and nothing else, nobody else gets at a secret."""

import re

import psycopg
import pytest
from psycopg import errors
from support.roles import ROLES, prepare, statements_of

PROGRAMS = ["server", "worker"]
# What a function or a trigger does on behalf of a program, in tables where none of its statements does it:
# {(program, table, privilege): who needs it}.
NEEDED_WITHIN = {
    ("server", "account_backlog", "SELECT"): "backlog_of()",
    ("worker", "rule", "SELECT"): "polling_interval()",
    ("worker", "rate_bucket", "INSERT"): "stamp_rates()",
    ("worker", "account", "UPDATE"): "take_token shares the row",
    ("worker", "tenant", "UPDATE"): "lock_suspended() shares the rows",
}


@pytest.fixture(scope="module")
def url(cluster, template):
    yield cluster.create_database("roles", template)
    cluster.drop_database("roles")


@pytest.fixture
def db(url):
    """A superuser's, in a transaction that comes to nothing."""
    with psycopg.connect(url, prepare_threshold=None) as conn:
        conn.execute("SET plan_cache_mode = force_generic_plan")
        yield conn
        conn.rollback()


def refused(db, role, sql):
    """Whether PostgreSQL says that the role may not do that; how, if so."""
    db.execute("SAVEPOINT before")
    db.execute(f"SET LOCAL ROLE {role}")
    try:
        db.execute(sql)
    except errors.InsufficientPrivilege as error:
        return error.diag.message_primary
    finally:
        db.execute("ROLLBACK TO before")
    return None


def refusals(db, program, calls):
    return [f"{call}: {why}" for call in calls if (why := refused(db, f"mailproxy_{program}", "EXPLAIN " + call))]


# The programs.

@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_may_run_each_of_its_statements(db, program):
    calls = [prepare(db, name) for name in statements_of(program)]
    assert len(calls) > 20
    assert refusals(db, program, calls) == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_may_do_nothing_that_none_of_its_statements_needs(db, program):
    calls = [prepare(db, name) for name in statements_of(program)]
    granted = db.execute(
        "SELECT c.relname, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a"
        " WHERE c.relnamespace = 'mailproxy'::regnamespace AND c.relkind <> 'S' AND a.grantee = %s::regrole UNION ALL"
        " SELECT DISTINCT c.relname, x.privilege_type FROM pg_class c JOIN pg_attribute k ON k.attrelid = c.oid, aclexplode(k.attacl) x"
        " WHERE c.relnamespace = 'mailproxy'::regnamespace AND x.grantee = %s::regrole", [f"mailproxy_{program}"] * 2).fetchall()
    assert len(granted) > 20
    needless = []
    for table, privilege in granted:
        db.execute("SAVEPOINT all_granted")
        db.execute(f"REVOKE {privilege} ON mailproxy.{table} FROM mailproxy_{program}")
        if (program, table, privilege) not in NEEDED_WITHIN and not refusals(db, program, calls):
            needless.append((table, privilege))
        db.execute("ROLLBACK TO all_granted")
    assert needless == []
    assert [what for what in NEEDED_WITHIN if what[0] == program and what[1:] not in granted] == []


MAY_NOT = {"server": ["UPDATE mailproxy.worker SET pid = 1", "INSERT INTO mailproxy.attempt (message_pk) VALUES (1)",
                      "SELECT access_token_sealed FROM mailproxy.account_token", "UPDATE mailproxy.event SET reported_at = now()"],
           "worker": ["INSERT INTO mailproxy.message (message_id) VALUES ('x')", "UPDATE mailproxy.account SET host = 'mine.example'", "SELECT FROM mailproxy.command_log",
                      "UPDATE mailproxy.tenant SET client_base_url = 'https://mine.example'", "UPDATE mailproxy.instance SET active = false",
                      "INSERT INTO mailproxy.message_body VALUES (1, now(), '{}')"]}


def test_programs_own_nothing_and_cannot_change_what_there_is(db):
    for program in PROGRAMS:
        role = f"mailproxy_{program}"
        for sql in ("CREATE TABLE mailproxy.more ()", "DROP TABLE mailproxy.rule", "TRUNCATE mailproxy.message",
                    "ALTER TABLE mailproxy.tenant DISABLE ROW LEVEL SECURITY", "INSERT INTO mailproxy.schema_migration VALUES (99, 'x')",
                    "DELETE FROM mailproxy.command_log", "DELETE FROM mailproxy.attempt", *MAY_NOT[program]):
            assert refused(db, role, sql), f"{role}: {sql}"


def test_a_partition_that_a_program_makes_belongs_to_its_parents_owner(db):
    db.execute("CREATE ROLE somebody; ALTER TABLE mailproxy.event OWNER TO somebody; GRANT USAGE, CREATE ON SCHEMA mailproxy TO somebody;"
               "ALTER FUNCTION mailproxy.create_partitions(integer) OWNER TO somebody;"
               "ALTER TABLE mailproxy.attempt OWNER TO somebody; ALTER TABLE mailproxy.message_body OWNER TO somebody;"
               "ALTER TABLE mailproxy.message_attachment OWNER TO somebody")
    db.execute("SET LOCAL ROLE mailproxy_worker")
    assert db.execute("SELECT mailproxy.create_partitions(16)").fetchone() == (8,)
    assert db.execute("SELECT relowner::regrole::text FROM pg_class WHERE relname = (SELECT 'event_' || max(right(relname, 8)) FROM pg_class"
                      " WHERE relkind = 'r' AND relname LIKE 'event\\_2%')"
                      ).fetchall() == [("somebody",)]


def test_a_program_sees_all_rows_also_where_nobody_let_it_pass_by_row_security(db):
    """Its roles were made by somebody who is no superuser, or its login does not become the group role."""
    db.execute("ALTER ROLE mailproxy_worker NOBYPASSRLS; ALTER ROLE mailproxy_server NOBYPASSRLS;"
               "INSERT INTO mailproxy.tenant (tenant_id) VALUES ('a'), ('b'); INSERT INTO mailproxy.tenant_sync (tenant_id) VALUES ('a'), ('b')")
    for program in ("worker", "server"):
        db.execute(f"SET LOCAL ROLE mailproxy_{program}")
        assert db.execute("SELECT count(*) FROM mailproxy.tenant WHERE tenant_id IN ('a', 'b')").fetchone() == (2,)
    assert db.execute("UPDATE mailproxy.tenant SET suspended_batches = '{*}' WHERE tenant_id IN ('a', 'b')").rowcount == 2


def test_what_keeps_a_partition_is_told_of_partitions_alone(db):
    """A view of the caller's own would run its functions with the owner's rights."""
    db.execute("CREATE SCHEMA mine; CREATE FUNCTION mine.become() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE 'as %', current_user; END $$;"
               "CREATE VIEW mine.trap AS SELECT mine.become() AS message_pk; GRANT ALL ON SCHEMA mine TO PUBLIC; GRANT ALL ON mine.trap TO PUBLIC")
    db.execute("SET LOCAL ROLE mailproxy_dba")
    assert db.execute("SELECT mailproxy.partition_holds('mine.trap')").fetchone() == (None,)
    assert db.execute("SELECT count(*) > 0 FROM (SELECT holds FROM mailproxy.partition_status OFFSET 0) p").fetchone() == (True,)


# Secrets.

SECRETS = ("SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
           " WHERE c.relnamespace = 'mailproxy'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT a.attisdropped"
           " AND (a.attname LIKE '%\\_sealed' OR a.attname = 'api_key_hash') UNION ALL VALUES ('message_body', 'content')")


def secrets(db):
    found = db.execute(SECRETS.replace("%", "%")).fetchall()
    assert {("account", "password_sealed"), ("account_token", "access_token_sealed"), ("tenant", "api_key_hash")} < set(found)
    return found


def test_every_column_of_octets_is_known_as_a_secret_or_as_none(db):
    octets = set(db.execute(
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'mailproxy'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.atttypid = 'bytea'::regtype"))
    assert octets - set(secrets(db)) == {("message_attachment", "content")}


@pytest.mark.parametrize("role", [role for role in ROLES if role not in PROGRAMS])
def test_no_role_but_the_programs_reads_a_secret(db, role):
    read = [f"{table}.{column}" for table, column in secrets(db)
            if not refused(db, f"mailproxy_{role}", f"SELECT {column} FROM mailproxy.{table}")]
    assert read == []
    for table in {table for table, _ in secrets(db)}:
        assert refused(db, f"mailproxy_{role}", f"SELECT * FROM mailproxy.{table}")
        assert refused(db, f"mailproxy_{role}", f"COPY mailproxy.{table} TO STDOUT")
        assert refused(db, f"mailproxy_{role}", f"SELECT t FROM mailproxy.{table} t")
        assert refused(db, f"mailproxy_{role}", f"UPDATE mailproxy.{table} SET {dict(secrets(db))[table]} = NULL")


def test_no_view_shows_a_secret(db):
    """But message_content, of which a test of its own says what it leaves out."""
    shown = db.execute(
        "SELECT DISTINCT v.relname, c.relname, a.attname FROM pg_rewrite w JOIN pg_class v ON v.oid = w.ev_class AND v.relkind = 'v'"
        "  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass"
        "  JOIN pg_class c ON c.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid"
        " WHERE v.relnamespace = 'mailproxy'::regnamespace").fetchall()
    assert len(shown) > 5
    assert [row for row in shown if row[1:] in secrets(db) and row[0] != "message_content"] == []


def test_message_content_leaves_out_what_attachments_are_fetched_with(db):
    db.execute("""INSERT INTO mailproxy.message_body (message_pk, created_at, content) VALUES
        (1, now(), '{"subject":"a","attachments":[{"url":"http://x/","auth":{"sealed":"AAAA","key_id":"k"}},{"content":3}]}'),
        (2, now(), '{"subject":"the \\"sealed\\" letter", "to":["b"]}'), (3, now(), '{"attachments":[],"auth":"mine"}')""")
    db.execute("SET LOCAL ROLE mailproxy_dba")
    assert db.execute("SELECT content FROM mailproxy.message_content ORDER BY message_pk").fetchall() == [
        ({"subject": "a", "attachments": [{"url": "http://x/"}, {"content": 3}]},),
        ({"subject": 'the "sealed" letter', "to": ["b"]},), ({"attachments": [], "auth": "mine"},)]


# The DBA.

def test_a_dba_reads_everything_but_secrets(db):
    secret = set(secrets(db))
    columns = db.execute(
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
        " WHERE c.relnamespace = 'mailproxy'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition AND NOT a.attisdropped").fetchall()
    assert len(columns) > 200
    assert [column for column in columns if column not in secret
            and refused(db, "mailproxy_dba", f"SELECT {column[1]} FROM mailproxy.{column[0]} LIMIT 0")] == []


@pytest.mark.parametrize("sql", [
    "UPDATE mailproxy.instance SET active = false",
    "UPDATE mailproxy.tenant SET suspended_batches = '{*}', rate_limits = '{\"hourly\": 5}'",
    "UPDATE mailproxy.account SET limit_per_hour = 5, max_connections = 1",
    "UPDATE mailproxy.rate_bucket SET taken = 0",
    "TRUNCATE mailproxy.rate_bucket",
    "INSERT INTO mailproxy.rule (priority, interval_minutes) VALUES (1, 5)",
    "SELECT * FROM mailproxy.explain_message('acme', 'm1')",
    "SELECT * FROM mailproxy.audit()", "SELECT mailproxy.pause('acme')", "SELECT mailproxy.cancel('acme')", "SELECT mailproxy.requeue('acme')",
    "SELECT mailproxy.create_partitions()"])
def test_a_dba_acts_by_sql(db, sql):
    db.execute("INSERT INTO mailproxy.tenant (tenant_id) VALUES ('acme'); INSERT INTO mailproxy.account (tenant_id, account_id, host, port)"
               " VALUES ('acme', 'main', 'relay.test', 25); INSERT INTO mailproxy.rate_bucket VALUES ('acme', 'main', 'hour', now(), 3)")
    assert refused(db, "mailproxy_dba", sql) is None


@pytest.mark.parametrize("sql", [
    "UPDATE mailproxy.account SET host = 'mine.example'", "UPDATE mailproxy.account SET tls_verify = false",
    "UPDATE mailproxy.account SET oauth_token_url = 'https://mine.example'", "UPDATE mailproxy.account SET tls_pin = NULL",
    "UPDATE mailproxy.tenant SET client_base_url = 'https://mine.example'", "UPDATE mailproxy.account_token SET serial = 0",
    "UPDATE mailproxy.tenant SET client_base_url_trusted = true", "UPDATE mailproxy.instance SET bounce_imap_host = 'mine.example'"])
def test_a_dba_cannot_have_a_secret_sent_elsewhere(db, sql):
    assert refused(db, "mailproxy_dba", sql)


# Functions.

def test_no_function_looks_names_up_in_the_callers_search_path(db):
    """Its own search_path, or a body whose names were looked up when it was made. The parts of send_batch() run under that of
    send_batch(), and with the rights of who calls them."""
    assert db.execute(
        "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'mailproxy'::regnamespace"
        "   AND NOT coalesce(p.proconfig, '{}') && ARRAY['search_path=pg_catalog, pg_temp'] AND p.prosqlbody IS NULL"
        "   AND (p.prosecdef OR p.proname NOT LIKE 'intake\\_%')").fetchall() == []


def test_what_runs_with_its_owners_rights_is_for_those_who_are_named_alone(db):
    definers = db.execute(
        "SELECT p.proname, p.prorettype = 'trigger'::regtype,"
        "       ARRAY(SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END FROM aclexplode(p.proacl) a"
        "              WHERE a.grantee <> p.proowner), p.proconfig"
        "  FROM pg_proc p WHERE p.pronamespace = 'mailproxy'::regnamespace AND p.prosecdef").fetchall()
    assert "create_partitions" in [name for name, *_ in definers]
    for name, is_trigger, may, settings in definers:
        assert "search_path=pg_catalog, pg_temp" in settings, name
        assert set(may) <= {f"mailproxy_{role}" for role in ROLES}, name
        assert bool(may) != is_trigger, f"{name}: a file of sql/roles says who may call it; a trigger needs nobody"


def test_a_search_path_of_the_callers_changes_nothing(db):
    """Functions and operators of somebody's own before those of PostgreSQL, called by who has more rights than he."""
    db.execute("""CREATE SCHEMA trap; CREATE TABLE trap.sprung (); GRANT ALL ON SCHEMA trap TO PUBLIC;
        CREATE FUNCTION trap.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
        CREATE FUNCTION trap.format(text, VARIADIC "any") RETURNS text LANGUAGE internal AS 'text_format';
        CREATE FUNCTION trap.to_char(timestamptz, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
        CREATE FUNCTION trap.to_regclass(text) RETURNS regclass LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
        CREATE FUNCTION trap.not_less(timestamptz, timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
        CREATE OPERATOR trap.<= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = trap.not_less);
        SET LOCAL search_path = trap, pg_catalog""")
    with pytest.raises(errors.RaiseException, match="trapped"):
        with db.transaction():
            db.execute("SELECT now() <= now()")
    assert db.execute("SELECT mailproxy.create_partitions(15)").fetchone() == (4,)
    db.execute("INSERT INTO mailproxy.tenant (tenant_id) VALUES ('acme'); INSERT INTO mailproxy.tenant_sync (tenant_id) VALUES ('acme')")
    assert db.execute("SELECT mailproxy.sync_is_due(s, true, 60) FROM mailproxy.tenant_sync s").fetchone() == (True,)


def test_roles_have_no_login_and_no_rights_beyond_their_schema(db):
    attributes = "rolsuper, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls"
    for role in ROLES:
        assert db.execute(f"SELECT {attributes} FROM pg_roles WHERE rolname = 'mailproxy_{role}'").fetchone() == (*(False,) * 5, role in PROGRAMS)
    members = db.execute("SELECT r.rolname, m.roleid::regrole::text FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member"
                         " WHERE r.rolname LIKE 'mailproxy\\_%'").fetchall()
    assert members == [("mailproxy_dba", "pg_read_all_stats")]


def test_the_files_grant_to_their_own_role_alone():
    from support.builds import ROOT
    for role in ROLES:
        with open(f"{ROOT}/sql/roles/{role}.sql", encoding="utf-8") as file:
            text = file.read()
        assert text.startswith(f"-- {role}: ")
        assert set(re.findall(r"\bmailproxy_(\w+)", text)) == {role}
