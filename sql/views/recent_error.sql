-- recent_error: what relays have said instead of yes.
CREATE OR REPLACE VIEW mailproxy.recent_error WITH (security_invoker = true) AS
SELECT e.tenant_id, e.account_id, coalesce(e.reply_code / 100 || 'xx', 'none') AS reply_class, e.reply_code, e.status, e.phase,
       e.blame, e.outcome, e.attempts, e.first_at, e.last_at, m.message_id AS example_message_id, x.reply AS example_reply
  FROM (SELECT a.tenant_id, a.account_id, a.reply_code, a.status, a.phase, a.blame, a.outcome,
               count(*) AS attempts, min(a.ended_at) AS first_at, max(a.ended_at) AS last_at, max(a.attempt_pk) AS last_pk,
               (array_agg(a.message_pk ORDER BY a.attempt_pk DESC))[1] AS last_message_pk
          FROM mailproxy.attempt a
         WHERE a.outcome <> 'sent' AND a.ended_at > now() - interval '1 hour'
         GROUP BY a.tenant_id, a.account_id, a.reply_code, a.status, a.phase, a.blame, a.outcome) e
 CROSS JOIN LATERAL (
       SELECT l.reply
         FROM mailproxy.attempt l
        WHERE l.message_pk = e.last_message_pk AND l.attempt_pk = e.last_pk AND l.ended_at > now() - interval '1 hour'
        LIMIT 1) x
  LEFT JOIN mailproxy.message m ON m.message_pk = e.last_message_pk;
COMMENT ON VIEW mailproxy.recent_error IS 'Attempts of the last hour that did not end with the message sent, by account and reply, with the last one of each as an example. Question: what is going wrong, whose fault is it, and how often? Reads the index of failed attempts: an hour of failures, however much was sent.';
COMMENT ON COLUMN mailproxy.recent_error.reply_class IS '4xx, 5xx; none: there was no reply, example_reply says what failed.';
COMMENT ON COLUMN mailproxy.recent_error.blame IS 'An account''s fault makes all its messages wait; a recipient''s or message''s concerns that message alone.';
COMMENT ON COLUMN mailproxy.recent_error.outcome IS 'deferred: it will be tried again; error: never.';
COMMENT ON COLUMN mailproxy.recent_error.example_message_id IS 'Null: the message was deleted since. Ask mailproxy.explain_message().';
