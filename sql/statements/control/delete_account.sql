-- delete_account: an account goes, with its messages and what its tenant was still to be told of them.
-- $1 text tenant_id, null: the one tenant that has the account, else `default`  $2 text account_id
-- Rows: tenant_id that was meant, whether it had the account. Always one.
-- Locks: the account's row, the queue rows, and by cascade those of its messages. Bodies leave with their partition.
-- Plan: primary key, once for each tenant where none is named; index event_unreported for the events, message_listing
--       for the cascade.
-- Called by: accounts_remove() in server/routes/accounts.c.
WITH owner AS MATERIALIZED (
    SELECT coalesce($1::text COLLATE "C",
                    (SELECT CASE WHEN count(*) = 1 THEN min(a.tenant_id) END
                       FROM mailproxy.tenant t JOIN mailproxy.account a USING (tenant_id)
                      WHERE $1::text IS NULL AND a.account_id = $2::text),
                    'default') AS tenant_id),
doomed AS MATERIALIZED (
    SELECT a.tenant_id, a.account_id
      FROM mailproxy.account a JOIN owner o USING (tenant_id)
     WHERE a.account_id = $2::text
       FOR UPDATE OF a),
work AS MATERIALIZED ( -- before their messages, as everybody locks them
    SELECT q.message_pk
      FROM mailproxy.queue q JOIN doomed d USING (tenant_id, account_id)
     ORDER BY q.message_pk
       FOR UPDATE OF q),
untold AS (
    DELETE FROM mailproxy.event e
     USING owner o, mailproxy.message m
     WHERE e.tenant_id = o.tenant_id AND e.reported_at IS NULL
       AND m.message_pk = e.message_pk AND m.account_id = $2::text),
deleted AS (
    DELETE FROM mailproxy.account a
     USING doomed d
     WHERE a.tenant_id = d.tenant_id AND a.account_id = d.account_id AND (SELECT count(*) FROM work) >= 0
    RETURNING a.account_id)
SELECT o.tenant_id, EXISTS (SELECT FROM deleted) FROM owner o;
