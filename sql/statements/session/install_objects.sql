-- install_objects: bring the views and functions to the form this program was built with.
-- $1..$4 text[] kind, name, digest and text of each, in the order they are to be installed
-- Rows: one integer: how many were installed; 0: they were all there.
-- Locks: views and functions that are dropped or replaced.
-- Called by: migrate_install() in common/migrate.c.
SELECT mailproxy.install_objects($1::text[], $2::text[], $3::text[], $4::text[]);
