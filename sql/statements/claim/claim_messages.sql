-- claim_messages: lease due messages to one worker, taking turns among accounts, the least recently served first.
-- $1 bigint worker epoch  $2 text[] tenant_id, $3 text[] account_id, $4 integer[] messages of it the worker holds already
-- $5 integer the service's batch size  $6 integer at most so many messages  $7 integer contents up to so many octets come along
-- $8 integer[] connections it keeps for each of $2, $3; what it was granted beyond that, and for others, goes back
-- $9 integer the service's connections per account
-- $10 integer[] how many more it may have of each of $2, $3, by first contact; null: its relay has let the worker in
-- $11 bigint[] the versions of $2, $3 that $10 is about; after an update of the account contact begins anew
-- $12 integer at most so many messages of accounts that are not proven
-- $13 integer so many of $6 are not shared among accounts the worker holds four or more messages of
-- $14 bigint when the worker started  $15 bigint its last heartbeat known to be stored, both in microseconds since the Unix epoch: a
-- database that was restored to an earlier state does not have them, and nothing is claimed there
-- $16 boolean look at everything, not only from the accounts' fronts on
-- Rows: see claim_read_row() in worker/claim/claim.c. Nothing due, or all of it gated, suspended or paused: one row without a message.
--       Each row's first two columns: milliseconds until it is worth asking again, null: not before there is news; messages
--       that a limit made errors. Its last three: some account was given less than it might have, for others; fronts were passed, so
--       a claim that looks at everything may find more; milliseconds that the claim took.
-- Accounts with limits, and those that were at fault, are asked for by free_slots(), which also locks them for this
-- transaction; one that has no slots left is gated. An account that was at fault is tried by one worker at a time. Any account
-- is asked for when the worker has more of its messages than connections: of an account's connections each worker gets its
-- share at most, and is told when it holds more.
-- First contact: of an account that is not proven (account_state.proven) four messages are given at most, until a session of it
-- has opened; a relay that only keeps us waiting holds no more than these. Nor can deep accounts whose relays are slow have all
-- that the worker can hold: beyond the first four messages none gets more than three times what it leaves for others.
-- Locks: the worker's own row, so that it cannot be reaped meanwhile (what it claimed after that nobody would take over);
-- account_state rows, the claimed queue rows and the worker's own connection_grant and account_counter rows; any that another worker has locked are skipped. Only rejecting messages
-- waits, for the tenant's tenant_sync row, at the end.
-- Fronts: what was claimed leaves dead entries in index queue_ready, before those that are ready; until vacuum has taken them away
-- each scan from the beginning passes them all, and while a snapshot is held they stay. So every 256th message gives its account a
-- front (account_state.front), from which on claims look; the skip scan leaps over such accounts, and they are asked for by themselves.
-- What becomes ready again, or rises, or was locked, or was committed late, may lie before the front: $16 finds it, and marks the account
-- as overtaken, so that its turns begin at the first message until one comes to the front.
-- Plan: a skip scan of index queue_ready, and of account_state_fronts beside it, finds the accounts with ready work, then index
-- queue_ready again for each; no scan of the backlog, also under a generic plan (tests/sql).
-- Called by: take_run() in worker/claim/take.c.
WITH RECURSIVE alive AS MATERIALIZED (
    SELECT FROM mailproxy.worker
     WHERE epoch = $1::bigint AND ended_at IS NULL
       AND extract(epoch FROM started_at) * 1000000 = $14::bigint AND extract(epoch FROM heartbeat_at) * 1000000 >= $15::bigint
       FOR SHARE
), crew AS MATERIALIZED (
    SELECT count(*)::numeric AS workers FROM mailproxy.worker WHERE ended_at IS NULL
), ready (tenant_id, account_id, has_front, priority, message_pk) AS ( -- the last two: of the first message, where that was looked for
    VALUES ('' COLLATE "C", '' COLLATE "C", false, NULL::smallint, NULL::bigint) -- before the first
    UNION ALL
    SELECT coalesce(n.tenant_id, f.tenant_id), coalesce(n.account_id, f.account_id), n.tenant_id IS NULL, n.priority, n.message_pk
      FROM ready r
      LEFT JOIN LATERAL (
           SELECT s.tenant_id, s.account_id
             FROM mailproxy.account_state s
            WHERE s.has_front AND NOT $16::boolean AND (s.tenant_id, s.account_id) > (r.tenant_id, r.account_id)
            ORDER BY s.tenant_id, s.account_id
            LIMIT 1) f ON true
      LEFT JOIN LATERAL (
           (SELECT q.tenant_id, q.account_id, q.priority, q.message_pk
              FROM mailproxy.queue q
             WHERE f.tenant_id IS NULL AND q.state = 'ready' AND (q.tenant_id, q.account_id) > (r.tenant_id, r.account_id)
             ORDER BY q.tenant_id, q.account_id, q.priority, q.message_pk
             LIMIT 1)
           UNION ALL -- only up to f, part by part: a scan does not end where the second column of (...) < (...) fails
           (SELECT q.tenant_id, q.account_id, q.priority, q.message_pk
              FROM mailproxy.queue q
             WHERE f.tenant_id = r.tenant_id AND q.state = 'ready'
               AND q.tenant_id = r.tenant_id AND q.account_id > r.account_id AND q.account_id < f.account_id
             ORDER BY q.tenant_id, q.account_id, q.priority, q.message_pk
             LIMIT 1)
           UNION ALL
           (SELECT q.tenant_id, q.account_id, q.priority, q.message_pk
              FROM mailproxy.queue q
             WHERE f.tenant_id > r.tenant_id AND q.state = 'ready' AND q.tenant_id = r.tenant_id AND q.account_id > r.account_id
             ORDER BY q.tenant_id, q.account_id, q.priority, q.message_pk
             LIMIT 1)
           UNION ALL
           (SELECT q.tenant_id, q.account_id, q.priority, q.message_pk
              FROM mailproxy.queue q
             WHERE q.state = 'ready' AND q.tenant_id > r.tenant_id AND q.tenant_id < f.tenant_id
             ORDER BY q.tenant_id, q.account_id, q.priority, q.message_pk
             LIMIT 1)
           UNION ALL
           (SELECT q.tenant_id, q.account_id, q.priority, q.message_pk
              FROM mailproxy.queue q
             WHERE f.tenant_id > r.tenant_id AND q.state = 'ready' AND q.tenant_id = f.tenant_id AND q.account_id < f.account_id
             ORDER BY q.tenant_id, q.account_id, q.priority, q.message_pk
             LIMIT 1)
           LIMIT 1) n ON true
     WHERE n.tenant_id IS NOT NULL OR f.tenant_id IS NOT NULL
), candidate AS MATERIALIZED (
    SELECT s.tenant_id, s.account_id, s.served_at, p.proven, m.room,
           p.proven AND coalesce(h.held, 0) >= greatest(4, 3 * ($6::integer - $13::integer) - 3) AS has_enough,
           coalesce(h.held, 0) AS held, coalesce(h.kept, 0) AS kept,
           n.share, coalesce(h.kept, 0) < least(coalesce(h.held, 0) + 1, n.share) AS widens,
           CASE WHEN s.gate_until > now() THEN least(s.gate_until, s.gate_recheck_at) END AS opens_at,
           s.failures > 0 OR s.gate_recheck_at IS NOT NULL
           OR num_nonnulls(a.limit_per_minute, a.limit_per_hour, a.limit_per_day,
                           t.limit_per_hour, t.limit_per_day) > 0 AS limited,
           a.limit_behavior = 'reject' AS rejects,
           CASE WHEN r.has_front AND NOT s.overtaken THEN s.front END AS front, s.overtaken
      FROM ready r
      JOIN mailproxy.account_state s ON s.tenant_id = r.tenant_id AND s.account_id = r.account_id
      JOIN mailproxy.account a ON a.tenant_id = r.tenant_id AND a.account_id = r.account_id
      JOIN mailproxy.tenant t ON t.tenant_id = r.tenant_id
     CROSS JOIN LATERAL (
           SELECT ceil(coalesce(a.max_connections, $9::integer) / (SELECT workers FROM crew))::integer AS share) n
      LEFT JOIN unnest($2::text[], $3::text[], $4::integer[], $8::integer[], $10::integer[], $11::bigint[])
                AS h (tenant_id, account_id, held, kept, few, version)
             ON h.tenant_id = r.tenant_id AND h.account_id = r.account_id
     CROSS JOIN LATERAL (
           SELECT CASE WHEN h.version = a.version THEN h.few IS NULL ELSE s.proven END AS proven) p
     CROSS JOIN LATERAL (
           SELECT least(coalesce(a.batch_size, $5::integer) - coalesce(h.held, 0),
                        CASE WHEN NOT p.proven
                             THEN CASE WHEN h.version = a.version THEN h.few ELSE 4 END END) AS room) m -- TAKE_FEW in take.c
     WHERE '*' <> ALL (t.suspended_batches) AND a.paused_at IS NULL
       AND m.room > 0
       AND (p.proven OR $12::integer > 0)
       AND (s.crowded_until IS NULL OR s.crowded_until <= now() OR h.kept > 0)
       AND $6::integer > 0
       AND (SELECT sends FROM mailproxy.instance)
       AND EXISTS (SELECT FROM alive)
       AND (NOT r.has_front OR s.overtaken
            OR EXISTS (SELECT FROM unnest(s.front) WITH ORDINALITY f (message_pk, place)
                        CROSS JOIN LATERAL (
                              SELECT FROM mailproxy.queue q
                               WHERE q.state = 'ready' AND q.tenant_id = s.tenant_id AND q.account_id = s.account_id
                                 AND (q.priority, q.message_pk) >= (f.place - 1, f.message_pk) AND q.priority <= f.place - 1
                               LIMIT 1) q))
), turn AS MATERIALIZED (
    SELECT c.*, c.widens AND c.kept <= c.held AS waits, -- all its connections are busy: what is claimed needs another one
           row_number() OVER (PARTITION BY c.tenant_id ORDER BY c.served_at) AS place,
           count(*) OVER (PARTITION BY c.tenant_id) AS places
      FROM (SELECT * FROM candidate
             WHERE (opens_at IS NULL OR opens_at <= now()) AND NOT has_enough
             ORDER BY served_at
             LIMIT 16) c -- TAKE_ACCOUNTS in take.c
), asked AS MATERIALIZED (
    SELECT t.*, CASE WHEN t.limited OR t.widens
                     THEN mailproxy.free_slots(t.tenant_id, t.account_id, t.place::integer, t.places::integer,
                                               $1::bigint, $9::integer, t.share) END AS answer
      FROM turn t
     ORDER BY t.served_at
), granted AS MATERIALIZED (
    SELECT k.tenant_id, k.account_id, k.served_at, k.proven, k.limited, k.rejects, k.held, k.kept, k.share, k.front, k.overtaken, k.opens_at IS NULL AS was_open,
           (k.answer).connections, (k.answer).at_limit, (k.answer).closed_until, (k.answer).recheck_at, (k.answer).reason,
           k.kept = 0 AND (k.answer).connections = 0 AS crowded,
           (k.limited OR k.waits) AND (k.answer).slots IS NULL AS busy,
           k.limited AND (k.answer).slots BETWEEN 1 AND k.room - 1 AS short,
           CASE WHEN k.waits AND (k.answer).slots IS NULL OR k.kept = 0 AND (k.answer).connections = 0 THEN 0
                WHEN k.limited THEN least(k.room, coalesce((k.answer).slots, 0))
                ELSE k.room END AS room
      FROM asked k
), shared AS MATERIALIZED (
    SELECT g.tenant_id, g.account_id, g.served_at, g.proven, g.front, g.overtaken, g.room AS wanted,
           least(g.room, CASE WHEN g.proven
                              THEN greatest(4 - g.held,
                                            (3 * ($6::integer - $13::integer - coalesce(sum(g.room) OVER before, 0)) - g.held) / 4)
                              ELSE greatest(0, $12::integer - coalesce(sum(g.room) FILTER (WHERE NOT g.proven) OVER before, 0))
                         END)::bigint AS room
      FROM granted g
     WHERE g.room > 0
    WINDOW before AS (ORDER BY g.served_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), picked AS MATERIALIZED (
    SELECT p.message_pk
      FROM (SELECT * FROM shared WHERE room > 0 ORDER BY served_at) g
     CROSS JOIN LATERAL (
           SELECT q.message_pk
             FROM (SELECT 0 AS priority, 0 AS message_pk, 3 AS last WHERE g.front IS NULL
                   UNION ALL
                   SELECT o.place - 1, o.message_pk, o.place - 1 FROM unnest(g.front) WITH ORDINALITY o (message_pk, place)) f
            CROSS JOIN LATERAL (
                  SELECT q.message_pk
                    FROM mailproxy.queue q
                   WHERE q.state = 'ready' AND q.tenant_id = g.tenant_id AND q.account_id = g.account_id
                     AND (q.priority, q.message_pk) >= (f.priority, f.message_pk) AND q.priority <= f.last
                   ORDER BY q.priority, q.message_pk
                   LIMIT g.room
                     FOR UPDATE SKIP LOCKED) q
            LIMIT g.room) p
     LIMIT $6::integer
), leased AS (
    UPDATE mailproxy.queue q
       SET state = 'leased', lease_token = nextval('mailproxy.lease_token_seq'), lease_epoch = $1::bigint,
           leased_at = now(), attempts = q.attempts + 1
     WHERE q.message_pk = ANY (ARRAY(SELECT message_pk FROM picked))
    RETURNING q.message_pk, q.tenant_id, q.account_id, q.priority, q.due_at, q.attempts, q.lease_token
), claimed AS MATERIALIZED ( -- of each account: how many, whether it gets a front, and how far this came in each priority
    SELECT tenant_id, account_id, count(*) AS messages, bool_or(lease_token % 256 = 0) AS moves,
           ARRAY[max(message_pk) FILTER (WHERE priority = 0), max(message_pk) FILTER (WHERE priority = 1),
                 max(message_pk) FILTER (WHERE priority = 2), max(message_pk) FILTER (WHERE priority = 3)] AS taken
      FROM leased
     GROUP BY tenant_id, account_id
), served AS (
    UPDATE mailproxy.account_state s
       SET served_at = clock_timestamp(),
           gate_until = CASE WHEN NOT u.limited THEN s.gate_until WHEN s.failures > 0 THEN now() + interval '1 minute' END,
           gate_reason = CASE WHEN NOT u.limited THEN s.gate_reason
                              WHEN s.failures > 0 THEN coalesce(s.gate_reason, 'the account is being tried') END,
           gate_recheck_at = CASE WHEN NOT u.limited THEN s.gate_recheck_at
                                  WHEN s.failures > 0 THEN now() + interval '1 second' END,
           has_front = s.has_front OR u.moves,
           (front, front_next, front_next_at, overtaken) = (
               SELECT array_agg(f.now ORDER BY f.priority),
                      array_agg(CASE WHEN f.turns AND f.taken >= f.now THEN f.taken ELSE f.next END ORDER BY f.priority),
                      CASE WHEN bool_or(f.turns) THEN now() ELSE s.front_next_at END,
                      CASE WHEN u.began_at_front THEN s.overtaken ELSE coalesce(bool_or(f.taken < f.now), false) END
                 FROM (SELECT t.turns, CASE WHEN t.turns THEN p.next ELSE p.now END AS now, p.next, p.taken, p.priority
                         FROM (SELECT coalesce(s.front_next_at < now() - interval '500 milliseconds', true) AS turns) t
                        CROSS JOIN unnest(coalesce(s.front, '{0,0,0,0}'), coalesce(s.front_next, '{0,0,0,0}'), u.taken)
                                   WITH ORDINALITY p (now, next, taken, priority)
                        WHERE s.has_front OR u.moves) f)
      FROM (SELECT l.tenant_id, l.account_id, g.limited, g.front IS NOT NULL AS began_at_front, d.moves, d.taken
              FROM granted g
              JOIN mailproxy.account_state l ON l.tenant_id = g.tenant_id AND l.account_id = g.account_id
              JOIN claimed d ON d.tenant_id = g.tenant_id AND d.account_id = g.account_id
               FOR NO KEY UPDATE OF l SKIP LOCKED) u
     WHERE s.tenant_id = u.tenant_id AND s.account_id = u.account_id
), closed AS (
    UPDATE mailproxy.account_state s
       SET gate_until = g.closed_until, gate_reason = g.reason, gate_recheck_at = g.recheck_at
      FROM granted g
     WHERE s.tenant_id = g.tenant_id AND s.account_id = g.account_id
       AND g.closed_until IS NOT NULL AND NOT (g.at_limit AND g.rejects)
), passed AS (
    UPDATE mailproxy.account_state s
       SET crowded_until = now() + interval '1 second'
      FROM granted g
     WHERE s.tenant_id = g.tenant_id AND s.account_id = g.account_id AND g.crowded AND g.closed_until IS NULL
), looked AS (
    UPDATE mailproxy.account_state s
       SET overtaken = v.overtaken
      FROM (SELECT l.tenant_id, l.account_id, w.overtaken
              FROM (SELECT r.tenant_id, r.account_id, true AS overtaken
                      FROM ready r
                      JOIN mailproxy.account_state h ON h.tenant_id = r.tenant_id AND h.account_id = r.account_id
                     WHERE $16::boolean AND h.has_front AND NOT h.overtaken AND r.message_pk < h.front[r.priority + 1]
                       AND NOT EXISTS (SELECT FROM claimed d WHERE d.tenant_id = r.tenant_id AND d.account_id = r.account_id)
                       AND NOT EXISTS (SELECT FROM granted g WHERE g.tenant_id = r.tenant_id AND g.account_id = r.account_id
                                                               AND (g.closed_until IS NOT NULL OR g.crowded)) -- written above
                     UNION ALL
                    SELECT h.tenant_id, h.account_id, false -- and what overtook it is gone
                      FROM shared h
                     WHERE h.overtaken AND h.room > 0 AND (SELECT count(*) FROM leased) < $6::integer
                       AND NOT EXISTS (SELECT FROM claimed d WHERE d.tenant_id = h.tenant_id AND d.account_id = h.account_id)) w
              JOIN mailproxy.account_state l ON l.tenant_id = w.tenant_id AND l.account_id = w.account_id
             WHERE l.has_front
               FOR NO KEY UPDATE OF l SKIP LOCKED) v
     WHERE s.tenant_id = v.tenant_id AND s.account_id = v.account_id
), widened AS MATERIALIZED (
    SELECT g.tenant_id, g.account_id, greatest(g.kept, least(g.connections, g.held + n.messages))::integer AS connections
      FROM granted g
      JOIN claimed n ON n.tenant_id = g.tenant_id AND n.account_id = g.account_id
     WHERE g.connections > 0
), given AS (
    INSERT INTO mailproxy.connection_grant AS c (tenant_id, account_id, lease_epoch, connections)
    SELECT w.tenant_id, w.account_id, $1::bigint, w.connections FROM widened w
    ON CONFLICT (tenant_id, account_id, lease_epoch) DO UPDATE SET connections = excluded.connections
), spare AS MATERIALIZED (
    SELECT c.tenant_id, c.account_id, coalesce(h.kept, 0) AS kept
      FROM mailproxy.connection_grant c
      LEFT JOIN unnest($2::text[], $3::text[], $8::integer[]) AS h (tenant_id, account_id, kept)
             ON h.tenant_id = c.tenant_id AND h.account_id = c.account_id
     WHERE c.lease_epoch = $1::bigint AND c.connections > coalesce(h.kept, 0)
       AND NOT EXISTS (SELECT FROM widened w WHERE w.tenant_id = c.tenant_id AND w.account_id = c.account_id)
), narrowed AS (
    UPDATE mailproxy.connection_grant c
       SET connections = p.kept
      FROM spare p
     WHERE c.tenant_id = p.tenant_id AND c.account_id = p.account_id AND c.lease_epoch = $1::bigint AND p.kept > 0
), given_back AS (
    DELETE FROM mailproxy.connection_grant c
     USING spare p
     WHERE c.tenant_id = p.tenant_id AND c.account_id = p.account_id AND c.lease_epoch = $1::bigint AND p.kept = 0
), rejected AS MATERIALIZED (
    SELECT g.tenant_id, g.account_id, mailproxy.reject_ready(g.tenant_id, g.account_id, 1000) AS messages
      FROM granted g
     WHERE g.at_limit AND g.rejects AND (SELECT count(*) FROM leased) >= 0 -- last, for it may wait
), counted AS (
    INSERT INTO mailproxy.account_counter AS c (tenant_id, account_id, worker_epoch, rate_limited)
    SELECT g.tenant_id, g.account_id, $1::bigint, coalesce(r.messages, 1)
      FROM granted g
      LEFT JOIN rejected r ON r.tenant_id = g.tenant_id AND r.account_id = g.account_id
     WHERE g.at_limit AND (g.was_open OR r.messages > 0) AND coalesce(r.messages, 1) > 0
    ON CONFLICT (tenant_id, account_id, worker_epoch) DO UPDATE SET rate_limited = c.rate_limited + excluded.rate_limited
), used AS MATERIALIZED ( -- of what each account was given room for
    SELECT h.proven, h.wanted, h.room, coalesce(n.messages, 0) AS messages
      FROM shared h
      LEFT JOIN claimed n ON n.tenant_id = h.tenant_id AND n.account_id = h.account_id
), cut AS MATERIALIZED (
    SELECT FROM used WHERE proven AND room < wanted AND messages >= room LIMIT 1
), outlook AS MATERIALIZED (
    SELECT least(CASE WHEN (SELECT count(closed_until) > 0 AND count(*) = 16 FROM granted)
                        OR (SELECT max(messages) FROM rejected) = 1000 -- others wait behind these
                        OR EXISTS (SELECT FROM cut) AND EXISTS (SELECT FROM leased)
                           AND EXISTS (SELECT FROM used WHERE messages < room) THEN 0 END, -- for what others did not need
                 CASE WHEN (SELECT bool_or(busy) FROM granted) THEN 20 END,
                 CASE WHEN (SELECT bool_or(short) FROM granted) THEN 5 END, -- to close the gate, or reject the rest
                 (SELECT extract(epoch FROM min(opens_at) - now()) * 1000 FROM candidate WHERE opens_at > now()),
                 (SELECT extract(epoch FROM min(recheck_at) - now()) * 1000 FROM granted WHERE closed_until IS NOT NULL))
           AS again_ms,
           (SELECT sum(messages) FROM rejected) AS rejected,
           EXISTS (SELECT FROM cut) OR EXISTS (SELECT FROM candidate WHERE has_enough) AS kept_back,
           $6::integer > 0 AND EXISTS (SELECT FROM ready WHERE has_front) AS passed,
           (extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000)::bigint AS took_ms
), sender AS MATERIALIZED ( -- an account once, not once for each of its messages
    SELECT k.tenant_id, k.account_id, coalesce(a.retry_delays, t.retry_delays) AS retry_delays,
           coalesce(a.retry_max_age_s, t.retry_max_age_s) AS retry_max_age_s, a.version, a.host, a.port, a.username, a.password_sealed,
           a.password_key_id, coalesce(a.use_tls, a.port = 465) AS use_tls, a.tls_verify, a.tls_ca, a.tls_pin, a.timeout_s, a.ttl_s,
           least(coalesce(g.connections, k.kept), k.share) AS connections, a.batch_size, a.dsn_notify, a.dsn_ret, t.client_base_url,
           t.client_base_url_trusted, t.client_attachment_path, t.client_auth_sealed, t.client_auth_key_id, t.large_file_config,
           a.oauth_grant IS NOT NULL AS by_token, a.tls_client_cert, a.tls_client_key_sealed, a.tls_client_key_key_id, s.proven
      FROM granted k
      JOIN mailproxy.account a ON a.tenant_id = k.tenant_id AND a.account_id = k.account_id
      JOIN mailproxy.tenant t ON t.tenant_id = k.tenant_id
      JOIN mailproxy.account_state s ON s.tenant_id = k.tenant_id AND s.account_id = k.account_id
      LEFT JOIN widened g ON g.tenant_id = k.tenant_id AND g.account_id = k.account_id
)
SELECT ceil(w.again_ms)::bigint, w.rejected, l.message_pk, l.lease_token, (extract(epoch FROM m.created_at) * 1000000)::bigint,
       (extract(epoch FROM now() - l.due_at) * 1000)::bigint, l.attempts, m.retries, l.priority, m.size_octets, m.attachments,
       m.message_id, m.mime_message_id, b.content, m.settled, s.retry_delays,
       s.retry_max_age_s, floor(extract(epoch FROM now() - m.deferred_since))::bigint,
       l.tenant_id, l.account_id, s.version, s.host, s.port, s.username, s.password_sealed, s.password_key_id,
       s.use_tls, s.tls_verify, s.tls_ca, s.tls_pin, s.timeout_s, s.ttl_s,
       s.connections, s.batch_size, s.dsn_notify, s.dsn_ret, s.client_base_url,
       s.client_base_url_trusted, s.client_attachment_path, s.client_auth_sealed, s.client_auth_key_id, s.large_file_config,
       s.by_token, s.tls_client_cert, s.tls_client_key_sealed, s.tls_client_key_key_id, s.proven, w.kept_back,
       w.passed, w.took_ms
  FROM outlook w
  LEFT JOIN (leased l
             JOIN mailproxy.message m ON m.message_pk = l.message_pk
             JOIN sender s ON s.tenant_id = l.tenant_id AND s.account_id = l.account_id) ON true
  LEFT JOIN mailproxy.message_body b
         ON m.size_octets <= $7::integer AND b.message_pk = m.message_pk AND b.created_at = m.created_at
 ORDER BY l.priority, l.message_pk;
