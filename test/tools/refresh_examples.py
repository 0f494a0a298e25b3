#!/usr/bin/env python3
"""Fills in what the examples of a manual page print: runs every ```sql block of
the pages named and writes its output into the plain ``` block that follows.

    PGHOST=... PGPORT=... PGUSER=... refresh_examples.py doc/journey.md ...

Read the difference before committing it: the test compares with what this
wrote, so a wrong answer written here is a wrong answer kept."""
import re
import subprocess
import sys

BLOCK = re.compile(r"(```sql\n(.*?)\n```\n)(\s*```\n.*?```)?", re.S)


def run(page, queries):
    database = re.sub(r"\W", "_", page.split("/")[-1]).lower()
    for command in (f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database}"):
        subprocess.run(["psql", "-X", "-q", "-d", "postgres", "-c", command], check=True)
    script = "SET timezone='UTC'; SET datestyle='ISO'; SET jit=off;\n\\set VERBOSITY default\n\\pset pager off\n"
    for i, query in enumerate(queries):
        script += f"\\echo >>>>{i}\n{query}\n"
    out = subprocess.run(["psql", "-X", "-q", "-d", database, "-f", "/dev/stdin"], input=script,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    out = re.sub(r"^psql:[^\n]*?: (?=ERROR|NOTICE|WARNING)", "", out, flags=re.M)
    parts = re.split(r"^>>>>(\d+)\n", out, flags=re.M)
    return {int(parts[i]): parts[i + 1] for i in range(1, len(parts), 2)}


for page in sys.argv[1:]:
    with open(page) as file:
        text = file.read()
    queries = [m.group(2) for m in BLOCK.finditer(text)]
    outputs = run(page, queries)
    number = iter(range(len(queries)))

    def fill(match):
        i = next(number)
        if match.group(3) is None:
            return match.group(0)
        lines = [line.rstrip() for line in outputs[i].strip("\n").split("\n")]
        return match.group(1) + "```\n" + "\n".join(lines) + "\n```"

    filled = BLOCK.sub(fill, text)
    with open(page, "w") as file:
        file.write(filled)
