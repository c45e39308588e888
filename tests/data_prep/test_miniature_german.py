"""German forms and word order of the miniature grammar, against sentences worked by hand."""

import pytest

from data_prep.miniature import english, german, german_sentences
from data_prep.miniature.lexicon import (
    ADJECTIVES,
    ANIMALS,
    BECAUSE,
    CLOTHES,
    FAMILY,
    FOODS,
    GOODS,
    HOUSE,
    IN,
    NUMBERS,
    STRANGERS,
    TEXTS,
    THAT,
    TO,
    TODAY,
    WHEN,
)
from data_prep.miniature.sentence_plan import (
    HE,
    IT,
    SHE,
    THEY,
    WHO,
    Ask,
    Clause,
    Complex,
    Contrast,
    Determiner,
    I,
    Name,
    NounPhrase,
    Pair,
    Predicate,
    PrepositionalPhrase,
    Question,
    Statement,
    Tense,
    pronoun_for,
)
from data_prep.miniature.verbs import ACTIONS, BE, MODALS, RAIN, REPORTING
from data_prep.miniature.words import Case, Expression, Gender

NOUNS = {noun.english: noun for noun in (*STRANGERS, *FAMILY, *ANIMALS, *TEXTS, *FOODS, *CLOTHES)}
NOUNS |= {noun.english: noun for noun in (*GOODS, HOUSE)}
OLD, EXPENSIVE, BIG, TIRED = (
    next(each for each in ADJECTIVES if each.english == word)
    for word in ("old", "expensive", "big", "tired")
)
VERBS = {verb.german[2]: verb for verb in ACTIONS}
MUST, WANT = MODALS[1], MODALS[2]
ANNA = Name("Anna", Gender.FEMININE)
A, THE, MY = Determiner.INDEFINITE, Determiner.DEFINITE, Determiner.MY


def a(word, adjective=None, determiner=A):
    return NounPhrase(NOUNS[word], determiner, adjective)


def the(word, adjective=None):
    return a(word, adjective, THE)


def both(plan):
    return english.sentence(plan), german_sentences.sentence(plan)


DECLENSION = [
    ("man", THE, "der alte Mann", "den alten Mann", "dem alten Mann"),
    ("man", A, "ein alter Mann", "einen alten Mann", "einem alten Mann"),
    ("woman", THE, "die alte Frau", "die alte Frau", "der alten Frau"),
    ("woman", A, "eine alte Frau", "eine alte Frau", "einer alten Frau"),
    ("child", THE, "das alte Kind", "das alte Kind", "dem alten Kind"),
    ("child", MY, "mein altes Kind", "mein altes Kind", "meinem alten Kind"),
    ("boy", THE, "der alte Junge", "den alten Jungen", "dem alten Jungen"),
]


@pytest.mark.parametrize(("word", "determiner", "nominative", "accusative", "dative"), DECLENSION)
def test_articles_adjectives_and_nouns_agree(word, determiner, nominative, accusative, dative):
    plan = a(word, OLD, determiner)
    forms = [german.phrase(plan, case) for case in Case]
    assert forms == [nominative, accusative, dative]


PLURALS = [
    (THE, None, "die alten Hunde", "den alten Hunden"),
    (THE, NUMBERS[1], "die drei alten Hunde", "den drei alten Hunden"),
    (Determiner.BARE, NUMBERS[1], "drei alte Hunde", "drei alten Hunden"),
    (Determiner.HER, None, "ihre alten Hunde", "ihren alten Hunden"),
]


@pytest.mark.parametrize(("determiner", "number", "nominative", "dative"), PLURALS)
def test_plurals_agree_and_take_n_in_the_dative(determiner, number, nominative, dative):
    plan = NounPhrase(NOUNS["dog"], determiner, OLD, number, plural=True)
    assert german.phrase(plan, Case.NOMINATIVE) == nominative
    assert german.phrase(plan, Case.DATIVE) == dative


def test_plurals_in_s_or_n_take_no_n_in_the_dative():
    cars = NounPhrase(NOUNS["car"], THE, plural=True)
    women = NounPhrase(NOUNS["woman"], THE, plural=True)
    assert german.phrase(cars, Case.DATIVE) == "den Autos"
    assert german.phrase(women, Case.DATIVE) == "den Frauen"


def test_teuer_drops_an_e_before_an_ending_only():
    assert german.phrase(a("car", EXPENSIVE), Case.NOMINATIVE) == "ein teures Auto"
    assert german.predicate(Predicate(EXPENSIVE)) == "teuer"


def test_prepositions_melt_into_the_article_they_can_melt_into():
    house = NounPhrase(HOUSE, THE, BIG)
    assert german.adverbial(PrepositionalPhrase(IN, house)) == "im großen Haus"
    assert german.adverbial(PrepositionalPhrase(TO, house)) == "zum großen Haus"
    assert german.prepositional("zu", the("woman"), Case.DATIVE) == "zur Frau"
    assert german.prepositional("in", a("woman"), Case.DATIVE) == "in einer Frau"


CALL, READ, GIVE, HELP = (VERBS[word] for word in ("angerufen", "gelesen", "gegeben", "geholfen"))
GO, WAIT, PICK_UP, WORK = (
    VERBS[word] for word in ("gegangen", "gewartet", "abgeholt", "gearbeitet")
)
CALLING = Clause(the("man"), CALL, object=the("woman"))
SINGING = Clause(SHE, VERBS["gesungen"])
HEARSAY = Clause(ANNA, REPORTING[0])
DATE = Expression("on 12 March 1998", "am 12. März 1998")
SCHOOL = PrepositionalPhrase(TO, the("woman"))

GOLD = [
    (Statement(CALLING), "The man calls the woman.", "Der Mann ruft die Frau an."),
    (
        Statement(Clause(HE, PICK_UP, object=HE)),
        "He picks him up.",
        "Er holt ihn ab.",
    ),
    (
        Statement(Clause(the("man"), CALL, modal=MUST, object=the("woman"))),
        "The man must call the woman.",
        "Der Mann muss die Frau anrufen.",
    ),
    (
        Statement(Clause(the("man"), CALL, Tense.PAST, object=the("woman"))),
        "The man has called the woman.",
        "Der Mann hat die Frau angerufen.",
    ),
    (
        Statement(Clause(SHE, READ, object=the("book"), time=TODAY), time_first=True),
        "Today she reads the book.",
        "Heute liest sie das Buch.",
    ),
    (
        Statement(Clause(SHE, READ, Tense.PAST, object=a("letter"), time=DATE), time_first=True),
        "On 12 March 1998 she read a letter.",
        "Am 12. März 1998 hat sie einen Brief gelesen.",
    ),
    (
        Statement(Clause(the("woman"), GIVE, receiver=the("child"), object=a("apple", BIG))),
        "The woman gives the child a big apple.",
        "Die Frau gibt dem Kind einen großen Apfel.",
    ),
    (
        Statement(Clause(I, HELP, object=a("boy", determiner=THE), negated=True)),
        "I do not help the boy.",
        "Ich helfe dem Jungen nicht.",
    ),
    (
        Statement(Clause(THEY, READ, Tense.PAST, object=a("book"), negated=True)),
        "They have not read a book.",
        "Sie haben kein Buch gelesen.",
    ),
    (
        Statement(Clause(ANNA, GO, Tense.PAST, place=SCHOOL)),
        "Anna has gone to the woman.",
        "Anna ist zur Frau gegangen.",
    ),
    (
        Statement(Clause(the("dog"), BE, predicate=Predicate(BIG, the("cat")))),
        "The dog is bigger than the cat.",
        "Der Hund ist größer als die Katze.",
    ),
    (
        Statement(Clause(Pair(ANNA, the("king")), WAIT, object=a("man"))),
        "Anna and the king wait for a man.",
        "Anna und der König warten auf einen Mann.",
    ),
    (
        Complex(HEARSAY, THAT, CALLING),
        "Anna knows that the man calls the woman.",
        "Anna weiß, dass der Mann die Frau anruft.",
    ),
    (
        Complex(SINGING, BECAUSE, Clause(HE, READ, Tense.PAST, object=the("book"))),
        "She sings because he has read the book.",
        "Sie singt, weil er das Buch gelesen hat.",
    ),
    (
        Complex(SINGING, BECAUSE, Clause(HE, CALL, modal=WANT, object=SHE)),
        "She sings because he wants to call her.",
        "Sie singt, weil er sie anrufen will.",
    ),
    (
        Complex(CALLING, WHEN, Clause(IT, RAIN), subordinate_first=True),
        "When it rains, the man calls the woman.",
        "Wenn es regnet, ruft der Mann die Frau an.",
    ),
    (
        Contrast(SINGING, Clause(I, BE, predicate=Predicate(TIRED))),
        "She sings, but I am tired.",
        "Sie singt, aber ich bin müde.",
    ),
    (Question(CALLING), "Does the man call the woman?", "Ruft der Mann die Frau an?"),
    (Question(Clause(WHO, WORK)), "Who works?", "Wer arbeitet?"),
    (Question(Clause(ANNA, WORK), Ask.WHERE), "Where does Anna work?", "Wo arbeitet Anna?"),
    (
        Question(Clause(ANNA, GO, Tense.PAST), Ask.WHERE_TO),
        "Where has Anna gone?",
        "Wohin ist Anna gegangen?",
    ),
    (
        Question(Clause(ANNA, WORK, Tense.PAST), Ask.WHEN),
        "When did Anna work?",
        "Wann hat Anna gearbeitet?",
    ),
]


@pytest.mark.parametrize(("plan", "source", "target"), GOLD, ids=[gold[2] for gold in GOLD])
def test_a_plan_becomes_the_sentences_worked_by_hand(plan, source, target):
    assert both(plan) == (source, target)


def test_known_objects_stand_before_the_place_and_new_ones_after_it():
    place = PrepositionalPhrase(IN, NounPhrase(HOUSE))
    known = Clause(HE, READ, object=the("book"), place=place)
    new = Clause(HE, READ, object=a("book"), place=place)
    assert german_sentences.sentence(Statement(known)) == "Er liest das Buch im Haus."
    assert german_sentences.sentence(Statement(new)) == "Er liest im Haus ein Buch."


def test_a_pronoun_stands_only_for_what_both_languages_call_the_same():
    assert pronoun_for(the("man")) == HE
    assert pronoun_for(the("mother")) == SHE
    assert pronoun_for(Pair(ANNA, the("man"))) == THEY
    assert pronoun_for(the("dog")) is None
    assert pronoun_for(the("girl")) is None
