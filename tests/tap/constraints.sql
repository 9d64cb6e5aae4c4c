-- What the schema makes impossible: every illegal state is written, and refused by the constraint that is there for it; what is just
-- within its bounds is not. A constraint that nobody tries to break fails the last tests.
BEGIN;
SELECT no_plan();

-- The rows that the attempts start from.
INSERT INTO mailproxy.tenant (tenant_id) VALUES ('acme'), ('other');
INSERT INTO mailproxy.tenant_sync (tenant_id) VALUES ('acme');
INSERT INTO mailproxy.account (tenant_id, account_id, host, port, username) VALUES ('acme', 'main', 'relay.test', 25, 'u'), ('other', 'main', 'relay.test', 25, 'u');
INSERT INTO mailproxy.account_state (tenant_id, account_id) VALUES ('acme', 'main');
INSERT INTO mailproxy.account_token (tenant_id, account_id, account_version) VALUES ('acme', 'main', 1);
INSERT INTO mailproxy.account_counter (tenant_id, account_id, worker_epoch) VALUES ('acme', 'main', 0);
INSERT INTO mailproxy.attempt_counter (worker_epoch, outcome, reply_class, le_ms, attempts, total_ms) VALUES (0, 'sent', 2, 5, 1, 1);
INSERT INTO mailproxy.connection_grant (tenant_id, account_id, lease_epoch, connections) VALUES ('acme', 'main', 1, 1);
INSERT INTO mailproxy.rate_bucket (tenant_id, account_id, period, bucket_at) VALUES ('acme', 'main', 'hour', now());
INSERT INTO mailproxy.worker (host, pid, version, lease_s) VALUES ('h', 1, 'v', 60);
INSERT INTO mailproxy.rule (priority) VALUES (0);
INSERT INTO mailproxy.command_log (endpoint) VALUES ('x');
INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority) VALUES ('acme', 'main', 'm1', '<1@test>', 10, 2);
INSERT INTO mailproxy.queue (message_pk, due_at, priority, tenant_id, account_id) SELECT message_pk, now(), priority, tenant_id, account_id FROM mailproxy.message;
INSERT INTO mailproxy.message_body (message_pk, created_at, content) SELECT message_pk, created_at, '{}' FROM mailproxy.message;
INSERT INTO mailproxy.message_attachment (message_pk, created_at, ordinal, content) SELECT message_pk, created_at, 0, 'x' FROM mailproxy.message;
INSERT INTO mailproxy.attempt (message_pk, worker_epoch, attempt, outcome, tenant_id, account_id) SELECT message_pk, 1, 1, 'sent', tenant_id, account_id FROM mailproxy.message;
INSERT INTO mailproxy.event (message_pk, event_at, event_type, tenant_id) SELECT message_pk, now(), 'sent', tenant_id FROM mailproxy.message;

-- What becomes of a statement: 'allowed', or the SQLSTATE and the constraint that refuse it (of a partition's, its parent's). Nothing stays.
CREATE FUNCTION pg_temp.fate_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    refused_by text;
    changed    bigint;
BEGIN
    EXECUTE statement;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RAISE EXCEPTION USING ERRCODE = 'XX999', MESSAGE = changed;
EXCEPTION
    WHEN SQLSTATE 'XX999' THEN
        RETURN CASE SQLERRM WHEN '0' THEN 'it changed nothing' ELSE 'allowed' END;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS refused_by = CONSTRAINT_NAME;
        RETURN concat_ws(' ', SQLSTATE, coalesce(
            (SELECT p.conname FROM pg_constraint c JOIN pg_constraint p ON p.oid = c.conparentid
              WHERE c.conname = refused_by AND c.connamespace = 'mailproxy'::regnamespace), nullif(refused_by, '')));
END $$;

CREATE TEMP TABLE illegal (constraint_name text, statement text);
INSERT INTO illegal VALUES
-- instance: one row.
('instance_is_one_row', 'UPDATE mailproxy.instance SET instance_id = 2'),
('instance_is_one_row', 'INSERT INTO mailproxy.instance (instance_id) VALUES (2)'),
('instance_pkey', 'INSERT INTO mailproxy.instance DEFAULT VALUES'),
('instance_api_token_names_its_key', $$UPDATE mailproxy.instance SET api_token_sealed = 'x'$$),
('instance_api_token_names_its_key', $$UPDATE mailproxy.instance SET api_token_key_id = 'k'$$),
('instance_bounce_password_names_its_key', $$UPDATE mailproxy.instance SET bounce_imap_password_sealed = 'x'$$),
('instance_bounce_password_names_its_key', $$UPDATE mailproxy.instance SET bounce_imap_password_key_id = 'k'$$),
('instance_bounce_imap_port_is_tcp', 'UPDATE mailproxy.instance SET bounce_imap_port = 0'),
('instance_bounce_imap_port_is_tcp', 'UPDATE mailproxy.instance SET bounce_imap_port = 65536'),
('instance_bounce_poll_interval_is_positive', 'UPDATE mailproxy.instance SET bounce_poll_interval_s = 0'),
('instance_default_priority_is_known', 'UPDATE mailproxy.instance SET default_priority = -1'),
('instance_default_priority_is_known', 'UPDATE mailproxy.instance SET default_priority = 4'),
('instance_limits_are_positive', 'UPDATE mailproxy.instance SET max_message_octets = 0'),
('instance_limits_are_positive', 'UPDATE mailproxy.instance SET max_attachment_octets = 0'),
('instance_restore_is_whole', 'UPDATE mailproxy.instance SET restore_found_at = now()'),
('instance_restore_is_whole', 'UPDATE mailproxy.instance SET restore_found_at = now(), restore_found_by = 1, restore_seen_at = now()'),
-- tenant
('tenant_pkey', $$INSERT INTO mailproxy.tenant (tenant_id) VALUES ('acme')$$),
('tenant_id_is_short', $$INSERT INTO mailproxy.tenant (tenant_id) VALUES ('')$$),
('tenant_id_is_short', $$INSERT INTO mailproxy.tenant (tenant_id) VALUES (repeat('x', 256))$$),
('tenant_id_is_short', $$INSERT INTO mailproxy.tenant (tenant_id) VALUES (repeat('é', 128))$$),
('tenant_api_key_hash_is_sha256', $$UPDATE mailproxy.tenant SET api_key_hash = decode(repeat('00', 31), 'hex') WHERE tenant_id = 'acme'$$),
('tenant_api_key_hash_is_sha256', $$UPDATE mailproxy.tenant SET api_key_hash = decode(repeat('00', 33), 'hex') WHERE tenant_id = 'acme'$$),
('tenant_api_key_hash_key', $$UPDATE mailproxy.tenant SET api_key_hash = decode(repeat('00', 32), 'hex')$$),
('tenant_login_role_key', $$UPDATE mailproxy.tenant SET login_role = 'shop'$$),
('tenant_expiry_needs_a_key', $$UPDATE mailproxy.tenant SET api_key_expires_at = now()$$),
('tenant_client_auth_names_its_key', $$UPDATE mailproxy.tenant SET client_auth_sealed = 'x'$$),
('tenant_client_auth_names_its_key', $$UPDATE mailproxy.tenant SET client_auth_key_id = 'k'$$),
('tenant_report_secret_names_its_key', $$UPDATE mailproxy.tenant SET report_secret_sealed = 'x'$$),
('tenant_report_secret_names_its_key', $$UPDATE mailproxy.tenant SET report_secret_key_id = 'k'$$),
('tenant_retry_delays_are_seconds', $$UPDATE mailproxy.tenant SET retry_delays = '{60,-1}'$$),
('tenant_retry_max_age_is_not_negative', $$UPDATE mailproxy.tenant SET retry_max_age_s = -1$$),
('tenant_suspended_batches_have_codes', $$UPDATE mailproxy.tenant SET suspended_batches = '{spring,NULL}'$$),
-- tenant_sync
('tenant_sync_pkey', 'INSERT INTO mailproxy.tenant_sync SELECT * FROM mailproxy.tenant_sync'),
('tenant_sync_tenant_id_fkey', $$INSERT INTO mailproxy.tenant_sync (tenant_id) VALUES ('nobody')$$),
('tenant_sync_told_what_was_news', 'UPDATE mailproxy.tenant_sync SET told_seq = news_seq + 1'),
('tenant_sync_lease_is_whole', 'UPDATE mailproxy.tenant_sync SET lease_token = 1'),
('tenant_sync_lease_is_whole', 'UPDATE mailproxy.tenant_sync SET lease_token = 1, lease_epoch = 1'),
('tenant_sync_lease_is_whole', 'UPDATE mailproxy.tenant_sync SET leased_at = now()'),
-- account
('account_pkey', $$INSERT INTO mailproxy.account (tenant_id, account_id, host, port) VALUES ('acme', 'main', 'relay.test', 25)$$),
('account_tenant_id_fkey', $$INSERT INTO mailproxy.account (tenant_id, account_id, host, port) VALUES ('nobody', 'main', 'relay.test', 25)$$),
('account_id_is_short', $$INSERT INTO mailproxy.account (tenant_id, account_id, host, port) VALUES ('acme', '', 'relay.test', 25)$$),
('account_id_is_short', $$INSERT INTO mailproxy.account (tenant_id, account_id, host, port) VALUES ('acme', repeat('x', 256), 'relay.test', 25)$$),
('account_host_is_given', $$UPDATE mailproxy.account SET host = ''$$),
('account_host_is_given', $$UPDATE mailproxy.account SET host = repeat('x', 256)$$),
('account_port_is_tcp', 'UPDATE mailproxy.account SET port = 0'),
('account_port_is_tcp', 'UPDATE mailproxy.account SET port = 65536'),
('account_imap_port_is_tcp', 'UPDATE mailproxy.account SET imap_port = 0'),
('account_imap_port_is_tcp', 'UPDATE mailproxy.account SET imap_port = 65536'),
('account_password_names_its_key', $$UPDATE mailproxy.account SET password_sealed = 'x'$$),
('account_password_names_its_key', $$UPDATE mailproxy.account SET password_key_id = 'k'$$),
('account_imap_password_names_its_key', $$UPDATE mailproxy.account SET imap_password_sealed = 'x'$$),
('account_imap_password_names_its_key', $$UPDATE mailproxy.account SET imap_password_key_id = 'k'$$),
('account_client_certificate_is_whole', $$UPDATE mailproxy.account SET tls_client_cert = 'c'$$),
('account_client_certificate_is_whole', $$UPDATE mailproxy.account SET tls_client_cert = 'c', tls_client_key_sealed = 'x', tls_client_key_key_id = 'k'$$),
('account_batch_size_is_positive', 'UPDATE mailproxy.account SET batch_size = 0'),
('account_max_connections_is_positive', 'UPDATE mailproxy.account SET max_connections = 0'),
('account_timeout_is_positive', 'UPDATE mailproxy.account SET timeout_s = 0'),
('account_ttl_is_not_negative', 'UPDATE mailproxy.account SET ttl_s = -1'),
('account_limits_are_positive', 'UPDATE mailproxy.account SET limit_per_minute = 0'),
('account_limits_are_positive', 'UPDATE mailproxy.account SET limit_per_hour = 0'),
('account_limits_are_positive', 'UPDATE mailproxy.account SET limit_per_day = 0'),
('account_limit_behavior_is_short', $$UPDATE mailproxy.account SET limit_behavior = repeat('x', 256)$$),
('account_retry_delays_are_seconds', $$UPDATE mailproxy.account SET retry_delays = '{60,-1}'$$),
('account_retry_max_age_is_not_negative', 'UPDATE mailproxy.account SET retry_max_age_s = -1'),
('account_pause_has_a_reason', 'UPDATE mailproxy.account SET paused_at = now()'),
('account_pause_has_a_reason', $$UPDATE mailproxy.account SET paused_reason = 'moves'$$),
('account_dsn_notify_is_known', $$UPDATE mailproxy.account SET dsn_notify = ''$$),
('account_dsn_notify_is_known', $$UPDATE mailproxy.account SET dsn_notify = 'NEVER,FAILURE'$$),
('account_dsn_notify_is_known', $$UPDATE mailproxy.account SET dsn_notify = 'FAILURE,'$$),
('account_dsn_notify_is_known', $$UPDATE mailproxy.account SET dsn_notify = 'failure'$$),
('account_dsn_notify_is_known', $$UPDATE mailproxy.account SET dsn_notify = E'FAILURE\n'$$),
('account_dsn_ret_is_known', $$UPDATE mailproxy.account SET dsn_ret = 'full'$$),
('account_oauth_needs_a_user', $$UPDATE mailproxy.account SET username = NULL, oauth_grant = 'token', oauth_token_sealed = 'x', oauth_token_key_id = 'k'$$),
('account_oauth_is_whole', $$UPDATE mailproxy.account SET oauth_grant = 'token'$$),
('account_oauth_is_whole', $$UPDATE mailproxy.account SET oauth_grant = 'token', oauth_token_sealed = 'x', oauth_token_key_id = 'k', oauth_token_url = 'u'$$),
('account_oauth_is_whole', $$UPDATE mailproxy.account SET oauth_grant = 'client_credentials', oauth_token_url = 'u', oauth_client_id = 'c'$$),
('account_oauth_is_whole', $$UPDATE mailproxy.account SET oauth_grant = 'client_credentials', oauth_client_secret_sealed = 'x', oauth_client_secret_key_id = 'k', oauth_client_id = 'c'$$),
('account_oauth_is_whole', $$UPDATE mailproxy.account SET oauth_grant = 'refresh_token', oauth_token_url = 'u', oauth_client_id = 'c'$$),
('account_oauth_is_whole', $$UPDATE mailproxy.account SET oauth_scope = 's'$$),
('account_oauth_basic_needs_a_secret', $$UPDATE mailproxy.account SET oauth_client_auth = 'basic'$$),
('account_oauth_secrets_name_their_keys', $$UPDATE mailproxy.account SET oauth_grant = 'token', oauth_token_sealed = 'x'$$),
('account_oauth_secrets_name_their_keys', $$UPDATE mailproxy.account SET oauth_client_secret_key_id = 'k'$$),
('account_oauth_secrets_name_their_keys', $$UPDATE mailproxy.account SET oauth_refresh_token_key_id = 'k'$$),
-- account_state, account_token
('account_state_pkey', 'INSERT INTO mailproxy.account_state SELECT * FROM mailproxy.account_state'),
('account_state_tenant_id_account_id_fkey', $$INSERT INTO mailproxy.account_state (tenant_id, account_id) VALUES ('acme', 'nobody')$$),
('account_state_gate_has_a_reason', 'UPDATE mailproxy.account_state SET gate_until = now()'),
('account_state_gate_has_a_reason', $$UPDATE mailproxy.account_state SET gate_reason = 'refused'$$),
('account_state_front_has_four_priorities', $$UPDATE mailproxy.account_state SET has_front = true, front = '{0}', front_next = '{0,0,0,0}', front_next_at = now()$$),
('account_state_front_next_has_four_priorities', $$UPDATE mailproxy.account_state SET has_front = true, front = '{0,0,0,0}', front_next = '{0}', front_next_at = now()$$),
('account_state_front_is_whole', 'UPDATE mailproxy.account_state SET has_front = true'),
('account_state_front_is_whole', 'UPDATE mailproxy.account_state SET front_next_at = now()'),
('account_state_a_front_is_overtaken', 'UPDATE mailproxy.account_state SET overtaken = true'),
('account_state_failures_are_not_negative', 'UPDATE mailproxy.account_state SET failures = -1'),
('account_token_pkey', 'INSERT INTO mailproxy.account_token SELECT * FROM mailproxy.account_token'),
('account_token_tenant_id_account_id_fkey', $$INSERT INTO mailproxy.account_token (tenant_id, account_id, account_version) VALUES ('acme', 'nobody', 1)$$),
('account_token_names_its_key', $$UPDATE mailproxy.account_token SET access_token_sealed = 'x'$$),
('account_token_names_its_key', $$UPDATE mailproxy.account_token SET access_token_key_id = 'k'$$),
('account_token_refresh_names_its_key', $$UPDATE mailproxy.account_token SET refresh_token_sealed = 'x'$$),
('account_token_refresh_names_its_key', $$UPDATE mailproxy.account_token SET refresh_token_key_id = 'k'$$),
('account_token_refresh_is_before_expiry', $$UPDATE mailproxy.account_token SET refresh_at = now() + interval '1 s', expires_at = now()$$),
('account_token_lease_is_whole', 'UPDATE mailproxy.account_token SET lease_token = 1'),
('account_token_lease_is_whole', 'UPDATE mailproxy.account_token SET leased_until = now()'),
('account_token_error_is_whole', $$UPDATE mailproxy.account_token SET last_error = 'no'$$),
('account_token_error_is_whole', $$UPDATE mailproxy.account_token SET retry_at = now()$$),
-- message
('message_pkey', $$INSERT INTO mailproxy.message (message_pk, tenant_id, account_id, message_id, mime_message_id, size_octets, priority)
                   SELECT message_pk, 'acme', 'main', 'm2', '<2@test>', 10, 2 FROM mailproxy.message$$),
('message_id_is_unique_in_its_tenant', $$INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority)
                                         VALUES ('acme', 'main', 'm1', '<2@test>', 10, 2)$$),
('message_account_exists', $$UPDATE mailproxy.message SET account_id = 'nobody'$$),
('message_account_exists', $$UPDATE mailproxy.message SET tenant_id = 'default'$$),
('message_id_is_short', $$UPDATE mailproxy.message SET message_id = ''$$),
('message_id_is_short', $$UPDATE mailproxy.message SET message_id = repeat('x', 256)$$),
('message_batch_code_is_short', $$UPDATE mailproxy.message SET batch_code = ''$$),
('message_batch_code_is_short', $$UPDATE mailproxy.message SET batch_code = 'a,b'$$),
('message_batch_code_is_short', $$UPDATE mailproxy.message SET batch_code = repeat('x', 65)$$),
('message_priority_is_known', 'UPDATE mailproxy.message SET priority = -1'),
('message_priority_is_known', 'UPDATE mailproxy.message SET priority = 4'),
('message_size_is_not_negative', 'UPDATE mailproxy.message SET size_octets = -1'),
('message_is_finished_when_final', 'UPDATE mailproxy.message SET finished_at = now()'),
('message_is_finished_when_final', $$UPDATE mailproxy.message SET state = 'sent'$$),
('message_is_finished_when_final', $$UPDATE mailproxy.message SET state = 'error', reason = 'no'$$),
('message_is_finished_when_final', $$UPDATE mailproxy.message SET state = 'cancelled'$$),
('message_error_has_a_reason', $$UPDATE mailproxy.message SET state = 'error', finished_at = now()$$),
('message_sent_has_no_reason', $$UPDATE mailproxy.message SET state = 'sent', finished_at = now(), reason = 'but'$$),
-- queue
('queue_pkey', 'INSERT INTO mailproxy.queue SELECT * FROM mailproxy.queue'),
('queue_leased_has_a_lease', $$UPDATE mailproxy.queue SET state = 'leased'$$),
('queue_leased_has_a_lease', 'UPDATE mailproxy.queue SET lease_token = 1, lease_epoch = 1, leased_at = now()'),
('queue_leased_has_a_lease', $$UPDATE mailproxy.queue SET state = 'held', lease_token = 1, lease_epoch = 1, leased_at = now()$$),
('queue_lease_is_whole', $$UPDATE mailproxy.queue SET state = 'leased', lease_token = 1$$),
('queue_lease_is_whole', 'UPDATE mailproxy.queue SET lease_epoch = 1'),
('queue_lease_is_whole', 'UPDATE mailproxy.queue SET leased_at = now()'),
('queue_attempts_are_not_negative', 'UPDATE mailproxy.queue SET attempts = -1'),
('queue_priority_is_known', 'UPDATE mailproxy.queue SET priority = -1'),
('queue_priority_is_known', 'UPDATE mailproxy.queue SET priority = 4'),
-- what a message has
('message_body_pkey', 'INSERT INTO mailproxy.message_body SELECT * FROM mailproxy.message_body'),
('message_attachment_pkey', 'INSERT INTO mailproxy.message_attachment SELECT * FROM mailproxy.message_attachment'),
('attempt_pkey', 'INSERT INTO mailproxy.attempt SELECT * FROM mailproxy.attempt'),
('event_pkey', 'INSERT INTO mailproxy.event SELECT * FROM mailproxy.event'),
-- workers, and what they count
('worker_pkey', 'INSERT INTO mailproxy.worker OVERRIDING SYSTEM VALUE SELECT * FROM mailproxy.worker'),
('worker_end_is_explained', 'UPDATE mailproxy.worker SET ended_at = now()'),
('worker_end_is_explained', $$UPDATE mailproxy.worker SET ended_how = 'stopped'$$),
('worker_lease_is_positive', 'UPDATE mailproxy.worker SET lease_s = 0'),
('worker_end_is_known', $$UPDATE mailproxy.worker SET ended_at = now(), ended_how = 'killed'$$),
('connection_grant_pkey', 'INSERT INTO mailproxy.connection_grant SELECT * FROM mailproxy.connection_grant'),
('connection_grant_is_some', 'UPDATE mailproxy.connection_grant SET connections = 0'),
('account_counter_pkey', 'INSERT INTO mailproxy.account_counter SELECT * FROM mailproxy.account_counter'),
('account_counter_tenant_id_account_id_fkey', $$INSERT INTO mailproxy.account_counter (tenant_id, account_id, worker_epoch) VALUES ('other', 'main', 1)$$),
('account_counter_only_grows', 'UPDATE mailproxy.account_counter SET sent = -1'),
('account_counter_only_grows', 'UPDATE mailproxy.account_counter SET errors = -1'),
('account_counter_only_grows', 'UPDATE mailproxy.account_counter SET deferred = -1'),
('account_counter_only_grows', 'UPDATE mailproxy.account_counter SET rate_limited = -1'),
('account_counter_only_grows', 'UPDATE mailproxy.account_counter SET in_doubt = -1'),
('attempt_counter_pkey', 'INSERT INTO mailproxy.attempt_counter SELECT * FROM mailproxy.attempt_counter'),
('attempt_counter_reply_class_is_a_digit', 'UPDATE mailproxy.attempt_counter SET reply_class = -1'),
('attempt_counter_reply_class_is_a_digit', 'UPDATE mailproxy.attempt_counter SET reply_class = 6'),
-- rates, rules, and the rest
('rate_bucket_pkey', 'INSERT INTO mailproxy.rate_bucket SELECT * FROM mailproxy.rate_bucket'),
('rate_bucket_taken_is_not_negative', 'UPDATE mailproxy.rate_bucket SET taken = -1'),
('rate_length_pkey', 'INSERT INTO mailproxy.rate_length SELECT * FROM mailproxy.rate_length'),
('rate_length_is_positive', $$UPDATE mailproxy.rate_length SET length = '0'$$),
('rule_pkey', 'INSERT INTO mailproxy.rule OVERRIDING SYSTEM VALUE SELECT * FROM mailproxy.rule'),
('rule_start_hour_is_an_hour', 'UPDATE mailproxy.rule SET start_hour = -1'),
('rule_start_hour_is_an_hour', 'UPDATE mailproxy.rule SET start_hour = 24'),
('rule_end_hour_is_an_hour', 'UPDATE mailproxy.rule SET end_hour = -1'),
('rule_end_hour_is_an_hour', 'UPDATE mailproxy.rule SET end_hour = 24'),
('rule_interval_is_positive', 'UPDATE mailproxy.rule SET interval_minutes = 0'),
('command_log_pkey', 'INSERT INTO mailproxy.command_log OVERRIDING SYSTEM VALUE SELECT * FROM mailproxy.command_log'),
('purge_pass_pkey', 'INSERT INTO mailproxy.purge_pass SELECT * FROM mailproxy.purge_pass'),
('purge_pass_is_one_row', 'INSERT INTO mailproxy.purge_pass (pass_id) VALUES (2)'),
('schema_migration_pkey', 'INSERT INTO mailproxy.schema_migration SELECT * FROM mailproxy.schema_migration'),
('schema_object_pkey', 'INSERT INTO mailproxy.schema_object SELECT * FROM mailproxy.schema_object'),
('schema_object_kind_is_known', $$UPDATE mailproxy.schema_object SET kind = 'trigger' WHERE position = (SELECT max(position) FROM mailproxy.schema_object)$$),
('role_grant_pkey', 'INSERT INTO mailproxy.role_grant SELECT * FROM mailproxy.role_grant');

SELECT is(pg_temp.fate_of(i.statement),
          CASE c.contype WHEN 'c' THEN '23514' WHEN 'f' THEN '23503' ELSE '23505' END || ' ' || i.constraint_name, i.statement)
  FROM illegal i LEFT JOIN pg_constraint c ON c.conname = i.constraint_name AND c.connamespace = 'mailproxy'::regnamespace;

-- Just within the bounds.
SELECT is(pg_temp.fate_of(statement), 'allowed', statement)
  FROM (VALUES
    ($$INSERT INTO mailproxy.tenant (tenant_id) VALUES ('x'), (repeat('x', 255))$$),
    ($$UPDATE mailproxy.tenant SET api_key_hash = decode(repeat('00', 32), 'hex'), api_key_expires_at = now() WHERE tenant_id = 'acme'$$),
    ($$UPDATE mailproxy.tenant SET client_auth_sealed = 'x', client_auth_key_id = 'k', report_secret_sealed = 'x', report_secret_key_id = 'k'$$),
    ($$UPDATE mailproxy.tenant SET retry_delays = '{0,60}', retry_max_age_s = 0, suspended_batches = '{*}'$$),
    ($$UPDATE mailproxy.tenant SET retry_delays = '{}'$$),
    ('UPDATE mailproxy.tenant_sync SET told_seq = news_seq, lease_token = 1, lease_epoch = 1, leased_at = now()'),
    ('UPDATE mailproxy.instance SET default_priority = 0, max_message_octets = 1, max_attachment_octets = 1, bounce_imap_port = 1, bounce_poll_interval_s = 1'),
    ('UPDATE mailproxy.instance SET default_priority = 3, bounce_imap_port = 65535'),
    ('UPDATE mailproxy.instance SET restore_found_at = now(), restore_found_by = 1, restore_seen_at = now(), restore_seen_epoch = 1'),
    ($$UPDATE mailproxy.account SET host = repeat('x', 255), port = 1, imap_port = 1, batch_size = 1, max_connections = 1, timeout_s = 1, ttl_s = 0$$),
    ('UPDATE mailproxy.account SET port = 65535, imap_port = 65535, limit_per_minute = 1, limit_per_hour = 1, limit_per_day = 1, retry_max_age_s = 0'),
    ($$UPDATE mailproxy.account SET paused_at = now(), paused_reason = 'moves', dsn_notify = 'NEVER', dsn_ret = 'HDRS'$$),
    ($$UPDATE mailproxy.account SET dsn_notify = 'SUCCESS,FAILURE,DELAY', dsn_ret = 'FULL'$$),
    ($$UPDATE mailproxy.account SET oauth_grant = 'token', oauth_token_sealed = 'x', oauth_token_key_id = 'k'$$),
    ($$UPDATE mailproxy.account SET oauth_grant = 'client_credentials', oauth_token_url = 'u', oauth_client_id = 'c', oauth_client_secret_sealed = 'x',
       oauth_client_secret_key_id = 'k', oauth_client_auth = 'basic'$$),
    ($$UPDATE mailproxy.account SET oauth_grant = 'refresh_token', oauth_token_url = 'u', oauth_client_id = 'c', oauth_scope = 's',
       oauth_refresh_token_sealed = 'x', oauth_refresh_token_key_id = 'k'$$),
    ($$UPDATE mailproxy.account SET tls_client_cert = 'c', tls_client_cert_expires_at = now(), tls_client_key_sealed = 'x', tls_client_key_key_id = 'k'$$),
    ($$UPDATE mailproxy.account SET limit_behavior = repeat('x', 255)$$),
    ($$UPDATE mailproxy.account SET limit_behavior = ''$$),
    ($$UPDATE mailproxy.account_state SET gate_until = now(), gate_reason = 'refused', failures = 0$$),
    ($$UPDATE mailproxy.account_token SET refresh_at = now(), expires_at = now(), lease_token = 1, leased_until = now(), last_error = 'no', retry_at = now()$$),
    ($$INSERT INTO mailproxy.message (tenant_id, account_id, message_id, mime_message_id, size_octets, priority) VALUES ('other', 'main', 'm1', '<1@test>', 10, 2)$$),
    ($$UPDATE mailproxy.message SET message_id = repeat('x', 255), batch_code = repeat('é', 64), priority = 0$$),
    ($$UPDATE mailproxy.message SET batch_code = 'x', priority = 3, reason = 'later', size_octets = 0$$),
    ($$UPDATE mailproxy.message SET state = 'sent', finished_at = now()$$),
    ($$UPDATE mailproxy.message SET state = 'error', finished_at = now(), reason = 'no'$$),
    ($$UPDATE mailproxy.message SET state = 'cancelled', finished_at = now()$$),
    ($$UPDATE mailproxy.queue SET state = 'leased', lease_token = 1, lease_epoch = 1, leased_at = now(), attempts = 0, priority = 0$$),
    ('UPDATE mailproxy.queue SET priority = 3'),
    ($$UPDATE mailproxy.worker SET lease_s = 1, ended_at = now(), ended_how = 'stopped'$$),
    ($$UPDATE mailproxy.worker SET ended_at = now(), ended_how = 'reaped'$$),
    ('UPDATE mailproxy.attempt_counter SET reply_class = 0'),
    ('UPDATE mailproxy.attempt_counter SET reply_class = 5'),
    ('UPDATE mailproxy.rule SET start_hour = 0, end_hour = 23, interval_minutes = 1')) AS v (statement);

-- What no named constraint forbids, but the types, the keys' generation and the partitions do.
SELECT throws_ok($$UPDATE mailproxy.queue SET state = 'sent'$$, '22P02', NULL, 'a state is one of its enum');
SELECT throws_ok($$UPDATE mailproxy.message SET state = 'deferred'$$, '22P02', NULL, 'deferred is no state of a message');
SELECT throws_ok('UPDATE mailproxy.instance SET sends = true', '428C9', NULL, 'instance.sends follows from active and restore_found_at');
SELECT throws_ok('UPDATE mailproxy.tenant SET limit_per_hour = 1', '428C9', NULL, 'tenant.limit_per_hour follows from rate_limits');
SELECT throws_ok($$INSERT INTO mailproxy.worker (epoch, host, pid, version, lease_s) VALUES (7, 'h', 1, 'v', 60)$$, '428C9', NULL, 'no worker chooses its epoch');
SELECT throws_ok($$INSERT INTO mailproxy.rule (rule_id, priority) VALUES (7, 0)$$, '428C9', NULL, 'no rule chooses its id');
SELECT throws_ok($$UPDATE mailproxy.message SET tenant_id = NULL$$, '23502', NULL, 'a message belongs to a tenant');
SELECT throws_like(format('INSERT INTO mailproxy.%s VALUES (%s)', parent, columns), 'no partition of relation%', parent || ' has no day but those that were made')
  FROM (VALUES ('message_body (message_pk, created_at, content)', $$1, '2000-01-01', '{}'$$),
               ('message_attachment (message_pk, created_at, ordinal, content)', $$1, '2000-01-01', 0, 'x'$$),
               ('attempt (message_pk, ended_at, worker_epoch, attempt, outcome, tenant_id, account_id)', $$1, '2000-01-01', 1, 1, 'sent', 'acme', 'main'$$),
               ('event (message_pk, created_at, event_at, event_type, tenant_id)', $$1, '2000-01-01', now(), 'sent', 'acme'$$)) AS v (parent, columns);

-- No constraint without an attempt to break it, none that attempts name and is not there.
SELECT is_empty($$
    SELECT c.conrelid::regclass, c.conname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
     WHERE c.connamespace = 'mailproxy'::regnamespace AND NOT t.relispartition AND c.conname NOT IN (SELECT constraint_name FROM illegal)$$,
    'somebody tries to break every constraint');
SELECT is_empty($$
    SELECT constraint_name FROM illegal WHERE constraint_name NOT IN (SELECT conname FROM pg_constraint WHERE connamespace = 'mailproxy'::regnamespace)$$,
    'every constraint that is named exists');
SELECT is_empty($$
    SELECT c.conname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
     WHERE c.connamespace = 'mailproxy'::regnamespace AND NOT t.relispartition AND (NOT c.convalidated OR c.condeferrable)
     UNION ALL
    SELECT c.conname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
     WHERE c.connamespace = 'mailproxy'::regnamespace AND NOT t.relispartition GROUP BY c.conname HAVING count(*) > 1$$,
    'every constraint holds for all rows at once, and its name is its own');
SELECT is_empty($$
    SELECT c.conname FROM pg_constraint c
     WHERE c.connamespace = 'mailproxy'::regnamespace AND c.contype = 'c' AND c.conname ~ '_check\d*$'$$,
    'every check is named for what it says, not as PostgreSQL makes names up');

-- What belongs to something goes with it.
DELETE FROM mailproxy.tenant WHERE tenant_id = 'acme';
SELECT is_empty('SELECT FROM mailproxy.' || t, t || ' of a tenant goes with it')
  FROM unnest('{account_state,account_token,account_counter,message,queue}'::text[]) AS t;
SELECT results_eq('SELECT tenant_id FROM mailproxy.account', $$VALUES ('other' COLLATE "C")$$, 'accounts go with their tenant, others stay');
SELECT isnt_empty('SELECT FROM mailproxy.rate_bucket', 'what an account sent still counts when it is made again');
SELECT isnt_empty('SELECT FROM mailproxy.attempt', 'history stays, and leaves with its day');

SELECT * FROM finish();
ROLLBACK;
