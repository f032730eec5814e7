"""What Python itself makes of a table: the yardstick for `analyze`.

Reads one JSON task a line from stdin and answers each with one line of JSON:
{"texts": [...]}                          -> per text, repr(float(text)), or null where that fails
{"file", "field", "descending", "count"}  -> the table as text, or null where Python cannot sort
"""

import csv
import json
import sys


def as_number(value):
    """The float that a cell stands for; None if it is no number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def shown(value):
    number = as_number(value)
    return str(value) if number is None else repr(number)


def aligned(value, width):
    text = shown(value)
    return text.ljust(width) if as_number(value) is None else text.rjust(width)


def sort_key(value):
    number = as_number(value)
    return str(value) if number is None else number


def table(file, field, descending, count):
    with open(file, newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if not rows:
        return "CSV file is empty.\n"
    names = list(rows[0])
    if field not in names:
        return f"Error: Field '{field}' does not exist.\n"
    try:
        ordered = sorted(rows, key=lambda row: sort_key(row[field]), reverse=descending)
    except TypeError:  # numbers and text in one column have no order
        return None
    widths = {name: max(len(name), *(len(shown(row[name])) for row in rows)) for name in names}
    head = " | ".join(name.ljust(widths[name]) for name in names)
    body = [" | ".join(aligned(row[name], widths[name]) for name in names) for row in ordered[:count]]
    return "\n".join([head, "-" * len(head), *body]) + "\n"


def answer(task):
    if "texts" in task:
        numbers = (as_number(text) for text in task["texts"])
        return [None if number is None else repr(number) for number in numbers]
    return table(**task)


for line in sys.stdin:
    json.dump(answer(json.loads(line)), sys.stdout)
    print()
