"""Figures that look like a room and are none: telephones, sums, meters, dates, hours, plates, cards, bus lines.

`mask` hides them, so that whoever reads rooms never sees them. A figure is known by its unit (703元, 1203 kWh), its form
(12:03, 2026-11-23) or the word before it (尾号1203, card ending 1203); what is not known is left to the reader.
"""

from __future__ import annotations

import re
from typing import Final

from bot.core.resolve import phone, plate, ticketno
from bot.core.resolve.numerals import ZH_NUMERAL
from bot.core.resolve.where.spelling import plain

HIDDEN: Final = "\x00"
"""What stands in the place of each hidden character: no letter, no digit, no space."""

_ZH: Final = f"[{ZH_NUMERAL[1:-1]}千万]"
_NUMBER: Final = rf"(?:[0-9][0-9,]{{0,12}}(?:\.[0-9]{{1,4}})?|{_ZH}{{1,12}})"
_SMALL: Final = rf"(?:[0-9]{{1,2}}|{_ZH}{{1,3}})"
_NO_HOUSE: Final = r"(?![0-9]|\s?(?:号楼|栋|幢|座|单元))"
_MONTHS: Final = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.?"

_FORMS: Final = (
    r"[¥￥$€£]\s?[0-9][0-9,.]*",
    r"(?<![0-9])(?:[01]?[0-9]|2[0-4]):[0-5][0-9](?![0-9])",
    r"(?<![0-9])(?:19|20)[0-9]{2}[-/.年][0-9]{1,2}(?:[-/.月][0-9]{1,2}[日号]?)?(?![0-9])",
    r"(?<![0-9])[0-9]{1,2}[-/.](?:0[1-9]|1[0-2])[-/.](?:19|20)[0-9]{2}(?![0-9])",  # 16-3-1903 is a room
    r"(?<![0-9])1[3-9][0-9][xX*]{2,6}[0-9]{2,6}",
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][·.\s-]?[A-Z]{2}[0-9]{2,4}",  # 京A·XX703
    r"(?<![0-9.])[0-9]+\.[0-9]+(?![0-9]|\.[0-9])",
    rf"(?<![0-9])[0-9]+\s?(?:-|~|到|至|to)\s?{_NUMBER}\s?(?:元|块|万|度|点|rmb\b|yuan\b)",
    rf"{_MONTHS}\s?[0-9]{{1,4}}(?:st|nd|rd|th)?(?:,?\s?(?:19|20)[0-9]{{2}})?(?![0-9])",
    r"(?:打|拨|叫|报|呼|call(?:ed)?|ring|dial(?:l?ed)?|rang)(?:了|过)?\s?(?:1(?:10|19|20|22|14)|911|999)(?![0-9])",
    r"\b(?:in|since|from|until|year)\s20[1-3][0-9]\b",
    r"(?:1[0-2]|[1-9])月(?:份|[0-9]{1,2}[日号]?)?",
    rf"{_ZH}{{2,4}}年(?!费|检)",
    r"(?<![0-9])[0-9]{1,2}[日号](?=上午|下午|早|中午|晚|凌晨|白天|那天|当天|开始|之前|之后|以后|以前|要|会|停|来|能|可以)",
)
#: A unit behind the figure; what else the character may begin (703次卧, 1104月卡, 703平时没人) is named.
_UNITS: Final = (
    r"元(?!旦)|块(?![地砖瓷玻墙])|毛(?![坯胚病巾])|万|折(?![叠腾])|平(?![安时常日台])|平?方米|立方|公斤|斤|度(?!假)|吨|瓦(?!斯)|伏|升(?![级降])|兆|寸|厘米|"
    r"毫米|米(?!粉)|分钟|小时|天(?![天花然气台热])|星期|个(?!人|别)|人(?![没不在住家说])|口人|遍|次(?![卧日要数])|户(?=居民|人家|业主|住户)|张(?!先生|女士|姐|哥|阿姨|师傅|太太|小姐|总|工|老师)|"
    r"条|辆|台(?![面盆阶灯式上风])|只(?![有是能要想剩好])|把(?=钥匙|锁|椅|伞|门)|件|趟|年(?![费检卡前])|岁|路(?![灯由口过])|号线|倍|步|字|名|位(?!置)|盏|棵|页|份|箱|包(?!间)|株|km\b|公里|克|积分|(?:号)?(?:工单|单子|订单|快递|包裹|师傅|保安|窗口|票|班车|公交|末班|首班|国道|频道|航班)|这个数|这么多|左右|多(?![久少])|"
    r"%|kg\b|kwh\b|kw\b|m2?\b|sqm\b|gb\b|rmb\b|cny\b|yuan\b|usd\b|dollars?\b|bucks\b|units?\s+of\b|kilowatt|degrees?\b|"
    r"(?:min(?:ute)?s?|h(?:ou)?rs?|days?|weeks?|months?|years?|times|people|persons?|tons?|tonnes?|lit(?:re|er)s?|cubic|bus(?:es)?|k)\b"
)
#: Only a small figure is an hour, a week or a number of times.
_SMALL_UNITS: Final = r"点|时(?!不)|分(?![机户])|刻|秒|周(?![围一二三四五六日末])|月(?!卡)|日(?!常)|户|次(?!卧)|级|期|am\b|pm\b|a\.m\.|p\.m\.|o'?clock"
#: Words after which a figure is the name or the reading of a thing ...
_NAMED: Final = (
    r"尾[号数]|[末后][三四几]位数?|号码|收据|票号|型号|排[到队号]+|叫号|第|表上是?|数字?是|字数|用了|买了|多了|少了|超了|工号|单号|订单号?|工单号?|流水号?|编号|序号|卡号|密码|口令|验证码|取件码|读数|抄表数?|表数|表底|底数|示数|度数|电话|手机号?|"
    r"座机|分机|微信号?|qq|合同号?|发票号?|快递|包裹|运单号?|身份证号?|车牌号?|航班|车次|储物格|柜号?|"
    r"(?:phone|tel|mobile|cell|extension|ext|hotline)\.?(?:\s+(?:number|no\.?))?(?:\s+is)?|(?:call|ring|reach|text)\s+me\s+(?:on|at)|"
    r"(?:ending|ends)(?:\s+(?:in|with))?|last\s+(?:four|4|three|3)(?:\s+digits)?|"
    r"(?:ticket|order|invoice|receipt|ref(?:erence)?|parcel|locker|meter|reading|code|pin|pass(?:word|code)|badge|plate|flight|train|bus|route)"
    r"\s*(?:no\.?|number|reads?|reading|says|is|was|at|shows)*"
)
#: ... or a sum, unless it goes on like an address.
_SUMS: Final = (
    r"(?:房租|租金|押金|定金|(?:物业|水|电|燃?气|暖气|采暖|停车|管理|服务|维修|滞纳)[费金]|总共|一共|合计|共计|大概|大约|差不多|(?:扣|收|交|付|充|退|欠|花|赔|罚|缴|转)(?:了|我|你们|过|费)*|"
    r"涨到|降到|余额|账单|报价|价格?|优惠|抄成|走到|走了|显示|才|还剩|(?:fees?|bill|rent|deposit|charged?|paid|pay|costs?|total|refund|quoted?|price|balance|owed?|amount|sum)(?:\s+(?:me|us|you|of|for|is|was|at|to))*)"
)

#: Words with a numeral in them that count nothing: 麻烦来七零三一下.
_NO_FIGURES: Final = r"一(?:下|直|些|样|起|会|定|般|点|边|旦|句|声|家|块儿?|律|半)|万一|十分|百分"

_MASKED: Final = re.compile(
    "|".join(
        (
            *_FORMS,
            _NO_FIGURES,
            rf"(?<![0-9A-Za-z.#-]){_NUMBER}\s?(?:{_UNITS})",
            rf"(?<![0-9A-Za-z.#{_ZH[1:-1]}-]){_SMALL}\s?(?:{_SMALL_UNITS})",
            rf"(?<![a-z])(?:{_NAMED})[\s:是为#了]{{0,3}}(?:(?![0-9]{{1,2}}-)[A-Za-z]{{0,4}}[- ]?[0-9]{{2,20}}(?:-[0-9]{{1,20}}){{0,3}}|{_ZH}{{2,12}}){_NO_HOUSE}",
            rf"(?<![a-z]){_SUMS}\s?[:是]?\s?[0-9]{{2,6}}(?!-|\s?室){_NO_HOUSE}",
        )
    ),
    re.IGNORECASE | re.ASCII,
)


def mask(text: str) -> str:
    """The plain text with every figure that is no room hidden; same length as the text as it was sent."""
    shown = plain(text)
    hidden = [(found.start, found.end) for found in phone.find(text)]
    hidden += [(found.start, found.end) for found in plate.find(text)]
    hidden += [*ticketno.spans(text), *(match.span() for match in _MASKED.finditer(shown))]
    for start, end in hidden:
        shown = shown[:start] + HIDDEN * (end - start) + shown[end:]
    return shown
