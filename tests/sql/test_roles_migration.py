"""Who migrates, whom everything belongs to then, and what happens where roles cannot be made."""

import itertools
import subprocess

import psycopg
import pytest
from support.builds import SERVER
from support.programs import run_program
from support.roles import ROLES

number = itertools.count(1)


@pytest.fixture
def prefix(cluster):
    """For roles of the test's own. They go with it, and so do logins that begin so."""
    prefix = f"shop{next(number)}"
    yield prefix
    with cluster.connect() as conn:
        roles = [name for name, in conn.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE %s", [prefix + r"\_%"])]
        databases = [name for name, in conn.execute("SELECT datname FROM pg_database WHERE datname ~ '^(test|roles)[0-9]*$'")]
    for database in databases:
        with cluster.connect(database) as conn:
            for role in roles:
                conn.execute(f"REASSIGN OWNED BY {role} TO mailproxy; DROP OWNED BY {role}")
    with cluster.connect() as conn:
        for role in roles:
            conn.execute(f"REASSIGN OWNED BY {role} TO mailproxy; DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.fixture
def db(empty_database):
    with psycopg.connect(empty_database, autocommit=True) as conn:
        yield conn


def as_role(url, login):
    return url.replace("user=mailproxy", f"user={login}")


def migrate(url, prefix):
    done = run_program(SERVER, "migrate", GMP_DATABASE_URL=url, GMP_ROLE_PREFIX=prefix)
    assert done.returncode == 0, done.stderr
    return done


def psql(url, sql):
    subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", url], input=sql, check=True, capture_output=True, text=True)


def print_roles(prefix):
    done = run_program(SERVER, "print-roles", GMP_ROLE_PREFIX=prefix)
    assert done.returncode == 0, done.stderr
    return done.stdout


def existing(db, prefix):
    return {name for name, in db.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE %s", [prefix + r"\_%"])} & {
        f"{prefix}_{role}" for role in ROLES}


def owners(db):
    return {owner for owner, in db.execute(
        "SELECT relowner::regrole::text FROM pg_class WHERE relnamespace = 'mailproxy'::regnamespace UNION"
        " SELECT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'mailproxy'::regnamespace UNION"
        " SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'mailproxy'")}


def may(db, role, table, privilege):
    return db.execute("SELECT has_table_privilege(%s, 'mailproxy.' || %s, %s)", [role, table, privilege]).fetchone()[0]


def test_migrate_makes_the_roles_and_grants_once(empty_database, db, prefix):
    assert "the grants to roles" in migrate(empty_database, prefix).stdout
    assert existing(db, prefix) == {f"{prefix}_{role}" for role in ROLES}
    assert may(db, f"{prefix}_server", "tenant", "DELETE") and not may(db, f"{prefix}_worker", "tenant", "DELETE")
    assert not may(db, "mailproxy_server", "tenant", "SELECT")
    before = db.execute("SELECT oid, xmin, relacl FROM pg_class WHERE relnamespace = 'mailproxy'::regnamespace ORDER BY oid").fetchall()
    assert "the grants to roles" not in migrate(empty_database, prefix).stdout
    assert db.execute("SELECT oid, xmin, relacl FROM pg_class WHERE relnamespace = 'mailproxy'::regnamespace ORDER BY oid").fetchall() == before


def test_what_was_granted_or_revoked_by_hand_is_put_right(empty_database, db, prefix):
    migrate(empty_database, prefix)
    db.execute(f"GRANT ALL ON mailproxy.command_log TO {prefix}_worker; REVOKE SELECT ON mailproxy.queue FROM {prefix}_worker;"
               f"GRANT UPDATE (host) ON mailproxy.account TO {prefix}_dba; CREATE ROLE {prefix}_auditor;"
               f"GRANT SELECT ON mailproxy.command_log TO {prefix}_auditor")
    assert "the grants to roles" in migrate(empty_database, prefix).stdout
    assert not may(db, f"{prefix}_worker", "command_log", "SELECT") and may(db, f"{prefix}_worker", "queue", "SELECT")
    assert db.execute(f"SELECT has_column_privilege('{prefix}_dba', 'mailproxy.account', 'host', 'UPDATE')").fetchone() == (False,)
    assert may(db, f"{prefix}_auditor", "command_log", "SELECT"), "roles of somebody's own keep what they have"


def test_new_columns_and_views_are_granted_too(empty_database, db, prefix):
    migrate(empty_database, prefix)
    db.execute("ALTER TABLE mailproxy.account ADD shade text, ADD spare_password_sealed bytea;"
               "CREATE VIEW mailproxy.mine AS SELECT 1 AS one")
    migrate(empty_database, prefix)
    columns = [db.execute(f"SELECT has_column_privilege('{prefix}_dba', 'mailproxy.account', %s, 'SELECT')", [c]).fetchone()[0]
               for c in ("shade", "spare_password_sealed", "password_sealed")]
    assert columns == [True, False, False]
    assert may(db, f"{prefix}_dba", "mine", "SELECT")


def test_two_databases_of_a_cluster_may_have_roles_of_their_own(cluster, template, empty_database, db, prefix):
    migrate(empty_database, prefix)
    db.execute(f"CREATE ROLE {prefix}_login LOGIN IN ROLE {prefix}_server")
    with psycopg.connect(as_role(empty_database, f"{prefix}_login")) as conn:
        assert conn.execute("SELECT count(*) FROM mailproxy.message").fetchone() == (0,)
    name = f"roles{next(number)}"
    other = cluster.create_database(name, template)
    with psycopg.connect(as_role(other, f"{prefix}_login")) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("SELECT FROM mailproxy.tenant")
    cluster.drop_database(name)


def test_none_makes_no_roles(empty_database, db):
    before = db.execute("SELECT rolname FROM pg_roles ORDER BY 1").fetchall()
    assert migrate(empty_database, "none").stderr == ""
    assert db.execute("SELECT rolname FROM pg_roles ORDER BY 1").fetchall() == before
    assert db.execute("SELECT has_function_privilege('worker_login', 'mailproxy.create_partitions(integer)', 'EXECUTE')").fetchone() == (False,)
    assert print_roles("none") == ""


@pytest.mark.parametrize("bad", ["Shop", "1shop", "a-b", "x" * 41, "pg_shop", "a'; DROP"])
def test_a_prefix_that_begins_no_name_is_refused(empty_database, bad):
    for command in ("migrate", "print-roles"):
        done = run_program(SERVER, command, GMP_DATABASE_URL=empty_database, GMP_ROLE_PREFIX=bad)
        assert done.returncode != 0
        assert "GMP_ROLE_PREFIX=" + bad in done.stderr and "40" in done.stderr


# Somebody who may not create roles.

def make_owner(db, empty_database, prefix):
    login = f"{prefix}_plain"
    db.execute(f"CREATE ROLE {login} LOGIN; ALTER DATABASE {db.info.dbname} OWNER TO {login}")
    return as_role(empty_database, login)


def test_who_may_not_create_roles_migrates_all_the_same_and_is_told(empty_database, db, prefix):
    url = make_owner(db, empty_database, prefix)
    done = migrate(url, prefix)
    assert f"{prefix}_server" in done.stderr and "print-roles" in done.stderr and "GMP_ROLE_PREFIX=none" in done.stderr
    assert existing(db, prefix) == set() and owners(db) == {f"{prefix}_plain"}
    psql(empty_database, print_roles(prefix))
    psql(empty_database, print_roles(prefix))  # which does no harm
    assert existing(db, prefix) == {f"{prefix}_{role}" for role in ROLES}
    done = migrate(url, prefix)
    assert done.stderr == "" and "the grants to roles" in done.stdout
    assert may(db, f"{prefix}_worker", "queue", "DELETE")
    assert db.execute(f"SELECT pg_has_role('{prefix}_dba', 'pg_read_all_stats', 'USAGE')").fetchone() == (True,)
    assert db.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE %s AND rolbypassrls ORDER BY 1", [prefix + r"\_%"]).fetchall() == [
        (f"{prefix}_server",), (f"{prefix}_worker",)]


def test_who_may_create_roles_and_is_no_superuser_makes_them(empty_database, db, prefix):
    url = make_owner(db, empty_database, prefix)
    db.execute(f"ALTER ROLE {prefix}_plain CREATEROLE")
    assert migrate(url, prefix).stderr == ""
    assert existing(db, prefix) == {f"{prefix}_{role}" for role in ROLES}
    assert may(db, f"{prefix}_worker", "queue", "DELETE")
    assert db.execute("SELECT FROM pg_roles WHERE rolname LIKE %s AND rolbypassrls", [prefix + r"\_%"]).fetchall() == []


def test_who_owns_nothing_changes_nothing(empty_database, db, prefix):
    """A login with rights that somebody granted by hand may say migrate, as ever, when there is nothing to do."""
    migrate(empty_database, "none")
    db.execute(f"CREATE ROLE {prefix}_hand LOGIN; GRANT USAGE ON SCHEMA mailproxy TO {prefix}_hand;"
               f"GRANT SELECT ON ALL TABLES IN SCHEMA mailproxy TO {prefix}_hand")
    assert "the grants to roles" not in migrate(as_role(empty_database, f"{prefix}_hand"), "none").stdout


# The role `owner`.

def test_members_of_the_owner_migrate_as_the_owner(empty_database, db, prefix):
    psql(empty_database, print_roles(prefix))
    db.execute(f"CREATE ROLE {prefix}_ann LOGIN IN ROLE {prefix}_owner; CREATE ROLE {prefix}_bob LOGIN NOINHERIT IN ROLE {prefix}_owner")
    assert migrate(as_role(empty_database, f"{prefix}_ann"), prefix).stderr == ""
    assert owners(db) == {f"{prefix}_owner"}
    db.execute("UPDATE mailproxy.schema_object SET digest = 'older'")
    migrate(as_role(empty_database, f"{prefix}_bob"), prefix)
    db.execute("UPDATE mailproxy.schema_object SET digest = 'older'")
    migrate(empty_database, prefix)  # a superuser
    assert owners(db) == {f"{prefix}_owner"}
    assert may(db, f"{prefix}_server", "message", "INSERT")


def test_a_schema_may_be_handed_over_to_the_owner(empty_database, db, prefix):
    url = make_owner(db, empty_database, prefix)
    migrate(url, prefix)
    psql(empty_database, print_roles(prefix) + f"REASSIGN OWNED BY {prefix}_plain TO {prefix}_owner; GRANT {prefix}_owner TO {prefix}_plain;")
    db.execute("UPDATE mailproxy.schema_object SET digest = 'older'")
    assert migrate(url, prefix).stderr == ""
    assert owners(db) == {f"{prefix}_owner"}
    assert may(db, f"{prefix}_dba", "health" if db.execute("SELECT to_regclass('mailproxy.health')").fetchone()[0] else "account_backlog", "SELECT")
