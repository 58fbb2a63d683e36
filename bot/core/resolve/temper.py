"""Whether somebody is angry with the office: 都一个礼拜了没人管, 你们到底管不管, what kind of service is this.

For a word of regret and a place further up the queue, never for what is done or refused. It must rather miss a grumble than take a
plain report for anger: who says that a pipe leaks badly is no angry person. Anger shows in what is said of the office (nobody
comes, how long it has been, what one pays for), in threats to go elsewhere, in insults; and in shouting, where the words alone
would not tell.
"""

from __future__ import annotations

import re
from typing import Final

from bot.core.resolve.hanzi import simple
from bot.core.resolve.numerals import fold

_LONGEST: Final = 600
_INSULTS: Final = re.compile(
    r"他妈|特么|妈的|操你|草泥|滚|傻[逼比b]|脑残|饭桶|废物|混蛋|骗子|王八|不要脸|垃圾|吃干饭|干什么吃的|吃屎|狗屁|装死|"
    r"\b(?:useless|idiots?|pathetic|bullshit|wtf|damn|bloody|scam(?:mers)?|thieves|shame on you|a joke|disgrace)\b",
    re.IGNORECASE,
)
_OPENLY: Final = re.compile(
    # said of the office
    r"没(?:有)?(?:个)?人(?:管|理|来管|处理|搭理|负责|回(?:复|应))|不(?:闻不问|作为|管不问|当回事)|(?:到底|究竟)(?:管不管|谁管|有没有人|什么时候|要(?:等|拖)|还要|想|会不会|能不能|是不是|来不来|修不修)|"
    r"(?:催|说|报|打|反映|投诉|问)(?:了|过)(?:都)?(?:好)?(?:多|几|[二三四五六七八九十两0-9]+|无数)(?:次|遍|回)|(?:推|踢)(?:来推去|皮球|卸)|敷衍|糊弄|忽悠|"
    r"(?:都|已经|整整|又)?(?:过去|等|拖)?了?(?:都)?(?:[一二三四五六七八九十两几好0-9半]+)(?:个)?(?:天|周|礼拜|星期|月|小时)了?[,，]?(?:还|都|也)?(?:没|不)(?:人|修|来|动静|消息|解决|处理|见|管|弄)|"
    r"(?:什么|这叫什么|啥)(?:破|烂|垃圾)?(?:物业|服务|态度|玩意)|(?:破|烂|垃圾|狗屁)物业|(?:白|光)(?:交|收|拿)(?:了)?(?:物业)?(?:费|钱)|(?:交|收)(?:了)?(?:那么多|这么多|这么贵)?(?:的)?(?:物业)?(?:费|钱).{0,8}(?:干(?:什么|嘛|啥)|吃的|有什么用|白)|"
    r"吃干饭|干什么吃的|吃屎|(?:太|真是|简直|实在)(?:过分|离谱|气人|差劲|不像话|不负责|恶劣|垃圾|坑|无语|受够)|忍无可忍|受够了|气死|火大|恼火|岂有此理|莫名其妙|凭什么|"
    # going elsewhere
    r"(?:投诉|告|举报|曝光)(?:到|去|给|死)?(?:你们|住建|街道|居委|12345|媒体|法院|消协|电视台|物业)|(?:找|打|叫)(?:12345|记者|媒体|律师)|不(?:再)?交物业费|拒交|"
    # insults
    r"他妈|特么|妈的|操你|草泥|滚蛋|傻[逼比b]|脑残|饭桶|废物|混蛋|骗子|王八|不要脸"
    r"|\b(?:ridiculous|unacceptable|outrageous|disgusting|disgraceful|pathetic|useless|incompetent|a joke|fed up|sick (?:and tired|of)|furious|appalling|shame on you|a disgrace|bullshit|wtf|damn|bloody hell)\b"
    r"|\bwhat kind of (?:service|management|place|company)\b|\bwhat (?:do|am) i (?:even )?pay(?:ing)? (?:you )?for\b|\bhow many times (?:do|must|have)\b|\b(?:nobody|no one) (?:cares|does anything|is doing anything|ever (?:comes|answers|replies))\b"
    r"|\b(?:third|fourth|fifth|tenth|umpteenth|\d+(?:rd|th)) time\b|\b(?:been|waited|waiting) (?:for )?(?:over |more than )?(?:a|one|two|three|four|five|\d+) (?:whole )?(?:weeks?|days?|months?)\b.{0,40}\b(?:nobody|no one|nothing|still|no)\b",
    re.IGNORECASE,
)
#: Shouting: a string of exclamation or question marks, or a sentence in capitals.
_MARKS: Final = re.compile(r"[!?]{3,}")
_CAPITALS: Final = re.compile(r"\b(?:[A-Z]{2,}\W+){3,}[A-Z]{2,}\b")
#: What, shouted, is anger, and said calmly may be a plain question.
_SHOUTED: Final = re.compile(
    r"怎么还|还没|还不|什么时候|又(?:坏|漏|停|来|是)|投诉|多久|没来|\bstill\b|\bagain\b|\bwhen\b|\bnobody\b|\bno one\b|\bnever\b|\bwaiting\b", re.IGNORECASE
)


def upset(text: str) -> bool:
    """Whether these words, in either language, are angry with the office."""
    read = simple(fold(text))[:_LONGEST]
    if _OPENLY.search(read):
        return True
    return bool((_MARKS.search(read) or _CAPITALS.search(read)) and _SHOUTED.search(read))


def insults(text: str) -> bool:
    """Whether an insult is in these words."""
    return _INSULTS.search(simple(fold(text))[:_LONGEST]) is not None
