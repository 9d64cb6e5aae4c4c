-- claim_messages: lease due messages to one worker, taking turns among accounts, the least recently served first.
-- $1 bigint worker epoch  $2 text[] tenant_id, $3 text[] account_id, $4 integer[] messages of it the worker holds already
-- $5 integer the service's batch size  $6 integer at most so many messages  $7 integer contents up to so many octets come along
-- Rows: see claim_read_row() in worker/claim/claim.c. None: nothing is due, or all of it is gated or suspended.
-- Locks: the worker's own row, so that it cannot be reaped meanwhile (what it claimed after that nobody would take over);
-- the claimed queue rows; rows that another worker is claiming are skipped.
-- Plan: a skip scan of index queue_ready finds the accounts with ready work, then index queue_ready again for each; no
-- scan of the backlog, also under a generic plan (tests/sql).
-- Called by: take_run() in worker/claim/take.c.
WITH RECURSIVE alive AS MATERIALIZED (
    SELECT FROM mailproxy.worker WHERE epoch = $1::bigint AND ended_at IS NULL FOR SHARE
), ready AS (
    (SELECT q.tenant_id, q.account_id
       FROM mailproxy.queue q
      WHERE q.state = 'ready'
      ORDER BY q.tenant_id, q.account_id
      LIMIT 1)
    UNION ALL
    SELECT n.tenant_id, n.account_id
      FROM ready r
     CROSS JOIN LATERAL (
           SELECT q.tenant_id, q.account_id
             FROM mailproxy.queue q
            WHERE q.state = 'ready' AND (q.tenant_id, q.account_id) > (r.tenant_id, r.account_id)
            ORDER BY q.tenant_id, q.account_id
            LIMIT 1) n
), turn AS MATERIALIZED (
    SELECT s.tenant_id, s.account_id, coalesce(a.batch_size, $5::integer) - coalesce(h.held, 0) AS room
      FROM ready r
      JOIN mailproxy.account_state s ON s.tenant_id = r.tenant_id AND s.account_id = r.account_id
      JOIN mailproxy.account a ON a.tenant_id = r.tenant_id AND a.account_id = r.account_id
      JOIN mailproxy.tenant t ON t.tenant_id = r.tenant_id
      LEFT JOIN unnest($2::text[], $3::text[], $4::integer[]) AS h (tenant_id, account_id, held)
             ON h.tenant_id = r.tenant_id AND h.account_id = r.account_id
     WHERE (s.gate_until IS NULL OR s.gate_until <= now())
       AND '*' <> ALL (t.suspended_batches)
       AND coalesce(a.batch_size, $5::integer) > coalesce(h.held, 0)
       AND (SELECT active FROM mailproxy.instance)
       AND EXISTS (SELECT FROM alive)
     ORDER BY s.served_at
     LIMIT 16 -- TAKE_ACCOUNTS in take.c
), picked AS MATERIALIZED (
    SELECT p.message_pk
      FROM turn
     CROSS JOIN LATERAL (
           SELECT q.message_pk
             FROM mailproxy.queue q
            WHERE q.state = 'ready' AND q.tenant_id = turn.tenant_id AND q.account_id = turn.account_id
            ORDER BY q.priority, q.message_pk
            LIMIT turn.room
              FOR UPDATE SKIP LOCKED) p
     LIMIT $6::integer
), leased AS (
    UPDATE mailproxy.queue q
       SET state = 'leased', lease_token = nextval('mailproxy.lease_token_seq'), lease_epoch = $1::bigint,
           leased_at = now(), attempts = q.attempts + 1
     WHERE q.message_pk = ANY (ARRAY(SELECT message_pk FROM picked))
    RETURNING q.message_pk, q.tenant_id, q.account_id, q.priority, q.due_at, q.attempts, q.lease_token
), served AS (
    UPDATE mailproxy.account_state s
       SET served_at = clock_timestamp()
      FROM (SELECT l.tenant_id, l.account_id
              FROM mailproxy.account_state l
              JOIN (SELECT DISTINCT tenant_id, account_id FROM leased) d USING (tenant_id, account_id)
               FOR UPDATE OF l SKIP LOCKED) u
     WHERE s.tenant_id = u.tenant_id AND s.account_id = u.account_id
)
SELECT l.message_pk, l.lease_token, (extract(epoch FROM m.created_at) * 1000000)::bigint,
       (extract(epoch FROM now() - l.due_at) * 1000)::bigint, l.attempts, m.retries, m.size_octets, m.attachments,
       m.message_id, m.mime_message_id, b.content, m.settled, coalesce(a.retry_delays, t.retry_delays),
       l.tenant_id, l.account_id, a.version, a.host, a.port, a.username, a.password_sealed, a.password_key_id,
       coalesce(a.use_tls, a.port = 465), a.tls_verify, a.tls_ca, a.tls_pin, a.timeout_s, a.ttl_s, a.max_connections,
       a.batch_size, a.dsn_notify, a.dsn_ret, t.client_base_url, t.client_base_url_trusted, t.client_attachment_path,
       t.client_auth_sealed, t.client_auth_key_id, t.large_file_config
  FROM leased l
  JOIN mailproxy.message m ON m.message_pk = l.message_pk
  JOIN mailproxy.account a ON a.tenant_id = l.tenant_id AND a.account_id = l.account_id
  JOIN mailproxy.tenant t ON t.tenant_id = l.tenant_id
  LEFT JOIN mailproxy.message_body b
         ON m.size_octets <= $7::integer AND b.message_pk = m.message_pk AND b.created_at = m.created_at
 ORDER BY l.priority, l.message_pk;
