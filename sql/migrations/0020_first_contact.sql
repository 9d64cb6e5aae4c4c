-- 0020_first_contact: an account whose relay has not let a worker in yet, or not since it failed, is given little.

ALTER TABLE mailproxy.account_state ADD COLUMN proven boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN mailproxy.account_state.proven IS 'Its relay answered in a transaction, and nothing the account was at fault for has happened since. Until then each worker takes only a few of its messages and opens one connection.';
