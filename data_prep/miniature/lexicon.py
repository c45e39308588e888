"""The dictionary, except verbs: nouns with gender and plural, adjectives, names, times."""

from data_prep.miniature.words import Adjective, Expression, Gender, Kind, Noun, Preposition

_GENDERS = {"der": Gender.MASCULINE, "die": Gender.FEMININE, "das": Gender.NEUTER}


def _noun(english: str, german: str, kind: Kind, weak: bool = False) -> Noun:
    """A noun from "man men" and "der Mann Männer"; "-" stands for a plural that never occurs."""
    singular, plural = english.split()
    article, german_singular, german_plural = german.split()
    gender = _GENDERS[article]
    return Noun(singular, plural, german_singular, german_plural, gender, kind, weak)


def _expressions(*pairs: tuple[str, str]) -> tuple[Expression, ...]:
    return tuple(Expression(english, german) for english, german in pairs)


# Nobody here needs a guess at gender: "teacher" or "friend" would.
STRANGERS = (
    _noun("man men", "der Mann Männer", Kind.PERSON),
    _noun("woman women", "die Frau Frauen", Kind.PERSON),
    _noun("boy boys", "der Junge Jungen", Kind.PERSON, weak=True),
    _noun("girl girls", "das Mädchen Mädchen", Kind.PERSON),
    _noun("king -", "der König -", Kind.PERSON),
    _noun("queen -", "die Königin -", Kind.PERSON),
)
# Family takes "my", "his" and "her": "meine Frau" would be a wife, not a woman.
FAMILY = (
    _noun("child children", "das Kind Kinder", Kind.PERSON),
    _noun("mother -", "die Mutter -", Kind.PERSON),
    _noun("father -", "der Vater -", Kind.PERSON),
    _noun("sister sisters", "die Schwester Schwestern", Kind.PERSON),
    _noun("brother brothers", "der Bruder Brüder", Kind.PERSON),
    _noun("uncle uncles", "der Onkel Onkel", Kind.PERSON),
)
PEOPLE = STRANGERS + FAMILY
YOUNGSTERS = (STRANGERS[2], STRANGERS[3], FAMILY[0])
ANIMALS = (
    _noun("dog dogs", "der Hund Hunde", Kind.ANIMAL),
    _noun("cat cats", "die Katze Katzen", Kind.ANIMAL),
    _noun("horse horses", "das Pferd Pferde", Kind.ANIMAL),
    _noun("bird birds", "der Vogel Vögel", Kind.ANIMAL),
)
TEXTS = (
    _noun("book books", "das Buch Bücher", Kind.THING),
    _noun("letter letters", "der Brief Briefe", Kind.THING),
    _noun("newspaper newspapers", "die Zeitung Zeitungen", Kind.THING),
)
FOODS = (
    _noun("apple apples", "der Apfel Äpfel", Kind.FOOD),
    _noun("pear pears", "die Birne Birnen", Kind.FOOD),
    _noun("egg eggs", "das Ei Eier", Kind.FOOD),
)
CLOTHES = (
    _noun("hat hats", "der Hut Hüte", Kind.THING),
    _noun("jacket jackets", "die Jacke Jacken", Kind.THING),
    _noun("shirt shirts", "das Hemd Hemden", Kind.THING),
)
GOODS = (
    _noun("car cars", "das Auto Autos", Kind.THING),
    _noun("bike bikes", "das Fahrrad Fahrräder", Kind.THING),
    _noun("lamp lamps", "die Lampe Lampen", Kind.THING),
    _noun("picture pictures", "das Bild Bilder", Kind.THING),
    _noun("chair chairs", "der Stuhl Stühle", Kind.THING),
    _noun("flower flowers", "die Blume Blumen", Kind.THING),
)
OPENINGS = (
    _noun("door doors", "die Tür Türen", Kind.THING),
    _noun("window windows", "das Fenster Fenster", Kind.THING),
    _noun("suitcase suitcases", "der Koffer Koffer", Kind.THING),
)
VEHICLES = (
    _noun("train -", "der Zug -", Kind.THING),
    _noun("bus -", "der Bus -", Kind.THING),
)
HOUSE = _noun("house -", "das Haus -", Kind.PLACE)
_CHURCH = _noun("church -", "die Kirche -", Kind.PLACE)
_SCHOOL = _noun("school -", "die Schule -", Kind.PLACE)
_STATION = _noun("station -", "der Bahnhof -", Kind.PLACE)
_BRIDGE = _noun("bridge -", "die Brücke -", Kind.PLACE)
_TREE = _noun("tree -", "der Baum -", Kind.PLACE)
_PARK = _noun("park -", "der Park -", Kind.PLACE)
_MUSEUM = _noun("museum -", "das Museum -", Kind.PLACE)
_GARDEN = _noun("garden -", "der Garten -", Kind.PLACE)
_KITCHEN = _noun("kitchen -", "die Küche -", Kind.PLACE)
HOMES = (HOUSE, _noun("hotel -", "das Hotel -", Kind.PLACE))
INSIDES = (_GARDEN, _KITCHEN, _PARK, _MUSEUM, *HOMES)
LANDMARKS = (HOUSE, _CHURCH, _SCHOOL, _STATION, _BRIDGE, _TREE)
DESTINATIONS = (_CHURCH, _SCHOOL, _STATION, _BRIDGE, _PARK, _MUSEUM)

_LIVING = (Kind.PERSON, Kind.ANIMAL)
_ALL = (Kind.PERSON, Kind.ANIMAL, Kind.THING, Kind.FOOD, Kind.PLACE)
_LIFELESS = (Kind.THING, Kind.PLACE)
_FRIENDLY = Adjective("friendly", "", "freundlich", "", "freundlich", _LIVING[:1])
_HAPPY = Adjective("happy", "", "glücklich", "", "glücklich", _LIVING[:1])
_TIRED = Adjective("tired", "more tired", "müde", "müder", "müd", _LIVING)
AGES = (
    Adjective("old", "older", "alt", "älter", "alt", (*_LIVING, *_LIFELESS)),
    Adjective("young", "younger", "jung", "jünger", "jung", _LIVING),
)
ADJECTIVES = (
    *AGES,
    Adjective("small", "smaller", "klein", "kleiner", "klein", _ALL),
    Adjective("big", "bigger", "groß", "größer", "groß", _ALL[1:]),
    _FRIENDLY,
    _HAPPY,
    _TIRED,
    Adjective("new", "", "neu", "", "neu", _LIFELESS),
    Adjective("beautiful", "more beautiful", "schön", "schöner", "schön", _LIFELESS),
    Adjective("expensive", "more expensive", "teuer", "teurer", "teur", (Kind.THING,)),
    Adjective("red", "", "rot", "", "rot", (Kind.THING, Kind.FOOD)),
    Adjective("black", "", "schwarz", "", "schwarz", (Kind.ANIMAL, Kind.THING)),
)
COMPARABLE = tuple(each for each in ADJECTIVES if each.german_comparative)
MOODS = (_FRIENDLY, _HAPPY, _TIRED)  # what somebody can be for a day

WOMEN = ("Anna", "Maria", "Lena")
MEN = ("Paul", "Peter", "Max")
CITIES = _expressions(
    ("Berlin", "Berlin"), ("Hamburg", "Hamburg"), ("Vienna", "Wien"), ("Munich", "München")
)
NUMBERS = _expressions(
    ("two", "zwei"), ("three", "drei"), ("four", "vier"), ("five", "fünf"), ("ten", "zehn")
)
HOURS = NUMBERS + _expressions(("six", "sechs"), ("seven", "sieben"))
MONTHS = _expressions(
    ("January", "Januar"), ("February", "Februar"), ("March", "März"), ("April", "April"),
    ("May", "Mai"), ("June", "Juni"), ("July", "Juli"), ("August", "August"),
    ("September", "September"), ("October", "Oktober"), ("November", "November"),
    ("December", "Dezember"),
)  # fmt: skip
FIRST_YEAR, LAST_YEAR = 1989, 2012

TODAY = Expression("today", "heute")
PRESENT_TIMES = (TODAY, *_expressions(
    ("every day", "jeden Tag"), ("sometimes", "manchmal"), ("in the evening", "am Abend"),
    ("on Sunday", "am Sonntag"),
))  # fmt: skip
FUTURE_TIMES = (TODAY, *_expressions(
    ("tomorrow", "morgen"), ("on Sunday", "am Sonntag"), ("next week", "nächste Woche"),
))  # fmt: skip
PAST_TIMES = _expressions(
    ("yesterday", "gestern"), ("last week", "letzte Woche"), ("last year", "letztes Jahr")
)

IN = Preposition("in", "in")
TO = Preposition("to", "zu")
WITH = Preposition("with", "mit")
BESIDE = (
    Preposition("behind", "hinter"),
    Preposition("in front of", "vor"),
    Preposition("next to", "neben"),
)

BECAUSE = Expression("because", "weil")
ALTHOUGH = Expression("although", "obwohl")
WHEN = Expression("when", "wenn")
THAT = Expression("that", "dass")
