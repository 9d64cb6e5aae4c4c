-- list_attempts: the last tries at one message.
-- $1 bigint message_pk  $2 bigint when it was accepted, microseconds since the epoch: no attempt is older
-- Rows: attempt, when it began and when it ended in seconds since the epoch, how many milliseconds it took (null: it did not get that
--       far), outcome, in_doubt, phase, reply_code, status, reply, its worker, recipients as JSON. The last 100, in order; recipients of
--       the latest ones alone that come to 1 MiB together.
-- Locks: none.
-- Plan: index attempt_pkey of each partition from $2's day on.
-- Called by: message_detail_read() in server/routes/message_detail.c.
SELECT l.attempt, floor(extract(epoch FROM l.ended_at - coalesce(l.took_ms, 0) * interval '1 millisecond'))::bigint,
       floor(extract(epoch FROM l.ended_at))::bigint, l.took_ms, l.outcome, l.in_doubt, l.phase, l.reply_code, l.status, l.reply,
       l.worker_epoch || coalesce(' on ' || w.host, ''), CASE WHEN l.octets <= 1048576 THEN l.recipients END
  FROM (SELECT a.*, sum(octet_length(a.recipients::text)::bigint) OVER (ORDER BY a.attempt_pk DESC) AS octets,
               CASE WHEN num_nonnulls(a.compose_ms, a.connect_ms, a.send_ms) > 0
                    THEN coalesce(a.compose_ms, 0) + coalesce(a.connect_ms, 0) + coalesce(a.send_ms, 0) END AS took_ms
          FROM (SELECT t.*
                  FROM mailproxy.attempt t
                 WHERE t.message_pk = $1::bigint
                   AND t.ended_at >= 'epoch'::timestamptz + $2::bigint * interval '1 microsecond'
                 ORDER BY t.attempt_pk DESC
                 LIMIT 100) a) l
       LEFT JOIN mailproxy.worker w ON w.epoch = l.worker_epoch
 ORDER BY l.attempt_pk;
