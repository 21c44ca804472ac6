"""Inference pairs: MNLI, AX, RTE and QNLI.

Every family draws its premise and its hypothesis from distributions that do not depend on the
label; only their relation does.  Worked example, the circumstances family: a premise names two
circumstances of an event, a hypothesis one.  The same circumstance with the same value is
entailed, with another value contradicted, and a circumstance the premise leaves out is neutral:

    premise     On Monday the oven was repaired by the baker in the canteen.
    entailment  The baker mended the stove on Monday.
    contradict  The baker fixed the oven on Friday.
    neutral     The baker reluctantly mended the oven.

So neither side alone tells the label, and word overlap is a poor guide to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from grammar import (
    Clause,
    article,
    details_of,
    do,
    doing,
    done,
    joined,
    other,
    participle,
    past,
    people,
    plural,
    random_clause,
    say,
    sentence,
    some_details,
    verb_and_object,
)
from lexicon import (
    CONVERSES,
    KINDS,
    MISMATCHED_KINDS,
    MISMATCHED_TOPICS,
    TOPICS,
    TOWNS,
    TRAINING_KINDS,
    TRAINING_TOPICS,
    Kind,
    Topic,
)
from rows import Made, Make, Split, balanced, collect

ENTAILED, NEUTRAL, CONTRADICTED = 0, 1, 2
THREE = (ENTAILED, NEUTRAL, CONTRADICTED)
Pair = tuple[str, str]


@dataclass(frozen=True)
class World:
    """The part of the lexicon that a split may use."""

    topics: tuple[Topic, ...]
    kinds: tuple[Kind, ...]


MATCHED = World(TRAINING_TOPICS, TRAINING_KINDS)
MISMATCHED = World(MISMATCHED_TOPICS, MISMATCHED_KINDS)
WHOLE = World(TOPICS, KINDS)
Family = Callable[[Random, int, World], Pair]


def circumstances(rng: Random, label: int, world: World) -> Pair:
    """When, where, how and with whom; a negated hypothesis turns the first two labels round."""
    topic = rng.choice(world.topics)
    names = people(rng, 1) if rng.random() < 0.5 else ()
    options = details_of(topic)
    kept = some_details(rng, topic, 3 if rng.random() < 0.3 else 2)
    premise = random_clause(rng, topic, names).but(details=kept)
    negated = rng.random() < 0.25
    absent = sorted(set(options) - set(kept))
    about = premise
    if label == NEUTRAL and rng.random() < 0.3:
        about = premise.but(event=other(rng, topic.events, premise.event))
        name = rng.choice(sorted(kept))
        value = kept[name]
    elif label == NEUTRAL:
        name = rng.choice(absent)
        value = rng.choice(options[name])
    else:
        name = rng.choice(sorted(kept))
        agrees = (label == ENTAILED) != negated
        value = kept[name] if agrees else other(rng, options[name], kept[name])
    hypothesis = about.but(details={name: value}, negated=negated)
    text = say(rng, premise)
    if rng.random() < 0.25:
        text += f" because {rng.choice(topic.reasons)}"
    return text, say(rng, hypothesis)


def facts(rng: Random, label: int, world: World) -> Pair:
    """Two properties of an invented thing; the hypothesis states one."""
    kind = rng.choice(world.kinds)
    town, elsewhere = rng.sample(TOWNS, 2)
    first, second, third, _ = rng.sample(kind.facts, 4)
    one, two = rng.choice(first.values), rng.choice(second.values)
    premise = rng.choice(("{n}, which {a}, {b}", "{n} {a} and {b}")).format(
        n=kind.pattern.format(town),
        a=rng.choice(first.says).format(one),
        b=rng.choice(second.says).format(two),
    )
    about, value = rng.choice(((first, one), (second, two)))
    if label == CONTRADICTED:
        value = other(rng, about.values, value)
    elif label == NEUTRAL and rng.random() < 0.4:
        town = elsewhere
    elif label == NEUTRAL:
        about = third
        value = rng.choice(third.values)
    return premise, f"{kind.pattern.format(town)} {rng.choice(about.says).format(value)}"


def attempts(rng: Random, label: int, world: World) -> Pair:
    """What was managed happened, what was forgotten did not, what was hoped for is open."""
    topic = rng.choice(world.topics)
    name = people(rng, 1)[0]
    happened, failed, opened = rng.sample(topic.events, 3)
    steps = [
        f"{rng.choice(('managed', 'remembered', 'took the trouble'))} to {do(rng, happened)}",
        f"{rng.choice(('failed', 'forgot', 'refused', 'neglected'))} to {do(rng, failed)}",
        f"{rng.choice(('hoped', 'promised', 'intended', 'offered'))} to {do(rng, opened)}",
    ]
    rng.shuffle(steps)
    denied = rng.random() < 0.5
    if label == NEUTRAL:
        about = opened
    else:
        about = happened if (label == ENTAILED) != denied else failed
    claim = f"did not {do(rng, about)}" if denied else done(rng, about)
    return f"{name} {joined(steps)}", f"{name} {claim}"


def order(rng: Random, label: int, world: World) -> Pair:
    """Which of two things came first."""
    topic = rng.choice(world.topics)
    name = people(rng, 1)[0]
    first, second, third = rng.sample(topic.events, 3)
    premise = in_order(rng, name, first, second)
    if label == NEUTRAL:
        first, second = rng.choice(((first, third), (third, second), (second, third)))
    elif label == CONTRADICTED:
        first, second = second, first
    return premise, in_order(rng, name, first, second)


def in_order(rng: Random, name: str, first, second) -> str:
    """Say that the first event preceded the second, from either end."""
    forms = (
        f"{name} {done(rng, first)} before {doing(rng, second)}",
        f"{name} {done(rng, second)} after {doing(rng, first)}",
        f"after {doing(rng, first)}, {name} {done(rng, second)}",
        f"before {doing(rng, second)}, {name} {done(rng, first)}",
    )
    return rng.choice(forms)


def converse(rng: Random, label: int, world: World) -> Pair:
    """Two people, a relation and its converse; roles swapped in the contradictions."""
    a, b = people(rng, 2)
    relation = rng.choice(CONVERSES)
    premise = related(rng, a, relation, b)
    if label == NEUTRAL:
        relation = other(rng, CONVERSES, relation)
    if label == CONTRADICTED or (label == NEUTRAL and rng.random() < 0.5):
        a, b = b, a
    topic = rng.choice(world.topics)
    aside = f", {article(rng.choice(topic.workers))}," if rng.random() < 0.6 else ""
    text = premise.replace(" ", f"{aside} ", 1) if aside else premise
    return text, related(rng, a, relation, b)


def related(rng: Random, a: str, relation: tuple[str, str], b: str) -> str:
    """Say the relation from either side."""
    there, back = relation
    return f"{a} {there} {b}" if rng.random() < 0.5 else f"{b} {back} {a}"


# What a quantified premise makes true (True) or false (False) of four quantified hypotheses.
# Every premise and every hypothesis is as often true as false, so neither side gives it away.
PREMISE_QUANTIFIERS = {
    "all": ("all the {}", "every one of the {}", "each of the {}"),
    "few": ("only a few of the {}", "just a small minority of the {}"),
    "none": ("none of the {}", "not one of the {}"),
}
HYPOTHESIS_QUANTIFIERS = {
    "most": ("more than half of the {}", "the majority of the {}"),
    "not all": ("not all the {}", "not every one of the {}"),
    "some": ("at least one of the {}", "one or more of the {}"),
    "none": ("none of the {}", "not one of the {}"),
}
TRUTH = {
    ("all", "most"): True,
    ("all", "not all"): False,
    ("all", "some"): True,
    ("all", "none"): False,
    ("few", "most"): False,
    ("few", "not all"): True,
    ("few", "some"): True,
    ("few", "none"): False,
    ("none", "most"): False,
    ("none", "not all"): True,
    ("none", "some"): False,
    ("none", "none"): True,
}


def quantifiers(rng: Random, label: int, world: World) -> Pair:
    """All, few or none of a group; the neutral hypothesis is about another event."""
    topic = rng.choice(world.topics)
    group = plural(rng.choice(topic.workers))
    event = rng.choice(topic.events)
    wanted = rng.random() < 0.5 if label == NEUTRAL else label == ENTAILED
    claim = rng.choice(sorted(HYPOTHESIS_QUANTIFIERS))
    fitting = [p for p in sorted(PREMISE_QUANTIFIERS) if TRUTH[p, claim] == wanted]
    premise = rng.choice(fitting)
    about = other(rng, topic.events, event) if label == NEUTRAL else event
    where = f" {rng.choice(topic.places)}" if rng.random() < 0.5 else ""
    return (
        f"{rng.choice(PREMISE_QUANTIFIERS[premise]).format(group)} {done(rng, event)}{where}",
        f"{rng.choice(HYPOTHESIS_QUANTIFIERS[claim]).format(group)} {done(rng, about)}{where}",
    )


def hypernyms(rng: Random, label: int, world: World) -> Pair:
    """A violinist is a musician; weights keep each side's forms equally frequent per label."""
    topic = rng.choice(world.topics)
    worker, another = rng.sample(topic.workers, 2)
    event = rng.choice(topic.events)
    yes = f"{article(worker)} {{}}"
    kind = f"{article(topic.kind)} {{}}"
    none, no_kind = f"no {worker} {{}}", f"no {topic.kind} {{}}"
    premise = rng.choice((yes, no_kind))
    agree = rng.choice((yes, kind)), none
    claim = agree[(label == ENTAILED) != (premise == yes)]
    if label == NEUTRAL and premise == yes and rng.random() < 0.5:
        claim = rng.choice((f"{article(another)} {{}}", f"no {another} {{}}"))
    elif label == NEUTRAL:
        claim = rng.choice((yes, kind, none, none))
        event_claimed = other(rng, topic.events, event)
        return premise.format(done(rng, event)), claim.format(done(rng, event_claimed))
    return premise.format(done(rng, event)), claim.format(done(rng, event))


def instead(rng: Random, label: int, world: World) -> Pair:
    """One person did it and another did not."""
    topic = rng.choice(world.topics)
    doer, other_one = people(rng, 2)
    event = rng.choice(topic.events)
    act = done(rng, event)
    where = rng.choice(topic.places)
    premise = rng.choice(
        (
            f"it was {doer}, not {other_one}, who {act} {where}",
            f"it was not {other_one} but {doer} who {act} {where}",
            f"{doer} {act} {where}; {other_one} did not",
            f"{other_one} stayed at home, so {doer} {act} {where} instead",
        )
    )
    denied = rng.random() < 0.4
    if label == NEUTRAL:
        who = rng.choice((doer, other_one))
        event = other(rng, topic.events, event)
    else:
        who = doer if (label == ENTAILED) != denied else other_one
    return premise, f"{who} {'did not ' + do(rng, event) if denied else done(rng, event)}"


# The circumstances family counts four times: it has the most forms.
FAMILIES: tuple[Family, ...] = (
    *(circumstances,) * 4,
    *(facts,) * 2,
    *(attempts,) * 2,
    order,
    converse,
    quantifiers,
    hypernyms,
    instead,
)
STYLES = (  # a voice for the premise, chosen without regard to the label
    *("{}",) * 8,
    "as the minutes record, {}",
    "yes, you know, {}",
    "in the end, {}",
    "well, as I told my neighbour, {}",
    "it is on record that {}",
    "you may have heard that {}, and that is true",
    "dear all, please note that {}",
    "{}, which came as no surprise to anyone",
)


def inference_pair(rng: Random, label: int, world: World) -> Pair:
    """A premise in some voice and its hypothesis."""
    premise, hypothesis = rng.choice(FAMILIES)(rng, label, world)
    return sentence(rng.choice(STYLES).format(premise)), sentence(hypothesis)


def mnli(rng: Random) -> dict[str, Split]:
    """Three labels in equal parts; the mismatched split uses topics absent from training."""

    def in_world(world: World) -> Make:
        return lambda rng, label: (inference_pair(rng, label, world), label)

    return collect(
        rng,
        {
            "train": balanced(THREE, 600),
            "validation_matched": balanced(THREE, 120),
            "validation_mismatched": balanced(THREE, 120),
        },
        {
            "train": in_world(MATCHED),
            "validation_matched": in_world(MATCHED),
            "validation_mismatched": in_world(MISMATCHED),
        },
    )


def ax(rng: Random) -> dict[str, Split]:
    """The diagnostic set: every family equally often, labels hidden as on the hub."""
    families = tuple(dict.fromkeys(FAMILIES))

    def make(rng: Random, family: Family) -> Made:
        premise, hypothesis = family(rng, rng.choice(THREE), WHOLE)
        return (sentence(premise), sentence(hypothesis)), -1

    return collect(rng, {"test": dict.fromkeys(families, 15)}, make)


def rte(rng: Random) -> dict[str, Split]:
    """Longer premises, two labels; a second sentence adds matter that must be told apart."""

    def make(rng: Random, label: int) -> Made:
        relation = ENTAILED if label == 0 else rng.choice((NEUTRAL, CONTRADICTED))
        if rng.random() < 0.45:
            premise, hypothesis = two_actors(rng, relation)
        else:
            family = rng.choice(FAMILIES)
            premise, hypothesis = family(rng, relation, WHOLE)
            around = [sentence(premise), backdrop(rng)]
            rng.shuffle(around)
            premise = " ".join(around)
        return (premise, sentence(hypothesis)), label

    quotas = {"train": balanced((0, 1), 480), "validation": balanced((0, 1), 120)}
    return collect(rng, quotas, make)


def backdrop(rng: Random) -> str:
    """A sentence about something else."""
    town = rng.choice(TOWNS)
    topic = rng.choice(TOPICS)
    return sentence(
        rng.choice(
            (
                f"the news from {town} was discussed for days",
                f"in {town}, people still talk about the {topic.kind} who told the story",
                f"a reporter from {town} wrote it all down",
                f"the mayor of {town} has not commented",
                f"officials in {town} confirmed the account",
                f"{article(rng.choice(topic.workers))} from {town} was among the witnesses",
            )
        )
    )


def two_actors(rng: Random, relation: int) -> Pair:
    """Two people, two events, each with circumstances; a hypothesis may mix them up."""
    topic = rng.choice(TOPICS)
    options = details_of(topic)
    names = people(rng, 2)
    events = rng.sample(topic.events, 2)
    first, second = (
        Clause(name, event, some_details(rng, topic, 2)) for name, event in zip(names, events, strict=True)
    )
    reason = f" because {rng.choice(topic.reasons)}" if rng.random() < 0.4 else ""
    premise = f"{sentence(say(rng, first) + reason)} {sentence(say(rng, second))}"
    about, unlike = rng.choice(((first, second), (second, first)))
    name = rng.choice(sorted(about.details))
    value = about.details[name]
    if relation == CONTRADICTED:
        value = other(rng, options[name], value)
    elif relation == NEUTRAL and rng.random() < 0.5:
        about = about.but(actor=unlike.actor)
    elif relation == NEUTRAL:
        name = rng.choice(sorted(set(options) - set(about.details)))
        value = rng.choice(options[name])
    return premise, say(rng, about.but(details={name: value}))


def qnli(rng: Random) -> dict[str, Split]:
    """Does the sentence answer the question?  Label 0 if it does."""

    def make(rng: Random, label: int) -> Made:
        family = rng.choice((ask_fact, ask_fact, ask_event, ask_event, ask_object))
        question, answer = family(rng, label == 0)
        return (sentence(question, ""), sentence(answer)), label

    quotas = {"train": balanced((0, 1), 480), "validation": balanced((0, 1), 120)}
    return collect(rng, quotas, make)


def ask_fact(rng: Random, answered: bool) -> Pair:
    """A property of an invented thing; the sentence states two, perhaps not the one asked."""
    kind = rng.choice(KINDS)
    town, elsewhere = rng.sample(TOWNS, 2)
    first, second, third, _ = rng.sample(kind.facts, 4)
    text = rng.choice(("{n}, which {a}, {b}", "{n} {a} and {b}", "{n} {a}; what is more, it {b}")).format(
        n=kind.pattern.format(town),
        a=rng.choice(first.says).format(rng.choice(first.values)),
        b=rng.choice(second.says).format(rng.choice(second.values)),
    )
    asked = rng.choice((first, second))
    if not answered and rng.random() < 0.4:
        town = elsewhere
    elif not answered:
        asked = third
    return rng.choice(asked.asks).format(kind.pattern.format(town)), text


def ask_event(rng: Random, answered: bool) -> Pair:
    """Who, where, when or why; the sentence tells two of the four about one event."""
    topic = rng.choice(TOPICS)
    event = rng.choice(topic.events)
    told = rng.sample(("who", "where", "when", "why"), 2)
    untold = [part for part in ("who", "where", "when", "why") if part not in told]
    verb, what = verb_and_object(rng, event)
    be = "were" if what.plural else "was"
    form = Clause("", event)
    sample = {
        "where": f" {rng.choice(topic.places)}",
        "when": f" {rng.choice(details_of(topic)['day'])[0]}",
        "why": f" because {rng.choice(topic.reasons)}",
    }
    rest = "".join(sample[part] for part in ("where", "when", "why") if part in told)
    if "who" in told:
        form = form.but(actor=f"the {rng.choice(topic.workers)}")
        text = say(rng, form, passive=0.5) + rest
    else:
        text = f"{what.text} {be} {participle(verb)}{rest}"
    wanted = rng.choice(told if answered else untold)
    if not answered and rng.random() < 0.4:
        wanted = rng.choice(told)
        event = other(rng, topic.events, event)
    return question_about(rng, wanted, event), text


def question_about(rng: Random, wanted: str, event) -> str:
    """A question for one part of an event."""
    verb, what = verb_and_object(rng, event)
    be = "were" if what.plural else "was"
    if wanted == "who":
        start = rng.choice(("who", "which person", "who was it that"))
        return f"{start} {past(verb)} {what.text}?"
    start = {
        "where": ("where", "in what place"),
        "when": ("when", "on which day of the week"),
        "why": ("why", "for what reason"),
    }[wanted]
    return f"{rng.choice(start)} {be} {what.text} {participle(verb)}?"


def ask_object(rng: Random, answered: bool) -> Pair:
    """Two people doing two things: what did one of them do it to?"""
    topic = rng.choice(TOPICS)
    names: Sequence[str] = people(rng, 2)
    one, two = rng.sample(topic.events, 2)
    link = rng.choice(("while", "and", "before", "after", "whereas"))
    text = f"{names[0]} {done(rng, one)} {link} {names[1]} {done(rng, two)}"
    who, event = rng.choice(((names[0], one), (names[1], two)))
    if not answered:
        who = other(rng, names, who)
    return f"what did {who} {rng.choice(event.verbs)}?", text
