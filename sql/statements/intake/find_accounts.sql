-- find_accounts: which of these accounts exist?
-- $1 text[] tenant ids, null where the client named none: the one tenant that has the account, else `default`
-- $2 text[] account ids
-- Rows: place in the arrays from 1, tenant_id, is_pec_account. None for an account that does not exist.
-- Locks: none.
-- Plan: primary key of account; once for each tenant where none is named.
-- Called by: lookup_jobs() in server/intake/lookup.c, and mailproxy.intake_find_accounts().
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
