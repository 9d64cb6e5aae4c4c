#!/usr/bin/python3
"""
lint_rooms.py ROOT - the rules of the house that no compiler knows. Prints "file:line: rule" for every breach.

Who may include whom: the rooms (common, server, worker), the stages inside worker/ in the order of the flow, and which
library belongs where. Besides: own header first, no banned function, files under 500 and functions under 60 lines.
"""

import os
import re
import sys

FILE_LINES = 500
FUNCTION_LINES = 60
STAGES = ["claim", "compose", "authorize", "send", "record", "report", "sweep"]
KNOWS_ALL_STAGES = {"worker/flow.c", "worker/flow.h", "worker/loop.c", "worker/loop.h", "worker/main.c"}

# Library header (a regular expression) -> the files (another) that may include it.
LIBRARIES = [
    (r"civetweb\.h", r"server/(http|routes)/"),
    (r"curl/", r"worker/"),
    # Besides the database's own modules, those that read a PGresult.
    (r"libpq-fe\.h", r"(common/(db|migrate)|server/(intake|routes|http)/|worker/(loop|main|claim/|compose/|authorize/|record/|report/|sweep/))"),
    (r"gmime/", r"(common/address|worker/compose/|worker/sweep/bounce)"),
    (r"openssl/", r"common/"),
    (r"cmocka\.h", r"tests/"),
]

# Functions that cannot be used safely, and why they are never needed.
BANNED = {
    "sprintf": "snprintf knows the room", "vsprintf": "vsnprintf knows the room", "strcpy": "memcpy or buf_append",
    "strcat": "buf_append", "strtok": "strcspn", "atoi": "strtol reports errors", "atol": "strtol reports errors",
    "atoll": "strtoll reports errors", "gets": "fgets knows the room", "alloca": "malloc can fail", "system": "no shell",
    "popen": "no shell",
}
BANNED_CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")


def without_comments_and_strings(text):
    """The same text, line by line, with comments and literals blanked."""
    token = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
    return token.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def includes_of(text):
    """(line number, name, is_local)"""
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">]+)[">]', text, re.M):
        yield text.count("\n", 0, match.start()) + 1, match.group(2), match.group(1) == '"'


def stage_of(path):
    parts = path.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == "worker" and parts[1] in STAGES else None


def check_include(path, name, is_local):
    """Why this include is a breach; None when it is none."""
    room = path.split("/")[0]
    if room == "tests":
        return None
    if is_local:
        target = name.split("/")[0]
        if target not in ("common", "sql", room) and "/" in name:
            return f"{room}/ may not include {target}/"
        if room == "common" and target not in ("common", "sql"):
            return "common/ includes common/ and sql/ only"
        theirs, mine = stage_of(name), stage_of(path)
        if theirs and mine and STAGES.index(theirs) > STAGES.index(mine):
            return f"stage {mine} may not include the later stage {theirs}"
        if theirs and not mine and room == "worker" and path not in KNOWS_ALL_STAGES:
            return f"only {', '.join(sorted(KNOWS_ALL_STAGES))} know all stages"
        return None
    for library, allowed in LIBRARIES:
        if re.match(library, name) and not re.match(allowed, path):
            return f"<{name}> does not belong here"
    return None


def check_functions(code):
    """(line number, name, lines) of each function; clang-format puts its braces in the first column."""
    start = name = None
    for number, line in enumerate(code.split("\n"), 1):
        head = re.match(r"[A-Za-z].*?\b(\w+)\(", line)
        if head and not line.rstrip().endswith(";"):
            name = head.group(1)
        if line == "{":
            start = number
        elif line == "}" and start:
            yield start, name, number - start - 1
            start = None


def check_c_file(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as f:
        text = f.read()
    code = without_comments_and_strings(text)
    includes = list(includes_of(text))
    for line, name, is_local in includes:
        why = check_include(path, name, is_local)
        if why:
            yield line, why
    own = re.sub(r"\.c$", ".h", path)
    if path.endswith(".c") and os.path.exists(os.path.join(root, own)) and includes[0][1] != own:
        yield includes[0][0], f'the first include is the own header "{own}"'
    if path.endswith(".h"):
        guard = re.sub(r"[/.]", "_", path).upper()
        if f"#ifndef {guard}\n#define {guard}\n" not in text:
            yield 1, f"the guard is {guard}"
    for match in BANNED_CALL.finditer(code):
        yield code.count("\n", 0, match.start()) + 1, f"{match.group(1)}() is banned: {BANNED[match.group(1)]}"
    if text.count("\n") > FILE_LINES:
        yield FILE_LINES, f"{text.count(chr(10))} lines; a file has at most {FILE_LINES}"
    for line, name, lines in check_functions(code):
        if lines > FUNCTION_LINES:
            yield line, f"{name}() has {lines} lines; a function has at most {FUNCTION_LINES}"


def files_of(root):
    for directory, names, files in os.walk(root):
        names[:] = [n for n in names if not n.startswith((".git", ".run", "build", "__pycache__", ".pytest"))]
        for name in files:
            yield os.path.relpath(os.path.join(directory, name), root)


def main(root):
    breaches = []
    for path in sorted(files_of(root)):
        if path.endswith((".c", ".h")) and path.split("/")[0] in ("common", "server", "worker", "tests"):
            breaches += [(path, *found) for found in check_c_file(root, path)]
    for path, line, why in breaches:
        print(f"{path}:{line}: {why}")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))
