"""The words of the bundled sample: names, calendar, topics and fact sheets, written by hand.

A topic is a small world: its workers, things they do, places and reasons.  Things they do are
written compactly, verbs before the bar and objects after it, synonyms parted by a slash, and a
plural object marked with a plus.  Worked example: ``event("repair/mend | the oven/the stove")``
is one event with two verbs and two names for its object, so that "mended the stove" and
"repaired the oven" say the same thing.  Within a topic no event implies or excludes another:
the inference tasks rely on that for their neutral pairs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Phrase:
    """A noun phrase with its number, such as ``Phrase("the stairs", plural=True)``."""

    text: str
    plural: bool = False


@dataclass(frozen=True)
class Event:
    """One thing that can be done: interchangeable verbs, interchangeable objects."""

    verbs: tuple[str, ...]
    objects: tuple[Phrase, ...]


@dataclass(frozen=True)
class Topic:
    """A small world of people, events, places and reasons."""

    name: str
    kind: str  # what every worker of the topic is
    workers: tuple[str, ...]
    events: tuple[Event, ...]
    places: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Fact:
    """One property of a kind of thing: ways to state it, ways to ask for it, values."""

    says: tuple[str, ...]
    asks: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """A kind of invented thing with a name pattern and its properties."""

    name: str
    pattern: str
    facts: tuple[Fact, ...]


def parts(text: str, mark: str = ",") -> tuple[str, ...]:
    """Split a hand-written list."""
    return tuple(part.strip() for part in text.split(mark))


def event(text: str) -> Event:
    """Read the compact notation of the module's docstring."""
    verbs, objects = parts(text, "|")
    phrases = (Phrase(o.lstrip("+"), o.startswith("+")) for o in parts(objects, "/"))
    return Event(parts(verbs, "/"), tuple(phrases))


def topic(name: str, kind: str, workers: str, events: str, places: str, reasons: str) -> Topic:
    """Build a topic from hand-written lists; events stand one to a line."""
    return Topic(
        name,
        kind,
        parts(workers),
        tuple(event(line) for line in events.strip().splitlines()),
        parts(places),
        parts(reasons),
    )


WOMEN = parts(
    "Nora, Ines, Priya, Hanna, Lucia, Amara, Greta, Yuki, Salma, Edith, Carmen, Wanda, Freya, "
    "Leila, Tessa, Mabel, Odile, Rosa, Ingrid, Thandi, Bianca, Zofia, Maren, Delia"
)
MEN = parts(
    "Omar, Felix, Tariq, Henrik, Mateo, Kofi, Anton, Ravi, Pavel, Desmond, Luca, Jonas, Idris, "
    "Oskar, Bruno, Callum, Emil, Hassan, Viktor, Teo, Malik, Stefan, Arlo, Duncan"
)
SURNAMES = parts(
    "Calloway, Brandt, Okafor, Lindqvist, Moreau, Tanaka, Petrov, Achterberg, Silva, Haddad, "
    "Novak, Fairley, Castellan, Mbeki, Rourke, Whitlock, Iyer, Sorensen, Delacroix, Underhill"
)
TOWNS = parts(
    "Marlowe, Tessel, Ardenby, Quillan, Hollin, Westerby, Carrow, Dunmere, Elsing, Farrow, "
    "Galden, Harwick, Istell, Jarrow Vale, Kelda, Lorne, Mistral, Northam, Ostrey, Penhale, "
    "Ravensholt, Selby Cross, Thornby, Ulver, Vance, Wickford, Yarrow, Zellin, Brackley, Corrie"
)
DAYS = parts("on Monday, on Tuesday, on Wednesday, on Thursday, on Friday, on Saturday, on Sunday")
HOURS = (
    ("in the morning", "before midday"),
    ("in the afternoon", "between lunch and tea time"),
    ("in the evening", "after dinner"),
)
COMPANY = (
    ("alone", "without any help", "without assistance"),
    ("with the help of two colleagues", "with two helpers", "together with two other people"),
)
MOOD = (
    ("gladly", "with pleasure", "happily"),
    ("reluctantly", "with great reluctance", "unwillingly"),
)
NUMBERS = parts("two, three, four, five, six, seven, eight, nine, eleven, twelve, fifteen, twenty")

TRAINING_TOPICS = (
    topic(
        "cooking",
        "catering worker",
        "baker, pastry chef, waiter, caterer, dishwasher, sous-chef",
        """repair/mend/fix | the oven/the stove
        slice/cut up | +the carrots
        taste/sample | the soup/the broth
        throw away/discard | +the leftovers/the uneaten food
        choose/select/pick | the dessert/the final course
        rewrite/revise | the menu/the list of dishes
        postpone/put off/delay | the tasting
        polish/shine | +the copper pans
        order | a sack of flour
        decorate/adorn | the wedding cake
        clean/scrub | +the worktops/+the kitchen counters""",
        "in the school canteen, in the hotel kitchen, at the village hall, in the station café, "
        "in the old bakery, at the hospital",
        "the inspectors were expected, a large party had booked, the supplier had changed, "
        "several guests had complained",
    ),
    topic(
        "gardens",
        "outdoor worker",
        "gardener, groundskeeper, park ranger, tree surgeon, landscaper, beekeeper",
        """water/irrigate | +the seedlings/+the young plants
        prune/trim/cut back | +the roses/+the rose bushes
        move/relocate | +the beehives/+the hives
        build/construct | a greenhouse
        remove/take out | the dead elm
        paint | the garden gate/the gate to the garden
        mow/cut | the lawn/the grass
        label/tag | +the fruit trees
        drain/empty | the pond
        photograph | +the orchids
        pick/gather | +the ripe plums""",
        "in the botanical garden, behind the church, in the zoo, at the embassy, at the plant "
        "nursery, in the university grounds",
        "a dry spell was forecast, the annual show was near, frost had damaged the beds, the "
        "neighbours had asked for it",
    ),
    topic(
        "railways",
        "railway employee",
        "driver, conductor, signaller, guard, station manager, track engineer",
        """inspect/examine/check | +the brakes
        cancel/call off | the night train/the overnight service
        announce/make public | the new timetable/the new schedule
        couple | +the freight wagons/+the goods wagons
        close/shut | the level crossing
        find/discover | a lost suitcase/a mislaid suitcase
        repaint | the waiting room
        replace | the faulty signal/the defective signal
        stop/halt | the express/the fast train
        sell | the last ticket/the only remaining ticket
        test/try out | the new locomotive/the new engine""",
        "in the depot, at the border station, at the airport station, at the harbour station, "
        "at the village station, at the zoo station",
        "heavy snow was on the way, a points failure had been reported, passengers had "
        "complained, the contract required it",
    ),
    topic(
        "music",
        "musician",
        "violinist, cellist, drummer, pianist, trumpeter, guitarist",
        """tune | the grand piano/the concert piano
        record/tape | the slow movement
        compose/write | a lullaby/a cradle song
        rehearse/practise | the overture/the opening piece
        sign/autograph | the programme
        perform/play | an encore/an extra piece
        borrow | a spare microphone
        praise/commend | the young soloist
        lose/mislay | the sheet music/the printed score
        restore | the antique harp
        reject/turn down | the recording contract""",
        "in the chapel, at the conservatory, in the park pavilion, at the opera house, at the "
        "broadcasting house, at the castle",
        "the conductor had insisted, a broadcast was planned, the hall had been damaged, the sponsor had asked for it",
    ),
    topic(
        "science",
        "scientist",
        "chemist, biologist, physicist, geologist, botanist, zoologist",
        """repeat/redo | the experiment/the trial
        measure | the sample/the specimen
        publish | +the results/+the findings
        calibrate/adjust | the microscope
        question/doubt | the hypothesis
        count | +the bacteria/+the microbes
        heat/warm | the solution
        receive/get | a research grant
        store/keep | the frozen tissue
        write/draft | the final report
        explain/clarify | the method/the procedure""",
        "at the polar base, on the tropical island, at the university, in the city hospital, on "
        "the research ship, in the desert camp",
        "the first figures were unclear, a rival group had objected, the funding was about to "
        "end, the reviewers had asked for it",
    ),
    topic(
        "markets",
        "finance professional",
        "broker, banker, trader, auditor, economist, fund manager",
        """sell off/dispose of | +the steel shares
        raise/increase | the interest rate
        buy/purchase/acquire | a small brewery
        review/look over | +the accounts/+the books
        predict/foresee/forecast | the slump/the downturn
        lower/reduce/cut | the dividend
        settle/pay | the overdue invoice
        approve/authorise | the merger
        publish/release | +the quarterly figures
        hire/recruit/take on | a tax adviser
        freeze/block | the account""",
        "at the stock exchange, in the London office, in the Zurich office, in the Tokyo "
        "office, at the trade ministry, at the central bank",
        "prices had fallen sharply, the regulator had written twice, a new law was coming, investors were nervous",
    ),
    topic(
        "sport",
        "athlete",
        "sprinter, rower, goalkeeper, cyclist, swimmer, fencer",
        """break/beat | the club record
        miss/skip | the training session/the workout
        buy/purchase | a lighter helmet
        thank | +the supporters/+the fans
        criticise/reproach | the referee
        sign | a two-year contract
        injure/hurt | a shoulder
        win | the opening round/the first round
        wash/clean | the team kit
        watch/view | the final
        give/grant | an interview""",
        "at the old stadium, in the village gym, at the Olympic park, at the mountain camp, at "
        "the seaside resort, at the university",
        "the season was nearly over, the coach had resigned, the rules had changed, the rain had stopped at last",
    ),
    topic(
        "health",
        "health worker",
        "nurse, surgeon, dentist, midwife, paramedic, pharmacist",
        """examine/check | the patient
        bandage/dress | the wound
        prescribe | a stronger ointment
        weigh | the baby/the infant
        update | the medical record
        sterilise/disinfect | +the instruments/+the surgical tools
        cancel/call off | the appointment
        comfort/console | the anxious father/the worried father
        order | an X-ray
        replace/change | the oxygen bottle
        recommend/advise | a low-salt diet""",
        "at the rural clinic, at the city hospital, at the patient's home, on the hospital "
        "ship, at the village school, at the airport",
        "the fever had returned, the waiting list was long, a vaccine had arrived, the family had asked for it",
    ),
    topic(
        "history",
        "heritage worker",
        "archivist, archaeologist, museum curator, genealogist, tour guide, restorer",
        """translate | the charter/the founding document
        unearth/dig up | a bronze helmet
        catalogue | +the coins
        date | the mosaic
        photograph | the fresco/the wall painting
        question/doubt | the legend
        borrow | a medieval map/a map from the Middle Ages
        display/exhibit/show | the crown
        restore | the tapestry/the woven hanging
        copy/transcribe | the diary/the journal
        seal/close | the tomb/the burial chamber""",
        "at the hill fort, in the city archive, in the abbey, at the Roman villa, at the "
        "national museum, in the royal palace",
        "an exhibition was planned, the roof had leaked, a student had raised doubts, the "
        "excavation permit was running out",
    ),
    topic(
        "software",
        "software professional",
        "programmer, tester, system administrator, web designer, data analyst, security analyst",
        """delete/erase/remove | the old backup
        fix/repair/correct | the login bug/the login error
        install/set up | the update/the new version
        document/describe | the interface
        restart/reboot | the mail server
        reject/refuse | the patch
        encrypt | the customer list
        measure | the loading time
        rename | the main branch
        simplify/streamline | the search page
        cancel | the product launch""",
        "in the Dublin office, in the Toronto office, in the Nairobi office, in the Seoul "
        "office, in the Lima office, on the night train",
        "users had complained, an audit was due, the disk was nearly full, the manager had promised it",
    ),
    topic(
        "film",
        "film worker",
        "director, camera operator, actor, editor, screenwriter, costume designer",
        """rewrite/revise | the ending/the final scene
        film/shoot | the car chase
        choose/select/pick | the title song
        cut/remove | the love scene/the romantic scene
        praise/commend | the stunt team
        finish/complete | the trailer
        attend | the premiere/the first showing
        lend | an expensive lens/a costly lens
        defend/justify | the long running time
        burn | the first script
        rent/hire | a vintage limousine""",
        "in the desert, at the seaside studio, in the abandoned mill, in Rome, in a mountain village, on a cruise ship",
        "the budget had been cut, a preview had gone badly, the lead actress was ill, the producers had insisted",
    ),
    topic(
        "schools",
        "educator",
        "history teacher, headmaster, piano tutor, chess coach, language instructor, lecturer",
        """mark/grade/correct | +the essays
        praise/commend | the shy pupil
        lock | the library/the school library
        plan/organise | the excursion/the school trip
        replace/change | the broken projector
        read out/read aloud | the poem
        collect/gather | +the permission slips
        ban/prohibit | +mobile telephones/+mobile phones
        phone/telephone/ring | +the anxious parents/+the worried parents
        prepare/draw up | the exam/the test paper
        repeat/go over | the difficult chapter/the hard chapter""",
        "at the primary school, at the evening college, at the grammar school, at the summer "
        "camp, at the music academy, at the boarding school",
        "term was almost over, the heating had failed, the inspectors were visiting, several parents had asked for it",
    ),
    topic(
        "building",
        "construction worker",
        "bricklayer, plumber, electrician, roofer, carpenter, glazier",
        """repair/mend/fix | the leaking roof
        order | +the bricks
        measure | the staircase/+the stairs
        install/fit/put in | the boiler
        demolish/pull down/knock down | the garden wall
        plaster | the ceiling
        hire/rent | a tall crane
        deliver | +the window frames
        sand | the oak floor/+the oak floorboards
        draw/sketch | the ground plan
        insulate | the attic/the loft""",
        "at the primary school, on the farm, at the swimming pool, at the town hall, at the "
        "lighthouse, at the bus station",
        "winter was coming, the owner was moving in, the council had complained, the old one had collapsed",
    ),
    topic(
        "weather",
        "weather specialist",
        "forecaster, meteorologist, storm chaser, climatologist, weather presenter, ice observer",
        """track/follow | the hurricane
        launch/release | a weather balloon
        issue/give out | a flood warning/a warning of floods
        measure | the rainfall
        correct/amend | the forecast
        photograph | the lightning
        predict/forecast | a mild winter
        repair/mend/fix | the rain gauge
        explain | the sudden fog
        archive/store | +the satellite images
        withdraw/take back | the storm alert""",
        "on the mountain top, at the airport, at the polar station, at the lighthouse, at the "
        "university, in the television studio",
        "pressure was falling, the dam was almost full, the radar had failed, farmers had asked for it",
    ),
)
MISMATCHED_TOPICS = (
    topic(
        "seafaring",
        "sailor",
        "captain, deckhand, helmsman, navigator, ship's cook, boatswain",
        """hoist/raise | the mainsail
        steer/guide | the ferry
        patch/mend | the torn net
        load | the cargo/the freight
        sight/spot | the lighthouse
        lower/let down | the anchor
        save/rescue | the drifting swimmer
        inspect/check | +the lifeboats
        radio | the coastguard
        rename | the trawler/the fishing boat
        pump out | the bilge""",
        "off the northern cape, in the home port, near the coral reef, in the narrow strait, in "
        "the fjord, at the river mouth",
        "a gale was approaching, fuel was running low, the tide had turned, the owner had insisted",
    ),
    topic(
        "astronomy",
        "space professional",
        "astronomer, cosmologist, telescope operator, mission planner, astronaut, star mapper",
        """observe/watch | the comet
        polish | the main mirror/the primary mirror
        discover/find | a dwarf planet
        name | the crater
        cool | the detector/the sensor
        cancel/call off | the rocket launch
        map/chart | the galaxy
        recalculate/compute | the orbit
        photograph | the eclipse
        receive/pick up | a faint signal/a weak signal
        redesign | the heat shield""",
        "at the desert observatory, on the space station, at mission control, on the volcano, "
        "at the planetarium, at the polar station",
        "the sky was clear, the antenna had failed, a rival team had announced it, the budget year was ending",
    ),
    topic(
        "farming",
        "farm worker",
        "shepherd, dairy farmer, fruit grower, tractor driver, beet grower, goat breeder",
        """shear/clip | +the sheep
        harvest/bring in | the barley
        sell | the brown mare
        plough | the upper field
        fence/enclose | the paddock
        milk | +the goats
        vaccinate/inoculate | +the calves
        repair/mend/fix | the tractor
        store/keep | the hay
        plant | a row of walnut trees
        feed | +the hens/+the chickens""",
        "on the upland farm, on the coastal farm, on the island, at the cattle market, at the "
        "agricultural college, in the next village",
        "rain was forecast, prices had risen, the vet had advised it, the old lease had ended",
    ),
    topic(
        "postal work",
        "postal worker",
        "courier, letter carrier, parcel sorter, post office manager, counter clerk, van driver",
        """deliver | the registered letter
        open | the damaged parcel/the damaged package
        sort | the holiday mail
        weigh | the crate/the wooden box
        return/send back | the unsigned form
        stamp | the customs declaration
        lose/mislay | the master key
        refuse/reject | the oversized box
        repair | the sorting machine
        cycle/ride | the longest route
        redirect/forward | the magazine""",
        "at the main post office, on the island, at the airport, in the mountain village, at "
        "the railway station, at the embassy",
        "the address was wrong, a strike had begun, the holidays were near, the sender had telephoned",
    ),
)
TOPICS = TRAINING_TOPICS + MISMATCHED_TOPICS

YEARS = tuple(str(year) for year in (1784, 1812, 1837, 1859, 1874, 1891, 1903, 1926, 1938, 1951))
RECENT = tuple(str(year) for year in (1962, 1971, 1984, 1996, 2003, 2008, 2014, 2019))
PEOPLE = tuple(f"{first} {last}" for first, last in zip(WOMEN[::2] + MEN[::2], SURNAMES + SURNAMES, strict=False))
LENGTHS = parts("90, 140, 260, 310, 420, 580, 730, 860, 1100")
SEATS = parts("200, 350, 600, 900, 1200, 2500, 4000")


def fact(says: str, asks: str, values: tuple[str, ...]) -> Fact:
    """Build a property; ways to state or ask it are parted by a bar."""
    return Fact(parts(says, "|"), parts(asks, "|"), values)


TRAINING_KINDS = (
    Kind(
        "bridge",
        "the {} Bridge",
        (
            fact(
                "was opened in {} | first carried traffic in {}",
                "When was {} opened? | In which year did {} first carry traffic?",
                YEARS,
            ),
            fact(
                "was designed by {} | was built to plans by {}",
                "Who designed {}? | Whose plans was {} built to?",
                PEOPLE,
            ),
            fact(
                "is {} metres long | has a length of {} metres",
                "How long is {}? | What is the length of {}?",
                LENGTHS,
            ),
            fact(
                "is made mainly of {} | consists mostly of {}",
                "What is {} mainly made of? | Which material was used for most of {}?",
                parts("granite, steel, timber, concrete, brick, cast iron"),
            ),
        ),
    ),
    Kind(
        "museum",
        "the {} Museum",
        (
            fact(
                "was founded in {} | has existed since {}",
                "When was {} founded? | Since when has {} existed?",
                YEARS,
            ),
            fact(
                "is devoted to {} | covers the story of {}",
                "What is {} devoted to? | Which subject does {} cover?",
                parts("glassmaking, whaling, printing, early radio, mountain rescue, toy trains"),
            ),
            fact(
                "is directed by {} | has {} as its director",
                "Who directs {}? | Who is the director of {}?",
                PEOPLE,
            ),
            fact(
                "employs {} people | has a staff of {}",
                "How many people does {} employ? | How large is the staff of {}?",
                parts("14, 23, 37, 52, 68, 85"),
            ),
        ),
    ),
    Kind(
        "river",
        "the River {}",
        (
            fact(
                "rises in {} | has its source in {}",
                "Where does {} rise? | Where is the source of {}?",
                parts("a peat bog, a limestone cave, the Arden Hills, a glacier, a beech wood"),
            ),
            fact(
                "is {} kilometres long | runs for {} kilometres",
                "How long is {}? | For how many kilometres does {} run?",
                LENGTHS,
            ),
            fact(
                "is known for its {} | is famous for its {}",
                "What is {} known for? | What is {} famous for?",
                parts("otters, wild salmon, stone mills, rapids, kingfishers, floating gardens"),
            ),
            fact(
                "flooded badly in {} | burst its banks in {}",
                "When did {} flood badly? | In which year did {} burst its banks?",
                RECENT,
            ),
        ),
    ),
    Kind(
        "orchestra",
        "the {} Orchestra",
        (
            fact(
                "gave its first concert in {} | first played in public in {}",
                "When did {} give its first concert? | In which year did {} first play in public?",
                YEARS,
            ),
            fact(
                "is conducted by {} | has {} as its conductor",
                "Who conducts {}? | Who is the conductor of {}?",
                PEOPLE,
            ),
            fact(
                "rehearses in {} | holds its rehearsals in {}",
                "Where does {} rehearse? | Where are the rehearsals of {} held?",
                parts("a former brewery, the corn exchange, a disused church, the old tram depot"),
            ),
            fact(
                "has {} players | is made up of {} musicians",
                "How many players does {} have? | How many musicians make up {}?",
                parts("28, 36, 44, 57, 63, 72, 91"),
            ),
        ),
    ),
    Kind(
        "novel",
        '"The {} Letters"',
        (
            fact(
                "was written by {} | is the work of {}",
                "Who wrote {}? | Which author is responsible for {}?",
                PEOPLE,
            ),
            fact(
                "appeared in {} | was published in {}",
                "When did {} appear? | In which year was {} published?",
                RECENT,
            ),
            fact(
                "tells the story of {} | is about {}",
                "Whose story does {} tell? | Who is {} about?",
                parts("a lighthouse keeper, a retired spy, two rival cooks, a blind mapmaker"),
            ),
            fact(
                "has been translated into {} languages | is available in {} translations",
                "Into how many languages has {} been translated? | How many translations of {} are there?",
                parts("three, seven, eleven, sixteen, nineteen, thirty"),
            ),
        ),
    ),
    Kind(
        "stadium",
        "{} Stadium",
        (
            fact(
                "holds {} spectators | has room for {} spectators",
                "How many spectators does {} hold? | For how many spectators does {} have room?",
                parts("6000, 9500, 14000, 22000, 31000, 48000"),
            ),
            fact(
                "was rebuilt in {} | underwent rebuilding in {}",
                "When was {} rebuilt? | In which year did {} undergo rebuilding?",
                RECENT,
            ),
            fact(
                "belongs to {} | is the property of {}",
                "Who owns {}? | To whom does {} belong?",
                parts("the city council, a local brewery, the rugby union, a bank, its supporters"),
            ),
            fact(
                "lies next to {} | is situated beside {}",
                "What does {} lie next to? | What is {} situated beside?",
                parts("the bus station, a canal, the old prison, the cattle market, a golf course"),
            ),
        ),
    ),
)
MISMATCHED_KINDS = (
    Kind(
        "satellite",
        "the {} satellite",
        (
            fact(
                "was launched in {} | went into space in {}",
                "When was {} launched? | In which year did {} go into space?",
                RECENT,
            ),
            fact(
                "measures {} | collects readings of {}",
                "What does {} measure? | Which readings does {} collect?",
                parts("sea levels, soil moisture, ozone, ice thickness, cloud heights"),
            ),
            fact(
                "weighs {} kilograms | has a mass of {} kilograms",
                "How much does {} weigh? | What is the mass of {}?",
                LENGTHS,
            ),
            fact(
                "was built in {} | was assembled in {}",
                "Where was {} built? | Where was {} assembled?",
                parts("Portugal, Finland, Chile, Kenya, Canada, Vietnam"),
            ),
        ),
    ),
    Kind(
        "castle",
        "{} Castle",
        (
            fact(
                "was besieged in {} | came under siege in {}",
                "When was {} besieged? | In which year did {} come under siege?",
                parts("1204, 1267, 1315, 1388, 1419, 1476"),
            ),
            fact(
                "has {} towers | is defended by {} towers",
                "How many towers does {} have? | By how many towers is {} defended?",
                parts("three, four, six, seven, nine, twelve"),
            ),
            fact(
                "now houses {} | is now used as {}",
                "What does {} house now? | What is {} now used as?",
                parts("a hotel, a music school, a youth hostel, a wine store, a bird sanctuary"),
            ),
            fact(
                "was once owned by {} | formerly belonged to {}",
                "Who once owned {}? | To whom did {} formerly belong?",
                PEOPLE,
            ),
        ),
    ),
)
KINDS = TRAINING_KINDS + MISMATCHED_KINDS

# Two-place relations with their converses: "a X b" says the same as "b Y a".  None can hold both
# ways round, and none implies another.
CONVERSES = (
    ("is taller than", "is shorter than"),
    ("is older than", "is younger than"),
    ("runs faster than", "runs more slowly than"),
    ("earned more than", "earned less than"),
    ("weighs more than", "weighs less than"),
    ("has more cousins than", "has fewer cousins than"),
    ("reached the party before", "reached the party after"),
    ("lives to the north of", "lives to the south of"),
    ("is the boss of", "reports to"),
    ("scored higher in the maths test than", "scored lower in the maths test than"),
    ("finished the race ahead of", "finished the race behind"),
    ("was promoted earlier than", "was promoted later than"),
    ("is ranked above", "is ranked below"),
    ("joined the choir before", "joined the choir after"),
)
