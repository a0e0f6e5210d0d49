#!/usr/bin/env python3
"""Writes python_text_tables.cc: the character properties behind Python's str methods, asked of Python itself.

Run by hand, from this folder, when a newer Unicode is wanted; the result is committed.
"""
import sys
import unicodedata

CODE_POINTS = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c <= 0xDFFF]


def ranges(has_property):
    """Runs of code points in steps of one or two (cased letters often alternate)."""
    runs = []
    for code in (ord(c) for c in CODE_POINTS if has_property(c)):
        if runs and code - runs[-1][1] in (1, 2):
            first, last, stride = runs[-1]
            if stride in (0, code - last):
                runs[-1] = [first, code, code - last]
                continue
        runs.append([code, code, 0])
    return [(first, last, stride or 1) for first, last, stride in runs]


def shifts(convert):
    """Runs of code points that one distance away have their counterpart."""
    runs = []
    for c in CODE_POINTS:
        other = convert(c)
        if len(other) != 1 or other == c:
            continue
        code, distance = ord(c), ord(other) - ord(c)
        if runs and runs[-1][3] == distance and code - runs[-1][1] in (1, 2):
            first, last, stride, _ = runs[-1]
            if stride in (0, code - last):
                runs[-1] = [first, code, code - last, distance]
                continue
        runs.append([code, code, 0, distance])
    return [(first, last, stride or 1, distance) for first, last, stride, distance in runs]


def wrapped(items):
    lines, line = [], "   "
    for item in items:
        if len(line) + len(item) + 2 > 100:
            lines.append(line)
            line = "   "
        line += " " + item + ","
    return "\n".join(lines + [line])


def emit(kind, name, rows):
    items = ["{" + ", ".join(hex(v) if i < 2 else str(v) for i, v in enumerate(row)) + "}" for row in rows]
    print(f"constexpr {kind} {name}Table[] = {{\n{wrapped(items)}}};\n"
          f"const std::span<const {kind}> {name} = {name}Table;\n")


def emit_expansions(name, convert):
    rows = [(ord(c), convert(c)) for c in CODE_POINTS if len(convert(c)) > 1]
    items = ['{0x%x, U"%s"}' % (code, "".join("\\U%08x" % ord(x) for x in text)) for code, text in rows]
    print(f"constexpr Expansion {name}Table[] = {{\n{wrapped(items)}}};\n"
          f"const std::span<const Expansion> {name} = {name}Table;\n")


sys.stdout = open("python_text_tables.cc", "w", encoding="ascii")
print(f"""// Character properties of Unicode {unicodedata.unidata_version}, as Python's str methods know them.
// Written by make_python_text_tables.py beside this file: change that, not this.
#include "kernels/model/jinja/python_text_tables.h"

namespace conduit::kernels::jinja {{

// clang-format off
""")
emit("Range", "kUnprintable", ranges(lambda c: not c.isprintable()))
emit("Range", "kAlphabetic", ranges(str.isalpha))
emit("Range", "kDecimal", ranges(str.isdecimal))
emit("Range", "kDigit", ranges(str.isdigit))
emit("Range", "kNumeric", ranges(str.isnumeric))
emit("Range", "kUpper", ranges(lambda c: c.isupper()))
emit("Range", "kLower", ranges(lambda c: c.islower()))
emit("Shift", "kToUpper", shifts(str.upper))
emit("Shift", "kToLower", shifts(str.lower))
emit("Shift", "kToTitle", shifts(str.title))
emit_expansions("kExpandedUpper", str.upper)
emit_expansions("kExpandedTitle", str.title)
print("// clang-format on\n\n}  // namespace conduit::kernels::jinja")
