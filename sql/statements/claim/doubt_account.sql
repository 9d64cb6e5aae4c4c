-- doubt_account: the account's relay does not let us in any more, be it that it failed or that it keeps us waiting.
-- $1 text tenant_id  $2 text account_id
-- Rows: none. The next claims take only a few messages of it (account_state.proven).
-- Locks: the account's state.
-- Plan: primary key.
-- Called by: take_prove() in worker/claim/take.c.
UPDATE mailproxy.account_state SET proven = false WHERE tenant_id = $1::text AND account_id = $2::text AND proven;
