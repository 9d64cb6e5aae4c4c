"""The group roles, and which statements each program runs."""

import pathlib
import re

from .builds import ROOT
from .queue_sql import STATEMENTS

ROLES = [path.stem for path in sorted(pathlib.Path(ROOT, "sql", "roles").glob("*.sql"))]
# Of those in common/ all but what `migrate` runs.
BOTH = {"check_time_zone", "find_schema", "read_schema_version"}


def statements_of(program):
    """The names of the statements that the program's C mentions."""
    source = "".join(path.read_text() for path in pathlib.Path(ROOT, program).rglob("*.c"))
    return sorted(({name.lower() for name in re.findall(r"\bSQL_([A-Z0-9_]+)\b", source)} & set(STATEMENTS)) | BOTH)


def program_of(statement):
    """The worker's, where both run it."""
    return next(program for program in ("worker", "server") if statement in statements_of(program))


def prepare(conn, name):
    """Prepare the statement under its name; what executes it with nulls."""
    conn.execute(f'PREPARE "{name}" AS {STATEMENTS[name]}')
    types, = conn.execute("SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = %s", [name]).fetchone()
    return f'EXECUTE "{name}"' + (f"({', '.join(f'NULL::{kind}' for kind in types)})" if types else "")
