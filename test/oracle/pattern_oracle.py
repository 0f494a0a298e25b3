#!/usr/bin/env python3
"""Brute-force reference for pattern matching.

Writes random journeys and patterns with their answers, as tab-separated lines:

    journey, pattern, as_of, matches, matches as of, events of the first match,
    all matches, overlapping ones

An answer that the reference does not give is \\N: it gives up where trying
everything takes too long.

The matcher here knows no automaton: it walks the pattern's tree and tries every
event everywhere, with the definitions of the manual written down literally.
Which match is wanted is decided when all are found: each is described by what
its steps prefer, and the least description wins (see Best).

    pattern_oracle.py SEED COUNT > answers.tsv
"""
import random
import sys
from datetime import datetime, timedelta, timezone

EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Event:
    def __init__(self, time, name, channel, value, item):
        self.time, self.name, self.channel, self.value, self.item = time, name, channel, value, item

    def key(self):
        def absent(x):
            return (0, "") if x is None else (1, x)
        return (self.time, self.name, absent(self.channel), absent(self.item),
                (0, 0) if self.value is None else (1, self.value))

    def text(self):
        out = self.name
        if self.channel:
            out += "@" + self.channel
        if self.value is not None:
            out += "(%d)" % self.value
        if self.item:
            out += "#" + self.item
        return out + " " + stamp(self.time)


def stamp(seconds):
    return (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S+00")


# ---------------------------------------------------------------- elements

class Element:
    def __init__(self, rng):
        kind = rng.random()
        self.negated = False
        if kind < 0.75:
            self.names = [rng.choice("abc")]
        elif kind < 0.85:
            self.names = []
        else:
            self.names = rng.sample("abc", rng.randint(1, 2))
            self.negated = rng.random() < 0.5
        self.channel = self.value = self.item = None
        self.not_channel = False
        if rng.random() < 0.12:
            self.channel = rng.choice("ws")
            self.not_channel = rng.random() < 0.3
        if rng.random() < 0.06:
            self.value = rng.randint(0, 3)
        if rng.random() < 0.08:
            self.item = rng.choice("xy")

    def fits(self, e):
        if self.names and (e.name in self.names) == self.negated:
            return False
        if self.channel is not None and (e.channel is None or (e.channel == self.channel) == self.not_channel):
            return False
        if self.value is not None and (e.value is None or e.value < self.value):
            return False
        return self.item is None or e.item == self.item

    def text(self):
        if not self.names:
            out = "."
        elif len(self.names) == 1 and not self.negated:
            out = self.names[0]
        else:
            out = "[" + ("^" if self.negated else "") + "|".join(self.names) + "]"
        if self.channel is not None:
            out += "@[^%s]" % self.channel if self.not_channel else "@" + self.channel
        if self.value is not None:
            out += "(value >= %d)" % self.value
        if self.item is not None:
            out += "#" + self.item
        return out


class Gap:
    def __init__(self, rng, arrow, in_same):
        self.direct = not arrow
        self.lo = self.hi = self.min = self.max = None
        self.forbidden = []
        if self.direct:
            self.lo = self.hi = 1
            return
        if rng.random() < 0.25:
            self.max = rng.randint(0, 4)
        if rng.random() < 0.15:
            self.min = rng.randint(0, 3)
            if self.max is not None and self.max < self.min:
                self.max = self.min
        if rng.random() < 0.08:
            self.hi = rng.randint(1, 3)
            if rng.random() < 0.3:
                self.lo = rng.randint(1, self.hi)
        if rng.random() < 0.2:
            self.forbidden.append((Element(rng), in_same and rng.random() < 0.5))

    def text(self, bang=""):
        if self.direct:
            return " "
        bounds = []
        if self.min is not None and self.max is not None:
            bounds.append("%d s .. %d s" % (self.min, self.max))
        elif self.min is not None:
            bounds.append(">= %d s" % self.min)
        elif self.max is not None:
            bounds.append("<= %d s" % self.max)
        if self.lo is not None:
            bounds.append("%d .. %d events" % (self.lo, self.hi))
        elif self.hi is not None:
            bounds.append("<= %d events" % self.hi)
        for element, same in self.forbidden:
            bounds.append("!" + element.text() + (" SAME" if same else ""))
        return " %s%s " % (bang, "-[" + ", ".join(bounds) + "]->" if bounds else "->")

    def allows(self, journey, i, k, attributes):
        """Does the gap lead from event i to event k?"""
        a, b = journey[i], journey[k]
        if i == k:
            return False
        if self.lo is not None or self.hi is not None:
            if not (self.lo or 1) <= k - i <= (self.hi or len(journey)):
                return False
        elif b.time < a.time:
            return False
        if self.min is not None and b.time - a.time < self.min:
            return False
        if self.max is not None and b.time - a.time > self.max:
            return False
        for element, same in self.forbidden:
            for x in journey:
                if a.time < x.time < b.time and element.fits(x) and \
                        (not same or agree(a, x, [w for w in attributes if w[0] == "SAME"])):
                    return False
        return True


def agree(a, b, attributes):
    for word, what in attributes:
        x, y = getattr(a, what), getattr(b, what)
        if x is None or y is None or (x == y) != (word == "SAME"):
            return False
    return True


# ---------------------------------------------------------------- trees

class Node:
    pass


def leaf(rng):
    node = Node()
    node.kind = "element"
    node.element = Element(rng)
    return node


def make(rng, depth, in_same=False, tail=False, group=False):
    """A random tree; tail: an absence may stand at its end."""
    r = rng.random()
    if depth <= 0 or r < 0.2:
        return leaf(rng)
    node = Node()
    if r < 0.62:
        node.kind = "sequence"
        node.first = rng.random() < 0.05
        node.last = rng.random() < 0.05
        node.items, node.gaps = [], []
        count = rng.randint(2, 3)
        for i in range(count):
            last = i == count - 1
            arrow = rng.random() < 0.65 or (i == 0)
            gap = Gap(rng, arrow, in_same)
            gap.absent = False
            item = make(rng, depth - 1, in_same, tail and last, True)
            if i == 0 and not (group and rng.random() < 0.35) or (i == 0 and node.first):
                gap = None
            if i > 0 and last and tail and not node.last and rng.random() < 0.15:
                gap = Gap(rng, True, in_same)
                gap.absent = True
                item = leaf(rng)
            if gap is not None and not gap.direct and not gap.absent and leads(item):
                item = leaf(rng)
            if i > 0 and contains_absence(node.items[-1]):
                node.items[-1] = leaf(rng)
            node.items.append(item)
            node.gaps.append(gap)
        if node.last and contains_absence(node.items[-1]):
            node.last = False
        return node
    if r < 0.72:
        node.kind = "choice"
        node.items = [make(rng, depth - 1, in_same, tail, group) for _ in range(2)]
        return node
    if r < 0.88:
        node.kind = "repeat"
        node.item = make(rng, depth - 1, in_same, False, True)
        node.min, node.max, node.sign = rng.choice(
            [(0, 99, "*"), (1, 99, "+"), (0, 1, "?"), (2, 2, "{2}"), (1, 2, "{1,2}"), (2, 99, "{2,}")])
        node.lazy = rng.random() < 0.25
        return node
    if r < 0.96:
        node.kind = "scope"
        node.within = rng.randint(0, 6) if rng.random() < 0.6 else None
        node.attributes = []
        if node.within is None or rng.random() < 0.4:
            node.attributes = [rng.choice([("SAME", "item"), ("SAME", "channel"),
                                           ("DIFFERENT", "item"), ("DIFFERENT", "channel")])]
        same = in_same or any(w == "SAME" for w, _ in node.attributes)
        node.item = make(rng, depth - 1, same, tail, group)
        return node
    node.kind = "permute"
    node.items = [leaf(rng) for _ in range(rng.randint(2, 3))]
    return node


def leads(node):
    if node.kind == "sequence":
        return node.gaps[0] is not None or leads(node.items[0])
    if node.kind in ("repeat", "scope"):
        return leads(node.item)
    return node.kind == "choice" and any(leads(i) for i in node.items)


def contains_absence(node):
    if node.kind == "sequence":
        return any(g is not None and g.absent for g in node.gaps) or any(map(contains_absence, node.items))
    if node.kind in ("repeat", "scope"):
        return contains_absence(node.item)
    return node.kind == "choice" and any(map(contains_absence, node.items))


def text(node, nested=True):
    if node.kind == "element":
        return node.element.text()
    if node.kind == "sequence":
        out = "^ " if node.first else ""
        for i, item in enumerate(node.items):
            if node.gaps[i] is not None:
                out += node.gaps[i].text("!" if node.gaps[i].absent else "")
            out += text(item)
        out += " $" if node.last else ""
    elif node.kind == "choice":
        out = " | ".join(text(i) for i in node.items)
    elif node.kind == "repeat":
        inner = text(node.item)
        if node.item.kind == "repeat":
            inner = "(" + inner + ")"
        return inner + node.sign + ("?" if node.lazy else "")
    elif node.kind == "scope":
        out = text(node.item)
        for word, what in node.attributes:
            out += " %s %s" % (word, what)
        if node.within is not None:
            out += " WITHIN %d s" % node.within
    else:
        return "permute(" + ", ".join(text(i) for i in node.items) + ")"
    return "(" + out + ")" if nested else out


# ---------------------------------------------------------------- matching

DIRECT = Gap.__new__(Gap)
DIRECT.direct, DIRECT.lo, DIRECT.hi, DIRECT.min, DIRECT.max, DIRECT.forbidden = True, 1, 1, None, None, []
ARROW = Gap.__new__(Gap)
ARROW.direct, ARROW.lo, ARROW.hi, ARROW.min, ARROW.max, ARROW.forbidden = False, None, None, None, None, []


class Matcher:
    """All matches by exhaustive recursion; each continuation k gets (used, must_be_first)."""

    def __init__(self, journey, n, as_of, floor):
        self.journey, self.n, self.as_of, self.floor = journey[:n], n, as_of, floor
        self.steps = 0

    def in_common(self, used, scopes):
        return [a for attributes, length in scopes if len(used) > length for a in attributes]

    def match(self, node, used, first, entry, scopes, k):
        self.steps += 1
        if self.steps > 200000:
            raise TimeoutError
        return getattr(self, node.kind)(node, used, first, entry, scopes, k)

    def element(self, node, used, first, entry, scopes, k):
        journey = self.journey
        candidates = [self.start] if not used else range(self.floor, self.n)
        for i in candidates:
            if i in used or not node.element.fits(journey[i]) or (first and i != 0):
                continue
            if used:
                common = self.in_common(used, scopes)
                if not entry.allows(journey, used[-1], i, common) or \
                        not agree(journey[used[-1]], journey[i], common):
                    continue
            if any(getattr(journey[i], what) is None for attributes, _ in scopes for _, what in attributes):
                continue
            result = self.step(i, used, k)
            if result is not None:
                return result
        return None

    def step(self, i, used, k):
        return k(used + (i,), False)

    def decide(self, wish, choice, go):
        """Goes on after a decision: of a quantifier, or between alternatives."""
        return go()

    def sequence(self, node, used, first, entry, scopes, k):
        lead = node.gaps[0] if node.gaps[0] is not None else entry

        def item(i, u, f):
            if i == len(node.items):
                if node.last and (not u or u[-1] != self.n - 1):
                    return None
                return k(u, f)
            gap = node.gaps[i]
            if gap is not None and gap.absent:
                if not u or self.present(node.items[i].element, gap, u, scopes):
                    return None
                return item(i + 1, u, f)
            link = lead if len(u) == len(used) else gap
            return self.match(node.items[i], u, f, link, scopes, lambda u2, f2: item(i + 1, u2, f2))
        return item(0, used, first or node.first)

    def present(self, element, gap, used, scopes):
        """Is there, or may there still come, an event that an absence forbids?"""
        journey, last = self.journey, used[-1]
        common = self.in_common(used, scopes)
        for i in range(self.n):
            if i not in used and element.fits(journey[i]) and gap.allows(journey, last, i, common) and \
                    agree(journey[last], journey[i], common):
                return True
        if self.as_of is None:
            return False
        if gap.hi is not None and last + gap.hi < self.n:
            return False
        if gap.max is not None and journey[last].time + gap.max <= self.as_of:
            return False
        for forbidden, same in gap.forbidden:
            for x in journey:
                if x.time > journey[last].time and forbidden.fits(x) and \
                        (not same or agree(journey[last], x, [w for w in common if w[0] == "SAME"])):
                    return False
        return True

    def choice(self, node, used, first, entry, scopes, k):
        for n, i in enumerate(node.items):
            result = self.decide(None, n, lambda: self.match(i, used, first, entry, scopes, k))
            if result is not None:
                return result
        return None

    def repeat(self, node, used, first, entry, scopes, k):
        def again(count, u, f):
            def go():
                link = entry if len(u) == len(used) else DIRECT
                return self.match(node.item, u, f, link, scopes,
                                  lambda u2, f2: None if len(u2) == len(u) and count >= node.min
                                  else again(count + 1, u2, f2))

            def leave():
                return k(u, f)
            if count < node.min:
                return go()
            if count >= node.max:
                return leave()
            for wish, way in enumerate((leave, go) if node.lazy else (go, leave)):
                result = self.decide(wish, None, way)
                if result is not None:
                    return result
            return None
        return again(0, used, first)

    def scope(self, node, used, first, entry, scopes, k):
        def leave(u, f):
            inside = u[len(used):]
            if inside and node.within is not None and \
                    self.journey[inside[-1]].time - self.journey[inside[0]].time > node.within:
                return None
            for a, b in zip(inside, inside[1:]):
                if not agree(self.journey[a], self.journey[b], node.attributes):
                    return None
            return k(u, f)
        return self.match(node.item, used, first, entry, scopes + ((node.attributes, len(used)),), leave)

    def permute(self, node, used, first, entry, scopes, k):
        def rest(left, u, f):
            if not left:
                return k(u, f)
            for i in left:
                link = entry if len(u) == len(used) else ARROW
                result = self.decide(None, i, lambda: self.match(
                    node.items[i], u, f, link, scopes, lambda u2, f2: rest([x for x in left if x != i], u2, f2)))
                if result is not None:
                    return result
            return None
        return rest(list(range(len(node.items))), used, first)

    def first(self, tree):
        for self.start in range(self.floor, self.n):
            result = self.match(tree, (), False, ARROW, (),
                                lambda u, f: u if u and not f else None)
            if result is not None:
                return result
        return None


class Best(Matcher):
    """The match to prefer of all that begin with an event.

    Each step to an event is described by what the quantifiers decided on the
    way to it, the first first (0 as preferred, 1 not; what is not met is 0), then
    by the event, then by which alternatives were taken.  After the last event
    comes a step to no event.  Matches compare step by step.
    """

    def step(self, i, used, k):
        before = self.wishes, self.choices
        self.steps_taken.append((stripped(self.wishes), i, self.choices))
        if self.best is None or self.steps_taken <= self.best[:len(self.steps_taken)]:
            self.wishes, self.choices = (), ()
            k(used + (i,), False)
            self.wishes, self.choices = before
        self.steps_taken.pop()

    def decide(self, wish, choice, go):
        before = self.wishes, self.choices
        if wish is not None:
            self.wishes += (wish,)
        if choice is not None:
            self.choices += (choice,)
        go()
        self.wishes, self.choices = before

    def end(self, used, first):
        if used and not first:
            steps = self.steps_taken + [(stripped(self.wishes), self.n, ())]
            if self.best is None or steps < self.best:
                self.best, self.found = steps, used

    def from_event(self, tree, start):
        self.start, self.best, self.found = start, None, None
        self.steps_taken, self.wishes, self.choices = [], (), ()
        self.match(tree, (), False, ARROW, (), self.end)
        return self.found


def stripped(wishes):
    while wishes and wishes[-1] == 0:
        wishes = wishes[:-1]
    return wishes


def whole_attributes(tree):
    found = []
    while tree.kind == "scope":
        found += [what for word, what in tree.attributes if word == "SAME"]
        tree = tree.item
    return found


def all_matches(journey, tree, overlapping):
    what = [] if overlapping else whole_attributes(tree)
    floors, found = {}, []
    for start in range(len(journey)):
        key = tuple(getattr(journey[start], w) for w in what)
        floor = floors.get(key, 0)
        if start < floor:
            continue
        match = Best(journey, len(journey), None, floor).from_event(tree, start)
        if match is not None:
            found.append(match)
            if not overlapping:
                floors[key] = max(match) + 1
    return found


def matches_text(journey, matches):
    """An array of journeys."""
    return "{" + ",".join('"{' + ", ".join(journey[i].text() for i in sorted(m)) + '}"' for m in matches) + "}"


def random_journey(rng):
    n = rng.choice([0, 1, 2, 3, 4, 5, 6, 7])
    spread = rng.choice([2, 5, 20])
    plain = rng.random() < 0.5
    events = []
    for _ in range(n):
        events.append(Event(rng.randint(0, spread), rng.choice("aabbccd"),
                            None if plain or rng.random() < 0.2 else rng.choice("ws"),
                            None if plain or rng.random() < 0.5 else rng.randint(0, 3),
                            None if plain or rng.random() < 0.15 else rng.choice("xy")))
    return sorted(events, key=Event.key)


def main():
    rng = random.Random(int(sys.argv[1]))
    wanted = int(sys.argv[2])
    done = 0
    while done < wanted:
        tree = make(rng, rng.choice([1, 2, 2, 3]), tail=True)
        pattern = text(tree, nested=tree.kind in ("sequence", "choice") and leads(tree) or
                       tree.kind == "scope" and leads(tree))
        for _ in range(4):
            journey = random_journey(rng)
            as_of = rng.randint(0, 20)
            seen = sum(e.time <= as_of for e in journey)
            try:
                match = Matcher(journey, len(journey), None, 0).first(tree)
                match_as_of = Matcher(journey, seen, as_of, 0).first(tree)
            except (TimeoutError, RecursionError):
                continue
            try:
                found = all_matches(journey, tree, False)
                overlapping = all_matches(journey, tree, True)
                exact = [matches_text(journey, overlapping[:1]), matches_text(journey, found),
                         matches_text(journey, overlapping)]
            except (TimeoutError, RecursionError):
                exact = ["\\N"] * 3
            print("\t".join([
                "{" + ", ".join(e.text() for e in journey) + "}", pattern, stamp(as_of),
                "t" if match else "f", "t" if match_as_of else "f"] + exact))
            done += 1


if __name__ == "__main__":
    sys.setrecursionlimit(10000)
    main()
