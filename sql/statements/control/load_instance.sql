-- load_instance: the deployment's own settings.
-- Rows: instance_id, name, whether an api_token is stored, bounce_enabled, bounce_imap_host, bounce_imap_port,
--       bounce_imap_user, whether a bounce_imap_password is stored, bounce_imap_folder, bounce_imap_ssl,
--       bounce_poll_interval_s, bounce_return_path, bounce_last_uid, bounce_last_sync_at in seconds since the epoch,
--       bounce_uidvalidity, created_at and updated_at in microseconds since the epoch. Always one.
-- Locks: none.
-- Plan: primary key.
-- Called by: instance_load() in server/routes/instance.c.
SELECT i.instance_id, i.name, i.api_token_sealed IS NOT NULL, i.bounce_enabled, i.bounce_imap_host, i.bounce_imap_port,
       i.bounce_imap_user, i.bounce_imap_password_sealed IS NOT NULL, i.bounce_imap_folder, i.bounce_imap_ssl,
       i.bounce_poll_interval_s, i.bounce_return_path, i.bounce_last_uid,
       floor(extract(epoch FROM i.bounce_last_sync_at))::bigint, i.bounce_uidvalidity,
       (extract(epoch FROM i.created_at) * 1000000)::bigint, (extract(epoch FROM i.updated_at) * 1000000)::bigint
  FROM mailproxy.instance i
 WHERE i.instance_id = 1;
