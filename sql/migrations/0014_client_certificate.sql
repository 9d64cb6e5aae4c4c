-- 0014_client_certificate: what an account shows to a relay that asks for a certificate in the TLS handshake.
ALTER TABLE mailproxy.account
    ADD COLUMN tls_client_cert            text,
    ADD COLUMN tls_client_cert_expires_at timestamptz,
    ADD COLUMN tls_client_key_sealed      bytea,
    ADD COLUMN tls_client_key_key_id      text,
    ADD CONSTRAINT account_client_certificate_is_whole CHECK (
        num_nulls(tls_client_cert, tls_client_cert_expires_at, tls_client_key_sealed, tls_client_key_key_id) IN (0, 4));
COMMENT ON COLUMN mailproxy.account.tls_client_cert IS 'PEM: the client''s certificate, its issuers after it; null: none is shown.';
COMMENT ON COLUMN mailproxy.account.tls_client_cert_expires_at IS 'notAfter of the first certificate in tls_client_cert, for whoever watches over renewals; no worker looks at it.';
COMMENT ON COLUMN mailproxy.account.tls_client_key_sealed IS 'The private key of tls_client_cert in PEM, sealed as password_sealed is.';
