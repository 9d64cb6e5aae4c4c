-- dba: people who operate it by SQL. They read all but secrets and change what cannot be used to get at one: not where an account
-- or a report goes, for the password would go there with the next message.
GRANT USAGE ON SCHEMA mailproxy TO mailproxy_dba;

DO $$
DECLARE
    relation record;
BEGIN
    FOR relation IN
        SELECT c.oid::regclass AS name,
               bool_or(a.attname ~ '_sealed$' OR a.attname = 'api_key_hash' OR (c.relname, a.attname) = ('message_body', 'content')) AS secretive,
               string_agg(quote_ident(a.attname), ', ')
                   FILTER (WHERE NOT (a.attname ~ '_sealed$' OR a.attname = 'api_key_hash' OR (c.relname, a.attname) = ('message_body', 'content')))
                   AS open_columns
          FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE c.relnamespace = 'mailproxy'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
         GROUP BY c.oid
    LOOP
        EXECUTE format('GRANT SELECT %s ON %s TO mailproxy_dba',
                       CASE WHEN relation.secretive THEN '(' || relation.open_columns || ')' END, relation.name);
    END LOOP;
END $$;

GRANT UPDATE (name, active, suspended_batches, rate_limits, retry_delays, retry_max_age_s, updated_at) ON mailproxy.tenant TO mailproxy_dba;
GRANT UPDATE (name, max_connections, batch_size, limit_per_minute, limit_per_hour, limit_per_day, limit_behavior, retry_delays, retry_max_age_s,
              timeout_s, ttl_s, updated_at) ON mailproxy.account TO mailproxy_dba;
GRANT UPDATE (name, active, updated_at) ON mailproxy.instance TO mailproxy_dba;
GRANT INSERT, UPDATE, DELETE ON mailproxy.rule TO mailproxy_dba;
GRANT INSERT, UPDATE, DELETE, TRUNCATE ON mailproxy.rate_bucket TO mailproxy_dba;
GRANT EXECUTE ON FUNCTION mailproxy.create_partitions(integer), mailproxy.partition_holds(regclass) TO mailproxy_dba;
GRANT EXECUTE ON FUNCTION mailproxy.cancel, mailproxy.pause, mailproxy.purge, mailproxy.reap_worker, mailproxy.reprioritise,
                          mailproxy.requeue, mailproxy.reroute, mailproxy.resume, mailproxy.retry_now,
                          mailproxy.confirm_restore TO mailproxy_dba;
