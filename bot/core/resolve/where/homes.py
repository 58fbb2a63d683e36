"""The words of homes: their rooms (厨房, master bedroom), the speaker's own (我家, my flat), his shop, his bay.

Words alone, for plain text (`spelling.plain`): `place` asks where the trouble is, `address` whether the speaker's room is meant.
"""

from __future__ import annotations

import re
from typing import Final

_FLAGS: Final = re.IGNORECASE | re.ASCII

ROOMS: Final = re.compile(
    r"(?:主卧|次卧|客卧)?(?:卫生间|洗手间|厕所|浴室)|厨房|后厨|淋浴间|客厅|主卧|次卧|客卧|卧室|主卫|客卫|次卫|儿童房|老人房|客房|书房|餐厅|饭厅|生活阳台|阳台|飘窗|露台|玄关|储藏室|储物间|衣帽间|"
    r"洗衣房|保姆房|会议室|办公区|(?<!物业)(?<!你们)办公室(?!有人|没人|在哪|几点|电话|上班)|茶水间|仓库|"
    r"(?<![a-z])(?:(?:(?:master|second|spare|guest|back|kids'?|children'?s|main|small|utility)\s+)?(?:kitchen|bathroom|bedroom|balcony)|"
    r"(?:living|sitting|dining|laundry|utility|meeting|storage|powder|dressing|guest|spare|baby'?s?|kids'?)\s+room|en-?suite|walk-?in closet|pantry|"
    r"(?<=\bmy )(?:hallway|corridor|toilet|shower|study)|(?<=\bthe )study|(?<=\bin the )(?:toilet|shower)|"
    r"(?:hallway|corridor)(?=\s+(?:light\s+)?(?:inside|in)\s+(?:my|our))|study(?=\s+(?:light|lamp|socket|window|door|room)))(?![a-z])",
    _FLAGS,
)
#: 主卧和卫生间中间那面墙: between two rooms is in neither.
BETWEEN: Final = re.compile(rf"(?:{ROOMS.pattern})[和跟与、](?:{ROOMS.pattern})(?:的?中间|之间)", _FLAGS)

_NEIGHBOUR_OF: Final = "的?(?:楼[上下]|隔壁|对[门面]|邻居|[上下]面)"
#: The speaker's own home; 我家孩子, 我家的车 and 我家楼上 are none.
MINE: Final = re.compile(
    rf"我们?家(?![具电人车狗猫娃]|孩子|小孩|老人|快递|钥匙|阿姨|保姆|亲戚|客人|宝宝|{_NEIGHBOUR_OF})|家里|家中|自己家|自家|新家|咱们?[家屋]|我们?屋|屋里|屋内|屋子|本户|我们?这?户|我们?这(?:里|边|屋|套)|我们?的?(?:房|屋)|"
    r"(?<![a-z])(?:(?:my|our|the)\s+(?:flat|apartment)|(?:my|our)\s+(?:unit|room|home|place|house)|at home|indoors)(?![a-z])",
    _FLAGS,
)
#: A home as the place of a trouble, whoever lives there.
ANY: Final = re.compile(
    rf"{MINE.pattern}|家里?面?|室内|房间里?|房子|户内|(?<![a-z])(?:(?:at|in|inside)\s+(?:my\s+|our\s+|the\s+)?(?:home|flat|apartment|house)|my\s+\w+\s+(?:home|flat|place)|(?:his|her|their)(?=\s))(?![a-z])",
    _FLAGS,
)
SHOP: Final = re.compile(
    r"店里|店内|店外|门店|铺子|我们?的?店|后厨|我们?的?(?:公司|办公室)|^公司|(?<![a-z])(?:(?:my|our)\s+(?:\w+\s+)?(?:shop|store|café|cafe|office)|in the (?:shop|store))(?![a-z])",
    _FLAGS,
)
BAY: Final = re.compile(
    r"(?:我|咱)们?(?:的|家|那个?|这个?)*车位|(?<![a-z])(?:my|our)\s+(?:parking\s+)?(?:bay|space|spot|parking)", _FLAGS
)
#: Answers to "home or common part?" that are a home and nothing else.
ALONE: Final = re.compile(
    rf"[\s,。.!~]*(?:就?是|在|it'?s\s|just\s)*(?:{ANY.pattern}|home|自家|入户|室)(?:的|里|吧|啊|呢|呀|please)*[\s,。.!~]*", _FLAGS
)
#: A thing of a common part within a home is the home's: 店里自动门, intercom in my flat.
WITHIN: Final = re.compile(r"[家店屋]里|(?<![a-z])(?:in|inside) (?:my|our) (?!building|block|tower|estate|corridor|floor|stair)", _FLAGS)
