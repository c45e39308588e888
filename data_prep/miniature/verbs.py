"""The dictionary of verbs; a German prefix in capitals is separable: "AUF machen"."""

from dataclasses import replace

from data_prep.miniature.lexicon import (
    ANIMALS,
    CLOTHES,
    FOODS,
    GOODS,
    OPENINGS,
    PEOPLE,
    TEXTS,
    VEHICLES,
)
from data_prep.miniature.words import Case, Modal, Verb, Where


def _verb(english: str, german: str) -> Verb:
    """A verb from "pick picks picked picked" and "AB holen holt abgeholt"."""
    base, third, past, participle = english.split()
    words = german.split()
    prefix = words.pop(0).lower() if words[0].isupper() else ""
    infinitive, german_third, german_participle = words
    return Verb(
        (base, third, past, participle), (infinitive, german_third, german_participle), prefix
    )


_BELONGINGS = (*TEXTS, *CLOTHES, *GOODS)

_READ = _verb("read reads read read", "lesen liest gelesen")
_BUY = _verb("buy buys bought bought", "kaufen kauft gekauft")
_EAT = _verb("eat eats ate eaten", "essen isst gegessen")
_SEE = _verb("see sees saw seen", "sehen sieht gesehen")
_LOOK_FOR = _verb("look looks looked looked", "suchen sucht gesucht")
_LOVE = _verb("love loves loved loved", "lieben liebt geliebt")
_VISIT = _verb("visit visits visited visited", "besuchen besucht besucht")
_WEAR = _verb("wear wears wore worn", "tragen trägt getragen")
TRANSITIVE = (
    replace(_READ, objects=TEXTS, where=Where.PERHAPS),
    replace(_BUY, objects=(*_BELONGINGS, *FOODS), where=Where.PERHAPS),
    replace(_EAT, objects=FOODS, where=Where.PERHAPS, animals=True),
    replace(_SEE, objects=(*PEOPLE, *ANIMALS, *GOODS), where=Where.PERHAPS, animals=True),
    replace(_LOOK_FOR, objects=_BELONGINGS, link="for", where=Where.PERHAPS),
    replace(_LOVE, objects=(*PEOPLE, *ANIMALS), stative=True),
    replace(_VISIT, objects=PEOPLE),
    replace(_WEAR, objects=CLOTHES),
)

_CALL = _verb("call calls called called", "AN rufen ruft angerufen")
_INVITE = _verb("invite invites invited invited", "EIN laden lädt eingeladen")
_PICK_UP = _verb("pick picks picked picked", "AB holen holt abgeholt")
_OPEN = _verb("open opens opened opened", "AUF machen macht aufgemacht")
_CLOSE = _verb("close closes closed closed", "ZU machen macht zugemacht")
_PUT_ON = _verb("put puts put put", "AN ziehen zieht angezogen")
_THROW_AWAY = _verb("throw throws threw thrown", "WEG werfen wirft weggeworfen")
SEPARABLE = (
    replace(_CALL, objects=PEOPLE),
    replace(_INVITE, objects=PEOPLE),
    replace(_PICK_UP, objects=PEOPLE, particle="up", where=Where.PERHAPS),
    replace(_OPEN, objects=OPENINGS),
    replace(_CLOSE, objects=OPENINGS),
    replace(_PUT_ON, objects=CLOTHES, particle="on"),
    replace(_THROW_AWAY, objects=_BELONGINGS, particle="away"),
)

_HELP = _verb("help helps helped helped", "helfen hilft geholfen")
_THANK = _verb("thank thanks thanked thanked", "danken dankt gedankt")
_FOLLOW = _verb("follow follows followed followed", "folgen folgt gefolgt")
DATIVE = (
    replace(_HELP, case=Case.DATIVE, objects=PEOPLE, where=Where.PERHAPS),
    replace(_THANK, case=Case.DATIVE, objects=PEOPLE),
    replace(_FOLLOW, case=Case.DATIVE, objects=(*PEOPLE, *ANIMALS), animals=True, moves=True),
)

_GIVE = _verb("give gives gave given", "geben gibt gegeben")
_SHOW = _verb("show shows showed shown", "zeigen zeigt gezeigt")
DITRANSITIVE = (
    replace(_GIVE, receiver=True, objects=(*_BELONGINGS, *FOODS, *ANIMALS)),
    replace(_SHOW, receiver=True, objects=(*_BELONGINGS, *ANIMALS)),
)

_WAIT_FOR = _verb("wait waits waited waited", "warten wartet gewartet")
_DREAM_OF = _verb("dream dreams dreamed dreamed", "träumen träumt geträumt")
_SPEAK_WITH = _verb("speak speaks spoke spoken", "sprechen spricht gesprochen")
PREPOSITIONAL = (
    replace(
        _WAIT_FOR,
        link="for",
        preposition="auf",
        objects=(*PEOPLE, *VEHICLES),
        where=Where.PERHAPS,
    ),
    replace(_DREAM_OF, link="of", preposition="von", case=Case.DATIVE, objects=(*PEOPLE, *ANIMALS)),
    replace(
        _SPEAK_WITH,
        link="with",
        preposition="mit",
        case=Case.DATIVE,
        objects=PEOPLE,
        where=Where.PERHAPS,
    ),
)

_SLEEP = _verb("sleep sleeps slept slept", "schlafen schläft geschlafen")
_WORK = _verb("work works worked worked", "arbeiten arbeitet gearbeitet")
_PLAY = _verb("play plays played played", "spielen spielt gespielt")
_SING = _verb("sing sings sang sung", "singen singt gesungen")
_GET_UP = _verb("get gets got got", "AUF stehen steht aufgestanden")
_ARRIVE = _verb("arrive arrives arrived arrived", "AN kommen kommt angekommen")
_LIVE = _verb("live lives lived lived", "wohnen wohnt gewohnt")
INTRANSITIVE = (
    replace(_SLEEP, where=Where.PERHAPS, animals=True),
    replace(_WORK, where=Where.PERHAPS),
    replace(_PLAY, where=Where.PERHAPS, animals=True, company=True),
    replace(_SING, where=Where.PERHAPS, company=True),
    replace(_GET_UP, particle="up", moves=True),
    replace(_ARRIVE, where=Where.CITY, moves=True),
    replace(_LIVE, where=Where.HOME, stative=True),
)

_GO = _verb("go goes went gone", "gehen geht gegangen")
_RUN = _verb("run runs ran run", "laufen läuft gelaufen")
_TRAVEL = _verb("travel travels travelled travelled", "fahren fährt gefahren")
MOTION = (
    replace(_GO, where=Where.DESTINATION, moves=True, company=True),
    replace(_RUN, where=Where.DESTINATION, moves=True, animals=True),
    replace(_TRAVEL, where=Where.DESTINATION, moves=True, vehicle=True),
)

ACTIONS = (
    *TRANSITIVE,
    *SEPARABLE,
    *DATIVE,
    *DITRANSITIVE,
    *PREPOSITIONAL,
    *INTRANSITIVE,
    *MOTION,
)

# Irregular in every form: english.py and german.py hold their tables.
BE = Verb(("be", "is", "was", "been"), ("sein", "ist", "gewesen"), stative=True)
KNOW = Verb(("know", "knows", "knew", "known"), ("wissen", "weiß", "gewusst"))
REPORTING = (
    KNOW,
    _verb("say says said said", "sagen sagt gesagt"),
    _verb("believe believes believed believed", "glauben glaubt geglaubt"),
    _verb("hope hopes hoped hoped", "hoffen hofft gehofft"),
)
RAIN = _verb("rain rains rained rained", "regnen regnet geregnet")
SNOW = _verb("snow snows snowed snowed", "schneien schneit geschneit")

CAN = Modal(("can", "can"), ("kann", "kann", "können"))
MODALS = (
    CAN,
    Modal(("must", "must"), ("muss", "muss", "müssen"), negatable=False),
    Modal(("want to", "wants to"), ("will", "will", "wollen"), needs_do=True),
    Modal(("should", "should"), ("sollte", "sollte", "sollten")),
    Modal(("will", "will"), ("werde", "wird", "werden")),
)
