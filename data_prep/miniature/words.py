"""Words of the dictionary, with the forms that no rule predicts."""

from dataclasses import dataclass
from enum import Enum


class Gender(Enum):
    """Grammatical gender of a German noun; it also decides between "he" and "she" for people."""

    MASCULINE = "m"
    FEMININE = "f"
    NEUTER = "n"


class Case(Enum):
    """The three German cases that the corpus uses; the genitive is left out."""

    NOMINATIVE = 0
    ACCUSATIVE = 1
    DATIVE = 2


class Person(Enum):
    """The person that a verb agrees with; "we" and "they" share one form in both languages."""

    FIRST = 0
    THIRD = 1
    PLURAL = 2


class Kind(Enum):
    """The kind of thing that a noun stands for, which decides on its adjectives and verbs."""

    PERSON = 0
    ANIMAL = 1
    THING = 2
    FOOD = 3
    PLACE = 4


class Where(Enum):
    """The places that a verb takes."""

    NOWHERE = 0
    PERHAPS = 1  # "reads the book (in the garden)"
    HOME = 2  # "lives in Vienna", "lives in the old house"
    CITY = 3  # "arrives in Vienna"
    DESTINATION = 4  # "goes to the station"


@dataclass(frozen=True)
class Noun:
    """A noun; `weak` ones take -n outside the nominative (den Jungen); "-" is a plural unused."""

    english: str
    english_plural: str
    german: str
    german_plural: str
    gender: Gender
    kind: Kind
    weak: bool = False


@dataclass(frozen=True)
class Adjective:
    """`stem` takes endings (ein teures Auto), `german` follows "ist"; comparatives may be empty."""

    english: str
    english_comparative: str
    german: str
    german_comparative: str
    stem: str
    kinds: tuple[Kind, ...]


@dataclass(frozen=True)
class Verb:
    """One meaning with the forms of both languages and the company it keeps.

    `english` holds base, third person, past and participle; `german` holds infinitive, third person
    and participle, the first two without a separable `prefix` (machen, macht, aufgemacht; auf).
    """

    english: tuple[str, str, str, str]
    german: tuple[str, str, str]
    prefix: str = ""
    particle: str = ""  # English "up": "picks up the child", but "picks him up"
    link: str = ""  # English preposition that stays before its object: "looks for him"
    preposition: str = ""  # German preposition of the object: "wartet auf den Bus"
    case: Case = Case.ACCUSATIVE  # of the object
    objects: tuple[Noun, ...] = ()
    receiver: bool = False  # a dative person: "gibt dem Kind den Apfel"
    moves: bool = False  # perfect with "sein": "ist gegangen"
    where: Where = Where.NOWHERE
    animals: bool = False  # may an animal do it?
    stative: bool = False  # "has lived" is no translation of "hat gewohnt": past only with a time
    company: bool = False  # "plays with the dog"
    vehicle: bool = False  # "travels by train"


@dataclass(frozen=True)
class Modal:
    """A verb that sends the other verb to the end; its German forms follow `Person`."""

    english: tuple[str, str]  # base and third person
    german: tuple[str, str, str]
    needs_do: bool = False  # "does he want to", but "can he"
    negatable: bool = True  # "must not" does not mean "muss nicht"


@dataclass(frozen=True)
class Preposition:
    """A preposition with the dative."""

    english: str
    german: str


@dataclass(frozen=True)
class Expression:
    """Words that are translated as a whole, such as "every day" and "jeden Tag"."""

    english: str
    german: str
