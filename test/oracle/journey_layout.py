#!/usr/bin/env python3
"""The packed format of journeys, written from its description alone.

The comment at the head of src/journey/journey.h says what every byte of a
journey means. This program follows it, in a language and a way that share
nothing with the extension, and compares: if both give the same bytes, the
description is true.

    journey_layout.py < lines

Each line is a JSON object: "body", the bytes that journey_send gave, in hex,
and "events", a list of [microseconds since 2000-01-01 UTC, event, channel,
bits of the value in hex, item], in any order, null where absent. The query that
makes such lines is in test/t/013_layout.pl. Prints how many agreed; the first
that does not is shown, and the exit status is 1.
"""
import json
import struct
import sys

UNITS = [1, 1000, 1000000, 60 * 1000000, 3600 * 1000000, 86400 * 1000000]

HAS_CHANNEL, HAS_VALUE, HAS_ITEM = 0x01, 0x02, 0x04
GAPS_CHANNEL, GAPS_VALUE, GAPS_ITEM = 0x08, 0x10, 0x20
WIDE = 0x40


def value_key(bits):
    """Order of values by their bits: negative ones reversed, below the others."""
    return (1 << 64) - 1 - bits if bits >> 63 else bits | 1 << 63


def sort_key(event):
    """Time, event, channel, item, value; absent before anything."""
    def optional(thing):
        return (0,) if thing is None else (1, thing)
    time, name, channel, value, item = event
    return (time, name, optional(channel), optional(item),
            optional(None if value is None else value_key(value)))


def pack(numbers, width):
    """Entries one after the other from the lowest bit of the first byte on."""
    whole = 0
    for position, number in enumerate(numbers):
        assert number >> width == 0
        whole |= number << (position * width)
    return whole.to_bytes((len(numbers) * width + 7) // 8, 'little')


class Attribute:
    """Codes of what the events have of one kind, and the distinct things."""

    def __init__(self, column, order=None):
        self.things = sorted({thing for thing in column if thing is not None}, key=order)
        self.present = bool(self.things)
        self.gap = int(self.present and None in column)
        codes = {thing: code + self.gap for code, thing in enumerate(self.things)}
        self.codes = [codes.get(thing, 0) for thing in column]
        largest = len(self.things) - 1 + self.gap if self.present else 0
        self.width = largest.bit_length()

    def packed(self):
        return pack(self.codes, self.width)


class Names(Attribute):
    def __init__(self, column):
        super().__init__(column)
        self.ends = []
        for name in self.things:
            self.ends.append((self.ends[-1] if self.ends else 0) + len(name))
        self.end_width = self.ends[-1].bit_length() if self.ends else 0

    def header(self, count):
        return count(len(self.things)) + bytes([self.end_width])


def body(events):
    """The bytes of a journey of these events."""
    if not events:
        return bytes([1, 0, 0, 0, 0])
    events = sorted(events, key=sort_key)
    times, names, channels, values, items = zip(*events)
    names, channels, items = Names(names), Names(channels), Names(items)
    values = Attribute(values, value_key)

    differences = [time - times[0] for time in times]
    unit = max(u for u in range(len(UNITS)) if all(d % UNITS[u] == 0 for d in differences))
    offsets = [d // UNITS[unit] for d in differences]
    time_width = offsets[-1].bit_length()
    if time_width > 57:
        time_width = 64

    flags = 0
    for attribute, has, gaps in ((channels, HAS_CHANNEL, GAPS_CHANNEL),
                                 (values, HAS_VALUE, GAPS_VALUE),
                                 (items, HAS_ITEM, GAPS_ITEM)):
        flags |= (has if attribute.present else 0) | (gaps if attribute.gap else 0)
    counts = [len(events)] + [len(a.things) for a in (names, channels, items, values)]
    wide = max(counts) > 255
    flags |= WIDE if wide else 0

    def count(number):
        return number.to_bytes(4 if wide else 1, 'little')

    head = bytes([1, flags, unit, time_width]) + count(len(events))
    head += struct.pack('<q', times[0]) + names.header(count)
    head += channels.header(count) if channels.present else b''
    head += items.header(count) if items.present else b''
    head += count(len(values.things)) if values.present else b''

    arrays = pack(offsets, time_width)
    arrays += b''.join(a.packed() for a in (names, channels, items, values))
    arrays += b''.join(pack(a.ends, a.end_width) for a in (names, channels, items))

    rest = b''.join(struct.pack('<Q', value) for value in values.things)
    rest += b''.join(name for a in (names, channels, items) for name in a.things)
    return head + arrays + rest.ljust(7, b'\0')


def read_event(event):
    time, name, channel, value, item = event
    def encode(text):
        return None if text is None else text.encode()
    return (time, encode(name), encode(channel),
            None if value is None else int(value, 16), encode(item))


def main():
    agreed = 0
    for line in sys.stdin:
        given = json.loads(line)
        expected = body([read_event(event) for event in given['events']])
        if expected.hex() != given['body']:
            print('events:  ', given['events'])
            print('expected:', expected.hex())
            print('given:   ', given['body'])
            return 1
        agreed += 1
    print(f'{agreed} journeys agreed')
    return 0


if __name__ == '__main__':
    sys.exit(main())
