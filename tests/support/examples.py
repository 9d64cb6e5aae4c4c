"""
The examples of a document: shell commands with the answers they really gave.

In a block between ``` lines a line that begins with "$ " is a command; lines that are indented by four spaces go on with it. What
follows is its answer. The commands run in the document's order, against one system, with $API, $ADMIN and $TOKEN (the
last api_key that an answer brought) in the environment. Between blocks, `<!-- examples: NAME -->` calls the run's own function of that
name, which makes happen what the document goes on to tell. Names that stand for what the
run provides (a relay's port, a store's URL) are given as [(as written, as it is)].
"""

import os
import re
import shlex
import subprocess

# What differs from run to run.
VOLATILE = [
    (re.compile(r'"(created_at|updated_at)":"[^"]*"'), r'"\1":"T"'),
    (re.compile(r'"(\w+_ts|next_sync_after|expires_at)":[0-9.]+'), r'"\1":0'),
    (re.compile(r'"(api_key|pk|next)":"[^"]*"'), r'"\1":"K"'),
    (re.compile(r'"(event_id|id)":\d+'), r'"\1":0'),
    (re.compile(r'"(\w+_seconds|\w+_ms)":[0-9.]+'), r'"\1":0'),
    (re.compile(r'"(worker|version)":"[^"]*"'), r'"\1":"V"'),
    (re.compile(r"(_seconds(?:_sum)?(?:\{[^}]*\})?) [0-9.e+-]+"), r"\1 0"),
]


SCENE = re.compile(r"<!-- examples: (.+) -->\n")


class Scene:
    def __init__(self, line):
        self.line = line
        self.name = SCENE.fullmatch(line).group(1)


class Example:
    def __init__(self, command, answer):
        self.command = command
        self.answer = answer


def stable(text, volatile=()):
    for pattern, replacement in [*VOLATILE, *volatile]:
        text = pattern.sub(replacement, text)
    return text.strip()


def is_unfinished(command):
    """Within quotes, or after a backslash at the end of a line."""
    try:
        shlex.split(command)
    except ValueError:
        return True
    return command.endswith("\\\n")


def parse(text):
    """The document as a list of strings, Scenes and Examples; join() is the inverse."""
    pieces, inside = [], False
    for line in text.splitlines(keepends=True):
        if line.startswith("```"):
            inside = not inside
            pieces.append(line)
        elif SCENE.fullmatch(line):
            pieces.append(Scene(line))
        elif inside and line.startswith("$ "):
            pieces.append(Example(line, ""))
        elif inside and isinstance(pieces[-1], Example):
            example = pieces[-1]
            if not example.answer and line.startswith("    ") and is_unfinished(example.command):
                example.command += line
            else:
                example.answer += line
        else:
            pieces.append(line)
    return pieces


def join(pieces):
    return "".join(p.command + p.answer if isinstance(p, Example) else p.line if isinstance(p, Scene) else p for p in pieces)


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
    return answer.rstrip().lstrip("\n") + "\n"


def run_all(text, environment, names, scenes, volatile=()):
    """(the document with today's answers, [(command, written, given)] where they differ). Answers that differ only in what
    always does, or by volatile [(pattern, replacement)] may, stay as they are written. scenes: name -> function()."""
    pieces, differing = parse(text), []
    for piece in pieces:
        if isinstance(piece, Scene):
            scenes[piece.name]()
        elif isinstance(piece, Example):
            given = run(piece, environment, names)
            if stable(given, volatile) != stable(piece.answer, volatile):
                differing.append((piece.command, piece.answer, given))
                piece.answer = given
    return join(pieces), differing
