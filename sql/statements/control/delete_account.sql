-- delete_account: an account goes, with its messages and what its tenant was still to be told of them.
-- $1 text tenant_id, null: the one tenant that has the account, else `default`  $2 text account_id
-- Rows: account_id. None: no such account.
-- Locks: the account's row and, by cascade, those of its messages and their queue. Bodies leave with their partition.
-- Plan: primary key, once for each tenant where none is named; index event_unreported for the events, message_listing
--       for the cascade.
-- Called by: accounts_delete() in server/routes/accounts.c.
WITH owner AS MATERIALIZED (
    SELECT coalesce($1::text COLLATE "C",
                    (SELECT CASE WHEN count(*) = 1 THEN min(a.tenant_id) END
                       FROM mailproxy.tenant t JOIN mailproxy.account a USING (tenant_id)
                      WHERE $1::text IS NULL AND a.account_id = $2::text),
                    'default') AS tenant_id),
untold AS (
    DELETE FROM mailproxy.event e
     USING owner o, mailproxy.message m
     WHERE e.tenant_id = o.tenant_id AND e.reported_at IS NULL
       AND m.message_pk = e.message_pk AND m.account_id = $2::text)
DELETE FROM mailproxy.account a
 USING owner o
 WHERE a.tenant_id = o.tenant_id AND a.account_id = $2::text
RETURNING a.account_id;
