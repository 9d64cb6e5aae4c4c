-- purge_messages: of the next 1000 messages, remove those that are final and long since told, by one worker at a time.
-- $1 bigint seconds a message is kept after its last report was acknowledged  $2 bigint seconds between two passes over all of them
-- Rows: one: how many were removed, whether the pass is over with it, how many the whole pass has removed. None: another worker is at
--       it, or it is not time for the next pass.
-- Goes: the message and its events. Its content, attachments and attempts leave with their day's partition. A message without any
--       event was never told and stays, unless it is older than all events there are.
-- Locks: the row of purge_pass; the message rows it removes. One that is locked (somebody deletes, replaces or requeues it) is passed
--        by. A final message has no queue row, and what is final is looked at again under the lock.
-- Plan: primary key of message in its order from the last row on, which is that of acceptance but for long transactions: a page of
--       young ones ends the pass. Index event_pkey of each day since its acceptance.
-- Called by: retention_purge() in worker/sweep/retention.c.
WITH pass AS MATERIALIZED (
    SELECT p.ended_at IS NOT NULL AS begins, CASE WHEN p.ended_at IS NULL THEN p.looked_at_pk ELSE 0 END AS after_pk,
           now() - make_interval(secs => $1::bigint) AS kept_since, mailproxy.history_begins_at() AS history_begins_at
      FROM mailproxy.purge_pass p
     WHERE p.ended_at IS NULL OR p.ended_at <= now() - make_interval(secs => $2::bigint)
       FOR UPDATE SKIP LOCKED
), page AS MATERIALIZED (
    SELECT m.message_pk, m.created_at, m.state, m.finished_at, p.kept_since, p.history_begins_at
      FROM pass p
     CROSS JOIN LATERAL (
           SELECT w.message_pk, w.created_at, w.state, w.finished_at
             FROM mailproxy.message w
            WHERE w.message_pk > p.after_pk
            ORDER BY w.message_pk
            LIMIT 1000) m
), told AS MATERIALIZED (
    SELECT p.message_pk
      FROM page p
     CROSS JOIN LATERAL (
           SELECT bool_and(e.reported_at IS NOT NULL) AS wholly, max(e.reported_at) AS last_at
             FROM mailproxy.event e
            WHERE e.message_pk = p.message_pk AND e.created_at >= p.created_at) r
     WHERE p.state <> 'queued' AND p.finished_at < p.kept_since
       AND CASE WHEN r.wholly IS NULL THEN p.finished_at < p.history_begins_at
                ELSE r.wholly AND r.last_at < p.kept_since END
), doomed AS MATERIALIZED (
    SELECT m.message_pk, m.created_at
      FROM mailproxy.message m
     WHERE m.message_pk = ANY (ARRAY (SELECT message_pk FROM told)) AND m.state <> 'queued'
     ORDER BY m.message_pk
       FOR UPDATE SKIP LOCKED
), event AS (
    DELETE FROM mailproxy.event e
     USING doomed d
     WHERE e.message_pk = d.message_pk AND e.created_at >= d.created_at
), removed AS (
    DELETE FROM mailproxy.message m
     USING doomed d
     WHERE m.message_pk = d.message_pk
), looked AS MATERIALIZED (
    SELECT coalesce(max(message_pk), 0) AS last_pk, count(*) < 1000 OR bool_and(created_at >= kept_since) AS over FROM page
)
UPDATE mailproxy.purge_pass p
   SET began_at = CASE WHEN s.begins THEN now() ELSE p.began_at END,
       ended_at = CASE WHEN l.over THEN now() END,
       looked_at_pk = greatest(l.last_pk, s.after_pk),
       removed = CASE WHEN s.begins THEN 0 ELSE p.removed END + (SELECT count(*) FROM doomed)
  FROM pass s
 CROSS JOIN looked l
RETURNING (SELECT count(*) FROM doomed), l.over, p.removed;
