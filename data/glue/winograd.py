"""Pronoun sentences after Winograd: WNLI.

A ``Schema`` has two people of one gender, a pronoun that may stand for either, and a pair of
endings that decide for whom.  Worked example, with Nora and Greta in the places of a and b:

    Nora lent Greta an umbrella because she had brought two.           she = Nora
    Nora lent Greta an umbrella because she had forgotten hers.        she = Greta

The second sentence of a row puts one of the names for the pronoun.  Each name fits each ending
equally often and both names may stand in either place, so neither sentence alone gives the label
away.  The label is 1 if the second sentence follows: REVERSED against RTE, as in GLUE.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from grammar import sentence
from lexicon import MEN, WOMEN, parts
from rows import Made, Split, balanced, collect


@dataclass(frozen=True)
class Schema:
    """A frame with {a}, {b} and {p}, the ending that picks a and the ending that picks b."""

    frame: str
    picks_a: str
    picks_b: str


def schema(text: str) -> Schema:
    """Build a schema from "frame | ending for a | ending for b"."""
    return Schema(*parts(text, "|"))


# In the endings {h} is "her" or "his", {o} is "her" or "him", {s} is "hers" or "his".
SCHEMAS = tuple(
    schema(line)
    for line in """
    {a} lent {b} an umbrella because {p} | had brought two | had left {s} on the bus
    {a} thanked {b} because {p} | had received so much help | had given so much help
    {a} could not hear {b} because {p} | was wearing earplugs | was whispering
    {a} overtook {b} on the hill because {p} | had saved some strength | had run out of strength
    {a} asked {b} for directions because {p} | was new in town | knew the town well
    {a} scolded {b} because {p} | could not bear the mess | had caused the mess
    {a} apologised to {b} because {p} | had broken the vase | had been treated unfairly
    {a} hired {b} because {p} | needed an expert | was an expert
    {a} visited {b} in hospital after {p} | heard about the accident | had a bad accident
    {a} borrowed a coat from {b} since {p} | was shivering | had a spare one
    {a} beat {b} at chess because {p} | had prepared a clever trap | overlooked a clever trap
    {a} paid {b} for the bicycle, and {p} | rode it home | counted the money
    {a} carried {b} down the path because {p} | was strong enough | had twisted an ankle
    {a} taught {b} to swim although {p} | had no patience as a teacher | was slow as a pupil
    {a} envied {b} because {p} | never won anything | had won the lottery
    {a} woke {b} at dawn because {p} | needed somebody to talk to | had slept through the alarm
    {a} hid from {b} because {p} | was playing the thief | was playing the policeman
    {a} bought a boat from {b} because {p} | wanted to take up sailing | wanted to give up sailing
    {a} followed {b} through the cave because {p} | had no lamp at all | had the only lamp
    {a} sent {b} a postcard when {p} | was on holiday in Peru | was stuck at home in bed
    {a} handed {b} the microphone after {p} | had finished singing | was asked to sing next
    {a} translated the letter for {b} because {p} | spoke fluent Turkish | did not speak any Turkish
    {a} let {b} go first through the door because {p} | was in no hurry | was in a great hurry
    {a} took the heavy box from {b} because {p} | wanted to be helpful | was out of breath
    {a} interrupted {b} because {p} | could not wait to speak | had been speaking for an hour
    {a} photographed {b} while {p} | was standing behind the camera | was posing on the bridge
    {a} recommended a dentist to {b} because {p} | had been treated well | had a bad toothache
    {a} waited for {b} at the station, but {p} | went home after an hour | missed the train
    {a} gave {b} the larger slice because {p} | was not very hungry | had not eaten all day
    {a} caught {b} when {p} | reached out just in time | slipped off the ladder
    {a} complained about {b} because {p} | could not sleep for noise | played the drums at night
    {a} trusted {b} with the secret although {p} | seldom confided in people | often spread gossip
    {a} rescued {b} from the river because {p} | was a strong swimmer | was about to drown
    {a} refused to sell {b} the vase because {p} | was too fond of it | had offered too little
    {a} asked {b} to repeat the question because {p} | had not understood it | had mumbled it
    {a} invited {b} to dinner because {p} | enjoyed having guests | was tired of eating out
    {a} defended {b} in court because {p} | was a gifted lawyer | was accused of theft
    {a} bandaged {b} after {p} | had fetched the first-aid kit | had fallen off the bicycle
    {a} reported {b} to the referee because {p} | had been tripped twice | had tripped people twice
    {a} returned the drill to {b} once {p} | had put up the shelves | had asked for it back
    {a} drew a map for {b} because {p} | knew the valley well | had never been to the valley
    {a} could not see the stage behind {b} because {p} | was too short | was too tall
    {a} gave {b} a lift because {p} | had room in the car | had missed the last bus
    {a} read a story to {b} until {p} | lost {h} voice | fell asleep in the little bed
    """.strip().splitlines()
)


def wnli(rng: Random) -> dict[str, Split]:
    """Two labels in equal parts."""

    def make(rng: Random, label: int) -> Made:
        women = rng.random() < 0.5
        a, b = rng.sample(WOMEN if women else MEN, 2)
        she, her, hers = ("she", "her", "hers") if women else ("he", "his", "his")
        chosen = rng.choice(SCHEMAS)
        for_a = rng.random() < 0.5
        ending = (chosen.picks_a if for_a else chosen.picks_b).format(h=her, s=hers)
        said = f"{chosen.frame.format(a=a, b=b, p=she)} {ending}"
        name = a if for_a == (label == 1) else b
        return (sentence(said), sentence(f"{name} {ending}")), label

    quotas = {"train": balanced((0, 1), 480), "validation": balanced((0, 1), 120)}
    return collect(rng, quotas, make)
