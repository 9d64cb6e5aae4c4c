-- partition_status: which days are stored, how large they are, and what keeps an old one.
CREATE OR REPLACE VIEW mailproxy.partition_status AS
SELECT d.table_name, d.partition, d.day, pg_total_relation_size(d.oid) AS octets,
       CASE WHEN d.day < (now() AT TIME ZONE 'UTC')::date THEN mailproxy.partition_holds(d.oid) END AS holds
  FROM (SELECT p.relname::text AS table_name, c.relname::text AS partition, c.oid,
               CASE WHEN c.relname ~ ('^' || p.relname || '_[0-9]{8}$') THEN to_date(right(c.relname, 8), 'YYYYMMDD') END AS day
          FROM pg_inherits i
          JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r'
          JOIN pg_class p ON p.oid = i.inhparent AND p.relkind = 'p'
         WHERE p.relnamespace = 'mailproxy'::regnamespace) d;
COMMENT ON VIEW mailproxy.partition_status IS 'One row for each day of each table that is stored by the day (UTC). Question: how much is kept, and why is something kept for longer than it should be? Reads the catalog, and of past days the few queue rows as old.';
COMMENT ON COLUMN mailproxy.partition_status.octets IS 'With its indexes and what is stored out of line.';
COMMENT ON COLUMN mailproxy.partition_status.holds IS 'Of a past day: unsent (there is something in it of a message that is not final) or unreported (an event that its tenant was not told of): it is not dropped. Null: it goes when its time has come.';
