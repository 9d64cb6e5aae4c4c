-- message_content: what messages say, without what is needed to fetch their attachments.
CREATE OR REPLACE VIEW mailproxy.message_content AS
SELECT b.message_pk, b.created_at,
       CASE WHEN b.content::text LIKE '%"auth"%' AND json_typeof(b.content -> 'attachments') = 'array'
                 AND json_array_length(b.content -> 'attachments') > 0
            THEN jsonb_set(b.content::jsonb, '{attachments}',
                           (SELECT jsonb_agg(a.item - 'auth' ORDER BY a.place)
                              FROM jsonb_array_elements(b.content::jsonb -> 'attachments') WITH ORDINALITY AS a (item, place)))::json
            ELSE b.content END AS content
  FROM mailproxy.message_body b;
COMMENT ON VIEW mailproxy.message_content IS 'message_body without the `auth` of attachments, which may be sealed secrets. Look for a message by message_pk and, so that one day''s partition is read, created_at of mailproxy.message.';
