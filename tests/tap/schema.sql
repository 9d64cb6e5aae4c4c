-- The tables, what their columns are and are born with, keys, indexes, triggers and partitions. Nullable texts without a meaning for a
-- state are left out; sql/schema.sql has every detail. New columns need no line here; new tables do.
BEGIN;
SELECT no_plan();
SET LOCAL search_path = mailproxy, public;

-- Columns as: name, type (C: its collation), not null, default.
CREATE FUNCTION pg_temp.columns_of(tab name) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', a.attname, replace(format_type(a.atttypid, a.atttypmod), 'timestamp with time zone', 'timestamptz'),
                     CASE WHEN l.collname = 'C' AND a.atttypid = 'text'::regtype THEN 'C' END, CASE WHEN a.attnotnull THEN 'not null' END,
                     CASE WHEN a.attgenerated = 's' THEN 'generated' WHEN a.attidentity = 'a' THEN 'identity'
                          WHEN a.attidentity = 'd' THEN 'identity by default' ELSE 'default ' || pg_get_expr(d.adbin, d.adrelid) END)
      FROM pg_attribute a
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      LEFT JOIN pg_collation l ON l.oid = a.attcollation
     WHERE a.attrelid = ('mailproxy.' || tab)::regclass AND a.attnum > 0 AND NOT a.attisdropped
$$;

CREATE TEMP TABLE expected (tab name, columns text[]);
INSERT INTO expected VALUES
('account', ARRAY[
    'tenant_id text C not null', 'account_id text C not null', 'host text not null', 'port integer not null', 'use_tls boolean',
    'tls_verify boolean not null default true', 'timeout_s integer', 'ttl_s integer not null default 300', 'max_connections integer',
    'batch_size integer', 'limit_per_minute integer', 'limit_per_hour integer', 'limit_per_day integer',
    $$limit_behavior text not null default 'defer'::text$$, 'retry_delays integer[]', 'is_pec_account boolean not null default false',
    'imap_port integer not null default 993', 'imap_ssl boolean not null default true', 'version bigint not null default 1',
    'created_at timestamptz not null default now()', 'updated_at timestamptz not null default now()', 'oauth_grant oauth_grant',
    'tls_client_cert_expires_at timestamptz', $$oauth_client_auth oauth_client_auth not null default 'body'::oauth_client_auth$$,
    'retry_max_age_s integer', 'paused_at timestamptz', 'paused_reason text']),
('account_counter', ARRAY[
    'worker_epoch bigint not null', 'sent bigint not null default 0', 'errors bigint not null default 0',
    'deferred bigint not null default 0', 'rate_limited bigint not null default 0', 'in_doubt bigint not null default 0',
    'tenant_id text C not null', 'account_id text C not null']),
('account_state', ARRAY[
    'tenant_id text C not null', 'account_id text C not null', 'served_at timestamptz not null default now()',
    'failures integer not null default 0', 'gate_until timestamptz', 'gate_reason text', 'gate_recheck_at timestamptz',
    'crowded_until timestamptz', 'failing_since timestamptz', 'proven boolean not null default false']),
('account_token', ARRAY[
    'tenant_id text C not null', 'account_id text C not null', 'account_version bigint not null', 'serial bigint not null default 0',
    'refresh_at timestamptz', 'expires_at timestamptz', 'lease_token bigint', 'leased_until timestamptz', 'last_error text',
    'retry_at timestamptz']),
('attempt', ARRAY[
    'attempt_pk bigint not null identity by default', 'message_pk bigint not null', 'ended_at timestamptz not null default now()',
    'worker_epoch bigint not null', 'attempt integer not null', 'queue_ms integer', 'compose_ms integer', 'connect_ms integer',
    'send_ms integer', 'reply_code smallint', 'outcome outcome not null', $$blame blame not null default 'none'::blame$$,
    'in_doubt boolean not null default false', 'tenant_id text C not null', 'account_id text C not null']),
('attempt_counter', ARRAY[
    'worker_epoch bigint not null', 'attempts bigint not null', 'total_ms bigint not null', 'le_ms integer not null',
    'reply_class smallint not null', 'outcome outcome not null']),
('command_log', ARRAY[
    'command_id bigint not null identity', 'command_at timestamptz not null default now()', 'endpoint text not null',
    'actor text not null default CURRENT_USER', 'response_status smallint']),
('connection_grant', ARRAY[
    'lease_epoch bigint not null', 'connections integer not null', 'tenant_id text C not null', 'account_id text C not null']),
('event', ARRAY[
    'event_pk bigint not null identity by default', 'message_pk bigint not null', 'created_at timestamptz not null default now()',
    'event_at timestamptz not null', 'reported_at timestamptz', 'event_type event_type not null', 'tenant_id text C not null']),
('instance', ARRAY[
    'instance_id smallint not null default 1', $$name text not null default 'mail-proxy'::text$$,
    'active boolean not null default true', 'epoch bigint not null default 1', 'created_at timestamptz not null default now()',
    'updated_at timestamptz not null default now()', 'bounce_enabled boolean not null default false',
    'bounce_imap_port integer not null default 993', $$bounce_imap_folder text not null default 'INBOX'::text$$,
    'bounce_imap_ssl boolean not null default true', 'bounce_poll_interval_s integer not null default 60', 'bounce_uidvalidity bigint',
    'bounce_last_uid bigint', 'bounce_last_sync_at timestamptz', 'suspension_seq bigint not null default 1',
    'max_message_octets bigint not null default 26214400', 'max_attachment_octets bigint not null default 26214400',
    'default_priority smallint not null default 2', 'restore_found_at timestamptz', 'restore_found_by bigint',
    'restore_seen_at timestamptz', 'restore_seen_epoch bigint', 'sends boolean not null generated']),
('message', ARRAY[
    $$message_pk bigint not null default nextval('message_pk_seq'::regclass)$$, 'created_at timestamptz not null default now()',
    'updated_at timestamptz not null default now()', 'finished_at timestamptz', 'size_octets integer not null',
    'priority smallint not null', 'retries smallint not null default 0', 'reply_code smallint',
    'attachments smallint not null default 0', $$state message_state not null default 'queued'::message_state$$,
    'is_pec boolean not null default false', 'tenant_id text C not null', 'message_id text C not null', 'account_id text C not null',
    'batch_code text C', 'mime_message_id text C not null', 'reason text', 'settled jsonb', 'deferred_since timestamptz']),
('message_attachment', ARRAY[
    'message_pk bigint not null', 'created_at timestamptz not null', 'ordinal smallint not null', 'content bytea not null']),
('message_body', ARRAY[
    'message_pk bigint not null', 'created_at timestamptz not null', 'content json not null']),
('purge_pass', ARRAY[
    'pass_id smallint not null default 1', 'began_at timestamptz not null default now()',
    $$ended_at timestamptz default '-infinity'::timestamp with time zone$$, 'looked_at_pk bigint not null default 0',
    'removed bigint not null default 0']),
('queue', ARRAY[
    'message_pk bigint not null', 'due_at timestamptz not null', 'lease_token bigint', 'lease_epoch bigint', 'leased_at timestamptz',
    'attempts integer not null default 0', 'priority smallint not null', $$state queue_state not null default 'ready'::queue_state$$,
    'tenant_id text C not null', 'account_id text C not null', 'waits_for_account boolean not null default false']),
('rate_bucket', ARRAY[
    'tenant_id text C not null', 'account_id text C not null', 'period rate_period not null', 'bucket_at timestamptz not null',
    'taken integer not null default 0']),
('rate_length', ARRAY[
    'period rate_period not null', 'length interval not null']),
('role_grant', ARRAY[
    'prefix text C not null', 'digest text not null', 'granted_at timestamptz not null default now()']),
('rule', ARRAY[
    'rule_id integer not null identity', 'enabled boolean not null default true', 'priority integer not null',
    $$days integer[] not null default '{}'::integer[]$$, 'start_hour smallint', 'end_hour smallint',
    'cross_midnight boolean not null default false', 'interval_minutes integer not null default 1']),
('schema_migration', ARRAY[
    'version integer not null', 'name text not null', 'applied_at timestamptz not null default now()']),
('schema_object', ARRAY[
    'kind text not null', 'name text C not null', 'position integer not null', 'digest text not null',
    $$grants text[] not null default '{}'::text[]$$, 'installed_at timestamptz not null default now()']),
('tenant', ARRAY[
    'tenant_id text C not null', 'active boolean not null default true', 'client_base_url_trusted boolean not null default false',
    $$report_format report_format not null default 'event'::report_format$$, 'retry_delays integer[]',
    $$suspended_batches text[] not null default '{}'::text[]$$, 'api_key_expires_at timestamptz',
    'created_at timestamptz not null default now()', 'updated_at timestamptz not null default now()',
    'limit_per_hour integer generated', 'limit_per_day integer generated', 'retry_max_age_s integer', 'login_role name']),
('tenant_sync', ARRAY[
    'tenant_id text C not null', 'news_seq bigint not null default 1', 'told_seq bigint not null default 0',
    'last_sync_at timestamptz', 'failures integer not null default 0', 'retry_at timestamptz', 'last_error text', 'lease_epoch bigint',
    'lease_token bigint', 'leased_at timestamptz', 'called_at timestamptz']),
('worker', ARRAY[
    'epoch bigint not null identity', 'host text not null', 'pid integer not null', 'version text not null',
    'started_at timestamptz not null default now()', 'heartbeat_at timestamptz not null default now()',
    'steady_since timestamptz not null default now()', 'in_flight integer not null default 0', 'lease_s integer not null',
    'ended_at timestamptz', 'ended_how text']);

SELECT results_eq($$
    SELECT c.relname::text FROM pg_class c
     WHERE c.relnamespace = 'mailproxy'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname COLLATE "C"$$,
    'SELECT tab::text FROM expected ORDER BY tab COLLATE "C"', 'there are these tables and no others');
SELECT set_has(format('SELECT * FROM pg_temp.columns_of(%L)', tab), format('SELECT unnest(%L::text[])', columns), tab || ' has its columns')
  FROM expected;
SELECT views_are('mailproxy', '{account_backlog,account_health,health,hot_table,in_flight,latency,message_content,partition_status,rate_status,
    recent_error,report_overdue,snapshot_holder,tenant_backlog,throughput,worker_status}'::name[]);

-- What holds for all columns.
SELECT is_empty($$SELECT attrelid::regclass, attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                   WHERE c.relnamespace = 'mailproxy'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0
                     AND a.atttypid IN ('timestamp'::regtype, 'time'::regtype, 'date'::regtype)$$,
                'a point in time is a timestamptz');
SELECT is_empty($$SELECT attrelid::regclass, attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                   WHERE c.relnamespace = 'mailproxy'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname IN ('tenant_id', 'account_id', 'message_id')
                     AND (a.atttypid <> 'text'::regtype OR a.attcollation <> 'pg_catalog."C"'::regcollation)$$,
                'ids are text and sorted by octets, the same in every database');
SELECT is_empty($$SELECT attrelid::regclass, attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                   WHERE c.relnamespace = 'mailproxy'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname ~ '(_at|_until|_since)$'
                     AND a.atttypid <> 'timestamptz'::regtype$$, 'what is named as a point in time is one');
SELECT is_empty($$SELECT attrelid::regclass, attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                   WHERE c.relnamespace = 'mailproxy'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname ~ '_sealed$' AND a.atttypid <> 'bytea'::regtype$$,
                'what is sealed is octets');
SELECT enum_has_labels('mailproxy', e, l) FROM (VALUES
    ('queue_state'::name, '{ready,scheduled,leased,held}'::name[]), ('message_state', '{queued,sent,error,cancelled}'), ('outcome', '{sent,deferred,error}'),
    ('blame', '{none,recipient,message,account}'), ('rate_period', '{minute,hour,day}'), ('report_format', '{event,seed}'),
    ('oauth_grant', '{token,client_credentials,refresh_token}'), ('oauth_client_auth', '{body,basic}'),
    ('event_type', '{sent,error,deferred,bounce,pec_acceptance,pec_delivery,pec_error,pec_timeout}')) AS v (e, l);

-- Keys: a tenant's things are the tenant's by their key, or by their message's.
SELECT col_is_pk('mailproxy', t, k, t || ' has its key') FROM (VALUES
    ('tenant'::name, '{tenant_id}'::name[]), ('tenant_sync', '{tenant_id}'), ('account', '{tenant_id,account_id}'), ('account_state', '{tenant_id,account_id}'),
    ('account_token', '{tenant_id,account_id}'), ('account_counter', '{tenant_id,account_id,worker_epoch}'),
    ('connection_grant', '{tenant_id,account_id,lease_epoch}'), ('rate_bucket', '{tenant_id,account_id,period,bucket_at}'),
    ('message', '{message_pk}'), ('queue', '{message_pk}'), ('message_body', '{message_pk,created_at}'), ('message_attachment', '{message_pk,created_at,ordinal}'),
    ('attempt', '{message_pk,attempt_pk,ended_at}'), ('event', '{message_pk,event_pk,created_at}'), ('worker', '{epoch}'), ('rate_length', '{period}'), ('instance', '{instance_id}'),
    ('attempt_counter', '{worker_epoch,outcome,reply_class,le_ms}')) AS v (t, k);
SELECT fk_ok('mailproxy', t, c, 'mailproxy', u, d) FROM (VALUES
    ('account'::name, '{tenant_id}'::name[], 'tenant'::name, '{tenant_id}'::name[]), ('tenant_sync', '{tenant_id}', 'tenant', '{tenant_id}'),
    ('account_state', '{tenant_id,account_id}', 'account', '{tenant_id,account_id}'), ('account_token', '{tenant_id,account_id}', 'account', '{tenant_id,account_id}'),
    ('account_counter', '{tenant_id,account_id}', 'account_state', '{tenant_id,account_id}'), ('message', '{tenant_id,account_id}', 'account', '{tenant_id,account_id}')) AS v (t, c, u, d);

-- What claims, sweeps and reports find their rows by, and that the queue has no index more: each is paid for by every message.
SELECT indexes_are('mailproxy', t, i) FROM (VALUES
    ('queue'::name, '{queue_pkey,queue_ready,queue_scheduled,queue_scheduled_by_account,queue_leased,queue_held,queue_waits_for_account}'::name[]),
    ('message', '{message_pkey,message_id_is_unique_in_its_tenant,message_by_batch,message_listing,message_listing_of_all}'),
    ('attempt', '{attempt_pkey,attempt_by_time,attempt_not_sent}'), ('event', '{event_pkey,event_unreported}')) AS v (t, i);
SELECT is(pg_get_expr(x.indpred, x.indrelid), w, i || ' holds no other rows') FROM (VALUES
    ('queue_ready', $$(state = 'ready'::queue_state)$$), ('queue_scheduled', $$(state = 'scheduled'::queue_state)$$), ('queue_leased', $$(state = 'leased'::queue_state)$$),
    ('queue_held', $$(state = 'held'::queue_state)$$), ('event_unreported', '(reported_at IS NULL)'), ('message_by_batch', '(batch_code IS NOT NULL)')) AS v (i, w)
  LEFT JOIN pg_index x ON x.indexrelid = to_regclass('mailproxy.' || i);

-- Triggers: on what an operator changes by hand, and one instead of a foreign key; none on what is changed a thousand times a second.
SELECT triggers_are('mailproxy', t, n) FROM (VALUES
    ('tenant'::name, '{tenant_apply_suspension,tenant_limits_changed}'::name[]), ('account', '{account_limits_changed,account_tell_pause}'),
    ('instance', '{instance_tell_suspension,instance_wakes_workers}'), ('rule', '{rule_wakes_workers}'),
    ('rate_bucket', '{rate_bucket_deleted,rate_bucket_lowered,rate_bucket_truncated}'), ('message', '{message_remove_work}')) AS v (t, n);
SELECT is_empty($$SELECT tgrelid::regclass, tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
                   WHERE c.relnamespace = 'mailproxy'::regnamespace AND NOT t.tgisinternal AND c.relname <> ALL ('{tenant,account,instance,rule,rate_bucket,message}')$$,
                'no other table has one');

-- Partitions by day, of UTC; one may have ended since they were made.
SELECT is_partitioned('mailproxy'::name, p, p || ' is partitioned') FROM unnest('{message_body,message_attachment,attempt,event}'::name[]) AS p;
SELECT set_has(format('SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %L::regclass', p),
               format($$SELECT %L || to_char((now() AT TIME ZONE 'UTC')::date + d, '_YYYYMMDD') FROM generate_series(0, 13) AS d$$, p), p || ' has a fortnight''s days')
  FROM unnest('{message_body,message_attachment,attempt,event}'::text[]) AS p;
SELECT is_empty($$SELECT i.inhparent::regclass FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                   WHERE c.relnamespace = 'mailproxy'::regnamespace AND pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT'$$, 'none has a default partition');

-- Functions.
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p
                   WHERE p.pronamespace = 'mailproxy'::regnamespace AND p.prosecdef
                     AND NOT coalesce(p.proconfig, '{}') && ARRAY['search_path=pg_catalog, pg_temp']$$,
                'what runs with its owner''s rights trusts nobody''s search_path');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
                   WHERE p.pronamespace = 'mailproxy'::regnamespace AND p.prosecdef AND a.grantee = 0$$, 'and is not everybody''s to call');
SELECT volatility_is('mailproxy', f, 'immutable')
  FROM unnest('{attempt_bounds_ms,intake_integer,intake_priority,intake_punycode,intake_text_reason,intake_line_reason,intake_address_spec}'::name[]) AS f;
SELECT volatility_is('mailproxy', f, 'stable')
  FROM unnest('{audit,count_queue,current_tenant,explain_message,history_begins_at,local_time,match_messages,polling_interval,reply_matches,sync_is_due}'::name[]) AS f;

SELECT * FROM finish();
ROLLBACK;
