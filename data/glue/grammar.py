"""From words to sentences: inflection, noun phrases, clauses and their paraphrases.

A ``Clause`` is what is meant; ``say`` picks one of many ways to say it.  Worked example:
``Clause("the baker", event("mend/repair | the oven/the stove"), {"day": ("on Monday",)})`` may
come out as "On Monday the stove was repaired by the baker" or "the baker mended the oven on
Monday".  Both mean the same, and neither form depends on the label of the row it ends up in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from lexicon import COMPANY, DAYS, HOURS, MEN, MOOD, WOMEN, Event, Phrase, Topic

IRREGULAR = {  # base: (past, participle)
    "be": ("was", "been"),
    "beat": ("beat", "beaten"),
    "break": ("broke", "broken"),
    "bring": ("brought", "brought"),
    "build": ("built", "built"),
    "buy": ("bought", "bought"),
    "choose": ("chose", "chosen"),
    "cut": ("cut", "cut"),
    "dig": ("dug", "dug"),
    "draw": ("drew", "drawn"),
    "eat": ("ate", "eaten"),
    "feed": ("fed", "fed"),
    "find": ("found", "found"),
    "forbid": ("forbade", "forbidden"),
    "forecast": ("forecast", "forecast"),
    "foresee": ("foresaw", "foreseen"),
    "forget": ("forgot", "forgotten"),
    "freeze": ("froze", "frozen"),
    "get": ("got", "got"),
    "give": ("gave", "given"),
    "go": ("went", "gone"),
    "hold": ("held", "held"),
    "hurt": ("hurt", "hurt"),
    "keep": ("kept", "kept"),
    "knock": ("knocked", "knocked"),
    "lend": ("lent", "lent"),
    "let": ("let", "let"),
    "lose": ("lost", "lost"),
    "make": ("made", "made"),
    "mislay": ("mislaid", "mislaid"),
    "mow": ("mowed", "mown"),
    "pay": ("paid", "paid"),
    "put": ("put", "put"),
    "read": ("read", "read"),
    "redo": ("redid", "redone"),
    "rewrite": ("rewrote", "rewritten"),
    "ride": ("rode", "ridden"),
    "ring": ("rang", "rung"),
    "see": ("saw", "seen"),
    "sell": ("sold", "sold"),
    "send": ("sent", "sent"),
    "set": ("set", "set"),
    "shear": ("sheared", "shorn"),
    "shine": ("shined", "shined"),
    "shoot": ("shot", "shot"),
    "show": ("showed", "shown"),
    "shut": ("shut", "shut"),
    "sing": ("sang", "sung"),
    "sleep": ("slept", "slept"),
    "take": ("took", "taken"),
    "throw": ("threw", "thrown"),
    "win": ("won", "won"),
    "withdraw": ("withdrew", "withdrawn"),
    "write": ("wrote", "written"),
}
# One-syllable endings and stressed last syllables that double before -ed and -ing.
DOUBLING = {
    "ban",
    "cancel",
    "clip",
    "cut",
    "dig",
    "fit",
    "get",
    "label",
    "let",
    "map",
    "mop",
    "pat",
    "plan",
    "put",
    "set",
    "shut",
    "sit",
    "skip",
    "spot",
    "stop",
    "tag",
    "trim",
    "win",
    "forbid",
    "forget",
    "scrub",
}
VOWELS = "aeiou"


def head_and_rest(verb: str) -> tuple[str, str]:
    """Part "cut up" into "cut" and " up": only the first word is inflected."""
    head, space, rest = verb.partition(" ")
    return head, space + rest


def past(verb: str) -> str:
    """The simple past: "mended", "took apart"."""
    head, rest = head_and_rest(verb)
    return (IRREGULAR[head][0] if head in IRREGULAR else regular(head)) + rest


def participle(verb: str) -> str:
    """The past participle: "mended", "taken apart"."""
    head, rest = head_and_rest(verb)
    return (IRREGULAR[head][1] if head in IRREGULAR else regular(head)) + rest


def regular(head: str) -> str:
    """The regular -ed form."""
    if head.endswith("e"):
        return head + "d"
    if head.endswith("y") and head[-2] not in VOWELS:
        return head[:-1] + "ied"
    return head + (head[-1] if head in DOUBLING else "") + "ed"


def gerund(verb: str) -> str:
    """The -ing form: "mending", "taking apart"."""
    head, rest = head_and_rest(verb)
    if head.endswith("e") and head != "be" and not head.endswith(("ee", "oe")):
        head = head[:-1]
    elif head in DOUBLING:
        head += head[-1]
    return head + "ing" + rest


def third(verb: str) -> str:
    """The third person singular present: "mends", "catches up"."""
    head, rest = head_and_rest(verb)
    return plural(head) + rest


def plural(noun: str) -> str:
    """The plural of a regular noun (the same spelling rule serves ``third``)."""
    if noun.endswith(("s", "x", "ch", "sh", "z")) or noun in ("go", "do", "redo"):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in VOWELS:
        return noun[:-1] + "ies"
    if noun.endswith("wife"):
        return noun[:-2] + "ves"
    return noun[:-3] + "men" if noun.endswith("man") else noun + "s"


def article(noun: str) -> str:
    """The noun with "a" or "an" by its first sound."""
    silent = ("hour", "honest", "heir")
    return ("an " if noun[0] in VOWELS or noun.startswith(silent) else "a ") + noun


def sentence(text: str, end: str = ".") -> str:
    """Capitalise and close; a leading quotation mark is stepped over."""
    at = 1 if text.startswith('"') else 0
    return text[:at] + text[at].upper() + text[at + 1 :] + end


def joined(items: Sequence[str], last: str = "and") -> str:
    """A list in prose: "a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}"


def person(rng: Random) -> tuple[str, str]:
    """A first name and its subject pronoun."""
    women = rng.random() < 0.5
    return rng.choice(WOMEN if women else MEN), "she" if women else "he"


def people(rng: Random, count: int) -> list[str]:
    """Different first names."""
    return rng.sample(sorted(WOMEN + MEN), count)


Detail = tuple[str, ...]  # interchangeable ways to say one circumstance


def details_of(topic: Topic) -> dict[str, tuple[Detail, ...]]:
    """The circumstances an event may have; two values of one circumstance exclude each other."""
    return {
        "day": tuple((day,) for day in DAYS),
        "hour": HOURS,
        "place": tuple((place,) for place in topic.places),
        "company": COMPANY,
        "mood": MOOD,
    }


@dataclass(frozen=True)
class Clause:
    """Who did what under which circumstances."""

    actor: str
    event: Event
    details: Mapping[str, Detail] = field(default_factory=dict)
    negated: bool = False
    future: bool = False

    def but(self, **changes: object) -> Clause:
        """The same clause with some parts changed."""
        return replace(self, **changes)


def random_clause(rng: Random, topic: Topic, names: Sequence[str] = ()) -> Clause:
    """A bare clause of the topic; a worker acts unless the task needs a name."""
    actor = rng.choice(names) if names else f"the {rng.choice(topic.workers)}"
    return Clause(actor, rng.choice(topic.events))


def verb_and_object(rng: Random, event: Event) -> tuple[str, Phrase]:
    """One way to name the event."""
    return rng.choice(event.verbs), rng.choice(event.objects)


def done(rng: Random, event: Event) -> str:
    """The event as a past predicate: "mended the oven"."""
    verb, what = verb_and_object(rng, event)
    return f"{past(verb)} {what.text}"


def do(rng: Random, event: Event) -> str:
    """The event as a bare predicate: "mend the oven"."""
    verb, what = verb_and_object(rng, event)
    return f"{verb} {what.text}"


def doing(rng: Random, event: Event) -> str:
    """The event as a gerund: "mending the oven"."""
    verb, what = verb_and_object(rng, event)
    return f"{gerund(verb)} {what.text}"


def say(rng: Random, clause: Clause, passive: float = 0.25, front: float = 0.3) -> str:
    """One way to say the clause, without capital or full stop."""
    verb, what = verb_and_object(rng, clause.event)
    said = {name: rng.choice(ways) for name, ways in clause.details.items()}
    # A manner, company or hour under "not" is what is denied, so it must stay in its scope.
    early = [t for n, t in said.items() if n in ("day", "place")]
    lead = ""
    if early and not clause.negated and rng.random() < front:
        lead = rng.choice(early)
    before = "" if clause.negated else next((t for t in said.values() if t.endswith("ly")), "")
    order = ["company", "mood", "place", "hour", "day"]
    after = [said[n] for n in order if n in said and said[n] not in (lead, before)]
    # "was mended alone by Nora" is poor English: company and mood belong to an active subject.
    active = "company" in said or "mood" in said or rng.random() >= passive
    if active:
        will = "will " if clause.future else ""
        core = f"{clause.actor} {will}{before} {finite(clause, verb)} {what.text}"
    else:
        core = f"{what.text} {passive_verb(clause, verb, what)} by {clause.actor}"
    text = " ".join(" ".join([core, *after]).split())
    return f"{lead}, {text}" if lead else text


def finite(clause: Clause, verb: str) -> str:
    """The active verb of the clause, after its "will" if it has one."""
    if clause.future:
        return f"not {verb}" if clause.negated else verb
    return f"did not {verb}" if clause.negated else past(verb)


def passive_verb(clause: Clause, verb: str, what: Phrase) -> str:
    """The passive verb of the clause, agreeing with the object."""
    deny = " not" if clause.negated else ""
    if clause.future:
        return f"will{deny} be {participle(verb)}"
    return f"{'were' if what.plural else 'was'}{deny} {participle(verb)}"


def some_details(rng: Random, topic: Topic, count: int) -> dict[str, Detail]:
    """Circumstances at random, at most ``count`` of them, each with a value."""
    options = details_of(topic)
    names = rng.sample(sorted(options), count)
    return {name: rng.choice(options[name]) for name in names}


def other(rng: Random, options: Sequence, unlike: object):
    """A choice that differs from the one given."""
    return rng.choice([option for option in options if option != unlike])
