-- update_instance: change what is given of the deployment's settings; null leaves one as it is, an empty text empties it.
-- $1 text name  $2 bytea api_token_sealed  $3 text api_token_key_id  $4 boolean the api_token ends
-- $5 boolean bounce_enabled  $6 text bounce_imap_host  $7 integer bounce_imap_port  $8 text bounce_imap_user
-- $9 bytea bounce_imap_password_sealed  $10 text bounce_imap_password_key_id  $11 boolean the password ends
-- $12 text bounce_imap_folder  $13 boolean bounce_imap_ssl  $14 integer bounce_poll_interval_s  $15 text bounce_return_path
-- Rows: whether an api_token is stored, whether a bounce_imap_password is. Always one.
-- Locks: the instance's row.
-- Plan: primary key.
-- Called by: instance_store() in server/routes/instance.c.
UPDATE mailproxy.instance i
   SET name = coalesce($1::text, i.name),
       api_token_sealed = CASE WHEN NOT $4::boolean THEN coalesce($2::bytea, i.api_token_sealed) END,
       api_token_key_id = CASE WHEN NOT $4::boolean THEN coalesce($3::text, i.api_token_key_id) END,
       bounce_enabled = coalesce($5::boolean, i.bounce_enabled),
       bounce_imap_host = nullif(coalesce($6::text, i.bounce_imap_host), ''),
       bounce_imap_port = coalesce($7::integer, i.bounce_imap_port),
       bounce_imap_user = nullif(coalesce($8::text, i.bounce_imap_user), ''),
       bounce_imap_password_sealed = CASE WHEN NOT $11::boolean
                                          THEN coalesce($9::bytea, i.bounce_imap_password_sealed) END,
       bounce_imap_password_key_id = CASE WHEN NOT $11::boolean
                                          THEN coalesce($10::text, i.bounce_imap_password_key_id) END,
       bounce_imap_folder = coalesce($12::text, i.bounce_imap_folder),
       bounce_imap_ssl = coalesce($13::boolean, i.bounce_imap_ssl),
       bounce_poll_interval_s = coalesce($14::integer, i.bounce_poll_interval_s),
       bounce_return_path = nullif(coalesce($15::text, i.bounce_return_path), ''),
       updated_at = now()
 WHERE i.instance_id = 1
RETURNING i.api_token_sealed IS NOT NULL, i.bounce_imap_password_sealed IS NOT NULL;
