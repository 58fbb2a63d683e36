"""The common parts of an estate and how they are named: 楼道, 9号楼北门, 地下二层, lobby, lift of building 13 unit 1.

A table of patterns for plain text (`spelling.plain`). A pattern's group `spot` is the place somebody can go to; without one it only tells
that the thing is common (电梯又停了). A building is part of the place where they stand together.
"""

from __future__ import annotations

import re
from typing import Final

from bot.core.resolve.where.doornumber import EN_COUNT, EN_ORDINAL, ZH_SPOKEN

_FLAGS: Final = re.IGNORECASE | re.ASCII


def _one_of(*lists: str) -> str:
    """An alternation of the words, the longest first; a blank within a word is written as ~."""
    words = {word for words in lists for word in words.split()}
    return "|".join(sorted(words, key=lambda word: (-len(word), word))).replace("~", r"\s+")


# ── In Chinese ──────────────────────────────────────────────────────────────────────────────────────────────────────

_SMALL: Final = rf"(?:[0-9]{{1,2}}|{ZH_SPOKEN}{{1,3}})"
_START: Final = rf"(?<![0-9A-Za-z{ZH_SPOKEN[1:-1]}])"
_NOT_MY: Final = "(?<!家)(?<!家的)(?<!我的)"

#: A building, perhaps with its unit, and no room's number behind it.
_HOUSE: Final = (
    rf"(?:{_START}(?:[0-9]{{1,2}}|{ZH_SPOKEN}{{1,3}}|[A-Z])\s?(?:号楼|栋楼?|幢|座|塔|#楼?)"
    rf"(?:\s?(?:{_SMALL}|[东西南北中A-D甲乙丙])\s?(?:单元|门(?!口)))?|{_START}{_SMALL}单元)(?!\s?[0-9]{{3}})"
)
_BELOW: Final = rf"(?:(?:地下|负){_SMALL}[层楼]|{_START}B[1-4]层|{_NOT_MY}地下室)"
_LEVEL: Final = rf"(?:{_BELOW}|{_START}{_SMALL}[楼层](?![道梯])|顶[楼层])"
_GATE: Final = (
    r"[0-9一二三四五六]号门(?![禁卡牌口])|(?:小区|园区|大厦)?(?:[东西南北]{1,2}|正|侧|后|(?<![家里屋店的])大|主|车行|人行|小)[大侧]?门(?:岗亭|岗|口|外)?"
)
_SPOT_WORDS: Final = _one_of(
    "公共区域 公共部位 公共部分 公共卫生间 公共厕所 公共走廊 公区 楼道 走廊 过道 连廊 电梯间 电梯厅 电梯口 电梯门口 梯厅 楼梯间 楼梯口 大堂 门厅",
    "地下车库 地下停车场 地库 停车场 停车楼 自行车棚 自行车库 电动车棚 电动车库 非机动车库 非机动车棚 车棚 车道 坡道 卸货区 货运通道",
    "男卫生间 女卫生间 男洗手间 女洗手间 男厕 女厕 男厕所 女厕所 公共厕所 吸烟区 活动室 会所 架空层 设备层 避难层 管道井 电井 水井 配电房 配电室 水泵房 泵房",
    "小区门口 小区里 小区里面 小区内 小区道路 单元门口 单元楼门 单元楼门口 楼门 楼门口 岗亭 门岗 保安亭 信报箱 信箱 快递柜 快递站 快递点 驿站 宣传栏 公告栏",
    "消防通道 消防楼梯 消防门 安全出口 天台 楼顶 顶楼平台 设备平台 空调平台 屋面 外墙 停机坪 围墙 围栏",
    "绿化 绿化带 中心花园 中庭 花坛 草坪 草地 树林 水景 人工湖 湖边 池塘 凉亭 亭子 步道 路口 主干道 人行道 广场",
    "健身房 健身区 健身器材 健身点 健身广场 游泳池 泳池 儿童乐园 儿童游乐场 儿童游乐区 儿童滑梯 游乐场 游乐区 滑梯 沙坑 篮球场 羽毛球场 网球场 球场",
    "垃圾房 垃圾站 垃圾桶 垃圾点 垃圾亭 充电桩 充电站 充电棚 充电区",
)
_SPOTS: Final = (
    rf"{_SPOT_WORDS}|{_GATE}|单元门(?![禁口])|[0-9一二三四五六]号岗亭|{_NOT_MY}(?:大厅|花园|车库|楼梯|屋顶)|商业街(?!\s?(?:S?[0-9]|{ZH_SPOKEN}+号))"
)
_COMMON_ROOMS: Final = r"[男女]?(?:卫生间|洗手间|厕所?)|茶水间|母婴室"
#: What is broken in a common part; no place by itself.
_THINGS: Final = (
    rf"{_one_of('客梯 货梯 扶梯 道闸 闸机 路灯 声控灯 感应灯 应急灯 井盖 消防栓 消火栓 灭火器 监控 摄像头 电子屏 显示屏 广告屏 指示牌 旋转门 自动门 防火门 雨棚 喷泉')}|"
    r"电梯(?!卡(?![住死着顿])|费)|[0-9一二三四]号梯|(?<![办开个])门禁(?!卡)|(?<!马桶)(?<!厕所)(?<!水器)水箱|(?<![租买])车位(?![费租])"
)
#: What is common only because a building alone is named before it.
_OF_HOUSE: Final = rf"(?:前台|(?:{_SMALL}号)?(?:{_THINGS})|防盗门|进门|灯|玻璃门?|门(?![牌铃])|窗|树|台阶|地砖|地面|墙[皮砖]|栏杆|扶手|屏|广告|对讲|井)"
_REACH: Final = r"(?:底下|背后|后头|对面|门口|入口|出口|出入口|坡道|拐角|转角|尽头|中间(?!楼层|户|的?楼)|之间|[东西南北][侧面边]|停机坪)"
_AT_IT: Final = r"\s?(?:里|内(?!机)|中(?![午介])|旁|边|上(?!面)|前|外(?!面)|附近|门口|充电)"

# ── In English ──────────────────────────────────────────────────────────────────────────────────────────────────────

_EN_HOUSE: Final = (
    rf"(?:(?:building|bldg|block|blk|tower)\s*#?(?:[0-9]{{1,2}}|{EN_COUNT}|[A-Z])\b(?:,?\s+unit\s+(?:[0-9]{{1,2}}|{EN_COUNT})\b)?"
    r"(?!,?\s*(?:flat|unit|apt|room|#|[0-9]{3})))"
)
_EN_LEVEL: Final = rf"(?:(?:the\s)?(?:{EN_ORDINAL}|ground|top)\s+floor|basement(?:\s+(?:level|floor)\s*[0-9])?|(?:level|floor)\s*B?[0-9]|\bB[1-4]\b(?!-))"
_EN_NOT_MY: Final = r"(?<!my )(?<!our )"
_EN_SPOT_WORDS: Final = _one_of(
    "common~areas? public~areas? (?:lift|elevator)~lobby lobby lobbies corridor hallway stairwell landing refuge~floor sky~?bridge walkway footpath sidewalk paths?",
    "underground~garage underground~parking underground~car~?park car~?park parking~lot parking~area visitor~parking driveway ramp loading~bay loading~dock",
    "gate(?:house)? gate~[0-9A-D]\\b main~entrance lawn playground swimming~pool pool(?!~of) gym courtyard club~?house fountain pond square plaza",
    "(?:bin|rubbish|trash|garbage)~(?:room|area|store) fire~(?:exit|escape|lane|stairs?|door) fa[cç]ade outer~wall mail~?room mail~?box(?:es)? parcel~lockers? bike~(?:shed|rack|store)",
).replace(r"\s+?", r"\s?")
_EN_SPOTS: Final = (
    rf"{_EN_SPOT_WORDS}|(?:main|north|south|east|west|side|rear|{_EN_NOT_MY}(?:front|back)(?=\s+(?:gate|entrance)|\s+door\s+of))\s+(?:gate|door|entrance)|"
    rf"{_EN_NOT_MY}(?:stairs|staircase|garage|gardens?|roof ?top|roof|entrance)"
)
_EN_THINGS: Final = (
    r"(?:goods|service|passenger|freight)?\s?(?:lifts?|elevators?)|escalator|(?:door|card|access)\s+reader|intercom|street ?lamps?|lamp ?posts?|manhole(?: cover)?|"
    r"(?:fire )?hydrant|sprinkler|barrier|turnstile|cctv|camera|water tank|notice board|(?:parking|my|our)\s+(?:space|bay|spot)|parking spot"
)
_EN_SIDE: Final = r"(?:(?:north|south|east|west|front|back|left|right|rear)(?:ern)?\s+(?:side|wing|end|corner|face)|back|front|side|foot|rear)"
_EN_TOILETS: Final = r"(?:toilets?|restroom|washroom|bathroom|pantry)"
_EN_WHOSE: Final = r"(?:(?:men|women|ladie|gent)'?s'?|public|shared)"
_EN_AT: Final = r"(?:in|at|of|by|near|on|for)\s+(?:the\s+)?"
_OF_EN_HOUSE: Final = rf"(?:\s+(?:in|of|at)\s+(?:the\s+)?{_EN_HOUSE})?"

# ── The table ───────────────────────────────────────────────────────────────────────────────────────────────────────

_BAY: Final = r"(?:P-)?(?:[A-Z][1-9]?-0[0-9]{2}|B[1-9]-[0-9]{3})(?![0-9])"

_ZH_PATTERNS: Final = (
    rf"(?P<spot>{_HOUSE}\s?[和与跟、]\s?{_HOUSE}的?(?:中间|之间))",
    rf"(?P<spot>(?:地下车库|地下停车场|地库|车库|{_BELOW})?[\s的]?{_START}{_BAY})",
    rf"(?P<spot>(?:{_HOUSE}的?)?\s?(?:{_LEVEL}的?)?\s?(?:{_SPOTS})(?:的?(?:{_SMALL}号)?(?:{_SPOTS}|{_COMMON_ROOMS}))*(?:{_REACH})*)",
    rf"(?P<spot>{_HOUSE}的?(?:{_REACH}|[前后][面边门]|门前|楼下|外面|旁边))",
    rf"(?P<spot>(?:{_HOUSE}的?)?{_LEVEL}的?(?:{_COMMON_ROOMS}))",
    rf"(?P<spot>{_HOUSE}(?:的?{_LEVEL})?)(?:这边|那边)?(?:的|那个|这个|里)*(?:那?[个块扇台部盏])?{_OF_HOUSE}",
    rf"(?P<spot>(?:{_HOUSE}的?)?{_BELOW})",
    rf"(?P<spot>{_HOUSE})(?=旁|附近|周围|[那这]边)",
    rf"(?P<spot>商业街\s?(?:S?[0-9]{{1,2}}|{ZH_SPOKEN}{{1,2}})号?[店铺]?门口)",
    r"(?P<spot>(?:我?们?家|[店铺]|[0-9]{3,4}室?|S[0-9]{2})门口(?!的电梯))",
    rf"(?P<spot>(?:{_THINGS})(?={_AT_IT}))",
    rf"(?<=家门口的)(?P<spot>{_THINGS})",
    rf"{_THINGS}|(?:整个?|全)(?:小区|园区|楼|栋|单元|座)|我们(?:小区|楼|单元|栋)(?!\s?[0-9上下])",
)
_EN_PATTERNS: Final = (
    r"(?P<spot>between\s+(?:building|block|tower)s?\s+(?:[0-9]{1,2}|[A-Z])\s+and\s+(?:(?:building|block|tower)\s+)?(?:[0-9]{1,2}|[A-Z]))",
    rf"(?P<spot>{_EN_SIDE}\s+of\s+{_EN_HOUSE})",
    r"(?P<spot>(?:right\s)?outside\s+(?:my|our)\s+(?:front\s)?(?:door|flat|apartment|home))",
    rf"(?P<spot>(?:{_EN_WHOSE}\s+)?{_EN_TOILETS}\s+on\s+(?:the\s+)?{_EN_LEVEL}{_OF_EN_HOUSE})",
    rf"(?P<spot>{_EN_WHOSE}\s+{_EN_TOILETS})",
    rf"(?P<spot>{_EN_HOUSE}\s+{_EN_LEVEL}\s+{_EN_TOILETS})",
    rf"(?P<spot>(?:{_EN_HOUSE}\s+)?(?:{_EN_LEVEL}\s+)?(?:{_EN_SPOTS})(?:\s+(?:on|of|at)\s+(?:the\s+)?{_EN_LEVEL})?{_OF_EN_HOUSE})",
    rf"(?:(?<=\bin the )|(?<=\bby the ))(?P<spot>(?:{_EN_THINGS}){_OF_EN_HOUSE})",
    rf"(?:{_EN_THINGS}|light|door|window|glass|lamp|screen|tree)s?\s+{_EN_AT}(?P<spot>{_EN_HOUSE})",
    rf"(?P<spot>{_EN_HOUSE})(?:'s)?\s+(?:{_EN_THINGS}|door|entrance|windows?)",
    rf"(?P<spot>(?:outside|behind|in front of|next to|underneath|around)\s+{_EN_HOUSE})",
    r"(?P<spot>basement(?:\s+(?:level|floor)\s*[0-9])?|level\s+B[1-4]|(?<=\bon )B[1-4])(?!-)",
    rf"(?:{_EN_THINGS})|(?:whole|entire)\s+(?:building|estate|block|tower|compound)",
)
COMMON_PARTS: Final = (
    *(re.compile(pattern, _FLAGS) for pattern in _ZH_PATTERNS),
    *(re.compile(rf"(?<![a-z]){pattern}(?![a-z0-9])", _FLAGS) for pattern in _EN_PATTERNS),
)

#: A question about a common part (游泳池几号开, where is the gym) is no trouble there.
ASKED: Final = re.compile(
    r"几号开|几点[开关到]|什么时候[开能]|开放|开门吗|开吗|多少钱|怎么(?:收费|办|预约|开通|申请|[缴交]|租|用)|收费|月租|月卡|包月|预约|在哪|可以用吗|能用吗|想[租买]|申请|办理|"
    r"opening hours|what time|how much|how do i|where (?:is|are|can)|where's|\bbook\b|is the .{0,20}open|\brent\b|can i use",
    _FLAGS,
)
