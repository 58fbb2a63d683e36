"""A speaker's name in Latin letters: Li Lei, "Mrs Liu", Grace, Ouyang, J. Smith.

For `name`, which says what counts as the speaker's own. Small letters make a name only behind words that lead one in, behind a
title, or in Pinyin with a surname in front: "tom" alone could be anything.
"""

from __future__ import annotations

import re
from typing import Final

from bot.core.resolve.wordlist import words

_TITLE: Final = (
    r"(?:Mr|Mrs|Ms|Miss|Mx|Mister|Dr|Doctor|Prof|Professor|Madam|Madame|Sir|Auntie|Aunt|Uncle|Captain|Rev|Father"
    r"|Sister)\b\.?"
)
_WORD: Final = r"[A-Z][A-Za-zÀ-ÿ'’-]*"
NAME: Final = rf"(?:(?i:{_TITLE}) )?{_WORD}\.?(?: (?:{_WORD}|[A-Z]\.|de|da|van|von|der|bin|binti|al|la|le))*"
"""A regular expression: capitalised words, perhaps behind a title. Case matters."""
_SMALL: Final = r"(?:(?:mr|mrs|ms|miss|dr)\.? )?[a-z][a-z'’-]+(?: [a-z][a-z'’-]+)?"
_PINYIN: Final = words("""
    wang li zhang liu chen yang huang zhao wu zhou xu sun ma zhu hu guo he lin gao luo zheng liang xie song tang han deng
    feng cao
    peng zeng xiao tian dong pan yuan cai jiang yu du ye cheng wei su lu ding ren shen yao zhong cui tan fan liao shi jin
    jia xia fu
    fang zou xiong bai meng qin qiu hou yin xue duan lei long tao mao hao gu gong shao wan qian dai yan ouyang situ kong
    chang kang
    qiao lai wen hong ke niu zhuang ji xiang zhai mei nie kim park lee ng wong chan cheung lam
""")
_IN_SMALL: Final = re.compile(
    rf"(?i:{_TITLE}) [A-Za-z'-]+"
    rf"|(?:{'|'.join(sorted(_PINYIN, key=len, reverse=True))}) [a-z]{{2,}}(?: [a-z]{{2,5}})?(?![a-z])"
)
#: Capitalised or not, none of these is a name.
_NO_NAMES: Final = frozenset(
    words("""
    i the a an my your his her our their this that these those it is am are was be been not no yes yeah yep nope ok okay hi
    hello
    hey dear thanks thank please sorry why what who whose when where how which here there at in on of for from to by with
    and or
    but so if as about still just only also too very really new busy home away out back sure fine good great well late ready
    happy
    sick moving calling looking trying waiting writing asking going living staying owner tenant resident landlord landlady
    neighbour neighbor visitor guest customer manager guard plumber electrician cleaner technician steward staff block
    building
    unit room flat floor apartment house tower phase villa number phone mobile email wechat water power gas lift elevator
    door gate
    car monday tuesday wednesday thursday friday saturday sunday january february march april june july august september
    october
    november december morning afternoon evening tonight today tomorrow none nobody anonymous unknown someone somebody anyone
    everyone me you he she we they him them us one two three can could would should will may must need want have has had do
    does
    did do don dont can't won't isn't i'm i've i'd it's that's same skip pass cancel help stop never later maybe whatever
    mine any
    name names chinese american british english french german korean japanese indian russian canadian australian italian
    wifi app
    vip ktv led usb
    """)
)
#: Words that lead a name in, and surely.
_LED: Final = re.compile(
    r"\b(?:(?:my|the|full|first|last|family) (?:\w+ )?name(?:'s|’s| is|:)?|(?:sur)?name(?:'s|’s| is|:)|surname"
    r"|wo (?:jiao|xing|shi)|call me"
    r"|i go by|(?:am|is|'m) (?:called|named)|speaking (?:to|with)|contact(?: person)?(?: is|:)|signed:?|known as"
    r"|(?:put|register|book|list|file) (?:it |me )?(?:down )?(?:under|as)(?: the name)?(?: of)?)\s+",
    re.IGNORECASE,
)
#: Words behind which a name must be capitalised, for much else stands there too.
_AM: Final = re.compile(
    r"\b(?:i am|i'?m|i’m|this is|it'?s|it’s|it is|speaking:|here is|that'?s|should be|make it|(?:you can |please )?use"
    r"|contact)\s+",
    re.IGNORECASE,
)
#: "this is Tom who broke it": told of somebody else.
_OTHERS: Final = re.compile(r" (?:broke|came|said|is|was|did|who|told|fixed)\b", re.IGNORECASE)
_DENIED: Final = re.compile(rf"\b(?i:not|isn'?t|no longer|rather than|instead of)\s+{NAME}\s*,?\s*(?i:but\s+)?")
#: What may stand behind a name that is a clause of its own: "Mr Chen here", "Anna from 3-2-501", "Zhang San is my name".
_BEHIND: Final = re.compile(
    r"\s*(?:here|speaking|please|thanks|thank you|again|\(.*\)|[-–—+/].*|[0-9].*"
    r"|(?:from|in|of|at|as in|with an?|spel(?:led|t)|that'?s|is (?:my|the) name).*)?\s*",
    re.IGNORECASE,
)
_GREETING: Final = re.compile(
    r"(?:(?:hi|hello|hey|just|yes|sure|well|sorry|oh|good (?:morning|afternoon|evening))(?![a-z])[\s,.!]*)+",
    re.IGNORECASE,
)


def plausible(said: str) -> str | None:
    """The name without words that are none at its end; None when it begins with one, or is a title or somebody's (Wang Wei's)."""
    words = said.split()
    while words and words[-1].lower().strip(".") in _NO_NAMES:
        words.pop()
    untitled = [word for word in words if not re.fullmatch(_TITLE, word, re.IGNORECASE)]
    if not untitled or untitled[-1].endswith(("'s", "’s")):
        return None
    if untitled[0].lower() in _NO_NAMES or any(word.lower() in _NO_NAMES for word in untitled if word[0].isupper()):
        return None
    name = " ".join(words)
    return name if re.search(r"\b[A-Z]\.$", name) else name.rstrip(".")


def behind(text: str, at: int) -> int | None:
    """Where a name in Latin letters that begins at `at` in a Chinese message ends: 我叫Tom, 叫我lily就行."""
    match = re.compile(r"[阿小]?[A-Za-z][A-Za-z'-]+(?: [A-Z][a-z'-]+){0,2}").match(text, at)
    return match.end() if match and match[0].lower() not in _NO_NAMES else None


def in_chinese(text: str) -> str | None:
    """A name in Latin letters that is a clause of its own in a Chinese message: "Tony,我是租客"."""
    match = re.search(rf"(?:^|[,。!\s])(?P<name>{NAME})(?=$|[,。!]|\s[0-9\u4e00-\u9fff])", text)
    return plausible(match["name"]) if match and len(match["name"]) > 2 and not match["name"].isupper() else None


def find(text: str) -> str | None:
    """The speaker's name in an English message: led in, or a clause of its own."""
    told = _DENIED.sub("", text)
    for led in _LED.finditer(told):
        match = re.compile(rf"{NAME}|{_SMALL}").match(told, led.end())
        if match and (name := plausible(match[0])):
            return name
    for led in _AM.finditer(told):
        match = re.compile(NAME).match(told, led.end()) or _IN_SMALL.match(told, led.end())
        if match and not _OTHERS.match(told, match.end()) and (name := plausible(match[0])):
            return name
    for clause in re.split(r"[,;:!?\n]", told):
        said = _GREETING.sub("", clause.strip(), count=1).strip(" .")
        match = re.match(rf"{NAME}|(?i:{_TITLE}) [A-Za-z'-]+", said)
        if match and _BEHIND.fullmatch(said, match.end()) and (name := plausible(match[0])):
            return name
        small = _IN_SMALL.fullmatch(said)
        if small and (name := plausible(small[0])):
            return name
    return None
