"""Views and functions that are installed after the migrations: again when they change, never half, and gone when they have left."""

import hashlib
import os
import pathlib
import re
import sys

import psycopg
import pytest
from psycopg import errors
from support.builds import ROOT, SERVER
from support.programs import run_program

sys.path.insert(0, os.path.join(ROOT, "sql"))
import embed  # noqa: E402

FILES = sorted(pathlib.Path(ROOT, "sql").glob("views/*.sql")) + sorted(pathlib.Path(ROOT, "sql").glob("functions/*.sql"))
# What the tests below install beside the real ones.
MAKE = {
    "first": ("function", "CREATE OR REPLACE FUNCTION mailproxy.first() RETURNS integer LANGUAGE sql AS 'SELECT 1'"),
    "upon": ("view", "CREATE OR REPLACE VIEW mailproxy.upon AS SELECT mailproxy.first() AS one"),
    "again": ("view", "CREATE OR REPLACE VIEW mailproxy.again AS SELECT one FROM mailproxy.upon"),
}


@pytest.fixture
def db(database):
    with psycopg.connect(database, autocommit=True) as conn:
        yield conn


def install(db, changed={}, without=()):
    """As the programs do it, for these objects alone."""
    for table, policy in db.execute("SELECT polrelid::regclass::text, polname FROM pg_policy").fetchall():
        db.execute(f"DROP POLICY {policy} ON {table}")  # it stands on a function that is none of these
    made = {name: changed.get(name, text) for name, (_, text) in MAKE.items() if name not in without}
    kinds = [MAKE[name][0] for name in made]
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in made.values()]
    return db.execute("SELECT mailproxy.install_objects(%s::text[], %s::text[], %s::text[], %s::text[])",
                      [kinds, list(made), digests, list(made.values())]).fetchone()[0]


def objects(db):
    return {name for name, in db.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'mailproxy'::regnamespace AND relkind = 'v' UNION ALL"
        " SELECT proname FROM pg_proc WHERE pronamespace = 'mailproxy'::regnamespace")} & set(MAKE)


def migrate(url):
    return run_program(SERVER, "migrate", GMP_DATABASE_URL=url)


def applied(done):
    assert done.returncode == 0, done.stderr
    return int(re.search(r"(\d+) functions and views", done.stdout).group(1))


# The program.

def test_all_files_are_installed_with_the_first_migration(empty_database):
    assert applied(migrate(empty_database)) == len(FILES)
    with psycopg.connect(empty_database) as conn:
        found = dict(conn.execute("SELECT kind || 's/' || name, digest FROM mailproxy.schema_object").fetchall())
    assert found == {f"{f.parent.name}/{f.stem}": hashlib.sha256(embed.with_included(f).encode()).hexdigest() for f in FILES}


def test_what_is_there_is_left_alone(database):
    with psycopg.connect(database) as conn:
        before = conn.execute("SELECT c.oid, c.xmin FROM pg_class c WHERE relkind = 'v'").fetchall()
    assert applied(migrate(database)) == 0
    with psycopg.connect(database) as conn:
        assert conn.execute("SELECT c.oid, c.xmin FROM pg_class c WHERE relkind = 'v'").fetchall() == before


def test_a_changed_digest_installs_again(database, db):
    db.execute("UPDATE mailproxy.schema_object SET digest = 'older' WHERE name = 'account_backlog'")
    db.execute("DROP VIEW mailproxy.account_backlog CASCADE; CREATE VIEW mailproxy.account_backlog AS SELECT 1 AS old")
    assert applied(migrate(database)) > 0
    assert "tenant_id" in [c.name for c in db.execute("SELECT * FROM mailproxy.account_backlog").description]


def test_an_error_leaves_everything_as_it_was(database, db):
    db.execute("DROP VIEW mailproxy.account_backlog CASCADE; CREATE TABLE mailproxy.account_backlog (in_the_way integer)")
    db.execute("UPDATE mailproxy.schema_object SET digest = 'older' WHERE kind = 'view'")
    everything = ("SELECT kind, name, digest, installed_at, to_regclass('mailproxy.' || name)::oid"
                  " FROM mailproxy.schema_object ORDER BY 1, 2")
    before = db.execute(everything).fetchall()
    done = migrate(database)
    assert done.returncode != 0
    assert "account_backlog" in done.stderr and "is not a view" in done.stderr
    assert db.execute(everything).fetchall() == before


def test_an_older_program_leaves_the_objects_of_a_newer_schema_alone(database, db):
    db.execute("INSERT INTO mailproxy.schema_migration (version, name) VALUES (9999, 'future')")
    db.execute("UPDATE mailproxy.schema_object SET digest = 'newer'")
    assert migrate(database).returncode != 0
    assert db.execute("SELECT DISTINCT digest FROM mailproxy.schema_object").fetchall() == [("newer",)]


def test_a_migration_begins_by_dropping_the_views(database, db):
    """Seen by the lock it waits for, while somebody reads one of them."""
    db.execute("DELETE FROM mailproxy.schema_migration WHERE version = (SELECT max(version) FROM mailproxy.schema_migration)")
    with psycopg.connect(database) as reader:
        reader.execute("SELECT FROM mailproxy.account_backlog")
        done = run_program(SERVER, "migrate", GMP_DATABASE_URL=database + "&options=-c%20lock_timeout%3D100")
    assert done.returncode != 0
    assert "drop_views" in done.stderr and "lock timeout" in done.stderr


def test_a_migration_may_change_what_views_show_and_they_come_back(database, db):
    views = sum(f.parent.name == "views" for f in FILES)
    db.execute("BEGIN; SELECT mailproxy.drop_views(); ALTER TABLE mailproxy.queue ALTER account_id TYPE varchar COLLATE \"C\"; COMMIT")
    assert db.execute("SELECT FROM pg_class WHERE relnamespace = 'mailproxy'::regnamespace AND relkind = 'v'").rowcount == 0
    assert applied(migrate(database)) == views


# What it calls.

def test_each_is_installed_once(db):
    assert install(db) == 3
    assert install(db) == 0
    assert db.execute("SELECT one FROM mailproxy.again").fetchone() == (1,)


def test_a_function_may_change_what_it_returns_and_a_view_its_columns(db):
    install(db)
    assert install(db, {
        "first": "CREATE OR REPLACE FUNCTION mailproxy.first(nothing text DEFAULT '') RETURNS text LANGUAGE sql AS $$SELECT 'one'$$",
        "upon": "CREATE OR REPLACE VIEW mailproxy.upon AS SELECT 0 AS zero, mailproxy.first() AS one"}) == 3
    assert db.execute("SELECT one FROM mailproxy.again").fetchone() == ("one",)


def test_a_function_that_did_not_change_is_the_same_one(db):
    install(db)
    oid = "SELECT 'mailproxy.first()'::regprocedure::oid"
    before = db.execute(oid).fetchone()
    install(db, {"upon": "CREATE OR REPLACE VIEW mailproxy.upon AS SELECT 2 AS one"})
    assert db.execute(oid).fetchone() == before


def test_what_has_left_is_dropped(db):
    install(db)
    install(db, without=["again"])
    assert objects(db) == {"first", "upon"}
    install(db, {"upon": "CREATE OR REPLACE VIEW mailproxy.upon AS SELECT 2 AS one"}, without=["first"])
    assert objects(db) == {"upon", "again"}


def test_what_somebody_else_made_upon_a_view_stays(db):
    install(db)
    db.execute("CREATE VIEW mine AS SELECT one FROM mailproxy.upon")
    install(db, {"upon": "CREATE OR REPLACE VIEW mailproxy.upon AS SELECT 2 AS one"})
    assert db.execute("SELECT one FROM mine").fetchone() == (2,)
    with pytest.raises(errors.DependentObjectsStillExist):
        install(db, without=["upon", "again"])
    assert objects(db) == set(MAKE)


def test_a_function_that_something_depends_on_is_replaced_where_it_stands(db):
    install(db)
    db.execute("CREATE VIEW mine AS SELECT mailproxy.first() AS one")
    install(db, {"first": "CREATE OR REPLACE FUNCTION mailproxy.first() RETURNS integer LANGUAGE sql AS 'SELECT 11'"})
    assert db.execute("SELECT one FROM mine").fetchone() == (11,)
    with pytest.raises(errors.RaiseException, match="old form of function first"):
        install(db, {"first": "CREATE OR REPLACE FUNCTION mailproxy.first(i integer) RETURNS integer LANGUAGE sql AS 'SELECT i'"})


def test_what_was_granted_stays_granted(db):
    install(db)
    db.execute("CREATE ROLE \"Ada's\"; CREATE ROLE bob")
    try:
        db.execute("GRANT SELECT ON mailproxy.upon TO \"Ada's\" WITH GRANT OPTION; GRANT SELECT ON mailproxy.again TO bob;"
                   "REVOKE EXECUTE ON FUNCTION mailproxy.first() FROM PUBLIC; GRANT EXECUTE ON FUNCTION mailproxy.first() TO bob")
        install(db, {"first": "CREATE OR REPLACE FUNCTION mailproxy.first() RETURNS text LANGUAGE sql AS $$SELECT 'x'$$;"
                              "REVOKE EXECUTE ON FUNCTION mailproxy.first() FROM PUBLIC"})
        may = db.execute("SELECT has_table_privilege('Ada''s', 'mailproxy.upon', 'SELECT WITH GRANT OPTION'),"
                         " has_table_privilege('bob', 'mailproxy.again', 'SELECT'),"
                         " has_table_privilege('bob', 'mailproxy.upon', 'SELECT'),"
                         " has_function_privilege('bob', 'mailproxy.first()', 'EXECUTE'),"
                         " has_function_privilege('Ada''s', 'mailproxy.first()', 'EXECUTE')").fetchone()
        assert may == (True, True, False, True, False)
    finally:
        db.execute("DROP OWNED BY \"Ada's\", bob; DROP ROLE \"Ada's\", bob")


# The files.

@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_file_is_one_object_with_a_head(path):
    text = path.read_text()
    assert text.startswith(f"-- {path.stem}: "), "the first line is '-- <name>: <what it tells>'"
    assert re.findall(r"^CREATE .*?mailproxy\.(\w+)", text, re.M) == [path.stem]
    assert re.search(rf"^COMMENT ON (VIEW|FUNCTION) mailproxy\.{path.stem}\b", text, re.M)


def test_no_function_of_a_file_trusts_the_callers_search_path(db):
    """The parts of send_batch() run under its own; a body that is parsed when the function is made needs none."""
    assert db.execute(
        "SELECT p.proname FROM mailproxy.schema_object o"
        "  JOIN pg_proc p ON p.proname = o.name AND p.pronamespace = 'mailproxy'::regnamespace"
        " WHERE o.kind = 'function' AND o.name NOT LIKE 'intake%' AND NOT coalesce(p.proconfig, '{}') && ARRAY['search_path=pg_catalog, pg_temp']").fetchall() == []
