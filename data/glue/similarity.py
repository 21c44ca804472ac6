"""Paraphrase and similarity pairs: MRPC and STS-B.

A ``Story`` is a news template with three wordings and values for its slots.  Worked example: two
wordings of one story with equal values are equivalent,

    Halvorsen Foods bought Ostara Mills for 40 million euros.
    For 40 million euros, Ostara Mills was sold to Halvorsen Foods.

and with one value changed, or buyer and bought swapped, they are not.  Clauses of the grammar
serve alike.  STS-B grades the same changes: what was altered fixes the band of the score.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from grammar import (
    Clause,
    details_of,
    other,
    people,
    random_clause,
    say,
    sentence,
)
from lexicon import DAYS, PEOPLE, TOPICS, TOWNS, Topic, parts
from rows import Made, Split, balanced, collect

FIRMS = parts(
    "Halvorsen Foods, Ostara Mills, Bluefin Logistics, Tamarind Air, Corvid Systems, Lakeland "
    "Dairies, Pellucid Glass, Meridian Rail, Quartz & Sons, Solano Textiles, Birchwood Paper, "
    "Vesper Energy, Ironbridge Motors, Nimbus Telecom, Saffron Hotels, Polder Shipping"
)
MONTHS = parts("January, February, March, April, May, June, July, August, September, October, November")


def single(values: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Values that have one wording each."""
    return tuple((value,) for value in values)


# Slot values; each value is a tuple of interchangeable wordings.
SLOTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "firm": single(FIRMS),
    "rival": single(FIRMS),
    "town": single(TOWNS),
    "port": single(TOWNS),
    "person": single(PEOPLE),
    "opponent": single(PEOPLE),
    "day": single(tuple(day.removeprefix("on ") for day in DAYS)),
    "month": single(MONTHS),
    "n": single(parts("14, 18, 25, 32, 40, 55, 70, 85, 120, 160, 240, 310, 450, 600")),
    "percent": single(parts("1.5, 2, 2.4, 3, 3.8, 4.5, 5, 6.2, 7, 8.1, 9, 11")),
    "moved": (("rose", "climbed", "went up"), ("fell", "dropped", "went down")),
    "voted": (("approved", "backed", "accepted"), ("rejected", "turned down", "threw out")),
    "harm": (
        ("nobody was hurt", "there were no injuries"),
        ("several people were hurt", "there were several injuries"),
    ),
    "goods": (
        ("bicycles", "bikes"),
        ("toasters",),
        ("lawnmowers",),
        ("televisions", "TV sets"),
        ("hairdryers",),
    ),
}


@dataclass(frozen=True)
class Template:
    """Three wordings of one piece of news, and a pair of slots that may be swapped."""

    wordings: tuple[str, ...]
    roles: tuple[str, str] | None = None


def news(text: str, *roles: str) -> Template:
    """Build a template from lines."""
    lines = tuple(line.strip() for line in text.strip().splitlines())
    return Template(lines, (roles[0], roles[1]) if roles else None)


NEWS = (
    news(
        """shares of {firm} {moved} {percent} percent on {day}
        on {day}, the share price of {firm} {moved} by {percent} percent
        {firm} stock {moved} {percent} percent in trading on {day}"""
    ),
    news(
        """{firm} plans to hire {n} people in {town} in {month}
        in {month}, {firm} intends to take on {n} workers in {town}
        {n} jobs are to be created in {town} by {firm} in {month}"""
    ),
    news(
        """the council of {town} {voted} a new tram line by {n} votes on {day}
        on {day}, {town} council {voted} another tram line by a margin of {n} votes
        by {n} votes, councillors in {town} {voted} plans for a further tram line on {day}"""
    ),
    news(
        """about {n} homes in {town} lost power when a storm struck in {month}
        a storm left around {n} homes in {town} without electricity in {month}
        in {month}, a storm cut off the power supply of roughly {n} households in {town}"""
    ),
    news(
        """{person} was named head of {firm} on {day}
        on {day}, {firm} appointed {person} as its chief
        {firm} chose {person} as its new head on {day}"""
    ),
    news(
        """police in {town} arrested {n} football fans on {day}
        on {day}, {n} football supporters were detained by police in {town}
        {town} police took {n} football fans into custody on {day}"""
    ),
    news(
        """the {town} Museum drew {n} visitors a day in {month}
        in {month}, {n} people a day visited the museum in {town}
        daily visits to the {town} Museum came to {n} in {month}"""
    ),
    news(
        """the price of wheat {moved} {percent} percent in {month}, traders in {town} said
        according to traders in {town}, wheat {moved} by {percent} percent in {month}
        wheat prices {moved} {percent} percent in {month}, dealers in {town} reported"""
    ),
    news(
        """{person} beat {opponent} by {n} seconds in the {town} marathon
        {opponent} finished {n} seconds behind {person} in the {town} marathon
        in the {town} marathon, {person} came home {n} seconds ahead of {opponent}""",
        "person",
        "opponent",
    ),
    news(
        """{firm} bought {rival} for {n} million euros
        {rival} was acquired by {firm} for {n} million euros
        for {n} million euros, {rival} was sold to {firm}""",
        "firm",
        "rival",
    ),
    news(
        """doctors in {town} treated {n} cases of food poisoning in {month}
        in {month}, {n} people with food poisoning were treated in {town}
        {town} saw {n} patients treated for food poisoning in {month}"""
    ),
    news(
        """{firm} recalled {n} {goods} on {day} because of faulty wiring
        on {day}, {n} {goods} were called back by {firm} over wiring faults
        faulty wiring made {firm} recall {n} {goods} on {day}"""
    ),
    news(
        """a fire damaged {n} flats in {town} on {day}, and {harm}
        on {day}, {n} apartments in {town} were damaged by fire, and {harm}
        fire damaged {n} apartments in {town} on {day}; {harm}"""
    ),
    news(
        """ferries from {town} to {port} were stopped for {n} hours in {month}
        in {month}, no ferry sailed from {town} to {port} for {n} hours
        the ferry service from {town} to {port} was halted for {n} hours in {month}""",
        "town",
        "port",
    ),
    news(
        """a poll of {n} voters in {town} put {person} ahead of {opponent}
        in a survey of {n} {town} voters, {opponent} trailed behind {person}
        {person} led {opponent} in a poll of {n} voters in {town}""",
        "person",
        "opponent",
    ),
    news(
        """{firm} sued {rival} in {month} over {n} stolen designs
        in {month}, {rival} was taken to court by {firm} over {n} stolen designs
        {firm} took legal action against {rival} over {n} stolen designs in {month}""",
        "firm",
        "rival",
    ),
)


@dataclass(frozen=True)
class Story:
    """A template with a value for each of its slots."""

    template: Template
    values: dict[str, tuple[str, ...]]

    def change(self, rng: Random, swap: float = 0.5) -> Story:
        """The story with its roles swapped or with one value changed."""
        values = dict(self.values)
        roles = self.template.roles
        if roles and rng.random() < swap:
            values[roles[0]], values[roles[1]] = values[roles[1]], values[roles[0]]
        else:
            slot = rng.choice(sorted(values))
            values[slot] = other(rng, [v for v in SLOTS[slot] if v not in values.values()], values[slot])
        return replace(self, values=values)


def random_story(rng: Random) -> Story:
    """A piece of news; two slots of one sort never hold the same value."""
    template = rng.choice(NEWS)
    values: dict[str, tuple[str, ...]] = {}
    for slot in sorted(SLOTS):
        if "{" + slot + "}" in template.wordings[0]:
            values[slot] = rng.choice([v for v in SLOTS[slot] if v not in values.values()])
    return Story(template, values)


def tell(rng: Random, story: Story, wording: str) -> str:
    """The story in one wording."""
    return wording.format(**{slot: rng.choice(ways) for slot, ways in story.values.items()})


def two_stories(rng: Random, one: Story, two: Story) -> tuple[str, str]:
    """Both stories, in different wordings when they share their template."""
    first = rng.choice(one.template.wordings)
    return tell(rng, one, first), tell(rng, two, other(rng, two.template.wordings, first))


SOURCES = (
    ("{c}, a spokeswoman said", "a spokeswoman stated that {c}", "a spokeswoman said {c}"),
    ("{c}, witnesses reported", "witnesses said that {c}", "according to witnesses, {c}"),
    ("{c}, the local radio said", "the local radio reported that {c}"),
    ("it emerged that {c}", "it has become known that {c}"),
    ("{c}",),
    ("{c}",),
)


def double_clause(rng: Random) -> tuple[Clause, Clause, Topic]:
    """Two people doing two things, with a day or a place each."""
    topic = rng.choice(TOPICS)
    options = details_of(topic)
    names = people(rng, 2)
    events = rng.sample(topic.events, 2)
    clauses = []
    for name, event in zip(names, events, strict=True):
        circumstance = rng.choice(("day", "place", "company"))
        clauses.append(Clause(name, event, {circumstance: rng.choice(options[circumstance])}))
    return clauses[0], clauses[1], topic


def altered(rng: Random, one: Clause, two: Clause, topic: Topic) -> tuple[Clause, Clause]:
    """The two clauses with their people swapped or with one part changed."""
    if rng.random() < 0.4:
        return one.but(actor=two.actor), two.but(actor=one.actor)
    if rng.random() < 0.5:
        unused = [e for e in topic.events if e not in (one.event, two.event)]
        return one.but(event=rng.choice(unused)), two
    name = sorted(two.details)[0]
    changed = other(rng, details_of(topic)[name], two.details[name])
    return one, two.but(details={name: changed})


def report(rng: Random, one: Clause, two: Clause, source: tuple[str, ...]) -> str:
    """Both clauses in one sentence, in either order."""
    first, second = rng.sample((one, two), 2)
    link = rng.choice((", and ", ", while ", ", whereas "))
    return rng.choice(source).format(c=say(rng, first) + link + say(rng, second, front=0.0))


def mrpc(rng: Random) -> dict[str, Split]:
    """Equivalent or not; two thirds equivalent, as in GLUE."""

    def make(rng: Random, label: int) -> Made:
        if rng.random() < 0.6:
            story = random_story(rng)
            told = two_stories(rng, story, story if label else story.change(rng))
        else:
            one, two, topic = double_clause(rng)
            source = rng.choice(SOURCES)
            again = (one, two) if label else altered(rng, one, two, topic)
            told = report(rng, one, two, source), report(rng, *again, source)
        pair = told if rng.random() < 0.5 else (told[1], told[0])
        return (sentence(pair[0]), sentence(pair[1])), label

    return collect(rng, {"train": {0: 160, 1: 320}, "validation": {0: 40, 1: 80}}, make)


BANDS = {  # the scores a pair may get, by what was changed
    5: (5.0, 5.0, 4.8, 4.75, 4.6),  # nothing but the wording
    4: (4.4, 4.2, 4.0, 3.8),  # one side leaves a circumstance out
    3: (3.6, 3.4, 3.2, 3.0),  # one circumstance or value differs
    2: (2.6, 2.4, 2.25, 2.0, 1.8),  # another person does it, or the person does something else
    1: (1.4, 1.2, 1.0, 0.8, 0.6),  # the same subject area only
    0: (0.4, 0.25, 0.2, 0.0, 0.0),  # nothing in common
}


def stsb(rng: Random) -> dict[str, Split]:
    """Graded similarity, every band equally often."""

    def make(rng: Random, band: int) -> Made:
        if band in (5, 3, 0) and rng.random() < 0.4:
            pair = similar_stories(rng, band)
        else:
            pair = similar_clauses(rng, band)
        if rng.random() < 0.5:
            pair = pair[1], pair[0]
        return (sentence(pair[0]), sentence(pair[1])), rng.choice(BANDS[band])

    bands = tuple(BANDS)
    return collect(rng, {"train": balanced(bands, 480), "validation": balanced(bands, 120)}, make)


def similar_stories(rng: Random, band: int) -> tuple[str, str]:
    """News: the same, one value changed, or something quite different."""
    story = random_story(rng)
    if band == 5:
        return two_stories(rng, story, story)
    if band == 3:
        return two_stories(rng, story, story.change(rng, swap=0.3))
    unlike = random_story(rng)
    while unlike.template == story.template or set(unlike.values.values()) & set(story.values.values()):
        unlike = random_story(rng)
    return two_stories(rng, story, unlike)


def similar_clauses(rng: Random, band: int) -> tuple[str, str]:
    """Clauses: reworded, shortened, altered, or merely related."""
    topic = rng.choice(TOPICS)
    options = details_of(topic)
    names = people(rng, 2) if rng.random() < 0.5 else ()
    one = random_clause(rng, topic, names[:1])
    kept = rng.sample(("day", "place", "hour"), rng.choice((1, 2)))
    one = one.but(details={name: rng.choice(options[name]) for name in kept})
    two = one
    if band == 4:
        whole = rng.sample(("day", "place", "hour"), 2)
        one = one.but(details={name: rng.choice(options[name]) for name in whole})
        two = one.but(details={whole[0]: one.details[whole[0]]})
    elif band == 3:
        name = rng.choice(sorted(one.details))
        changed = dict(one.details)
        changed[name] = other(rng, options[name], changed[name])
        two = one.but(details=changed)
    elif band == 2 and rng.random() < 0.5:
        two = one.but(event=other(rng, topic.events, one.event))
    elif band == 2:
        actor = names[1] if names else f"the {rng.choice(topic.workers)}"
        while actor == one.actor:
            actor = f"the {rng.choice(topic.workers)}"
        two = one.but(actor=actor)
    elif band <= 1:
        topic_two = topic if band == 1 else other(rng, TOPICS, topic)
        two = stranger(rng, topic_two, one)
    return say(rng, one), say(rng, two)


def stranger(rng: Random, topic: Topic, unlike: Clause) -> Clause:
    """A clause with other people, another event and other circumstances."""
    options = details_of(topic)
    actor = people(rng, 1)[0] if rng.random() < 0.5 else f"the {rng.choice(topic.workers)}"
    names = rng.sample(("day", "place", "hour"), rng.choice((1, 2)))
    details = {name: other(rng, options[name], unlike.details.get(name)) for name in names}
    fresh = Clause(actor, other(rng, topic.events, unlike.event), details)
    return fresh if fresh.actor != unlike.actor else stranger(rng, topic, unlike)
