"""A store's own login: it sees its tenant's rows and sends for it, whatever it tries."""

import re

import psycopg
import pytest
from psycopg import errors, sql
from support.roles import ROLES

FILL = """
INSERT INTO mailproxy.tenant (tenant_id, client_auth_sealed, client_auth_key_id) VALUES ('acme', 'x', 'k'), ('other', 'x', 'k');
INSERT INTO mailproxy.tenant_sync (tenant_id) VALUES ('acme'), ('other');
INSERT INTO mailproxy.account (tenant_id, account_id, host, port, username, password_sealed, password_key_id)
     SELECT t, a, 'relay.test', 25, 'secret user', 'x', 'k' FROM unnest('{acme,other}'::text[]) t, unnest('{main,second}'::text[]) a;
INSERT INTO mailproxy.account_state (tenant_id, account_id) SELECT tenant_id, account_id FROM mailproxy.account;
INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority)
     SELECT tenant_id, account_id, account_id || i, '<x@test>', 100, 2 FROM mailproxy.account, generate_series(1, 3) i;
INSERT INTO mailproxy.queue (message_pk, due_at, priority, tenant_id, account_id)
     SELECT message_pk, now(), 2, tenant_id, account_id FROM mailproxy.message;
INSERT INTO mailproxy.message_body (message_pk, created_at, content) SELECT message_pk, created_at, '{"subject":"private"}' FROM mailproxy.message;
INSERT INTO mailproxy.attempt (message_pk, worker_epoch, attempt, outcome, tenant_id, account_id, reply)
     SELECT message_pk, 1, 1, CASE WHEN message_pk % 2 = 0 THEN 'sent' ELSE 'deferred' END::mailproxy.outcome, tenant_id, account_id, tenant_id
       FROM mailproxy.message;
INSERT INTO mailproxy.event (message_pk, event_at, event_type, tenant_id) SELECT message_pk, now(), 'deferred', tenant_id FROM mailproxy.message;
INSERT INTO mailproxy.command_log (endpoint, tenant_id) VALUES ('x', 'other');
CREATE ROLE acme_shop LOGIN IN ROLE mailproxy_tenant; CREATE ROLE other_shop LOGIN IN ROLE mailproxy_tenant;
CREATE ROLE stray_shop LOGIN IN ROLE mailproxy_tenant; GRANT CREATE ON DATABASE tenant_role TO acme_shop;
UPDATE mailproxy.tenant SET login_role = tenant_id || '_shop' WHERE tenant_id IN ('acme', 'other');
ANALYZE;
"""
TABLES = ["message", "event", "attempt", "queue", "tenant", "account"]
VIEWS = ["account_backlog", "tenant_backlog", "throughput", "latency", "recent_error"]


@pytest.fixture(scope="module")
def url(cluster, template):
    url = cluster.create_database("tenant_role", template)
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(FILL)
    yield url
    cluster.drop_database("tenant_role")
    with cluster.connect() as db:
        db.execute("DROP ROLE acme_shop, other_shop, stray_shop")


@pytest.fixture
def owner(url):
    with psycopg.connect(url, autocommit=True) as conn:
        yield conn


@pytest.fixture
def shop(url):
    with psycopg.connect(url.replace("user=mailproxy", "user=acme_shop"), prepare_threshold=None) as conn:
        yield conn
        conn.rollback()


def columns_of(shop, table):
    """Those it may read."""
    return [name for name, in shop.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        "   AND has_column_privilege(attrelid, attnum, 'SELECT')", [f"mailproxy.{table}"])]


def refused(conn, statement, *values):
    with pytest.raises(errors.InsufficientPrivilege), conn.transaction():
        conn.execute(statement, values)
    return True


@pytest.mark.parametrize("name", TABLES + VIEWS)
def test_it_sees_its_own_rows_and_no_others(shop, owner, name):
    for where in ("", " WHERE tenant_id <> 'acme'", " WHERE tenant_id = 'other' OR true"):
        rows = shop.execute(f"SELECT tenant_id FROM mailproxy.{name}{where}").fetchall()
        assert {tenant for tenant, in rows} == ({"acme"} if "<>" not in where else set())
    everybodys = owner.execute(f"SELECT count(*) FROM mailproxy.{name} WHERE tenant_id = 'acme'").fetchone()
    assert shop.execute(f"SELECT count(*) FROM mailproxy.{name}").fetchone() == everybodys
    assert owner.execute(f"SELECT count(*) FROM mailproxy.{name} WHERE tenant_id = 'other'").fetchone()[0] > 0


def test_it_reads_nothing_else(shop, owner):
    others = [name for name, in owner.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'mailproxy'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')"
        "   AND relname <> ALL (%s)", [TABLES + VIEWS])]
    assert len(others) > 40 and any(re.fullmatch(r"message_body_\d{8}", name) for name in others), "partitions among them"
    for name in others:
        assert refused(shop, sql.SQL("SELECT * FROM mailproxy.{}").format(sql.Identifier(name)))


def test_it_sees_no_secret_and_no_user_name_of_its_accounts(shop):
    for table in ("account", "tenant"):
        seen = columns_of(shop, table)
        assert len(seen) > 10
        assert [name for name in seen if re.search("sealed|key|hash|user|oauth|login|pin", name)] == []
        assert refused(shop, f"SELECT * FROM mailproxy.{table}")
        assert refused(shop, f"SELECT t FROM mailproxy.{table} t")
        assert refused(shop, f"SELECT to_json(t) FROM mailproxy.{table} t")


def test_it_writes_nothing(shop, owner):
    tables = [name for name, in owner.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'mailproxy'::regnamespace AND relkind IN ('r', 'p', 'v')")]
    for name in tables:
        table = sql.Identifier("mailproxy", name)
        column, = owner.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum = 1", [f"mailproxy.{name}"]).fetchone()
        for statement in ("DELETE FROM {0}", "UPDATE {0} SET {1} = DEFAULT", "INSERT INTO {0} DEFAULT VALUES", "TRUNCATE {0}", "LOCK {0}",
                          "DROP TABLE {0}", "ALTER TABLE {0} DISABLE ROW LEVEL SECURITY", "CREATE TRIGGER t BEFORE INSERT ON {0} EXECUTE FUNCTION x()"):
            with pytest.raises((errors.InsufficientPrivilege, errors.WrongObjectType, errors.ObjectNotInPrerequisiteState, errors.UndefinedFunction,
                                errors.FeatureNotSupported)):
                with shop.transaction():
                    shop.execute(sql.SQL(statement).format(table, sql.Identifier(column)))
                    shop.execute("SELECT 1 / 0")  # it must not come to this
        with pytest.raises((errors.InsufficientPrivilege, errors.WrongObjectType, errors.FeatureNotSupported)), shop.transaction():
            shop.execute(sql.SQL("SELECT FROM {} FOR KEY SHARE").format(table))


def test_every_function_is_refused_or_shows_nothing_of_others(shop, owner):
    """Called with nulls, or with the other tenant where a text is asked for; what it returns or says must not name that tenant's things."""
    functions = owner.execute(
        "SELECT p.proname, ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, n) ORDER BY n)"
        "  FROM pg_proc p WHERE p.pronamespace = 'mailproxy'::regnamespace AND p.prokind = 'f' AND p.prorettype <> 'trigger'::regtype").fetchall()
    assert len(functions) > 30
    before = owner.execute("SELECT (SELECT count(*) FROM mailproxy.message), (SELECT count(*) FROM mailproxy.queue WHERE state = 'ready'),"
                           " (SELECT count(*) FROM pg_class), (SELECT array_agg(relacl::text) FROM pg_class)").fetchone()
    for name, types in functions:
        values = ", ".join("'other'" if kind == "text" else f"NULL::{kind}" for kind in types)
        try:
            with shop.transaction():
                shown = str(shop.execute(f"SELECT * FROM mailproxy.{name}({values})").fetchall())
                shop.execute("SET CONSTRAINTS ALL IMMEDIATE")
                raise errors.QueryCanceled(shown)
        except psycopg.Error as error:
            assert not re.search("main1|second1|secret user|private|relay.test", str(error)), (name, str(error))
    shop.rollback()
    assert owner.execute("SELECT (SELECT count(*) FROM mailproxy.message), (SELECT count(*) FROM mailproxy.queue WHERE state = 'ready'),"
                         " (SELECT count(*) FROM pg_class), (SELECT array_agg(relacl::text) FROM pg_class)").fetchone() == before


def test_it_sends_for_its_tenant_alone_and_sees_what_it_sends(shop):
    send = "SELECT mailproxy.send(account_id => 'main', \"from\" => 'a@acme.example', \"to\" => 'b@example.net', subject => 's', id => 'new', tenant_id => %s)"
    assert shop.execute(send, ["acme"]).fetchone() == ("new",)
    assert shop.execute("SELECT tenant_id, state::text FROM mailproxy.message WHERE message_id = 'new'").fetchall() == [("acme", "queued")]
    assert refused(shop, send, "other")
    assert shop.execute("SELECT mailproxy.send_batch('[{\"id\":\"n2\",\"tenant_id\":\"other\",\"account_id\":\"main\","
                        "\"from\":\"a@acme.example\",\"to\":\"b@example.net\",\"subject\":\"s\"}]')").fetchone()[0]["rejected"] == [
        {"id": "n2", "reason": "tenant mismatch"}]


def test_a_member_that_is_no_tenant_sees_nothing_and_is_told_why(url):
    with psycopg.connect(url.replace("user=mailproxy", "user=stray_shop")) as stray:
        for name in TABLES + VIEWS:
            with pytest.raises(errors.InsufficientPrivilege, match="role stray_shop belongs to no tenant"), stray.transaction():
                stray.execute(f"SELECT count(*) FROM mailproxy.{name}")


# Ways around it.

@pytest.mark.parametrize("role", ["other_shop", "mailproxy", "server_login", *(f"mailproxy_{role}" for role in ROLES if role != "tenant")])
def test_it_cannot_become_somebody_else(shop, role):
    assert refused(shop, f"SET ROLE {role}")
    assert refused(shop, f"SET SESSION AUTHORIZATION {role}")
    assert refused(shop, "SELECT set_config('role', %s, false)", role)
    assert refused(shop, "SELECT set_config('session_authorization', %s, false)", role)


def test_as_its_group_it_is_nobody(shop):
    shop.execute("SET ROLE mailproxy_tenant")
    assert refused(shop, "SELECT FROM mailproxy.message")
    assert refused(shop, "SELECT mailproxy.current_tenant()")
    assert refused(shop, "ALTER ROLE acme_shop BYPASSRLS")


def test_row_security_cannot_be_switched_off(shop):
    shop.execute("SET row_security = off")
    assert refused(shop, "SELECT FROM mailproxy.message")


def test_a_function_that_tells_what_it_is_given_is_given_nothing(shop):
    """However cheap, in whatever place: the rows of others are left out first."""
    shop.execute("""CREATE SCHEMA mine; CREATE TABLE mine.told (what text);
        CREATE FUNCTION mine.tell(what text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
            $$ BEGIN INSERT INTO mine.told VALUES (what); RETURN true; END $$;
        CREATE FUNCTION mine.tell_both(a text, b text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
            $$ BEGIN INSERT INTO mine.told VALUES (a), (b); RETURN true; END $$;
        CREATE OPERATOR mine.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = mine.tell_both, RESTRICT = eqsel, JOIN = eqjoinsel)""")
    for name in TABLES + VIEWS:
        shop.execute(f"SELECT count(*) FROM mailproxy.{name} WHERE mine.tell(tenant_id)")
        shop.execute(f"SELECT count(*) FROM mailproxy.{name} t WHERE t.tenant_id OPERATOR(mine.===) 'x'")
        shop.execute(f"SELECT count(*) FROM mailproxy.{name} t JOIN mailproxy.tenant x ON mine.tell_both(t.tenant_id, x.tenant_id)")
        shop.execute(f"SELECT CASE WHEN mine.tell(tenant_id) THEN 1 END FROM mailproxy.{name} ORDER BY mine.tell(tenant_id)")
    assert shop.execute("SELECT what FROM mine.told GROUP BY what ORDER BY what").fetchall() == [("acme",), ("x",)]


def test_an_error_of_its_making_shows_no_row_of_others(shop):
    for name in TABLES:
        with pytest.raises(errors.InvalidTextRepresentation) as error, shop.transaction():
            shop.execute(f"SELECT count(*) FROM mailproxy.{name} WHERE tenant_id::integer > 0")
        assert "acme" in str(error.value)


def test_its_own_objects_before_ours_change_nothing(shop, owner):
    shop.execute("""CREATE SCHEMA trap; SET search_path = trap, pg_catalog, mailproxy;
        CREATE FUNCTION trap.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT 'other_shop' $$;
        CREATE FUNCTION trap.always(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
        CREATE FUNCTION trap.always(name, name) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
        CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.always);
        CREATE OPERATOR trap.= (LEFTARG = name, RIGHTARG = name, FUNCTION = trap.always);
        CREATE FUNCTION trap.current_tenant() RETURNS text LANGUAGE sql AS $$ SELECT 'other' $$;
        CREATE TEMP TABLE tenant (tenant_id text, login_role name); INSERT INTO tenant VALUES ('other', 'acme_shop');
        SET LOCAL search_path = trap, pg_temp, pg_catalog""")
    assert shop.execute("SELECT mailproxy.current_tenant()").fetchone() == ("acme",)
    assert shop.execute("SELECT DISTINCT tenant_id FROM mailproxy.message").fetchall() == [("acme",)]


def test_its_setting_of_role_is_one_that_postgresql_has_checked(shop):
    for name, value in (("mailproxy.tenant", "other"), ("mailproxy.role", "other_shop")):
        shop.execute("SELECT set_config(%s, %s, false)", [name, value])
    assert shop.execute("SELECT mailproxy.current_tenant()").fetchone() == ("acme",)


def test_statistics_show_nothing_of_what_others_have(shop, owner):
    seen = "SELECT tablename, attname FROM pg_stats WHERE schemaname = 'mailproxy'"
    assert len(owner.execute(seen).fetchall()) > 50
    assert shop.execute(seen).fetchall() == []
    assert refused(shop, "SELECT FROM pg_statistic")
    assert "other" not in str(shop.execute("EXPLAIN (VERBOSE) SELECT * FROM mailproxy.message WHERE tenant_id > 'a'").fetchall())


def test_a_view_or_function_of_its_own_sees_what_its_reader_may(url, shop):
    shop.execute("CREATE SCHEMA mine; CREATE VIEW mine.messages AS SELECT * FROM mailproxy.message; GRANT USAGE ON SCHEMA mine TO PUBLIC;"
                 "GRANT SELECT ON mine.messages TO PUBLIC")
    assert shop.execute("SELECT DISTINCT tenant_id FROM mine.messages").fetchall() == [("acme",)]


def test_its_views_ask_with_the_rights_of_their_reader(owner):
    """Any other view would show it what their owner sees."""
    granted = owner.execute(
        "SELECT c.relname, c.reloptions FROM pg_class c, aclexplode(c.relacl) a"
        " WHERE c.relnamespace = 'mailproxy'::regnamespace AND c.relkind = 'v' AND a.grantee = 'mailproxy_tenant'::regrole").fetchall()
    assert sorted(name for name, _ in granted) == sorted(VIEWS)
    assert all("security_invoker=true" in (options or []) for _, options in granted)


def test_every_table_it_may_read_holds_back_rows(owner):
    open_to_it = owner.execute(
        "SELECT c.relname FROM pg_class c LEFT JOIN pg_attribute k ON k.attrelid = c.oid"
        " CROSS JOIN LATERAL (SELECT x.grantee FROM aclexplode(c.relacl) x UNION SELECT x.grantee FROM aclexplode(k.attacl) x) a"
        " WHERE c.relnamespace = 'mailproxy'::regnamespace AND c.relkind IN ('r', 'p') AND a.grantee IN (0, 'mailproxy_tenant'::regrole)"
        " GROUP BY c.relname").fetchall()
    held = owner.execute(
        "SELECT c.relname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"
        " WHERE c.relrowsecurity AND NOT p.polpermissive AND p.polcmd = '*' AND p.polroles = ARRAY['mailproxy_tenant'::regrole::oid]").fetchall()
    assert sorted(open_to_it) == sorted(held) == sorted((name,) for name in TABLES)
