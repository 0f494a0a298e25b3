#!/usr/bin/env python3
"""Prints src/journey/unicode_letters.h: the ranges of letters, marks and digits
of the Unicode version that this Python knows."""
import unicodedata

ranges = []
for c in range(0x80, 0x110000):
    if unicodedata.category(chr(c))[0] in "LM" or unicodedata.category(chr(c)) in ("Nd", "Nl"):
        if ranges and ranges[-1][1] == c - 1:
            ranges[-1][1] = c
        else:
            ranges.append([c, c])
print(f"""/*-------------------------------------------------------------------------
 *
 * unicode_letters.h
 *		Letters, marks and digits above ASCII, as ranges of code points.
 *
 * Unicode {unicodedata.unidata_version}, categories L*, M*, Nd and Nl.
 * Made by test/tools/unicode_letters.py; do not edit.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
static const uint32 unicode_letters[][2] = {{""")
line = "\t"
for a, b in ranges:
    item = f"{{0x{a:X}, 0x{b:X}}}, "
    if len(line) + len(item) > 76:
        print(line.rstrip())
        line = "\t"
    line += item
print(line.rstrip(" ,"))
print("};")
