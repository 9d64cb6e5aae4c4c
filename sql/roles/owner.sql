-- owner: whoever migrates. Its members' migrations run as the schema's owner, so that everything has one owner.
-- A schema that belongs to this role needs no grants; one that somebody else has migrated stays theirs.
GRANT USAGE ON SCHEMA mailproxy TO mailproxy_owner;
