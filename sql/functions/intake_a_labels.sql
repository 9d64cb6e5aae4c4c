-- intake_a_labels: the A-labels of an internationalised domain.
-- UTS 46 maps each character, and RFC 5892 says which may be in a name at all: tables that the programs have in libidn2. Here
-- NFKC and lower case do for the mapping, and what is plainly no letter, mark or digit is refused. What only libidn2 refuses
-- becomes an error when a worker composes the message.
-- Needs: intake_punycode.
CREATE OR REPLACE FUNCTION mailproxy.intake_a_labels(given text, OUT reason text, OUT domain text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    mapped text := regexp_replace(given, '[\u00ad\u200b\u2060\ufe00-\ufe0f\ufeff]', '', 'g');
BEGIN
    IF to_regcollation('pg_catalog."und-x-icu"') IS NOT NULL THEN
        mapped := lower(mapped COLLATE "und-x-icu"); -- the database's own may know of no letter beyond ASCII
    ELSE
        mapped := lower(mapped);
    END IF;
    mapped := translate(normalize(mapped, NFKC), '。', '.');
    IF mapped ~ ('[^\u0001-\u007f\u00b7\u00df-\u00f6\u00f8-\u1fff\u200c\u200d\u2c00-\u2fff\u3005-\ud7ff\uf900-\ufdff\ufe20-\ufe2f'
                 '\ufe70-\ufefc\U00010000-\U0001cfff\U0001e000-\U0001efff\U00020000-\U000323af]') THEN
        reason := 'domain is not an internationalised name: string contains a disallowed character';
        RETURN;
    END IF;
    domain := (SELECT coalesce(string_agg(CASE WHEN l.label ~ '[^\u0001-\u007f]' THEN mailproxy.intake_punycode(l.label) ELSE l.label END,
                                 '.' ORDER BY l.place), '')
                 FROM string_to_table(mapped, '.') WITH ORDINALITY AS l (label, place));
END $$;
COMMENT ON FUNCTION mailproxy.intake_a_labels(text) IS 'reason: why this is no internationalised domain; or domain: the same in A-labels, still to be checked as any other.';
