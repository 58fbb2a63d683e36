"""Yes or no, in whatever words: 好嘞, 不用麻烦了, 我自己弄, fine by me, of course not, 👍.

For every yes-or-no question of the desk: the summary of a form, "修好了吗", a quote, consent to a permit. The dialogue asks here
before it asks the model. It must never read a longer message as a plain yes or no: whoever adds something ("好的,另外灯坏了")
has said more than yes, and the rest must be heard. A yes or no may carry courtesy ("麻烦师傅了") and its own reason, nothing else.

A message is read word by word. Each word has one sense; a word that is not known, or a question, leaves the whole message to
others. Yes and no together say neither, unless a mere nod goes before the no ("好的,不用了").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, get_args

from bot.core.resolve.assentwords import CHINESE, ENGLISH, PINYIN, SIGNS, Sense
from bot.core.resolve.hanzi import simple
from bot.core.resolve.wordlist import phrases, words

_LONGEST: Final = 60
"""Characters; bounds the work too. Whoever writes more has said more than yes or no."""
_INVISIBLE: Final = re.compile("[\ufe0e\ufe0f\u200d\U0001f3fb-\U0001f3ff]")
_PARTICLES: Final = frozenset(
    "的了啊呀吧哦噢喔嘛呢哈啦滴哒嗯嘅噶㗎咯喽嘞咧勒呐哪哩噻哟呦哇耶诶欸喇捏嗒嗷呗着哉唷儿撒地得拉叭噜吶吖噃啰囉额喎啵"
)
#: With a 不 or 没 behind it, each of these asks: 好不? 修好了没?
_ASKS: Final = words("好 好了 行 可以 对 要 是 能 中 成 管 在 有 会 来 来了 修 修好了 弄好了 同意 方便 确定")
#: With a word behind it in one breath, each of these says something of that word, and not yes or no: 不明白, 有电话, 要快点 ...
_GOVERNS: Final = frozenset(words("不 没 未 别 冇 无 莫 甭 要 我要 需要 想 想要 有 会 能 在 是 可 来"))
#: ... and each of these turns a yes behind it: 没同意, 唔可以.
_TURNS: Final = frozenset(words("没 没有 不 未 冇 唔 勿 弗 还没 还没有 不太"))
#: A hesitation: "嗯……" is not yet a yes.
_HESITATION: Final = re.compile(r"\.{2,}|…|。{2,}")
#: A question mark asks back, but not behind these.
_RETORTS: Final = ("why not", "为什么不", "干嘛不", "有何不可", "怎么可能", "怎么会")

#: Why not, in a clause of its own behind a no: "不用了,我找人修好了", "no, my husband fixed it".
_REASON: Final = re.compile(
    r"(?:(?:我|我们|他|她|人家|师傅|有人|老公|老婆|家里人|朋友|物业)(?:已经|都|会|要|先|再|刚)?)?(?:已经|自己|找|叫|请|刚)"
    r"[^,。.!;…]{0,8}(?:了|过|来|弄|修|换|办|处理|解决|搞定|办法)[了的吧啦]*|(?:有点|实在|这)?太[^,。.!;…]{1,4}"
    r"|(?:i|we|he|she|they|my \w+|someone|somebody)(?:ve| have| has)? (?:already |just )?"
    r"(?:fixed|sorted|solved|did|done|found|called|got|changed|came)\b[^,.!;]{0,24}|(?:its |thats )?too \w+(?: \w+)?"
)
_THIS: Final = (
    r"(?:我们?家?的?|[这那][个间套家户栋位张边里样]?)(?:号码?|电话|手机号?|地址|房子?|房间|屋|家|名字|车牌?|时间|人|单子?"
    r"|意思|情况)?"
)
_DO: Final = r"(?:派人|派师傅|派|报|修|修理|上门|安排|登记|提交|办理?|处理|预约|约|弄|搞|下单|跑|过来|来)"
_THEN: Final = r"(?:过来|来|上门|看看|看|弄|处理|修)?(?:一下|下)?"
_THAT_IS: Final = r"(?:that(?:s| is)|its|this is)"
#: Clauses that point back at what was asked, or say in its verbs that it be done or left: 就是那套房, 派个师傅来吧, 不用上门了.
_CLAUSES: Final[Sequence[tuple[Sense, str]]] = (
    ("no", rf"(?:不是|唔系|不属于){_THIS}的?|{_THAT_IS} not (?:my|our|the) \w+(?: number| address)?"),
    ("yes", rf"就?是{_THIS}的?|{_THAT_IS} (?:my|our) \w+(?: number| address)?"),
    (
        "no",
        r"(?:暂时|先|现在|这次|今天)?(?:就|都)?(?:不用|不要|不想|不需要|不必|别|甭|没必要|用不着|无需|先不|唔使|不)(?:再"
        r"|麻烦)?"
        rf"(?:你们?|您|师傅)?{_DO}(?:人|师傅)?{_THEN}[了啦吧的]*",
    ),
    (
        "yes",
        r"(?:要|需要|麻烦|请|劳驾|帮我|帮忙|给我|那就|就|尽快|赶紧|快点?)(?:您|你们?)?(?:尽快|赶紧|快点?)?"
        rf"{_DO}(?:个|一下|下)?(?:人|师傅)?{_THEN}[了啦吧的]*",
    ),
    ("yes", rf"(?:派|安排|叫|让|喊)(?:个|位)?(?:人|师傅|他们?){_THEN}吧?"),
)
_READ_CLAUSES: Final = tuple((sense, re.compile(pattern)) for sense, pattern in _CLAUSES)


def _listed() -> dict[str, Sense]:
    senses: dict[str, Sense] = {}
    for sense in get_args(Sense):
        spelt = phrases(PINYIN.get(sense, ""))
        said = (*words(CHINESE[sense]), *phrases(ENGLISH[sense]), *words(SIGNS.get(sense, "")))
        senses |= dict.fromkeys((*said, *spelt, *(word.replace(" ", "") for word in spelt)), sense)
    return senses | {word + no: "open" for word in _ASKS for no in ("不", "没", "没有", "否")}


_SENSES: Final[Mapping[str, Sense]] = _listed()
_LONGEST_WORD: Final = max(map(len, _SENSES))


def _latin(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _known(text: str, at: int, shortest: int = 1) -> int:
    """Where the longest known word from `at` on ends; `at` itself when none begins there."""
    for end in range(min(len(text), at + _LONGEST_WORD), at + shortest - 1, -1):
        if text[at:end] in _SENSES and not (_latin(text[end - 1]) and _latin(text[end : end + 1])):
            return end
    return at


def _gap(text: str, at: int) -> bool:
    """Whether a blank, a mark or a sign that says nothing stands here."""
    return not text[at].isalnum() and _known(text, at) == at


def _ends(text: str, at: int) -> bool:
    return at == len(text) or _gap(text, at)


def _clause(text: str, at: int, behind_no: bool) -> tuple[Sense, int] | None:
    """The sense of a whole clause that begins here, and where it ends."""
    if behind_no and (reason := _REASON.match(text, at)) and _ends(text, reason.end()):
        return "no", reason.end()
    for sense, pattern in _READ_CLAUSES:
        match = pattern.match(text, at)
        if match and _ends(text, match.end()):
            return sense, match.end()
    return None


def _read(text: str) -> Iterator[Sense]:
    """What each word says in turn; "open" where no known word begins."""
    at = 0
    said: Sense = "aside"
    while at < len(text):
        if _gap(text, at):
            at += 1
            continue
        end = _known(text, at)
        if not _ends(text, end) and (clause := _clause(text, at, behind_no=said == "no")):
            said, at = clause
            yield said
            continue
        if end == at:
            yield "open"
            return
        word, at = text[at:end], end
        said = _SENSES[word]
        yield said
        # Particles say nothing, unless a longer word begins with one: 哪有 after 好.
        while at < len(text) and text[at] in _PARTICLES and _known(text, at, shortest=2) == at:
            at += 1
        behind = _SENSES.get(text[at : _known(text, at)]) if at == end else None
        if behind == "aside" and word in _GOVERNS:
            yield "open"
        elif behind == "yes" and word in _TURNS:
            at = _known(text, at)


def yes_no(text: str) -> bool | None:
    """True for a plain yes, False for a plain no, None for anything that says more, less or something else.

    Args:
        text: the answer as sent, in either language.
    """
    read = " ".join(_INVISIBLE.sub("", simple(text)).lower().replace("'", "").split())
    if len(read) > _LONGEST or ("?" in read and not read.rstrip("?!. ").endswith(_RETORTS)):
        return None
    said = {sense for sense in _read(read) if sense != "aside"}
    if not said or "open" in said or ({"double", "no"} <= said) or ({"yes", "no"} <= said):
        return None
    if said == {"nod"} and _HESITATION.search(read):
        return None
    return "no" not in said
