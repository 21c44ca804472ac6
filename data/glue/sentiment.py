"""Sentences of review with a polarity: SST-2.

Frames are written once for both polarities: ``{x}`` slots take words of the wanted polarity and
``{y}`` slots of the opposite one.  Worked example: "{It} is anything but {y}" is praise with
"tedious" and blame with "gripping".  Contrasts ("though the score is lovely, the film drags")
and negations put words of both polarities into one sentence, so that counting them misleads.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from grammar import article, sentence
from lexicon import parts
from rows import Made, Split, balanced, collect


@dataclass(frozen=True)
class Tone:
    """Words of one polarity."""

    adjectives: tuple[str, ...]
    nouns: tuple[str, ...]
    effects: tuple[str, ...]
    adverbs: tuple[str, ...]
    verdicts: tuple[str, ...]


PRAISE = Tone(
    parts(
        "gripping, tender, witty, radiant, inventive, moving, delightful, graceful, sharp, warm, "
        "thoughtful, lively, brilliant, touching, fresh, superb, charming, vivid, elegant, funny, "
        "enchanting, confident, rich, spirited, wonderful, absorbing, stirring, clever, luminous"
    ),
    parts(
        "joy, triumph, treat, small miracle, quiet masterpiece, pleasure, marvel, gem, delight, "
        "breath of fresh air, feast for the eyes, lesson in good storytelling"
    ),
    parts(
        "kept me glued to my seat, made the whole row laugh, stayed with me for days, won me over "
        "within minutes, brought tears to my eyes, earned every bit of its applause, left me "
        "smiling all the way home, made two hours feel like ten minutes, deserves a second look, "
        "rewards every minute you give it, finds beauty in small things, swept me along"
    ),
    parts("beautifully, skilfully, lovingly, brilliantly, masterfully, deftly, wonderfully"),
    parts(
        "I would see it again tomorrow, do not miss it, it is worth every penny, bring all your "
        "friends, I left the hall beaming, go and see it soon"
    ),
)
BLAME = Tone(
    parts(
        "tedious, clumsy, hollow, stale, shrill, lifeless, predictable, dull, muddled, bland, "
        "tiresome, sloppy, dreary, charmless, flat, feeble, pompous, wooden, soulless, awkward, "
        "joyless, careless, shallow, grating, dismal, witless, plodding, lazy, incoherent"
    ),
    parts(
        "chore, disaster, letdown, waste of talent, missed chance, mess, bore, ordeal, failure, "
        "slog from start to finish, pile of worn-out jokes, lesson in how not to tell a story"
    ),
    parts(
        "sent half the row to sleep, made me check my watch, outstayed its welcome, lost me within "
        "minutes, left me cold, fell apart before the interval, wasted a fine idea, made ten "
        "minutes feel like two hours, ran out of ideas early on, mistakes noise for drama, insults "
        "its audience, drags its feet from scene to scene"
    ),
    parts("clumsily, lazily, carelessly, badly, poorly, drearily, ineptly"),
    parts(
        "I want my evening back, stay at home instead, save your money, warn all your friends, "
        "I left long before the end, give it a wide berth"
    ),
)
WORKS = parts(
    "film, play, novel, musical, documentary, series, comedy, thriller, opera, exhibition, album, "
    "remake, sequel, drama, cartoon, debut, ballet, biography"
)
ASPECTS = (  # with the verb that agrees
    *(f"the {noun} is" for noun in parts("plot, pacing, dialogue, music, lighting, ending, cast")),
    *(f"the {noun} are" for noun in parts("performances, jokes, costumes, songs, opening scenes")),
    *(f"the {noun} is" for noun in parts("central idea, humour, staging, photography, narrator")),
)
MAKERS = parts("director, author, cast, composer, lead actor, screenwriter, choreographer, producer, designer")
# {x}, {x2}: adjectives; {xn}: noun; {xe}: effect; {xa}: adverb; {xv}: verdict; {ax}: "a witty".
FRAMES = (
    "{ax}, {x2} {work}",
    "{ax} and {x2} {work} that {xe}",
    "the {work} {xe}",
    "this {work} is {axn}",
    "what {axn}!",
    "{asp} {x}, and {asp2} {x2}",
    "{asp} {x}; {xv}",
    "{xa} made and {xa2} acted",
    "it is anything but {y}",
    "there is nothing {y} about this {work}",
    "not a single scene of this {work} feels {y}",
    "I expected {ay} {work}, and I was wrong: it {xe}",
    "though {asp} {y}, the {work} as a whole is {x}",
    "{asp} {y} at times, but in the end the {work} {xe}",
    "for all its {y} moments, this is {ax} {work}",
    "critics called it {y}; to me it was {x} throughout",
    "the {maker} has given us {axn}",
    "thanks to the {maker}, it all ends up {x} and {x2}",
    "{xv}: {asp} {x}",
    "the first act is {y}, the second {y2}, yet what you take home is {ax} impression",
    "you would have to look hard to find a moment that is not {x}",
    "far from {y}, this {work} is {x} in every way",
    "my neighbour thought it {y}, but she is mistaken: it is {axn}",
    "never {y}, often {x}, and {xa} put together",
    "one more {work}, and this time it is {axn}",
    "I had heard that {asp} {y}; in truth {asp} {x}",
    "{x} from the first minute to the last, it {xe}",
    "nobody could accuse this {work} of being {y}",
    "the {work} starts out {y} and turns {x}, which is what one remembers",
    "{xa} told, and {x} where others are {y}",
)


def filled(rng: Random, frame: str, tone: Tone, opposite: Tone) -> str:
    """The frame with words of both tones in their places."""
    x, x2 = rng.sample(tone.adjectives, 2)
    y, y2 = rng.sample(opposite.adjectives, 2)
    aspect, aspect2 = rng.sample(ASPECTS, 2)
    adverb, adverb2 = rng.sample(tone.adverbs, 2)
    return frame.format(
        x=x,
        x2=x2,
        y=y,
        y2=y2,
        ax=article(x),
        ay=article(y),
        axn=article(rng.choice(tone.nouns)),
        xe=rng.choice(tone.effects),
        xa=adverb,
        xa2=adverb2,
        xv=rng.choice(tone.verdicts),
        asp=aspect,
        asp2=aspect2,
        work=rng.choice(WORKS),
        maker=rng.choice(MAKERS),
    )


def sst2(rng: Random) -> dict[str, Split]:
    """Two polarities in equal parts."""

    def make(rng: Random, label: int) -> Made:
        tone, opposite = (PRAISE, BLAME) if label else (BLAME, PRAISE)
        frame = rng.choice(FRAMES)
        text = filled(rng, frame, tone, opposite)
        return (sentence(text, "" if text.endswith("!") else "."),), label

    quotas = {"train": balanced((0, 1), 480), "validation": balanced((0, 1), 120)}
    return collect(rng, quotas, make)
