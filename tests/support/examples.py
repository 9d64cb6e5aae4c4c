"""
The examples of a document: shell commands with the answers they really gave.

In a block between ``` lines a line that begins with "$ " is a command; lines that are indented by four spaces go on with it. What
follows is its answer. The commands run in the document's order, against one system, with $API, $ADMIN and $TOKEN (the
last api_key that an answer brought) in the environment. Between blocks, `<!-- examples: work -->` starts a worker and waits
until nothing is left to send or to report. Names that stand for what the
run provides (a relay's port, a store's URL) are given as [(as written, as it is)].
"""

import os
import re
import subprocess

# What differs from run to run.
VOLATILE = [
    (re.compile(r'"(created_at|updated_at)":"[^"]*"'), r'"\1":"T"'),
    (re.compile(r'"(\w+_ts|next_sync_after|expires_at)":[0-9.]+'), r'"\1":0'),
    (re.compile(r'"(api_key|pk|next)":"[^"]*"'), r'"\1":"K"'),
    (re.compile(r'"(event_id|id)":\d+'), r'"\1":0'),
    (re.compile(r"(_seconds(?:_sum)?(?:\{[^}]*\})?) [0-9.e+-]+"), r"\1 0"),
]


class Example:
    def __init__(self, command, answer):
        self.command = command
        self.answer = answer


def stable(text):
    for pattern, replacement in VOLATILE:
        text = pattern.sub(replacement, text)
    return text.strip()


def parse(text):
    """The document as a list of strings, Examples and the word "work"; join() is the inverse."""
    pieces, inside = [], False
    for line in text.splitlines(keepends=True):
        if line.startswith("```"):
            inside = not inside
            pieces.append(line)
        elif line.strip() == "<!-- examples: work -->":
            pieces += ["work", line]
        elif inside and line.startswith("$ "):
            pieces.append(Example(line, ""))
        elif inside and isinstance(pieces[-1], Example):
            example = pieces[-1]
            if not example.answer and line.startswith("    "):
                example.command += line
            else:
                example.answer += line
        else:
            pieces.append(line)
    return pieces


def join(pieces):
    return "".join(p.command + p.answer if isinstance(p, Example) else p for p in pieces if p != "work")


def run(example, environment, names):
    """The answer, as text; remembers a token it brought."""
    command = example.command[2:]
    for written, real in names:
        command = command.replace(written, real)
    done = subprocess.run(["bash", "-c", command.replace("curl ", "curl -sS ")], env={**os.environ, **environment},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    answer = done.stdout + done.stderr
    for written, real in names:
        answer = answer.replace(real, written)
    key = re.search(r'"api_key":"([^"]+)"', answer)
    if key:
        environment["TOKEN"] = key.group(1)
    return answer.strip() + "\n"


def run_all(text, environment, names, work):
    """(the document with today's answers, [(command, written, given)] where they differ). Answers that differ only in what
    always does stay as they are written."""
    pieces, differing = parse(text), []
    for piece in pieces:
        if piece == "work":
            work()
        elif isinstance(piece, Example):
            given = run(piece, environment, names)
            if stable(given) != stable(piece.answer):
                differing.append((piece.command, piece.answer, given))
                piece.answer = given
    return join(pieces), differing
