-- The whole schema after all migrations. Written by ./dev schema; a test compares it. Partitions by day are left out.

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: mailproxy; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA mailproxy;

--
-- Name: SCHEMA mailproxy; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON SCHEMA mailproxy IS 'The mail proxy: what is to be sent, what became of it, and who is told.';

--
-- Name: blame; Type: TYPE; Schema: mailproxy; Owner: -
--

CREATE TYPE mailproxy.blame AS ENUM (
    'none',
    'recipient',
    'message',
    'account'
);

--
-- Name: TYPE blame; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TYPE mailproxy.blame IS 'Whose fault an attempt''s end was: an account''s makes all its messages wait, a recipient''s settles that recipient alone.';

--
-- Name: draft; Type: TYPE; Schema: mailproxy; Owner: -
--

CREATE TYPE mailproxy.draft AS (
	place integer,
	given_id jsonb,
	reason text,
	tenant_id text,
	message_id text,
	account_id text,
	batch_code text,
	mime_message_id text,
	priority integer,
	size_octets bigint,
	due_s bigint,
	is_pec boolean,
	content json,
	ordinals integer[],
	attachments bytea[],
	superseded boolean,
	message_pk bigint
);

--
-- Name: TYPE draft; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TYPE mailproxy.draft IS 'A message on its way through mailproxy.send_batch(): its place in the batch from 1, the id as it came, why it is rejected, and what is stored of it, with the octets of attachments that came with it. It is open until it has a reason, is superseded by a later one with the same id, or has a message_pk.';

--
-- Name: effect; Type: TYPE; Schema: mailproxy; Owner: -
--

CREATE TYPE mailproxy.effect AS (
	messages bigint,
	busy bigint,
	remaining bigint,
	examples text[]
);

--
-- Name: TYPE effect; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TYPE mailproxy.effect IS 'What a function for operators did, or would do: to how many messages; how many more it was meant for were in a worker''s hands and left alone; how many are left for the next call (max_messages); ids of up to five of the first.';

--
-- Name: event_type; Type: TYPE; Schema: mailproxy; Owner: -
--

CREATE TYPE mailproxy.event_type AS ENUM (
    'sent',
    'error',
    'deferred',
    'bounce',
    'pec_acceptance',
    'pec_delivery',
    'pec_error',
    'pec_timeout'
);

--
-- Name: message_state; Type: TYPE; Schema: mailproxy; Owner: -
--

CREATE TYPE mailproxy.message_state AS ENUM (
    'queued',
    'sent',
    'error',
    'cancelled'
);

--
-- Name: TYPE message_state; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TYPE mailproxy.message_state IS 'queued: has a queue row; the others are final and have none.';

--
-- Name: oauth_client_auth; Type: TYPE; Schema: mailproxy; Owner: -
--

CREATE TYPE mailproxy.oauth_client_auth AS ENUM (
    'body',
    'basic'
);

--
-- Name: TYPE oauth_client_auth; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TYPE mailproxy.oauth_client_auth IS 'How a token endpoint gets to know the client (RFC 6749 2.3.1): in the form of the request, or by HTTP Basic; client_secret_post and client_secret_basic of RFC 7591.';

--
-- Name: oauth_grant; Type: TYPE; Schema: mailproxy; Owner: -
--

CREATE TYPE mailproxy.oauth_grant AS ENUM (
    'token',
    'client_credentials',
    'refresh_token'
);

--
-- Name: TYPE oauth_grant; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TYPE mailproxy.oauth_grant IS 'Where an access token comes from: the account''s owner brought one, or a token endpoint gives it for a grant (RFC 6749 4.4, 6).';

--
-- Name: outcome; Type: TYPE; Schema: mailproxy; Owner: -
--

CREATE TYPE mailproxy.outcome AS ENUM (
    'sent',
    'deferred',
    'error'
);

--
-- Name: TYPE outcome; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TYPE mailproxy.outcome IS 'Of one attempt: the relay took it, it will be tried again, or it never will.';

--
-- Name: queue_state; Type: TYPE; Schema: mailproxy; Owner: -
--

CREATE TYPE mailproxy.queue_state AS ENUM (
    'ready',
    'scheduled',
    'leased',
    'held'
);

--
-- Name: TYPE queue_state; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TYPE mailproxy.queue_state IS 'ready: may be claimed; scheduled: not before due_at; leased: in a worker''s hands; held: its batch is suspended.';

--
-- Name: rate_period; Type: TYPE; Schema: mailproxy; Owner: -
--

CREATE TYPE mailproxy.rate_period AS ENUM (
    'minute',
    'hour',
    'day'
);

--
-- Name: report_format; Type: TYPE; Schema: mailproxy; Owner: -
--

CREATE TYPE mailproxy.report_format AS ENUM (
    'event',
    'seed'
);

--
-- Name: TYPE report_format; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TYPE mailproxy.report_format IS 'Shape of a delivery report entry: only the keys that say something, or all seven with nulls (clients of 2025).';

--
-- Name: slots; Type: TYPE; Schema: mailproxy; Owner: -
--

CREATE TYPE mailproxy.slots AS (
	slots bigint,
	connections bigint,
	at_limit boolean,
	closed_until timestamp with time zone,
	recheck_at timestamp with time zone,
	reason text
);

--
-- Name: TYPE slots; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TYPE mailproxy.slots IS 'How many messages of an account may be claimed; null: another claim is at it. connections: how many the worker may hold. No slots: at_limit tells whether a limit is why, closed_until when that will change, recheck_at when to look again, for what is under way may come back untaken, reason what a person may be told.';

--
-- Name: account_tell_pause(); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.account_tell_pause() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    UPDATE mailproxy.instance SET suspension_seq = suspension_seq + 1;
    RETURN NULL;
END $$;

--
-- Name: FUNCTION account_tell_pause(); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.account_tell_pause() IS 'Trigger: workers hand back what they have not begun of an account that is paused, and claim again when it is resumed.';

--
-- Name: attempt_bounds_ms(); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.attempt_bounds_ms() RETURNS integer[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY[5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 2147483647];

--
-- Name: FUNCTION attempt_bounds_ms(); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.attempt_bounds_ms() IS 'Upper bounds of the histogram of attempt durations, milliseconds; the last one stands for no bound.';

--
-- Name: audit(text); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.audit(of_tenant text DEFAULT NULL::text) RETURNS TABLE(tenant_id text, accepted bigint, sent bigint, error bigint, cancelled bigint, queued bigint, balanced boolean)
    LANGUAGE sql STABLE ROWS 100
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'on'
    SET jit TO 'off'
    AS $$
    SELECT coalesce(m.tenant_id, q.tenant_id), count(m.message_pk),
           count(*) FILTER (WHERE m.state = 'sent'), count(*) FILTER (WHERE m.state = 'error'),
           count(*) FILTER (WHERE m.state = 'cancelled'), count(q.message_pk),
           bool_and(m.message_pk IS NOT NULL AND (m.state = 'queued') = (q.message_pk IS NOT NULL)
                    AND (q.message_pk IS NULL OR (q.tenant_id = m.tenant_id AND q.account_id = m.account_id)))
      FROM mailproxy.message m
      FULL JOIN mailproxy.queue q ON q.message_pk = m.message_pk
     WHERE of_tenant IS NULL OR m.tenant_id = of_tenant OR q.tenant_id = of_tenant
     GROUP BY 1
     ORDER BY 1
$$;

--
-- Name: FUNCTION audit(of_tenant text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.audit(of_tenant text) IS 'For each tenant, or the one that is named: messages stored, those in each final state, and those with a queue row. accepted = sent + error + cancelled + queued, and balanced says that each message has exactly one of a final state and a queue row. One statement, hence one snapshot: true at any moment, also under load. Reads all of message and queue: some 1.5 s a million.';

--
-- Name: backlog_of(text); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.backlog_of(of_tenant text) RETURNS TABLE(tenant_id text, account_id text, messages bigint, ready bigint, sending bigint, deferred bigint, held bigint, oldest_due_at timestamp with time zone, drained_in interval)
    LANGUAGE plpgsql STABLE ROWS 100
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'on'
    SET enable_bitmapscan TO 'on'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT b.tenant_id, b.account_id, b.messages, b.ready, b.sending, b.deferred, b.held, b.oldest_due_at, b.drained_in
      FROM mailproxy.account_backlog b
     WHERE of_tenant IS NULL OR b.tenant_id = of_tenant;
END $$;

--
-- Name: FUNCTION backlog_of(of_tenant text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.backlog_of(of_tenant text) IS 'The rows of account_backlog of one tenant, null: of all, read as is best for them whatever the session''s settings are.';

--
-- Name: cancel(text, text, text, text[], text, boolean, integer, text); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.cancel(tenant_id text, account_id text DEFAULT NULL::text, batch_code text DEFAULT NULL::text, message_ids text[] DEFAULT NULL::text[], reply_class text DEFAULT NULL::text, dry_run boolean DEFAULT true, max_messages integer DEFAULT 10000, reason text DEFAULT 'cancelled by the operator'::text) RETURNS mailproxy.effect
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    done     mailproxy.effect;
    pks      bigint[];
    matching bigint;
BEGIN
    WITH f AS MATERIALIZED (
        SELECT * FROM mailproxy.match_messages('{queued}', cancel.tenant_id, cancel.account_id, cancel.batch_code, message_ids, reply_class)
    ), chosen AS (
        SELECT f.message_pk, f.message_id FROM f WHERE NOT f.leased ORDER BY f.message_pk LIMIT max_messages
    )
    SELECT count(*) FILTER (WHERE NOT f.leased), count(*) FILTER (WHERE f.leased), ARRAY(SELECT c.message_pk FROM chosen c),
           ARRAY(SELECT c.message_id FROM chosen c LIMIT 5)
      INTO matching, done.busy, pks, done.examples
      FROM f;
    IF NOT dry_run THEN
        pks := ARRAY(SELECT q.message_pk FROM mailproxy.queue q
                      WHERE q.message_pk = ANY (pks) AND q.state <> 'leased'
                      ORDER BY q.message_pk
                        FOR UPDATE);
    END IF;
    done.messages := cardinality(pks);
    done.remaining := matching - done.messages;
    IF dry_run OR done.messages = 0 THEN
        RETURN done;
    END IF;
    DELETE FROM mailproxy.queue q WHERE q.message_pk = ANY (pks);
    UPDATE mailproxy.message m
       SET state = 'cancelled', finished_at = now(), updated_at = now(),
           reason = cancel.reason || coalesce('; sent before that to ' || (
               SELECT string_agg(s.recipient ->> 'address', ', ')
                 FROM jsonb_array_elements(m.settled) AS s (recipient) WHERE s.recipient ->> 'outcome' = 'sent'), '')
     WHERE m.message_pk = ANY (pks);
    INSERT INTO mailproxy.event (message_pk, event_at, event_type, tenant_id, description, metadata)
    SELECT m.message_pk, now(), 'error', m.tenant_id, m.reason,
           (SELECT jsonb_build_object('refused', jsonb_agg(s.recipient - 'outcome'))
              FROM jsonb_array_elements(m.settled) AS s (recipient) WHERE s.recipient ->> 'outcome' = 'error'
            HAVING count(*) > 0)
      FROM mailproxy.message m
     WHERE m.message_pk = ANY (pks)
     ORDER BY m.message_pk;
    UPDATE mailproxy.tenant_sync s SET news_seq = s.news_seq + 1 WHERE s.tenant_id = cancel.tenant_id;
    PERFORM pg_notify('mailproxy_wake', '');
    PERFORM mailproxy.log_operation('cancelMessages', cancel.tenant_id,
                                    jsonb_build_object('tenant_id', cancel.tenant_id, 'account_id', cancel.account_id, 'batch_code', cancel.batch_code,
                                                       'message_ids', message_ids, 'reply_class', reply_class, 'reason', cancel.reason), done);
    RETURN done;
END $$;

--
-- Name: FUNCTION cancel(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer, reason text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.cancel(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer, reason text) IS 'Messages that wait (all of the tenant''s, or of this account, batch, with one of these ids, whose last attempt was answered ''4xx'', ''450'', ''4.7.1'' or, by ''none'', not at all) are not sent any more: they become cancelled, which their tenant is told as an error with this reason. Recipients that have it already are named in the reason. Shows what it would do unless dry_run is false; repeat it until messages is 0. SELECT * FROM mailproxy.cancel(''shop'', batch_code => ''spring'', dry_run => false)';

--
-- Name: confirm_restore(boolean); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.confirm_restore(dry_run boolean DEFAULT false) RETURNS TABLE(tenant_id text, account_id text, messages bigint, oldest_at timestamp with time zone, newest_at timestamp with time zone)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    found mailproxy.instance;
    total bigint := 0;
BEGIN
    SELECT * INTO found FROM mailproxy.instance i FOR UPDATE;
    IF found.restore_found_at IS NULL THEN
        RETURN;
    END IF;
    FOR tenant_id, account_id, messages, oldest_at, newest_at IN
        SELECT q.tenant_id, q.account_id, count(*), min(m.created_at), max(m.created_at)
          FROM mailproxy.queue q
               JOIN mailproxy.message m ON m.message_pk = q.message_pk
         WHERE m.created_at <= found.restore_seen_at
         GROUP BY q.tenant_id, q.account_id
         ORDER BY 1, 2
    LOOP
        total := total + messages;
        RETURN NEXT;
    END LOOP;
    IF dry_run THEN
        RETURN;
    END IF;
    -- What was handed out in the lost time, and may still come back from a worker that held it, is never handed out again.
    PERFORM setval('mailproxy.lease_token_seq', nextval('mailproxy.lease_token_seq') + 1000000);
    UPDATE mailproxy.instance i
       SET epoch = greatest(i.epoch, i.restore_seen_epoch) + 1, restore_found_at = NULL, restore_found_by = NULL,
           restore_seen_at = NULL, restore_seen_epoch = NULL;
    INSERT INTO mailproxy.command_log (endpoint, actor, response_status, payload)
    VALUES ('confirmRestore', session_user, 200,
            json_build_object('seen_at', found.restore_seen_at, 'found_at', found.restore_found_at, 'messages', total));
END $$;

--
-- Name: FUNCTION confirm_restore(dry_run boolean); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.confirm_restore(dry_run boolean) IS 'After a restore from backup: send again. Returns, by account, what waits since before the last moment that was lost: it may have been sent in the lost time, and is sent now. With dry_run it only returns that. Without a restore to be confirmed it does nothing. SELECT * FROM mailproxy.confirm_restore(dry_run => true)';

--
-- Name: count_queue(); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.count_queue() RETURNS TABLE(tenant_id text, account_id text, pending bigint, oldest_due_at timestamp with time zone)
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'on'
    SET jit TO 'off'
    AS $$
    SELECT q.tenant_id, q.account_id, count(*),
           min(q.due_at) FILTER (WHERE q.due_at <= now() AND q.state IN ('ready', 'scheduled'))
      FROM mailproxy.queue q
     GROUP BY q.tenant_id, q.account_id
$$;

--
-- Name: FUNCTION count_queue(); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.count_queue() IS 'Per account: messages that are not final yet, and since when the oldest of them that may go has been due. Reads the whole queue: 0.2 s per million.';

--
-- Name: create_partitions(integer); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.create_partitions(days_ahead integer DEFAULT 14) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    parent text;
    day    date;
    name   text;
    made   integer := 0;
BEGIN
    FOREACH parent IN ARRAY ARRAY['message_body', 'message_attachment', 'attempt', 'event'] LOOP
        FOR ahead IN 0 .. days_ahead LOOP
            day := (now() AT TIME ZONE 'UTC')::date + ahead;
            name := parent || '_' || to_char(day, 'YYYYMMDD');
            CONTINUE WHEN to_regclass(format('mailproxy.%I', name)) IS NOT NULL;
            -- ATTACH, unlike CREATE ... PARTITION OF, does not lock the parent against readers and writers.
            EXECUTE format('CREATE TABLE mailproxy.%I (LIKE mailproxy.%I INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY)',
                           name, parent);
            EXECUTE format('ALTER TABLE mailproxy.%I ATTACH PARTITION mailproxy.%I FOR VALUES FROM (%L) TO (%L)',
                           parent, name, day || ' 00:00:00+00', (day + 1) || ' 00:00:00+00');
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

--
-- Name: FUNCTION create_partitions(days_ahead integer); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.create_partitions(days_ahead integer) IS 'Create the missing day partitions from today to days_ahead; returns how many were made. Run every ten seconds by each server and hourly by each worker; safe to run by hand.';

--
-- Name: current_tenant(); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.current_tenant() RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    caller name := coalesce(nullif(current_setting('role'), 'none'), session_user);
    found  text;
BEGIN
    SELECT t.tenant_id INTO found FROM mailproxy.tenant t WHERE t.login_role = caller;
    IF found IS NULL AND NOT has_table_privilege(caller, 'mailproxy.message', 'INSERT') THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('role %I belongs to no tenant', caller),
            HINT = format('UPDATE mailproxy.tenant SET login_role = %L WHERE tenant_id = ...', caller);
    END IF;
    RETURN found;
END $$;

--
-- Name: FUNCTION current_tenant(); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.current_tenant() IS 'The tenant whose login_role the caller is (the role of SET ROLE, else of the login); null: any, for who may write mailproxy.message anyway: superusers, its owner, roles with INSERT on it. Any other role: insufficient_privilege.';

--
-- Name: drop_object(text, text); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.drop_object(of_kind text, of_name text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    granted text[];
BEGIN
    SELECT array_agg(format('GRANT %s ON %s mailproxy.%I TO %s%s', a.privilege_type,
                            CASE of_kind WHEN 'view' THEN 'TABLE' ELSE 'ROUTINE' END, of_name, a.grantee::regrole,
                            CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END))
      INTO granted
      FROM (SELECT c.relowner AS owner, c.relacl AS acl FROM pg_class c
             WHERE of_kind = 'view' AND c.relnamespace = 'mailproxy'::regnamespace AND c.relname = of_name
             UNION ALL
            SELECT p.proowner, p.proacl FROM pg_proc p
             WHERE of_kind = 'function' AND p.pronamespace = 'mailproxy'::regnamespace AND p.proname = of_name) o
     CROSS JOIN LATERAL aclexplode(o.acl) a
     WHERE a.grantee NOT IN (0, o.owner); -- what PUBLIC may do is the file's to say
    UPDATE mailproxy.schema_object o
       SET digest = '', grants = coalesce(granted, o.grants)
     WHERE o.kind = of_kind AND o.name = of_name;
    EXECUTE format('DROP %s IF EXISTS mailproxy.%I', CASE of_kind WHEN 'view' THEN 'VIEW' ELSE 'ROUTINE' END, of_name);
END $$;

--
-- Name: FUNCTION drop_object(of_kind text, of_name text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.drop_object(of_kind text, of_name text) IS 'Drop a view or function that is installed after the migrations, and keep what was granted on it to be granted again.';

--
-- Name: drop_old_partition(bigint, bigint); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.drop_old_partition(content_kept_s bigint, history_kept_s bigint, OUT dropped text, OUT in_use text) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '100ms'
    AS $_$
DECLARE
    old record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('mailproxy.create_partitions')) THEN
        RETURN;
    END IF;
    FOR old IN
        SELECT d.partition, d.parent, d.name
          FROM (SELECT c.oid::regclass AS partition, p.oid::regclass AS parent, c.relname::text AS name,
                       CASE WHEN c.relname ~ ('^' || p.relname || '_[0-9]{8}$') THEN to_date(right(c.relname, 8), 'YYYYMMDD') END AS day,
                       CASE WHEN p.relname IN ('message_body', 'message_attachment') THEN content_kept_s ELSE history_kept_s END AS kept_s
                  FROM pg_inherits i
                  JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r'
                  JOIN pg_class p ON p.oid = i.inhparent AND p.relkind = 'p'
                 WHERE p.relnamespace = 'mailproxy'::regnamespace) d
         WHERE d.kept_s > 0 AND (d.day + 1)::timestamp AT TIME ZONE 'UTC' + make_interval(secs => d.kept_s) <= now()
         ORDER BY d.day, d.name DESC -- a body before what is attached to it
    LOOP
        CONTINUE WHEN mailproxy.partition_holds(old.partition) IS NOT NULL;
        BEGIN
            EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', old.parent);
            IF mailproxy.partition_holds(old.partition) IS NULL THEN -- nor since somebody queued a message of it again
                EXECUTE format('DROP TABLE %s', old.partition);
                dropped := old.name;
                RETURN;
            END IF;
        EXCEPTION WHEN lock_not_available THEN
            in_use := old.name;
            RETURN;
        END;
    END LOOP;
END $_$;

--
-- Name: FUNCTION drop_old_partition(content_kept_s bigint, history_kept_s bigint, OUT dropped text, OUT in_use text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.drop_old_partition(content_kept_s bigint, history_kept_s bigint, OUT dropped text, OUT in_use text) IS 'Drop one day''s partition that is past its time, in seconds after the end of its day (0: for ever), and holds nothing unsent or unreported; dropped: its name. Whoever uses its table at that moment is waited for for a tenth of a second, and no longer, since all that come later wait behind; in_use: which one it was. One call at a time.';

--
-- Name: drop_views(); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.drop_views() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    view_name text;
BEGIN
    FOR view_name IN SELECT o.name FROM mailproxy.schema_object o WHERE o.kind = 'view' ORDER BY o.position DESC LOOP
        BEGIN
            PERFORM mailproxy.drop_object('view', view_name);
        EXCEPTION WHEN dependent_objects_still_exist THEN
            NULL; -- somebody made a view upon it: it will be replaced where it stands
        END;
    END LOOP;
END $$;

--
-- Name: FUNCTION drop_views(); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.drop_views() IS 'Run before each migration, which then may change any column; install_objects() brings the views back.';

--
-- Name: explain_account(text, text); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.explain_account(of_tenant text, of_account text) RETURNS SETOF text
    LANGUAGE sql STABLE ROWS 3
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    SELECT CASE h.state
                WHEN 'paused' THEN format('Account %s is paused: %s. Nothing of it is sent until mailproxy.resume().', of_account, h.reason)
                WHEN 'backed off' THEN format('Account %s is passed by until %s (failures in a row: %s%s): %s. Sooner: run-now, or an update of the account.',
                                              of_account, mailproxy.explain_time(h.next_try_at), h.failures,
                                              ', since ' || mailproxy.explain_time(h.failing_since), coalesce(h.reason, 'nobody knows why'))
                WHEN 'to be tried' THEN format('Account %s was backed off (failures in a row: %s) and is to be tried again now.', of_account, h.failures)
                WHEN 'being tried' THEN format('Account %s was backed off (failures in a row: %s); one worker tries it now, the rest of its messages wait for what comes of it.',
                                               of_account, h.failures)
                WHEN 'at limit' THEN format('Account %s is passed by until %s: %s.', of_account, mailproxy.explain_time(h.next_try_at), h.reason)
                WHEN 'no access token' THEN format('Account %s has no access token: %s. The token endpoint is asked again at %s.', of_account, h.reason,
                                                   mailproxy.explain_time(h.next_try_at))
                WHEN 'crowded' THEN format('Account %s has no connection to spare: other workers hold all of them.', of_account) END
      FROM mailproxy.account_health h
     WHERE h.tenant_id = of_tenant AND h.account_id = of_account AND h.state <> 'ok'
     UNION ALL
    SELECT format('The limit of %s per %s %s is used up: the relay took %s, %s are under way; %s.', r.most, r.period,
                  CASE WHEN r.account_id IS NULL THEN 'of all the tenant''s accounts' ELSE 'of the account' END, r.taken, r.under_way,
                  coalesce('the next one may go at ' || mailproxy.explain_time(r.frees_at), 'what is under way decides'))
      FROM mailproxy.rate_status r
     WHERE r.tenant_id = of_tenant AND coalesce(r.account_id, of_account) = of_account AND r.remaining = 0
     UNION ALL
    SELECT format('Connections to its relay: %s in use%s (%s).', sum(g.connections),
                  coalesce(' of ' || max(a.max_connections), ', how many may be is the workers'' GMP_MAX_CONNECTIONS_PER_ACCOUNT'),
                  string_agg(format('worker %s: %s', g.lease_epoch, g.connections), ', ' ORDER BY g.lease_epoch))
      FROM mailproxy.connection_grant g
      JOIN mailproxy.worker w ON w.epoch = g.lease_epoch AND w.ended_at IS NULL
      JOIN mailproxy.account a ON a.tenant_id = g.tenant_id AND a.account_id = g.account_id
     WHERE g.tenant_id = of_tenant AND g.account_id = of_account
    HAVING count(*) > 0
$$;

--
-- Name: FUNCTION explain_account(of_tenant text, of_account text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.explain_account(of_tenant text, of_account text) IS 'The part of explain_message() on its account: health, limits that are used up, connections in use.';

--
-- Name: explain_history(bigint); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.explain_history(of_message bigint) RETURNS TABLE(at timestamp with time zone, sentence text)
    LANGUAGE sql STABLE ROWS 20
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    SELECT h.at, h.sentence
      FROM (SELECT m.created_at AS at, 1 AS place, 0::bigint AS pk,
                   format('Accepted for account %s with priority %s%s: %s octets.', m.account_id, m.priority,
                          ', batch ' || m.batch_code, m.size_octets) AS sentence
              FROM mailproxy.message m
             WHERE m.message_pk = of_message
             UNION ALL
            SELECT a.ended_at, 2, a.attempt_pk,
                   CASE WHEN a.in_doubt THEN format('Attempt %s is in doubt: %s.', a.attempt, a.reply)
                        ELSE format('Attempt %s: %s%s%s.', a.attempt,
                                    CASE a.outcome WHEN 'sent' THEN 'the relay took it' WHEN 'error' THEN 'refused for good' ELSE 'deferred' END,
                                    CASE WHEN a.outcome <> 'sent' AND a.reply_code IS NULL THEN ', ' || coalesce(a.reply, 'nobody knows why')
                                         WHEN a.outcome <> 'sent' THEN format(', for the relay said "%s"',
                                                                              concat_ws(' ', a.reply_code, a.status, a.reply)) END,
                                    CASE WHEN a.blame <> 'none' AND a.outcome <> 'sent'
                                         THEN format(' (%s, fault of the %s)', coalesce('at ' || a.phase, 'before it connected'), a.blame) END)
                   END || format(' Worker %s%s%s.', a.worker_epoch, ' on ' || w.host,
                                 format(', %s ms waiting to be claimed, %s composing, %s connecting, %s sending',
                                        a.queue_ms, a.compose_ms, a.connect_ms, a.send_ms)
                                 || CASE WHEN a.queue_ms IS NOT NULL THEN '' END)
              FROM mailproxy.attempt a
              LEFT JOIN mailproxy.worker w ON w.epoch = a.worker_epoch
             WHERE a.message_pk = of_message
             UNION ALL
            SELECT m.finished_at, 3, 0,
                   CASE m.state WHEN 'sent' THEN 'Sent, which is final.'
                                WHEN 'error' THEN format('Given up, which is final: %s.', m.reason)
                                ELSE format('Cancelled, which is final%s.', ': ' || m.reason) END
              FROM mailproxy.message m
             WHERE m.message_pk = of_message AND m.state <> 'queued'
             UNION ALL
            SELECT e.reported_at, 4, e.event_pk, format('The tenant was told: %s%s.', e.event_type, ', ' || e.description)
              FROM mailproxy.event e
             WHERE e.message_pk = of_message AND e.reported_at IS NOT NULL) h
     ORDER BY h.at, h.place, h.pk
$$;

--
-- Name: FUNCTION explain_history(of_message bigint); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.explain_history(of_message bigint) IS 'The part of explain_message() that is past: acceptance, attempts, the end, reports; message_pk.';

--
-- Name: explain_lease(bigint); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.explain_lease(of_message bigint) RETURNS SETOF text
    LANGUAGE sql STABLE ROWS 1
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    SELECT format('Worker %s%s has had it in hand since %s: attempt %s is under way.%s', q.lease_epoch,
                  format(' (%s, pid %s)', w.host, w.pid), mailproxy.explain_time(q.leased_at), q.attempts,
                  CASE WHEN w.epoch IS NULL OR w.ended_at IS NOT NULL
                       THEN format(' That worker has ended (%s): another one takes the message over within seconds, and it is in doubt whether the relay has it.', w.ended_how)
                       WHEN w.heartbeat_at < now() - make_interval(secs => w.lease_s)
                       THEN format(' That worker was last heard of at %s and counts as dead: another one takes the message over, and it is in doubt whether the relay has it.',
                                   mailproxy.explain_time(w.heartbeat_at))
                       WHEN w.heartbeat_at < now() - make_interval(secs => w.lease_s / 2.0)
                       THEN format(' That worker was last heard of at %s; after %s s of silence another one takes the message over.',
                                   mailproxy.explain_time(w.heartbeat_at), w.lease_s) END)
      FROM mailproxy.queue q
      LEFT JOIN mailproxy.worker w ON w.epoch = q.lease_epoch
     WHERE q.message_pk = of_message AND q.state = 'leased'
$$;

--
-- Name: FUNCTION explain_lease(of_message bigint); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.explain_lease(of_message bigint) IS 'The part of explain_message() on a message that is leased; message_pk.';

--
-- Name: explain_message(text, text); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.explain_message(of_tenant text, of_message text) RETURNS TABLE(at timestamp with time zone, sentence text)
    LANGUAGE plpgsql STABLE ROWS 20
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    m      record;
    queued boolean;
BEGIN
    SELECT x.message_pk, x.state INTO m
      FROM mailproxy.message x
     WHERE x.tenant_id = of_tenant AND x.message_id = of_message;
    IF NOT FOUND THEN
        RETURN QUERY SELECT date_trunc('second', now()), format('Tenant %s has no message %s: it was never accepted, or was deleted since; mailproxy.command_log tells.',
                                          of_tenant, of_message);
        RETURN;
    END IF;
    RETURN QUERY SELECT date_trunc('second', h.at), h.sentence FROM mailproxy.explain_history(m.message_pk) h;
    RETURN QUERY SELECT date_trunc('second', now()), l.says FROM mailproxy.explain_lease(m.message_pk) AS l (says);
    RETURN QUERY SELECT date_trunc('second', now()), w.says FROM mailproxy.explain_waiting(m.message_pk) AS w (says);
    RETURN QUERY SELECT date_trunc('second', now()), r.says FROM mailproxy.explain_reports(m.message_pk) AS r (says);
    queued := EXISTS (SELECT FROM mailproxy.queue q WHERE q.message_pk = m.message_pk);
    IF queued <> (m.state = 'queued') THEN
        RETURN QUERY SELECT date_trunc('second', now()), format('It is %s and %s in the queue, which must not be: see mailproxy.audit().', m.state,
                                          CASE WHEN queued THEN 'still' ELSE 'not' END);
    END IF;
END $$;

--
-- Name: FUNCTION explain_message(of_tenant text, of_message text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.explain_message(of_tenant text, of_message text) IS 'What happened to a message of a tenant, in order, with times; then, as of now, what state it is in and all that keeps it from being sent, and whether its tenant was told. Reads that message''s rows by index, and what is small. It knows what the database knows: the workers'' own settings, such as GMP_CLIENT_SYNC_URL, it does not.';

--
-- Name: explain_reports(bigint); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.explain_reports(of_message bigint) RETURNS SETOF text
    LANGUAGE sql STABLE ROWS 1
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    SELECT format('The tenant was not told yet: %s. %s', u.what,
                  CASE WHEN NOT i.active THEN 'The service is not active, so nobody is called.'
                       WHEN t.client_base_url IS NULL AND t.tenant_id = 'default'
                       THEN 'Tenant default has no client_base_url: it is called only if the workers have GMP_CLIENT_SYNC_URL, which the database does not know.'
                       WHEN t.client_base_url IS NULL THEN 'It has no client_base_url, so there is nobody to call.'
                       WHEN s.lease_token IS NOT NULL
                       THEN format('Worker %s has been calling it since %s.', s.lease_epoch, mailproxy.explain_time(s.leased_at))
                       WHEN s.retry_at > now()
                       THEN format('Its last call failed (failures in a row: %s): %s. The next one is due at %s, or after run-now.', s.failures, s.last_error,
                                   mailproxy.explain_time(s.retry_at))
                       WHEN s.failures > 0 THEN format('Its last call failed (failures in a row: %s): %s. The next one is due now.', s.failures, s.last_error)
                       ELSE 'It is to be called now.' END)
      FROM (SELECT e.tenant_id, string_agg(e.event_type::text, ', ' ORDER BY e.event_pk) AS what
              FROM mailproxy.event e
             WHERE e.message_pk = of_message AND e.reported_at IS NULL
             GROUP BY e.tenant_id) u
      JOIN mailproxy.tenant t ON t.tenant_id = u.tenant_id
      JOIN mailproxy.tenant_sync s ON s.tenant_id = u.tenant_id
     CROSS JOIN mailproxy.instance i
$$;

--
-- Name: FUNCTION explain_reports(of_message bigint); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.explain_reports(of_message bigint) IS 'The part of explain_message() on reports that are still to come; no row: the tenant knows everything; message_pk.';

--
-- Name: explain_time(timestamp with time zone); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.explain_time(moment timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    SELECT to_char(moment, 'YYYY-MM-DD HH24:MI:SS TZ')
$$;

--
-- Name: FUNCTION explain_time(moment timestamp with time zone); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.explain_time(moment timestamp with time zone) IS 'To the second, in the session''s time zone.';

--
-- Name: explain_waiting(bigint); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.explain_waiting(of_message bigint) RETURNS SETOF text
    LANGUAGE plpgsql STABLE ROWS 5
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    w     record;
    ahead bigint;
BEGIN
    SELECT q.tenant_id, q.account_id, q.state, q.due_at, q.priority, q.attempts, q.waits_for_account, m.retries, m.reason, m.batch_code,
           m.deferred_since, coalesce(a.retry_max_age_s, t.retry_max_age_s) AS max_age_s,
           t.suspended_batches, i.active, i.restore_found_at, i.restore_seen_at,
           EXISTS (SELECT FROM mailproxy.worker l
                    WHERE l.ended_at IS NULL AND l.heartbeat_at >= now() - make_interval(secs => l.lease_s)) AS worked
      INTO w
      FROM mailproxy.queue q
      JOIN mailproxy.message m ON m.message_pk = q.message_pk
      JOIN mailproxy.account a ON a.tenant_id = q.tenant_id AND a.account_id = q.account_id
      JOIN mailproxy.tenant t ON t.tenant_id = q.tenant_id
     CROSS JOIN mailproxy.instance i
     WHERE q.message_pk = of_message AND q.state <> 'leased';
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF NOT w.active THEN
        RETURN NEXT 'The service is not active: nothing is sent until POST /commands/activate.';
    END IF;
    IF w.restore_found_at IS NOT NULL THEN
        RETURN NEXT format('The database was restored to a state before %s: nothing is sent until an operator runs mailproxy.confirm_restore().',
                           mailproxy.explain_time(w.restore_seen_at));
    END IF;
    IF '*' = ANY (w.suspended_batches) THEN
        RETURN NEXT format('Tenant %s is suspended as a whole: nothing of it is sent until it is activated.', w.tenant_id);
    END IF;
    IF w.state = 'held' THEN
        RETURN NEXT format('Batch %s is suspended: the message is held until the batch is activated.', w.batch_code);
    END IF;
    IF NOT w.worked THEN
        RETURN NEXT 'No worker is alive: nothing is sent until mailproxy-worker runs.';
    END IF;
    IF w.due_at > now() AND w.attempts = 0 THEN
        RETURN NEXT format('It is not to be sent before %s, as its sender wished.', mailproxy.explain_time(w.due_at));
    ELSIF w.state = 'scheduled' AND w.due_at > now() THEN
        RETURN NEXT format('Deferred: retry %s is due at %s%s. The last reply: %s.', w.retries, mailproxy.explain_time(w.due_at),
                           CASE WHEN w.waits_for_account THEN ', or at once by run-now or an update of its account' END,
                           coalesce(w.reason, 'unknown'));
    ELSIF w.reason IS NOT NULL THEN
        RETURN NEXT format('It was tried before (attempts: %s, retries used up: %s). The last reply: %s.', w.attempts, w.retries, w.reason);
    END IF;
    IF w.deferred_since IS NOT NULL AND w.max_age_s IS DISTINCT FROM 0 THEN
        RETURN NEXT format('It has failed since %s and is given up at the latest %s.', mailproxy.explain_time(w.deferred_since),
                           coalesce('at ' || mailproxy.explain_time(w.deferred_since + make_interval(secs => w.max_age_s)),
                                    'when that is longer ago than the workers'' GMP_RETRY_MAX_AGE'));
    END IF;
    RETURN QUERY SELECT mailproxy.explain_account(w.tenant_id, w.account_id);
    IF w.state = 'ready' THEN
        SELECT count(*) INTO ahead
          FROM (SELECT FROM mailproxy.queue q
                 WHERE q.state = 'ready' AND q.tenant_id = w.tenant_id AND q.account_id = w.account_id
                   AND (q.priority, q.message_pk) < (w.priority, of_message)
                 LIMIT 10000) q;
        RETURN NEXT format('It may be claimed as soon as nothing of the above is in the way. Messages of the same account that go first: %s.',
                           CASE WHEN ahead = 0 THEN 'none' WHEN ahead = 10000 THEN '10,000 or more' ELSE ahead::text END);
    ELSIF w.state = 'scheduled' AND w.due_at <= now() THEN
        RETURN NEXT format('It has been due since %s: a worker makes it ready within seconds.', mailproxy.explain_time(w.due_at));
    END IF;
END $$;

--
-- Name: FUNCTION explain_waiting(of_message bigint); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.explain_waiting(of_message bigint) IS 'The part of explain_message() on a message that waits: all that is in its way; message_pk.';

--
-- Name: free_slots(text, text, integer, integer, bigint, integer, integer); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.free_slots(of_tenant text, of_account text, place integer, places integer, for_worker bigint, usual_connections integer, share integer) RETURNS mailproxy.slots
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    account record;
    rate    record;
    free    bigint;
    free_at timestamptz;
    answer  mailproxy.slots;
    account_leases bigint := 0;
    tenant_leases  bigint := 0;
BEGIN
    answer.at_limit := false;
    SELECT s.failures, s.gate_reason, coalesce(a.max_connections, usual_connections) AS max_connections,
           a.limit_per_minute, a.limit_per_hour, a.limit_per_day,
           t.limit_per_hour AS tenant_per_hour, t.limit_per_day AS tenant_per_day,
           num_nonnulls(t.limit_per_hour, t.limit_per_day) > 0 AS of_limited_tenant
      INTO account
      FROM mailproxy.account_state s
      JOIN mailproxy.account a ON a.tenant_id = s.tenant_id AND a.account_id = s.account_id
      JOIN mailproxy.tenant t ON t.tenant_id = s.tenant_id
     WHERE s.tenant_id = of_tenant AND s.account_id = of_account
       FOR NO KEY UPDATE OF s SKIP LOCKED;
    IF NOT FOUND OR (account.of_limited_tenant
                     AND NOT pg_try_advisory_xact_lock(hashtextextended('mailproxy.limits of ' || of_tenant, 0))) THEN
        RETURN answer; -- another claim is at it
    END IF;

    SELECT account.max_connections - coalesce(sum(g.connections), 0) INTO answer.connections
      FROM mailproxy.connection_grant g
      JOIN mailproxy.worker w ON w.epoch = g.lease_epoch AND w.ended_at IS NULL
     WHERE g.tenant_id = of_tenant AND g.account_id = of_account AND g.lease_epoch <> for_worker;
    answer.connections := greatest(least(answer.connections, share, CASE WHEN account.failures > 0 THEN 1 END), 0);

    -- Before what was taken is summed up: a message recorded in between counts twice then, and never not at all.
    IF account.failures > 0 OR num_nonnulls(account.limit_per_minute, account.limit_per_hour, account.limit_per_day) > 0 THEN
        SELECT count(*) INTO account_leases
          FROM mailproxy.worker w
          JOIN mailproxy.queue q ON q.lease_epoch = w.epoch AND q.state = 'leased' AND q.tenant_id = of_tenant
                                AND q.account_id = of_account
         WHERE w.ended_at IS NULL;
    END IF;
    IF account.of_limited_tenant THEN
        SELECT count(*) INTO tenant_leases
          FROM mailproxy.worker w
          JOIN mailproxy.queue q ON q.lease_epoch = w.epoch AND q.state = 'leased' AND q.tenant_id = of_tenant
         WHERE w.ended_at IS NULL;
    END IF;

    answer.slots := 2147483647;
    IF account.failures > 0 AND account_leases > 0 THEN
        answer.slots := 0;
        answer.closed_until := now() + interval '1 minute';
        answer.reason := coalesce(account.gate_reason, 'the account is being tried');
    END IF;
    FOR rate IN
        SELECT l.period, l.length, v.most, v.scope, v.leases
          FROM (VALUES ('minute'::mailproxy.rate_period, account.limit_per_minute, of_account, account_leases),
                       ('hour', account.limit_per_hour, of_account, account_leases),
                       ('day', account.limit_per_day, of_account, account_leases),
                       ('hour', account.tenant_per_hour, '', tenant_leases),
                       ('day', account.tenant_per_day, '', tenant_leases)) AS v (period, most, scope, leases)
          JOIN mailproxy.rate_length l ON l.period = v.period
         WHERE v.most IS NOT NULL
    LOOP
        SELECT rate.most - rate.leases - coalesce(sum(b.taken), 0) INTO free
          FROM mailproxy.rate_bucket b
         WHERE b.tenant_id = of_tenant AND b.account_id = rate.scope AND b.period = rate.period
           AND b.bucket_at > now() - rate.length;
        IF free > 0 THEN
            IF rate.scope = '' THEN
                free := free / places + (place <= free % places)::integer;
            END IF;
            answer.slots := least(answer.slots, free);
            CONTINUE;
        END IF;
        answer.slots := 0;
        answer.at_limit := true;
        SELECT min(u.bucket_at) + rate.length INTO free_at
          FROM (SELECT b.bucket_at, sum(b.taken) OVER (ORDER BY b.bucket_at) AS gone
                  FROM mailproxy.rate_bucket b
                 WHERE b.tenant_id = of_tenant AND b.account_id = rate.scope AND b.period = rate.period
                   AND b.bucket_at > now() - rate.length) u
         WHERE u.gone > -free;
        free_at := coalesce(free_at, now() + rate.length); -- of those under way
        IF answer.closed_until IS NULL OR free_at > answer.closed_until THEN
            answer.closed_until := free_at;
            answer.reason := format('%srate limit of %s per %s reached', CASE rate.scope WHEN '' THEN 'tenant''s ' END,
                                    rate.most, rate.period);
        END IF;
    END LOOP;
    answer.recheck_at := CASE WHEN account_leases + tenant_leases > 0 THEN now() + interval '1 second'
                              ELSE answer.closed_until END;
    RETURN answer;
END $$;

--
-- Name: FUNCTION free_slots(of_tenant text, of_account text, place integer, places integer, for_worker bigint, usual_connections integer, share integer); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.free_slots(of_tenant text, of_account text, place integer, places integer, for_worker bigint, usual_connections integer, share integer) IS 'How many messages of an account may be claimed now, by its limits, its tenant''s and its state, and over how many connections. The right to them lasts until the transaction ends. Of what is left to the tenant it gets its share, the place-th of so many places.';

--
-- Name: grant_roles(text, text[], text[]); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.grant_roles(prefix text, roles text[], texts text[]) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    existing CONSTANT regrole[] := ARRAY(SELECT r.oid FROM pg_roles r WHERE r.rolname = ANY (roles));
    statement text;
BEGIN
    IF NOT (SELECT pg_has_role(n.nspowner, 'USAGE') FROM pg_namespace n WHERE n.nspname = 'mailproxy')
       OR EXISTS (SELECT FROM mailproxy.role_grant g
                   WHERE g.prefix = grant_roles.prefix AND g.digest = mailproxy.role_state(roles, texts)) THEN
        RETURN false;
    END IF;
    FOR statement IN
        SELECT format('REVOKE ALL ON SCHEMA mailproxy FROM %s', r)
          FROM unnest(existing) AS r
          JOIN pg_namespace n ON n.nspname = 'mailproxy' AND n.nspowner <> r
         UNION ALL
        SELECT DISTINCT format('REVOKE ALL ON %s %s FROM %s', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass,
                               a.grantee::regrole)
          FROM pg_class c
          LEFT JOIN pg_attribute k ON k.attrelid = c.oid AND k.attacl IS NOT NULL
         CROSS JOIN LATERAL (SELECT x.grantee FROM aclexplode(c.relacl) x UNION SELECT x.grantee FROM aclexplode(k.attacl) x) a
         WHERE c.relnamespace = 'mailproxy'::regnamespace AND a.grantee = ANY (existing) AND a.grantee <> c.relowner
         UNION ALL
        SELECT DISTINCT format('REVOKE ALL ON ROUTINE %s FROM %s', p.oid::regprocedure, a.grantee::regrole)
          FROM pg_proc p
         CROSS JOIN LATERAL aclexplode(p.proacl) a
         WHERE p.pronamespace = 'mailproxy'::regnamespace AND a.grantee = ANY (existing) AND a.grantee <> p.proowner
         UNION ALL
        SELECT format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', p.oid::regprocedure)
          FROM pg_proc p
         WHERE p.pronamespace = 'mailproxy'::regnamespace AND p.prosecdef
         UNION ALL
        SELECT regexp_replace(t.text, '\mmailproxy_(owner|server|worker|dba|tenant)\M', prefix || '_\1', 'g')
          FROM unnest(roles, texts) WITH ORDINALITY AS t (role, text, position)
         WHERE t.role IN (SELECT r.rolname FROM pg_roles r)
    LOOP
        EXECUTE statement;
    END LOOP;
    INSERT INTO mailproxy.role_grant AS g (prefix, digest)
    VALUES (prefix, mailproxy.role_state(roles, texts))
    ON CONFLICT ON CONSTRAINT role_grant_pkey DO UPDATE SET digest = excluded.digest, granted_at = now();
    RETURN true;
END $$;

--
-- Name: FUNCTION grant_roles(prefix text, roles text[], texts text[]); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.grant_roles(prefix text, roles text[], texts text[]) IS 'Take from these roles, as far as they exist, what they may do in this schema, and grant them what the texts say, in which mailproxy_ stands for the prefix. False: there was nothing to do, or the caller is not the schema''s owner.';

--
-- Name: history_begins_at(); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.history_begins_at() RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    SELECT CASE WHEN bool_and(c.relname ~ '^event_[0-9]{8}$')
                THEN min(CASE WHEN c.relname ~ '^event_[0-9]{8}$' THEN to_date(right(c.relname, 8), 'YYYYMMDD') END)::timestamp AT TIME ZONE 'UTC'
                ELSE '-infinity' END
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'mailproxy.event'::regclass
$_$;

--
-- Name: FUNCTION history_begins_at(); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.history_begins_at() IS 'No event is older. A final message from before that, without an event, was told of: its events have left with their day, which none does before they are told.';

--
-- Name: install_objects(text[], text[], text[], text[]); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.install_objects(kinds text[], names text[], digests text[], texts text[]) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    object    record;
    statement text;
    installed integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM unnest(kinds, names, digests) AS u (kind, name, digest)
                     FULL JOIN mailproxy.schema_object o ON o.kind = u.kind AND o.name = u.name
                    WHERE o.digest IS DISTINCT FROM u.digest) THEN
        RETURN 0;
    END IF;
    PERFORM mailproxy.drop_views();
    FOR object IN SELECT o.kind, o.name, u.name IS NULL AS has_left
                    FROM mailproxy.schema_object o
                    LEFT JOIN unnest(kinds, names, digests) AS u (kind, name, digest) ON u.kind = o.kind AND u.name = o.name
                   WHERE u.name IS NULL OR (o.kind = 'function' AND u.digest <> o.digest)
                   ORDER BY o.position DESC LOOP
        BEGIN
            PERFORM mailproxy.drop_object(object.kind, object.name);
        EXCEPTION WHEN dependent_objects_still_exist THEN
            IF object.has_left THEN
                RAISE;
            END IF;
        END;
        DELETE FROM mailproxy.schema_object o WHERE object.has_left AND o.kind = object.kind AND o.name = object.name;
    END LOOP;
    FOR object IN SELECT u.kind, u.name, u.digest, u.text, u.position
                    FROM unnest(kinds, names, digests, texts) WITH ORDINALITY AS u (kind, name, digest, text, position)
                    LEFT JOIN mailproxy.schema_object o ON o.kind = u.kind AND o.name = u.name
                   WHERE u.kind = 'view' OR o.digest IS DISTINCT FROM u.digest
                   ORDER BY u.position LOOP
        BEGIN
            EXECUTE object.text;
        EXCEPTION WHEN OTHERS THEN
            RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = format('%s %s: %s', object.kind, object.name, SQLERRM);
        END;
        IF (SELECT count(*) FROM pg_proc p
             WHERE p.pronamespace = 'mailproxy'::regnamespace AND p.proname = object.name) <> (object.kind = 'function')::integer THEN
            RAISE EXCEPTION 'something depends on the old form of function %, which has other parameters', object.name;
        END IF;
        FOREACH statement IN ARRAY coalesce((SELECT o.grants FROM mailproxy.schema_object o
                                              WHERE o.kind = object.kind AND o.name = object.name), '{}') LOOP
            EXECUTE statement;
        END LOOP;
        INSERT INTO mailproxy.schema_object (kind, name, position, digest)
        VALUES (object.kind, object.name, object.position, object.digest)
        ON CONFLICT (kind, name) DO UPDATE
           SET position = excluded.position, digest = excluded.digest, grants = '{}', installed_at = now();
        installed := installed + 1;
    END LOOP;
    RETURN greatest(installed, 1);
END $$;

--
-- Name: FUNCTION install_objects(kinds text[], names text[], digests text[], texts text[]); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.install_objects(kinds text[], names text[], digests text[], texts text[]) IS 'Install these views and functions in this order, drop those that are no longer among them; returns how many were installed, 0 when all were there already. What other roles were granted stays granted.';

--
-- Name: instance_tell_suspension(); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.instance_tell_suspension() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF (NEW.active, NEW.restore_found_at IS NULL) IS DISTINCT FROM (OLD.active, OLD.restore_found_at IS NULL) THEN
        NEW.suspension_seq := OLD.suspension_seq + 1;
    END IF;
    IF NEW.suspension_seq <> OLD.suspension_seq THEN
        PERFORM pg_notify('mailproxy_wake', 'suspension');
    END IF;
    RETURN NEW;
END $$;

--
-- Name: FUNCTION instance_tell_suspension(); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.instance_tell_suspension() IS 'Trigger: whatever suspends or activates raises instance.suspension_seq and wakes the workers.';

--
-- Name: intake_a_labels(text); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_a_labels(given text, OUT reason text, OUT domain text) RETURNS record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
DECLARE
    mapped text := regexp_replace(given, '[\u00ad\u200b\u2060\ufe00-\ufe0f\ufeff]', '', 'g');
BEGIN
    IF to_regcollation('pg_catalog."und-x-icu"') IS NOT NULL THEN
        mapped := lower(mapped COLLATE "und-x-icu"); -- the database's own may know of no letter beyond ASCII
    ELSE
        mapped := lower(mapped);
    END IF;
    mapped := translate(normalize(mapped, NFKC), '。', '.');
    IF mapped ~ ('[^\u0001-\u007f\u00b7\u00df-\u00f6\u00f8-\u1fff\u200c\u200d\u2c00-\u2fff\u3005-\ud7ff\uf900-\ufdff\ufe20-\ufe2f'
                 '\ufe70-\ufefc\U00010000-\U0001cfff\U0001e000-\U0001efff\U00020000-\U000323af]') THEN
        reason := 'domain is not an internationalised name: string contains a disallowed character';
        RETURN;
    END IF;
    domain := (SELECT coalesce(string_agg(CASE WHEN l.label ~ '[^\u0001-\u007f]' THEN mailproxy.intake_punycode(l.label) ELSE l.label END,
                                 '.' ORDER BY l.place), '')
                 FROM string_to_table(mapped, '.') WITH ORDINALITY AS l (label, place));
END $$;

--
-- Name: FUNCTION intake_a_labels(given text, OUT reason text, OUT domain text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_a_labels(given text, OUT reason text, OUT domain text) IS 'reason: why this is no internationalised domain; or domain: the same in A-labels, still to be checked as any other.';

--
-- Name: intake_address_spec(text); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_address_spec(spec text, OUT reason text, OUT domain text) RETURNS record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $_$
DECLARE
    -- ASCII that is neither atext nor a dot (RFC 5322 3.2.3).
    no_atom   CONSTANT text := '[\u0001-\u0020"(),:;<>@\[\\\]\u007f]';
    local     text; -- what it stands for, without quotes
    prefix    text;
    taken     integer; -- characters of spec before the @
    quoted    boolean := left(spec, 1) = '"';
    checked   record;
BEGIN
    IF quoted THEN
        prefix := substring(spec FROM '^"((?:[^"\\]|\\[\u0001-\u007f])*)');
        local := regexp_replace(prefix, '\\(.)', '\1', 'g');
        taken := length(prefix) + 2;
        reason := CASE WHEN octet_length(local) > 64 THEN 'local part is longer than 64 octets'
                       WHEN substr(spec, taken, 1) = '\' THEN 'local part has a misplaced backslash'
                       WHEN substr(spec, taken, 1) <> '"' THEN 'local part has an unclosed quote' END;
    ELSIF strpos(spec, '@') = 0 THEN
        reason := 'is not an address';
    ELSE
        taken := strpos(spec, '@') - 1;
        local := left(spec, taken);
        prefix := substring(local FROM '^(.*?)(?:' || no_atom || '|$)');
        reason := CASE WHEN local = '' THEN 'local part is empty'
                       WHEN prefix ~ '^\.|\.\.' OR prefix = local AND local ~ '\.$'
                       THEN 'local part has a dot at an end, or two in a row'
                       WHEN prefix <> local THEN 'local part has a character that needs quotes'
                       WHEN octet_length(local) > 64 THEN 'local part is longer than 64 octets' END;
    END IF;
    IF reason IS NOT NULL THEN
        RETURN;
    ELSIF substr(spec, taken + 1, 1) <> '@' THEN
        reason := 'is not an address';
    ELSIF octet_length(substr(spec, taken + 2)) > 1023 THEN
        reason := 'is longer than 254 octets';
    ELSIF quoted AND (local = '' OR local ~ no_atom OR local ~ '^\.|\.\.|\.$') THEN -- on the wire it has quotes
        local := '"' || regexp_replace(local, '(["\\])', '\\\1', 'g') || '"';
        reason := CASE WHEN octet_length(local) > 64 THEN 'local part is longer than 64 octets' END;
    END IF;
    IF reason IS NULL THEN
        checked := mailproxy.intake_domain(substr(spec, taken + 2));
        reason := checked.reason;
        domain := checked.domain;
    END IF;
    IF reason IS NULL AND octet_length(local) + 1 + length(domain) > 254 THEN
        reason := 'is longer than 254 octets';
    END IF;
END $_$;

--
-- Name: FUNCTION intake_address_spec(spec text, OUT reason text, OUT domain text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_address_spec(spec text, OUT reason text, OUT domain text) IS 'reason: why this is no address, in the API''s words; null: it is one, and domain is its domain on the wire.';

--
-- Name: intake_addresses(text, boolean); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_addresses(list text, one boolean, OUT reason text, OUT total integer, OUT domain text) RETURNS record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
DECLARE
    token   text; -- null: the end
    mode    text := 'blank'; -- before an entry; then entry; angle: behind its <; tail: behind its >
    opener  text; -- of the quote, comment or bracket we are in; null: none
    closer  text;
    depth   integer;
    escaped boolean := false;
    entry   text; -- as far as it is read
    spec    text; -- of it, what is the address
    named   boolean;
    checked record;
BEGIN
    total := 0;
    IF list ~ '[\u0001-\u001f\u007f-\u009f]' THEN
        reason := CASE WHEN list ~ '[\r\n]' THEN 'contains CR or LF' ELSE 'contains a control character' END;
        RETURN;
    END IF;
    FOREACH token IN ARRAY ARRAY(SELECT m[1] FROM regexp_matches(list, '([^]["\\()<>:;, ]+|.)', 'g') AS m) || NULL::text LOOP
        IF opener IS NULL AND mode = 'blank' AND token IS NOT NULL AND token NOT IN (' ', '(', ',') THEN
            total := total + 1;
            IF total > 10000 THEN
                reason := 'is more than 10000 addresses';
                RETURN;
            END IF;
            mode := 'entry';
            entry := '';
            spec := '';
            named := false;
        END IF;
        IF opener IS NOT NULL THEN
            IF token IS NULL THEN
                reason := CASE WHEN mode = 'tail' THEN 'has text behind ''>'''
                               WHEN opener = '"' THEN 'has an unclosed quote'
                               WHEN opener = '(' THEN 'has an unclosed comment'
                               ELSE 'has an unclosed bracket' END;
                RETURN;
            END IF;
            depth := CASE WHEN escaped THEN depth WHEN token = closer THEN depth - 1
                          WHEN token = opener THEN depth + 1 ELSE depth END;
            escaped := NOT escaped AND token = '\';
            IF mode = 'angle' THEN
                spec := spec || token;
            ELSIF mode = 'entry' THEN
                entry := entry || token;
                spec := CASE WHEN depth = 0 AND opener <> '(' THEN entry ELSE spec END;
            END IF;
            opener := CASE WHEN depth > 0 THEN opener END;
        ELSIF token = '"' AND mode IN ('entry', 'angle') OR token = '(' AND mode <> 'angle' OR token = '[' AND mode = 'entry' THEN
            opener := token;
            closer := translate(token, '([', ')]');
            depth := 1;
            IF mode = 'angle' THEN
                spec := spec || token;
            ELSIF mode = 'entry' THEN
                entry := entry || token;
            END IF;
        ELSIF mode = 'blank' THEN
            IF one AND token = ',' AND total = 0 THEN
                reason := 'is not an address';
                RETURN;
            END IF;
        ELSIF mode = 'angle' THEN
            IF token IS NULL OR token = '<' THEN
                reason := 'has a ''<'' without ''>''';
                RETURN;
            ELSIF token = '>' THEN
                mode := 'tail';
            ELSE
                spec := spec || token;
            END IF;
        ELSIF token IS NULL OR token = ',' THEN
            checked := mailproxy.intake_address_spec(CASE WHEN named THEN btrim(spec, ' ') ELSE spec END);
            reason := checked.reason;
            domain := checked.domain;
            IF reason IS NULL AND named THEN
                reason := mailproxy.intake_display_name_reason(entry);
            END IF;
            IF reason IS NULL AND one AND token = ',' THEN
                reason := 'is more than one address';
            END IF;
            IF reason IS NOT NULL THEN
                RETURN;
            END IF;
            mode := 'blank';
        ELSIF mode = 'tail' THEN
            IF token <> ' ' THEN
                reason := 'has text behind ''>''';
                RETURN;
            END IF;
        ELSIF token = '<' THEN
            mode := 'angle';
            named := true;
            spec := '';
        ELSIF token IN (':', ';', '>') THEN
            reason := CASE WHEN token = '>' THEN 'has a ''>'' without ''<''' ELSE 'is a group' END;
            RETURN;
        ELSE
            entry := entry || token;
            spec := CASE WHEN token = ' ' THEN spec ELSE entry END;
        END IF;
    END LOOP;
    IF one AND total = 0 THEN
        reason := 'is empty';
    END IF;
END $$;

--
-- Name: FUNCTION intake_addresses(list text, one boolean, OUT reason text, OUT total integer, OUT domain text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_addresses(list text, one boolean, OUT reason text, OUT total integer, OUT domain text) IS 'reason: why this is no list of addresses (or, with one: not exactly one), in the API''s words; null: it is, of total addresses, and domain is that of the last one on the wire.';

--
-- Name: intake_attachment(jsonb, integer, bigint); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_attachment(item jsonb, number integer, max_octets bigint, OUT reason text, OUT stored text, OUT octets bytea) RETURNS record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $_$
DECLARE
    source   text; -- the member that says where the octets are
    place    text; -- what it says; of s3 its key
    mode     text := nullif(item -> 'fetch_mode', 'null') #>> '{}';
    encoded  text;
    filename text;
    member   record;
    why      text;
    auth     jsonb := nullif(item -> 'auth', 'null');
BEGIN
    IF jsonb_typeof(item) <> 'object' THEN
        reason := format('invalid attachments: attachment %s is not an object', number);
        RETURN;
    END IF;
    source := (SELECT s FROM unnest(ARRAY['storage_path', 's3', 'url', 'content']) WITH ORDINALITY AS m (s, rank)
                WHERE nullif(item -> s, 'null') IS NOT NULL ORDER BY rank LIMIT 1);
    IF source IS NULL THEN
        reason := format('invalid attachments: attachment %s has no storage_path, content, url or s3', number);
        RETURN;
    END IF;
    place := CASE source WHEN 's3' THEN item #>> '{s3,key}' ELSE item ->> source END;
    -- The order is the API's: the source, its mode, the name, the rest.
    CASE source
    WHEN 'storage_path' THEN
        why := coalesce(mailproxy.intake_text_reason(item -> source, false), CASE WHEN place = '' THEN 'is empty' END);
        IF why IS NULL AND mode IS NULL THEN
            mode := CASE WHEN place LIKE 'base64:%' THEN 'base64' WHEN place ~* '^https?://' THEN 'http_url'
                         WHEN place LIKE '/%' THEN 'filesystem' ELSE 'endpoint' END;
        ELSIF why IS NULL THEN
            why := coalesce(mailproxy.intake_text_reason(item -> 'fetch_mode', false),
                            CASE WHEN mode NOT IN ('endpoint', 'http_url', 'base64', 'filesystem')
                                 THEN 'is not endpoint, http_url, base64 or filesystem' END);
            source := CASE WHEN why IS NULL THEN source ELSE 'fetch_mode' END;
        END IF;
        IF why IS NULL AND mode <> 'base64' THEN
            why := coalesce(mailproxy.intake_line_reason(item -> source, 8192),
                            CASE WHEN mode = 'http_url' AND place !~* '^https?://' THEN 'is not an http or https URL' END);
        END IF;
    WHEN 's3' THEN
        mode := 'endpoint';
        why := coalesce(mailproxy.intake_line_reason(item #> '{s3,bucket}', 8192), mailproxy.intake_line_reason(item #> '{s3,key}', 8192),
                        CASE WHEN coalesce(item #>> '{s3,bucket}', '') = '' OR coalesce(place, '') = '' THEN 'needs a bucket and a key' END);
    WHEN 'url' THEN
        mode := 'http_url';
        why := coalesce(mailproxy.intake_line_reason(item -> 'url', 8192),
                        CASE WHEN place !~* '^https?://' THEN 'is not an http or https URL' END);
    ELSE
        mode := 'base64';
        why := mailproxy.intake_text_reason(item -> 'content', false);
    END CASE;
    IF why IS NOT NULL THEN
        reason := format('invalid attachments: %s of attachment %s %s', source, number, why);
        RETURN;
    END IF;
    filename := nullif(item ->> 'filename', '');
    why := mailproxy.intake_line_reason(item -> 'filename', 8192);
    IF why IS NULL THEN
        IF filename IS NULL AND mode <> 'base64' THEN
            filename := CASE WHEN source <> 's3' AND place ~* '^https?://' THEN substring(place FROM '^[^?#]*') ELSE place END;
            filename := nullif(substring(filename FROM '[^/:\\]*$'), '');
        END IF;
        filename := coalesce(filename, 'file.bin');
        why := CASE WHEN length(filename) > 255 THEN 'is longer than 255 characters' END;
    END IF;
    IF why IS NOT NULL THEN
        reason := format('invalid attachments: filename of attachment %s %s', number, why);
        RETURN;
    END IF;
    FOR member IN
        SELECT * FROM (VALUES ('mime_type', 1, mailproxy.intake_line_reason(item -> 'mime_type', 8192)),
                              ('content_md5', 2, CASE WHEN nullif(nullif(item -> 'content_md5', 'null'), '""')::text
                                                           !~ '^"[0-9A-Fa-f]{32}"$' THEN 'is not 32 hexadecimal digits' END),
                              ('auth', 3, CASE WHEN jsonb_typeof(auth) <> 'object' THEN 'is not an object' END),
                              ('auth', 4, mailproxy.intake_line_reason(auth -> 'method', 8192)),
                              ('auth', 5, mailproxy.intake_line_reason(auth -> 'user', 8192)),
                              ('auth', 6, mailproxy.intake_line_reason(auth -> 'password', 8192)),
                              ('auth', 7, mailproxy.intake_line_reason(auth -> 'token', 8192))) AS c (name, rank, why)
         WHERE c.why IS NOT NULL ORDER BY c.rank LIMIT 1
    LOOP
        reason := format('invalid attachments: %s of attachment %s %s', member.name, number, member.why);
        RETURN;
    END LOOP;
    IF mode = 'base64' THEN
        encoded := regexp_replace(CASE WHEN source = 'storage_path' THEN regexp_replace(place, '^base64:', '') ELSE place END,
                                  '[ \t-\r]', '', 'g');
        IF encoded !~ '^[A-Za-z0-9+/]*={0,2}$' OR length(rtrim(encoded, '=')) % 4 = 1
           OR encoded LIKE '%=' AND length(encoded) % 4 <> 0 THEN
            reason := format('invalid attachments: content of attachment %s is not base64', number);
            RETURN;
        END IF;
        octets := decode(encoded || repeat('=', (4 - length(encoded) % 4) % 4), 'base64');
        IF octet_length(octets) > max_octets THEN
            reason := format('invalid attachments: attachment %s is over the limit of %s octets', number, max_octets);
            RETURN;
        END IF;
    END IF;
    IF coalesce(nullif(auth -> 'password', 'null'), nullif(auth -> 'token', 'null')) IS NOT NULL THEN
        reason := format('invalid attachments: auth of attachment %s: a password or token is sealed by the server: send this message over HTTP',
                         number);
        RETURN;
    END IF;
    stored := (SELECT '{' || string_agg(to_json(c.name)::text || ':' || c.text, ',' ORDER BY c.rank) || '}'
                 FROM (VALUES ('filename', 1, to_json(filename)::text),
                              (source, 2, CASE WHEN mode = 'base64' THEN octet_length(octets)::text
                                               WHEN source = 's3' THEN format('{"bucket":%s,"key":%s}', item #> '{s3,bucket}', item #> '{s3,key}')
                                               ELSE (item -> source)::text END),
                              ('fetch_mode', 3, to_json(mode)::text),
                              ('mime_type', 4, nullif(item -> 'mime_type', 'null')::text),
                              ('content_md5', 5, nullif(item -> 'content_md5', 'null')::text),
                              ('auth', 6, '{' || concat_ws(',', '"method":' || nullif(auth -> 'method', 'null')::text,
                                                               '"user":' || nullif(auth -> 'user', 'null')::text) || '}')) AS c (name, rank, text)
                WHERE c.text IS NOT NULL AND (c.name <> 'auth' OR auth IS NOT NULL));
END $_$;

--
-- Name: FUNCTION intake_attachment(item jsonb, number integer, max_octets bigint, OUT reason text, OUT stored text, OUT octets bytea); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_attachment(item jsonb, number integer, max_octets bigint, OUT reason text, OUT stored text, OUT octets bytea) IS 'reason: why it cannot be the number-th attachment of a message, in the API''s words; or stored: what stands in the message''s JSON, and octets, where they came with the message as base64.';

--
-- Name: intake_check(mailproxy.draft, jsonb, bigint, bigint, integer); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_check(draft mailproxy.draft, message jsonb, max_message_octets bigint, max_attachment_octets bigint, fallback_priority integer) RETURNS mailproxy.draft
    LANGUAGE plpgsql
    AS $_$
DECLARE
    checked     record;
    domain      text;
    from_reason text;
    mime_id     text;
BEGIN
    IF nullif(message -> 'from', 'null') IS NULL THEN
        message := message || jsonb_build_object('from', coalesce(nullif(message -> 'from_addr', 'null'), message -> 'from_'));
    END IF;
    from_reason := mailproxy.intake_text_reason(message -> 'from', true);
    IF from_reason IS NULL THEN
        checked := mailproxy.intake_addresses(message ->> 'from', true);
        from_reason := checked.reason;
        domain := checked.domain;
    END IF;
    mime_id := regexp_replace(btrim(message ->> 'message_id', E' \t'), '^<(.*)>$', '\1');
    draft.reason := coalesce(
        'invalid id: ' || mailproxy.intake_line_reason(message -> 'id', 255),
        'invalid batch_code: ' || mailproxy.intake_text_reason(message -> 'batch_code', false),
        CASE WHEN length(message ->> 'batch_code') > 64 THEN 'invalid batch_code: is longer than 64 characters'
             WHEN strpos(message ->> 'batch_code', ',') > 0 THEN 'invalid batch_code: contains a comma' END,
        'invalid from: ' || from_reason,
        'invalid to: ' || mailproxy.intake_recipients_reason(message -> 'to', true),
        'invalid cc: ' || mailproxy.intake_recipients_reason(message -> 'cc', true),
        'invalid bcc: ' || mailproxy.intake_recipients_reason(message -> 'bcc', true),
        'invalid reply_to: ' || mailproxy.intake_recipients_reason(message -> 'reply_to', false),
        'invalid return_path: ' || mailproxy.intake_text_reason(message -> 'return_path', true),
        CASE WHEN message ->> 'return_path' !~ '^ *(<>)? *$' -- the null reverse-path
             THEN 'invalid return_path: ' || (mailproxy.intake_addresses(message ->> 'return_path', true)).reason END,
        'invalid message_id: ' || mailproxy.intake_text_reason(message -> 'message_id', true),
        CASE WHEN octet_length(mime_id) > 900 THEN 'invalid message_id: is longer than 900 octets'
             WHEN mime_id ~ '[^\u0021-\u003b\u003d\u003f-\u007e]'
             THEN 'invalid message_id: is not of visible ASCII characters' END,
        'invalid subject: ' || mailproxy.intake_text_reason(message -> 'subject', true),
        'invalid body: ' || mailproxy.intake_text_reason(message -> 'body', false),
        'invalid content_type: ' || mailproxy.intake_text_reason(message -> 'content_type', false),
        mailproxy.intake_headers_reason(message -> 'headers'),
        CASE WHEN message -> 'deferred_ts' <> 'null' -- the end of the year 9999
              AND coalesce(mailproxy.intake_integer(message -> 'deferred_ts') > 253402300799, true)
             THEN 'invalid deferred_ts: is not a time in seconds since the epoch' END);
    IF draft.reason IS NOT NULL THEN
        RETURN draft;
    END IF;
    draft.message_id := message ->> 'id';
    draft.batch_code := nullif(message ->> 'batch_code', '');
    draft.mime_message_id := '<' || coalesce(nullif(mime_id, ''), replace(gen_random_uuid()::text, '-', '') || '@' || domain) || '>';
    draft.priority := mailproxy.intake_priority(message -> 'priority', fallback_priority);
    draft.due_s := nullif(greatest(mailproxy.intake_integer(message -> 'deferred_ts'), 0), 0);
    RETURN mailproxy.intake_content(draft, message, max_message_octets, max_attachment_octets);
END $_$;

--
-- Name: FUNCTION intake_check(draft mailproxy.draft, message jsonb, max_message_octets bigint, max_attachment_octets bigint, fallback_priority integer); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_check(draft mailproxy.draft, message jsonb, max_message_octets bigint, max_attachment_octets bigint, fallback_priority integer) IS 'The draft with all that is stored of the message, or with the reason why it is rejected, in the API''s words.';

--
-- Name: intake_content(mailproxy.draft, jsonb, bigint, bigint); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_content(draft mailproxy.draft, message jsonb, max_message_octets bigint, max_attachment_octets bigint) RETURNS mailproxy.draft
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
DECLARE
    field  text;
    value  jsonb;
    part   text;
    parts  text[] := '{}';
    items  text[] := '{}';
    item   jsonb;
    taken  record;
    octets bigint := 0;
BEGIN
    draft.ordinals := '{}';
    draft.attachments := '{}';
    FOREACH field IN ARRAY ARRAY['id', 'tenant_id', 'account_id', 'from', 'to', 'cc', 'bcc', 'reply_to', 'return_path', 'subject',
                                 'body', 'content_type', 'headers', 'message_id', 'attachments', 'priority', 'deferred_ts',
                                 'batch_code'] LOOP
        value := message -> field;
        CONTINUE WHEN value IS NULL AND field <> 'priority';
        part := value::text;
        IF field = 'priority' THEN
            part := draft.priority::text;
        ELSIF field = 'attachments' AND value <> 'null' THEN
            IF jsonb_typeof(value) <> 'array' OR jsonb_array_length(value) > 1000 THEN
                draft.reason := 'invalid attachments: ' || CASE jsonb_typeof(value) WHEN 'array' THEN 'more than 1000 of them'
                                                                                    ELSE 'is not an array' END;
                RETURN draft;
            END IF;
            FOR item IN SELECT v.value FROM jsonb_array_elements(value) AS v LOOP
                taken := mailproxy.intake_attachment(item, cardinality(items) + 1, max_attachment_octets);
                IF taken.reason IS NOT NULL THEN
                    draft.reason := taken.reason;
                    RETURN draft;
                ELSIF taken.octets IS NOT NULL THEN
                    draft.ordinals := draft.ordinals || cardinality(items);
                    draft.attachments := draft.attachments || taken.octets;
                    octets := octets + octet_length(taken.octets);
                END IF;
                items := items || taken.stored;
            END LOOP;
            part := '[' || array_to_string(items, ',') || ']';
        ELSIF jsonb_typeof(value) = 'array' THEN -- without the blanks that jsonb puts between
            part := (SELECT '[' || coalesce(string_agg(v.value::text, ',' ORDER BY v.place), '') || ']'
                       FROM jsonb_array_elements(value) WITH ORDINALITY AS v (value, place));
        ELSIF jsonb_typeof(value) = 'object' THEN
            part := (SELECT '{' || coalesce(string_agg(to_json(e.key)::text || ':' || e.value::text, ','), '') || '}'
                       FROM jsonb_each(value) AS e);
        END IF;
        parts := parts || (to_json(field)::text || ':' || part);
    END LOOP;
    part := '{' || array_to_string(parts, ',') || '}';
    octets := octets + octet_length(part);
    IF octets > max_message_octets THEN
        draft.reason := format('invalid message: is over the limit of %s octets', max_message_octets);
    ELSE
        draft.content := part;
        draft.size_octets := octets;
    END IF;
    RETURN draft;
END $$;

--
-- Name: FUNCTION intake_content(draft mailproxy.draft, message jsonb, max_message_octets bigint, max_attachment_octets bigint); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_content(draft mailproxy.draft, message jsonb, max_message_octets bigint, max_attachment_octets bigint) IS 'The draft with its content, attachments and size_octets; or with the reason why it is rejected: an attachment is wrong, or it is over a limit.';

--
-- Name: intake_display_name_reason(text); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_display_name_reason(phrase text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $_$
DECLARE
    word   text[];
    octets text := ''; -- in hexadecimal, a blank before each
BEGIN
    IF octet_length(phrase) > 2000 THEN
        RETURN 'display name is longer than 2000 octets';
    END IF;
    FOR word IN SELECT m FROM regexp_matches(phrase, '=\?[^?]+\?([QqBb])\?([^? ]*)\?=', 'g') AS m LOOP
        IF lower(word[1]) = 'q' THEN
            octets := octets || coalesce((SELECT string_agg(' ' || lower(m[1]), '') FROM regexp_matches(word[2], '=([0-9A-Fa-f]{2})', 'g') AS m), '');
        ELSIF word[2] ~ '^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$' THEN
            octets := octets || regexp_replace(encode(decode(word[2], 'base64'), 'hex'), '(..)', ' \1', 'g');
        END IF;
    END LOOP;
    RETURN CASE WHEN octets ~ ' 0[ad]' THEN 'display name contains CR or LF'
                WHEN octets ~ ' ([01].|7f|c2 [89].)' THEN 'display name contains a control character' END;
END $_$;

--
-- Name: FUNCTION intake_display_name_reason(phrase text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_display_name_reason(phrase text) IS 'Why a display name cannot stand before its address, in the API''s words; null: it can.';

--
-- Name: intake_domain(text); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_domain(given text, OUT reason text, OUT domain text) RETURNS record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $_$
DECLARE
    inside text;
    label  text;
BEGIN
    domain := given;
    IF given = '' THEN
        reason := 'domain is empty';
        RETURN;
    ELSIF left(given, 1) = '[' THEN
        inside := substring(given FROM '^\[(.*)\]$');
        IF inside ~ '^(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}$' THEN
            RETURN;
        END IF;
        reason := 'domain is not an address literal';
        IF inside ~* '^IPv6:[0-9a-f:.]+$' AND inside ~ ':.*:' THEN
            BEGIN
                domain := '[IPv6:' || host(substr(inside, 6)::inet) || ']';
                reason := NULL;
            EXCEPTION WHEN invalid_text_representation THEN
                NULL;
            END;
        END IF;
        RETURN;
    ELSIF given ~ '[^\u0001-\u007f]' THEN
        SELECT a.reason, a.domain INTO reason, domain FROM mailproxy.intake_a_labels(given) AS a;
        IF reason IS NOT NULL THEN
            RETURN;
        END IF;
    END IF;
    IF length(domain) > 253 THEN
        reason := 'domain is longer than 253 octets';
        RETURN;
    END IF;
    FOREACH label IN ARRAY string_to_array(domain, '.') || CASE WHEN domain = '' THEN '{""}' ELSE '{}' END::text[] LOOP
        reason := CASE WHEN label = '' THEN 'domain has an empty label'
                       WHEN length(label) > 63 THEN 'domain has a label longer than 63 octets'
                       WHEN label ~ '^-|-$' THEN 'domain has a label with a hyphen at an end'
                       WHEN label ~ '[^A-Za-z0-9-]' THEN 'domain has a character that is not allowed' END;
        IF reason IS NOT NULL THEN
            RETURN;
        END IF;
    END LOOP;
    domain := lower(domain);
END $_$;

--
-- Name: FUNCTION intake_domain(given text, OUT reason text, OUT domain text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_domain(given text, OUT reason text, OUT domain text) IS 'reason: why this cannot stand behind the @ of an address; or domain: its form on the wire, A-labels in lower case or an address literal.';

--
-- Name: intake_enqueue_messages(text[], text[], text[], integer[], integer[], integer[], text[], text[], boolean[], bigint[], json[]); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_enqueue_messages(text[], text[], text[], integer[], integer[], integer[], text[], text[], boolean[], bigint[], json[]) RETURNS TABLE(place bigint, message_pk bigint)
    LANGUAGE plpgsql
    AS $_$
#variable_conflict use_column
BEGIN
    RETURN QUERY
WITH draft AS MATERIALIZED (
    SELECT nextval('mailproxy.message_pk_seq') AS message_pk, d.*
      FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::integer[], $7::text[],
                  $8::text[], $9::boolean[], $10::bigint[], $11::json[])
           WITH ORDINALITY AS d (tenant_id, message_id, account_id, priority, size_octets, attachments, batch_code,
                                 mime_message_id, is_pec, due_s, content, place)),
suspended AS MATERIALIZED (
    SELECT t.tenant_id, t.suspended_batches
      FROM mailproxy.tenant t
     WHERE t.tenant_id = ANY (ARRAY (SELECT DISTINCT d.tenant_id FROM draft d WHERE d.batch_code IS NOT NULL))
     ORDER BY t.tenant_id
       FOR SHARE),
stored AS (
    INSERT INTO mailproxy.message (message_pk, tenant_id, message_id, account_id, priority, size_octets, attachments,
                                   batch_code, mime_message_id, is_pec)
    SELECT d.message_pk, d.tenant_id, d.message_id, d.account_id, d.priority, d.size_octets, d.attachments,
           d.batch_code, d.mime_message_id, d.is_pec
      FROM draft d
     WHERE (SELECT count(*) FROM suspended) >= 0
     ORDER BY d.tenant_id COLLATE "C", d.message_id COLLATE "C"
    ON CONFLICT (tenant_id, message_id) DO NOTHING
    RETURNING message_pk, created_at),
body AS (
    INSERT INTO mailproxy.message_body (message_pk, created_at, content)
    SELECT s.message_pk, s.created_at, d.content
      FROM stored s JOIN draft d USING (message_pk)),
work AS (
    INSERT INTO mailproxy.queue (message_pk, due_at, priority, state, tenant_id, account_id)
    SELECT s.message_pk, greatest(to_timestamp(d.due_s), now()), d.priority,
           CASE WHEN d.batch_code = ANY (u.suspended_batches) THEN 'held'
                WHEN to_timestamp(d.due_s) > now() THEN 'scheduled'
                ELSE 'ready' END::mailproxy.queue_state,
           d.tenant_id, d.account_id
      FROM stored s
           JOIN draft d USING (message_pk)
           LEFT JOIN suspended u ON u.tenant_id = d.tenant_id AND d.batch_code IS NOT NULL)
SELECT d.place, s.message_pk
  FROM stored s JOIN draft d USING (message_pk);
END $_$;

--
-- Name: FUNCTION intake_enqueue_messages(text[], text[], text[], integer[], integer[], integer[], text[], text[], boolean[], bigint[], json[]); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_enqueue_messages(text[], text[], text[], integer[], integer[], integer[], text[], text[], boolean[], bigint[], json[]) IS 'Store messages and their work; returns those that are stored, not those whose id is taken. Parameters: those of the statement enqueue_messages.';

--
-- Name: intake_find_accounts(text[], text[]); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_find_accounts(text[], text[]) RETURNS TABLE(place bigint, tenant_id text, is_pec boolean)
    LANGUAGE plpgsql
    AS $_$
#variable_conflict use_column
BEGIN
    RETURN QUERY
WITH wanted AS MATERIALIZED (
    SELECT w.place, w.tenant_id COLLATE "C" AS tenant_id, w.account_id COLLATE "C" AS account_id
      FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (tenant_id, account_id, place)),
owned AS MATERIALIZED (
    SELECT w.place, w.account_id,
           CASE WHEN count(a.tenant_id) = 1 THEN min(a.tenant_id) ELSE 'default' COLLATE "C" END AS tenant_id
      FROM wanted w
           CROSS JOIN mailproxy.tenant t
           LEFT JOIN mailproxy.account a ON a.tenant_id = t.tenant_id AND a.account_id = w.account_id
     WHERE w.tenant_id IS NULL
     GROUP BY w.place, w.account_id)
SELECT w.place, a.tenant_id, a.is_pec_account
  FROM (SELECT place, tenant_id, account_id FROM wanted WHERE tenant_id IS NOT NULL
        UNION ALL SELECT place, tenant_id, account_id FROM owned) w
       JOIN mailproxy.account a USING (tenant_id, account_id);
END $_$;

--
-- Name: FUNCTION intake_find_accounts(text[], text[]); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_find_accounts(text[], text[]) IS 'Which of these accounts (tenant ids, null where none is named; account ids) exist: place in the arrays from 1.';

--
-- Name: intake_headers_reason(jsonb); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_headers_reason(headers jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $_$
DECLARE
    found text;
BEGIN
    IF jsonb_typeof(headers) <> 'object' THEN
        RETURN CASE WHEN headers <> 'null' THEN 'invalid headers: is not an object' END;
    END IF;
    SELECT 'invalid headers: ' || CASE WHEN h.is_name THEN left(h.key, 64) || ' ' || h.why
                                       ELSE 'holds a name that is no header field name (RFC 5322 section 2.2)' END
      INTO found
      FROM (SELECT e.key, e.key ~ '^[\u0021-\u0039\u003b-\u007e]{1,255}$' AS is_name,
                   CASE WHEN e.key ~* '^(bcc|return-path|mime-version|content-.*)$' THEN 'cannot be set'
                        WHEN jsonb_typeof(e.value) IN ('array', 'object') THEN 'is not a text, number or boolean'
                        WHEN jsonb_typeof(e.value) = 'string' THEN mailproxy.intake_text_reason(e.value, true) END AS why
              FROM jsonb_each(headers) AS e) AS h
     WHERE h.why IS NOT NULL OR NOT h.is_name
     LIMIT 1;
    RETURN found;
END $_$;

--
-- Name: FUNCTION intake_headers_reason(headers jsonb); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_headers_reason(headers jsonb) IS 'Why a message with these headers is rejected, in the API''s words; null: it is not for them.';

--
-- Name: intake_identify(jsonb, text, text); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_identify(message jsonb, named_tenant text, token_tenant text) RETURNS mailproxy.draft
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
DECLARE
    d     mailproxy.draft;
    field text;
    value jsonb;
    why   text;
BEGIN
    IF jsonb_typeof(message) <> 'object' THEN
        d.reason := 'invalid message: is not an object';
        RETURN d;
    END IF;
    d.tenant_id := CASE WHEN octet_length(message ->> 'tenant_id') BETWEEN 1 AND 255 AND jsonb_typeof(message -> 'tenant_id') = 'string'
                        THEN message ->> 'tenant_id' END; -- also of a message that is rejected before anybody asks
    FOREACH field IN ARRAY ARRAY['id', 'from', 'to', 'account_id', 'subject'] LOOP
        value := nullif(message -> field, 'null');
        IF field = 'from' THEN
            value := coalesce(value, nullif(message -> 'from_addr', 'null'), nullif(message -> 'from_', 'null'));
        END IF;
        IF value IS NULL
           OR field <> 'subject' AND jsonb_typeof(value) = 'string'
              AND btrim(value #>> '{}', CASE field WHEN 'from' THEN E' \t\r\n' WHEN 'to' THEN E' \t\r\n,' ELSE '' END) = ''
           OR field = 'to' AND jsonb_typeof(value) = 'array'
              AND NOT EXISTS (SELECT FROM jsonb_array_elements(value) AS v
                               WHERE jsonb_typeof(v) NOT IN ('string', 'null') OR btrim(v #>> '{}', E' \t\r\n,') <> '') THEN
            d.reason := 'missing ' || field;
            RETURN d;
        END IF;
    END LOOP;
    FOREACH field IN ARRAY ARRAY['tenant_id', 'account_id'] LOOP
        value := nullif(nullif(message -> field, 'null'), '""');
        why := coalesce(mailproxy.intake_text_reason(value, false),
                        CASE WHEN octet_length(value #>> '{}') > 255 THEN 'is longer than 255 octets' END);
        IF why IS NOT NULL THEN
            d.reason := format('invalid %s: %s', field, why);
            RETURN d;
        ELSIF field = 'account_id' THEN
            d.account_id := value #>> '{}';
        ELSE
            d.tenant_id := coalesce(value #>> '{}', named_tenant, token_tenant);
            IF d.tenant_id <> token_tenant THEN
                d.reason := 'tenant mismatch';
                RETURN d;
            END IF;
        END IF;
    END LOOP;
    RETURN d;
END $$;

--
-- Name: FUNCTION intake_identify(message jsonb, named_tenant text, token_tenant text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_identify(message jsonb, named_tenant text, token_tenant text) IS 'A draft with its tenant and account, or with the reason why it is rejected. tenant_id: the message''s own, else named_tenant (what the whole batch names), else token_tenant, which allows no other; null: none of them.';

--
-- Name: intake_insert_attachments(bigint[], integer[], bytea[]); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_insert_attachments(bigint[], integer[], bytea[]) RETURNS void
    LANGUAGE plpgsql
    AS $_$
#variable_conflict use_column
BEGIN
INSERT INTO mailproxy.message_attachment (message_pk, created_at, ordinal, content)
SELECT a.message_pk, now(), a.ordinal, a.content
  FROM unnest($1::bigint[], $2::integer[], $3::bytea[]) AS a (message_pk, ordinal, content);
END $_$;

--
-- Name: FUNCTION intake_insert_attachments(bigint[], integer[], bytea[]); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_insert_attachments(bigint[], integer[], bytea[]) IS 'Store the octets of attachments of messages enqueued in this transaction (message_pk, ordinal, content).';

--
-- Name: intake_integer(jsonb); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_integer(value jsonb) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $_$
DECLARE
    plain  text := value #>> '{}';
    number numeric;
    double double precision; -- what the API reads a number as
BEGIN
    CASE jsonb_typeof(value)
    WHEN 'boolean' THEN
        RETURN plain::boolean::integer;
    WHEN 'number' THEN
        double := CASE WHEN abs(plain::numeric) < 1e20 THEN plain END;
        RETURN CASE WHEN double = trunc(double) AND double >= -2 ^ 63 AND double < 2 ^ 63 THEN double END;
    WHEN 'string' THEN
        number := CASE WHEN length(plain) < 1000 AND plain ~ '^[ \t\r\n]*[-+]?[0-9]+(\.0+)?[ \t\r\n]*$'
                       THEN btrim(plain, E' \t\r\n') END;
        RETURN CASE WHEN number BETWEEN -9223372036854775808 AND 9223372036854775807 THEN number END;
    ELSE
        RETURN NULL;
    END CASE;
END $_$;

--
-- Name: FUNCTION intake_integer(value jsonb); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_integer(value jsonb) IS 'A whole number from a JSON number, boolean or text; null: it is none, or beyond 64 bits.';

--
-- Name: intake_line_reason(jsonb, integer); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_line_reason(value jsonb, most_octets integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (jsonb_typeof(value) <> ALL (ARRAY['string'::text, 'null'::text])) THEN 'is not a string'::text WHEN ("substring"((value #>> '{}'::text[]), '[\u0001-\u001f\u007f]'::text) = ANY (ARRAY['
'::text, '
'::text])) THEN 'contains CR or LF'::text WHEN ((value #>> '{}'::text[]) ~ '[\u0001-\u001f\u007f]'::text) THEN 'contains a control character'::text WHEN (octet_length((value #>> '{}'::text[])) > most_octets) THEN format('is longer than %s octets'::text, most_octets) ELSE NULL::text END;

--
-- Name: FUNCTION intake_line_reason(value jsonb, most_octets integer); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_line_reason(value jsonb, most_octets integer) IS 'Why a value cannot be a text without control characters of at most that many octets; null: it is one, or is absent or null.';

--
-- Name: intake_log(mailproxy.draft[], text, text, text, text, smallint); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_log(drafts mailproxy.draft[], token_tenant text, named_tenant text, actor text, default_priority text, status smallint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO mailproxy.command_log (endpoint, tenant_id, actor, response_status, payload)
    SELECT 'addMessages', n.tenant_id, actor, status,
           jsonb_strip_nulls(jsonb_build_object(
               'default_priority', left(default_priority, 16),
               'messages', jsonb_agg(n.shown ORDER BY n.place) FILTER (WHERE n.rank <= 500),
               'more', nullif(greatest(count(*) - 500, 0), 0)))
      FROM (SELECT d.place, coalesce(token_tenant, d.tenant_id, named_tenant, 'default') AS tenant_id,
                   jsonb_build_object('id', left(d.given_id #>> '{}', 255)) AS shown,
                   row_number() OVER (PARTITION BY coalesce(token_tenant, d.tenant_id, named_tenant, 'default') ORDER BY d.place) AS rank
              FROM unnest(drafts) AS d) AS n
     GROUP BY n.tenant_id;
END $$;

--
-- Name: FUNCTION intake_log(drafts mailproxy.draft[], token_tenant text, named_tenant text, actor text, default_priority text, status smallint); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_log(drafts mailproxy.draft[], token_tenant text, named_tenant text, actor text, default_priority text, status smallint) IS 'Note who handed over which ids, at most 500 of each tenant. token_tenant: the caller''s, whose rows all of them are; named_tenant: of messages whose tenant is not known.';

--
-- Name: intake_open(mailproxy.draft[]); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_open(drafts mailproxy.draft[]) RETURNS SETOF mailproxy.draft
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT d.place,
     d.given_id,
     d.reason,
     d.tenant_id,
     d.message_id,
     d.account_id,
     d.batch_code,
     d.mime_message_id,
     d.priority,
     d.size_octets,
     d.due_s,
     d.is_pec,
     d.content,
     d.ordinals,
     d.attachments,
     d.superseded,
     d.message_pk
    FROM unnest(intake_open.drafts) d(place, given_id, reason, tenant_id, message_id, account_id, batch_code, mime_message_id, priority, size_octets, due_s, is_pec, content, ordinals, attachments, superseded, message_pk)
   WHERE ((d.reason IS NULL) AND (NOT d.superseded) AND (d.message_pk IS NULL));
END;

--
-- Name: FUNCTION intake_open(drafts mailproxy.draft[]); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_open(drafts mailproxy.draft[]) IS 'Of these drafts, those that are neither rejected nor superseded nor stored.';

--
-- Name: intake_priority(jsonb, integer); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_priority(value jsonb, fallback integer) RETURNS integer
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
DECLARE
    label  text := CASE WHEN jsonb_typeof(value) = 'string' THEN lower((value #>> '{}') COLLATE "C") END;
    number bigint;
BEGIN
    IF label IN ('immediate', 'high', 'medium', 'low') THEN
        RETURN array_position(ARRAY['immediate', 'high', 'medium', 'low'], label) - 1;
    ELSIF jsonb_typeof(value) = 'number' AND (value < '0' OR value > '3') THEN
        RETURN CASE WHEN value < '0' THEN 0 ELSE 3 END;
    END IF;
    number := mailproxy.intake_integer(value);
    RETURN CASE WHEN number IS NULL THEN fallback ELSE least(greatest(number, 0), 3) END;
END $$;

--
-- Name: FUNCTION intake_priority(value jsonb, fallback integer); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_priority(value jsonb, fallback integer) IS 'A message''s priority: 0 immediate, 1 high, 2 medium, 3 low; fallback for what is none of the numbers and labels.';

--
-- Name: intake_punycode(text); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_punycode(label text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
DECLARE
    digits CONSTANT text := 'abcdefghijklmnopqrstuvwxyz0123456789';
    points  integer[] := ARRAY(SELECT ascii(c) FROM string_to_table(label, NULL) AS c);
    coded   text := regexp_replace(label, '[^\u0001-\u007f]', '', 'g');
    basic   integer := length(coded);
    handled integer := basic;
    n       integer := 128;
    delta   integer := 0;
    bias    integer := 72;
    point   integer;
    q       integer;
    k       integer;
    t       integer;
BEGIN
    IF basic > 0 THEN
        coded := coded || '-';
    END IF;
    WHILE handled < cardinality(points) LOOP
        point := (SELECT min(p) FROM unnest(points) AS p WHERE p >= n);
        delta := delta + (point - n) * (handled + 1);
        n := point;
        FOREACH point IN ARRAY points LOOP
            delta := delta + (point < n)::integer;
            CONTINUE WHEN point <> n;
            q := delta;
            k := 36;
            LOOP
                t := least(greatest(k - bias, 1), 26);
                EXIT WHEN q < t;
                coded := coded || substr(digits, t + (q - t) % (36 - t) + 1, 1);
                q := (q - t) / (36 - t);
                k := k + 36;
            END LOOP;
            coded := coded || substr(digits, q + 1, 1);
            delta := CASE WHEN handled = basic THEN delta / 700 ELSE delta / 2 END;
            handled := handled + 1;
            delta := delta + delta / handled;
            bias := 0;
            WHILE delta > 455 LOOP
                delta := delta / 35;
                bias := bias + 36;
            END LOOP;
            bias := bias + 36 * delta / (delta + 38);
            delta := 0;
        END LOOP;
        delta := delta + 1;
        n := n + 1;
    END LOOP;
    RETURN 'xn--' || coded;
END $$;

--
-- Name: FUNCTION intake_punycode(label text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_punycode(label text) IS 'The A-label of a label that is mapped already (RFC 3492, RFC 5891 section 4.4): xn--...';

--
-- Name: intake_read(jsonb, text, text, integer); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_read(messages jsonb, named_tenant text, token_tenant text, fallback_priority integer) RETURNS mailproxy.draft[]
    LANGUAGE plpgsql
    AS $$
DECLARE
    given  jsonb[] := ARRAY(SELECT m.value FROM jsonb_array_elements(messages) AS m);
    drafts mailproxy.draft[] := '{}';
    draft  mailproxy.draft;
    limits mailproxy.instance;
    found  record;
BEGIN
    SELECT * INTO limits FROM mailproxy.instance AS i WHERE i.instance_id = 1;
    fallback_priority := coalesce(fallback_priority, limits.default_priority);
    FOR n IN 1 .. cardinality(given) LOOP
        draft := mailproxy.intake_identify(given[n], named_tenant, token_tenant);
        draft.place := n;
        draft.given_id := given[n] -> 'id';
        draft.superseded := false;
        drafts[n] := draft;
    END LOOP;
    FOR found IN
        WITH wanted AS MATERIALIZED (
            SELECT d.place, d.tenant_id, d.account_id FROM unnest(drafts) AS d WHERE d.reason IS NULL),
        pairs AS (
            SELECT array_agg(p.tenant_id) AS tenant_ids, array_agg(p.account_id) AS account_ids
              FROM (SELECT DISTINCT w.tenant_id, w.account_id FROM wanted AS w) AS p)
        SELECT w.place, a.tenant_id, a.is_pec
          FROM pairs AS p
               CROSS JOIN LATERAL mailproxy.intake_find_accounts(p.tenant_ids, p.account_ids) AS a
               JOIN wanted AS w ON w.account_id = p.account_ids[a.place]
                               AND coalesce('=' || w.tenant_id, '') = coalesce('=' || p.tenant_ids[a.place], '')
    LOOP
        drafts[found.place].tenant_id := found.tenant_id;
        drafts[found.place].is_pec := found.is_pec;
    END LOOP;
    FOR n IN 1 .. cardinality(given) LOOP
        draft := drafts[n];
        IF draft.reason IS NULL AND draft.is_pec IS NULL THEN
            drafts[n].reason := 'account not found for tenant';
        ELSIF draft.reason IS NULL THEN
            drafts[n] := mailproxy.intake_check(draft, given[n], limits.max_message_octets, limits.max_attachment_octets, fallback_priority);
        END IF;
    END LOOP;
    FOR found IN
        SELECT s.place
          FROM (SELECT d.place, lead(d.place) OVER (PARTITION BY d.tenant_id, d.message_id ORDER BY d.place) IS NOT NULL AS is_superseded
                  FROM unnest(drafts) AS d
                 WHERE d.reason IS NULL) AS s
         WHERE s.is_superseded
    LOOP
        drafts[found.place].superseded := true;
    END LOOP;
    RETURN drafts;
END $$;

--
-- Name: FUNCTION intake_read(messages jsonb, named_tenant text, token_tenant text, fallback_priority integer); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_read(messages jsonb, named_tenant text, token_tenant text, fallback_priority integer) IS 'The drafts of an array of messages, in its order, open or with the reason why they are rejected; of the same id twice the last one only is open. fallback_priority null: the service''s own.';

--
-- Name: intake_recipients_reason(jsonb, boolean); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_recipients_reason(given jsonb, may_be_array boolean) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
DECLARE
    item    jsonb;
    why     text;
    checked record;
    total   integer := 0;
BEGIN
    IF given IS NULL OR given = 'null' THEN
        RETURN NULL;
    ELSIF jsonb_typeof(given) <> 'array' OR NOT may_be_array THEN
        why := mailproxy.intake_text_reason(given, true);
        RETURN CASE WHEN why IS NULL THEN (mailproxy.intake_addresses(given #>> '{}', false)).reason ELSE why END;
    END IF;
    FOR item IN SELECT v.value FROM jsonb_array_elements(given) AS v WHERE v.value <> 'null' LOOP
        IF jsonb_typeof(item) <> 'string' THEN
            RETURN 'holds something that is not a string';
        END IF;
        checked := mailproxy.intake_addresses(item #>> '{}', false);
        total := total + checked.total;
        why := coalesce(checked.reason, CASE WHEN total > 10000 THEN 'is more than 10000 addresses' END);
        IF why IS NOT NULL THEN
            RETURN why;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

--
-- Name: FUNCTION intake_recipients_reason(given jsonb, may_be_array boolean); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_recipients_reason(given jsonb, may_be_array boolean) IS 'Why a value is no list of addresses, in the API''s words; null: it is, or is absent or null.';

--
-- Name: intake_replace_messages(text[], text[], text[]); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_replace_messages(text[], text[], text[]) RETURNS TABLE(place bigint, verdict text)
    LANGUAGE plpgsql
    AS $_$
#variable_conflict use_column
BEGIN
    RETURN QUERY
WITH wanted AS MATERIALIZED (
    SELECT w.place, w.tenant_id COLLATE "C" AS tenant_id, w.message_id COLLATE "C" AS message_id
      FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (tenant_id, message_id, place)),
account AS MATERIALIZED (
    SELECT a.account_id
      FROM mailproxy.account a
     WHERE (a.tenant_id, a.account_id) IN (SELECT w.tenant_id, w.account_id
                                             FROM unnest($1::text[], $3::text[]) AS w (tenant_id, account_id))
     ORDER BY a.tenant_id, a.account_id
       FOR KEY SHARE),
work AS MATERIALIZED (
    SELECT q.message_pk, q.state
      FROM mailproxy.queue q
     WHERE (SELECT count(*) FROM account) >= 0
       AND q.message_pk = ANY (ARRAY (SELECT m.message_pk FROM wanted w JOIN mailproxy.message m USING (tenant_id, message_id)))
     ORDER BY q.message_pk
       FOR UPDATE),
old AS MATERIALIZED (
    SELECT w.place, m.message_pk, m.created_at, m.state,
           (m.message_pk IN (SELECT k.message_pk FROM work k WHERE k.state = 'leased')) IS TRUE AS leased
      FROM wanted w
           JOIN mailproxy.message m USING (tenant_id, message_id)
     WHERE (SELECT count(*) FROM work) >= 0
     ORDER BY m.message_pk
       FOR UPDATE OF m),
judged AS MATERIALIZED (
    SELECT o.*, CASE WHEN o.state = 'sent' THEN 'sent' WHEN o.leased THEN 'leased' ELSE 'replaced' END AS verdict
      FROM old o),
removed AS (
    DELETE FROM mailproxy.message m
     USING judged j
     WHERE m.message_pk = j.message_pk AND j.verdict = 'replaced'),
body AS (
    DELETE FROM mailproxy.message_body b
     USING judged j
     WHERE b.message_pk = j.message_pk AND b.created_at = j.created_at AND j.verdict = 'replaced'),
attachment AS (
    DELETE FROM mailproxy.message_attachment c
     USING judged j
     WHERE c.message_pk = j.message_pk AND c.created_at = j.created_at AND j.verdict = 'replaced'),
event AS (
    DELETE FROM mailproxy.event e
     USING judged j
     WHERE e.message_pk = j.message_pk AND e.created_at >= j.created_at AND j.verdict = 'replaced')
SELECT j.place, j.verdict FROM judged j;
END $_$;

--
-- Name: FUNCTION intake_replace_messages(text[], text[], text[]); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_replace_messages(text[], text[], text[]) IS 'Make room for messages whose id is taken (tenant ids, message ids, account ids): sent or leased stay, replaced are gone.';

--
-- Name: intake_share_tenants(text[]); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_share_tenants(text[]) RETURNS SETOF text
    LANGUAGE plpgsql
    AS $_$
#variable_conflict use_column
BEGIN
    RETURN QUERY
SELECT t.tenant_id
  FROM mailproxy.tenant t
 WHERE t.tenant_id = ANY ($1::text[])
 ORDER BY t.tenant_id
   FOR SHARE;
END $_$;

--
-- Name: FUNCTION intake_share_tenants(text[]); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_share_tenants(text[]) IS 'Nothing of these tenants is suspended or activated until the transaction ends.';

--
-- Name: intake_store(mailproxy.draft[]); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_store(drafts mailproxy.draft[]) RETURNS mailproxy.draft[]
    LANGUAGE plpgsql
    AS $$
DECLARE
    open  integer[]; -- places of the drafts that one statement is given
    found record;
BEGIN
    PERFORM mailproxy.intake_share_tenants(ARRAY(SELECT DISTINCT d.tenant_id FROM mailproxy.intake_open(drafts) AS d
                                                  WHERE d.batch_code IS NOT NULL));
    PERFORM FROM mailproxy.account AS a
      WHERE (a.tenant_id, a.account_id) IN (SELECT d.tenant_id, d.account_id FROM mailproxy.intake_open(drafts) AS d)
      ORDER BY a.tenant_id, a.account_id
        FOR KEY SHARE;
    FOR found IN SELECT d.place FROM mailproxy.intake_open(drafts) AS d
                  WHERE NOT EXISTS (SELECT FROM mailproxy.account AS a
                                     WHERE a.tenant_id = d.tenant_id AND a.account_id = d.account_id)
    LOOP
        drafts[found.place].reason := 'account not found for tenant'; -- it has just been deleted
    END LOOP;
    FOR round IN 0 .. 4 LOOP
        open := ARRAY(SELECT d.place FROM mailproxy.intake_open(drafts) AS d ORDER BY d.place);
        EXIT WHEN open = '{}';
        IF round = 4 THEN
            RAISE serialization_failure USING MESSAGE = 'ids were taken again and again by other requests';
        ELSIF round > 0 THEN -- the first time told that their ids are taken
            FOR found IN
                SELECT r.place, r.verdict
                  FROM (SELECT array_agg(d.tenant_id ORDER BY d.place) AS tenant_ids, array_agg(d.message_id ORDER BY d.place) AS ids,
                               array_agg(d.account_id ORDER BY d.place) AS account_ids
                          FROM mailproxy.intake_open(drafts) AS d) AS a
                       CROSS JOIN LATERAL mailproxy.intake_replace_messages(a.tenant_ids, a.ids, a.account_ids) AS r
                 WHERE r.verdict <> 'replaced'
            LOOP
                drafts[open[found.place]].reason := CASE found.verdict WHEN 'sent' THEN 'already sent' ELSE 'being sent' END;
            END LOOP;
            open := ARRAY(SELECT d.place FROM mailproxy.intake_open(drafts) AS d ORDER BY d.place);
        END IF;
        FOR found IN
            SELECT e.place, e.message_pk
              FROM (SELECT array_agg(d.tenant_id ORDER BY d.place) AS tenant_ids, array_agg(d.message_id ORDER BY d.place) AS ids,
                           array_agg(d.account_id ORDER BY d.place) AS account_ids, array_agg(d.priority ORDER BY d.place) AS priorities,
                           array_agg(d.size_octets::integer ORDER BY d.place) AS sizes,
                           array_agg(cardinality(d.ordinals) ORDER BY d.place) AS attachments,
                           array_agg(d.batch_code ORDER BY d.place) AS batch_codes,
                           array_agg(d.mime_message_id ORDER BY d.place) AS mime_message_ids, array_agg(d.is_pec ORDER BY d.place) AS are_pec,
                           array_agg(d.due_s ORDER BY d.place) AS due_s, array_agg(d.content ORDER BY d.place) AS contents
                      FROM mailproxy.intake_open(drafts) AS d) AS a
                   CROSS JOIN LATERAL mailproxy.intake_enqueue_messages(a.tenant_ids, a.ids, a.account_ids, a.priorities, a.sizes,
                       a.attachments, a.batch_codes, a.mime_message_ids, a.are_pec, a.due_s, a.contents) AS e
        LOOP
            drafts[open[found.place]].message_pk := found.message_pk;
        END LOOP;
    END LOOP;
    PERFORM mailproxy.intake_insert_attachments(array_agg(d.message_pk), array_agg(a.ordinal), array_agg(a.octets))
       FROM unnest(drafts) AS d
            CROSS JOIN LATERAL unnest(d.ordinals, d.attachments) AS a (ordinal, octets)
      WHERE d.message_pk IS NOT NULL
     HAVING count(*) > 0;
    RETURN drafts;
END $$;

--
-- Name: FUNCTION intake_store(drafts mailproxy.draft[]); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_store(drafts mailproxy.draft[]) IS 'Store the open drafts; afterwards each has its message_pk, or the reason why its id stays with another message: already sent, being sent.';

--
-- Name: intake_text_reason(jsonb, boolean); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_text_reason(value jsonb, for_header boolean) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (jsonb_typeof(value) <> ALL (ARRAY['string'::text, 'null'::text])) THEN 'is not a string'::text WHEN (for_header AND ((value #>> '{}'::text[]) ~ '[\r\n]'::text)) THEN 'contains CR or LF'::text ELSE NULL::text END;

--
-- Name: FUNCTION intake_text_reason(value jsonb, for_header boolean); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_text_reason(value jsonb, for_header boolean) IS 'Why a value cannot be a message''s text, or (for_header) stand in a header field; null: it can, or is absent or null.';

--
-- Name: intake_wake(); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.intake_wake() RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    now_ms  CONSTANT bigint := extract(epoch FROM clock_timestamp()) * 1000;
    last_ms bigint;
BEGIN
    SELECT s.last_value INTO last_ms FROM mailproxy.wake_seq AS s;
    IF abs(now_ms - last_ms) >= 50 THEN -- the clock may have been put back
        PERFORM setval('mailproxy.wake_seq', now_ms);
        PERFORM pg_notify('mailproxy_wake', '');
    END IF;
END $$;

--
-- Name: FUNCTION intake_wake(); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.intake_wake() IS 'NOTIFY the workers at the commit, unless another transaction has undertaken to do so within the last 50 ms.';

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: rule; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.rule (
    rule_id integer NOT NULL,
    name text,
    enabled boolean DEFAULT true NOT NULL,
    priority integer NOT NULL,
    days integer[] DEFAULT '{}'::integer[] NOT NULL,
    start_hour smallint,
    end_hour smallint,
    cross_midnight boolean DEFAULT false NOT NULL,
    interval_minutes integer DEFAULT 1 NOT NULL,
    CONSTRAINT rule_end_hour_is_an_hour CHECK (((end_hour >= 0) AND (end_hour <= 23))),
    CONSTRAINT rule_interval_is_positive CHECK ((interval_minutes >= 1)),
    CONSTRAINT rule_start_hour_is_an_hour CHECK (((start_hour >= 0) AND (start_hour <= 23)))
);

--
-- Name: TABLE rule; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.rule IS 'How often tenants without news are polled, by day and hour; the last matching enabled rule wins.';

--
-- Name: COLUMN rule.days; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.rule.days IS '0 = Monday … 6 = Sunday; empty: every day.';

--
-- Name: interval_by_rules(mailproxy.rule[], integer, integer, integer); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.interval_by_rules(rules mailproxy.rule[], default_s integer, weekday integer, clock integer) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF cardinality(rules) = 0 THEN
        RETURN default_s;
    END IF;
    IF NOT EXISTS (SELECT FROM unnest(rules) r WHERE r.enabled) THEN
        RETURN NULL;
    END IF;
    RETURN coalesce(
        (SELECT r.interval_minutes * bigint '60'
           FROM unnest(rules) r
          WHERE r.enabled
            AND (cardinality(r.days) = 0 OR weekday = ANY (r.days))
            AND CASE WHEN r.start_hour IS NULL OR r.end_hour IS NULL THEN true
                     WHEN r.cross_midnight THEN clock >= r.start_hour OR clock < r.end_hour
                     ELSE clock >= r.start_hour AND clock < r.end_hour END
          ORDER BY r.priority DESC, r.rule_id DESC
          LIMIT 1),
        60);
END $$;

--
-- Name: FUNCTION interval_by_rules(rules mailproxy.rule[], default_s integer, weekday integer, clock integer); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.interval_by_rules(rules mailproxy.rule[], default_s integer, weekday integer, clock integer) IS 'Seconds between two polls of a tenant without news in an hour (0 to 23) of a weekday (0: Monday), by these rules, stored or not; default_s where there are none, 60 when no enabled rule matches, null (no polling) when none is enabled.';

--
-- Name: local_time(timestamp with time zone, text); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.local_time(moment timestamp with time zone, time_zone text) RETURNS timestamp without time zone
    LANGUAGE plpgsql STABLE STRICT
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN moment AT TIME ZONE time_zone;
EXCEPTION
    WHEN invalid_parameter_value THEN
        RETURN NULL;
END $$;

--
-- Name: FUNCTION local_time(moment timestamp with time zone, time_zone text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.local_time(moment timestamp with time zone, time_zone text) IS 'The wall clock in a time zone; null when PostgreSQL knows no such zone.';

--
-- Name: lock_suspended(bigint[]); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.lock_suspended(message_pks bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    tenant_ids text[];
BEGIN
    tenant_ids := ARRAY(SELECT DISTINCT m.tenant_id FROM mailproxy.message m
                         WHERE m.message_pk = ANY (message_pks) AND m.batch_code IS NOT NULL);
    IF cardinality(tenant_ids) = 0 THEN
        RETURN '{}';
    END IF;
    PERFORM FROM mailproxy.tenant t WHERE t.tenant_id = ANY (tenant_ids) ORDER BY t.tenant_id FOR SHARE;
    RETURN ARRAY(SELECT m.message_pk
                   FROM mailproxy.message m JOIN mailproxy.tenant t USING (tenant_id)
                  WHERE m.message_pk = ANY (message_pks) AND m.batch_code = ANY (t.suspended_batches));
END $$;

--
-- Name: FUNCTION lock_suspended(message_pks bigint[]); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.lock_suspended(message_pks bigint[]) IS 'Of these messages, those whose batch is suspended. No batch of their tenants can be suspended or activated until the transaction ends. To be called before their queue rows are locked, for rows that are about to leave a worker''s hands: held or ready.';

--
-- Name: log_operation(text, text, jsonb, mailproxy.effect); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.log_operation(endpoint text, of_tenant text, asked jsonb, done mailproxy.effect) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    INSERT INTO mailproxy.command_log (endpoint, tenant_id, actor, response_status, payload)
    SELECT endpoint, of_tenant,
           CASE WHEN has_table_privilege(session_user, 'mailproxy.command_log', 'INSERT') -- a program's login may say for whom it asks
                THEN coalesce(nullif(current_setting('mailproxy.actor', true), ''), session_user::text) ELSE session_user::text END, 200,
           jsonb_strip_nulls(asked || jsonb_build_object('message_ids', i.first, 'message_ids_count', i.more,
                                                         'messages', done.messages, 'busy', done.busy))::json
      FROM (SELECT jsonb_agg(u.id ORDER BY u.place) FILTER (WHERE u.place <= 100) AS first,
                   CASE WHEN count(*) > 100 THEN count(*) END AS more
              FROM jsonb_array_elements(coalesce(nullif(asked -> 'message_ids', 'null'), '[]')) WITH ORDINALITY AS u (id, place)) i
$$;

--
-- Name: FUNCTION log_operation(endpoint text, of_tenant text, asked jsonb, done mailproxy.effect); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.log_operation(endpoint text, of_tenant text, asked jsonb, done mailproxy.effect) IS 'A row of the command log: who is the session''s user (or, where that one may write here anyway, mailproxy.actor of the session''s settings), what the parameters (of message_ids the first hundred) and what came of it. Last in its function: it waits for nobody.';

--
-- Name: make_roles(text[]); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.make_roles(roles text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    role      text;
    statement text;
BEGIN
    FOREACH role IN ARRAY roles LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role);
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            CONTINUE;
        END;
        FOR statement IN SELECT format(g.text, role)
                           FROM (VALUES ('%\_dba', 'GRANT pg_read_all_stats TO %I'), -- who holds back a vacuum
                                        ('%\_server', 'ALTER ROLE %I BYPASSRLS'), -- or it plans without statistics of enums
                                        ('%\_worker', 'ALTER ROLE %I BYPASSRLS')) AS g (name, text)
                          WHERE role LIKE g.name LOOP
            BEGIN
                EXECUTE statement;
            EXCEPTION WHEN insufficient_privilege THEN
                NULL; -- it works without, not quite as well
            END;
        END LOOP;
    END LOOP;
END $$;

--
-- Name: FUNCTION make_roles(roles text[]); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.make_roles(roles text[]) IS 'Create those of these roles that do not exist, without login and without any right in this schema; who calls may create roles.';

--
-- Name: match_messages(mailproxy.message_state[], text, text, text, text[], text); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.match_messages(states mailproxy.message_state[], of_tenant text, of_account text, of_batch text, of_ids text[], of_reply text) RETURNS TABLE(message_pk bigint, created_at timestamp with time zone, message_id text, account_id text, priority smallint, leased boolean)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $_$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (SELECT FROM mailproxy.tenant t WHERE t.tenant_id = of_tenant) THEN
        RAISE no_data_found USING MESSAGE = format('there is no tenant %s', coalesce(quote_literal(of_tenant), 'null: name one'));
    ELSIF of_account IS NOT NULL
          AND NOT EXISTS (SELECT FROM mailproxy.account a WHERE a.tenant_id = of_tenant AND a.account_id = of_account) THEN
        RAISE no_data_found USING MESSAGE = format('tenant %L has no account %L', of_tenant, of_account);
    ELSIF of_reply !~ '^([245]xx|[245][0-9]{2}|[245]\.[0-9]{1,3}\.[0-9]{1,3}|none)$' THEN
        RAISE invalid_parameter_value USING MESSAGE = format('reply_class %L is none of ''4xx'', ''550'', ''5.7.1'', ''none''', of_reply);
    END IF;
    IF states = '{queued}' AND of_ids IS NULL AND of_batch IS NULL THEN -- by an index of each state a queue row can have
        RETURN QUERY
        SELECT m.message_pk, m.created_at, m.message_id, m.account_id, m.priority, q.leased
          FROM (SELECT r.message_pk, false AS leased FROM mailproxy.queue r
                 WHERE r.state = 'ready' AND r.tenant_id = of_tenant AND (of_account IS NULL OR r.account_id = of_account)
                 UNION ALL
                SELECT r.message_pk, false FROM mailproxy.queue r
                 WHERE r.state = 'scheduled' AND r.tenant_id = of_tenant AND (of_account IS NULL OR r.account_id = of_account)
                 UNION ALL
                SELECT r.message_pk, false FROM mailproxy.queue r
                 WHERE r.state = 'held' AND r.tenant_id = of_tenant AND (of_account IS NULL OR r.account_id = of_account)
                 UNION ALL
                SELECT r.message_pk, true FROM mailproxy.queue r
                 WHERE r.state = 'leased' AND r.tenant_id = of_tenant AND (of_account IS NULL OR r.account_id = of_account)) q
          JOIN mailproxy.message m ON m.message_pk = q.message_pk
         WHERE of_reply IS NULL OR mailproxy.reply_matches(of_reply, m.message_pk, m.reply_code, m.reason);
    ELSE
        RETURN QUERY
        SELECT m.message_pk, m.created_at, m.message_id, m.account_id, m.priority,
               m.state = 'queued' AND EXISTS (SELECT FROM mailproxy.queue q WHERE q.message_pk = m.message_pk AND q.state = 'leased')
          FROM mailproxy.message m
         WHERE m.tenant_id = of_tenant AND m.state = ANY (states)
           AND (of_account IS NULL OR m.account_id = of_account)
           AND (of_batch IS NULL OR m.batch_code = of_batch)
           AND (of_ids IS NULL OR m.message_id = ANY (of_ids))
           AND (of_reply IS NULL OR mailproxy.reply_matches(of_reply, m.message_pk, m.reply_code, m.reason));
    END IF;
END $_$;

--
-- Name: FUNCTION match_messages(states mailproxy.message_state[], of_tenant text, of_account text, of_batch text, of_ids text[], of_reply text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.match_messages(states mailproxy.message_state[], of_tenant text, of_account text, of_batch text, of_ids text[], of_reply text) IS 'A tenant''s messages in one of these states, of this account, batch, with one of these ids, whose last attempt was answered like this (reply_matches); null: any. leased: a worker has it in its hands. An unknown tenant or account is an error.';

--
-- Name: message_remove_work(); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.message_remove_work() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
BEGIN
    DELETE FROM mailproxy.queue q WHERE q.message_pk = ANY (ARRAY(SELECT g.message_pk FROM gone g));
    RETURN NULL;
END $$;

--
-- Name: FUNCTION message_remove_work(); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.message_remove_work() IS 'The work of messages that are deleted goes with them, as ON DELETE CASCADE would do it, which is checked for each row that is inserted.';

--
-- Name: partition_holds(regclass); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.partition_holds(partition regclass) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $_$
DECLARE
    holds boolean;
BEGIN
    -- What else it might be, such as a view of the caller's, would run with the owner's rights.
    IF NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent
                    WHERE i.inhrelid = partition AND c.relnamespace = 'mailproxy'::regnamespace) THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM mailproxy.queue q
                                    WHERE q.message_pk BETWEEN (SELECT min(p.message_pk) FROM %1$s p) AND (SELECT max(p.message_pk) FROM %1$s p)
                                      AND (SELECT true FROM %1$s p WHERE p.message_pk = q.message_pk LIMIT 1))', partition) INTO holds;
    IF holds THEN
        RETURN 'unsent';
    ELSIF EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = partition AND i.inhparent = 'mailproxy.event'::regclass) THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %s p WHERE p.reported_at IS NULL)', partition) INTO holds;
        RETURN CASE WHEN holds THEN 'unreported' END;
    END IF;
    RETURN NULL;
END $_$;

--
-- Name: FUNCTION partition_holds(partition regclass); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.partition_holds(partition regclass) IS 'What keeps a day''s partition from being dropped: unsent (there is something in it of a message that is not final), unreported (an event that its tenant was not told of); null: nothing. Reads the few queue rows that are as old.';

--
-- Name: pause(text, text, text, text, boolean); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.pause(tenant_id text, account_id text DEFAULT NULL::text, batch_code text DEFAULT NULL::text, reason text DEFAULT NULL::text, dry_run boolean DEFAULT false) RETURNS mailproxy.effect
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    done    mailproxy.effect;
    before  text[];
    codes   text[];
    changes boolean;
BEGIN
    IF pause.account_id IS NOT NULL AND pause.batch_code IS NOT NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = 'name an account or a batch, not both';
    END IF;
    SELECT count(*) FILTER (WHERE NOT f.leased), count(*) FILTER (WHERE f.leased), 0,
           (array_agg(f.message_id ORDER BY f.message_pk) FILTER (WHERE NOT f.leased))[1:5]
      INTO done
      FROM mailproxy.match_messages('{queued}', pause.tenant_id, pause.account_id, pause.batch_code, NULL, NULL) f;
    IF pause.account_id IS NOT NULL THEN
        SELECT a.paused_at IS NULL OR coalesce(a.paused_reason <> pause.reason, false) INTO changes
          FROM mailproxy.account a
         WHERE a.tenant_id = pause.tenant_id AND a.account_id = pause.account_id
           FOR NO KEY UPDATE;
    ELSE
        SELECT t.suspended_batches INTO before FROM mailproxy.tenant t WHERE t.tenant_id = pause.tenant_id FOR NO KEY UPDATE;
        codes := CASE WHEN pause.batch_code IS NULL OR '*' = ANY (before) THEN '{*}'
                      ELSE ARRAY(SELECT DISTINCT s.code COLLATE "C" FROM unnest(before || pause.batch_code) AS s (code) ORDER BY 1) END;
        changes := before <> codes;
        IF cardinality(codes) > 1000 THEN
            RAISE program_limit_exceeded USING MESSAGE = 'no more than 1000 batches of a tenant may be paused: pause the whole tenant';
        END IF;
    END IF;
    IF NOT changes THEN
        RETURN (0, done.busy, 0, NULL)::mailproxy.effect;
    END IF;
    IF NOT dry_run THEN
        IF pause.account_id IS NOT NULL THEN
            UPDATE mailproxy.account a SET paused_at = coalesce(a.paused_at, now()),
                   paused_reason = coalesce(pause.reason, a.paused_reason, 'by the operator')
             WHERE a.tenant_id = pause.tenant_id AND a.account_id = pause.account_id;
        ELSE
            UPDATE mailproxy.tenant t SET suspended_batches = codes WHERE t.tenant_id = pause.tenant_id;
        END IF;
        PERFORM mailproxy.log_operation(
            CASE WHEN pause.account_id IS NULL THEN 'suspend' ELSE 'pauseAccount' END, pause.tenant_id,
            jsonb_build_object('tenant_id', pause.tenant_id, 'account_id', pause.account_id, 'batch_code', pause.batch_code,
                               'reason', CASE WHEN pause.account_id IS NOT NULL THEN pause.reason END), done);
    END IF;
    RETURN done;
END $$;

--
-- Name: FUNCTION pause(tenant_id text, account_id text, batch_code text, reason text, dry_run boolean); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.pause(tenant_id text, account_id text, batch_code text, reason text, dry_run boolean) IS 'Send nothing more of a tenant, of one account or of one batch of it, until mailproxy.resume(). What waits goes on waiting (messages: how many), workers hand back what they have not begun; what is on its way to a relay at this moment (among busy) is ended. A tenant and a batch are what POST /commands/suspend suspends; an account''s messages are shown to the tenant as deferred, with the reason. Done already: 0 messages. SELECT * FROM mailproxy.pause(''shop'', account_id => ''main'', reason => ''the relay moves'')';

--
-- Name: polling_interval(integer, text, timestamp with time zone); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.polling_interval(default_s integer, time_zone text, moment timestamp with time zone DEFAULT now()) RETURNS bigint
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    here timestamp := coalesce(mailproxy.local_time(moment, time_zone), moment AT TIME ZONE 'UTC');
BEGIN
    RETURN mailproxy.interval_by_rules(ARRAY(SELECT r FROM mailproxy.rule r), default_s,
                                       (extract(isodow FROM here) - 1)::integer, extract(hour FROM here)::integer);
END $$;

--
-- Name: FUNCTION polling_interval(default_s integer, time_zone text, moment timestamp with time zone); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.polling_interval(default_s integer, time_zone text, moment timestamp with time zone) IS 'Seconds between two polls of a tenant without news, by the rules at that moment; default_s while no rules are stored, 60 when no enabled rule matches, null (no polling) when none is enabled.';

--
-- Name: purge(text, text, text, text[], text, boolean, integer, interval, boolean); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.purge(tenant_id text, account_id text DEFAULT NULL::text, batch_code text DEFAULT NULL::text, message_ids text[] DEFAULT NULL::text[], reply_class text DEFAULT NULL::text, dry_run boolean DEFAULT true, max_messages integer DEFAULT 10000, older_than interval DEFAULT '00:00:00'::interval, untold boolean DEFAULT false) RETURNS mailproxy.effect
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    done     mailproxy.effect;
    pks      bigint[];
    matching bigint;
BEGIN
    WITH f AS MATERIALIZED (
        SELECT * FROM mailproxy.match_messages('{sent,error,cancelled}', purge.tenant_id, purge.account_id, purge.batch_code, message_ids, reply_class)
    ), chosen AS MATERIALIZED (
        SELECT g.message_pk, g.message_id
          FROM (SELECT f.message_pk, f.message_id, f.created_at FROM f ORDER BY f.message_pk) g
         WHERE (SELECT m.finished_at FROM mailproxy.message m WHERE m.message_pk = g.message_pk) <= now() - older_than -- one by one
           AND (untold OR (SELECT bool_and(e.reported_at IS NOT NULL) FROM mailproxy.event e
                            WHERE e.message_pk = g.message_pk AND e.created_at >= g.created_at))
         LIMIT max_messages -- no more than these are asked for their events
    )
    SELECT count(*), 0, ARRAY(SELECT c.message_pk FROM chosen c), ARRAY(SELECT c.message_id FROM chosen c LIMIT 5)
      INTO matching, done.busy, pks, done.examples
      FROM f;
    IF NOT dry_run THEN
        pks := ARRAY(SELECT m.message_pk FROM mailproxy.message m
                      WHERE m.message_pk = ANY (pks) AND m.state <> 'queued'
                      ORDER BY m.message_pk
                        FOR UPDATE);
    END IF;
    done.messages := cardinality(pks);
    done.remaining := matching - done.messages;
    IF dry_run OR done.messages = 0 THEN
        RETURN done;
    END IF;
    WITH removed AS (
        DELETE FROM mailproxy.message m WHERE m.message_pk = ANY (pks) RETURNING m.message_pk, m.created_at
    ), body AS (
        DELETE FROM mailproxy.message_body b USING removed r WHERE b.message_pk = r.message_pk AND b.created_at = r.created_at
    ), attachment AS (
        DELETE FROM mailproxy.message_attachment c USING removed r WHERE c.message_pk = r.message_pk AND c.created_at = r.created_at
    )
    DELETE FROM mailproxy.event e USING removed r WHERE e.message_pk = r.message_pk AND e.created_at >= r.created_at;
    PERFORM mailproxy.log_operation('purgeMessages', purge.tenant_id,
                                    jsonb_build_object('tenant_id', purge.tenant_id, 'account_id', purge.account_id, 'batch_code', purge.batch_code,
                                                       'message_ids', message_ids, 'reply_class', reply_class, 'older_than', older_than,
                                                       'untold', untold), done);
    RETURN done;
END $$;

--
-- Name: FUNCTION purge(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer, older_than interval, untold boolean); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.purge(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer, older_than interval, untold boolean) IS 'Messages that are final since older_than and told of (all of the tenant''s, or of this account, batch, with one of these ids, whose last attempt was answered like this) are removed with their content, attachments and events; attempts leave with their day. untold: also those that the tenant was not told of, which it then never is. remaining counts whatever matches otherwise, told of or not. Shows what it would do unless dry_run is false; repeat it until messages is 0. SELECT * FROM mailproxy.purge(''shop'', older_than => ''2 days'', dry_run => false)';

--
-- Name: reap_worker(bigint, boolean); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.reap_worker(epoch bigint, forced boolean DEFAULT false) RETURNS mailproxy.effect
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    w     record;
    done  mailproxy.effect;
    ended boolean;
BEGIN
    SELECT v.host, v.pid, v.ended_at, v.heartbeat_at, v.heartbeat_at >= now() - make_interval(secs => v.lease_s) AS fresh
      INTO w FROM mailproxy.worker v WHERE v.epoch = reap_worker.epoch FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE no_data_found USING MESSAGE = format('there never was a worker %s', coalesce(reap_worker.epoch::text, 'null: name one'));
    END IF;
    ended := w.ended_at IS NOT NULL;
    IF w.fresh AND NOT ended AND NOT forced THEN
        RAISE object_in_use USING
            MESSAGE = format('worker %s (pid %s on %s) was heard of at %s: it is alive', reap_worker.epoch, w.pid, w.host, w.heartbeat_at),
            HINT = 'Stop it, or add forced => true: what it is just sending may then be sent twice.';
    END IF;
    UPDATE mailproxy.worker v SET ended_at = now(), ended_how = 'reaped', in_flight = 0
     WHERE v.epoch = reap_worker.epoch AND NOT ended;
    SELECT count(*), 0, 0, (array_agg(t.message_id ORDER BY t.message_pk))[1:5] INTO done
      FROM mailproxy.take_over(ARRAY[reap_worker.epoch]) t;
    IF NOT ended OR done.messages > 0 THEN
        PERFORM pg_notify('mailproxy_wake', '');
        PERFORM mailproxy.log_operation('reapWorker', NULL, jsonb_build_object('worker', reap_worker.epoch, 'forced', forced), done);
    END IF;
    RETURN done;
END $$;

--
-- Name: FUNCTION reap_worker(epoch bigint, forced boolean); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.reap_worker(epoch bigint, forced boolean) IS 'Do at once what happens to a worker without a heartbeat for lease_s seconds (worker.epoch names it): what it held is ready again, its attempts in doubt; messages: how many. For a machine that is known to be gone. A worker whose heartbeat is fresh is refused unless forced. SELECT * FROM mailproxy.reap_worker(7)';

--
-- Name: recheck_limits(); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.recheck_limits() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE mailproxy.account_state s SET gate_recheck_at = now() WHERE s.gate_recheck_at > now();
    ELSE
        IF TG_TABLE_NAME = 'rate_bucket' THEN
            IF OLD.bucket_at <= now() - (SELECT l.length FROM mailproxy.rate_length l WHERE l.period = OLD.period) THEN
                RETURN NULL; -- it counted no more
            END IF;
        END IF;
        UPDATE mailproxy.account_state s SET gate_recheck_at = now()
         WHERE s.tenant_id = OLD.tenant_id AND s.gate_recheck_at > now();
    END IF;
    PERFORM pg_notify('mailproxy_wake', '');
    RETURN NULL;
END $$;

--
-- Name: FUNCTION recheck_limits(); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.recheck_limits() IS 'Trigger: the next claim looks again at the accounts that a limit has closed.';

--
-- Name: reject_ready(text, text, integer); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.reject_ready(of_tenant text, of_account text, most integer) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    pks bigint[];
BEGIN
    pks := ARRAY(SELECT q.message_pk FROM mailproxy.queue q
                  WHERE q.state = 'ready' AND q.tenant_id = of_tenant AND q.account_id = of_account
                  ORDER BY q.priority, q.message_pk
                  LIMIT most
                    FOR UPDATE SKIP LOCKED);
    IF cardinality(pks) = 0 THEN
        RETURN 0;
    END IF;
    DELETE FROM mailproxy.queue q WHERE q.message_pk = ANY (pks);
    UPDATE mailproxy.message m
       SET state = 'error', reason = 'rate_limit_exceeded', reply_code = NULL, finished_at = now(), updated_at = now()
     WHERE m.message_pk = ANY (pks);
    INSERT INTO mailproxy.event (message_pk, event_at, event_type, tenant_id, description)
    SELECT pk, now(), 'error', of_tenant, 'rate_limit_exceeded' FROM unnest(pks) AS pk;
    UPDATE mailproxy.tenant_sync s SET news_seq = s.news_seq + 1 WHERE s.tenant_id = of_tenant;
    PERFORM pg_notify('mailproxy_wake', '');
    RETURN cardinality(pks);
END $$;

--
-- Name: FUNCTION reject_ready(of_tenant text, of_account text, most integer); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.reject_ready(of_tenant text, of_account text, most integer) IS 'Messages of an account that are due become errors, because its limit is reached and its limit_behavior is reject; returns how many.';

--
-- Name: reply_matches(text, bigint, smallint, text); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.reply_matches(reply_class text, of_message bigint, code smallint, reason text) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    SELECT CASE WHEN reply_class = 'none' THEN code IS NULL AND reason IS NOT NULL
                WHEN reply_class LIKE '_xx' THEN code / 100 = left(reply_class, 1)::integer
                WHEN reply_class LIKE '_.%' THEN reply_class = (SELECT a.status FROM mailproxy.attempt a
                                                                 WHERE a.message_pk = of_message
                                                                 ORDER BY a.attempt_pk DESC LIMIT 1)
                ELSE code = reply_class::smallint END
$$;

--
-- Name: FUNCTION reply_matches(reply_class text, of_message bigint, code smallint, reason text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.reply_matches(reply_class text, of_message bigint, code smallint, reason text) IS 'Whether the last attempt at a message (message_pk, and its reply_code and reason) was answered by this: ''4xx'', ''550'', an enhanced status as ''5.7.1'' (RFC 3463), or ''none'': it failed without a reply.';

--
-- Name: reprioritise(text, integer, text, text, text[], text, boolean, integer); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.reprioritise(tenant_id text, to_priority integer, account_id text DEFAULT NULL::text, batch_code text DEFAULT NULL::text, message_ids text[] DEFAULT NULL::text[], reply_class text DEFAULT NULL::text, dry_run boolean DEFAULT true, max_messages integer DEFAULT 10000) RETURNS mailproxy.effect
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    done     mailproxy.effect;
    pks      bigint[];
    matching bigint;
BEGIN
    IF (to_priority BETWEEN 0 AND 3) IS NOT TRUE THEN
        RAISE invalid_parameter_value USING MESSAGE = 'a priority is 0 (immediate), 1 (high), 2 (medium) or 3 (low)';
    END IF;
    WITH f AS MATERIALIZED (
        SELECT * FROM mailproxy.match_messages('{queued}', reprioritise.tenant_id, reprioritise.account_id, reprioritise.batch_code, message_ids,
                                               reply_class) g
         WHERE g.priority <> to_priority
    ), chosen AS (
        SELECT f.message_pk, f.message_id FROM f WHERE NOT f.leased ORDER BY f.message_pk LIMIT max_messages
    )
    SELECT count(*) FILTER (WHERE NOT f.leased), count(*) FILTER (WHERE f.leased), ARRAY(SELECT c.message_pk FROM chosen c),
           ARRAY(SELECT c.message_id FROM chosen c LIMIT 5)
      INTO matching, done.busy, pks, done.examples
      FROM f;
    IF NOT dry_run THEN
        pks := ARRAY(SELECT q.message_pk FROM mailproxy.queue q
                      WHERE q.message_pk = ANY (pks) AND q.state <> 'leased'
                      ORDER BY q.message_pk
                        FOR UPDATE);
    END IF;
    done.messages := cardinality(pks);
    done.remaining := matching - done.messages;
    IF dry_run OR done.messages = 0 THEN
        RETURN done;
    END IF;
    UPDATE mailproxy.queue q SET priority = to_priority WHERE q.message_pk = ANY (pks);
    UPDATE mailproxy.message m SET priority = to_priority, updated_at = now() WHERE m.message_pk = ANY (pks);
    PERFORM pg_notify('mailproxy_wake', '');
    PERFORM mailproxy.log_operation('reprioritiseMessages', reprioritise.tenant_id,
                                    jsonb_build_object('tenant_id', reprioritise.tenant_id, 'to_priority', to_priority,
                                                       'account_id', reprioritise.account_id, 'batch_code', reprioritise.batch_code,
                                                       'message_ids', message_ids, 'reply_class', reply_class), done);
    RETURN done;
END $$;

--
-- Name: FUNCTION reprioritise(tenant_id text, to_priority integer, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.reprioritise(tenant_id text, to_priority integer, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer) IS 'Messages that wait (all of the tenant''s, or of this account, batch, with one of these ids, whose last attempt was answered ''4xx'', ''450'', ''4.7.1'' or, by ''none'', not at all) get this priority, 0 to 3, as if they had come with it. Shows what it would do unless dry_run is false; repeat it until messages is 0. SELECT * FROM mailproxy.reprioritise(''shop'', 3, batch_code => ''spring'', dry_run => false)';

--
-- Name: requeue(text, text, text, text[], text, boolean, integer); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.requeue(tenant_id text, account_id text DEFAULT NULL::text, batch_code text DEFAULT NULL::text, message_ids text[] DEFAULT NULL::text[], reply_class text DEFAULT NULL::text, dry_run boolean DEFAULT true, max_messages integer DEFAULT 10000) RETURNS mailproxy.effect
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    done      mailproxy.effect;
    pks       bigint[];
    suspended bigint[];
    matching  bigint;
    bare      bigint;
BEGIN
    WITH f AS MATERIALIZED (
        SELECT g.*, EXISTS (SELECT FROM mailproxy.message_body b
                             WHERE b.message_pk = g.message_pk AND b.created_at = g.created_at)
                    AND (SELECT m.attachments = 0
                                OR EXISTS (SELECT FROM mailproxy.message_attachment c
                                            WHERE c.message_pk = m.message_pk AND c.created_at = m.created_at)
                           FROM mailproxy.message m WHERE m.message_pk = g.message_pk) AS has_content
          FROM mailproxy.match_messages('{error,cancelled}', requeue.tenant_id, requeue.account_id, requeue.batch_code, message_ids, reply_class) g
    ), chosen AS (
        SELECT f.message_pk, f.message_id FROM f WHERE f.has_content ORDER BY f.message_pk LIMIT max_messages
    )
    SELECT count(*) FILTER (WHERE f.has_content), count(*) FILTER (WHERE NOT f.has_content), 0,
           ARRAY(SELECT c.message_pk FROM chosen c), ARRAY(SELECT c.message_id FROM chosen c LIMIT 5)
      INTO matching, bare, done.busy, pks, done.examples
      FROM f;
    IF bare > 0 THEN
        RAISE NOTICE 'content that is not stored any more: of % messages, which are left as they are', bare;
    END IF;
    IF NOT dry_run THEN
        suspended := mailproxy.lock_suspended(pks);
        pks := ARRAY(SELECT m.message_pk FROM mailproxy.message m
                      WHERE m.message_pk = ANY (pks) AND m.state IN ('error', 'cancelled')
                      ORDER BY m.message_pk
                        FOR UPDATE);
    END IF;
    done.messages := cardinality(pks);
    done.remaining := matching - done.messages;
    IF dry_run OR done.messages = 0 THEN
        RETURN done;
    END IF;
    DELETE FROM mailproxy.event e -- what the tenant was not told yet is not so any more
     USING mailproxy.message m
     WHERE m.message_pk = ANY (pks) AND e.message_pk = m.message_pk AND e.created_at >= m.created_at
       AND e.event_type = 'error' AND e.reported_at IS NULL;
    UPDATE mailproxy.message m
       SET state = 'queued', finished_at = NULL, updated_at = now(), retries = 0, deferred_since = NULL, reply_code = NULL, reason = NULL,
           settled = (SELECT jsonb_agg(s.recipient ORDER BY s.place)
                        FROM jsonb_array_elements(m.settled) WITH ORDINALITY AS s (recipient, place)
                       WHERE s.recipient ->> 'outcome' = 'sent')
     WHERE m.message_pk = ANY (pks);
    INSERT INTO mailproxy.queue (message_pk, due_at, priority, state, tenant_id, account_id)
    SELECT m.message_pk, now(), m.priority, CASE WHEN m.message_pk = ANY (suspended) THEN 'held' ELSE 'ready' END::mailproxy.queue_state,
           m.tenant_id, m.account_id
      FROM mailproxy.message m
     WHERE m.message_pk = ANY (pks)
     ORDER BY m.message_pk;
    PERFORM pg_notify('mailproxy_wake', '');
    PERFORM mailproxy.log_operation('requeueMessages', requeue.tenant_id,
                                    jsonb_build_object('tenant_id', requeue.tenant_id, 'account_id', requeue.account_id, 'batch_code', requeue.batch_code,
                                                       'message_ids', message_ids, 'reply_class', reply_class), done);
    RETURN done;
END $$;

--
-- Name: FUNCTION requeue(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.requeue(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer) IS 'Messages in state error or cancelled (all of the tenant''s, or of this account, batch, with one of these ids, whose last attempt was answered ''5xx'', ''550'', ''5.7.1'' or, by ''none'', not at all) are tried again, now and with all their retries, under the same Message-ID. Recipients that have it already are not sent to again; those that were refused are. An error of which the tenant was not told yet is not told any more. Messages whose content has left are left alone, with a notice. Shows what it would do unless dry_run is false; repeat it until messages is 0. SELECT * FROM mailproxy.requeue(''shop'', reply_class => ''5.7.1'', dry_run => false)';

--
-- Name: reroute(text, text, text, text, text[], text, boolean, integer); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.reroute(tenant_id text, to_account text, account_id text DEFAULT NULL::text, batch_code text DEFAULT NULL::text, message_ids text[] DEFAULT NULL::text[], reply_class text DEFAULT NULL::text, dry_run boolean DEFAULT true, max_messages integer DEFAULT 10000) RETURNS mailproxy.effect
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    done     mailproxy.effect;
    pks      bigint[];
    matching bigint;
    other    record;
BEGIN
    SELECT a.is_pec_account INTO other FROM mailproxy.account a
     WHERE a.tenant_id = reroute.tenant_id AND a.account_id = to_account
       FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE no_data_found USING MESSAGE = format('tenant %L has no account %L', reroute.tenant_id, to_account);
    END IF;
    WITH f AS MATERIALIZED (
        SELECT * FROM mailproxy.match_messages('{queued}', reroute.tenant_id, reroute.account_id, reroute.batch_code, message_ids, reply_class) g
         WHERE g.account_id <> to_account
    ), chosen AS (
        SELECT f.message_pk, f.message_id FROM f WHERE NOT f.leased ORDER BY f.message_pk LIMIT max_messages
    )
    SELECT count(*) FILTER (WHERE NOT f.leased), count(*) FILTER (WHERE f.leased), ARRAY(SELECT c.message_pk FROM chosen c),
           ARRAY(SELECT c.message_id FROM chosen c LIMIT 5)
      INTO matching, done.busy, pks, done.examples
      FROM f;
    IF EXISTS (SELECT FROM mailproxy.message m WHERE m.message_pk = ANY (pks) AND m.is_pec <> other.is_pec_account) THEN
        RAISE invalid_parameter_value USING MESSAGE = format('certified mail (PEC) goes over PEC accounts, and nothing else does: %L is %s',
                                                             to_account, CASE WHEN other.is_pec_account THEN 'one' ELSE 'none' END);
    END IF;
    IF NOT dry_run THEN
        pks := ARRAY(SELECT q.message_pk FROM mailproxy.queue q
                      WHERE q.message_pk = ANY (pks) AND q.state <> 'leased'
                      ORDER BY q.message_pk
                        FOR UPDATE);
    END IF;
    done.messages := cardinality(pks);
    done.remaining := matching - done.messages;
    IF dry_run OR done.messages = 0 THEN
        RETURN done;
    END IF;
    UPDATE mailproxy.queue q -- what waited for the other account, waits no more
       SET account_id = to_account, waits_for_account = false,
           state = CASE WHEN q.state = 'scheduled' AND q.waits_for_account THEN 'ready' ELSE q.state END,
           due_at = CASE WHEN q.waits_for_account OR q.state = 'ready' THEN least(q.due_at, now()) ELSE q.due_at END
     WHERE q.message_pk = ANY (pks);
    UPDATE mailproxy.message m
       SET account_id = to_account, updated_at = now(), retries = 0, deferred_since = NULL
     WHERE m.message_pk = ANY (pks);
    PERFORM pg_notify('mailproxy_wake', '');
    PERFORM mailproxy.log_operation('rerouteMessages', reroute.tenant_id,
                                    jsonb_build_object('tenant_id', reroute.tenant_id, 'to_account', to_account, 'account_id', reroute.account_id,
                                                       'batch_code', reroute.batch_code, 'message_ids', message_ids, 'reply_class', reply_class), done);
    RETURN done;
END $$;

--
-- Name: FUNCTION reroute(tenant_id text, to_account text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.reroute(tenant_id text, to_account text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer) IS 'Messages that wait (all of the tenant''s, or of this account, batch, with one of these ids, whose last attempt was answered ''4xx'', ''450'', ''4.7.1'' or, by ''none'', not at all) go out over another account of the tenant. What waited for the account they leave is due now, what waits for its own time keeps it; retries count anew. Certified mail (PEC) goes to PEC accounts only. Shows what it would do unless dry_run is false; repeat it until messages is 0. SELECT * FROM mailproxy.reroute(''shop'', ''spare'', account_id => ''main'', dry_run => false)';

--
-- Name: resume(text, text, text, boolean); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.resume(tenant_id text, account_id text DEFAULT NULL::text, batch_code text DEFAULT NULL::text, dry_run boolean DEFAULT false) RETURNS mailproxy.effect
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    done    mailproxy.effect;
    before  text[];
    codes   text[] := '{}';
    changes boolean;
BEGIN
    IF resume.account_id IS NOT NULL AND resume.batch_code IS NOT NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = 'name an account or a batch, not both';
    END IF;
    SELECT count(*) FILTER (WHERE NOT f.leased), count(*) FILTER (WHERE f.leased), 0,
           (array_agg(f.message_id ORDER BY f.message_pk) FILTER (WHERE NOT f.leased))[1:5]
      INTO done
      FROM mailproxy.match_messages('{queued}', resume.tenant_id, resume.account_id, resume.batch_code, NULL, NULL) f;
    IF resume.account_id IS NOT NULL THEN
        SELECT a.paused_at IS NOT NULL INTO changes
          FROM mailproxy.account a
         WHERE a.tenant_id = resume.tenant_id AND a.account_id = resume.account_id
           FOR NO KEY UPDATE;
    ELSE
        SELECT t.suspended_batches INTO before FROM mailproxy.tenant t WHERE t.tenant_id = resume.tenant_id FOR NO KEY UPDATE;
        IF resume.batch_code IS NOT NULL THEN
            IF '*' = ANY (before) THEN
                RAISE object_not_in_prerequisite_state USING MESSAGE = format('tenant %L is paused as a whole: resume all of it', resume.tenant_id);
            END IF;
            codes := array_remove(before, resume.batch_code);
        END IF;
        changes := before <> codes;
    END IF;
    IF NOT changes THEN
        RETURN (0, done.busy, 0, NULL)::mailproxy.effect;
    END IF;
    IF NOT dry_run THEN
        IF resume.account_id IS NOT NULL THEN
            UPDATE mailproxy.account a SET paused_at = NULL, paused_reason = NULL
             WHERE a.tenant_id = resume.tenant_id AND a.account_id = resume.account_id;
        ELSE
            UPDATE mailproxy.tenant t SET suspended_batches = codes WHERE t.tenant_id = resume.tenant_id;
        END IF;
        PERFORM mailproxy.log_operation(
            CASE WHEN resume.account_id IS NULL THEN 'activate' ELSE 'resumeAccount' END, resume.tenant_id,
            jsonb_build_object('tenant_id', resume.tenant_id, 'account_id', resume.account_id, 'batch_code', resume.batch_code), done);
    END IF;
    RETURN done;
END $$;

--
-- Name: FUNCTION resume(tenant_id text, account_id text, batch_code text, dry_run boolean); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.resume(tenant_id text, account_id text, batch_code text, dry_run boolean) IS 'End what mailproxy.pause() began: of one account, of one batch, or of the tenant as a whole with all its batches (its accounts are resumed by themselves). messages: how many wait for it. Not paused: 0 messages. SELECT * FROM mailproxy.resume(''shop'', account_id => ''main'')';

--
-- Name: retry_now(text, text, text, text[], text, boolean, integer); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.retry_now(tenant_id text, account_id text DEFAULT NULL::text, batch_code text DEFAULT NULL::text, message_ids text[] DEFAULT NULL::text[], reply_class text DEFAULT NULL::text, dry_run boolean DEFAULT true, max_messages integer DEFAULT 10000) RETURNS mailproxy.effect
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    done     mailproxy.effect;
    pks      bigint[];
    matching bigint;
BEGIN
    WITH f AS MATERIALIZED ( -- what was never tried waits as its sender wished
        SELECT g.message_pk, g.message_id
          FROM mailproxy.match_messages('{queued}', retry_now.tenant_id, retry_now.account_id, retry_now.batch_code, message_ids,
                                        reply_class) g
          JOIN mailproxy.queue q ON q.message_pk = g.message_pk
         WHERE q.state = 'scheduled' AND q.attempts > 0
    ), chosen AS (
        SELECT f.message_pk, f.message_id FROM f ORDER BY f.message_pk LIMIT max_messages
    )
    SELECT count(*), 0, ARRAY(SELECT c.message_pk FROM chosen c), ARRAY(SELECT c.message_id FROM chosen c LIMIT 5)
      INTO matching, done.busy, pks, done.examples
      FROM f;
    IF NOT dry_run THEN
        pks := ARRAY(SELECT q.message_pk FROM mailproxy.queue q
                      WHERE q.message_pk = ANY (pks) AND q.state = 'scheduled' AND q.attempts > 0
                      ORDER BY q.message_pk
                        FOR UPDATE);
    END IF;
    done.messages := cardinality(pks);
    done.remaining := matching - done.messages;
    IF dry_run OR done.messages = 0 THEN
        RETURN done;
    END IF;
    UPDATE mailproxy.queue q SET state = 'ready', due_at = now() WHERE q.message_pk = ANY (pks);
    PERFORM pg_notify('mailproxy_wake', '');
    PERFORM mailproxy.log_operation('retryMessages', retry_now.tenant_id,
                                    jsonb_build_object('tenant_id', retry_now.tenant_id, 'account_id', retry_now.account_id,
                                                       'batch_code', retry_now.batch_code, 'message_ids', message_ids,
                                                       'reply_class', reply_class), done);
    RETURN done;
END $$;

--
-- Name: FUNCTION retry_now(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.retry_now(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer) IS 'Messages that were tried and wait for their next attempt (all of the tenant''s, or of this account, batch, with one of these ids, whose last attempt was answered ''4xx'', ''450'', ''4.7.1'' or, by ''none'', not at all) are due now. It is a retry like any other and uses one up; what waits behind an account that is backed off goes with run-now. Shows what it would do unless dry_run is false; repeat it until messages is 0. SELECT * FROM mailproxy.retry_now(''shop'', reply_class => ''4.7.1'', dry_run => false)';

--
-- Name: role_state(text[], text[]); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.role_state(roles text[], texts text[]) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    SELECT md5(concat_ws(E'\n', texts::text,
                (SELECT string_agg(r.oid::text, ' ' ORDER BY r.rolname) FROM pg_roles r WHERE r.rolname = ANY (roles)),
                (SELECT n.nspacl::text FROM pg_namespace n WHERE n.nspname = 'mailproxy'),
                (SELECT string_agg(concat_ws(' ', c.relname, c.relkind, c.relrowsecurity, c.relacl::text), E'\n' ORDER BY c.relname)
                   FROM pg_class c
                  WHERE c.relnamespace = 'mailproxy'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S') AND NOT c.relispartition),
                (SELECT string_agg(concat_ws(' ', c.relname, a.attname, a.attacl::text), E'\n' ORDER BY c.relname, a.attnum)
                   FROM pg_class c
                   JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                  WHERE c.relnamespace = 'mailproxy'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition),
                (SELECT string_agg(concat_ws(' ', p.oid::regprocedure, p.prosecdef, p.proacl::text), E'\n' ORDER BY p.oid)
                   FROM pg_proc p
                  WHERE p.pronamespace = 'mailproxy'::regnamespace),
                (SELECT string_agg(concat_ws(' ', l.polrelid::regclass, l.polname, l.polroles::text), E'\n' ORDER BY l.polrelid, l.polname)
                   FROM pg_policy l
                   JOIN pg_class c ON c.oid = l.polrelid
                  WHERE c.relnamespace = 'mailproxy'::regnamespace)))
$$;

--
-- Name: FUNCTION role_state(roles text[], texts text[]); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.role_state(roles text[], texts text[]) IS 'Another digest than that of role_grant: grant_roles() has something to do. Partitions have no part in it.';

--
-- Name: send(text, text, text, text, text, text, text, text, text, text, text, text, jsonb, text, jsonb, text, timestamp with time zone, text); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.send(account_id text, "from" text, "to" text, subject text, body text DEFAULT NULL::text, id text DEFAULT NULL::text, tenant_id text DEFAULT NULL::text, content_type text DEFAULT NULL::text, cc text DEFAULT NULL::text, bcc text DEFAULT NULL::text, reply_to text DEFAULT NULL::text, return_path text DEFAULT NULL::text, headers jsonb DEFAULT NULL::jsonb, message_id text DEFAULT NULL::text, attachments jsonb DEFAULT NULL::jsonb, priority text DEFAULT NULL::text, deferred_until timestamp with time zone DEFAULT NULL::timestamp with time zone, batch_code text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
DECLARE
    given_id CONSTANT text := coalesce(id, gen_random_uuid()::text);
    answer   jsonb;
    reason   text;
BEGIN
    answer := mailproxy.send_batch(jsonb_build_array(
        jsonb_strip_nulls(jsonb_build_object(
            'id', given_id, 'account_id', account_id, 'from', "from", 'to', "to", 'subject', subject, 'body', body,
            'tenant_id', tenant_id, 'content_type', content_type, 'cc', cc, 'bcc', bcc, 'reply_to', reply_to,
            'return_path', return_path, 'message_id', message_id, 'priority', priority, 'batch_code', batch_code,
            'deferred_ts', ceil(extract(epoch FROM deferred_until))))
        || CASE WHEN headers IS NULL THEN '{}' ELSE jsonb_build_object('headers', headers) END
        || CASE WHEN attachments IS NULL THEN '{}' ELSE jsonb_build_object('attachments', attachments) END));
    reason := answer #>> '{rejected,0,reason}';
    IF reason IS NOT NULL THEN
        RAISE EXCEPTION USING
            MESSAGE = reason,
            ERRCODE = CASE reason WHEN 'already sent' THEN 'unique_violation' WHEN 'being sent' THEN 'object_in_use'
                                  WHEN 'tenant mismatch' THEN 'insufficient_privilege' ELSE 'invalid_parameter_value' END,
            DETAIL = format('The message has the id %s.', given_id);
    END IF;
    RETURN given_id;
END $$;

--
-- Name: FUNCTION send(account_id text, "from" text, "to" text, subject text, body text, id text, tenant_id text, content_type text, cc text, bcc text, reply_to text, return_path text, headers jsonb, message_id text, attachments jsonb, priority text, deferred_until timestamp with time zone, batch_code text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.send(account_id text, "from" text, "to" text, subject text, body text, id text, tenant_id text, content_type text, cc text, bcc text, reply_to text, return_path text, headers jsonb, message_id text, attachments jsonb, priority text, deferred_until timestamp with time zone, batch_code text) IS 'Enqueue one message in the caller''s transaction; the parameters are the fields of POST /commands/add-messages, deferred_until stands for deferred_ts. Returns its id (a new UUID where none is given); raises the reason where it is rejected: unique_violation (already sent), object_in_use (being sent), insufficient_privilege (another tenant''s), else invalid_parameter_value.';

--
-- Name: send_batch(jsonb, text, text); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.send_batch(messages jsonb, tenant_id text DEFAULT NULL::text, default_priority text DEFAULT NULL::text) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET standard_conforming_strings TO 'on'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
DECLARE
    token_tenant CONSTANT text := mailproxy.current_tenant();
    named_tenant CONSTANT text := nullif(send_batch.tenant_id, '');
    drafts       mailproxy.draft[];
    queued       integer;
    refused      boolean;
    rejected     jsonb;
BEGIN
    IF jsonb_typeof(messages) IS DISTINCT FROM 'array' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'messages is not an array';
    ELSIF jsonb_array_length(messages) > 10000 THEN
        RAISE program_limit_exceeded USING MESSAGE = 'Cannot enqueue more than 10000 messages at once';
    ELSIF messages = '[]' THEN
        RETURN '{"ok": true, "queued": 0, "rejected": []}';
    END IF;
    drafts := mailproxy.intake_store(mailproxy.intake_read(
        messages, named_tenant, token_tenant, mailproxy.intake_priority(to_jsonb(send_batch.default_priority), NULL)));
    SELECT count(d.message_pk),
           bool_and(d.reason NOT IN ('already sent', 'being sent')) AND count(d.reason) = count(*)
           AND (named_tenant IS NOT NULL OR EXISTS (SELECT FROM jsonb_array_elements(messages) AS m
                                                     WHERE m.value -> 'tenant_id' <> 'null')),
           coalesce(jsonb_agg(CASE WHEN jsonb_typeof(d.given_id) IN ('string', 'number') THEN jsonb_build_object('id', d.given_id) ELSE '{}' END
                              || jsonb_build_object('reason', d.reason) ORDER BY d.place) FILTER (WHERE d.reason IS NOT NULL), '[]')
      INTO queued, refused, rejected
      FROM unnest(drafts) AS d;
    PERFORM mailproxy.intake_log(drafts, token_tenant, named_tenant,
                                 coalesce(nullif(current_setting('role'), 'none'), session_user), send_batch.default_priority,
                                 CASE WHEN refused THEN 400 ELSE 200 END::smallint);
    IF queued > 0 THEN
        PERFORM mailproxy.intake_wake();
    END IF;
    RETURN jsonb_build_object('ok', NOT refused, 'queued', queued, 'rejected', rejected);
END $$;

--
-- Name: FUNCTION send_batch(messages jsonb, tenant_id text, default_priority text); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.send_batch(messages jsonb, tenant_id text, default_priority text) IS 'Enqueue messages in the caller''s transaction: an array of what POST /commands/add-messages takes, tenant_id for messages that name none, default_priority (a number or a label) for those without one. {"ok":true,"queued":N,"rejected":[{"id":..,"reason":..}]}; ok is false where all are rejected. Nothing is sent unless the transaction is committed.';

--
-- Name: stamp_rates(text[], text[], integer[]); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.stamp_rates(of_tenants text[], of_accounts text[], of_taken integer[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO mailproxy.rate_bucket AS b (tenant_id, account_id, period, bucket_at, taken)
    SELECT u.tenant_id, v.scope, l.period, e.bucket_at, sum(u.taken)
      FROM unnest(of_tenants, of_accounts, of_taken) AS u (tenant_id, account_id, taken)
      JOIN mailproxy.tenant t ON t.tenant_id = u.tenant_id
      JOIN mailproxy.account a ON a.tenant_id = u.tenant_id AND a.account_id = u.account_id
     CROSS JOIN LATERAL (
           VALUES ('minute'::mailproxy.rate_period, a.limit_per_minute, u.account_id),
                  ('hour', a.limit_per_hour, u.account_id), ('day', a.limit_per_day, u.account_id),
                  ('hour', t.limit_per_hour, ''), ('day', t.limit_per_day, '')) AS v (period, most, scope)
      JOIN mailproxy.rate_length l ON l.period = v.period
     CROSS JOIN LATERAL (
           SELECT to_timestamp(ceil(extract(epoch FROM now()) / (extract(epoch FROM l.length) / 100))
                               * (extract(epoch FROM l.length) / 100)) AS bucket_at) e
     WHERE v.most IS NOT NULL AND u.taken > 0
     GROUP BY u.tenant_id, v.scope, l.period, e.bucket_at
     ORDER BY u.tenant_id COLLATE "C", v.scope COLLATE "C", l.period, e.bucket_at -- nobody waits for anybody in a circle
    ON CONFLICT (tenant_id, account_id, period, bucket_at) DO UPDATE SET taken = b.taken + excluded.taken;
END $$;

--
-- Name: FUNCTION stamp_rates(of_tenants text[], of_accounts text[], of_taken integer[]); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.stamp_rates(of_tenants text[], of_accounts text[], of_taken integer[]) IS 'Count what relays have taken, or may have, against the limits of accounts and tenants that have any; as of the end of the slice of time.';

--
-- Name: tenant_sync; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.tenant_sync (
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    news_seq bigint DEFAULT 1 NOT NULL,
    told_seq bigint DEFAULT 0 NOT NULL,
    last_sync_at timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL,
    retry_at timestamp with time zone,
    last_error text,
    lease_epoch bigint,
    lease_token bigint,
    leased_at timestamp with time zone,
    called_at timestamp with time zone,
    CONSTRAINT tenant_sync_lease_is_whole CHECK ((num_nulls(lease_epoch, lease_token, leased_at) = ANY (ARRAY[0, 3]))),
    CONSTRAINT tenant_sync_told_what_was_news CHECK ((told_seq <= news_seq))
)
WITH (fillfactor='50');

--
-- Name: TABLE tenant_sync; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.tenant_sync IS 'Where the conversation with each tenant stands: one process at a time holds the lease and calls the tenant.';

--
-- Name: COLUMN tenant_sync.news_seq; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant_sync.news_seq IS 'Raised in the transaction that makes news for the tenant (an event, run-now); above told_seq means: call it.';

--
-- Name: COLUMN tenant_sync.told_seq; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant_sync.told_seq IS 'The news_seq that the last acknowledged call had seen.';

--
-- Name: COLUMN tenant_sync.last_sync_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant_sync.last_sync_at IS 'When the tenant was last called; in the future when its answer asked not to be disturbed until then.';

--
-- Name: COLUMN tenant_sync.retry_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant_sync.retry_at IS 'After a failure: not before; null when the last call went well.';

--
-- Name: COLUMN tenant_sync.called_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant_sync.called_at IS 'When the last call ended, whatever it came to; last_sync_at may lie in the future.';

--
-- Name: sync_is_due(mailproxy.tenant_sync, boolean, bigint); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.sync_is_due(sync mailproxy.tenant_sync, tenant_active boolean, interval_s bigint) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN ((((sync).retry_at IS NULL) OR ((sync).retry_at <= now())) AND (((sync).news_seq > (sync).told_seq) OR COALESCE((tenant_active AND (COALESCE((sync).last_sync_at, '-infinity'::timestamp with time zone) <= (now() - make_interval(secs => (interval_s)::double precision)))), false)));

--
-- Name: FUNCTION sync_is_due(sync mailproxy.tenant_sync, tenant_active boolean, interval_s bigint); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.sync_is_due(sync mailproxy.tenant_sync, tenant_active boolean, interval_s bigint) IS 'Is the tenant to be called now? There is news, or it is active and the interval (null: no polling) is over; never during the pause after a failure.';

--
-- Name: take_over(bigint[]); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.take_over(epochs bigint[]) RETURNS TABLE(message_pk bigint, tenant_id text, message_id text, account_id text, epoch bigint, attempts integer)
    LANGUAGE plpgsql ROWS 10
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH gone AS MATERIALIZED (
        SELECT unnest(epochs) AS epoch
    ), suspended AS MATERIALIZED (
        SELECT mailproxy.lock_suspended(ARRAY(SELECT q.message_pk FROM gone JOIN mailproxy.queue q ON q.lease_epoch = gone.epoch
                                               WHERE q.state = 'leased')) AS pks
    ), freed AS (
        UPDATE mailproxy.queue q
           SET state = CASE WHEN q.message_pk = ANY (s.pks) THEN 'held' ELSE 'ready' END::mailproxy.queue_state,
               lease_token = NULL, lease_epoch = NULL, leased_at = NULL
          FROM suspended s, gone
         WHERE q.state = 'leased' AND q.lease_epoch = gone.epoch
        RETURNING q.message_pk, q.tenant_id, q.account_id, q.attempts, gone.epoch
    ), stamped AS MATERIALIZED (
        SELECT mailproxy.stamp_rates(array_agg(f.tenant_id), array_agg(f.account_id), array_agg(f.messages))
          FROM (SELECT tenant_id, account_id, count(*)::integer AS messages FROM freed GROUP BY tenant_id, account_id) f
        HAVING count(*) > 0
    ), hung_up AS (
        UPDATE mailproxy.tenant_sync s SET lease_token = NULL, lease_epoch = NULL, leased_at = NULL
          FROM gone
         WHERE s.lease_epoch = gone.epoch AND (SELECT count(*) FROM stamped) >= 0 -- first
    ), disconnected AS (
        DELETE FROM mailproxy.connection_grant c
         USING gone
         WHERE c.lease_epoch = gone.epoch
    ), doubted AS (
        INSERT INTO mailproxy.attempt (message_pk, worker_epoch, attempt, outcome, in_doubt, tenant_id, account_id, reply)
        SELECT f.message_pk, f.epoch, f.attempts, 'deferred', true, f.tenant_id, f.account_id,
               'the worker died while it held the message: the relay may have taken it'
          FROM freed f
    ), counted AS (
        INSERT INTO mailproxy.account_counter AS c (tenant_id, account_id, worker_epoch, in_doubt)
        SELECT f.tenant_id, f.account_id, 0, count(*)
          FROM freed f
          JOIN mailproxy.account_state s ON s.tenant_id = f.tenant_id AND s.account_id = f.account_id
         GROUP BY f.tenant_id, f.account_id
         ORDER BY f.tenant_id, f.account_id
        ON CONFLICT (tenant_id, account_id, worker_epoch) DO UPDATE SET in_doubt = c.in_doubt + excluded.in_doubt
    )
    SELECT f.message_pk, f.tenant_id, m.message_id, f.account_id, f.epoch, f.attempts
      FROM freed f
      JOIN mailproxy.message m ON m.message_pk = f.message_pk
     WHERE (SELECT count(*) FROM stamped) >= 0;
END $$;

--
-- Name: FUNCTION take_over(epochs bigint[]); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.take_over(epochs bigint[]) IS 'What workers that have ended still held goes back: messages become ready (held where their batch is suspended) and their attempts in doubt, since the relay may have taken them, which counts against rate limits; calls to tenants and connections are free. To be called with the workers ended already. A row for each message.';

--
-- Name: tenant_apply_suspension(); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.tenant_apply_suspension() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    change  record;
    changed boolean := false;
BEGIN
    FOR change IN
        SELECT n.tenant_id, n.suspended_batches AS codes,
               ARRAY(SELECT unnest(n.suspended_batches) EXCEPT SELECT unnest(o.suspended_batches) EXCEPT SELECT '*') AS added,
               NOT '*' = ANY (n.suspended_batches) AND NOT o.suspended_batches <@ n.suspended_batches AS some_ended
          FROM tenant_after n JOIN tenant_before o USING (tenant_id)
         WHERE n.suspended_batches <> o.suspended_batches
         ORDER BY n.tenant_id
    LOOP
        changed := true;
        -- Below that level the queries here would not see what was enqueued while the tenant's row was waited for.
        IF current_setting('transaction_isolation') <> 'read committed' THEN
            RAISE EXCEPTION 'tenant.suspended_batches can be changed at isolation level read committed only'
                USING HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED';
        END IF;
        UPDATE mailproxy.queue q
           SET state = 'held'
         WHERE q.message_pk = ANY (ARRAY(
                   SELECT w.message_pk
                     FROM mailproxy.message m JOIN mailproxy.queue w USING (message_pk)
                    WHERE m.tenant_id = change.tenant_id AND m.batch_code = ANY (change.added)
                      AND m.batch_code IS NOT NULL AND w.state IN ('ready', 'scheduled')
                    ORDER BY w.message_pk
                      FOR UPDATE OF w));
        CONTINUE WHEN NOT change.some_ended;
        UPDATE mailproxy.queue q
           SET state = CASE WHEN q.due_at <= now() THEN 'ready' ELSE 'scheduled' END::mailproxy.queue_state
         WHERE q.message_pk = ANY (ARRAY(
                   SELECT w.message_pk
                     FROM mailproxy.queue w JOIN mailproxy.message m USING (message_pk)
                    WHERE w.state = 'held' AND w.tenant_id = change.tenant_id
                      AND (m.batch_code = ANY (change.codes)) IS NOT TRUE
                    ORDER BY w.message_pk
                      FOR UPDATE OF w));
    END LOOP;
    IF changed THEN -- last: whoever suspends something of another tenant waits for this row
        UPDATE mailproxy.instance SET suspension_seq = suspension_seq + 1;
    END IF;
    RETURN NULL;
END $$;

--
-- Name: FUNCTION tenant_apply_suspension(); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.tenant_apply_suspension() IS 'Trigger: the queue follows tenant.suspended_batches. Waiting messages of a batch that was added become held, held ones of a batch that is not suspended any more become ready or scheduled; a whole tenant ("*") is passed by where it is claimed, and no row is touched for it.';

--
-- Name: traffic(text, timestamp with time zone, interval, bigint); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.traffic(of_tenant text, since timestamp with time zone, bucket interval, most bigint) RETURNS TABLE(bucket_at timestamp with time zone, accepted bigint, sent bigint, errors bigint, deferred bigint, p50_ms bigint, p95_ms bigint, p99_ms bigint, complete_since timestamp with time zone)
    LANGUAGE plpgsql STABLE ROWS 300
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'on'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE step (low, high, buckets) AS (
        SELECT date_bin(bucket, now(), 'epoch'), date_bin(bucket, now(), 'epoch') + bucket, 1
         UNION ALL
        SELECT greatest(s.low - s.buckets * bucket, date_bin(bucket, since, 'epoch')), s.low, least(2 * s.buckets, 16)
          FROM step s
         WHERE s.low > date_bin(bucket, since, 'epoch')
    ), came AS MATERIALIZED (
        SELECT s.high, date_bin(bucket, x.created_at, 'epoch') AS at
          FROM step s
         CROSS JOIN LATERAL (SELECT m.created_at -- OFFSET 0: a step after the other, and each priority by itself, so that an index is read by time
                               FROM unnest('{0,1,2,3}'::smallint[]) AS p (priority)
                              CROSS JOIN LATERAL (SELECT c.created_at FROM mailproxy.message c
                                                   WHERE (of_tenant IS NULL OR c.tenant_id = of_tenant) AND c.priority = p.priority
                                                     AND c.created_at >= s.low AND c.created_at < s.high
                                                  OFFSET 0) m
                             OFFSET 0) x
         LIMIT most
    ), tried AS MATERIALIZED (
        SELECT s.high, date_bin(bucket, a.ended_at, 'epoch') AS at, a.tenant_id, a.outcome, a.took_ms
          FROM step s
         CROSS JOIN LATERAL (SELECT t.tenant_id, t.outcome, t.ended_at,
                                    coalesce(t.queue_ms, 0) + coalesce(t.compose_ms, 0) + coalesce(t.connect_ms, 0)
                                    + coalesce(t.send_ms, 0) AS took_ms
                               FROM mailproxy.attempt t
                              WHERE t.ended_at >= s.low AND t.ended_at < s.high
                             OFFSET 0) a
         LIMIT most
    ), bound AS MATERIALIZED (
        SELECT greatest(date_bin(bucket, since, 'epoch'),
                        (SELECT CASE WHEN count(*) = most THEN min(c.high) END FROM came c),
                        (SELECT CASE WHEN count(*) = most THEN min(t.high) END FROM tried t)) AS at
    )
    SELECT coalesce(i.at, o.at), coalesce(i.accepted, 0), coalesce(o.sent, 0), coalesce(o.errors, 0), coalesce(o.deferred, 0),
           o.ms[1]::bigint, o.ms[2]::bigint, o.ms[3]::bigint, b.at
      FROM bound b
      LEFT JOIN ((SELECT c.at, count(*) AS accepted FROM came c GROUP BY c.at) i
                 FULL JOIN (SELECT t.at, count(*) FILTER (WHERE t.outcome = 'sent') AS sent,
                                   count(*) FILTER (WHERE t.outcome = 'error') AS errors,
                                   count(*) FILTER (WHERE t.outcome = 'deferred') AS deferred,
                                   percentile_disc('{0.5,0.95,0.99}'::double precision[]) WITHIN GROUP (ORDER BY t.took_ms)
                                       FILTER (WHERE t.outcome = 'sent') AS ms
                              FROM tried t
                             WHERE of_tenant IS NULL OR t.tenant_id = of_tenant
                             GROUP BY t.at) o ON o.at = i.at) ON coalesce(i.at, o.at) >= b.at
     ORDER BY 1;
END $$;

--
-- Name: FUNCTION traffic(of_tenant text, since timestamp with time zone, bucket interval, most bigint); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.traffic(of_tenant text, since timestamp with time zone, bucket interval, most bigint) IS 'Messages accepted, attempts by outcome, and how long those that were sent took from being due to the relay''s reply; of one tenant (null: of all), in buckets since then, oldest first; a bucket in which nothing happened has no row. At most so many messages, and so many attempts of all tenants, are counted, the newest: complete_since is the first bucket that is whole. Where there is none, one row without a bucket_at. Reads what it counts, by index.';

--
-- Name: wake_workers(); Type: FUNCTION; Schema: mailproxy; Owner: -
--

CREATE FUNCTION mailproxy.wake_workers() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    NOTIFY mailproxy_wake;
    RETURN NULL;
END $$;

--
-- Name: FUNCTION wake_workers(); Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON FUNCTION mailproxy.wake_workers() IS 'Trigger: tell the workers to look again.';

--
-- Name: account; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.account (
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    name text,
    host text NOT NULL,
    port integer NOT NULL,
    username text,
    password_sealed bytea,
    password_key_id text,
    use_tls boolean,
    tls_verify boolean DEFAULT true NOT NULL,
    tls_ca text,
    tls_pin text,
    timeout_s integer,
    ttl_s integer DEFAULT 300 NOT NULL,
    max_connections integer,
    batch_size integer,
    limit_per_minute integer,
    limit_per_hour integer,
    limit_per_day integer,
    limit_behavior text DEFAULT 'defer'::text NOT NULL,
    retry_delays integer[],
    is_pec_account boolean DEFAULT false NOT NULL,
    imap_host text,
    imap_port integer DEFAULT 993 NOT NULL,
    imap_user text,
    imap_password_sealed bytea,
    imap_password_key_id text,
    imap_ssl boolean DEFAULT true NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    dsn_notify text,
    dsn_ret text,
    oauth_grant mailproxy.oauth_grant,
    oauth_token_url text,
    oauth_client_id text,
    oauth_scope text,
    oauth_client_secret_sealed bytea,
    oauth_client_secret_key_id text,
    oauth_refresh_token_sealed bytea,
    oauth_refresh_token_key_id text,
    oauth_token_sealed bytea,
    oauth_token_key_id text,
    tls_client_cert text,
    tls_client_cert_expires_at timestamp with time zone,
    tls_client_key_sealed bytea,
    tls_client_key_key_id text,
    oauth_client_auth mailproxy.oauth_client_auth DEFAULT 'body'::mailproxy.oauth_client_auth NOT NULL,
    retry_max_age_s integer,
    paused_at timestamp with time zone,
    paused_reason text,
    CONSTRAINT account_batch_size_is_positive CHECK ((batch_size > 0)),
    CONSTRAINT account_client_certificate_is_whole CHECK ((num_nulls(tls_client_cert, tls_client_cert_expires_at, tls_client_key_sealed, tls_client_key_key_id) = ANY (ARRAY[0, 4]))),
    CONSTRAINT account_dsn_notify_is_known CHECK ((dsn_notify ~ '^(NEVER|(SUCCESS|FAILURE|DELAY)(,(SUCCESS|FAILURE|DELAY)){0,2})$'::text)),
    CONSTRAINT account_dsn_ret_is_known CHECK ((dsn_ret = ANY (ARRAY['FULL'::text, 'HDRS'::text]))),
    CONSTRAINT account_host_is_given CHECK (((octet_length(host) >= 1) AND (octet_length(host) <= 255))),
    CONSTRAINT account_id_is_short CHECK (((octet_length(account_id) >= 1) AND (octet_length(account_id) <= 255))),
    CONSTRAINT account_imap_password_names_its_key CHECK ((num_nulls(imap_password_sealed, imap_password_key_id) = ANY (ARRAY[0, 2]))),
    CONSTRAINT account_imap_port_is_tcp CHECK (((imap_port >= 1) AND (imap_port <= 65535))),
    CONSTRAINT account_limit_behavior_is_short CHECK ((octet_length(limit_behavior) <= 255)),
    CONSTRAINT account_limits_are_positive CHECK (((limit_per_minute > 0) AND (limit_per_hour > 0) AND (limit_per_day > 0))),
    CONSTRAINT account_max_connections_is_positive CHECK ((max_connections > 0)),
    CONSTRAINT account_oauth_basic_needs_a_secret CHECK (((oauth_client_auth <> 'basic'::mailproxy.oauth_client_auth) OR (oauth_client_secret_sealed IS NOT NULL))),
    CONSTRAINT account_oauth_is_whole CHECK (
CASE oauth_grant
    WHEN 'token'::mailproxy.oauth_grant THEN ((oauth_token_sealed IS NOT NULL) AND (num_nonnulls(oauth_token_url, oauth_client_id, oauth_scope, oauth_client_secret_sealed, oauth_refresh_token_sealed) = 0))
    WHEN 'client_credentials'::mailproxy.oauth_grant THEN ((oauth_token_sealed IS NULL) AND (oauth_refresh_token_sealed IS NULL) AND (num_nulls(oauth_token_url, oauth_client_id, oauth_client_secret_sealed) = 0))
    WHEN 'refresh_token'::mailproxy.oauth_grant THEN ((oauth_token_sealed IS NULL) AND (num_nulls(oauth_token_url, oauth_client_id, oauth_refresh_token_sealed) = 0))
    ELSE (num_nonnulls(oauth_token_url, oauth_client_id, oauth_scope, oauth_client_secret_sealed, oauth_refresh_token_sealed, oauth_token_sealed) = 0)
END),
    CONSTRAINT account_oauth_needs_a_user CHECK (((oauth_grant IS NULL) OR (username IS NOT NULL))),
    CONSTRAINT account_oauth_secrets_name_their_keys CHECK (((num_nulls(oauth_client_secret_sealed, oauth_client_secret_key_id) = ANY (ARRAY[0, 2])) AND (num_nulls(oauth_refresh_token_sealed, oauth_refresh_token_key_id) = ANY (ARRAY[0, 2])) AND (num_nulls(oauth_token_sealed, oauth_token_key_id) = ANY (ARRAY[0, 2])))),
    CONSTRAINT account_password_names_its_key CHECK ((num_nulls(password_sealed, password_key_id) = ANY (ARRAY[0, 2]))),
    CONSTRAINT account_pause_has_a_reason CHECK ((num_nulls(paused_at, paused_reason) = ANY (ARRAY[0, 2]))),
    CONSTRAINT account_port_is_tcp CHECK (((port >= 1) AND (port <= 65535))),
    CONSTRAINT account_retry_delays_are_seconds CHECK ((0 <= ALL (retry_delays))),
    CONSTRAINT account_retry_max_age_is_not_negative CHECK ((retry_max_age_s >= 0)),
    CONSTRAINT account_timeout_is_positive CHECK ((timeout_s > 0)),
    CONSTRAINT account_ttl_is_not_negative CHECK ((ttl_s >= 0))
);

--
-- Name: TABLE account; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.account IS 'A tenant''s way out: the submission server (RFC 6409), its credentials and its limits.';

--
-- Name: COLUMN account.password_sealed; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.password_sealed IS 'AES-256-GCM: 12 octets nonce, ciphertext, 16 octets tag; bound to tenant_id and account_id.';

--
-- Name: COLUMN account.use_tls; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.use_tls IS 'null: TLS exactly on port 465. TLS on 465 is implicit, elsewhere STARTTLS is mandatory.';

--
-- Name: COLUMN account.tls_pin; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.tls_pin IS 'SHA-256 of the relay''s public key in curl''s form: sha256//base64.';

--
-- Name: COLUMN account.timeout_s; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.timeout_s IS 'Seconds that connecting, TLS and each complete reply may take; null: RFC 5321 4.5.3.2.';

--
-- Name: COLUMN account.ttl_s; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.ttl_s IS 'Seconds an idle connection is kept for the next message.';

--
-- Name: COLUMN account.limit_per_minute; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.limit_per_minute IS 'Messages in any 60 seconds; null: no limit.';

--
-- Name: COLUMN account.limit_behavior; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.limit_behavior IS 'What a limit does to a message: "reject" makes it an error, anything else defers it.';

--
-- Name: COLUMN account.version; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.version IS 'Raised by every update: a connection made under another version is not reused.';

--
-- Name: COLUMN account.dsn_notify; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.dsn_notify IS 'NOTIFY with each RCPT, where the relay offers DSN (RFC 3461 4.1); null: not said.';

--
-- Name: COLUMN account.dsn_ret; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.dsn_ret IS 'RET with MAIL, where the relay offers DSN (RFC 3461 4.3): how much of the message a notification brings back; null: not said.';

--
-- Name: COLUMN account.oauth_grant; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.oauth_grant IS 'How the account comes by an access token; null: it logs in with a password, or not at all.';

--
-- Name: COLUMN account.oauth_token_url; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.oauth_token_url IS 'The token endpoint (RFC 6749 3.2).';

--
-- Name: COLUMN account.oauth_scope; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.oauth_scope IS 'Sent as it is; null: the endpoint''s default.';

--
-- Name: COLUMN account.oauth_client_secret_sealed; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.oauth_client_secret_sealed IS 'Sealed as password_sealed is; null: a public client.';

--
-- Name: COLUMN account.oauth_refresh_token_sealed; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.oauth_refresh_token_sealed IS 'As the account''s owner gave it; a newer one from the endpoint is in account_token.';

--
-- Name: COLUMN account.oauth_token_sealed; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.oauth_token_sealed IS 'An access token its owner brings and renews by updating the account.';

--
-- Name: COLUMN account.tls_client_cert; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.tls_client_cert IS 'PEM: the client''s certificate, its issuers after it; null: none is shown.';

--
-- Name: COLUMN account.tls_client_cert_expires_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.tls_client_cert_expires_at IS 'notAfter of the first certificate in tls_client_cert, for whoever watches over renewals; no worker looks at it.';

--
-- Name: COLUMN account.tls_client_key_sealed; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.tls_client_key_sealed IS 'The private key of tls_client_cert in PEM, sealed as password_sealed is.';

--
-- Name: COLUMN account.oauth_client_auth; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.oauth_client_auth IS 'How oauth_client_id and the secret go to oauth_token_url.';

--
-- Name: COLUMN account.retry_max_age_s; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.retry_max_age_s IS 'As tenant.retry_max_age_s; null: the tenant''s.';

--
-- Name: COLUMN account.paused_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.paused_at IS 'Since when claims pass the account by, until it is resumed (mailproxy.pause, mailproxy.resume); null: it is not paused. An update of the account leaves it.';

--
-- Name: COLUMN account.paused_reason; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account.paused_reason IS 'Why; its tenant reads it as deferred_reason.';

--
-- Name: attempt; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.attempt (
    attempt_pk bigint NOT NULL,
    message_pk bigint NOT NULL,
    ended_at timestamp with time zone DEFAULT now() NOT NULL,
    worker_epoch bigint NOT NULL,
    attempt integer NOT NULL,
    queue_ms integer,
    compose_ms integer,
    connect_ms integer,
    send_ms integer,
    reply_code smallint,
    outcome mailproxy.outcome NOT NULL,
    blame mailproxy.blame DEFAULT 'none'::mailproxy.blame NOT NULL,
    in_doubt boolean DEFAULT false NOT NULL,
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    phase text,
    status text,
    reply text,
    recipients jsonb
)
PARTITION BY RANGE (ended_at);

--
-- Name: TABLE attempt; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.attempt IS 'One row per try, never updated.';

--
-- Name: COLUMN attempt.in_doubt; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.attempt.in_doubt IS 'The worker died while it held the message: the relay may have taken it.';

--
-- Name: COLUMN attempt.phase; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.attempt.phase IS 'Where in the dialogue it was decided: connect, tls, greeting, ehlo, starttls, auth, mail, rcpt, data, content, dot; null: before any.';

--
-- Name: COLUMN attempt.status; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.attempt.status IS 'Enhanced status code class.subject.detail (RFC 3463) of the deciding reply.';

--
-- Name: COLUMN attempt.reply; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.attempt.reply IS 'Text of the deciding reply, or what failed where there was none.';

--
-- Name: COLUMN attempt.recipients; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.attempt.recipients IS 'Per recipient [{"address","outcome","code","reason"}]; null when all shared the outcome.';

--
-- Name: queue; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.queue (
    message_pk bigint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    lease_token bigint,
    lease_epoch bigint,
    leased_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    priority smallint NOT NULL,
    state mailproxy.queue_state DEFAULT 'ready'::mailproxy.queue_state NOT NULL,
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    waits_for_account boolean DEFAULT false NOT NULL,
    CONSTRAINT queue_attempts_are_not_negative CHECK ((attempts >= 0)),
    CONSTRAINT queue_lease_is_whole CHECK ((num_nulls(lease_token, lease_epoch, leased_at) = ANY (ARRAY[0, 3]))),
    CONSTRAINT queue_leased_has_a_lease CHECK (((state = 'leased'::mailproxy.queue_state) = (lease_token IS NOT NULL))),
    CONSTRAINT queue_priority_is_known CHECK (((priority >= 0) AND (priority <= 3)))
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0', autovacuum_analyze_scale_factor='0.05');

--
-- Name: TABLE queue; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.queue IS 'The work that is left: one small row per message that is not final. What is not due yet stays out of the index that claims read.';

--
-- Name: COLUMN queue.message_pk; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.queue.message_pk IS 'The message, stored by the same statement; deleted with it (message_remove_work).';

--
-- Name: COLUMN queue.lease_epoch; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.queue.lease_epoch IS 'The worker (worker.epoch) that holds it. The lease lasts as long as that worker''s heartbeat is fresh.';

--
-- Name: COLUMN queue.attempts; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.queue.attempts IS 'Claims so far, ended or not: a message that kills its worker is seen here.';

--
-- Name: COLUMN queue.priority; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.queue.priority IS 'By which it is claimed: message.priority at first, less by one for each GMP_PRIORITY_AGE seconds that it has been due behind higher ones of its account, but not 0 for that.';

--
-- Name: COLUMN queue.waits_for_account; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.queue.waits_for_account IS 'The last attempt was deferred within a transaction by what is the account''s fault: while it is scheduled, run-now and an update of the account make it ready at once.';

--
-- Name: account_backlog; Type: VIEW; Schema: mailproxy; Owner: -
--

CREATE VIEW mailproxy.account_backlog WITH (security_invoker='true') AS
 SELECT b.tenant_id,
    b.account_id,
    b.messages,
    b.ready,
    b.sending,
    b.deferred,
    b.held,
    b.oldest_due_at,
    p.per_minute,
        CASE
            WHEN (a.paused_at IS NULL) THEN make_interval(secs => (round(((((b.messages - b.held))::numeric * 60.0) / NULLIF(p.per_minute, (0)::numeric))))::double precision)
            ELSE NULL::interval
        END AS drained_in
   FROM (((( SELECT q.tenant_id,
            q.account_id,
            count(*) AS messages,
            count(*) FILTER (WHERE (q.state = 'ready'::mailproxy.queue_state)) AS ready,
            count(*) FILTER (WHERE (q.state = 'leased'::mailproxy.queue_state)) AS sending,
            count(*) FILTER (WHERE (q.state = 'scheduled'::mailproxy.queue_state)) AS deferred,
            count(*) FILTER (WHERE (q.state = 'held'::mailproxy.queue_state)) AS held,
            min(q.due_at) FILTER (WHERE ((q.due_at <= now()) AND (q.state = ANY (ARRAY['ready'::mailproxy.queue_state, 'scheduled'::mailproxy.queue_state])))) AS oldest_due_at
           FROM mailproxy.queue q
          GROUP BY q.tenant_id, q.account_id) b
     LEFT JOIN ( SELECT f_1.tenant_id,
            f_1.account_id,
            round(((count(*))::numeric / 5.0), 1) AS per_minute
           FROM mailproxy.attempt f_1
          WHERE ((f_1.ended_at > (now() - '00:05:00'::interval)) AND (f_1.outcome <> 'deferred'::mailproxy.outcome))
          GROUP BY f_1.tenant_id, f_1.account_id) f ON (((f.tenant_id = b.tenant_id) AND (f.account_id = b.account_id))))
     LEFT JOIN mailproxy.account a ON (((a.tenant_id = b.tenant_id) AND (a.account_id = b.account_id))))
     CROSS JOIN LATERAL ( SELECT LEAST(f.per_minute, (a.limit_per_minute)::numeric, round(((a.limit_per_hour)::numeric / 60.0), 3), round(((a.limit_per_day)::numeric / 1440.0), 3)) AS per_minute) p);

--
-- Name: VIEW account_backlog; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON VIEW mailproxy.account_backlog IS 'Messages that are not final, by account and state; an account with none has no row. Question: who has mail waiting, since when, and when will it be gone? Reads the whole queue and the attempts of five minutes.';

--
-- Name: COLUMN account_backlog.ready; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_backlog.ready IS 'May be claimed; of an account whose gate is closed (account_health), when it opens.';

--
-- Name: COLUMN account_backlog.oldest_due_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_backlog.oldest_due_at IS 'Since when the oldest that is not held has been due; null: none is due.';

--
-- Name: COLUMN account_backlog.per_minute; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_backlog.per_minute IS 'Messages that became final in the last five minutes, by the minute; never more than the account''s own limits allow in the long run, and that much while nothing was sent. Null: nothing was, and there is no limit.';

--
-- Name: COLUMN account_backlog.drained_in; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_backlog.drained_in IS 'How long all but the held ones take at that pace, if no more come; null: no pace is known, or the account is paused.';

--
-- Name: account_counter; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.account_counter (
    worker_epoch bigint NOT NULL,
    sent bigint DEFAULT 0 NOT NULL,
    errors bigint DEFAULT 0 NOT NULL,
    deferred bigint DEFAULT 0 NOT NULL,
    rate_limited bigint DEFAULT 0 NOT NULL,
    in_doubt bigint DEFAULT 0 NOT NULL,
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT account_counter_only_grows CHECK ((LEAST(sent, errors, deferred, rate_limited, in_doubt) >= 0))
)
WITH (fillfactor='25', autovacuum_vacuum_scale_factor='0.05', autovacuum_vacuum_threshold='1000');

--
-- Name: TABLE account_counter; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.account_counter IS 'Attempts at an account''s messages by outcome, since the account exists; sum them over worker_epoch.';

--
-- Name: COLUMN account_counter.worker_epoch; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_counter.worker_epoch IS 'The worker that recorded them; 0: all workers that have ended.';

--
-- Name: COLUMN account_counter.rate_limited; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_counter.rate_limited IS 'Times a limit deferred or rejected a message.';

--
-- Name: COLUMN account_counter.in_doubt; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_counter.in_doubt IS 'Messages whose worker died while it held them; not among deferred.';

--
-- Name: account_state; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.account_state (
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    served_at timestamp with time zone DEFAULT now() NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    gate_until timestamp with time zone,
    gate_reason text,
    gate_recheck_at timestamp with time zone,
    crowded_until timestamp with time zone,
    failing_since timestamp with time zone,
    proven boolean DEFAULT false NOT NULL,
    has_front boolean DEFAULT false NOT NULL,
    front bigint[],
    front_next bigint[],
    front_next_at timestamp with time zone,
    overtaken boolean DEFAULT false NOT NULL,
    CONSTRAINT account_state_a_front_is_overtaken CHECK ((has_front OR (NOT overtaken))),
    CONSTRAINT account_state_failures_are_not_negative CHECK ((failures >= 0)),
    CONSTRAINT account_state_front_has_four_priorities CHECK ((cardinality(front) = 4)),
    CONSTRAINT account_state_front_is_whole CHECK ((num_nonnulls(front, front_next, front_next_at) =
CASE
    WHEN has_front THEN 3
    ELSE 0
END)),
    CONSTRAINT account_state_front_next_has_four_priorities CHECK ((cardinality(front_next) = 4)),
    CONSTRAINT account_state_gate_has_a_reason CHECK ((num_nulls(gate_until, gate_reason) = ANY (ARRAY[0, 2])))
)
WITH (fillfactor='50');

--
-- Name: TABLE account_state; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.account_state IS 'What the workers know of an account: its turn and its gate. Apart from account because every claim writes here.';

--
-- Name: COLUMN account_state.served_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_state.served_at IS 'When messages of the account were last claimed: the least recently served goes first.';

--
-- Name: COLUMN account_state.gate_until; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_state.gate_until IS 'Claims pass the account by until then; its queue rows are not rewritten for it.';

--
-- Name: COLUMN account_state.gate_recheck_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_state.gate_recheck_at IS 'A claim looks again from then on, although the gate is closed: it depends on messages under way, which may come back sooner.';

--
-- Name: COLUMN account_state.crowded_until; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_state.crowded_until IS 'Other workers held all its connections: until then a worker that has none of them passes the account by.';

--
-- Name: COLUMN account_state.failing_since; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_state.failing_since IS 'The first failure since the account was last well or updated; run-now, which ends its back-off, leaves it. null: it is not at fault.';

--
-- Name: COLUMN account_state.proven; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_state.proven IS 'Its relay answered in a transaction, and nothing the account was at fault for has happened since. Until then each worker takes only a few of its messages and opens one connection.';

--
-- Name: COLUMN account_state.has_front; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_state.has_front IS 'Claims begin at front, but for those that look at everything. A column of its own, so that a front that moves on changes no index.';

--
-- Name: COLUMN account_state.front; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_state.front IS 'The message_pk, for each priority from 0 on, before which nothing is expected to be ready: claims have taken it. null: a claim begins at the first.';

--
-- Name: COLUMN account_state.front_next; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_state.front_next IS 'How far claims had come at front_next_at, for each priority: front half a second later, when what was being stored beside it can be seen.';

--
-- Name: COLUMN account_state.front_next_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_state.front_next_at IS 'When front_next became front last.';

--
-- Name: COLUMN account_state.overtaken; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_state.overtaken IS 'Something ready was seen before the front: claims of this account begin at its first message until one comes to the front.';

--
-- Name: account_token; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.account_token (
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    account_version bigint NOT NULL,
    serial bigint DEFAULT 0 NOT NULL,
    access_token_sealed bytea,
    access_token_key_id text,
    refresh_token_sealed bytea,
    refresh_token_key_id text,
    refresh_at timestamp with time zone,
    expires_at timestamp with time zone,
    lease_token bigint,
    leased_until timestamp with time zone,
    last_error text,
    retry_at timestamp with time zone,
    CONSTRAINT account_token_error_is_whole CHECK ((num_nulls(last_error, retry_at) = ANY (ARRAY[0, 2]))),
    CONSTRAINT account_token_lease_is_whole CHECK ((num_nulls(lease_token, leased_until) = ANY (ARRAY[0, 2]))),
    CONSTRAINT account_token_names_its_key CHECK ((num_nulls(access_token_sealed, access_token_key_id) = ANY (ARRAY[0, 2]))),
    CONSTRAINT account_token_refresh_is_before_expiry CHECK ((refresh_at <= expires_at)),
    CONSTRAINT account_token_refresh_names_its_key CHECK ((num_nulls(refresh_token_sealed, refresh_token_key_id) = ANY (ARRAY[0, 2])))
)
WITH (fillfactor='50');

--
-- Name: TABLE account_token; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.account_token IS 'The access token of an account that has a token endpoint, for all workers: one of them at a time renews it, under a lease.';

--
-- Name: COLUMN account_token.account_version; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_token.account_version IS 'The account''s version when it was asked for: under another one it is of no use.';

--
-- Name: COLUMN account_token.serial; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_token.serial IS 'Counts the tokens of the account, so that whoever saw one refused can say which.';

--
-- Name: COLUMN account_token.access_token_sealed; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_token.access_token_sealed IS 'AES-256-GCM: 12 octets nonce, ciphertext, 16 octets tag; bound to tenant_id and account_id.';

--
-- Name: COLUMN account_token.refresh_token_sealed; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_token.refresh_token_sealed IS 'JSON, sealed: the newest refresh token, and the account''s own one that it descends from; null: none newer was given.';

--
-- Name: COLUMN account_token.refresh_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_token.refresh_at IS 'From then on a new one is asked for; null: when the relay refuses it, for nobody said when it expires.';

--
-- Name: COLUMN account_token.leased_until; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_token.leased_until IS 'Until then one worker is asking the token endpoint; lease_token fences a late answer.';

--
-- Name: COLUMN account_token.last_error; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_token.last_error IS 'What the token endpoint answered last, if that was no token; it is not asked again before retry_at.';

--
-- Name: worker; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.worker (
    epoch bigint NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    heartbeat_at timestamp with time zone DEFAULT now() NOT NULL,
    steady_since timestamp with time zone DEFAULT now() NOT NULL,
    in_flight integer DEFAULT 0 NOT NULL,
    lease_s integer NOT NULL,
    ended_at timestamp with time zone,
    ended_how text,
    searched_at timestamp with time zone,
    CONSTRAINT worker_end_is_explained CHECK ((num_nulls(ended_at, ended_how) = ANY (ARRAY[0, 2]))),
    CONSTRAINT worker_end_is_known CHECK ((ended_how = ANY (ARRAY['stopped'::text, 'reaped'::text]))),
    CONSTRAINT worker_lease_is_positive CHECK ((lease_s > 0))
)
WITH (fillfactor='50');

--
-- Name: TABLE worker; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.worker IS 'Worker processes; an epoch names one life of one process and is never used again.';

--
-- Name: COLUMN worker.heartbeat_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.worker.heartbeat_at IS 'Older than lease_s seconds: the worker counts as dead and what it held is taken over. With epoch and started_at it is what the worker remembers of this database: see insert_worker.';

--
-- Name: COLUMN worker.steady_since; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.worker.steady_since IS 'No heartbeat was late since then: what it says about others is to be trusted.';

--
-- Name: COLUMN worker.ended_how; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.worker.ended_how IS 'stopped (it said so itself) or reaped (its heartbeat ran out).';

--
-- Name: COLUMN worker.searched_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.worker.searched_at IS 'When leases that it left behind were last looked for after it had ended; again when as much time has passed as from its end until then. null: not yet.';

--
-- Name: account_health; Type: VIEW; Schema: mailproxy; Owner: -
--

CREATE VIEW mailproxy.account_health AS
 SELECT s.tenant_id,
    s.account_id,
    a.host,
    a.port,
        CASE
            WHEN (a.paused_at IS NOT NULL) THEN 'paused'::text
            WHEN ((s.failures > 0) AND p.is_tried) THEN 'being tried'::text
            WHEN ((s.failures > 0) AND (s.gate_until > now())) THEN 'backed off'::text
            WHEN (s.failures > 0) THEN 'to be tried'::text
            WHEN (s.gate_until > now()) THEN 'at limit'::text
            WHEN (k.retry_at > now()) THEN 'no access token'::text
            WHEN (s.crowded_until > now()) THEN 'crowded'::text
            ELSE 'ok'::text
        END AS state,
        CASE
            WHEN (a.paused_at IS NOT NULL) THEN a.paused_reason
            WHEN ((s.failures > 0) OR (s.gate_until > now())) THEN s.gate_reason
            WHEN (k.retry_at > now()) THEN k.last_error
            ELSE NULL::text
        END AS reason,
    s.failures,
        CASE
            WHEN (s.failures > 0) THEN s.failing_since
            ELSE NULL::timestamp with time zone
        END AS failing_since,
        CASE
            WHEN (a.paused_at IS NOT NULL) THEN NULL::timestamp with time zone
            WHEN ((s.failures > 0) OR (s.gate_until > now())) THEN GREATEST(s.gate_until, now())
            WHEN (k.retry_at > now()) THEN k.retry_at
            WHEN (s.crowded_until > now()) THEN s.crowded_until
            ELSE NULL::timestamp with time zone
        END AS next_try_at,
    s.served_at
   FROM (((mailproxy.account_state s
     JOIN mailproxy.account a ON (((a.tenant_id = s.tenant_id) AND (a.account_id = s.account_id))))
     LEFT JOIN mailproxy.account_token k ON (((k.tenant_id = s.tenant_id) AND (k.account_id = s.account_id) AND (k.account_version = a.version))))
     CROSS JOIN LATERAL ( SELECT ((s.failures > 0) AND (EXISTS ( SELECT
                   FROM (mailproxy.worker w
                     JOIN mailproxy.queue q ON (((q.state = 'leased'::mailproxy.queue_state) AND (q.lease_epoch = w.epoch) AND (q.tenant_id = s.tenant_id) AND (q.account_id = s.account_id))))
                  WHERE (w.ended_at IS NULL)))) AS is_tried) p);

--
-- Name: VIEW account_health; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON VIEW mailproxy.account_health IS 'One row for each account. Question: which relay is down or refuses us, since when, and when is it tried again? Reads accounts, their states and tokens; no message.';

--
-- Name: COLUMN account_health.state; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_health.state IS 'ok; paused: until mailproxy.resume(); backed off: its relay or login failed, it is passed by until next_try_at; to be tried: that time is over; being tried: one worker is at it; at limit: a rate limit (rate_status); no access token: its token endpoint gave none; crowded: other workers have all its connections.';

--
-- Name: COLUMN account_health.failures; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_health.failures IS 'In a row; the back-off doubles with each.';

--
-- Name: COLUMN account_health.next_try_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_health.next_try_at IS 'Sooner: run-now, or an update of the account.';

--
-- Name: COLUMN account_health.served_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.account_health.served_at IS 'When messages of it were last claimed, or when the account was made.';

--
-- Name: attempt_attempt_pk_seq; Type: SEQUENCE; Schema: mailproxy; Owner: -
--

ALTER TABLE mailproxy.attempt ALTER COLUMN attempt_pk ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME mailproxy.attempt_attempt_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: attempt_counter; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.attempt_counter (
    worker_epoch bigint NOT NULL,
    attempts bigint NOT NULL,
    total_ms bigint NOT NULL,
    le_ms integer NOT NULL,
    reply_class smallint NOT NULL,
    outcome mailproxy.outcome NOT NULL,
    CONSTRAINT attempt_counter_reply_class_is_a_digit CHECK (((reply_class >= 0) AND (reply_class <= 5)))
)
WITH (fillfactor='25', autovacuum_vacuum_scale_factor='0.05', autovacuum_vacuum_threshold='1000');

--
-- Name: TABLE attempt_counter; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.attempt_counter IS 'Attempts of all accounts by outcome, deciding reply and duration; sum them over worker_epoch.';

--
-- Name: COLUMN attempt_counter.worker_epoch; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.attempt_counter.worker_epoch IS 'The worker that recorded them; 0: all workers that have ended.';

--
-- Name: COLUMN attempt_counter.le_ms; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.attempt_counter.le_ms IS 'The least of attempt_bounds_ms() that is not below the duration: composing, connecting and sending together.';

--
-- Name: COLUMN attempt_counter.reply_class; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.attempt_counter.reply_class IS 'First digit of the reply that decided the attempt; 0: there was none.';

--
-- Name: command_log; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.command_log (
    command_id bigint NOT NULL,
    command_at timestamp with time zone DEFAULT now() NOT NULL,
    endpoint text NOT NULL,
    tenant_id text COLLATE pg_catalog."C",
    actor text DEFAULT CURRENT_USER NOT NULL,
    payload json,
    response_status smallint
);
ALTER TABLE ONLY mailproxy.command_log ALTER COLUMN payload SET COMPRESSION lz4;

--
-- Name: TABLE command_log; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.command_log IS 'State-changing commands, over HTTP and SQL; secrets and message bodies are redacted before they get here.';

--
-- Name: COLUMN command_log.command_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.command_log.command_at IS 'When its transaction began.';

--
-- Name: COLUMN command_log.endpoint; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.command_log.endpoint IS 'The command''s name: addMessages, deleteAccount, suspend, ...';

--
-- Name: COLUMN command_log.tenant_id; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.command_log.tenant_id IS 'Whom it concerned, perhaps one that is gone by now; null: no tenant in particular.';

--
-- Name: COLUMN command_log.actor; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.command_log.actor IS 'Whose token it was over HTTP: admin, tenant:<id>, or open where none is needed; over SQL the role.';

--
-- Name: COLUMN command_log.payload; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.command_log.payload IS 'What was asked, redacted, at most 64 KiB.';

--
-- Name: COLUMN command_log.response_status; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.command_log.response_status IS '200, written in the command''s own transaction; or 400: refused, nothing was changed.';

--
-- Name: command_log_command_id_seq; Type: SEQUENCE; Schema: mailproxy; Owner: -
--

ALTER TABLE mailproxy.command_log ALTER COLUMN command_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mailproxy.command_log_command_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: connection_grant; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.connection_grant (
    lease_epoch bigint NOT NULL,
    connections integer NOT NULL,
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT connection_grant_is_some CHECK ((connections > 0))
)
WITH (fillfactor='50');

--
-- Name: TABLE connection_grant; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.connection_grant IS 'How many connections to an account''s relay each worker may hold; together no more than the account''s max_connections.';

--
-- Name: event; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.event (
    event_pk bigint NOT NULL,
    message_pk bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    event_at timestamp with time zone NOT NULL,
    reported_at timestamp with time zone,
    event_type mailproxy.event_type NOT NULL,
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    description text,
    metadata jsonb
)
PARTITION BY RANGE (created_at);

--
-- Name: TABLE event; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.event IS 'What a tenant must be told, in order; the outbox of the delivery reports and the history of a message.';

--
-- Name: COLUMN event.event_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.event.event_at IS 'When it happened; for deferred: when the next attempt is due.';

--
-- Name: COLUMN event.reported_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.event.reported_at IS 'When the tenant acknowledged the report that told it; null: still to be told.';

--
-- Name: COLUMN event.metadata; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.event.metadata IS 'For sent and error: {"refused":[{"address","code","reason"}]} where some recipients were refused.';

--
-- Name: event_event_pk_seq; Type: SEQUENCE; Schema: mailproxy; Owner: -
--

ALTER TABLE mailproxy.event ALTER COLUMN event_pk ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME mailproxy.event_event_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: hot_table; Type: VIEW; Schema: mailproxy; Owner: -
--

CREATE VIEW mailproxy.hot_table AS
 SELECT (s.relname)::text AS table_name,
    s.n_live_tup AS live_rows,
    s.n_dead_tup AS dead_rows,
    pg_relation_size((s.relid)::regclass) AS table_octets,
    pg_indexes_size((s.relid)::regclass) AS index_octets,
    (pg_relation_size((s.relid)::regclass) / GREATEST(s.n_live_tup, (1)::bigint)) AS octets_per_row,
    (s.vacuum_count + s.autovacuum_count) AS vacuums,
    GREATEST(s.last_vacuum, s.last_autovacuum) AS vacuumed_at,
    GREATEST(s.last_analyze, s.last_autoanalyze) AS analyzed_at
   FROM pg_stat_user_tables s
  WHERE ((s.schemaname = 'mailproxy'::name) AND (s.relname = ANY (ARRAY['queue'::name, 'message'::name, 'account_state'::name, 'account_token'::name, 'account_counter'::name, 'attempt_counter'::name, 'tenant_sync'::name, 'worker'::name, 'rate_bucket'::name, 'connection_grant'::name, 'instance'::name, 'purge_pass'::name])));

--
-- Name: VIEW hot_table; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON VIEW mailproxy.hot_table IS 'The tables whose rows are updated and deleted all the time. Question: does autovacuum keep up, is a table many times larger than what it holds? Reads statistics alone.';

--
-- Name: COLUMN hot_table.octets_per_row; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.hot_table.octets_per_row IS 'Size on disk by live row, dead ones and free space included; a queue row takes some 150.';

--
-- Name: instance; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.instance (
    instance_id smallint DEFAULT 1 NOT NULL,
    name text DEFAULT 'mail-proxy'::text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    epoch bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    api_token_sealed bytea,
    api_token_key_id text,
    bounce_enabled boolean DEFAULT false NOT NULL,
    bounce_imap_host text,
    bounce_imap_port integer DEFAULT 993 NOT NULL,
    bounce_imap_user text,
    bounce_imap_password_sealed bytea,
    bounce_imap_password_key_id text,
    bounce_imap_folder text DEFAULT 'INBOX'::text NOT NULL,
    bounce_imap_ssl boolean DEFAULT true NOT NULL,
    bounce_poll_interval_s integer DEFAULT 60 NOT NULL,
    bounce_return_path text,
    bounce_uidvalidity bigint,
    bounce_last_uid bigint,
    bounce_last_sync_at timestamp with time zone,
    suspension_seq bigint DEFAULT 1 NOT NULL,
    max_message_octets bigint DEFAULT 26214400 NOT NULL,
    max_attachment_octets bigint DEFAULT 26214400 NOT NULL,
    default_priority smallint DEFAULT 2 NOT NULL,
    restore_found_at timestamp with time zone,
    restore_found_by bigint,
    restore_seen_at timestamp with time zone,
    restore_seen_epoch bigint,
    sends boolean GENERATED ALWAYS AS ((active AND (restore_found_at IS NULL))) STORED NOT NULL,
    CONSTRAINT instance_api_token_names_its_key CHECK ((num_nulls(api_token_sealed, api_token_key_id) = ANY (ARRAY[0, 2]))),
    CONSTRAINT instance_bounce_imap_port_is_tcp CHECK (((bounce_imap_port >= 1) AND (bounce_imap_port <= 65535))),
    CONSTRAINT instance_bounce_password_names_its_key CHECK ((num_nulls(bounce_imap_password_sealed, bounce_imap_password_key_id) = ANY (ARRAY[0, 2]))),
    CONSTRAINT instance_bounce_poll_interval_is_positive CHECK ((bounce_poll_interval_s > 0)),
    CONSTRAINT instance_default_priority_is_known CHECK (((default_priority >= 0) AND (default_priority <= 3))),
    CONSTRAINT instance_is_one_row CHECK ((instance_id = 1)),
    CONSTRAINT instance_limits_are_positive CHECK (((max_message_octets > 0) AND (max_attachment_octets > 0))),
    CONSTRAINT instance_restore_is_whole CHECK ((num_nulls(restore_found_at, restore_found_by, restore_seen_at, restore_seen_epoch) = ANY (ARRAY[0, 4])))
);

--
-- Name: TABLE instance; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.instance IS 'The deployment itself: one row.';

--
-- Name: COLUMN instance.active; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.instance.active IS 'false: messages are accepted, nothing is sent or reported.';

--
-- Name: COLUMN instance.epoch; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.instance.epoch IS 'Raised by confirm_restore(). A worker that has seen a lower one takes whatever it finds as agreed to.';

--
-- Name: COLUMN instance.api_token_sealed; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.instance.api_token_sealed IS 'Kept for clients that store one here; who may do what is decided by GMP_API_TOKEN alone. AES-256-GCM: 12 octets nonce, ciphertext, 16 octets tag; bound to this row.';

--
-- Name: COLUMN instance.bounce_enabled; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.instance.bounce_enabled IS 'Whether the mailbox is read that bounces come back to.';

--
-- Name: COLUMN instance.bounce_imap_password_sealed; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.instance.bounce_imap_password_sealed IS 'AES-256-GCM: 12 octets nonce, ciphertext, 16 octets tag; bound to this row.';

--
-- Name: COLUMN instance.bounce_return_path; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.instance.bounce_return_path IS 'The address bounces are to be sent to.';

--
-- Name: COLUMN instance.bounce_last_uid; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.instance.bounce_last_uid IS 'The last message of the mailbox that was read; good while its UIDVALIDITY (RFC 9051 2.3.1.1) is bounce_uidvalidity.';

--
-- Name: COLUMN instance.suspension_seq; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.instance.suspension_seq IS 'Raised by whatever suspends or activates: a worker that sees it changed hands back what it must not begin any more.';

--
-- Name: COLUMN instance.max_message_octets; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.instance.max_message_octets IS 'GMP_MAX_MESSAGE_BYTES of the server that started last: what mailproxy.send() takes.';

--
-- Name: COLUMN instance.max_attachment_octets; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.instance.max_attachment_octets IS 'GMP_MAX_ATTACHMENT_BYTES of the server that started last.';

--
-- Name: COLUMN instance.default_priority; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.instance.default_priority IS 'GMP_DEFAULT_PRIORITY of the server that started last.';

--
-- Name: COLUMN instance.restore_found_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.instance.restore_found_at IS 'Since when nothing is sent, because a worker has seen a later state of this database than it is in; null: all is well. Ended by confirm_restore().';

--
-- Name: COLUMN instance.restore_found_by; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.instance.restore_found_by IS 'The epoch of the worker that found it.';

--
-- Name: COLUMN instance.restore_seen_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.instance.restore_seen_at IS 'The last moment of the lost time that any worker has seen. What waits since before then may have been sent.';

--
-- Name: COLUMN instance.restore_seen_epoch; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.instance.restore_seen_epoch IS 'The highest instance.epoch that any worker has seen.';

--
-- Name: COLUMN instance.sends; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.instance.sends IS 'Whether messages are sent: active, and no restore is to be confirmed.';

--
-- Name: tenant; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.tenant (
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    name text,
    active boolean DEFAULT true NOT NULL,
    client_base_url text,
    client_base_url_trusted boolean DEFAULT false NOT NULL,
    client_sync_path text,
    client_attachment_path text,
    client_auth_sealed bytea,
    client_auth_key_id text,
    report_format mailproxy.report_format DEFAULT 'event'::mailproxy.report_format NOT NULL,
    report_secret_sealed bytea,
    report_secret_key_id text,
    rate_limits jsonb,
    large_file_config jsonb,
    retry_delays integer[],
    suspended_batches text[] DEFAULT '{}'::text[] NOT NULL,
    api_key_hash bytea,
    api_key_expires_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    limit_per_hour integer GENERATED ALWAYS AS (
CASE
    WHEN ((jsonb_typeof((rate_limits -> 'hourly'::text)) = 'number'::text) AND ((((rate_limits ->> 'hourly'::text))::numeric >= (1)::numeric) AND (((rate_limits ->> 'hourly'::text))::numeric <= (2147483647)::numeric))) THEN (floor(((rate_limits ->> 'hourly'::text))::numeric))::integer
    ELSE NULL::integer
END) STORED,
    limit_per_day integer GENERATED ALWAYS AS (
CASE
    WHEN ((jsonb_typeof((rate_limits -> 'daily'::text)) = 'number'::text) AND ((((rate_limits ->> 'daily'::text))::numeric >= (1)::numeric) AND (((rate_limits ->> 'daily'::text))::numeric <= (2147483647)::numeric))) THEN (floor(((rate_limits ->> 'daily'::text))::numeric))::integer
    ELSE NULL::integer
END) STORED,
    retry_max_age_s integer,
    login_role name,
    CONSTRAINT tenant_api_key_hash_is_sha256 CHECK ((octet_length(api_key_hash) = 32)),
    CONSTRAINT tenant_client_auth_names_its_key CHECK ((num_nulls(client_auth_sealed, client_auth_key_id) = ANY (ARRAY[0, 2]))),
    CONSTRAINT tenant_expiry_needs_a_key CHECK (((api_key_expires_at IS NULL) OR (api_key_hash IS NOT NULL))),
    CONSTRAINT tenant_id_is_short CHECK (((octet_length(tenant_id) >= 1) AND (octet_length(tenant_id) <= 255))),
    CONSTRAINT tenant_report_secret_names_its_key CHECK ((num_nulls(report_secret_sealed, report_secret_key_id) = ANY (ARRAY[0, 2]))),
    CONSTRAINT tenant_retry_delays_are_seconds CHECK ((0 <= ALL (retry_delays))),
    CONSTRAINT tenant_retry_max_age_is_not_negative CHECK ((retry_max_age_s >= 0)),
    CONSTRAINT tenant_suspended_batches_have_codes CHECK ((array_position(suspended_batches, NULL::text) IS NULL))
);

--
-- Name: TABLE tenant; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.tenant IS 'A store that hands over mail. The tenant "default" serves clients that know no tenants.';

--
-- Name: COLUMN tenant.active; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant.active IS 'false: not polled; sending and reporting go on.';

--
-- Name: COLUMN tenant.client_base_url_trusted; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant.client_base_url_trusted IS 'Set with the admin token: the URL may lead to private addresses.';

--
-- Name: COLUMN tenant.client_auth_sealed; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant.client_auth_sealed IS 'The client_auth object as JSON, AES-256-GCM: 12 octets nonce, ciphertext, 16 octets tag; bound to tenant_id.';

--
-- Name: COLUMN tenant.client_auth_key_id; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant.client_auth_key_id IS 'Which key of MAIL_PROXY_ENCRYPTION_KEY opens it.';

--
-- Name: COLUMN tenant.retry_delays; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant.retry_delays IS 'Seconds before each retry; null: the service''s own schedule.';

--
-- Name: COLUMN tenant.suspended_batches; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant.suspended_batches IS '{*}: the whole tenant; else the batch codes that are suspended.';

--
-- Name: COLUMN tenant.api_key_hash; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant.api_key_hash IS 'SHA-256 of the tenant token; the token itself is shown once and kept nowhere.';

--
-- Name: COLUMN tenant.limit_per_hour; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant.limit_per_hour IS 'rate_limits.hourly: messages of all its accounts in any 3600 seconds; null: no limit.';

--
-- Name: COLUMN tenant.limit_per_day; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant.limit_per_day IS 'rate_limits.daily: messages of all its accounts in any 86400 seconds; null: no limit.';

--
-- Name: COLUMN tenant.retry_max_age_s; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant.retry_max_age_s IS 'Seconds a message may fail before it is given up; 0: it never is for that; null: the service''s own.';

--
-- Name: COLUMN tenant.login_role; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant.login_role IS 'The database role that is this tenant: what it sends with mailproxy.send() is the tenant''s, and it may name no other. Set by hand; null: none.';

--
-- Name: report_overdue; Type: VIEW; Schema: mailproxy; Owner: -
--

CREATE VIEW mailproxy.report_overdue AS
 SELECT s.tenant_id,
    o.created_at AS oldest_at,
    date_trunc('seconds'::text, (now() - o.created_at)) AS overdue,
    u.untold,
        CASE
            WHEN (NOT i.active) THEN 'the service is not active: nobody is called'::text
            WHEN ((t.client_base_url IS NULL) AND (t.tenant_id = 'default'::text)) THEN 'it has no client_base_url: it is called only if the workers have GMP_CLIENT_SYNC_URL, which is not to be seen from here'::text
            WHEN (t.client_base_url IS NULL) THEN 'it has no client_base_url: there is nobody to call'::text
            WHEN (s.lease_token IS NOT NULL) THEN 'it is being called'::text
            WHEN (s.failures > 0) THEN 'its calls fail'::text
            ELSE 'it waits for its turn'::text
        END AS reason,
    (t.client_base_url IS NOT NULL) AS may_be_called,
    s.failures,
    s.last_error,
    s.retry_at,
    s.called_at,
    s.lease_epoch AS worker,
    s.leased_at AS calling_since
   FROM ((((mailproxy.tenant_sync s
     JOIN mailproxy.tenant t ON ((t.tenant_id = s.tenant_id)))
     CROSS JOIN mailproxy.instance i)
     CROSS JOIN LATERAL ( SELECT e.created_at
           FROM mailproxy.event e
          WHERE ((e.tenant_id = s.tenant_id) AND (e.reported_at IS NULL))
          ORDER BY e.event_pk
         LIMIT 1) o)
     CROSS JOIN LATERAL ( SELECT count(*) AS untold
           FROM ( SELECT
                   FROM mailproxy.event e_1
                  WHERE ((e_1.tenant_id = s.tenant_id) AND (e_1.reported_at IS NULL))
                 LIMIT 10000) e) u)
  WHERE ((s.news_seq > s.told_seq) AND (o.created_at < (now() - '00:01:00'::interval)));

--
-- Name: VIEW report_overdue; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON VIEW mailproxy.report_overdue IS 'Tenants with an event of more than a minute ago that they were not told. Question: whose delivery reports do not arrive, and why? Reads the index of untold events.';

--
-- Name: COLUMN report_overdue.untold; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.report_overdue.untold IS 'Events, counted up to 10,000.';

--
-- Name: COLUMN report_overdue.may_be_called; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.report_overdue.may_be_called IS 'false: it has no URL of its own, so that nothing is wrong unless it should have one.';

--
-- Name: COLUMN report_overdue.retry_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.report_overdue.retry_at IS 'It is called no sooner, except by run-now.';

--
-- Name: snapshot_holder; Type: VIEW; Schema: mailproxy; Owner: -
--

CREATE VIEW mailproxy.snapshot_holder AS
 SELECT h.kind,
    h.pid,
    h.name,
    h.application_name,
    h.state,
    h.since,
    date_trunc('seconds'::text, (now() - h.since)) AS age,
    h.transactions,
    h.query,
    h.how_to_end
   FROM ( SELECT 'session'::text AS kind,
            a.pid,
            (a.usename)::text AS name,
            a.application_name,
            a.state,
            a.xact_start AS since,
            GREATEST(age(a.backend_xmin), age(a.backend_xid)) AS transactions,
            "left"(a.query, 100) AS query,
            format('SELECT pg_terminate_backend(%s)'::text, a.pid) AS how_to_end
           FROM pg_stat_activity a
          WHERE (((a.backend_xmin IS NOT NULL) OR (a.backend_xid IS NOT NULL)) AND (a.pid <> pg_backend_pid()) AND (a.backend_type <> 'autovacuum worker'::text))
        UNION ALL
         SELECT 'prepared transaction'::text,
            NULL::integer,
            p.gid,
            NULL::text,
            NULL::text,
            p.prepared,
            age(p.transaction) AS age,
            NULL::text,
            format('ROLLBACK PREPARED %L'::text, p.gid) AS format
           FROM pg_prepared_xacts p
        UNION ALL
         SELECT 'replication slot'::text,
            s.active_pid,
            (s.slot_name)::text AS slot_name,
            NULL::text,
                CASE
                    WHEN s.active THEN 'active'::text
                    ELSE 'inactive'::text
                END AS "case",
            NULL::timestamp with time zone,
            GREATEST(age(s.xmin), age(s.catalog_xmin)) AS "greatest",
            NULL::text,
            format('SELECT pg_drop_replication_slot(%L)'::text, s.slot_name) AS format
           FROM pg_replication_slots s
          WHERE ((s.xmin IS NOT NULL) OR (s.catalog_xmin IS NOT NULL))) h;

--
-- Name: VIEW snapshot_holder; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON VIEW mailproxy.snapshot_holder IS 'Sessions, prepared transactions and replication slots that hold a snapshot or a transaction, in any database of the cluster. Question: why do dead rows stay, and the queue grow on disk? A role that is not in pg_read_all_stats sees less of others'' sessions.';

--
-- Name: COLUMN snapshot_holder.since; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.snapshot_holder.since IS 'When the transaction began; null: not known, see transactions.';

--
-- Name: COLUMN snapshot_holder.transactions; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.snapshot_holder.transactions IS 'How many transactions have begun since: rows that died after that stay.';

--
-- Name: COLUMN snapshot_holder.how_to_end; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.snapshot_holder.how_to_end IS 'To be run once it is known whose it is.';

--
-- Name: worker_status; Type: VIEW; Schema: mailproxy; Owner: -
--

CREATE VIEW mailproxy.worker_status AS
 SELECT w.epoch AS worker,
    w.host,
    w.pid,
    w.version,
        CASE
            WHEN (w.ended_at IS NOT NULL) THEN w.ended_how
            WHEN (w.heartbeat_at < (now() - make_interval(secs => (w.lease_s)::double precision))) THEN 'dead'::text
            WHEN (w.heartbeat_at < (now() - make_interval(secs => (((w.lease_s)::numeric / 2.0))::double precision))) THEN 'silent'::text
            ELSE 'alive'::text
        END AS state,
    w.started_at,
    w.ended_at,
    w.heartbeat_at,
    date_trunc('milliseconds'::text, (now() - w.heartbeat_at)) AS heartbeat_age,
    w.lease_s,
    COALESCE(l.messages, (0)::bigint) AS leases,
    l.oldest_leased_at,
    COALESCE(c.connections, (0)::bigint) AS connections
   FROM ((mailproxy.worker w
     LEFT JOIN ( SELECT q.lease_epoch,
            count(*) AS messages,
            min(q.leased_at) AS oldest_leased_at
           FROM mailproxy.queue q
          WHERE (q.state = 'leased'::mailproxy.queue_state)
          GROUP BY q.lease_epoch) l ON ((l.lease_epoch = w.epoch)))
     LEFT JOIN ( SELECT g.lease_epoch,
            sum(g.connections) AS connections
           FROM mailproxy.connection_grant g
          GROUP BY g.lease_epoch) c ON ((c.lease_epoch = w.epoch)))
  WHERE ((w.ended_at IS NULL) OR (w.ended_at > (now() - '1 day'::interval)) OR (l.messages > 0));

--
-- Name: VIEW worker_status; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON VIEW mailproxy.worker_status IS 'Workers that live, those that ended within a day, and any that still has leases. Question: are the workers there, and do they hold what they do not send? Reads worker, connection_grant and the index of leases.';

--
-- Name: COLUMN worker_status.state; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.worker_status.state IS 'alive; silent: no heartbeat for half of lease_s; dead: for all of it, another worker takes over what it holds; stopped: it said so itself; reaped: it was found dead and taken over.';

--
-- Name: COLUMN worker_status.leases; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.worker_status.leases IS 'Messages in its hands, counted.';

--
-- Name: COLUMN worker_status.connections; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.worker_status.connections IS 'To relays: how many it may hold, over all accounts.';

--
-- Name: health; Type: VIEW; Schema: mailproxy; Owner: -
--

CREATE VIEW mailproxy.health AS
 WITH worker AS MATERIALIZED (
         SELECT count(*) FILTER (WHERE (w.state = ANY (ARRAY['alive'::text, 'silent'::text]))) AS living,
            count(*) FILTER (WHERE (w.state = 'dead'::text)) AS dead,
            count(*) FILTER (WHERE ((w.state = ANY (ARRAY['stopped'::text, 'reaped'::text])) AND (w.leases > 0))) AS leftover,
            string_agg(format('%s (%s, pid %s, silent for %s)'::text, w.worker, w.host, w.pid, date_trunc('second'::text, w.heartbeat_age)), ', '::text ORDER BY w.worker) FILTER (WHERE (w.state = 'dead'::text)) AS dead_names
           FROM mailproxy.worker_status w
        ), backlog AS MATERIALIZED (
         SELECT COALESCE(sum(b.messages), (0)::numeric) AS messages,
            max((now() - b.oldest_due_at)) FILTER (WHERE ((h.state = ANY (ARRAY['ok'::text, 'crowded'::text])) AND ('*'::text <> ALL (t.suspended_batches)))) AS oldest
           FROM ((mailproxy.account_backlog b
             JOIN mailproxy.account_health h ON (((h.tenant_id = b.tenant_id) AND (h.account_id = b.account_id))))
             JOIN mailproxy.tenant t ON ((t.tenant_id = b.tenant_id)))
        ), account AS MATERIALIZED (
         SELECT count(*) AS failing,
            (array_agg(((((a.tenant_id || '/'::text) || a.account_id) || ': '::text) || COALESCE(a.reason, a.state)) ORDER BY a.failing_since))[1] AS longest
           FROM mailproxy.account_health a
          WHERE (a.state = ANY (ARRAY['backed off'::text, 'to be tried'::text, 'being tried'::text, 'no access token'::text]))
        ), report AS MATERIALIZED (
         SELECT count(*) AS tenants,
            max(r.overdue) AS longest,
            (array_agg(((r.tenant_id || ': '::text) || COALESCE(r.last_error, r.reason)) ORDER BY r.overdue DESC))[1] AS who
           FROM mailproxy.report_overdue r
          WHERE (r.may_be_called AND (r.overdue > '00:05:00'::interval))
        ), partition AS MATERIALIZED (
         SELECT count(*) FILTER (WHERE (d.ahead = 0)) AS today,
            count(*) AS days,
            (array_agg(d.name ORDER BY d.ahead, d.name))[1] AS first
           FROM ( SELECT a.ahead,
                    ((p.parent || '_'::text) || to_char(((((now() AT TIME ZONE 'UTC'::text))::date + a.ahead))::timestamp with time zone, 'YYYYMMDD'::text)) AS name
                   FROM unnest(ARRAY['message_body'::text, 'message_attachment'::text, 'attempt'::text, 'event'::text]) p(parent),
                    generate_series(0, 2) a(ahead)) d
          WHERE (to_regclass(('mailproxy.'::text || d.name)) IS NULL)
        ), snapshot AS MATERIALIZED (
         SELECT g.level,
            s.age,
            s.transactions,
            s.how_to_end,
            format('%s %s%s'::text, s.kind, COALESCE(NULLIF(concat_ws(' of '::text, (s.pid)::text, s.name), ''::text), 'unknown'::text), ((' ('::text || NULLIF(concat_ws(', '::text, NULLIF(s.application_name, ''::text), s.state), ''::text)) || ')'::text)) AS who
           FROM (mailproxy.snapshot_holder s
             CROSS JOIN LATERAL ( SELECT
                        CASE
                            WHEN ((s.age > '01:00:00'::interval) OR (s.transactions > 50000000)) THEN 'critical'::text
                            WHEN ((s.age > '00:05:00'::interval) OR (s.transactions > 5000000)) THEN 'warn'::text
                            ELSE 'ok'::text
                        END AS level) g)
          ORDER BY (array_position('{critical,warn,ok}'::text[], g.level)), s.age DESC NULLS LAST, s.transactions DESC NULLS LAST
         LIMIT 1
        ), dead_rows AS MATERIALIZED (
         SELECT t.table_name,
            t.dead_rows,
            t.live_rows,
            t.vacuumed_at
           FROM mailproxy.hot_table t
          WHERE (t.dead_rows > GREATEST((50000)::bigint, (2 * t.live_rows)))
          ORDER BY t.dead_rows DESC
         LIMIT 1
        ), bloat AS MATERIALIZED (
         SELECT t.table_name,
            (t.table_octets + t.index_octets) AS octets,
            t.live_rows
           FROM mailproxy.hot_table t
          WHERE (((t.table_octets + t.index_octets) > 134217728) AND (((t.table_octets + t.index_octets) / GREATEST(t.live_rows, (1)::bigint)) > 4096))
          ORDER BY (t.table_octets + t.index_octets) DESC
         LIMIT 1
        )
 SELECT 'service'::text AS topic,
        CASE
            WHEN (i.restore_found_at IS NOT NULL) THEN 'critical'::text
            WHEN i.active THEN 'ok'::text
            ELSE 'warn'::text
        END AS level,
        CASE
            WHEN (i.restore_found_at IS NOT NULL) THEN format('this database was restored to a state before %s: nothing is sent until an operator has agreed'::text, i.restore_seen_at)
            WHEN i.active THEN 'the service is active'::text
            ELSE 'the service is not active: messages are accepted, nothing is sent or reported'::text
        END AS says,
        CASE
            WHEN (i.restore_found_at IS NOT NULL) THEN 'SELECT * FROM mailproxy.confirm_restore(dry_run => true) says what would go out again: see docs/restore.md'::text
            WHEN (NOT i.active) THEN 'POST /commands/activate, or UPDATE mailproxy.instance SET active = true'::text
            ELSE NULL::text
        END AS to_do
   FROM mailproxy.instance i
UNION ALL
 SELECT 'workers'::text AS topic,
        CASE
            WHEN (w.living > 0) THEN 'ok'::text
            WHEN (b.messages > (0)::numeric) THEN 'critical'::text
            ELSE 'warn'::text
        END AS level,
        CASE
            WHEN (w.living > 0) THEN format('workers alive: %s; messages not final: %s'::text, w.living, b.messages)
            ELSE format('no worker is alive, and %s messages wait'::text, b.messages)
        END AS says,
        CASE
            WHEN (w.living = 0) THEN 'start mailproxy-worker; its log says why it ended'::text
            ELSE NULL::text
        END AS to_do
   FROM worker w,
    backlog b
UNION ALL
 SELECT 'dead workers'::text AS topic,
        CASE
            WHEN (w.leftover > 0) THEN 'critical'::text
            WHEN (w.dead > 0) THEN 'warn'::text
            ELSE 'ok'::text
        END AS level,
        CASE
            WHEN (w.leftover > 0) THEN format('workers that have ended still hold messages: %s'::text, w.leftover)
            WHEN (w.dead > 0) THEN format('not heard of, and not yet taken over: worker %s'::text, w.dead_names)
            ELSE 'none'::text
        END AS says,
        CASE
            WHEN ((w.leftover + w.dead) > 0) THEN 'a living worker takes over within seconds; if this stays, look at the workers'' logs for reap'::text
            ELSE NULL::text
        END AS to_do
   FROM worker w
UNION ALL
 SELECT 'backlog'::text AS topic,
        CASE
            WHEN (b.oldest > '01:00:00'::interval) THEN 'critical'::text
            WHEN (b.oldest > '00:05:00'::interval) THEN 'warn'::text
            ELSE 'ok'::text
        END AS level,
        CASE
            WHEN (b.oldest > '00:05:00'::interval) THEN format('the oldest message that nothing keeps from being sent has been due for %s'::text, date_trunc('second'::text, b.oldest))
            ELSE 'nothing that may go has been due for more than 5 minutes'::text
        END AS says,
        CASE
            WHEN (b.oldest > '00:05:00'::interval) THEN 'SELECT * FROM mailproxy.account_backlog ORDER BY oldest_due_at: more workers, or more connections for that account'::text
            ELSE NULL::text
        END AS to_do
   FROM backlog b
UNION ALL
 SELECT 'accounts'::text AS topic,
        CASE
            WHEN (a.failing > 0) THEN 'warn'::text
            ELSE 'ok'::text
        END AS level,
        CASE
            WHEN (a.failing > 0) THEN format('accounts that cannot send: %s; for the longest time %s'::text, a.failing, a.longest)
            ELSE 'no account is backed off'::text
        END AS says,
        CASE
            WHEN (a.failing > 0) THEN 'SELECT * FROM mailproxy.account_health WHERE state <> ''ok''; once mended: POST /commands/run-now'::text
            ELSE NULL::text
        END AS to_do
   FROM account a
UNION ALL
 SELECT 'reports'::text AS topic,
        CASE
            WHEN (r.longest > '01:00:00'::interval) THEN 'critical'::text
            WHEN (r.tenants > 0) THEN 'warn'::text
            ELSE 'ok'::text
        END AS level,
        CASE
            WHEN (r.tenants > 0) THEN format('tenants not told for more than 5 minutes: %s; for the longest time (%s) %s'::text, r.tenants, r.longest, r.who)
            ELSE 'no report is overdue'::text
        END AS says,
        CASE
            WHEN (r.tenants > 0) THEN 'SELECT * FROM mailproxy.report_overdue ORDER BY oldest_at'::text
            ELSE NULL::text
        END AS to_do
   FROM report r
UNION ALL
 SELECT 'partitions'::text AS topic,
        CASE
            WHEN (p.today > 0) THEN 'critical'::text
            WHEN (p.days > 0) THEN 'warn'::text
            ELSE 'ok'::text
        END AS level,
        CASE
            WHEN (p.today > 0) THEN format('today has no partition %s: nothing can be stored in it'::text, p.first)
            WHEN (p.days > 0) THEN format('there is no partition %s, which will be needed within two days'::text, p.first)
            ELSE 'there are partitions for today and two days more'::text
        END AS says,
        CASE
            WHEN (p.days > 0) THEN 'SELECT mailproxy.create_partitions(); a worker should have done it: look at its log for partitions'::text
            ELSE NULL::text
        END AS to_do
   FROM partition p
UNION ALL
 SELECT 'oldest snapshot'::text AS topic,
    COALESCE(s.level, 'ok'::text) AS level,
        CASE
            WHEN (s.who IS NULL) THEN 'nobody holds one'::text
            ELSE format('held by %s, for %s and %s transactions'::text, s.who, COALESCE((s.age)::text, 'an unknown time'::text), COALESCE(s.transactions, 0))
        END AS says,
        CASE
            WHEN (s.level <> 'ok'::text) THEN ('rows that died since then stay in the queue: once it is known whose it is, '::text || s.how_to_end)
            ELSE NULL::text
        END AS to_do
   FROM (( VALUES (1)) one
     LEFT JOIN snapshot s ON (true))
UNION ALL
 SELECT 'dead rows'::text AS topic,
        CASE
            WHEN (d.table_name IS NULL) THEN 'ok'::text
            WHEN (d.dead_rows > (20 * GREATEST(d.live_rows, (50000)::bigint))) THEN 'critical'::text
            ELSE 'warn'::text
        END AS level,
        CASE
            WHEN (d.table_name IS NULL) THEN 'autovacuum keeps up'::text
            ELSE format('%s: %s dead rows, %s live ones, last vacuumed %s'::text, d.table_name, d.dead_rows, d.live_rows, COALESCE(to_char(d.vacuumed_at, 'YYYY-MM-DD HH24:MI:SS TZ'::text), 'never'::text))
        END AS says,
        CASE
            WHEN (d.table_name IS NOT NULL) THEN format('end the oldest snapshot if there is one, then VACUUM mailproxy.%s'::text, d.table_name)
            ELSE NULL::text
        END AS to_do
   FROM (( VALUES (1)) one
     LEFT JOIN dead_rows d ON (true))
UNION ALL
 SELECT 'bloat'::text AS topic,
        CASE
            WHEN (b.table_name IS NULL) THEN 'ok'::text
            ELSE 'warn'::text
        END AS level,
        CASE
            WHEN (b.table_name IS NULL) THEN 'no table that is always changing is much larger than what it holds'::text
            ELSE format('%s takes %s with its indexes, for %s rows'::text, b.table_name, pg_size_pretty(b.octets), b.live_rows)
        END AS says,
        CASE
            WHEN (b.table_name IS NOT NULL) THEN format('in a quiet hour, with the service suspended: VACUUM FULL mailproxy.%s; REINDEX TABLE CONCURRENTLY if only the indexes grew'::text, b.table_name)
            ELSE NULL::text
        END AS to_do
   FROM (( VALUES (1)) one
     LEFT JOIN bloat b ON (true))
UNION ALL
 SELECT 'transaction ids'::text AS topic,
        CASE
            WHEN (x.age > 1500000000) THEN 'critical'::text
            WHEN (x.age > 750000000) THEN 'warn'::text
            ELSE 'ok'::text
        END AS level,
    format('%s of some 2,100,000,000 used up'::text, to_char(x.age, 'FM9,999,999,999'::text)) AS says,
        CASE
            WHEN (x.age > 750000000) THEN 'find what keeps autovacuum from freezing (oldest snapshot), then VACUUM (FREEZE)'::text
            ELSE NULL::text
        END AS to_do
   FROM ( SELECT age(d.datfrozenxid) AS age
           FROM pg_database d
          WHERE (d.datname = current_database())) x
UNION ALL
 SELECT 'connections'::text AS topic,
        CASE
            WHEN ((c.used)::numeric >= (0.95 * (c.most)::numeric)) THEN 'critical'::text
            WHEN ((c.used)::numeric >= (0.8 * (c.most)::numeric)) THEN 'warn'::text
            ELSE 'ok'::text
        END AS level,
    format('%s of %s used'::text, c.used, c.most) AS says,
        CASE
            WHEN ((c.used)::numeric >= (0.8 * (c.most)::numeric)) THEN 'SELECT application_name, count(*) FROM pg_stat_activity GROUP BY 1: fewer, a pooler, or a higher max_connections'::text
            ELSE NULL::text
        END AS to_do
   FROM ( SELECT ( SELECT count(*) AS count
                   FROM pg_stat_activity a
                  WHERE (a.backend_type = 'client backend'::text)) AS used,
            (current_setting('max_connections'::text))::integer AS most) c;

--
-- Name: VIEW health; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON VIEW mailproxy.health IS 'One row for each topic: ok, warn or critical, a sentence, and what to do. Question: is all well? A monitor asks: SELECT * FROM mailproxy.health WHERE level <> ''ok''. Reads the queue once, otherwise what is small.';

--
-- Name: message_pk_seq; Type: SEQUENCE; Schema: mailproxy; Owner: -
--

CREATE SEQUENCE mailproxy.message_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

--
-- Name: message; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.message (
    message_pk bigint DEFAULT nextval('mailproxy.message_pk_seq'::regclass) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    size_octets integer NOT NULL,
    priority smallint NOT NULL,
    retries smallint DEFAULT 0 NOT NULL,
    reply_code smallint,
    attachments smallint DEFAULT 0 NOT NULL,
    state mailproxy.message_state DEFAULT 'queued'::mailproxy.message_state NOT NULL,
    is_pec boolean DEFAULT false NOT NULL,
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    message_id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    batch_code text COLLATE pg_catalog."C",
    mime_message_id text NOT NULL COLLATE pg_catalog."C",
    reason text,
    settled jsonb,
    deferred_since timestamp with time zone,
    CONSTRAINT message_batch_code_is_short CHECK ((((char_length(batch_code) >= 1) AND (char_length(batch_code) <= 64)) AND (batch_code !~ ','::text))),
    CONSTRAINT message_error_has_a_reason CHECK (((state <> 'error'::mailproxy.message_state) OR (reason IS NOT NULL))),
    CONSTRAINT message_id_is_short CHECK (((octet_length(message_id) >= 1) AND (octet_length(message_id) <= 255))),
    CONSTRAINT message_is_finished_when_final CHECK (((state = 'queued'::mailproxy.message_state) = (finished_at IS NULL))),
    CONSTRAINT message_priority_is_known CHECK (((priority >= 0) AND (priority <= 3))),
    CONSTRAINT message_sent_has_no_reason CHECK (((state <> 'sent'::mailproxy.message_state) OR (reason IS NULL))),
    CONSTRAINT message_size_is_not_negative CHECK ((size_octets >= 0))
)
WITH (fillfactor='50');

--
-- Name: TABLE message; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.message IS 'One narrow row per accepted message. It has exactly one of: a queue row, or a final state.';

--
-- Name: COLUMN message.finished_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.message.finished_at IS 'When it was sent, became an error or was cancelled.';

--
-- Name: COLUMN message.priority; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.message.priority IS 'What the client asked for, 0 to 3: 0 immediate, 1 high, 2 medium, 3 low. Never changed by waiting.';

--
-- Name: COLUMN message.retries; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.message.retries IS 'Entries of the retry schedule used up.';

--
-- Name: COLUMN message.reply_code; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.message.reply_code IS 'SMTP code of the last attempt''s deciding reply; null when there was none.';

--
-- Name: COLUMN message.attachments; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.message.attachments IS 'Rows in message_attachment: the ones whose octets came with the message.';

--
-- Name: COLUMN message.message_id; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.message.message_id IS 'The client''s own id, unique within its tenant.';

--
-- Name: COLUMN message.mime_message_id; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.message.mime_message_id IS 'The Message-ID field (RFC 5322 3.6.4) with its angle brackets: made at acceptance, the same on every attempt.';

--
-- Name: COLUMN message.reason; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.message.reason IS 'While queued: why it waits (the last reply). In state error: what ended it.';

--
-- Name: COLUMN message.settled; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.message.settled IS 'Recipients that are done while others are not, or were refused: [{"address","outcome":"sent"|"error","code","reason"}]; null: none apart from the whole.';

--
-- Name: COLUMN message.deferred_since; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.message.deferred_since IS 'When an attempt at it first failed and was to be repeated; null: none has. Retries last until the maximum age after that.';

--
-- Name: in_flight; Type: VIEW; Schema: mailproxy; Owner: -
--

CREATE VIEW mailproxy.in_flight AS
 SELECT q.tenant_id,
    q.account_id,
    m.message_id,
    q.priority,
    q.attempts AS attempt,
    q.leased_at,
    date_trunc('milliseconds'::text, (now() - q.leased_at)) AS age,
    q.lease_epoch AS worker,
    w.host,
    w.pid,
    ((w.ended_at IS NULL) AND (w.heartbeat_at >= (now() - make_interval(secs => (w.lease_s)::double precision)))) AS worker_lives
   FROM ((mailproxy.queue q
     JOIN mailproxy.message m ON ((m.message_pk = q.message_pk)))
     LEFT JOIN mailproxy.worker w ON ((w.epoch = q.lease_epoch)))
  WHERE (q.state = 'leased'::mailproxy.queue_state);

--
-- Name: VIEW in_flight; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON VIEW mailproxy.in_flight IS 'Messages that a worker has claimed and not yet recorded. Question: what is being sent, by whom, and what has been in hand for too long? Reads the index of leases alone: as many rows as the workers hold.';

--
-- Name: COLUMN in_flight.attempt; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.in_flight.attempt IS 'Claims of the message so far, this one included.';

--
-- Name: COLUMN in_flight.worker; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.in_flight.worker IS 'worker.epoch.';

--
-- Name: COLUMN in_flight.worker_lives; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.in_flight.worker_lives IS 'false: the worker has ended or is silent, and another one will take the message over.';

--
-- Name: latency; Type: VIEW; Schema: mailproxy; Owner: -
--

CREATE VIEW mailproxy.latency WITH (security_invoker='true') AS
 SELECT l.tenant_id,
    l.minute,
    l.sent,
    (l.ms[1])::bigint AS p50_ms,
    (l.ms[2])::bigint AS p95_ms,
    (l.ms[3])::bigint AS p99_ms,
    (l.queue_ms)::bigint AS p95_queue_ms,
    (l.relay_ms)::bigint AS p95_relay_ms
   FROM ( SELECT a.tenant_id,
            date_trunc('minute'::text, a.ended_at) AS minute,
            count(*) AS sent,
            percentile_disc('{0.5,0.95,0.99}'::double precision[]) WITHIN GROUP (ORDER BY (((COALESCE(a.queue_ms, 0) + COALESCE(a.compose_ms, 0)) + COALESCE(a.connect_ms, 0)) + COALESCE(a.send_ms, 0))) AS ms,
            percentile_disc((0.95)::double precision) WITHIN GROUP (ORDER BY COALESCE(a.queue_ms, 0)) AS queue_ms,
            percentile_disc((0.95)::double precision) WITHIN GROUP (ORDER BY (COALESCE(a.connect_ms, 0) + COALESCE(a.send_ms, 0))) AS relay_ms
           FROM mailproxy.attempt a
          WHERE ((a.outcome = 'sent'::mailproxy.outcome) AND (a.ended_at >= date_trunc('minute'::text, (now() - '00:15:00'::interval))))
          GROUP BY a.tenant_id, (date_trunc('minute'::text, a.ended_at))) l;

--
-- Name: VIEW latency; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON VIEW mailproxy.latency IS 'How long messages that were sent took from being due to the relay''s reply, by tenant and minute, for fifteen minutes. Question: is mail slow, and is it the queue or the relay? Reads and sorts the attempts of these minutes, by index.';

--
-- Name: COLUMN latency.p95_queue_ms; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.latency.p95_queue_ms IS 'Waiting to be claimed and for a connection.';

--
-- Name: COLUMN latency.p95_relay_ms; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.latency.p95_relay_ms IS 'Connecting and sending: the relay''s own time.';

--
-- Name: lease_token_seq; Type: SEQUENCE; Schema: mailproxy; Owner: -
--

CREATE SEQUENCE mailproxy.lease_token_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

--
-- Name: SEQUENCE lease_token_seq; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON SEQUENCE mailproxy.lease_token_seq IS 'Fencing tokens: each claim has its own, and a result that brings another changes nothing.';

--
-- Name: message_attachment; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.message_attachment (
    message_pk bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ordinal smallint NOT NULL,
    content bytea NOT NULL
)
PARTITION BY RANGE (created_at);
ALTER TABLE ONLY mailproxy.message_attachment ALTER COLUMN content SET STORAGE EXTERNAL;

--
-- Name: TABLE message_attachment; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.message_attachment IS 'Octets of attachments that came as base64, decoded. ordinal: position in the message''s attachments, from 0.';

--
-- Name: message_body; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.message_body (
    message_pk bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    content json NOT NULL
)
PARTITION BY RANGE (created_at);
ALTER TABLE ONLY mailproxy.message_body ALTER COLUMN content SET COMPRESSION lz4;

--
-- Name: TABLE message_body; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.message_body IS 'What to send: the client''s message, its known fields. By day of acceptance; leaves by DROP of a partition.';

--
-- Name: message_content; Type: VIEW; Schema: mailproxy; Owner: -
--

CREATE VIEW mailproxy.message_content AS
 SELECT b.message_pk,
    b.created_at,
        CASE
            WHEN (((b.content)::text ~~ '%"auth"%'::text) AND (json_typeof((b.content -> 'attachments'::text)) = 'array'::text) AND (json_array_length((b.content -> 'attachments'::text)) > 0)) THEN (jsonb_set((b.content)::jsonb, '{attachments}'::text[], ( SELECT jsonb_agg((a.item - 'auth'::text) ORDER BY a.place) AS jsonb_agg
               FROM jsonb_array_elements(((b.content)::jsonb -> 'attachments'::text)) WITH ORDINALITY a(item, place))))::json
            ELSE b.content
        END AS content
   FROM mailproxy.message_body b;

--
-- Name: VIEW message_content; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON VIEW mailproxy.message_content IS 'message_body without the `auth` of attachments, which may be sealed secrets. Look for a message by message_pk and, so that one day''s partition is read, created_at of mailproxy.message.';

--
-- Name: partition_status; Type: VIEW; Schema: mailproxy; Owner: -
--

CREATE VIEW mailproxy.partition_status AS
 SELECT d.table_name,
    d.partition,
    d.day,
    pg_total_relation_size((d.oid)::regclass) AS octets,
        CASE
            WHEN (d.day < ((now() AT TIME ZONE 'UTC'::text))::date) THEN mailproxy.partition_holds((d.oid)::regclass)
            ELSE NULL::text
        END AS holds
   FROM ( SELECT (p.relname)::text AS table_name,
            (c.relname)::text AS partition,
            c.oid,
                CASE
                    WHEN (c.relname ~ (('^'::text || (p.relname)::text) || '_[0-9]{8}$'::text)) THEN to_date("right"((c.relname)::text, 8), 'YYYYMMDD'::text)
                    ELSE NULL::date
                END AS day
           FROM ((pg_inherits i
             JOIN pg_class c ON (((c.oid = i.inhrelid) AND (c.relkind = 'r'::"char"))))
             JOIN pg_class p ON (((p.oid = i.inhparent) AND (p.relkind = 'p'::"char"))))
          WHERE (p.relnamespace = ('mailproxy'::regnamespace)::oid)) d;

--
-- Name: VIEW partition_status; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON VIEW mailproxy.partition_status IS 'One row for each day of each table that is stored by the day (UTC). Question: how much is kept, and why is something kept for longer than it should be? Reads the catalog, and of past days the few queue rows as old.';

--
-- Name: COLUMN partition_status.octets; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.partition_status.octets IS 'With its indexes and what is stored out of line.';

--
-- Name: COLUMN partition_status.holds; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.partition_status.holds IS 'Of a past day: unsent (there is something in it of a message that is not final) or unreported (an event that its tenant was not told of): it is not dropped. Null: it goes when its time has come.';

--
-- Name: purge_pass; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.purge_pass (
    pass_id smallint DEFAULT 1 NOT NULL,
    began_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone,
    looked_at_pk bigint DEFAULT 0 NOT NULL,
    removed bigint DEFAULT 0 NOT NULL,
    CONSTRAINT purge_pass_is_one_row CHECK ((pass_id = 1))
)
WITH (fillfactor='50');

--
-- Name: TABLE purge_pass; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.purge_pass IS 'Where the workers are in looking for messages past their retention: one row, locked by the one that looks.';

--
-- Name: COLUMN purge_pass.ended_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.purge_pass.ended_at IS 'When all had been looked at; null: a pass is under way.';

--
-- Name: COLUMN purge_pass.looked_at_pk; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.purge_pass.looked_at_pk IS 'The last message_pk that was looked at.';

--
-- Name: COLUMN purge_pass.removed; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.purge_pass.removed IS 'Messages removed by this pass, or the last one.';

--
-- Name: rate_bucket; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.rate_bucket (
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    period mailproxy.rate_period NOT NULL,
    bucket_at timestamp with time zone NOT NULL,
    taken integer DEFAULT 0 NOT NULL,
    CONSTRAINT rate_bucket_taken_is_not_negative CHECK ((taken >= 0))
)
WITH (fillfactor='50');

--
-- Name: TABLE rate_bucket; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.rate_bucket IS 'What relays have taken, or may have, of accounts and tenants with limits, in slices of one hundredth of each period; correctable by hand, which acts at once.';

--
-- Name: COLUMN rate_bucket.account_id; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.rate_bucket.account_id IS 'Empty: the tenant as a whole.';

--
-- Name: COLUMN rate_bucket.bucket_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.rate_bucket.bucket_at IS 'The end of the slice: what is in it counts until one period later.';

--
-- Name: rate_length; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.rate_length (
    period mailproxy.rate_period NOT NULL,
    length interval NOT NULL,
    CONSTRAINT rate_length_is_positive CHECK ((length > '00:00:00'::interval))
);

--
-- Name: TABLE rate_length; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.rate_length IS 'How long each period of the limits is: one row each.';

--
-- Name: rate_status; Type: VIEW; Schema: mailproxy; Owner: -
--

CREATE VIEW mailproxy.rate_status AS
 WITH under_way AS MATERIALIZED (
         SELECT q.tenant_id,
            q.account_id,
            count(*) AS messages
           FROM (mailproxy.worker w
             JOIN mailproxy.queue q ON (((q.state = 'leased'::mailproxy.queue_state) AND (q.lease_epoch = w.epoch))))
          WHERE (w.ended_at IS NULL)
          GROUP BY q.tenant_id, q.account_id
        ), limited AS (
         SELECT a.tenant_id,
            a.account_id,
            a.account_id AS scope,
            v.period,
            v.most,
            a.limit_behavior AS behavior
           FROM (mailproxy.account a
             CROSS JOIN LATERAL ( VALUES ('minute'::mailproxy.rate_period,a.limit_per_minute), ('hour'::mailproxy.rate_period,a.limit_per_hour), ('day'::mailproxy.rate_period,a.limit_per_day)) v(period, most))
          WHERE (v.most IS NOT NULL)
        UNION ALL
         SELECT t.tenant_id,
            NULL::text,
            ''::text,
            v.period,
            v.most,
            NULL::text
           FROM (mailproxy.tenant t
             CROSS JOIN LATERAL ( VALUES ('hour'::mailproxy.rate_period,t.limit_per_hour), ('day'::mailproxy.rate_period,t.limit_per_day)) v(period, most))
          WHERE (v.most IS NOT NULL)
        )
 SELECT l.tenant_id,
    l.account_id,
    l.period,
    l.most,
    u.taken,
    u.under_way,
    GREATEST(((l.most - u.taken) - u.under_way), (0)::bigint) AS remaining,
        CASE
            WHEN (((l.most - u.taken) - u.under_way) <= 0) THEN ( SELECT (min(g.bucket_at) + r.length)
               FROM ( SELECT b.bucket_at,
                        sum(b.taken) OVER (ORDER BY b.bucket_at) AS gone
                       FROM mailproxy.rate_bucket b
                      WHERE ((b.tenant_id = l.tenant_id) AND (b.account_id = l.scope) AND (b.period = l.period) AND (b.bucket_at > (now() - r.length)))) g
              WHERE (g.gone > ((u.taken + u.under_way) - l.most)))
            ELSE NULL::timestamp with time zone
        END AS frees_at,
    l.behavior
   FROM ((limited l
     JOIN mailproxy.rate_length r ON ((r.period = l.period)))
     CROSS JOIN LATERAL ( SELECT COALESCE(( SELECT sum(b.taken) AS sum
                   FROM mailproxy.rate_bucket b
                  WHERE ((b.tenant_id = l.tenant_id) AND (b.account_id = l.scope) AND (b.period = l.period) AND (b.bucket_at > (now() - r.length)))), (0)::bigint) AS taken,
            (COALESCE(( SELECT sum(w.messages) AS sum
                   FROM under_way w
                  WHERE ((w.tenant_id = l.tenant_id) AND (w.account_id = COALESCE(l.account_id, w.account_id)))), (0)::numeric))::bigint AS under_way) u);

--
-- Name: VIEW rate_status; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON VIEW mailproxy.rate_status IS 'One row for each limit of an account or a tenant. Question: is a limit why mail waits, and when does it let more through? Reads rate_bucket by its primary key, at most 101 rows a limit, and the index of leases.';

--
-- Name: COLUMN rate_status.account_id; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.rate_status.account_id IS 'Null: the limit is the tenant''s, over all its accounts.';

--
-- Name: COLUMN rate_status.taken; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.rate_status.taken IS 'Messages that the relay took, or may have, within the period that ends now.';

--
-- Name: COLUMN rate_status.under_way; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.rate_status.under_way IS 'Messages in the workers'' hands: they count until they come back untaken.';

--
-- Name: COLUMN rate_status.frees_at; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.rate_status.frees_at IS 'When nothing remains: the next moment something does; null: when what is under way ends.';

--
-- Name: COLUMN rate_status.behavior; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.rate_status.behavior IS 'Of an account at its limit: "reject" makes its messages errors, anything else lets them wait.';

--
-- Name: recent_error; Type: VIEW; Schema: mailproxy; Owner: -
--

CREATE VIEW mailproxy.recent_error WITH (security_invoker='true') AS
 SELECT e.tenant_id,
    e.account_id,
    COALESCE(((e.reply_code / 100) || 'xx'::text), 'none'::text) AS reply_class,
    e.reply_code,
    e.status,
    e.phase,
    e.blame,
    e.outcome,
    e.attempts,
    e.first_at,
    e.last_at,
    m.message_id AS example_message_id,
    x.reply AS example_reply
   FROM ((( SELECT a.tenant_id,
            a.account_id,
            a.reply_code,
            a.status,
            a.phase,
            a.blame,
            a.outcome,
            count(*) AS attempts,
            min(a.ended_at) AS first_at,
            max(a.ended_at) AS last_at,
            max(a.attempt_pk) AS last_pk,
            (array_agg(a.message_pk ORDER BY a.attempt_pk DESC))[1] AS last_message_pk
           FROM mailproxy.attempt a
          WHERE ((a.outcome <> 'sent'::mailproxy.outcome) AND (a.ended_at > (now() - '01:00:00'::interval)))
          GROUP BY a.tenant_id, a.account_id, a.reply_code, a.status, a.phase, a.blame, a.outcome) e
     CROSS JOIN LATERAL ( SELECT l.reply
           FROM mailproxy.attempt l
          WHERE ((l.message_pk = e.last_message_pk) AND (l.attempt_pk = e.last_pk) AND (l.ended_at > (now() - '01:00:00'::interval)))
         LIMIT 1) x)
     LEFT JOIN mailproxy.message m ON ((m.message_pk = e.last_message_pk)));

--
-- Name: VIEW recent_error; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON VIEW mailproxy.recent_error IS 'Attempts of the last hour that did not end with the message sent, by account and reply, with the last one of each as an example. Question: what is going wrong, whose fault is it, and how often? Reads the index of failed attempts: an hour of failures, however much was sent.';

--
-- Name: COLUMN recent_error.reply_class; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.recent_error.reply_class IS '4xx, 5xx; none: there was no reply, example_reply says what failed.';

--
-- Name: COLUMN recent_error.blame; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.recent_error.blame IS 'An account''s fault makes all its messages wait; a recipient''s or message''s concerns that message alone.';

--
-- Name: COLUMN recent_error.outcome; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.recent_error.outcome IS 'deferred: it will be tried again; error: never.';

--
-- Name: COLUMN recent_error.example_message_id; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.recent_error.example_message_id IS 'Null: the message was deleted since. Ask mailproxy.explain_message().';

--
-- Name: role_grant; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.role_grant (
    prefix text NOT NULL COLLATE pg_catalog."C",
    digest text NOT NULL,
    granted_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: TABLE role_grant; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.role_grant IS 'What `mailproxy-server migrate` last granted to the group roles whose names begin so.';

--
-- Name: COLUMN role_grant.digest; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.role_grant.digest IS 'Of all that may be granted, and what was (mailproxy.role_state()); another one: it is to be granted again.';

--
-- Name: rule_rule_id_seq; Type: SEQUENCE; Schema: mailproxy; Owner: -
--

ALTER TABLE mailproxy.rule ALTER COLUMN rule_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mailproxy.rule_rule_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: schema_migration; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.schema_migration (
    version integer NOT NULL,
    name text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: TABLE schema_migration; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.schema_migration IS 'The migrations applied to this database, one row each.';

--
-- Name: schema_object; Type: TABLE; Schema: mailproxy; Owner: -
--

CREATE TABLE mailproxy.schema_object (
    kind text NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    "position" integer NOT NULL,
    digest text NOT NULL,
    grants text[] DEFAULT '{}'::text[] NOT NULL,
    installed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT schema_object_kind_is_known CHECK ((kind = ANY (ARRAY['function'::text, 'view'::text])))
);

--
-- Name: TABLE schema_object; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON TABLE mailproxy.schema_object IS 'The views and functions that `mailproxy-server migrate` installed after the migrations, and which form of them.';

--
-- Name: COLUMN schema_object."position"; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.schema_object."position" IS 'The order they are installed in: each after what it needs.';

--
-- Name: COLUMN schema_object.digest; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.schema_object.digest IS 'SHA-256 of its file, in hexadecimal; empty: it is to be installed again.';

--
-- Name: COLUMN schema_object.grants; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.schema_object.grants IS 'GRANT statements to be run again once it is back.';

--
-- Name: tenant_backlog; Type: VIEW; Schema: mailproxy; Owner: -
--

CREATE VIEW mailproxy.tenant_backlog WITH (security_invoker='true') AS
 SELECT b.tenant_id,
    count(*) AS accounts,
    (sum(b.messages))::bigint AS messages,
    (sum(b.ready))::bigint AS ready,
    (sum(b.sending))::bigint AS sending,
    (sum(b.deferred))::bigint AS deferred,
    (sum(b.held))::bigint AS held,
    min(b.oldest_due_at) AS oldest_due_at,
    sum(b.per_minute) AS per_minute,
        CASE
            WHEN bool_and(((b.drained_in IS NOT NULL) OR (b.messages = b.held))) THEN max(b.drained_in)
            ELSE NULL::interval
        END AS drained_in,
    max(t.suspended_batches) AS suspended_batches
   FROM (mailproxy.account_backlog b
     JOIN mailproxy.tenant t ON ((t.tenant_id = b.tenant_id)))
  GROUP BY b.tenant_id;

--
-- Name: VIEW tenant_backlog; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON VIEW mailproxy.tenant_backlog IS 'Messages that are not final, by tenant; a tenant with none has no row. Question: who is holding up the queue? Costs what account_backlog does.';

--
-- Name: COLUMN tenant_backlog.accounts; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant_backlog.accounts IS 'Accounts with a backlog.';

--
-- Name: COLUMN tenant_backlog.drained_in; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant_backlog.drained_in IS 'Of its slowest account; null: the pace of one is not known.';

--
-- Name: COLUMN tenant_backlog.suspended_batches; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON COLUMN mailproxy.tenant_backlog.suspended_batches IS '{*}: the tenant is suspended as a whole, nothing of it is sent; otherwise the batch codes whose messages are held.';

--
-- Name: throughput; Type: VIEW; Schema: mailproxy; Owner: -
--

CREATE VIEW mailproxy.throughput WITH (security_invoker='true') AS
 SELECT COALESCE(i.tenant_id, o.tenant_id) AS tenant_id,
    COALESCE(i.minute, o.minute) AS minute,
    COALESCE(i.accepted, (0)::bigint) AS accepted,
    COALESCE(o.attempts, (0)::bigint) AS attempts,
    COALESCE(o.sent, (0)::bigint) AS sent,
    COALESCE(o.deferred, (0)::bigint) AS deferred,
    COALESCE(o.errors, (0)::bigint) AS errors
   FROM (( SELECT m.tenant_id,
            date_trunc('minute'::text, m.created_at) AS minute,
            count(*) AS accepted
           FROM mailproxy.message m
          WHERE ((m.priority = ANY ('{0,1,2,3}'::smallint[])) AND (m.created_at >= date_trunc('minute'::text, (now() - '00:15:00'::interval))))
          GROUP BY m.tenant_id, (date_trunc('minute'::text, m.created_at))) i
     FULL JOIN ( SELECT a.tenant_id,
            date_trunc('minute'::text, a.ended_at) AS minute,
            count(*) AS attempts,
            count(*) FILTER (WHERE (a.outcome = 'sent'::mailproxy.outcome)) AS sent,
            count(*) FILTER (WHERE (a.outcome = 'deferred'::mailproxy.outcome)) AS deferred,
            count(*) FILTER (WHERE (a.outcome = 'error'::mailproxy.outcome)) AS errors
           FROM mailproxy.attempt a
          WHERE (a.ended_at >= date_trunc('minute'::text, (now() - '00:15:00'::interval)))
          GROUP BY a.tenant_id, (date_trunc('minute'::text, a.ended_at))) o ON (((o.tenant_id = i.tenant_id) AND (o.minute = i.minute))));

--
-- Name: VIEW throughput; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON VIEW mailproxy.throughput IS 'Messages accepted and attempts ended, by tenant and minute, for fifteen minutes; a minute in which nothing happened has no row. Question: is mail coming in, is it going out, since when not? Reads what it counts, by index.';

--
-- Name: wake_seq; Type: SEQUENCE; Schema: mailproxy; Owner: -
--

CREATE SEQUENCE mailproxy.wake_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

--
-- Name: SEQUENCE wake_seq; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON SEQUENCE mailproxy.wake_seq IS 'When a transaction with mailproxy.send() last undertook to notify the workers: milliseconds since the epoch.';

--
-- Name: worker_epoch_seq; Type: SEQUENCE; Schema: mailproxy; Owner: -
--

ALTER TABLE mailproxy.worker ALTER COLUMN epoch ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mailproxy.worker_epoch_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: account_counter account_counter_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.account_counter
    ADD CONSTRAINT account_counter_pkey PRIMARY KEY (tenant_id, account_id, worker_epoch);

--
-- Name: account account_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (tenant_id, account_id);

--
-- Name: account_state account_state_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.account_state
    ADD CONSTRAINT account_state_pkey PRIMARY KEY (tenant_id, account_id);

--
-- Name: account_token account_token_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.account_token
    ADD CONSTRAINT account_token_pkey PRIMARY KEY (tenant_id, account_id);

--
-- Name: attempt_counter attempt_counter_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.attempt_counter
    ADD CONSTRAINT attempt_counter_pkey PRIMARY KEY (worker_epoch, outcome, reply_class, le_ms);

--
-- Name: attempt attempt_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.attempt
    ADD CONSTRAINT attempt_pkey PRIMARY KEY (message_pk, attempt_pk, ended_at);

--
-- Name: command_log command_log_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.command_log
    ADD CONSTRAINT command_log_pkey PRIMARY KEY (command_id);

--
-- Name: connection_grant connection_grant_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.connection_grant
    ADD CONSTRAINT connection_grant_pkey PRIMARY KEY (tenant_id, account_id, lease_epoch);

--
-- Name: event event_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (message_pk, event_pk, created_at);

--
-- Name: instance instance_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.instance
    ADD CONSTRAINT instance_pkey PRIMARY KEY (instance_id);

--
-- Name: message_attachment message_attachment_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.message_attachment
    ADD CONSTRAINT message_attachment_pkey PRIMARY KEY (message_pk, created_at, ordinal);

--
-- Name: message_body message_body_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.message_body
    ADD CONSTRAINT message_body_pkey PRIMARY KEY (message_pk, created_at);

--
-- Name: message message_id_is_unique_in_its_tenant; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.message
    ADD CONSTRAINT message_id_is_unique_in_its_tenant UNIQUE (tenant_id, message_id);

--
-- Name: message message_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.message
    ADD CONSTRAINT message_pkey PRIMARY KEY (message_pk);

--
-- Name: purge_pass purge_pass_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.purge_pass
    ADD CONSTRAINT purge_pass_pkey PRIMARY KEY (pass_id);

--
-- Name: queue queue_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.queue
    ADD CONSTRAINT queue_pkey PRIMARY KEY (message_pk);

--
-- Name: rate_bucket rate_bucket_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.rate_bucket
    ADD CONSTRAINT rate_bucket_pkey PRIMARY KEY (tenant_id, account_id, period, bucket_at);

--
-- Name: rate_length rate_length_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.rate_length
    ADD CONSTRAINT rate_length_pkey PRIMARY KEY (period);

--
-- Name: role_grant role_grant_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.role_grant
    ADD CONSTRAINT role_grant_pkey PRIMARY KEY (prefix);

--
-- Name: rule rule_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.rule
    ADD CONSTRAINT rule_pkey PRIMARY KEY (rule_id);

--
-- Name: schema_migration schema_migration_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (version);

--
-- Name: schema_object schema_object_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.schema_object
    ADD CONSTRAINT schema_object_pkey PRIMARY KEY (kind, name);

--
-- Name: tenant tenant_api_key_hash_key; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.tenant
    ADD CONSTRAINT tenant_api_key_hash_key UNIQUE (api_key_hash);

--
-- Name: tenant tenant_login_role_key; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.tenant
    ADD CONSTRAINT tenant_login_role_key UNIQUE (login_role);

--
-- Name: tenant tenant_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (tenant_id);

--
-- Name: tenant_sync tenant_sync_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.tenant_sync
    ADD CONSTRAINT tenant_sync_pkey PRIMARY KEY (tenant_id);

--
-- Name: worker worker_pkey; Type: CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.worker
    ADD CONSTRAINT worker_pkey PRIMARY KEY (epoch);

--
-- Name: account_counter_by_worker; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX account_counter_by_worker ON mailproxy.account_counter USING btree (worker_epoch) WHERE (worker_epoch > 0);

--
-- Name: account_state_fronts; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX account_state_fronts ON mailproxy.account_state USING btree (tenant_id, account_id) WHERE has_front;

--
-- Name: attempt_by_time; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX attempt_by_time ON ONLY mailproxy.attempt USING brin (ended_at) WITH (pages_per_range='32', autosummarize='on');

--
-- Name: INDEX attempt_by_time; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON INDEX mailproxy.attempt_by_time IS 'For throughput and latency: the last minutes.';

--
-- Name: attempt_not_sent; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX attempt_not_sent ON ONLY mailproxy.attempt USING btree (ended_at) WHERE (outcome <> 'sent'::mailproxy.outcome);

--
-- Name: INDEX attempt_not_sent; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON INDEX mailproxy.attempt_not_sent IS 'For recent_error: the last hour of what went wrong, however much went well.';

--
-- Name: command_log_by_tenant; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX command_log_by_tenant ON mailproxy.command_log USING btree (tenant_id, command_at, command_id);

--
-- Name: command_log_by_time; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX command_log_by_time ON mailproxy.command_log USING btree (command_at, command_id);

--
-- Name: connection_grant_by_worker; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX connection_grant_by_worker ON mailproxy.connection_grant USING btree (lease_epoch);

--
-- Name: event_unreported; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX event_unreported ON ONLY mailproxy.event USING btree (tenant_id, event_pk) WHERE (reported_at IS NULL);

--
-- Name: message_by_batch; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX message_by_batch ON mailproxy.message USING btree (tenant_id, batch_code) WHERE (batch_code IS NOT NULL);

--
-- Name: message_listing; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX message_listing ON mailproxy.message USING btree (tenant_id, priority, created_at, message_id);

--
-- Name: message_listing_of_all; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX message_listing_of_all ON mailproxy.message USING btree (priority, created_at, message_id, tenant_id);

--
-- Name: INDEX message_listing_of_all; Type: COMMENT; Schema: mailproxy; Owner: -
--

COMMENT ON INDEX mailproxy.message_listing_of_all IS 'GET /messages without a tenant, in its order. None of its columns is ever updated: updates of a message stay HOT.';

--
-- Name: queue_held; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX queue_held ON mailproxy.queue USING btree (tenant_id, account_id) WHERE (state = 'held'::mailproxy.queue_state);

--
-- Name: queue_leased; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX queue_leased ON mailproxy.queue USING btree (lease_epoch, tenant_id, account_id) WHERE (state = 'leased'::mailproxy.queue_state);

--
-- Name: queue_ready; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX queue_ready ON mailproxy.queue USING btree (tenant_id, account_id, priority, message_pk) WHERE (state = 'ready'::mailproxy.queue_state);

--
-- Name: queue_scheduled; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX queue_scheduled ON mailproxy.queue USING btree (due_at) WHERE (state = 'scheduled'::mailproxy.queue_state);

--
-- Name: queue_scheduled_by_account; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX queue_scheduled_by_account ON mailproxy.queue USING btree (tenant_id, account_id) WHERE (state = 'scheduled'::mailproxy.queue_state);

--
-- Name: queue_waits_for_account; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX queue_waits_for_account ON mailproxy.queue USING btree (tenant_id, account_id) WHERE (waits_for_account AND (state = 'scheduled'::mailproxy.queue_state));

--
-- Name: rate_bucket_by_time; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX rate_bucket_by_time ON mailproxy.rate_bucket USING btree (period, bucket_at);

--
-- Name: rule_in_order; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX rule_in_order ON mailproxy.rule USING btree (priority, rule_id);

--
-- Name: worker_alive; Type: INDEX; Schema: mailproxy; Owner: -
--

CREATE INDEX worker_alive ON mailproxy.worker USING btree (epoch) WHERE (ended_at IS NULL);

--
-- Name: account account_limits_changed; Type: TRIGGER; Schema: mailproxy; Owner: -
--

CREATE TRIGGER account_limits_changed AFTER UPDATE ON mailproxy.account FOR EACH ROW WHEN (((((old.limit_per_minute IS DISTINCT FROM new.limit_per_minute) OR (old.limit_per_hour IS DISTINCT FROM new.limit_per_hour)) OR (old.limit_per_day IS DISTINCT FROM new.limit_per_day)) OR (old.limit_behavior IS DISTINCT FROM new.limit_behavior))) EXECUTE FUNCTION mailproxy.recheck_limits();

--
-- Name: account account_tell_pause; Type: TRIGGER; Schema: mailproxy; Owner: -
--

CREATE TRIGGER account_tell_pause AFTER UPDATE ON mailproxy.account FOR EACH ROW WHEN (((old.paused_at IS NULL) <> (new.paused_at IS NULL))) EXECUTE FUNCTION mailproxy.account_tell_pause();

--
-- Name: instance instance_tell_suspension; Type: TRIGGER; Schema: mailproxy; Owner: -
--

CREATE TRIGGER instance_tell_suspension BEFORE UPDATE ON mailproxy.instance FOR EACH ROW EXECUTE FUNCTION mailproxy.instance_tell_suspension();

--
-- Name: instance instance_wakes_workers; Type: TRIGGER; Schema: mailproxy; Owner: -
--

CREATE TRIGGER instance_wakes_workers AFTER UPDATE OF active ON mailproxy.instance FOR EACH STATEMENT EXECUTE FUNCTION mailproxy.wake_workers();

--
-- Name: message message_remove_work; Type: TRIGGER; Schema: mailproxy; Owner: -
--

CREATE TRIGGER message_remove_work AFTER DELETE ON mailproxy.message REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION mailproxy.message_remove_work();

--
-- Name: rate_bucket rate_bucket_deleted; Type: TRIGGER; Schema: mailproxy; Owner: -
--

CREATE TRIGGER rate_bucket_deleted AFTER DELETE ON mailproxy.rate_bucket FOR EACH ROW EXECUTE FUNCTION mailproxy.recheck_limits();

--
-- Name: rate_bucket rate_bucket_lowered; Type: TRIGGER; Schema: mailproxy; Owner: -
--

CREATE TRIGGER rate_bucket_lowered AFTER UPDATE ON mailproxy.rate_bucket FOR EACH ROW WHEN (((new.taken < old.taken) OR (new.bucket_at < old.bucket_at))) EXECUTE FUNCTION mailproxy.recheck_limits();

--
-- Name: rate_bucket rate_bucket_truncated; Type: TRIGGER; Schema: mailproxy; Owner: -
--

CREATE TRIGGER rate_bucket_truncated AFTER TRUNCATE ON mailproxy.rate_bucket FOR EACH STATEMENT EXECUTE FUNCTION mailproxy.recheck_limits();

--
-- Name: rule rule_wakes_workers; Type: TRIGGER; Schema: mailproxy; Owner: -
--

CREATE TRIGGER rule_wakes_workers AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON mailproxy.rule FOR EACH STATEMENT EXECUTE FUNCTION mailproxy.wake_workers();

--
-- Name: tenant tenant_apply_suspension; Type: TRIGGER; Schema: mailproxy; Owner: -
--

CREATE TRIGGER tenant_apply_suspension AFTER UPDATE ON mailproxy.tenant REFERENCING OLD TABLE AS tenant_before NEW TABLE AS tenant_after FOR EACH STATEMENT EXECUTE FUNCTION mailproxy.tenant_apply_suspension();

--
-- Name: tenant tenant_limits_changed; Type: TRIGGER; Schema: mailproxy; Owner: -
--

CREATE TRIGGER tenant_limits_changed AFTER UPDATE ON mailproxy.tenant FOR EACH ROW WHEN ((old.rate_limits IS DISTINCT FROM new.rate_limits)) EXECUTE FUNCTION mailproxy.recheck_limits();

--
-- Name: account_counter account_counter_tenant_id_account_id_fkey; Type: FK CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.account_counter
    ADD CONSTRAINT account_counter_tenant_id_account_id_fkey FOREIGN KEY (tenant_id, account_id) REFERENCES mailproxy.account_state(tenant_id, account_id) ON DELETE CASCADE;

--
-- Name: account_state account_state_tenant_id_account_id_fkey; Type: FK CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.account_state
    ADD CONSTRAINT account_state_tenant_id_account_id_fkey FOREIGN KEY (tenant_id, account_id) REFERENCES mailproxy.account(tenant_id, account_id) ON DELETE CASCADE;

--
-- Name: account account_tenant_id_fkey; Type: FK CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.account
    ADD CONSTRAINT account_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES mailproxy.tenant(tenant_id) ON DELETE CASCADE;

--
-- Name: account_token account_token_tenant_id_account_id_fkey; Type: FK CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.account_token
    ADD CONSTRAINT account_token_tenant_id_account_id_fkey FOREIGN KEY (tenant_id, account_id) REFERENCES mailproxy.account(tenant_id, account_id) ON DELETE CASCADE;

--
-- Name: message message_account_exists; Type: FK CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.message
    ADD CONSTRAINT message_account_exists FOREIGN KEY (tenant_id, account_id) REFERENCES mailproxy.account(tenant_id, account_id) ON DELETE CASCADE;

--
-- Name: tenant_sync tenant_sync_tenant_id_fkey; Type: FK CONSTRAINT; Schema: mailproxy; Owner: -
--

ALTER TABLE ONLY mailproxy.tenant_sync
    ADD CONSTRAINT tenant_sync_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES mailproxy.tenant(tenant_id) ON DELETE CASCADE;

--
-- Name: account; Type: ROW SECURITY; Schema: mailproxy; Owner: -
--

ALTER TABLE mailproxy.account ENABLE ROW LEVEL SECURITY;

--
-- Name: attempt; Type: ROW SECURITY; Schema: mailproxy; Owner: -
--

ALTER TABLE mailproxy.attempt ENABLE ROW LEVEL SECURITY;

--
-- Name: event; Type: ROW SECURITY; Schema: mailproxy; Owner: -
--

ALTER TABLE mailproxy.event ENABLE ROW LEVEL SECURITY;

--
-- Name: account everybody; Type: POLICY; Schema: mailproxy; Owner: -
--

CREATE POLICY everybody ON mailproxy.account USING (true) WITH CHECK (true);

--
-- Name: attempt everybody; Type: POLICY; Schema: mailproxy; Owner: -
--

CREATE POLICY everybody ON mailproxy.attempt USING (true) WITH CHECK (true);

--
-- Name: event everybody; Type: POLICY; Schema: mailproxy; Owner: -
--

CREATE POLICY everybody ON mailproxy.event USING (true) WITH CHECK (true);

--
-- Name: message everybody; Type: POLICY; Schema: mailproxy; Owner: -
--

CREATE POLICY everybody ON mailproxy.message USING (true) WITH CHECK (true);

--
-- Name: queue everybody; Type: POLICY; Schema: mailproxy; Owner: -
--

CREATE POLICY everybody ON mailproxy.queue USING (true) WITH CHECK (true);

--
-- Name: tenant everybody; Type: POLICY; Schema: mailproxy; Owner: -
--

CREATE POLICY everybody ON mailproxy.tenant USING (true) WITH CHECK (true);

--
-- Name: account mailproxy_tenant; Type: POLICY; Schema: mailproxy; Owner: -
--

CREATE POLICY mailproxy_tenant ON mailproxy.account AS RESTRICTIVE TO mailproxy_tenant USING ((tenant_id = ( SELECT mailproxy.current_tenant() AS current_tenant)));

--
-- Name: attempt mailproxy_tenant; Type: POLICY; Schema: mailproxy; Owner: -
--

CREATE POLICY mailproxy_tenant ON mailproxy.attempt AS RESTRICTIVE TO mailproxy_tenant USING ((tenant_id = ( SELECT mailproxy.current_tenant() AS current_tenant)));

--
-- Name: event mailproxy_tenant; Type: POLICY; Schema: mailproxy; Owner: -
--

CREATE POLICY mailproxy_tenant ON mailproxy.event AS RESTRICTIVE TO mailproxy_tenant USING ((tenant_id = ( SELECT mailproxy.current_tenant() AS current_tenant)));

--
-- Name: message mailproxy_tenant; Type: POLICY; Schema: mailproxy; Owner: -
--

CREATE POLICY mailproxy_tenant ON mailproxy.message AS RESTRICTIVE TO mailproxy_tenant USING ((tenant_id = ( SELECT mailproxy.current_tenant() AS current_tenant)));

--
-- Name: queue mailproxy_tenant; Type: POLICY; Schema: mailproxy; Owner: -
--

CREATE POLICY mailproxy_tenant ON mailproxy.queue AS RESTRICTIVE TO mailproxy_tenant USING ((tenant_id = ( SELECT mailproxy.current_tenant() AS current_tenant)));

--
-- Name: tenant mailproxy_tenant; Type: POLICY; Schema: mailproxy; Owner: -
--

CREATE POLICY mailproxy_tenant ON mailproxy.tenant AS RESTRICTIVE TO mailproxy_tenant USING ((tenant_id = ( SELECT mailproxy.current_tenant() AS current_tenant)));

--
-- Name: message; Type: ROW SECURITY; Schema: mailproxy; Owner: -
--

ALTER TABLE mailproxy.message ENABLE ROW LEVEL SECURITY;

--
-- Name: queue; Type: ROW SECURITY; Schema: mailproxy; Owner: -
--

ALTER TABLE mailproxy.queue ENABLE ROW LEVEL SECURITY;

--
-- Name: tenant; Type: ROW SECURITY; Schema: mailproxy; Owner: -
--

ALTER TABLE mailproxy.tenant ENABLE ROW LEVEL SECURITY;

--
-- Name: SCHEMA mailproxy; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA mailproxy TO mailproxy_dba;
GRANT USAGE ON SCHEMA mailproxy TO mailproxy_owner;
GRANT USAGE ON SCHEMA mailproxy TO mailproxy_server;
GRANT USAGE ON SCHEMA mailproxy TO mailproxy_tenant;
GRANT USAGE ON SCHEMA mailproxy TO mailproxy_worker;

--
-- Name: FUNCTION cancel(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer, reason text); Type: ACL; Schema: mailproxy; Owner: -
--

REVOKE ALL ON FUNCTION mailproxy.cancel(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer, reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION mailproxy.cancel(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer, reason text) TO mailproxy_dba;

--
-- Name: FUNCTION confirm_restore(dry_run boolean); Type: ACL; Schema: mailproxy; Owner: -
--

REVOKE ALL ON FUNCTION mailproxy.confirm_restore(dry_run boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION mailproxy.confirm_restore(dry_run boolean) TO mailproxy_dba;

--
-- Name: FUNCTION create_partitions(days_ahead integer); Type: ACL; Schema: mailproxy; Owner: -
--

REVOKE ALL ON FUNCTION mailproxy.create_partitions(days_ahead integer) FROM PUBLIC;
GRANT ALL ON FUNCTION mailproxy.create_partitions(days_ahead integer) TO mailproxy_dba;
GRANT ALL ON FUNCTION mailproxy.create_partitions(days_ahead integer) TO mailproxy_server;
GRANT ALL ON FUNCTION mailproxy.create_partitions(days_ahead integer) TO mailproxy_worker;

--
-- Name: FUNCTION current_tenant(); Type: ACL; Schema: mailproxy; Owner: -
--

REVOKE ALL ON FUNCTION mailproxy.current_tenant() FROM PUBLIC;
GRANT ALL ON FUNCTION mailproxy.current_tenant() TO mailproxy_tenant;

--
-- Name: FUNCTION drop_old_partition(content_kept_s bigint, history_kept_s bigint, OUT dropped text, OUT in_use text); Type: ACL; Schema: mailproxy; Owner: -
--

REVOKE ALL ON FUNCTION mailproxy.drop_old_partition(content_kept_s bigint, history_kept_s bigint, OUT dropped text, OUT in_use text) FROM PUBLIC;
GRANT ALL ON FUNCTION mailproxy.drop_old_partition(content_kept_s bigint, history_kept_s bigint, OUT dropped text, OUT in_use text) TO mailproxy_worker;

--
-- Name: TABLE rule; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE mailproxy.rule TO mailproxy_dba;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE mailproxy.rule TO mailproxy_server;
GRANT SELECT ON TABLE mailproxy.rule TO mailproxy_worker;

--
-- Name: FUNCTION message_remove_work(); Type: ACL; Schema: mailproxy; Owner: -
--

REVOKE ALL ON FUNCTION mailproxy.message_remove_work() FROM PUBLIC;

--
-- Name: FUNCTION partition_holds(partition regclass); Type: ACL; Schema: mailproxy; Owner: -
--

REVOKE ALL ON FUNCTION mailproxy.partition_holds(partition regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION mailproxy.partition_holds(partition regclass) TO mailproxy_dba;

--
-- Name: FUNCTION pause(tenant_id text, account_id text, batch_code text, reason text, dry_run boolean); Type: ACL; Schema: mailproxy; Owner: -
--

REVOKE ALL ON FUNCTION mailproxy.pause(tenant_id text, account_id text, batch_code text, reason text, dry_run boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION mailproxy.pause(tenant_id text, account_id text, batch_code text, reason text, dry_run boolean) TO mailproxy_dba;

--
-- Name: FUNCTION purge(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer, older_than interval, untold boolean); Type: ACL; Schema: mailproxy; Owner: -
--

REVOKE ALL ON FUNCTION mailproxy.purge(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer, older_than interval, untold boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION mailproxy.purge(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer, older_than interval, untold boolean) TO mailproxy_dba;

--
-- Name: FUNCTION reap_worker(epoch bigint, forced boolean); Type: ACL; Schema: mailproxy; Owner: -
--

REVOKE ALL ON FUNCTION mailproxy.reap_worker(epoch bigint, forced boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION mailproxy.reap_worker(epoch bigint, forced boolean) TO mailproxy_dba;

--
-- Name: FUNCTION recheck_limits(); Type: ACL; Schema: mailproxy; Owner: -
--

REVOKE ALL ON FUNCTION mailproxy.recheck_limits() FROM PUBLIC;

--
-- Name: FUNCTION reprioritise(tenant_id text, to_priority integer, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer); Type: ACL; Schema: mailproxy; Owner: -
--

REVOKE ALL ON FUNCTION mailproxy.reprioritise(tenant_id text, to_priority integer, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer) FROM PUBLIC;
GRANT ALL ON FUNCTION mailproxy.reprioritise(tenant_id text, to_priority integer, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer) TO mailproxy_dba;

--
-- Name: FUNCTION requeue(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer); Type: ACL; Schema: mailproxy; Owner: -
--

REVOKE ALL ON FUNCTION mailproxy.requeue(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer) FROM PUBLIC;
GRANT ALL ON FUNCTION mailproxy.requeue(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer) TO mailproxy_dba;
GRANT ALL ON FUNCTION mailproxy.requeue(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer) TO mailproxy_server;

--
-- Name: FUNCTION reroute(tenant_id text, to_account text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer); Type: ACL; Schema: mailproxy; Owner: -
--

REVOKE ALL ON FUNCTION mailproxy.reroute(tenant_id text, to_account text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer) FROM PUBLIC;
GRANT ALL ON FUNCTION mailproxy.reroute(tenant_id text, to_account text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer) TO mailproxy_dba;

--
-- Name: FUNCTION resume(tenant_id text, account_id text, batch_code text, dry_run boolean); Type: ACL; Schema: mailproxy; Owner: -
--

REVOKE ALL ON FUNCTION mailproxy.resume(tenant_id text, account_id text, batch_code text, dry_run boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION mailproxy.resume(tenant_id text, account_id text, batch_code text, dry_run boolean) TO mailproxy_dba;

--
-- Name: FUNCTION retry_now(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer); Type: ACL; Schema: mailproxy; Owner: -
--

REVOKE ALL ON FUNCTION mailproxy.retry_now(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer) FROM PUBLIC;
GRANT ALL ON FUNCTION mailproxy.retry_now(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer) TO mailproxy_dba;
GRANT ALL ON FUNCTION mailproxy.retry_now(tenant_id text, account_id text, batch_code text, message_ids text[], reply_class text, dry_run boolean, max_messages integer) TO mailproxy_server;

--
-- Name: FUNCTION send_batch(messages jsonb, tenant_id text, default_priority text); Type: ACL; Schema: mailproxy; Owner: -
--

REVOKE ALL ON FUNCTION mailproxy.send_batch(messages jsonb, tenant_id text, default_priority text) FROM PUBLIC;
GRANT ALL ON FUNCTION mailproxy.send_batch(messages jsonb, tenant_id text, default_priority text) TO mailproxy_tenant;

--
-- Name: TABLE tenant_sync; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.tenant_sync TO mailproxy_dba;
GRANT SELECT,INSERT,UPDATE ON TABLE mailproxy.tenant_sync TO mailproxy_server;
GRANT SELECT,UPDATE ON TABLE mailproxy.tenant_sync TO mailproxy_worker;

--
-- Name: FUNCTION tenant_apply_suspension(); Type: ACL; Schema: mailproxy; Owner: -
--

REVOKE ALL ON FUNCTION mailproxy.tenant_apply_suspension() FROM PUBLIC;

--
-- Name: TABLE account; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE mailproxy.account TO mailproxy_server;
GRANT SELECT ON TABLE mailproxy.account TO mailproxy_worker;

--
-- Name: COLUMN account.tenant_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(tenant_id) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(tenant_id) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.account_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(account_id) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(account_id) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.name; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(name),UPDATE(name) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(name) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.host; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(host) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(host) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.port; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(port) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(port) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.username; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(username) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.password_key_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(password_key_id) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.use_tls; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(use_tls) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(use_tls) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.tls_verify; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(tls_verify) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(tls_verify) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.tls_ca; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(tls_ca) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.tls_pin; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(tls_pin) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.timeout_s; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(timeout_s),UPDATE(timeout_s) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(timeout_s) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.ttl_s; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(ttl_s),UPDATE(ttl_s) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(ttl_s) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.max_connections; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(max_connections),UPDATE(max_connections) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(max_connections) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.batch_size; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(batch_size),UPDATE(batch_size) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(batch_size) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.limit_per_minute; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(limit_per_minute),UPDATE(limit_per_minute) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(limit_per_minute) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.limit_per_hour; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(limit_per_hour),UPDATE(limit_per_hour) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(limit_per_hour) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.limit_per_day; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(limit_per_day),UPDATE(limit_per_day) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(limit_per_day) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.limit_behavior; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(limit_behavior),UPDATE(limit_behavior) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(limit_behavior) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.retry_delays; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(retry_delays),UPDATE(retry_delays) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(retry_delays) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.is_pec_account; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(is_pec_account) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(is_pec_account) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.imap_host; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(imap_host) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.imap_port; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(imap_port) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.imap_user; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(imap_user) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.imap_password_key_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(imap_password_key_id) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.imap_ssl; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(imap_ssl) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.version; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(version) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(version) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.created_at; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(created_at) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(created_at) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.updated_at; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(updated_at),UPDATE(updated_at) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(updated_at) ON TABLE mailproxy.account TO mailproxy_tenant;
GRANT UPDATE(updated_at) ON TABLE mailproxy.account TO mailproxy_worker;

--
-- Name: COLUMN account.dsn_notify; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(dsn_notify) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(dsn_notify) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.dsn_ret; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(dsn_ret) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(dsn_ret) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.oauth_grant; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(oauth_grant) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.oauth_token_url; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(oauth_token_url) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.oauth_client_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(oauth_client_id) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.oauth_scope; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(oauth_scope) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.oauth_client_secret_key_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(oauth_client_secret_key_id) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.oauth_refresh_token_key_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(oauth_refresh_token_key_id) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.oauth_token_key_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(oauth_token_key_id) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.tls_client_cert; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(tls_client_cert) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.tls_client_cert_expires_at; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(tls_client_cert_expires_at) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.tls_client_key_key_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(tls_client_key_key_id) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.oauth_client_auth; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(oauth_client_auth) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: COLUMN account.retry_max_age_s; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(retry_max_age_s),UPDATE(retry_max_age_s) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(retry_max_age_s) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.paused_at; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(paused_at) ON TABLE mailproxy.account TO mailproxy_dba;
GRANT SELECT(paused_at) ON TABLE mailproxy.account TO mailproxy_tenant;

--
-- Name: COLUMN account.paused_reason; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(paused_reason) ON TABLE mailproxy.account TO mailproxy_dba;

--
-- Name: TABLE attempt; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.attempt TO mailproxy_dba;
GRANT SELECT ON TABLE mailproxy.attempt TO mailproxy_server;
GRANT SELECT ON TABLE mailproxy.attempt TO mailproxy_tenant;
GRANT INSERT ON TABLE mailproxy.attempt TO mailproxy_worker;

--
-- Name: TABLE queue; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.queue TO mailproxy_dba;
GRANT SELECT,INSERT,UPDATE ON TABLE mailproxy.queue TO mailproxy_server;
GRANT SELECT ON TABLE mailproxy.queue TO mailproxy_tenant;
GRANT SELECT,DELETE,UPDATE ON TABLE mailproxy.queue TO mailproxy_worker;

--
-- Name: TABLE account_backlog; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.account_backlog TO mailproxy_dba;
GRANT SELECT ON TABLE mailproxy.account_backlog TO mailproxy_server;
GRANT SELECT ON TABLE mailproxy.account_backlog TO mailproxy_tenant;

--
-- Name: TABLE account_counter; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.account_counter TO mailproxy_dba;
GRANT SELECT ON TABLE mailproxy.account_counter TO mailproxy_server;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE mailproxy.account_counter TO mailproxy_worker;

--
-- Name: TABLE account_state; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.account_state TO mailproxy_dba;
GRANT SELECT,INSERT,UPDATE ON TABLE mailproxy.account_state TO mailproxy_server;
GRANT SELECT,UPDATE ON TABLE mailproxy.account_state TO mailproxy_worker;

--
-- Name: TABLE account_token; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE mailproxy.account_token TO mailproxy_worker;

--
-- Name: COLUMN account_token.tenant_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(tenant_id) ON TABLE mailproxy.account_token TO mailproxy_dba;
GRANT SELECT(tenant_id) ON TABLE mailproxy.account_token TO mailproxy_server;

--
-- Name: COLUMN account_token.account_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(account_id) ON TABLE mailproxy.account_token TO mailproxy_dba;
GRANT SELECT(account_id) ON TABLE mailproxy.account_token TO mailproxy_server;

--
-- Name: COLUMN account_token.account_version; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(account_version) ON TABLE mailproxy.account_token TO mailproxy_dba;
GRANT SELECT(account_version) ON TABLE mailproxy.account_token TO mailproxy_server;

--
-- Name: COLUMN account_token.serial; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(serial) ON TABLE mailproxy.account_token TO mailproxy_dba;

--
-- Name: COLUMN account_token.access_token_key_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(access_token_key_id) ON TABLE mailproxy.account_token TO mailproxy_dba;

--
-- Name: COLUMN account_token.refresh_token_key_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(refresh_token_key_id) ON TABLE mailproxy.account_token TO mailproxy_dba;

--
-- Name: COLUMN account_token.refresh_at; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(refresh_at) ON TABLE mailproxy.account_token TO mailproxy_dba;

--
-- Name: COLUMN account_token.expires_at; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(expires_at) ON TABLE mailproxy.account_token TO mailproxy_dba;

--
-- Name: COLUMN account_token.lease_token; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(lease_token) ON TABLE mailproxy.account_token TO mailproxy_dba;

--
-- Name: COLUMN account_token.leased_until; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(leased_until) ON TABLE mailproxy.account_token TO mailproxy_dba;

--
-- Name: COLUMN account_token.last_error; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(last_error) ON TABLE mailproxy.account_token TO mailproxy_dba;
GRANT UPDATE(last_error) ON TABLE mailproxy.account_token TO mailproxy_server;

--
-- Name: COLUMN account_token.retry_at; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(retry_at) ON TABLE mailproxy.account_token TO mailproxy_dba;
GRANT SELECT(retry_at),UPDATE(retry_at) ON TABLE mailproxy.account_token TO mailproxy_server;

--
-- Name: TABLE worker; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.worker TO mailproxy_dba;
GRANT SELECT ON TABLE mailproxy.worker TO mailproxy_server;
GRANT SELECT,INSERT,UPDATE ON TABLE mailproxy.worker TO mailproxy_worker;

--
-- Name: TABLE account_health; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.account_health TO mailproxy_dba;
GRANT SELECT ON TABLE mailproxy.account_health TO mailproxy_server;

--
-- Name: TABLE attempt_counter; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.attempt_counter TO mailproxy_dba;
GRANT SELECT ON TABLE mailproxy.attempt_counter TO mailproxy_server;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE mailproxy.attempt_counter TO mailproxy_worker;

--
-- Name: TABLE command_log; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.command_log TO mailproxy_dba;
GRANT SELECT,INSERT ON TABLE mailproxy.command_log TO mailproxy_server;

--
-- Name: TABLE connection_grant; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.connection_grant TO mailproxy_dba;
GRANT SELECT ON TABLE mailproxy.connection_grant TO mailproxy_server;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE mailproxy.connection_grant TO mailproxy_worker;

--
-- Name: TABLE event; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.event TO mailproxy_dba;
GRANT SELECT,DELETE ON TABLE mailproxy.event TO mailproxy_server;
GRANT SELECT ON TABLE mailproxy.event TO mailproxy_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE mailproxy.event TO mailproxy_worker;

--
-- Name: TABLE hot_table; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.hot_table TO mailproxy_dba;

--
-- Name: TABLE instance; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT,UPDATE ON TABLE mailproxy.instance TO mailproxy_server;
GRANT SELECT ON TABLE mailproxy.instance TO mailproxy_worker;

--
-- Name: COLUMN instance.instance_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(instance_id) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.name; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(name),UPDATE(name) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.active; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(active),UPDATE(active) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.epoch; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(epoch) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.created_at; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(created_at) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.updated_at; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(updated_at),UPDATE(updated_at) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.api_token_key_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(api_token_key_id) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.bounce_enabled; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(bounce_enabled) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.bounce_imap_host; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(bounce_imap_host) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.bounce_imap_port; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(bounce_imap_port) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.bounce_imap_user; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(bounce_imap_user) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.bounce_imap_password_key_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(bounce_imap_password_key_id) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.bounce_imap_folder; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(bounce_imap_folder) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.bounce_imap_ssl; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(bounce_imap_ssl) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.bounce_poll_interval_s; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(bounce_poll_interval_s) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.bounce_return_path; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(bounce_return_path) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.bounce_uidvalidity; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(bounce_uidvalidity) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.bounce_last_uid; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(bounce_last_uid) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.bounce_last_sync_at; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(bounce_last_sync_at) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.suspension_seq; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(suspension_seq) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.max_message_octets; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(max_message_octets) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.max_attachment_octets; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(max_attachment_octets) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.default_priority; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(default_priority) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: COLUMN instance.restore_found_at; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(restore_found_at) ON TABLE mailproxy.instance TO mailproxy_dba;
GRANT UPDATE(restore_found_at) ON TABLE mailproxy.instance TO mailproxy_worker;

--
-- Name: COLUMN instance.restore_found_by; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(restore_found_by) ON TABLE mailproxy.instance TO mailproxy_dba;
GRANT UPDATE(restore_found_by) ON TABLE mailproxy.instance TO mailproxy_worker;

--
-- Name: COLUMN instance.restore_seen_at; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(restore_seen_at) ON TABLE mailproxy.instance TO mailproxy_dba;
GRANT UPDATE(restore_seen_at) ON TABLE mailproxy.instance TO mailproxy_worker;

--
-- Name: COLUMN instance.restore_seen_epoch; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(restore_seen_epoch) ON TABLE mailproxy.instance TO mailproxy_dba;
GRANT UPDATE(restore_seen_epoch) ON TABLE mailproxy.instance TO mailproxy_worker;

--
-- Name: COLUMN instance.sends; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(sends) ON TABLE mailproxy.instance TO mailproxy_dba;

--
-- Name: TABLE tenant; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE mailproxy.tenant TO mailproxy_server;
GRANT SELECT ON TABLE mailproxy.tenant TO mailproxy_worker;

--
-- Name: COLUMN tenant.tenant_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(tenant_id) ON TABLE mailproxy.tenant TO mailproxy_dba;
GRANT SELECT(tenant_id) ON TABLE mailproxy.tenant TO mailproxy_tenant;

--
-- Name: COLUMN tenant.name; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(name),UPDATE(name) ON TABLE mailproxy.tenant TO mailproxy_dba;
GRANT SELECT(name) ON TABLE mailproxy.tenant TO mailproxy_tenant;

--
-- Name: COLUMN tenant.active; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(active),UPDATE(active) ON TABLE mailproxy.tenant TO mailproxy_dba;
GRANT SELECT(active) ON TABLE mailproxy.tenant TO mailproxy_tenant;

--
-- Name: COLUMN tenant.client_base_url; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(client_base_url) ON TABLE mailproxy.tenant TO mailproxy_dba;
GRANT SELECT(client_base_url) ON TABLE mailproxy.tenant TO mailproxy_tenant;

--
-- Name: COLUMN tenant.client_base_url_trusted; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(client_base_url_trusted) ON TABLE mailproxy.tenant TO mailproxy_dba;

--
-- Name: COLUMN tenant.client_sync_path; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(client_sync_path) ON TABLE mailproxy.tenant TO mailproxy_dba;
GRANT SELECT(client_sync_path) ON TABLE mailproxy.tenant TO mailproxy_tenant;

--
-- Name: COLUMN tenant.client_attachment_path; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(client_attachment_path) ON TABLE mailproxy.tenant TO mailproxy_dba;
GRANT SELECT(client_attachment_path) ON TABLE mailproxy.tenant TO mailproxy_tenant;

--
-- Name: COLUMN tenant.client_auth_key_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(client_auth_key_id) ON TABLE mailproxy.tenant TO mailproxy_dba;

--
-- Name: COLUMN tenant.report_format; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(report_format) ON TABLE mailproxy.tenant TO mailproxy_dba;
GRANT SELECT(report_format) ON TABLE mailproxy.tenant TO mailproxy_tenant;

--
-- Name: COLUMN tenant.report_secret_key_id; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(report_secret_key_id) ON TABLE mailproxy.tenant TO mailproxy_dba;

--
-- Name: COLUMN tenant.rate_limits; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(rate_limits),UPDATE(rate_limits) ON TABLE mailproxy.tenant TO mailproxy_dba;
GRANT SELECT(rate_limits) ON TABLE mailproxy.tenant TO mailproxy_tenant;

--
-- Name: COLUMN tenant.large_file_config; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(large_file_config) ON TABLE mailproxy.tenant TO mailproxy_dba;

--
-- Name: COLUMN tenant.retry_delays; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(retry_delays),UPDATE(retry_delays) ON TABLE mailproxy.tenant TO mailproxy_dba;
GRANT SELECT(retry_delays) ON TABLE mailproxy.tenant TO mailproxy_tenant;

--
-- Name: COLUMN tenant.suspended_batches; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(suspended_batches),UPDATE(suspended_batches) ON TABLE mailproxy.tenant TO mailproxy_dba;
GRANT SELECT(suspended_batches) ON TABLE mailproxy.tenant TO mailproxy_tenant;

--
-- Name: COLUMN tenant.api_key_expires_at; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(api_key_expires_at) ON TABLE mailproxy.tenant TO mailproxy_dba;

--
-- Name: COLUMN tenant.created_at; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(created_at) ON TABLE mailproxy.tenant TO mailproxy_dba;
GRANT SELECT(created_at) ON TABLE mailproxy.tenant TO mailproxy_tenant;

--
-- Name: COLUMN tenant.updated_at; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(updated_at),UPDATE(updated_at) ON TABLE mailproxy.tenant TO mailproxy_dba;
GRANT SELECT(updated_at) ON TABLE mailproxy.tenant TO mailproxy_tenant;
GRANT UPDATE(updated_at) ON TABLE mailproxy.tenant TO mailproxy_worker;

--
-- Name: COLUMN tenant.limit_per_hour; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(limit_per_hour) ON TABLE mailproxy.tenant TO mailproxy_dba;
GRANT SELECT(limit_per_hour) ON TABLE mailproxy.tenant TO mailproxy_tenant;

--
-- Name: COLUMN tenant.limit_per_day; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(limit_per_day) ON TABLE mailproxy.tenant TO mailproxy_dba;
GRANT SELECT(limit_per_day) ON TABLE mailproxy.tenant TO mailproxy_tenant;

--
-- Name: COLUMN tenant.retry_max_age_s; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(retry_max_age_s),UPDATE(retry_max_age_s) ON TABLE mailproxy.tenant TO mailproxy_dba;
GRANT SELECT(retry_max_age_s) ON TABLE mailproxy.tenant TO mailproxy_tenant;

--
-- Name: COLUMN tenant.login_role; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(login_role) ON TABLE mailproxy.tenant TO mailproxy_dba;

--
-- Name: TABLE report_overdue; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.report_overdue TO mailproxy_dba;

--
-- Name: TABLE snapshot_holder; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.snapshot_holder TO mailproxy_dba;

--
-- Name: TABLE worker_status; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.worker_status TO mailproxy_dba;

--
-- Name: TABLE health; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.health TO mailproxy_dba;

--
-- Name: SEQUENCE message_pk_seq; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT USAGE ON SEQUENCE mailproxy.message_pk_seq TO mailproxy_server;

--
-- Name: TABLE message; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.message TO mailproxy_dba;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE mailproxy.message TO mailproxy_server;
GRANT SELECT ON TABLE mailproxy.message TO mailproxy_tenant;
GRANT SELECT,DELETE,UPDATE ON TABLE mailproxy.message TO mailproxy_worker;

--
-- Name: TABLE in_flight; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.in_flight TO mailproxy_dba;

--
-- Name: TABLE latency; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.latency TO mailproxy_dba;
GRANT SELECT ON TABLE mailproxy.latency TO mailproxy_tenant;

--
-- Name: SEQUENCE lease_token_seq; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT USAGE ON SEQUENCE mailproxy.lease_token_seq TO mailproxy_worker;

--
-- Name: TABLE message_attachment; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.message_attachment TO mailproxy_dba;
GRANT SELECT,INSERT,DELETE ON TABLE mailproxy.message_attachment TO mailproxy_server;
GRANT SELECT ON TABLE mailproxy.message_attachment TO mailproxy_worker;

--
-- Name: TABLE message_body; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE mailproxy.message_body TO mailproxy_server;
GRANT SELECT ON TABLE mailproxy.message_body TO mailproxy_worker;

--
-- Name: COLUMN message_body.message_pk; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(message_pk) ON TABLE mailproxy.message_body TO mailproxy_dba;

--
-- Name: COLUMN message_body.created_at; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT(created_at) ON TABLE mailproxy.message_body TO mailproxy_dba;

--
-- Name: TABLE message_content; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.message_content TO mailproxy_dba;

--
-- Name: TABLE partition_status; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.partition_status TO mailproxy_dba;

--
-- Name: TABLE purge_pass; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.purge_pass TO mailproxy_dba;
GRANT SELECT,UPDATE ON TABLE mailproxy.purge_pass TO mailproxy_worker;

--
-- Name: TABLE rate_bucket; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE mailproxy.rate_bucket TO mailproxy_dba;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE mailproxy.rate_bucket TO mailproxy_worker;

--
-- Name: TABLE rate_length; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.rate_length TO mailproxy_dba;
GRANT SELECT ON TABLE mailproxy.rate_length TO mailproxy_worker;

--
-- Name: TABLE rate_status; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.rate_status TO mailproxy_dba;
GRANT SELECT ON TABLE mailproxy.rate_status TO mailproxy_server;

--
-- Name: TABLE recent_error; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.recent_error TO mailproxy_dba;
GRANT SELECT ON TABLE mailproxy.recent_error TO mailproxy_tenant;

--
-- Name: TABLE role_grant; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.role_grant TO mailproxy_dba;

--
-- Name: TABLE schema_migration; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.schema_migration TO mailproxy_dba;
GRANT SELECT ON TABLE mailproxy.schema_migration TO mailproxy_server;
GRANT SELECT ON TABLE mailproxy.schema_migration TO mailproxy_worker;

--
-- Name: TABLE schema_object; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.schema_object TO mailproxy_dba;

--
-- Name: TABLE tenant_backlog; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.tenant_backlog TO mailproxy_dba;
GRANT SELECT ON TABLE mailproxy.tenant_backlog TO mailproxy_tenant;

--
-- Name: TABLE throughput; Type: ACL; Schema: mailproxy; Owner: -
--

GRANT SELECT ON TABLE mailproxy.throughput TO mailproxy_dba;
GRANT SELECT ON TABLE mailproxy.throughput TO mailproxy_tenant;
