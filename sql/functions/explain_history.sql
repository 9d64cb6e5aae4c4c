-- explain_history: what has happened to one message, as sentences.
CREATE OR REPLACE FUNCTION mailproxy.explain_history(of_message bigint)
RETURNS TABLE (at timestamptz, sentence text)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
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
COMMENT ON FUNCTION mailproxy.explain_history(bigint) IS 'The part of explain_message() that is past: acceptance, attempts, the end, reports; message_pk.';
