"""Plans of sentences before they have words: who does what, when and where, in any language."""

from dataclasses import dataclass
from enum import Enum

from data_prep.miniature.words import (
    Adjective,
    Expression,
    Gender,
    Kind,
    Modal,
    Noun,
    Person,
    Preposition,
    Verb,
)


class Determiner(Enum):
    """The word before the noun; its values are the English and the German word without ending."""

    DEFINITE = ("the", "d")
    INDEFINITE = ("a", "ein")
    BARE = ("", "")  # plural: "letters", "three letters"
    MY = ("my", "mein")
    HIS = ("his", "sein")
    HER = ("her", "ihr")


@dataclass(frozen=True)
class NounPhrase:
    """A noun with what agrees with it: "the three old dogs", "a red apple"."""

    noun: Noun
    determiner: Determiner = Determiner.DEFINITE
    adjective: Adjective | None = None
    number: Expression | None = None
    plural: bool = False

    @property
    def person(self) -> Person:
        """The person that the verb agrees with."""
        return Person.PLURAL if self.plural else Person.THIRD


@dataclass(frozen=True)
class Pronoun:
    """A pronoun with its English forms (subject, object) and its German ones by case."""

    english: tuple[str, str]
    german: tuple[str, str, str]
    person: Person


I = Pronoun(("I", "me"), ("ich", "mich", "mir"), Person.FIRST)  # noqa: E741
HE = Pronoun(("he", "him"), ("er", "ihn", "ihm"), Person.THIRD)
SHE = Pronoun(("she", "her"), ("sie", "sie", "ihr"), Person.THIRD)
WE = Pronoun(("we", "us"), ("wir", "uns", "uns"), Person.PLURAL)
THEY = Pronoun(("they", "them"), ("sie", "sie", "ihnen"), Person.PLURAL)
IT = Pronoun(("it", "it"), ("es", "es", "ihm"), Person.THIRD)
WHO = Pronoun(("who", "whom"), ("wer", "wen", "wem"), Person.THIRD)


@dataclass(frozen=True)
class Name:
    """A name, such as Anna: the same word in every case."""

    name: str
    gender: Gender
    person: Person = Person.THIRD


@dataclass(frozen=True)
class Pair:
    """Two phrases joined by "and", which makes a plural."""

    first: "NounPhrase | Name"
    second: "NounPhrase | Name"
    person: Person = Person.PLURAL


Phrase = NounPhrase | Pronoun | Name | Pair


def is_new(phrase: Phrase) -> bool:
    """Whether a phrase is indefinite, so that it follows the place and is negated by "kein"."""
    indefinite = (Determiner.INDEFINITE, Determiner.BARE)
    return isinstance(phrase, NounPhrase) and phrase.determiner in indefinite


def parts_of(phrase: Phrase) -> tuple[Phrase, ...]:
    """Both members of a pair, or the phrase itself."""
    return (phrase.first, phrase.second) if isinstance(phrase, Pair) else (phrase,)


def pronoun_for(phrase: Phrase) -> Pronoun | None:
    """The pronoun for a phrase, or None where languages disagree (a dog is "it" and "er")."""
    if isinstance(phrase, Pronoun):
        return phrase
    if isinstance(phrase, Pair) or phrase.person is Person.PLURAL:
        return THEY
    if isinstance(phrase, Name):
        gender = phrase.gender
    elif phrase.noun.kind is Kind.PERSON:
        gender = phrase.noun.gender
    else:
        return None
    return {Gender.MASCULINE: HE, Gender.FEMININE: SHE}.get(gender)


@dataclass(frozen=True)
class PrepositionalPhrase:
    """A preposition with the dative: "in the garden", "mit dem Hund"."""

    preposition: Preposition
    phrase: Phrase


Adverbial = PrepositionalPhrase | Expression


@dataclass(frozen=True)
class Predicate:
    """The complement of "is": "tired", or "bigger than the cat"."""

    adjective: Adjective
    than: Phrase | None = None


class Tense(Enum):
    """A tense; the past is "has read", or "read" beside a time, and in German "hat gelesen"."""

    PRESENT = 0
    PAST = 1


@dataclass(frozen=True)
class Clause:
    """One verb with everything that belongs to it."""

    subject: Phrase
    verb: Verb
    tense: Tense = Tense.PRESENT
    modal: Modal | None = None
    negated: bool = False
    receiver: Phrase | None = None
    object: Phrase | None = None
    manner: Adverbial | None = None  # "with the dog", "by train"
    place: Adverbial | None = None
    predicate: Predicate | None = None
    time: Expression | None = None


@dataclass(frozen=True)
class Statement:
    """One main clause; with `time_first` German puts the verb before the subject."""

    clause: Clause
    time_first: bool = False


@dataclass(frozen=True)
class Complex:
    """A main clause and a subordinate one, whose verb German sends to its end."""

    main: Clause
    conjunction: Expression
    subordinate: Clause
    subordinate_first: bool = False


@dataclass(frozen=True)
class Contrast:
    """Two main clauses joined by "but"."""

    first: Clause
    second: Clause


class Ask(Enum):
    """The question word, in English and German; a yes-no question has none."""

    YES_OR_NO = ("", "")
    WHY = ("why", "warum")
    WHEN = ("when", "wann")
    WHERE = ("where", "wo")
    WHERE_TO = ("where", "wohin")
    WHAT = ("what", "was")


@dataclass(frozen=True)
class Question:
    """A question; with WHO as the subject its words stand as in a statement."""

    clause: Clause
    ask: Ask = Ask.YES_OR_NO


Sentence = Statement | Complex | Contrast | Question
