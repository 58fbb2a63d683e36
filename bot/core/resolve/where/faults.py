"""What is out of order in a home: the things that break there, and how residents say that something is broken.

Words alone, so that "is this about a home?" and "is this a nuisance or a fault?" ask the same lists. They are matched on plain text
(`spelling.plain`).
"""

from __future__ import annotations

import re
from typing import Final

_FLAGS: Final = re.IGNORECASE | re.ASCII

_THINGS_ZH: Final = (
    r"马桶|坐便|蹲便|水龙头|龙头|热水器|水管|管子|下水|地漏|水槽|台盆|洗手[池盆]|洗菜池|花洒|淋浴|浴缸|浴霸|阀门|水阀|净水器",
    r"空调|暖气|地暖|排风扇|换气扇|油?烟机|烟道|烟感|燃气灶|灶台|煤气灶|燃气表|洗衣机|冰箱|洗碗机",
    r"插座|插排|空开|电闸|配电箱|电线|网线|网口|宽带|路由器|wifi|门铃|对讲",
    r"门锁|锁芯|入户门|房门|防盗门|家门|门把手|门框|纱窗|窗户?|玻璃|橱柜|衣柜|柜门|晾衣[架杆]",
    r"地板|墙[皮面壁纸体]|瓷砖|天花板|吊顶|房顶|蟑螂|老鼠|白蚁",
    r"漏水|没水|没电|没热水|没暖气|没网|跳闸|水压|热水",
)
_THINGS_EN: Final = (
    r"toilet|tap|faucet|sink|basin|bath(?:tub)?|shower|cistern|flush|drain|pipe|heater|heating|radiator|boiler|thermostat",
    r"air ?con\w*|a/?c|aircon|hood|hob|oven|stove|cooker|dishwasher|washing machine|washer|fridge|extractor|exhaust fan|smoke (?:detector|alarm)",
    r"socket|outlet|breaker|fuse|switch|bulb|doorbell|internet|wi-?fi|router|door lock|front door|lock|windows?|blinds?",
    r"ceiling|tiles?|wardrobe|cupboard|cabinet|leak\w*|no (?:power|water|hot water|electricity|heating|heat|gas)",
)
#: What belongs to a home and is spoken of because it is out of order.
FIXTURES: Final = re.compile(rf"{'|'.join(_THINGS_ZH)}|\b(?:{'|'.join(_THINGS_EN)})s?\b", _FLAGS)

_BROKEN_ZH: Final = (
    r"坏|裂|断|松|掉|碎|破|翘|脱落|变形|塌|砸[到坏裂中]|倒了|锈|老化|鼓包|空鼓|起皮|起泡|霉|故障|失灵|卡[住死着]|反锁|晃|抖",
    r"漏|堵|渗|爆|溢|滴|喷|淹|湿|潮|冻|洇|积水|进水|倒灌|[返反][味水臭]|下不去|不出水|不下水|停[电水气]了?|梯[^,。!?]{0,4}停|断[电网水]|跳闸|短路|漏电",
    r"没(?:有)?(?:电|水|热|网|信号|暖气|反应|气|亮|声)|不[亮热通动转凉冷灵冒着响走稳吸抽]|不制[冷热]|不工作|[打关拧推拉拔连合转]不|忽冷忽热|太[低小慢]",
    r"闪|打火|起火|火花|烧[黑焦糊]|烧了|炸|冒[烟火水泡]|焦|臭|异味|焦味|怪味|有味|烟味|发[黄黑]|蟑螂|老鼠|白蚁",
    r"一?直响|又响|响个|异响|哗哗|嗡嗡|滴滴|咚咚|吱|乱叫|一直叫|叫个?不停|报警",
    r"(?<!装)修(?!的?[人单基])(?!理?费)",
)
_BROKEN_EN: Final = (
    r"broke\w*|crack\w*|shatter\w*|loose|fell|fall\w*|came (?:off|down)|hanging|peel\w*|sag\w*|collaps\w*|explod\w*|damag\w*|rust\w*|jam\w*|stuck|bust",
    r"leak\w*|drip\w*|burst\w*|flood\w*|overflow\w*|spray\w*|soak\w*|damp|wet|stain\w*|mou?ld\w*|block(?:ed|ing)|clog\w*|back(?:ed|ing) up|coming (?:through|down|in)",
    r"(?:is|are|was|still|does|did|do|has|have)(?:n'?t| not)\s+(?!pa(?:y|id)|receiv|know)\w+|won'?t|can'?t (?:flush|open|close|turn|lock|shut|switch)",
    r"not (?:working|cooling|heating|draining|closing|flushing)|no (?:power|electricity|water|hot water|heating|heat|gas|internet|signal|pressure)|nothing comes",
    r"dead|died|off|(?:is|are|was|went|gone|just|still)\s+(?:\w+\s+)?out|gone|stopped|cold|weak|low pressure|terrible|trip(?:s|ped|ping)|fault\w*|fail\w*|flicker\w*",
    r"spark\w*|burn(?:t|ing|ed)|smoke|smell\w*|stink\w*|stinks|keeps?|rattl\w*|bang\w*|hum(?:s|ming)|buzz\w*|beep\w*|cockroach\w*|rats?|mice|ants",
    r"repair\w*|fix\w*|plumber|electrician",
)
#: How it is said that something is out of order.
TROUBLE: Final = re.compile(rf"{'|'.join(_BROKEN_ZH)}|\b(?:{'|'.join(_BROKEN_EN)})\b", _FLAGS)


def faulty(plain: str) -> bool:
    """Whether something of a home is out of order."""
    return bool(FIXTURES.search(plain) and TROUBLE.search(plain))
