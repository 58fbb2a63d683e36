"""Praise and blame in words, as a score: 没得说, 马马虎虎, 糊弄, "can't complain", "what a joke".

Read by `score` where no figure was given. The stronger and the negated wording stands before the word it contains (很不满意 before
不满意 before 满意), and the first that fits is the score; whoever adds a word puts it in the row where nothing above swallows it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_VERY: Final = r"(?:很|非常|十分|特别|相当|超级?|极其?|极度|太|真心?|好|最|灰常|hen|feichang)"
_EN_VERY: Final = r"(?:very|really|extremely|totally|completely|absolutely|so|super|highly|truly|more than|100%|thoroughly|utterly)"
_EN_NOT: Final = (
    r"(?:not|isn'?t|wasn'?t|aren'?t|ain'?t|hardly) "
    r"(?:very |really |so |that |too |all that |at all |quite |exactly |particularly |entirely )?"
)
#: Score and wordings, as regular expressions; case is ignored.
_ROWS: Final[Sequence[tuple[int, Sequence[str]]]] = (
    (4, (
        r"差(?:一|1)?[点分]{1,2}[^,。]{0,3}满分|(?:almost|nearly) perfect",
        r"没有?(?:什么|啥)(?:可|好)?(?:不满意?|意见|可说|可挑|毛病|问题)",
    )),
    (3, (
        r"(?:不算|谈不上|没有)(?:很|太)?不满意",
        r"(?:not|isn'?t|wasn'?t) (?:too |that |so |the )?(?:bad|dissatisfied|terrible|awful|horrible|worst)",
        r"(?:not|isn'?t|wasn'?t) (?:that |so |the )?(?:best|perfect|excellent|amazing)",
        r"not great,? (?:but )?not|neither (?:good|happy|satisfied) nor|不好(?:也)?不坏|不好也不差|不功不过",
        r"说不上(?:好|满意)(?:也|还是)(?:说不上)?不?",
    )),
    (1, (
        rf"满意(?:个屁|个鬼|才怪)|{_VERY}不(?:满意?(?!分)|好|行|开心|高兴|爽)|不满意(?:极了|透了|至极)",
        rf"{_VERY}(?:差(?!不多)|烂|糟|失望|垃圾|坑|敷衍|恶劣|过分)|差(?:劲|评|到|得|死|极)|最[差低烂]",
        rf"[烂差坏]透|糟(?:糕|透)|糟心|失望(?:透|极|至)|{_EN_VERY}\s+(?:dis|un)(?:satisfied|happy|appointed)",
        rf"{_EN_VERY} (?:bad|poor|disappoint\w+|unhappy|rude|angry)|hen bu man ?yi",
    )),
    (1, (
        r"垃圾|辣鸡|骗子|骗钱|骗人|坑(?:人|爹|钱)|什么玩意|什么(?:破|垃圾|鬼)|什么(?:东西|态度|服务|水平|素质)",
        r"废物|滚(?!动|筒|烫|轮)|恶心|狗屁|屁用|[烂渣](?=$|[\s,。.!的了])|烂(?:人|活|透|到|得|服务)|没素质",
        r"一塌糊涂|忽悠|糊弄|丢人|无语|傻[逼叉]|\bsb\b|妈的|他妈|特么|tmd|混蛋|黑心|奸商|无良|不要脸|呸|屎",
        r"气人|[真我]服了|坑(?=$|[,。.!])|cha ?ping|再也不(?:会|找|用|报)|气死|负分滚粗|terrible|awful",
        r"horribl\w+|\bworst\b|useless|rubbish|garbage|\bcrap|\bshit|disgust\w+|pathetic|appalling|dreadful",
        r"atrocious|disaster|what a joke|shame(?:ful)?\b|disgrace\w*|never again|waste of (?:time|money)",
        r"\bscam|hopeless|abysmal|lowest|minimum|thanks for nothing|\bsucks?\b|unacceptable|nightmare",
        r"incompetent|lousy|shoddy|shambles|ridiculous",
    )),
    (2, (
        r"(?:谈|算|说|称|够)不上(?:多|很|太|特别|非常)?(?:满意|好)",
        r"不(?:是)?(?:很|太|怎么|大|够|甚|特别|非常|那么|咋)?(?:满意|理想|好(?![意说评打办])|行(?!不)|开心|ok)",
        r"不(?:是)?(?:很|太|怎么|大|够|特别|那么)?(?:给力|专业|认真|靠谱|负责|用心|细心)",
        r"没(?:有)?(?:很|多|那么|特别|非常)?满意|(?:唔|不)系?(?:几|太|好)?满意|唔(?:系几)?满意",
        r"bu (?:tai )?man ?yi|(?:dis|un)satisf(?:ied|actory|ying)",
        rf"{_EN_NOT}(?:satisfied|happy|good|great|impressed|pleased|satisfactory|well done)",
        r"unhappy|disappoint\w*|不怎么样|不咋[样地滴]|不[太大]行|较差|有[点些]差|差了?点|偏差",
        r"(?<![误时出])差(?=$|[\s,。.!了的])|\b(?:rather |quite |a bit |pretty |fairly )?(?:poor|bad)\b",
        r"below (?:average|par)|sloppy|unimpressed|失望|不满(?![分足意])|满意度不高|拉胯|翻车|不敢恭维|subpar",
        r"needs? improvement|could be (?:a lot|much) better|欠佳|敷衍",
    )),
    (3, (
        r"(?:基本上?|还算|勉强|大致上?|大体|凑合|一般|马马虎虎|算是?|差不多)(?:满意|可以)|比较?一般|一般",
        r"[马麻]{1,2}[虎乎糊]{1,2}|yi ?ban|凑[合活]|将就|还[行成可](?!以?不)|还好(?![有是没])|还可以",
        r"过得去|说得过去|差强人意|尚可|不过不失|就那么回事|中规中矩|普普通通|普通|勉勉强强|勉强|及格|合格",
        r"中等|中评|中不溜|平平|就那样|也就(?:那样|这样|还行)|不高不低|麻麻(?:地|哋|嘚|滴)?|so[- ]?so",
        r"(?<!above )(?<!below )\baverage\b|\bfair(?:ly ok(?:ay)?)?\b|acceptable|\bmeh\b|mediocre|middling",
        r"passable|\badequate|(?:was|it'?s|is|just|only|did) (?:an? )?(?:ok|okay|alright|all right|fine)\b",
        r"ok(?:ay)?-?ish|nothing (?:special|great)|as expected|(?:does|did) the job|neutral|in the middle",
        r"middle of the road|tolerable|could be better|could have been better|no better no worse|half and half",
        r"50[/-]50",
    )),
    (5, (
        rf"{_VERY}(?:的)?(?:满意|好(?![处像多])|棒|赞|给力|专业|到位|完美|周到|开心|感谢|喜欢)|一[百千万]个满意",
        r"(?:非常|特别|相当)不错|满意(?:极了|得很|死了|透了|到不行)|百(?:分之)?百(?:分)?满意|100%\s?满意",
        r"没[得的]说|没话说|没得讲|冇得弹|冇得顶|挑不出(?:任何|一点|什么|半点)?(?:毛病|刺|错|问题)",
        r"没[得有]?(?:毛病|挑|可挑)|无可挑剔|无懈可击|完美|满分|[给拉打](?:满|爆)|好评(?!吗)|五星好评",
        r"最[高棒]|最好(?=的|了|$)|顶[格呱级]|一级棒|杠杠|优秀|优$|超赞|点赞|绝了|yyds|好得不能再好|好到|再好不过",
        r"没有比[^,。]{0,4}更好|没有更好|满意得|太可以|绝绝子|牛[逼b]|[真太]牛|💯|hao ?ping|不能更好|好极",
        r"棒极|棒(?!球)|(?<![多])赞(?!成|同)|一流|顶级|神速|hen man ?yi|man ?fen",
        rf"{_EN_VERY}\s+(?:satisfied|happy|good|pleased|nice|helpful|professional|impressed)|excellent|perfect",
        r"\bgreat\b|amazing|fantastic|superb|wonderful|brilliant|outstanding|impeccable|flawless|faultless",
        r"awesome|exceptional|incredible|marvell?ous|first[- ]class|top[- ]notch",
        r"(?:top|full|highest|maximum|max) (?:marks?|scores?|ratings?|points?)|\bhighest|\bmax(?:imum)?\b",
        r"\bthe best\b|best (?:service|repair|job)",
        r"could(?:n'?t| not) (?:have asked for more|ask for (?:more|better))",
        r"could(?:n'?t| not) (?:be|have been|get) (?:any )?(?:better|happier)",
        r"(?:can'?t|cannot|couldn'?t) fault|no faults|love(?:d|ly)? (?:it|this|the)|delighted|thrilled|spot on",
        r"impressed|ten out of ten|a\+|superstar|(?:exceeded|beyond) (?:my |our )?expectations",
        r"(?:all|full) (?:five )?stars|5-star|10 stars",
    )),
    (4, (
        r"满意(?!度|吗|没|不|么)|[挺蛮真几]好|好的很|[很真挺蛮还]?不错|唔错|良好|^良$|可圈可点|靠谱|给力|专业",
        r"认真|(?<!bu )(?<!tai )man ?yi",
        r"\bsatisfied|\b(?:happy|good|pleased|nice|decent|solid|satisfactory|well done)\b",
        r"can(?:'?t|not) complain|no (?:complaints|issues|problems)|nothing to complain|above average",
        r"\blike(?:d)? it\b",
    )),
)  # fmt: skip
_READ: Final = tuple((score, re.compile("|".join(wordings), re.IGNORECASE)) for score, wordings in _ROWS)
#: Praise that is none: what stands around it says so.
_SARCASM: Final = re.compile(
    r"呵呵|真是谢谢你们|真行啊|oh,? (?:great|wonderful|perfect|good|brilliant)|yeah,? right|great,? (?:now|another|just)",
    re.IGNORECASE,
)


def worded(text: str) -> int | None:
    """The score that the words of a text amount to, 1 to 5, or None when they praise and blame nothing.

    Args:
        text: half-width and in simplified characters.
    """
    found = next((score for score, wording in _READ if wording.search(text)), None)
    return None if found is not None and found >= 4 and _SARCASM.search(text) else found
