-- 0016_oauth_client_auth: token endpoints that want the client's id and secret by HTTP Basic.
CREATE TYPE mailproxy.oauth_client_auth AS ENUM ('body', 'basic');
COMMENT ON TYPE mailproxy.oauth_client_auth IS 'How a token endpoint gets to know the client (RFC 6749 2.3.1): in the form of the request, or by HTTP Basic; client_secret_post and client_secret_basic of RFC 7591.';

ALTER TABLE mailproxy.account
    ADD COLUMN oauth_client_auth mailproxy.oauth_client_auth NOT NULL DEFAULT 'body',
    ADD CONSTRAINT account_oauth_basic_needs_a_secret CHECK (oauth_client_auth <> 'basic' OR oauth_client_secret_sealed IS NOT NULL);
COMMENT ON COLUMN mailproxy.account.oauth_client_auth IS 'How oauth_client_id and the secret go to oauth_token_url.';
