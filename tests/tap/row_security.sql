-- Row-level security in short: a store's login sees its tenant's rows, no secrets, and writes nothing. What it may try beside that is in
-- tests/sql/test_tenant_role.py.
BEGIN;
SELECT no_plan();
INSERT INTO mailproxy.tenant (tenant_id, client_auth_sealed, client_auth_key_id) VALUES ('acme', 'x', 'k'), ('other', 'x', 'k');
INSERT INTO mailproxy.account (tenant_id, account_id, host, port, username, password_sealed, password_key_id)
     SELECT tenant_id, 'main', 'relay.test', 25, 'u', 'x', 'k' FROM mailproxy.tenant WHERE tenant_id <> 'default';
INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority)
     SELECT tenant_id, account_id, 'm' || i, '<x@test>', 10, 2 FROM mailproxy.account, generate_series(1, 3) i;
INSERT INTO mailproxy.queue (message_pk, due_at, priority, tenant_id, account_id) SELECT message_pk, now(), 2, tenant_id, account_id FROM mailproxy.message;
INSERT INTO mailproxy.message_body (message_pk, created_at, content) SELECT message_pk, created_at, '{}' FROM mailproxy.message;
INSERT INTO mailproxy.attempt (message_pk, worker_epoch, attempt, outcome, tenant_id, account_id) SELECT message_pk, 1, 1, 'deferred', tenant_id, account_id FROM mailproxy.message;
INSERT INTO mailproxy.event (message_pk, event_at, event_type, tenant_id) SELECT message_pk, now(), 'deferred', tenant_id FROM mailproxy.message;
CREATE ROLE tap_shop IN ROLE mailproxy_tenant;
CREATE ROLE tap_stray IN ROLE mailproxy_tenant;
UPDATE mailproxy.tenant SET login_role = 'tap_shop' WHERE tenant_id = 'acme';

CREATE TEMP TABLE seen (tab text); -- what it may read
INSERT INTO seen VALUES ('message'), ('event'), ('attempt'), ('queue'), ('tenant'), ('account');
CREATE TEMP TABLE closed AS -- and what not
    SELECT c.relname::text AS tab FROM pg_class c
     WHERE c.relnamespace = 'mailproxy'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname NOT IN (SELECT tab FROM seen);
GRANT SELECT ON seen, closed TO PUBLIC;

SELECT policies_are('mailproxy', tab::name, '{everybody,mailproxy_tenant}'::name[]) FROM seen;
SELECT policy_roles_are('mailproxy', tab::name, 'mailproxy_tenant', '{mailproxy_tenant}'::name[]) FROM seen;
SELECT policy_cmd_is('mailproxy', tab::name, 'mailproxy_tenant'::name, 'ALL') FROM seen;
SELECT is_empty($$SELECT tab FROM seen JOIN pg_class c ON c.oid = ('mailproxy.' || tab)::regclass WHERE NOT c.relrowsecurity$$, 'policies are on');
SELECT isnt_empty('SELECT FROM mailproxy.' || tab || $$ WHERE tenant_id = 'other'$$, 'there is something of another tenant in ' || tab) FROM seen;
SELECT is(mailproxy.current_tenant(), NULL, 'who may write messages is of no tenant');

SET LOCAL ROLE tap_shop;
SELECT is(mailproxy.current_tenant(), 'acme', 'it is acme''s');
SELECT results_eq(format('SELECT DISTINCT tenant_id FROM mailproxy.%s', tab), $$VALUES ('acme' COLLATE "C")$$, 'it sees acme''s rows of ' || tab || ' alone') FROM seen;
SELECT is_empty(format('SELECT tenant_id FROM mailproxy.%s WHERE tenant_id <> ''acme'' OR tenant_id IS NULL', tab), 'also when it asks for others in ' || tab) FROM seen;
SELECT throws_ok(format('SELECT count(*) FROM mailproxy.%s', tab), '42501', NULL, 'it does not read ' || tab) FROM closed;
SELECT throws_ok(format('SELECT %s FROM mailproxy.%s', col, tab), '42501', NULL, format('it does not read %s.%s', tab, col))
  FROM (VALUES ('account', 'password_sealed'), ('account', 'username'), ('account', 'oauth_token_sealed'), ('account', 'tls_client_key_sealed'),
               ('account', 'imap_password_sealed'), ('tenant', 'client_auth_sealed'), ('tenant', 'report_secret_sealed'), ('tenant', 'api_key_hash'),
               ('tenant', 'login_role'), ('tenant', '*'), ('account', '*')) AS v (tab, col);
SELECT throws_ok(format(statement, tab), '42501', NULL, format(statement, tab))
  FROM (VALUES ('DELETE FROM mailproxy.%s'), ('UPDATE mailproxy.%s SET tenant_id = tenant_id'), ('INSERT INTO mailproxy.%s DEFAULT VALUES'), ('TRUNCATE mailproxy.%s')) AS v (statement),
       seen;
SELECT throws_ok($$UPDATE mailproxy.queue SET due_at = now() WHERE tenant_id = 'acme'$$, '42501', NULL, 'not even its own queue');
SELECT throws_ok('SELECT * FROM mailproxy.cancel(''acme'')', '42501', NULL, 'nor does it run what is for operators');
SELECT lives_ok($$SELECT mailproxy.send(account_id => 'main', "from" => 'a@acme.example', "to" => 'b@example.net', subject => 's', id => 'new')$$, 'it sends');
SELECT results_eq($$SELECT tenant_id FROM mailproxy.message WHERE message_id = 'new'$$, $$VALUES ('acme' COLLATE "C")$$, 'for its tenant');
SELECT throws_ok($$SELECT mailproxy.send(account_id => 'main', "from" => 'a@acme.example', "to" => 'b@example.net', subject => 's', tenant_id => 'other')$$,
                 '42501', NULL, 'and for no other');

SET LOCAL ROLE tap_stray;
SELECT throws_ok('SELECT count(*) FROM mailproxy.message', '42501', 'role tap_stray belongs to no tenant', 'who is no tenant''s is told so');

RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
