-- What functions answer, where SQL tells it best: pure ones by their cases, and bounds that a transaction, whose now() stands still, can
-- meet to the microsecond. What they do beside running programs is in tests/sql and tests/integration.
BEGIN;
SELECT no_plan();
INSERT INTO mailproxy.tenant (tenant_id) VALUES ('acme'), ('other');
INSERT INTO mailproxy.account (tenant_id, account_id, host, port) VALUES ('acme', 'main', 'relay.test', 25), ('acme', 'free', 'relay.test', 25);
INSERT INTO mailproxy.account_state (tenant_id, account_id) SELECT tenant_id, account_id FROM mailproxy.account;

-- attempt_bounds_ms(): an attempt counts under the first bound that is not below its duration (as record_attempts finds it).
SELECT is((mailproxy.attempt_bounds_ms())[width_bucket(took_ms - 1, mailproxy.attempt_bounds_ms()) + 1], le_ms, took_ms || ' ms count as le ' || le_ms)
  FROM (VALUES (0, 5), (5, 5), (6, 10), (10, 10), (300000, 300000), (300001, 2147483647), (2147483647, 2147483647)) AS v (took_ms, le_ms);

-- sync_is_due(): at its very bounds.
SELECT is(mailproxy.sync_is_due(ROW('acme', news, 1, at, 0, retry_at, NULL, NULL, NULL, NULL, NULL)::mailproxy.tenant_sync, active, interval_s), due, says)
  FROM (VALUES
    (1, now() - interval '300 s', NULL, true, 300, true, 'the interval is just over'),
    (1, now() - interval '299.999999 s', NULL, true, 300, false, 'a microsecond is missing'),
    (1, now(), NULL, true, 0, true, 'an interval of nothing is always over'),
    (2, now(), now(), true, 300, true, 'the pause after a failure is just over'),
    (2, now(), now() + interval '1 microsecond', true, 300, false, 'a microsecond of the pause is left'),
    (2, now(), NULL, NULL, NULL, true, 'news are due whatever else is known'),
    (1, NULL, NULL, NULL, 300, false, 'who is not known to be active is not polled')) AS v (news, at, retry_at, active, interval_s, due, says);

-- local_time()
SELECT is(mailproxy.local_time('2026-03-29 01:00+00', 'Europe/Rome'), '2026-03-29 03:00'::timestamp, 'summer time begins');
SELECT is(mailproxy.local_time('2026-03-29 01:00+00', NULL), NULL, 'no zone, no time');
SELECT is(mailproxy.local_time('infinity', 'UTC'), 'infinity'::timestamp, 'for ever is for ever everywhere');

-- explain_time(): in the session's zone.
SET LOCAL TimeZone = 'Europe/Rome';
SELECT is(mailproxy.explain_time('2026-07-01 10:00:00.9+00'), '2026-07-01 12:00:00 CEST', 'a moment as a sentence shows it');
SET LOCAL TimeZone = 'UTC';
SELECT is(mailproxy.explain_time(NULL), NULL, 'none is none');

-- stamp_rates(): counted at the end of the hundredth of the period, in each of an account's and its tenant's limits, and nowhere else.
UPDATE mailproxy.account SET limit_per_minute = 10, limit_per_day = 1000 WHERE account_id = 'main';
SELECT lives_ok($$SELECT mailproxy.stamp_rates('{acme,acme,acme}', '{main,free,nobody}', '{3,4,5}')$$, 'results of three accounts are counted');
SELECT results_eq('SELECT account_id, period::text, taken FROM mailproxy.rate_bucket b ORDER BY b.period', $$VALUES ('main' COLLATE "C", 'minute', 3), ('main', 'day', 3)$$,
                  'by the limits of the one that has any');
SELECT results_eq($$SELECT period::text, bucket_at >= now() AND bucket_at < now() + l.length / 100,
                           extract(epoch FROM bucket_at) % (extract(epoch FROM l.length) / 100) = 0
                      FROM mailproxy.rate_bucket b JOIN mailproxy.rate_length l USING (period) ORDER BY b.period$$,
                  $$VALUES ('minute', true, true), ('day', true, true)$$, 'as of the end of the slice of 0.6 s, and of 864 s');
UPDATE mailproxy.tenant SET rate_limits = '{"hourly": 100}' WHERE tenant_id = 'acme';
SELECT lives_ok($$SELECT mailproxy.stamp_rates('{acme,acme,acme}', '{main,free,main}', '{1,2,0}')$$, 'now the tenant has a limit, too');
SELECT results_eq('SELECT account_id, period::text, taken FROM mailproxy.rate_bucket b ORDER BY b.account_id, b.period',
                  $$VALUES ('' COLLATE "C", 'hour', 3), ('main', 'minute', 4), ('main', 'day', 4)$$, 'which counts over its accounts; what is in the slice adds up');

-- free_slots(): what is left of each limit, the least of all; a place's share of the tenant's.
CREATE FUNCTION pg_temp.free(place integer, places integer) RETURNS bigint LANGUAGE sql AS
    $$SELECT slots FROM mailproxy.free_slots('acme', 'main', place, places, 0, 10, 10)$$;
SELECT is(pg_temp.free(1, 1), 6::bigint, '10 a minute, 4 taken');
UPDATE mailproxy.rate_bucket SET taken = 90 WHERE account_id = '';
SELECT results_eq('SELECT pg_temp.free(p, 4) FROM generate_series(1, 4) p', $$VALUES (3::bigint), (3), (2), (2)$$, 'what is left of the tenant''s is divided by places');
UPDATE mailproxy.rate_bucket SET bucket_at = now() - interval '59.999999 s' WHERE period = 'minute';
SELECT is(pg_temp.free(1, 1), 6::bigint, 'a minute that is not over yet counts');
UPDATE mailproxy.rate_bucket SET bucket_at = now() - interval '1 minute' WHERE period = 'minute';
SELECT is(pg_temp.free(1, 1), 10::bigint, 'one that is over does not');
UPDATE mailproxy.rate_bucket SET bucket_at = now() - interval '20 s', taken = 12 WHERE period = 'minute';
SELECT results_eq($$SELECT slots, at_limit, closed_until - now(), reason FROM mailproxy.free_slots('acme', 'main', 1, 1, 0, 10, 10)$$,
                  $$VALUES (0::bigint, true, interval '40 s', 'rate limit of 10 per minute reached')$$, 'more taken than the limit, which was lowered: none, and until when');
SELECT results_eq($$SELECT slots, connections, at_limit FROM mailproxy.free_slots('acme', 'nobody', 1, 1, 0, 10, 10)$$,
                  'VALUES (NULL::bigint, NULL::bigint, false)', 'nothing is known of an account that is not there');
INSERT INTO mailproxy.worker (host, pid, version, lease_s, ended_at, ended_how) VALUES ('h', 1, 'v', 60, NULL, NULL), ('h', 2, 'v', 60, now(), 'reaped');
INSERT INTO mailproxy.connection_grant (tenant_id, account_id, lease_epoch, connections) SELECT 'acme', 'free', epoch, 3 FROM mailproxy.worker;
SELECT is((mailproxy.free_slots('acme', 'free', 1, 1, 0, 10, 20)).connections, 7::bigint, 'connections that living workers hold are taken, those of dead ones not');
SELECT is((mailproxy.free_slots('acme', 'free', 1, 1, 0, 10, 5)).connections, 5::bigint, 'a worker gets its share at most');
SELECT is((mailproxy.free_slots('acme', 'free', 1, 1, 0, 2, 20)).connections, 0::bigint, 'none are left when max_connections was lowered below what is held');
UPDATE mailproxy.account_state SET failures = 1 WHERE account_id = 'free';
SELECT is((mailproxy.free_slots('acme', 'free', 1, 1, 0, 10, 20)).connections, 1::bigint, 'an account that was at fault is tried over one');

-- reply_matches()
SELECT is(mailproxy.reply_matches(class, 0, code::smallint, reason), matches, format('%s, and the reply is %s', class, coalesce(code::text, 'none')))
  FROM (VALUES ('4xx', 400, NULL, true), ('4xx', 499, NULL, true), ('4xx', 500, NULL, false), ('4xx', NULL, 'timeout', NULL), ('550', 550, NULL, true),
               ('550', 551, NULL, false), ('none', NULL, 'timeout', true), ('none', NULL, NULL, false), ('none', 250, 'but', false)) AS v (class, code, reason, matches);

-- match_messages(): what a predicate means, and what is none.
SELECT throws_ok($$SELECT mailproxy.match_messages('{queued}', NULL, NULL, NULL, NULL, NULL)$$, 'P0002', 'there is no tenant null: name one');
SELECT throws_ok($$SELECT mailproxy.match_messages('{queued}', 'nobody', NULL, NULL, NULL, NULL)$$, 'P0002', 'there is no tenant ''nobody''');
SELECT throws_ok($$SELECT mailproxy.match_messages('{queued}', 'acme', 'nobody', NULL, NULL, NULL)$$, 'P0002', 'tenant ''acme'' has no account ''nobody''');
SELECT throws_ok(format('SELECT mailproxy.match_messages(''{queued}'', ''acme'', NULL, NULL, NULL, %L)', class), '22023', NULL, format('%L is no class of replies', class))
  FROM unnest('{"",3xx,4XX,44,4444,4.7,4.7.1.1,6.7.1,NONE,%}'::text[]) AS class;

-- intake_*: what the API takes for a number, a priority, a text.
SELECT is(mailproxy.intake_integer(v::jsonb), n::bigint, format('%s reads as %s', v, coalesce(n, 'no integer'))) FROM (VALUES
    ('7', '7'), ('7.0', '7'), ('7e0', '7'), ('7.5', NULL), ('"7"', '7'), ('" +7.00 "', '7'), ('"7.5"', NULL), ('""', NULL), ('"7e0"', NULL), ('true', '1'),
    ('false', '0'), ('null', NULL), ('[7]', NULL), ('{}', NULL), ('-9223372036854775808', '-9223372036854775808'), ('"9223372036854775807"', '9223372036854775807'),
    ('"9223372036854775808"', NULL), ('9223372036854775808', NULL), ('1e300', NULL)) AS v (v, n);
SELECT is(mailproxy.intake_priority(v::jsonb, 9), p, format('priority %s is %s', v, p)) FROM (VALUES
    ('"immediate"', 0), ('"HIGH"', 1), ('"Medium"', 2), ('"low"', 3), ('"lower"', 9), ('-1', 0), ('3', 3), ('4', 3), ('1e300', 3), ('-1e300', 0), ('2.5', 9),
    ('"2"', 2), ('"-2"', 0), ('null', 9), ('[]', 9)) AS v (v, p);
SELECT is(mailproxy.intake_text_reason(v::jsonb, h), r, format('%s as a text%s', v, CASE WHEN h THEN ' of a header' END)) FROM (VALUES
    ('"a"', true, NULL), ('null', true, NULL), ('""', true, NULL), ('7', false, 'is not a string'), ('"a\nb"', true, 'contains CR or LF'), ('"a\rb"', true, 'contains CR or LF'),
    ('"a\nb"', false, NULL)) AS v (v, h, r);
SELECT is(mailproxy.intake_line_reason(v::jsonb, 4), r, format('%s as a line of 4 octets', v)) FROM (VALUES
    ('"abcd"', NULL), ('"abcde"', 'is longer than 4 octets'), ('"éé"', NULL), ('"ééa"', 'is longer than 4 octets'), ('"\u007f"', 'contains a control character'),
    ('"\r\u0001"', 'contains CR or LF'), ('"\t"', 'contains a control character'), ('null', NULL), ('true', 'is not a string')) AS v (v, r);

-- intake_punycode(): the samples of RFC 3492 section 7.1 that are lower case, and labels of daily use.
SELECT is(mailproxy.intake_punycode(label), 'xn--' || coded, 'Punycode of ' || label) FROM (VALUES
    ('ليهمابتكلموشعربي؟', 'egbpdaj6bu4bxfgehfvwxn'), ('他们为什么不说中文', 'ihqwcrb4cv8a8dqg056pqjye'), ('למההםפשוטלאמדבריםעברית', '4dbcagdahymbxekheh6e0a7fei0b'),
    ('なぜみんな日本語を話してくれないのか', 'n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa'), ('почемужеонинеговорятпорусски', 'b1abfaaepdrnnbgefbadotcwatmq2g4l'),
    ('ひとつ屋根の下2', '2-u9tlzr9756bt3uc0v'), ('パフィーdeルンバ', 'de-jg4avhby1noc0d'), ('そのスピードで', 'd9juau41awczczp'),
    ('bücher', 'bcher-kva'), ('münchen-ost', 'mnchen-ost-9db'), ('ß', 'zca')) AS v (label, coded);

-- intake_address_spec() (RFC 5321 4.1.2, 4.5.3.1)
SELECT results_eq(format('SELECT reason, domain FROM mailproxy.intake_address_spec(%L)', spec), format('VALUES (%L::text, %L::text)', r, d), spec) FROM (VALUES
    ('a@b.example', NULL, 'b.example'), ('a@B.Example', NULL, 'b.example'), ('"a b"@b.example', NULL, 'b.example'), ('a@bücher.example', NULL, 'xn--bcher-kva.example'),
    (repeat('x', 64) || '@b.example', NULL, 'b.example'), (repeat('x', 65) || '@b.example', 'local part is longer than 64 octets', NULL),
    ('@b.example', 'local part is empty', NULL), ('a', 'is not an address', NULL), ('.a@b.example', 'local part has a dot at an end, or two in a row', NULL),
    ('a..b@b.example', 'local part has a dot at an end, or two in a row', NULL), ('a b@b.example', 'local part has a character that needs quotes', NULL),
    ('"a@b.example', 'local part has an unclosed quote', NULL), (E'a\tb@b.example', 'local part has a character that needs quotes', NULL)) AS v (spec, r, d);

-- count_queue(), partition_holds(), create_partitions(), history_begins_at()
INSERT INTO mailproxy.message (message_pk, tenant_id, account_id, message_id, mime_message_id, size_octets, priority)
     SELECT i, 'acme', 'main', 'm' || i, '<x@test>', 10, 2 FROM generate_series(1, 4) i;
INSERT INTO mailproxy.queue (message_pk, due_at, priority, tenant_id, account_id, state)
     VALUES (1, now() - interval '1 hour', 2, 'acme', 'main', 'held'), (2, now(), 2, 'acme', 'main', 'ready'), (3, now() + interval '1 s', 2, 'acme', 'main', 'scheduled');
SELECT results_eq('SELECT pending, oldest_due_at = now() FROM mailproxy.count_queue()', 'VALUES (3::bigint, true)', 'the oldest that may go is neither held nor before its time');
CREATE FUNCTION pg_temp.today(parent text) RETURNS regclass LANGUAGE sql AS $$SELECT ('mailproxy.' || parent || to_char(now() AT TIME ZONE 'UTC', '_YYYYMMDD'))::regclass$$;
SELECT is(mailproxy.partition_holds(pg_temp.today(p)), NULL, 'today''s ' || p || ' is empty: it holds nothing') FROM unnest('{message_body,event}'::text[]) AS p;
INSERT INTO mailproxy.message_body (message_pk, created_at, content) SELECT message_pk, created_at, '{}' FROM mailproxy.message;
INSERT INTO mailproxy.event (message_pk, event_at, event_type, tenant_id) VALUES (4, now(), 'sent', 'acme');
SELECT is(mailproxy.partition_holds(pg_temp.today('message_body')), 'unsent', 'a day with a message that is queued is kept');
SELECT is(mailproxy.partition_holds(pg_temp.today('event')), 'unreported', 'a day with an event that nobody was told of, too');
UPDATE mailproxy.event SET reported_at = now();
DELETE FROM mailproxy.queue WHERE message_pk < 4;
SELECT is(mailproxy.partition_holds(pg_temp.today(p)), NULL, 'then ' || p || ' may go') FROM unnest('{message_body,event}'::text[]) AS p;
SELECT is(mailproxy.partition_holds('mailproxy.queue'), NULL, 'what is no partition of ours is not looked into');
SELECT cmp_ok(mailproxy.create_partitions(), '<=', 4, 'partitions are made for the day that may have begun since there are any');
SELECT is(mailproxy.create_partitions(), 0, 'then there are some for all days');
SELECT is(mailproxy.create_partitions(15), 4, 'one day more is a partition of each of four tables');
SELECT lives_ok('DROP TABLE mailproxy.event' || to_char(now() AT TIME ZONE 'UTC' + interval '3 days', '_YYYYMMDD'), 'one is lost');
SELECT is(mailproxy.create_partitions(), 1, 'and made again');
CREATE TEMP TABLE began AS SELECT mailproxy.history_begins_at() AS at;
SELECT is(at, date_trunc('day', at, 'UTC'), 'history begins with a day') FROM began;
DO $$ BEGIN EXECUTE 'DROP TABLE mailproxy.event' || to_char((SELECT at AT TIME ZONE 'UTC' FROM began), '_YYYYMMDD'); END $$;
SELECT is(mailproxy.history_begins_at(), at + interval '1 day', 'without its first day it begins with the next') FROM began;
CREATE TABLE mailproxy.event_before PARTITION OF mailproxy.event FOR VALUES FROM (MINVALUE) TO ('2000-01-01 00:00:00+00');
SELECT is(mailproxy.history_begins_at(), '-infinity', 'nothing is known of it where a partition is not a day');

SELECT * FROM finish();
ROLLBACK;
