-- intake_punycode: RFC 3492 section 6.3, with the parameters of its section 5.
CREATE OR REPLACE FUNCTION mailproxy.intake_punycode(label text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    digits CONSTANT text := 'abcdefghijklmnopqrstuvwxyz0123456789';
    points  integer[] := ARRAY(SELECT ascii(c) FROM string_to_table(label, NULL) AS c);
    coded   text := regexp_replace(label, '[^\u0001-\u007f]', '', 'g');
    basic   integer := length(coded);
    handled integer := basic;
    n       integer := 128;
    delta   integer := 0;
    bias    integer := 72;
    point   integer;
    q       integer;
    k       integer;
    t       integer;
BEGIN
    IF basic > 0 THEN
        coded := coded || '-';
    END IF;
    WHILE handled < cardinality(points) LOOP
        point := (SELECT min(p) FROM unnest(points) AS p WHERE p >= n);
        delta := delta + (point - n) * (handled + 1);
        n := point;
        FOREACH point IN ARRAY points LOOP
            delta := delta + (point < n)::integer;
            CONTINUE WHEN point <> n;
            q := delta;
            k := 36;
            LOOP
                t := least(greatest(k - bias, 1), 26);
                EXIT WHEN q < t;
                coded := coded || substr(digits, t + (q - t) % (36 - t) + 1, 1);
                q := (q - t) / (36 - t);
                k := k + 36;
            END LOOP;
            coded := coded || substr(digits, q + 1, 1);
            delta := CASE WHEN handled = basic THEN delta / 700 ELSE delta / 2 END;
            handled := handled + 1;
            delta := delta + delta / handled;
            bias := 0;
            WHILE delta > 455 LOOP
                delta := delta / 35;
                bias := bias + 36;
            END LOOP;
            bias := bias + 36 * delta / (delta + 38);
            delta := 0;
        END LOOP;
        delta := delta + 1;
        n := n + 1;
    END LOOP;
    RETURN 'xn--' || coded;
END $$;
COMMENT ON FUNCTION mailproxy.intake_punycode(text) IS 'The A-label of a label that is mapped already (RFC 3492, RFC 5891 section 4.4): xn--...';
