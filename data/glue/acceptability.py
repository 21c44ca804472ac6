"""Single sentences judged for grammar: CoLA.

A ``Phenomenon`` has acceptable frames and unacceptable ones that differ in one rule of English.
Worked example, reflexives: "{N} taught {refl} to swim" is fine, "{Refl} taught {N} to swim" is
not, because a reflexive needs an antecedent.  The slots are filled alike in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from grammar import (
    article,
    gerund,
    other,
    participle,
    past,
    person,
    plural,
    random_clause,
    say,
    sentence,
    some_details,
    third,
    verb_and_object,
)
from lexicon import DAYS, MEN, TOPICS, WOMEN, parts
from rows import Made, Split, collect


@dataclass(frozen=True)
class Phenomenon:
    """Frames that keep a rule and frames that break it."""

    rule: str
    good: tuple[str, ...]
    bad: tuple[str, ...]


def rule(name: str, good: str, bad: str) -> Phenomenon:
    """Build a phenomenon; frames are parted by bars."""
    return Phenomenon(name, parts(good, "|"), parts(bad, "|"))


INTRANSITIVE = parts("arrive, vanish, cough, laugh, sneeze, sleep, shiver, yawn, hesitate, stumble")
ADJECTIVES = parts("tired, proud, nervous, polite, hungry, curious, stubborn, cheerful, honest")
ADVERBS = parts("quickly, carefully, quietly, calmly, secretly, patiently, suddenly")
THINGS = parts("umbrella, ladder, orange, envelope, lantern, wallet, apron, kettle, blanket")
MASS = parts("advice, furniture, luggage, equipment, information, homework, traffic")

PHENOMENA = (
    rule(
        "subject-verb agreement",
        "The {ws} {in} {place} are {adj}. | Every {W} {es} on time. | The {W} who met the {xs} is "
        "{adj}. | Neither of the {ws} has {ien}.",
        "The {ws} {in} {place} is {adj}. | Every {W} {do} on time. | The {W} who met the {xs} are "
        "{adj}. | The {ws} has {ien}.",
    ),
    rule(
        "auxiliary and verb form",
        "{N} has {en} {O}. | Did {N} {v} {O} {day}? | {w} can {do}. | {N} was {ing} when the bell "
        "rang. | {N} must have {ien}.",
        "{N} has {v} {O}. | Did {N} {ved} {O} {day}? | {w} can {es}. | {N} was {do} when the bell "
        "rang. | {N} must has {ien}.",
    ),
    rule(
        "word order",
        "{N} {ved} {O} {adv}. | {N} has never {en} {O}. | {w} put the {thing} on the table. | The {adj} {W} {ied}.",
        "{N} {ved} {adv} {O}. | {N} has {en} never {O}. | {w} the {thing} put on the "
        "table. | The {W} {adj} {ied}. | {W} the {ed}.",
    ),
    rule(
        "questions need inversion",
        "What did {N} {v}? | Why has {w} {ien}? | Where were the {ws} sitting? | Who {ved} {O}?",
        "What {N} did {v}? | Why {w} has {ien}? | Where the {ws} were sitting? | What did {N} {v} {O}?",
    ),
    rule(
        "embedded questions keep their order",
        "{N} asked what the {W} wanted. | I wonder why {N} {ied}. | Nobody knows where {M} is.",
        "{N} asked what did the {W} want. | I wonder why did {N} {iv}. | Nobody knows where is {M}.",
    ),
    rule(
        "reflexives",
        "{N} taught {refl} to swim. | The {ws} blamed themselves. | {N} said that {s} {ied}. | "
        "The {ws} bought themselves {athing}.",
        "{Refl} taught {N} to swim. | The {ws} blamed {refl}. | {N} said that {refl} {ied}. | "
        "The {ws} bought theirselves {athing}.",
    ),
    rule(
        "case of pronouns",
        "{S} {ed}. | {N} and I {ied}. | They gave {o} {athing}. | Between you and me, {N} {ied}.",
        "{O2} {ed}. | {N} saw I {day}. | They gave {s} {athing}. | The {ws} thanked I.",
    ),
    rule(
        "missing argument",
        "{N} {ved} {O}. | {w} put {athing} on the shelf. | {M} relies on {N}. | The {ws} devoured "
        "the oranges. | {N} handed {M} the {thing}.",
        "{w} put {athing}. | {M} relies. | The {ws} devoured. | {N} handed {M}. | {M} relies on. | "
        "{N} put on the shelf.",
    ),
    rule(
        "intransitives take no object",
        "{N} {ied} {day}. | {w} {ied} twice. | All the {ws} {ied} {in} {place}.",
        "{N} {ied} the {thing}. | {w} {ied} {M} twice. | The {thing} was {ien} by the {ws}.",
    ),
    rule(
        "double objects",
        "{N} gave the museum {athing}. | {N} donated {athing} to the museum. | {w} explained the "
        "rules to {M}. | {N} told {M} a story.",
        "{N} donated the museum {athing}. | {w} explained {M} the rules. | {N} said {M} a story. | "
        "{w} suggested {M} a plan.",
    ),
    rule(
        "verb complements",
        "{N} enjoys {ing}. | {N} decided to {do}. | {w} avoided {ing}. | {N} refused to {iv}. | "
        "{M} made {N} {iv}. | {N} let {M} {do}. | {N} forced {M} to {iv}.",
        "{N} enjoys to {do}. | {N} decided {ing}. | {w} avoided to {do}. | {N} refused {iing}. | "
        "{M} made {N} to {iv}. | {N} let {M} to {do}. | {N} forced {M} {iing}.",
    ),
    rule(
        "prepositions of verbs",
        "{N} waited for {M}. | {N} listened to the {ws}. | {w} depends on {M}. | {N} discussed the {thing} with {M}.",
        "{N} waited to {M} for. | {N} listened the {ws}. | {w} depends {M}. | {N} discussed about the {thing}.",
    ),
    rule(
        "control and raising",
        "It seems that {N} {ied}. | {N} seems to be {adj}. | {N} persuaded {M} to {iv}. | There "
        "seems to be {athing} here.",
        "{N} seems that {M} {ied}. | It seems {N} to be {adj}. | {N} persuaded to {iv} {M}. | "
        "There hopes to be {athing} here.",
    ),
    rule(
        "islands",
        "What did {N} say that the {W} {ved}? | Which {thing} does {M} think {N} bought? | {N} met "
        "the {W} who {ved} {O}. | Who did {N} want to meet?",
        "What did {N} meet the {W} who {ved}? | Which {thing} did {M} laugh because {N} bought? | "
        "What did {N} hear the rumour that {M} {ved}? | What did {N} buy {athing} and? | Whose did "
        "{M} admire {thing}?",
    ),
    rule(
        "that-trace",
        "Who did {N} say {ved} {O}? | Who do you think {ied}? | {N} thinks that the {W} {ied}.",
        "Who did {N} say that {ved} {O}? | Who do you think that {ied}?",
    ),
    rule(
        "relative clauses",
        "The {thing} which {N} bought is broken. | The {W} whose {thing} was stolen {ied}. | "
        "{N} knows the {W} that {M} hired. | The {W} I met {day} is {adj}.",
        "The {thing} who {N} bought it is broken. | The {W} which {thing} was stolen {ied}. | {N} "
        "knows the {W} that {M} hired her. | The {W} met {M} {day} is {adj}.",
    ),
    rule(
        "negative polarity",
        "Nobody has ever {en} {O}. | {N} did not find any mistakes. | Hardly anyone {ied}. | {N} has not {ien} yet.",
        "Somebody has ever {en} {O}. | {N} found any mistakes. | {N} has {ien} ever. | Everyone has {ien} yet.",
    ),
    rule(
        "determiners and number",
        "{w} owns many {things}. | This {W} is {adj}. | Both {ws} {ied}. | There was not "
        "much {mass}. | {N} asked for some {mass}. | {N} needs {athing}. | Those {things} belong "
        "to {M}.",
        "{w} owns many {thing}. | These {W} is {adj}. | Both {W} {ied}. | There were not many "
        "{mass}. | {N} needs {athing2}. | Those {thing} belong to {M}. | {N} asked for {amass}.",
    ),
    rule(
        "comparison",
        "{N} is more {adj} than {M}. | The {thing} is heavier than the box. | {N} is the tallest "
        "of the {ws}. | {M} is as {adj} as {N}.",
        "{N} is more {adj} as {M}. | The {thing} is more heavier than the box. | {N} is the most "
        "tallest of the {ws}. | {M} is as {adj} than {N}.",
    ),
    rule(
        "coordination",
        "{N} likes singing and dancing. | {N} and {M} {ied}. | {w} was {adj} and late. | {N} not "
        "only {ied} but also {ed}.",
        "{N} likes singing and to dances. | {N} and {ied} {M}. | {w} was {adj} and lateness. | {N} was both {adj} and.",
    ),
    rule(
        "existential there",
        "There is {athing} on the table. | There are three {things} in the box. | There were no {ws} {in} {place}.",
        "There is every {thing} on the table. | There are {athing} in the box. | There was three {ws} {in} {place}.",
    ),
    rule(
        "passives",
        "{O} {be} {en} by {N}. | {w} was praised by {M}. | {N} got stung by a wasp. | The {thing} was given to {M}.",
        "{O} {nbe} {en} by {N}. | {w} was praise by {M}. | {N} was resembled by {M}. | {N} was "
        "{ien} by {w}. | The {thing} was gave to {M}.",
    ),
    rule(
        "tense and time",
        "{N} {ied} yesterday. | {N} will {iv} tomorrow. | {w} has lived here since 1998. | If it rains, {N} will {iv}.",
        "{N} will {iv} yesterday. | {w} is living here since 1998. | {N} has {ien} yesterday "
        "morning at nine. | {N} {ied} tomorrow.",
    ),
    rule(
        "tags and ellipsis",
        "{N} {ied}, didn't {s}? | {N} is {adj}, and {M} is too. | {M} can swim, but {N} can't. | "
        "{N} bought {athing}, and so did {M}.",
        "{N} {ied}, isn't {s}? | {N} is {adj}, and {M} does too. | {M} can swim, but {N} doesn't "
        "can. | {N} bought {athing}, and so was {M}.",
    ),
    rule(
        "clefts and fronting",
        "It was {N} who {ed}. | What {N} needs is {athing}. | Never has {N} {ien} so much. | Only then did {w} {iv}.",
        "It is {N} what {ed}. | What {N} needs it is {athing}. | Never {N} has {ien} so "
        "much. | Only then {w} did {iv}.",
    ),
    rule(
        "particles",
        "{N} switched the lamp off. | {N} switched off the lamp. | {M} picked it up. | {w} looked after them.",
        "{N} switched off it. | {M} picked up it. | {w} looked them after. | {N} switched the off lamp.",
    ),
    rule(
        "easy and eager",
        "{N} is easy to please. | {N} is eager to please {M}. | It is hard to {do}. | {M} is too {adj} to {iv}.",
        "{N} is easy to please {M} for. | It is eager to please {N} for {M}. | {N} is hard that "
        "{M} {iv}. | {M} is too {adj} that to {iv}.",
    ),
)


def slots(rng: Random) -> dict[str, str]:
    """One value for every slot; the slots of one sentence fit each other."""
    topic = rng.choice(TOPICS)
    worker, another = rng.sample(topic.workers, 2)
    name, she = person(rng)
    verb, what = verb_and_object(rng, rng.choice(topic.events))
    while verb in (past(verb), participle(verb)) or " " in verb:
        # "has cut" and "did cut" would be right where the frame means to be wrong, and a
        # particle verb would move more than its frame says.
        verb, what = verb_and_object(rng, rng.choice(topic.events))
    intransitive = rng.choice(INTRANSITIVE)
    thing, mass = rng.choice(THINGS), rng.choice(MASS)
    here, _, place = rng.choice(topic.places).partition(" ")
    be, not_be = ("were", "was") if what.plural else ("was", "were")
    an = article(thing)
    return {
        "N": name,
        "M": other(rng, sorted(WOMEN + MEN), name),
        "s": she,
        "S": she.capitalize(),
        "o": "her" if she == "she" else "him",
        "O2": "Her" if she == "she" else "Him",
        "refl": "herself" if she == "she" else "himself",
        "Refl": "Herself" if she == "she" else "Himself",
        "w": f"the {worker}",
        "W": worker,
        "ws": plural(worker),
        "xs": plural(another),
        "O": what.text,
        "be": be,
        "nbe": not_be,
        "v": verb,
        "ved": past(verb),
        "en": participle(verb),
        "do": f"{verb} {what.text}",
        "ed": f"{past(verb)} {what.text}",
        "es": f"{third(verb)} {what.text}",
        "ing": f"{gerund(verb)} {what.text}",
        "iv": intransitive,
        "ied": past(intransitive),
        "ien": participle(intransitive),
        "iing": gerund(intransitive),
        "in": here,
        "place": place,
        "day": rng.choice(DAYS),
        "adj": rng.choice(ADJECTIVES),
        "adv": rng.choice(ADVERBS),
        "thing": thing,
        "things": plural(thing),
        "athing": an,
        "athing2": ("a " if an.startswith("an ") else "an ") + thing,
        "mass": mass,
        "amass": article(mass) + "s",
    }


def plain(rng: Random, good: bool) -> str:
    """A clause of the grammar, or the same with an article and its noun the wrong way round."""
    topic = rng.choice(TOPICS)
    clause = random_clause(rng, topic).but(
        details=some_details(rng, topic, rng.choice((1, 2))), future=rng.random() < 0.2
    )
    words = say(rng, clause).split()
    if not good:
        at = rng.choice([i for i, w in enumerate(words[:-1]) if w in ("the", "was", "were")])
        words[at], words[at + 1] = words[at + 1], words[at]
        words = [w.replace(",", "") for w in words]
    return sentence(" ".join(words))


def judged(rng: Random, good: bool) -> str:
    """An acceptable or unacceptable sentence of any phenomenon."""
    if rng.random() < 0.12:
        return plain(rng, good)
    chosen = rng.choice(PHENOMENA)
    frame = rng.choice(chosen.good if good else chosen.bad)
    return sentence(frame.format(**slots(rng)), "")


def cola(rng: Random) -> dict[str, Split]:
    """Seven in ten acceptable, as in GLUE."""

    def make(rng: Random, label: int) -> Made:
        return (judged(rng, label == 1),), label

    return collect(rng, {"train": {0: 144, 1: 336}, "validation": {0: 36, 1: 84}}, make)
