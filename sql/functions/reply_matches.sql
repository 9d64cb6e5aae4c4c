-- reply_matches: is this how a message's last attempt was answered?
CREATE OR REPLACE FUNCTION mailproxy.reply_matches(reply_class text, of_message bigint, code smallint, reason text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN reply_class = 'none' THEN code IS NULL AND reason IS NOT NULL
                WHEN reply_class LIKE '_xx' THEN code / 100 = left(reply_class, 1)::integer
                WHEN reply_class LIKE '_.%' THEN reply_class = (SELECT a.status FROM mailproxy.attempt a
                                                                 WHERE a.message_pk = of_message
                                                                 ORDER BY a.attempt_pk DESC LIMIT 1)
                ELSE code = reply_class::smallint END
$$;
COMMENT ON FUNCTION mailproxy.reply_matches(text, bigint, smallint, text) IS 'Whether the last attempt at a message (message_pk, and its reply_code and reason) was answered by this: ''4xx'', ''550'', an enhanced status as ''5.7.1'' (RFC 3463), or ''none'': it failed without a reply.';
