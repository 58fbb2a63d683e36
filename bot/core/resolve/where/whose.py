"""Whose home a number is: the speaker's own (or the one he asks for), a neighbour's, or not told.

The nearest cue decides: 我家703, 楼上803, 703 here, 1303 above. A neighbour who makes noise or whose water comes down is told
by what follows (803天天半夜唱歌, 1504漏到我家). These lists hold the words of neighbours, kin and nuisances, for plain text
(`spelling.plain`); they never read a number themselves.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from bot.core.resolve.where.faults import TROUBLE

Whose = Literal["own", "other", "unknown"]

_FLAGS: Final = re.IGNORECASE | re.ASCII

# ── Cues before the number ──────────────────────────────────────────────────────────────────────────────────────────

#: People next door, and words for complaining of them.
_NEIGHBOUR: Final = "|".join(
    (
        r"楼上|楼下|[上下]面(?=那|[家户]|的?\s?[0-9])|头顶上?|正[上下]方|(?<!地)[上下]一?层|隔壁|对门|对面|对过|邻居|邻里|他们?家|她们?家|人家|别人(?!的)",
        r"投诉|举报|反映",
        r"\bupstairs|\bdownstairs|\bneighbou?rs?\b|\bnext[- ]door\b|\bopposite\b|\bacross the (?:hall|landing|corridor)\b",
        r"\b(?:above|below|over|beneath|beside)(?:\s+(?:me|us|ours|mine))?(?=[\s,:(]|$)",
        r"\b(?:flat|room|apartment|people|guys?|family|tenants?|folks) (?:above|below|opposite|across)\b",
        r"(?<!my )(?<!our )\b(?:guys?|man|men|woman|lady|couple|kids?|family|people|person|folks|someone|somebody|whoever|those|dogs?)\s+(?:\w+\s+){0,2}(?:in|at|of|from)\b",
        r"\bcomplain(?:t|ts|ing)?\s+(?:about|against|of)\b|\bwho(?:'s| is)? (?:lives?|living)\b|\b(?:tell|ask|warn|speak to|talk to)\b",
        r"\b(?:subletting|noise|noisy|smok(?:e|ing)|part(?:y|ies)|barking|hammering|drilling|shouting|karaoke|mahjong|music)\s+(?:\w+\s+){0,2}(?:at|in|from|by)\b",
        r"\b(?:water|leak\w*|smell|smoke|dripping)\s+(?:\w+\s+){0,3}from\b",
    )
)
_KIN: Final = "爸妈?|妈妈?|爷爷|奶奶|外公|外婆|公婆|婆婆|岳父母?|岳母|哥|姐|弟|妹|儿子|女儿|孩子|老人|父母|朋友|亲戚"
#: The speaker himself, or those he asks for. 我是楼下603的: whoever is somebody's neighbour is still himself.
_OWN: Final = "|".join(
    (
        r"我们?(?:是|就?住)在?(?:他|她|它)?家?(?:楼[上下]|隔壁|对门)|我们?(?:家|住|是|在|的|这)|我(?![一-鿿])|我们?(?=\s*$)|本人|自己",
        rf"我(?:{_KIN}|老房子|公司)[^,。]{{0,4}}?(?:家|住|租|那套|那边|在)?",
        r"住在?|租的?(?=\s*$)|租在|业主是|房号是?|门牌号?是?|地址是?|报修人",
        r"\bi'?m\b|\bi am\b|\bi (?:live|rent|own|work)\b|\bmy\b|\bmine\b|\bour\b|\bwe\b|\bwe'?re\b|\bthis is\b|\blive in\b|\bmoved\b",
    )
)
_CUES: Final[tuple[tuple[Whose, re.Pattern[str]], ...]] = (
    ("other", re.compile(rf"{_NEIGHBOUR}|被|来自", _FLAGS)),
    ("own", re.compile(_OWN, _FLAGS)),
)
#: What may stand between "I" and the number.
_NOTHING_BETWEEN: Final = re.compile(
    r"(?:[\s:,的是在住就#]|\b(?:in|at|from|is|the|no|number|flat|room|unit|here)\b)*", _FLAGS
)
_CLAUSE_END: Final = re.compile(r"[,。.!?;\n]")

# ── Cues behind it ──────────────────────────────────────────────────────────────────────────────────────────────────

_PEOPLE: Final = "狗|孩子|小孩|外机|空调外机|老头|老太|大爷|大妈|男的|女的|夫妻|两口子"
_ITS_PEOPLE: Final = re.compile(
    rf"\s*(?:室|号)?的?(?:那(?:家|户|个|位|群|帮|小孩|孩子|边)|邻居|人家|家里?人|家?的?(?:{_PEOPLE})|(?:业主|住户)(?:电话|联系|叫|是谁))|\s*(?:室|号)?的人|\s*他家|"
    r"(?:'s)?\s+(?:(?:from|who is|is|in|the)\s+)*(?:upstairs|downstairs|above|below|next[- ]door|beside us|opposite|across|neighbou?rs?)\b|"
    r"'s\s+(?!my|here|(?:\w+\s+){0,2}(?:fees?|bill|account|balance|ticket|repair|order|request|status))",
    _FLAGS,
)
_HERE: Final = re.compile(
    r"\s*(?:室|号)?(?:\s*是?我(?!楼上|楼下|隔壁|对门)|的?(?:租户|住户|业主)?本人)|,?\s+(?:here|is (?:my|our|me|mine))\b", _FLAGS
)
#: What neighbours do.
_NUISANCE: Final = "|".join(
    (
        r"吵|闹|噪|扰民|动静|震|骂|打架|打孩子|家暴|喊|嚎|骚扰|威胁|蹦迪|唱歌|唱[kK]|[kK]歌|音响|低音炮|麻将|聚会|派对|直播|打牌|赌|弹琴|钢琴|架子鼓",
        r"跳[绳操舞]|跑步|拖鞋|高跟鞋|拖[桌椅凳]|拍皮?球|遛狗|养[了着一二两三几0-9]*[只条]?(?:狗|猫|鸡|鸽|鸟|蛇|宠物)|[狗猫][^,。]{0,4}叫",
        r"抽烟|吸烟|烟头|油烟|炒菜|烧烤|烧[纸香]|抛物|乱?扔|乱丢|倒[水垃]|泼水|浇[水花]|晾(?!衣[架杆])|群租|民宿|日租|短租|开公司|偷",
        r"砸墙|拆墙|承重墙|电钻|冲击钻|打孔|打洞|敲(?!门找)|施工|开工|私搭|乱建|违建|封阳台|占用|占了?(?:楼道|走廊|过道|消防|车位)|霸占|堆|鞋柜|杂物|电动车|婴儿车|充电",
        r"(?:漏|滴|渗|流|淌|泡|淹|洒|溅|飘|掉)[^,。]{0,6}(?:到|进|了|坏)?我们?(?:家|这|房|店|头|的)",
        r"\b(?:hammer|drill|throw|threw|chuck|yell|kick|stomp|park(?:s|ed)|cook|jump|sing|smok|shout|scream|bark|blast|party|parti|fight|argu|sublet|airbnb|dump|litter|barbecue|bbq|run(?:s|ning)|harass|threat|vacuum)\w*",
        r"\b(?:loud|noisy|noise|music|karaoke|mahjong|piano|drums?|guitar|bass|tv|dogs?|cats?|pets?|heels|furniture|shoes|scooter|e-?bike|pram|rubbish|trash|garbage|rubble|cigarette|butts|jackhammer|illegal\w*)\b",
        r"\b(?:flood|leak|drip|pour|com|seep|drain)\w*\s+(?:water\s+)?(?:down\s+)?(?:in ?to|on ?to|on|through|down|over|us|me)\b(?:\s+(?:my|our|us|me))?",
        r"\b(?:tip|leav|put|stor|pil)\w*\s+(?:\w+\s+){1,4}(?:in|on|down|outside)\b",
    )
)
#: Who wishes to do it asks for himself: 4-1-703想养狗,怎么登记.
_WISH: Final = r"想|申请|登记|办理|报备|能不能|可以吗|\b(?:can i|may i|want to|would like|apply|permit|register)\b"
_MISBEHAVES: Final = re.compile(
    rf"(?:(?!{_NEIGHBOUR}|{_WISH}|[,。!?;\n]|(?<=[一-鿿])\s).){{0,30}}?(?:{_NUISANCE})", _FLAGS
)
#: What is done day and night is a nuisance, unless it is a fault (天天跳闸).
_HABIT: Final = re.compile(
    r"(?:的|家|室|号)*(?:天天|整天|成天|半夜|大半夜|深夜|凌晨|一直在|老是?在?|总是?在?|又在|还在|是不是又?在?)[^,。!?;\n]*|"
    r"[^,.!?;\n]*\b(?:all (?:night|day|weekend)|every (?:night|day|weekend|morning)|at (?:midnight|night|[0-9]+ ?[ap]m)|(?:after|past) midnight|middle of the night)\b[^,.!?;\n]*",
    _FLAGS,
)


def whose(plain: str, start: int, end: int, after: int = 0) -> Whose:
    """Whose the room is that is mentioned at plain[start:end]; `after` is where the mention before it ends.

    In order: "I" right before it; its people right behind it, or "here"; what they do there; the nearest cue before it in its
    own clause.
    """
    before = _CLAUSE_END.split(plain[max(after, start - 40) : start])[-1]
    cues = [(match.end(), said) for said, pattern in _CUES for match in pattern.finditer(before)]
    at, nearest = max(cues, default=(0, "unknown"))
    if nearest == "own" and _NOTHING_BETWEEN.fullmatch(before, at):
        return "own"
    if _ITS_PEOPLE.match(plain, end):
        return "other"
    if _HERE.match(plain, end):
        return "own"
    habit = _HABIT.match(plain, end)
    if nearest != "other" and (_MISBEHAVES.match(plain, end) or (habit and not TROUBLE.search(habit[0]))):
        return "other"
    return nearest


# ── Of whom a whole message speaks ──────────────────────────────────────────────────────────────────────────────────

_ELSEWHERE: Final = re.compile(
    rf"(?:{_KIN}|老丈人|丈母娘|闺女|老娘|同事|租客|租户|房东)[^,。]{{0,3}}(?:家|那边|那套|住|那里)|另(?:外)?(?:还有)?一?套|还有一?套|那套|别的房|老房子|新房|其他房|"
    r"\b(?:parents?|mother|father|mum|mom|dad|brother|sister|son|daughter|in[- ]laws?|friend|aunt|uncle|grand\w+|tenant)(?:'s|s'|')?\s+(?:place|home|flat|house|apartment|lives?|at|kitchen|bathroom)|"
    r"\b(?:other|another|second|rental|old|new)\s+(?:flat|home|place|apartment|property|office|unit)\b|\bthe one i (?:rent|let)\b|"
    r"\b(?:his|her|their)\s+(?:kitchen|bathroom|flat|home|place|bedroom|balcony|toilet|sink|tap|living room)",
    _FLAGS,
)
_NEXT_DOOR: Final = re.compile(_NEIGHBOUR, _FLAGS)
_MINE: Final = re.compile(
    r"我们?家(?!的?(?:楼[上下]|隔壁|对[门面]|邻居|[上下]面))|我们?屋|我这|自己家|咱们?家|家里|家中|屋里|滴到我|漏到我|"
    r"\bm(?:y|ine)\b(?!\s+(?:\w+\s+)?(?:neighbo|upstairs|downstairs|next))|\bour\b(?!\s+(?:\w+\s+)?(?:neighbo|upstairs|downstairs))|\bat home\b|\bus\b|\bin here\b",
    _FLAGS,
)
_BOTHERS: Final = re.compile(_NUISANCE, _FLAGS)


def elsewhere(plain: str) -> bool:
    """Whether it is about another home than the one the speaker is bound to: his parents', his tenant's, the second flat."""
    return bool(_ELSEWHERE.search(plain))


def mine(plain: str) -> bool:
    """Whether a home of the speaker's own is spoken of."""
    return bool(_MINE.search(plain))


def next_door(plain: str) -> bool:
    """Whether it speaks of neighbours and of no home of the speaker's own."""
    return bool(_NEXT_DOOR.search(plain)) and not mine(plain)


def nuisance(plain: str) -> bool:
    """Whether somebody's behaviour is complained of."""
    return bool(_BOTHERS.search(plain))
