"""What a resident does with a time that is spoken of: offers it, refuses it, makes it an exception, or only tells of it.

Tables of words, for the clause around a time; a lookaround beside a word keeps out what only looks like it (行不行, 不上班, 帮忙).
A refusal must never be read as an offer, and a time of the trouble (昨晚开始漏, it started on Monday) is nobody's visit.
"""

from __future__ import annotations

import re
from typing import Final, Literal

Standing = Literal["offered", "refused", "excepted", "told"]

_F: Final = re.IGNORECASE | re.ASCII


def _any(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words), _F)


# ── Where clauses end, and what joins two times ───────────────────────────────────────────────────────────────────────

BOUNDARY: Final = _any(
    r"[,;!?。…\n]+", r"\.(?=\s|\.|$|[一-鿿])", r"\s-+\s",
    r"但是?|不过|可是|然后", r"(?<!day )(?<!time )(?<!thing )\bbut\b", r"\b(?:however|though|because|so)\b",
)  # fmt: skip
SENTENCE_END: Final = re.compile(r"[。;!?…\n]|\.(?=\s|\.|$|[一-鿿])")
#: Between two times that share what is said of them: 周一和周二都不行.
CONNECTIVE: Final = re.compile(
    r"[\s的、&/+]*(?:和|跟|与|或者?是?|还是|以及|到|至|-|–|~|\band\b|\bor\b|\bto\b)?[\s的]*"
    r"(?:in the|on|at|around|about|the|大概|大约|差不多|左右|any|every|all)?\s*",
    _F,
)
#: Said behind the second of two: 周六下午,周日也行; of both: 三点四点都行.
ALSO: Final = re.compile(
    r"[^,。;!?]{0,6}?(?:也(?:行|可以|成|ok|方便|在|有空|没问题|好)|\b(?:also|too|as well|either)\b)", _F
)
BOTH: Final = re.compile(r"[^,。;!?]{0,6}?(?:都(?:行|可以|成|ok|方便|在|有)|\b(?:both|all|either)\b)", _F)
ALTERNATIVE: Final = _any(
    r"或者?|要么|要不|再不然|不然|实在不行|不[行能成](?:的话|就|再)|其次|次选|备选|和|、|/",
    r"\bor\b|\beither\b|\bif not\b|\bfailing that\b|\botherwise\b|\bsecond choice\b",
)
#: Said behind the one of several that is wanted most.
PREFERRED: Final = _any(r"[^,。;!?]{0,4}?(?:更好|最好|优先|最方便|更方便|首选)|[^,.;!?]{0,12}?\b(?:better|best|ideal|preferred|preferable)\b")
CORRECTION: Final = _any(
    r"算了|还是|改[成到为]|改(?=下?周|明|后|今|[一二三四五六七八九十0-9])|换[成到]|不对|错了|应该是|等等",
    r"哦不|啊不|不不|要不|(?:^|[\s,。…])不[,\s]",
    r"\bactually\b|\binstead\b|\bsorry\b|\bno\b,?|\bmake it\b|\brather\b|\bi mean\b|\bwait\b|\bscratch that\b|\bchange (?:it )?to\b",
)
#: 七点到家,之后都行: the hours behind those just spoken of, or before them.
AFTER_THAT: Final = _any(
    r"(?P<before>[^。;!?]{0,10}?[,\s]在?[那这]?之前(?:我|都|就|可以|来|在|有)|[^.;!?]{0,24}?\bbefore (?:that|then)\b)",
    r"[^。;!?]{0,10}?[,\s][那这]?(?:之后|以后|后面|完了)(?:我|就|都|随|的话|可以|来|在|有)",
    r"[^.;!?]{0,24}?\b(?:after that|afterwards|from then|(?:come|free|home|ok|okay|fine|available|any ?time) after)\b(?! [0-9])",
)

# ── Refusals ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_CANT: Final = (
    r"(?:ca(?:n'?t|nnot)|can not|won'?t|will not|wouldn'?t)\b(?! (?:even |really )?(?:sleep|open|use|get (?:in|out|hot|any)|"
    r"hear|see|breathe|turn|shut|close|flush|lock|enter|find|reach|park|shower|cook|wash|stop|start|switch))"
)
_NOT: Final = r"(?:isn'?t|is not|aren'?t|are not|am not|'m not|'s not|won'?t be|will not be|not|never)"
_WE_ARE: Final = r"(?:i'?m|i am|we'?re|we are|i'll be|we'll be|i will be|is|are|be)"
_APPOINTMENT: Final = (
    r"(?:a |an |the |my |some |to go to |to see )*(?:\w+ )?(?:meetings?|appointment|dentist|doctor|class(?:es)?|guests?|visitors?|"
    r"flight|train|exam|plans|party|lessons?|shift|interview|funeral|wedding|errands?|school|training)\b"
)
_ERRANDS: Final = (
    r"(?:去|出|走|赶|飞|坐|送|陪|参加|见|考|忙|外出|办事|上班|上课|上学|开会|加班|值班|接[孩小老娃女儿人机]|带[孩小老娃]|"
    r"回老家|回娘家|补觉|睡|做饭|吃饭|洗澡|到外|到公司)"
)
_AWAY: Final = (
    r"(?:出差|出门|出去|出国|外出|加班|值班|值夜|上夜班|倒班|开会|上课|培训|考试|回老家|回娘家|走亲戚|旅游|旅行|看病|体检|去医院|"
    r"去外地|睡觉|补觉|午睡|睡午觉|搬家|聚餐|聚会|喝喜酒|扫墓|赶飞机)"
)
#: Behind the time.
REFUSAL_BEHIND: Final = _any(
    # It does not suit.
    r"(?<!行)不行(?!的话|就|再)|(?<!可)不可以|(?<!方便)不方便|不合适|不成(?!问题)|(?<!得)不得闲|不ok|不考虑",
    r"(?<![不别要])太[晚早]了|来不及|取消|作废|不要了|就算了",
    r"(?:(?<!要)不要|别|不用|(?<![来要])不|甭|勿)过?来(?![不晚])",
    rf"\b{_NOT} (?:\w+ )?(?:good|ok(?:ay)?|possible|convenient|great|an option|going to work|suitable|ideal)\b",
    r"\b(?:doesn'?t|does not|don'?t|do not|won'?t|wouldn'?t) (?:really )?(?:work|suit|do\b|fit)",
    r"\bno good\b|\bno can do\b|\btoo (?:late|early)\b(?! to)",
    r"\b(?:is|are|am|'s|'m|'re) (?:out\b(?! of (?:order|hot|power))|bad\b|impossible|booked|taken|full)",
    r"有点[晚早赶紧悬]|太赶|够呛|不太(?:行|方便|好)|不一定|不确定|不好说|说不[准好]|不保险",
    r"\b(?:not (?:so )?sure|unsure|iffy|tricky|difficult|tight|probably not|might not|may not|unlikely)\b",
    # Nobody is there.
    r"(?<!在)不在(?![乎意外]|话下|公司|单位|学校|医院|的话)|没人(?![接管理来修应])|来不了|去不了|到不了|走不开|赶不[回上]|回不[来去]",
    r"(?<!不)在(?:外面|外地|公司|单位|学校|医院|路上|飞机|高铁)|没起床|还没[起回到下醒]|起不来|就(?:走|出门|出发|不在|不等)|等不[了到]|睡了(?![之以]?后)",
    rf"\b{_NOT} (?:\w+ )?(?:free|home|available|in|here|around|back)\b(?! (?:until|till|before))",
    rf"\b{_CANT}|\bunavailable\b|\b(?:no ?one|nobody)(?:'s| is| will be)? (?:at )?(?:home|in|there|around)\b",
    # There is no time, or something else to do.
    r"没空|没时间|没法|没办法|没得空|抽不[出开]|排不[开上]|腾不出|顾不上|(?<![不帮个下])(?<!不太)忙(?!完|好|的话|您|你)",
    r"有事(?![打请找说叫]|联系)|有约|有课|有会|有安排|有别的|有应酬|有聚会|有饭局|有客人?|约了人|已经约|的(?:飞机|火车|高铁|航班|车票)",
    rf"(?<!不)(?<!不用)要{_ERRANDS}",
    rf"(?<![不没])(?<!不用){_AWAY}(?!回来|前|[之以]前|结束|完|后|[之以]后)",
    r"要(?:休息|午休)|(?:老人|孩子|宝宝|娃|家人)[^,。;!?]{0,3}(?:休息|午休)",
    r"(?<![不没别])(?<!不用)[在得还]?上班(?!前|[之以]前|时间)",
    r"(?<![过再不没])(?<!不用)去(?=我|他家|她家|外|医院|公司|学校|超市|买|接|送|办|看|老家|参加)",
    r"\bbusy\b|\b(?:have|need|got|has) to (?:go|leave|work|be (?:at|in)|pick|take|catch|run|attend|see)\b",
    rf"(?<!not )(?<!n't )\b{_WE_ARE} (?:\w+ )?(?:away|out(?: of town)?|working|at (?:work|the office|school)|in (?:the )?office|"
    r"travell?ing|on (?:a trip|shift|duty|leave)|in (?:a meeting|class)|abroad|asleep|sleeping|teaching|flying|leaving|"
    r"going (?:out|away|to)|visiting|heading|driving)\b",
    rf"\b(?:i|we)(?: have| 've| got|'ve got|'ve) (?!the day off|a day off|off\b){_APPOINTMENT}",
    r"\b(?:i|we) (?:work|leave|go out|fly|sleep|head out)\b(?! from home)",
)
#: In front of it: 不要周三, not Friday, I can't do tomorrow, I'm out on Monday.
REFUSAL_BEFORE: Final = _any(
    r"(?:(?<!要)不要|(?<![特分区级性个])别|(?<!是)不是|除非|取消)(?:在|是|约|选|安排|安排在)?\s?$",
    rf"\b(?:(?<!why )(?<!if )not|never|no|(?:not|un) ?sure(?: about)?|instead of|rather than|cancel(?: the| my)?|don'?t (?:come|send|do)(?: \w+)?|"
    rf"{_CANT}(?: (?:do|make|be|manage|have)\b[^,.;!?]{{0,18}}?)?|{_NOT} (?:home|in|free|available|here|around|there)|busy|unavailable|"
    rf"{_WE_ARE} (?:\w+ )?(?:busy|away|out(?: of town)?|working|travell?ing|abroad)|have {_APPOINTMENT}|i'?m (?:at )?work(?:ing)?|i work|"
    r"(?:no ?one|nobody)(?:'s| is)? (?:at )?home)"
    r"(?: (?:on|at|in|the|until|from|between|before|after|around|this|for|all|every|there|home|it))*\s?$",
)
#: The same where no other time stands in front of it in the clause: 没空周三, but not "今天没空明天可以".
REFUSAL_LEADING: Final = _any(
    r"(?:没空|(?<!想)不想|(?<!能)不能|(?<![要在])不在)(?:在|是|约|选|安排|安排在)?\s?$",
    r"(?:出差|加班|开会|上班|忙|出去|外出|外地|不在|值班|住院|旅游)[要得]?[到至]\s?$",
)
#: At the very beginning of the next clause: "周五晚上十点…不行太晚了".
REFUSAL_NEXT: Final = _any(
    r"[\s.…]*(?:我|我们|家里|好像|恐怕|可能|都|也|还是|那天|那时候|wait|oh|hmm|no|sorry)*[\s,]*"
    r"(?:不行(?!的话|就|再)|没空|没时间|不在家|没人在|不方便|来不了|太晚了|有事|doesn'?t work|can'?t|not good|busy|i'm (?:out|away|busy))"
)
#: Somebody else opens the door: 我不在家,我妈在.
SUBSTITUTE: Final = _any(
    r"(?:妈|爸|老婆|老公|爱人|媳妇|孩子|儿子|女儿|老人|老太太|保姆|阿姨|室友|家人|奶奶|爷爷|婆婆|公公|外婆|外公|岳母|丈母娘|朋友|邻居|家里|钥匙)"
    r"[^,。;!?]{0,6}(?<!不)(?:在(?!外|上班|公司)|有人|放)",
    r"\b(?:wife|husband|mum|mom|mother|dad|father|room ?mate|flat ?mate|someone|somebody|cleaner|nanny|parents|son|daughter|kids?|"
    r"partner|in-laws|helper|ayi|neighbou?r)\b[^.;!?]{0,12}\b(?:is|are|'s|will be|'ll be)\b(?! not| out| away)",
)

# ── Exceptions ────────────────────────────────────────────────────────────────────────────────────────────────────────

EXCEPTION_BEFORE: Final = _any(
    r"(?:除了?|除开|除去|除却|只要不是|只要别[是在]?|避开)\s?$",
    r"\b(?:except(?: for)?|apart from|other than|aside from|excluding|bar|save for|besides|but(?: not)?|just not|only not)"
    r"(?: (?:on|the|in|at|during))*\s?$",
)
EXCEPTION_BEHIND: Final = _any(r"^\s?(?:除外|[之以]外|外(?=都|其)|\bexcepted\b)")
#: 除了周六都不行 leaves only Saturday.
NOTHING_ELSE: Final = _any(r"^[^,。;!?]{0,4}[,\s]?(?:其他时间|别的时间|其余)?都(?:不|没)")
OTHERS_FINE: Final = _any(
    r"(?:其他|其它|别的|其余|剩下|另外)的?(?:时间|时候|几天|日子|天|时段)?[里我]?(?:都|可以|行|随|没问题|ok)",
    r"\b(?:any other|every other|all other|the other|other) (?:days?|times?|slots?)\b[^.;!?]{0,14}\b(?:fine|ok(?:ay)?|good|works?|free|possible|great|suits?|do)\b",
    r"\b(?:any other|every other) (?:day|time)\b|\bthe rest(?: of the week)? (?:is|are) (?:fine|ok|good|free)|\botherwise (?:any|i'?m|fine|free)",
)

# ── Offers, and what is only told ─────────────────────────────────────────────────────────────────────────────────────

#: Words of somebody who can be visited, or asks for a visit.
OFFER: Final = _any(
    r"在家|都在|我在|会在|有我|有人(?=[在的开接等值,。;!?\s]|可以|$)|有空|有时间|空着|没事|休息|放假|不上班|不出[门去]|居家|到家|回家|回来",
    r"方便|可以|能行|(?<![不流旅银进])行(?![李为人车业])|\bok\b|没问题|就行|成$|吧|要不|随时|等你|等师傅|接待|开门",
    r"(?<![没人还起出下])来(?![过了电水着不临源])|上门|过来|派|改[到成]|提前到|(?<!没)约(?!好)|预约|安排|要人|叫人|需要",
    r"(?<![装维整翻保的报])修(?![过好的了])|能[^,。;!?]{1,6}吗|给我|帮我|麻烦|弄|搞|解决|处理|看看|看一下",
    r"\b(?:home|free|available|around|(?:is|be|am|i'm) (?:in|here)|someone|somebody|possible|prefer(?:red|ably)?|any ?time|whenever)\b",
    r"\b(?:(?<!n't )(?<!not )works?|fine|ok(?:ay)?|good|great|best|suits?|suitable|please|would be|has to be|must be|let'?s|how about|what about)\b",
    r"\b(?:come|visit|send|book|schedule|appointment|need|can you|could you|plumber|electrician|technician|repairman|handyman|guy)\b",
)
#: Somebody who is there, for words as loose as 待会儿 and later.
AVAILABLE: Final = _any(
    r"在家|有人|有空|方便|可以|(?<!不)行|在的|在(?=[,。!?\s]|$)|都在|我在",
    r"\b(?:home|free|available|fine|ok(?:ay)?|works?|good|in)\b",
)
#: Words of a trouble, of dealings that are over, and of what has been.
TROUBLE: Final = _any(
    r"漏|渗|滴[水个答]|堵|坏|裂|冒|反水|返[水味]|爆了|松了|掉[了下]|没水|没电|没热水|停[电水的了过]|断[电水网]|跳[闸了]|跳一次|着火|起火",
    r"不[亮热响转制冷动通]|失灵|故障|卡[了住]|打不[开着]|没反应|熄|没关|开着|还在(?!家)|开始|发现|闻到|听到|听见|看到|看见|被[偷撞刮]|摔|晕",
    r"响|吵|闹|噪|拖[椅桌东]|跳绳|打钻|电钻|装修|施工|敲|蹦|唱歌|唱k|打麻将|放音乐|哭|叫唤|狗叫|味道|异味|臭",
    r"报的?修|报[过了]|来过|[交付办]过|修[过的]|修好过|换[过的]|[装买交收约说到送办搬签]的|[约说]好|没来|没到|没修|没弄|白等|等了|爽约|放鸽子|(?:谢谢|感谢|辛苦)(?:师傅|你们|您|了)|没睡|睡不",
    r"收费|缴|[要得该]交|交[费吗到]|付到|催|账单|[水电气暖车]费|物业费|房租|保修|质保|合同|租[到约]|到期|截止|通知|天气预报|下雨吗",
    r"几点钟?(?!都|来|到|能|方便|有空|可以)",
    r"\b(?:leak(?:s|ing|ed)?|drip\w*|flicker\w*|trips?|smell\w*|puddle|stuck|dead|dark|broken|clog\w*|blocked|overflow\w*|not working|out of order)\b",
    r"\b(?:nois[ey]\w*|drilling|music|barking|banging|loud|alarm|beep\w*|can'?t (?:sleep|open|use|hear|get)|won'?t (?:open|close|start|stop|turn))\b",
    r"\b(?:no (?:hot )?water|no power|there(?:'s| is| are|'re)|(?:is|are) there|due|bill|fee|power cut|outage|warranty|lease)\b",
    r"\b(?:was(?! (?:thinking|hoping|wondering|going))|were|had|has been|have been|been|started|stopped|broke|burst|came|went|happened|fell|tripped|"
    r"showed|waited|called|reported|told|fixed|repaired|replaced|installed|paid|bought|noticed|heard|saw|woke|flooded|died|didn'?t|hasn'?t|haven'?t|moved)\b",
)
#: In front of a time it is the thing that fails; behind it, the time: "Wednesday doesn't work".
DEFECT: Final = _any(
    r"\b(?:doesn'?t|don'?t|won'?t|not|never) (?:work(?:ing)?|open|close|turn|start|ring|light|lock|flush|heat|cool|drain)\b[^,.;!?]*$"
)
#: What is announced, also for a day to come.
NOTICE: Final = _any(
    r"停[水电气暖]|断[水电]|检修|装修|通知|截止|到期|缴|要交|活动",
    r"\b(?:power cut|outage|water cut|due|bill|event|fire drill)\b",
)
#: So plainly what has been that no word of an offer undoes it.
HISTORY: Final = _any(
    r"没来|没人来|没见[人到]|来过|修过|等了|白等|爽约|放鸽子|到现在|至今|就开始|开始[漏坏响跳滴渗没不]",
    r"\b(?:since|waited|showed up|no ?one came|nobody came|didn'?t (?:come|show)|happened|supposed to come|was meant to)\b",
)
#: A time that was agreed before and is no longer wanted: 原来约的周三.
ONCE_AGREED: Final = _any(
    r"(?:原来|原定|原先|原本|本来|之前|上回|上次|早先)[是都]?(?:说|约|定|订|安排|预约)?好?(?:的是|的|在|了|是|到)?\s?$",
    r"\b(?:originally|previously|first)(?: \w+){0,2}\s?$",
    r"\b(?:booked|scheduled|planned|arranged|moved?(?: it| the visit| my appointment)?) (?:for|on|from)\s?$",
)
#: A question about the office's own hours, or about what is allowed when.
OUR_HOURS: Final = _any(
    r"(?:上班|开门|休息|放假|营业|下班)(?:[吗么]|没(?=\?|$))|营业时间|上班时间是|有没有上班|(?:你们|物业|前台|办公室|那边)[^,。;!?]{0,4}有人[吗么]|几点钟?(?:上班|下班|开门|关|开始上班)",
    r"(?:可以|能|准|允许|让)(?:不可以|不能)?(?:装修|施工|搬家|停车|打孔|办证|游泳|进场|取快递)",
    r"\bopening hours\b|\boffice hours\b(?!$)|\bwhat time (?:do|does|is|are)\b|\bis the (?:office|desk|gate|gym|pool)\b",
    r"\b(?:are|do) you (?:guys )?(?:open|closed?|work(?:ing)?)\b|\b(?:can|may) (?:i|we) (?:drill|renovate|park|move|use|bring|swim)\b|\ballowed\b",
)
_LITTLE: Final = _any(
    r"[\s,。.!?、~…:;()]*(?:吧|呢|嘛|啊|呀|哦|的|了|都|我|就|那|师傅|您好|你好|please|thanks?|ok|the|on|at|in)*[\s,。.!?、~…]*"
)


def before(text: str, start: int, end: int) -> str:
    """The clause's words in front of a time that stands at `end`: from `start` at the earliest."""
    last = start
    for match in BOUNDARY.finditer(text, start, end):
        last = match.end()
    return text[last:end]


def behind(text: str, start: int, end: int) -> str:
    """The clause's words behind a time that ends at `start`: to `end` at the latest."""
    match = BOUNDARY.search(text, start, end)
    return text[start : match.start() if match else end]


def clause(text: str, start: int, end: int, until: int | None = None) -> str:
    """The clause around a time, with whatever other times stand in it; of what stands behind, to `until` at the latest."""
    return before(text, 0, start) + " " + behind(text, end, len(text) if until is None else until)


def standing(text: str, span: tuple[int, int], around: tuple[int, int], *, ahead_of_today: bool) -> Standing:
    """What the speaker does with the times in `span`.

    `around` ends at the times before and behind. `ahead_of_today`: one of them is 明天 or later by name, so that no trouble can
    have happened then.
    """
    ahead, rest = before(text, around[0], span[0]), behind(text, span[1], around[1])
    if OUR_HOURS.search(clause(text, *span)):
        return "told"
    if EXCEPTION_BEFORE.search(ahead) or EXCEPTION_BEHIND.search(rest):
        return "offered" if NOTHING_ELSE.search(text[span[1] : around[1]]) else "excepted"
    if _only_told(text, span, f"{ahead} {rest}", ahead_of_today) or ONCE_AGREED.search(ahead):
        return "told"
    refused = REFUSAL_BEFORE.search(ahead) or REFUSAL_BEHIND.search(rest)
    if ahead == before(text, 0, span[0]):
        refused = refused or REFUSAL_LEADING.search(ahead)
    if not refused and _LITTLE.fullmatch(rest):
        refused = REFUSAL_NEXT.match(text[span[1] + len(rest) : around[1]].lstrip(" ,.…。!?;"))
    if refused:
        return "offered" if SUBSTITUTE.search(text[span[1] : around[1]]) else "refused"
    return "offered"


def _only_told(text: str, span: tuple[int, int], said: str, ahead_of_today: bool) -> bool:
    if NOTICE.search(said):
        return not OFFER.search(clause(text, *span))
    if ahead_of_today:
        return False
    trouble = TROUBLE.search(said) or DEFECT.search(text, 0, span[0])
    return bool(HISTORY.search(said) or (trouble and not OFFER.search(clause(text, *span))))


def says_little(clause: str) -> bool:
    """Whether hardly anything but the time stands in a clause."""
    return _LITTLE.fullmatch(clause) is not None
