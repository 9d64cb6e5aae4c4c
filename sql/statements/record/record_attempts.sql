-- record_attempts: what came of a batch of claims, in one transaction.
-- One element per attempt in each array:
-- $1 bigint[] message_pk  $2 bigint[] lease_token  $3 text[] outcome (sent, deferred, error)
-- $4 integer[] seconds until the next attempt (deferred)  $5 integer[] retries used up  $6 integer[] reply code
-- $7 text[] enhanced status  $8 text[] reply  $9 text[] reason as the tenant reads it (not for sent)
-- $10 json[] results per recipient, for the attempt  $11 json[] recipients settled, for the message
-- $12 json[] event metadata  $13 integer[] queue_ms  $14 integer[] compose_ms  $15 integer[] connect_ms  $16 integer[] send_ms
-- $17 text[] blame (none, recipient, message, account)  $18 text[] phase  $19 boolean[] the relay has it, or may have
-- $20 integer[] seconds of an account's first back-off  $21 integer[] and of its longest
-- Rows: message_pk of those recorded. One that is missing had lost its lease: nothing was changed for it.
-- An account's fault closes its gate: its messages stay ready and wait for the gate, so that what opens it (time, run-now, an
-- update of the account) lets all of them go at once. Each failure doubles the time, but not those of messages that were under
-- way when the gate closed. That the relay answered in a transaction proves the account well; what the relay said within one that
-- is the account's fault (a quota, a login that is wanted) may concern that message alone: it waits for its own time, or others
-- that are sent would let it be tried again and again. Why the gate is closed is told as the account's affair, in the
-- relay's words without the addresses in them: all that wait behind it show it, whosever attempt it was. A deferred message of
-- a suspended batch becomes held.
-- Locks: shares the tenants of deferred messages with a batch code (lock_suspended), then the messages' queue rows, then
-- rate_bucket rows, account_state rows and tenant_sync rows, each in order. The counters' rows are this worker's own; the first
-- row of an account shares its account_state row, which is why that is never locked FOR UPDATE here.
-- Plan: primary keys only, also under a generic plan (tests/sql).
-- Called by: batch_flush() in worker/record/batch.c.
WITH result AS MATERIALIZED (
    SELECT *
      FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::integer[], $5::integer[], $6::integer[], $7::text[],
                  $8::text[], $9::text[], $10::json[], $11::json[], $12::json[], $13::integer[], $14::integer[],
                  $15::integer[], $16::integer[], $17::text[], $18::text[], $19::boolean[], $20::integer[],
                  $21::integer[])
           AS r (message_pk, lease_token, outcome, retry_after_s, retries, reply_code, status, reply, reason,
                 recipients, settled, metadata, queue_ms, compose_ms, connect_ms, send_ms, blame, phase, taken,
                 back_off_s, back_off_most_s)
), suspended AS MATERIALIZED (
    SELECT CASE WHEN EXISTS (SELECT FROM result WHERE outcome = 'deferred') -- seldom
                THEN mailproxy.lock_suspended(ARRAY(SELECT message_pk FROM result WHERE outcome = 'deferred')) ELSE '{}' END AS pks
), owned AS MATERIALIZED (
    SELECT r.*, r.message_pk = ANY (s.pks) AS suspended,
           coalesce(r.phase IN ('mail', 'rcpt', 'data', 'dot'), false) AS in_transaction, q.tenant_id, q.account_id, q.attempts, q.lease_epoch,
           now() + make_interval(secs => r.retry_after_s) AS next_attempt_at
      FROM suspended s -- first
     CROSS JOIN (SELECT * FROM result ORDER BY message_pk) r
     CROSS JOIN LATERAL ( -- by itself: else a plan made while the queue was empty reads all of it for each batch
           SELECT * FROM mailproxy.queue q WHERE q.message_pk = r.message_pk AND q.lease_token = r.lease_token FOR UPDATE) q
), finished AS (
    DELETE FROM mailproxy.queue q
     WHERE q.message_pk = ANY (ARRAY(SELECT message_pk FROM owned WHERE outcome <> 'deferred'))
), rescheduled AS (
    UPDATE mailproxy.queue q
       SET state = CASE WHEN o.suspended THEN 'held' WHEN o.blame = 'account' AND NOT o.in_transaction THEN 'ready'
                        ELSE 'scheduled' END::mailproxy.queue_state,
           waits_for_account = o.blame = 'account' AND o.in_transaction,
           due_at = o.next_attempt_at, lease_token = NULL, lease_epoch = NULL, leased_at = NULL
      FROM owned o
     WHERE q.message_pk = ANY (ARRAY(SELECT message_pk FROM owned WHERE outcome = 'deferred')) AND o.message_pk = q.message_pk
), updated AS (
    UPDATE mailproxy.message m
       SET state = CASE o.outcome WHEN 'deferred' THEN 'queued' ELSE o.outcome END::mailproxy.message_state,
           finished_at = CASE WHEN o.outcome <> 'deferred' THEN now() END,
           updated_at = now(), retries = o.retries, reply_code = o.reply_code, reason = o.reason, settled = o.settled,
           deferred_since = CASE WHEN o.outcome = 'deferred' THEN coalesce(m.deferred_since, now()) ELSE m.deferred_since END
      FROM owned o
     WHERE m.message_pk = o.message_pk
), tried AS (
    INSERT INTO mailproxy.attempt (message_pk, worker_epoch, attempt, queue_ms, compose_ms, connect_ms, send_ms,
                                   reply_code, outcome, blame, phase, tenant_id, account_id, status, reply, recipients)
    SELECT message_pk, lease_epoch, attempts, queue_ms, compose_ms, connect_ms, send_ms,
           reply_code, outcome::mailproxy.outcome, blame::mailproxy.blame, phase, tenant_id, account_id, status, reply,
           recipients
      FROM owned
), noted AS (
    INSERT INTO mailproxy.event (message_pk, event_at, event_type, tenant_id, description, metadata)
    SELECT message_pk, CASE outcome WHEN 'deferred' THEN next_attempt_at ELSE now() END,
           outcome::mailproxy.event_type, tenant_id, reason, metadata
      FROM owned
), verdict AS MATERIALIZED (
    SELECT tenant_id, account_id, bool_or(blame = 'account') AS at_fault,
           bool_or(outcome = 'sent'
                   OR (reply_code IS NOT NULL AND blame <> 'account' AND in_transaction)) AS well,
           min(back_off_s) AS back_off_s, max(back_off_most_s) AS back_off_most_s,
           'the account is being backed off: '
           || max(coalesce(nullif(concat_ws(' ', status, nullif(regexp_replace(
                      reply, '<?[^ <>"(),:;]+@[[:alnum:]._-]*[[:alnum:]]>?', '<address>', 'g'), ''),
                  '(SMTP ' || reply_code || ')'), ''), 'unknown reason')) FILTER (WHERE blame = 'account') AS reason,
           count(*) FILTER (WHERE taken)::integer AS taken
      FROM owned
     GROUP BY tenant_id, account_id
), stamped AS MATERIALIZED (
    SELECT mailproxy.stamp_rates(array_agg(v.tenant_id), array_agg(v.account_id), array_agg(v.taken))
      FROM verdict v
     WHERE v.taken > 0
       AND EXISTS (SELECT FROM mailproxy.account a
                     JOIN mailproxy.tenant t ON t.tenant_id = a.tenant_id
                    WHERE a.tenant_id = v.tenant_id AND a.account_id = v.account_id
                      AND num_nonnulls(a.limit_per_minute, a.limit_per_hour, a.limit_per_day, t.limit_per_hour, t.limit_per_day) > 0
                   OFFSET 0) -- for each account, not a join, which would begin with all there are
    HAVING count(*) > 0
), judged AS MATERIALIZED (
    SELECT v.*
      FROM verdict v
      JOIN mailproxy.account_state s ON s.tenant_id = v.tenant_id AND s.account_id = v.account_id
     WHERE (SELECT count(*) FROM stamped) >= 0 -- first
       AND CASE WHEN v.well THEN s.failures > 0 OR s.failing_since IS NOT NULL OR NOT s.proven
                ELSE v.at_fault AND (s.gate_until IS NULL OR s.gate_until <= now() OR s.gate_recheck_at IS NOT NULL) END
     ORDER BY s.tenant_id, s.account_id
       FOR NO KEY UPDATE OF s -- lets others count
), gated AS (
    UPDATE mailproxy.account_state s
       SET failures = CASE WHEN j.well THEN 0 ELSE s.failures + 1 END, proven = j.well,
           gate_until = CASE WHEN NOT j.well
                             THEN now() + make_interval(secs => least(j.back_off_s * 2.0 ^ least(s.failures, 30), j.back_off_most_s)
                                                                * (1 + 0.1 * random()))
                             WHEN s.failures = 0 THEN s.gate_until END, -- a limit's
           gate_reason = CASE WHEN NOT j.well THEN j.reason WHEN s.failures = 0 THEN s.gate_reason END,
           gate_recheck_at = CASE WHEN j.well AND s.failures = 0 THEN s.gate_recheck_at END,
           failing_since = CASE WHEN NOT j.well THEN coalesce(s.failing_since, now()) END
      FROM judged j
     WHERE s.tenant_id = j.tenant_id AND s.account_id = j.account_id
), counted AS ( -- per account: its own worker's row alone, so that no worker waits for another
    INSERT INTO mailproxy.account_counter AS c (tenant_id, account_id, worker_epoch, sent, errors, deferred)
    SELECT n.*
      FROM (SELECT tenant_id, account_id, lease_epoch, count(*) FILTER (WHERE outcome = 'sent'),
                   count(*) FILTER (WHERE outcome = 'error'), count(*) FILTER (WHERE outcome = 'deferred')
              FROM owned
             GROUP BY tenant_id, account_id, lease_epoch) n
      JOIN mailproxy.account_state s ON s.tenant_id = n.tenant_id AND s.account_id = n.account_id -- else no row may be
    ON CONFLICT (tenant_id, account_id, worker_epoch) DO UPDATE
           SET sent = c.sent + excluded.sent, errors = c.errors + excluded.errors,
               deferred = c.deferred + excluded.deferred
), timed AS (
    INSERT INTO mailproxy.attempt_counter AS c (worker_epoch, outcome, reply_class, le_ms, attempts, total_ms)
    SELECT o.lease_epoch, o.outcome::mailproxy.outcome, o.reply_class,
           (mailproxy.attempt_bounds_ms())[width_bucket(o.took_ms - 1, mailproxy.attempt_bounds_ms()) + 1],
           count(*), sum(o.took_ms)
      FROM (SELECT lease_epoch, outcome, coalesce(reply_code / 100, 0) AS reply_class,
                   coalesce(compose_ms, 0) + coalesce(connect_ms, 0) + coalesce(send_ms, 0) AS took_ms
              FROM owned) o
     GROUP BY 1, 2, 3, 4
    ON CONFLICT (worker_epoch, outcome, reply_class, le_ms) DO UPDATE
           SET attempts = c.attempts + excluded.attempts, total_ms = c.total_ms + excluded.total_ms
), listening AS MATERIALIZED (
    SELECT s.tenant_id
      FROM mailproxy.tenant_sync s
     WHERE s.tenant_id = ANY (ARRAY(SELECT DISTINCT tenant_id FROM owned))
       AND (SELECT count(*) FROM judged) >= 0 -- first
     ORDER BY s.tenant_id
       FOR UPDATE
), rung AS (
    UPDATE mailproxy.tenant_sync s
       SET news_seq = s.news_seq + 1
     WHERE s.tenant_id = ANY (ARRAY(SELECT tenant_id FROM listening))
)
SELECT message_pk FROM owned;
