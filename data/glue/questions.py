"""Question pairs: QQP.

A family is a set of things one may ask the same questions about; an intent is one such question
in several wordings.  Worked example: "How do I learn chess?" and "What is the best way to learn
chess?" share thing and intent and are duplicates; change the thing (another game) or the intent
("How long does it take to learn chess?") and they are not.  All questions of a family are drawn
alike whatever the label.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from grammar import VOWELS, other, sentence
from lexicon import parts
from rows import Made, Split, collect


@dataclass(frozen=True)
class Family:
    """Things and the intents that fit them; ``paired`` families ask about two things."""

    things: tuple[str, ...]
    intents: tuple[tuple[str, ...], ...]
    paired: bool = False


def family(things: str, intents: str, paired: bool = False) -> Family:
    """Build a family; blank lines part the intents, each wording has a line of its own."""
    wordings = (block.strip().splitlines() for block in intents.split("\n\n"))
    return Family(parts(things), tuple(tuple(map(str.strip, lines)) for lines in wordings), paired)


FAMILIES = (
    family(
        "chess, Portuguese, the cello, touch typing, archery, pottery, sign language, Finnish, "
        "calligraphy, sailing, juggling, the accordion",
        """
        How do I learn {}?
        What is the best way to learn {}?
        How should a beginner start with {}?

        How long does it take to learn {}?
        How many months do I need to master {}?
        How much time must I spend before I am good at {}?

        Is {} hard to learn?
        How difficult is it to pick up {}?
        Is learning {} a tough job?

        Where can I take lessons in {}?
        Which places offer classes in {}?
        Where are there courses for {}?

        Can children learn {}?
        Is {} suitable for kids?
        Is it possible for a child to take up {}?
        """,
    ),
    family(
        "lentil soup, sourdough bread, plum jam, mushroom risotto, fish stew, potato salad, "
        "apple cake, pickled cabbage, chickpea curry, onion tart",
        """
        How do you make {}?
        What is a good recipe for {}?
        How is {} prepared?

        How long does {} keep in the fridge?
        For how many days can I store {} in the refrigerator?
        When does refrigerated {} go off?

        Can I freeze {}?
        Is it possible to put {} in the freezer?
        Does {} survive freezing?

        What should I serve with {}?
        Which side dish goes well with {}?
        What do people eat alongside {}?

        Is {} healthy?
        How good for you is {}?
        Does {} count as healthy food?

        How can I make {} without salt?
        What is a salt-free way of making {}?
        Can {} be made with no salt at all?
        """,
    ),
    family(
        "Lisbon, Kyoto, Tbilisi, Montevideo, Tallinn, Marrakesh, Bergen, Hanoi, Valencia, Dakar, "
        "Ljubljana, Quebec City",
        """
        What should I see in {}?
        What are the best sights of {}?
        Which places in {} are worth a visit?

        When is the best time to visit {}?
        Which month is ideal for a trip to {}?
        In what season should I travel to {}?

        Is {} expensive?
        How costly is a stay in {}?
        Do prices in {} run high?

        Is {} safe at night?
        Can one walk around {} after dark without danger?
        How dangerous is {} once it gets dark?

        How do I get from the airport to the centre of {}?
        What is the way into {} from its airport?
        Which transport runs between the airport and downtown {}?

        How do I get from the centre of {} to the airport?
        What is the way out of {} to its airport?
        Which transport goes from downtown {} out to the airport?
        """,
    ),
    family(
        "tomatoes, strawberries, sunflowers, orchids, figs, chilli peppers, tulips, leeks, "
        "raspberries, geraniums, courgettes",
        """
        How often should I water {}?
        How frequently do {} have to be watered?
        How many times a week do {} need water?

        When should I plant {}?
        What is the right season for planting {}?
        In which month do {} go into the ground?

        Why are the leaves of my {} turning yellow?
        What makes the foliage of {} go yellow?
        What causes yellow leaves on {}?

        Can {} grow indoors?
        Is it possible to raise {} inside the house?
        Do {} do well in a flat?

        Do {} need full sun?
        How much sunlight do {} require?
        Must {} stand in bright light?
        """,
    ),
    family(
        "back pain, a sore throat, hay fever, insomnia, a migraine, heartburn, a sprained ankle, "
        "dry skin, toothache, a nosebleed",
        """
        How can I treat {} at home?
        What are good home remedies for {}?
        What helps against {} without a doctor?

        What causes {}?
        Why do people get {}?
        What is the reason for {}?

        When should I see a doctor about {}?
        At what point does {} call for a doctor?
        How bad must {} be before I go to the doctor?

        How can I prevent {}?
        What can be done to avoid {}?
        How does one keep from getting {}?

        Can stress lead to {}?
        Is stress able to bring on {}?
        Does too much stress result in {}?
        """,
    ),
    family(
        "Python, Rust, Kotlin, Haskell, Ruby, Fortran, Swift, Erlang, Perl, Julia",
        """
        Is {} a good first programming language?
        Should a beginner start with {}?
        Is it wise to choose {} as one's first language?

        How do I read a file in {}?
        What is the way to open and read files in {}?
        Which code reads a file in {}?

        How do I write a file in {}?
        What is the way to save text to a file in {}?
        Which code creates and fills a file in {}?

        How do I sort a list in {}?
        What is the usual way of sorting lists in {}?
        Which function sorts a list in {}?

        Which companies use {}?
        What firms write their software in {}?
        Who works with {} in industry?

        What is the best book on {}?
        Which book should I read about {}?
        Can you recommend a book about {}?
        """,
    ),
    family(
        "nurse, pilot, translator, pastry chef, judge, locksmith, architect, zookeeper, "
        "sound engineer, midwife, surveyor",
        """
        How do I become a {}?
        What does it take to become a {}?
        Which steps lead to a job as a {}?

        How much does a {} earn?
        What is the salary of a {}?
        What pay can a {} expect?

        What does a {} do all day?
        What is the daily work of a {}?
        What tasks fill the day of a {}?

        Is being a {} stressful?
        How much stress does a {} have?
        Does the job of a {} involve much stress?

        Do I need a degree to work as a {}?
        Is a university degree required for the job of a {}?
        Can one be a {} without having a degree?
        """,
    ),
    family(
        "hamsters, budgies, goldfish, ferrets, tortoises, rabbits, geckos, parrots, guinea pigs, chinchillas",
        """
        How long do {} live?
        What is the lifespan of {}?
        What age do {} reach?

        What do {} eat?
        What should I feed {}?
        Which food is right for {}?

        Can {} be left alone for a weekend?
        Is it fine to leave {} by themselves for two days?
        Do {} cope without people for a weekend?

        How big a cage do {} need?
        How much room must {} have?
        What amount of space do {} require?

        Do {} bite?
        Are {} likely to nip people?
        Is it common for {} to bite?
        """,
    ),
    family(
        "rainbows, tides, thunder, earthquakes, the northern lights, sunspots, fog, hail, "
        "geysers, sandstorms, avalanches",
        """
        What causes {}?
        Why do we get {}?
        What is the reason behind {}?

        Can scientists predict {}?
        Is it possible to forecast {}?
        Do researchers know in advance about {}?

        Where can I see {}?
        In which places can one watch {}?
        What is a good spot for observing {}?

        How do I explain {} to a child?
        What is an easy explanation of {} for kids?
        How can {} be made clear to children?

        Is there anything like {} on Mars?
        Does Mars have {}?
        Could one find {} on the planet Mars?
        """,
    ),
    family(
        "miles, kilometres, inches, yards, metres, feet, furlongs, fathoms",
        """
        How do I convert {} to {}?
        What is the formula for turning {} into {}?
        How can {} be changed into {}?

        Which countries prefer {} to {}?
        Where are {} more common than {}?
        In what countries do people use {} rather than {}?
        """,
        paired=True,
    ),
    family(
        "pounds, kilograms, ounces, grams, tonnes, carats",
        """
        How do I convert {} to {}?
        What is the formula for turning {} into {}?
        How can {} be changed into {}?

        Why do bakers prefer {} to {}?
        For what reason do bakers use {} rather than {}?
        Why do people who bake choose {} over {}?
        """,
        paired=True,
    ),
    family(
        "Oslo, Vienna, Porto, Zagreb, Lyon, Gdansk, Naples, Antwerp, Geneva, Malmo, Cork",
        """
        How do I get from {} to {}?
        What is the best route from {} to {}?
        How can one travel from {} to {}?

        How long is the train ride from {} to {}?
        How many hours does the train from {} take to reach {}?
        What is the travelling time by rail from {} to {}?

        Is {} bigger than {}?
        Does {} have more people than {}?
        Is the population of {} larger than that of {}?

        Is it cheaper to live in {} than in {}?
        Are living costs lower in {} than in {}?
        Does life in {} cost less than in {}?
        """,
        paired=True,
    ),
    family(
        "wool, linen, oak, copper, leather, cork, silk, bamboo, brass, slate, felt",
        """
        How do I clean {}?
        What is the best way of cleaning {}?
        How can I get dirt off {}?

        Is {} waterproof?
        Does {} keep out water?
        Can water get through {}?

        How long does {} last?
        What is the lifetime of {}?
        For how many years does {} hold up?

        What is {} used for?
        What are the uses of {}?
        What do people make out of {}?

        How do I tell real {} from fake {0}?
        How can I recognise genuine {}?
        What shows that {} is not an imitation?
        """,
    ),
)


@dataclass(frozen=True)
class Question:
    """What is asked, about what."""

    family: Family
    intent: tuple[str, ...]
    things: tuple[str, ...]

    def word(self, wording: str) -> str:
        """The question in one wording, with its articles put right."""
        if "{0}" in wording:
            wording = wording.replace("{}", "{0}")
        if self.things[0][0] in VOWELS:
            wording = wording.replace(" a {}", " an {}")
        return sentence(wording.format(*self.things), "")


def random_question(rng: Random) -> Question:
    """Any question of any family."""
    chosen = rng.choice(FAMILIES)
    things = rng.sample(chosen.things, 2 if chosen.paired else 1)
    return Question(chosen, rng.choice(chosen.intents), tuple(things))


def near(rng: Random, question: Question) -> Question:
    """A different question of the same family: roles, thing or intent changed."""
    group, intent, things = question.family, question.intent, question.things
    if group.paired and rng.random() < 0.6:
        return Question(group, intent, things[::-1])
    if rng.random() < 0.5:
        fresh = other(rng, [t for t in group.things if t not in things], None)
        return Question(group, intent, (fresh, *things[1:]))
    return Question(group, other(rng, group.intents, intent), things)


def qqp(rng: Random) -> dict[str, Split]:
    """Duplicate or not; three in eight are duplicates, as in GLUE."""

    def make(rng: Random, label: int) -> Made:
        one = random_question(rng)
        if label:
            two = one
        else:
            two = near(rng, one) if rng.random() < 0.85 else random_question(rng)
        wording = rng.choice(one.intent)
        again = [w for w in two.intent if not (label and w == wording)]
        return (one.word(wording), two.word(rng.choice(again))), label

    return collect(rng, {"train": {0: 300, 1: 180}, "validation": {0: 75, 1: 45}}, make)
