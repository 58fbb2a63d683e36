"""Other ways of saying the same time, put into the words the readers of this package know.

Residents write in the words of their region (听日, 明朝, 后儿, 下半天, arvo), a telephone writes down what it heard (明填 for 明天,
期点 for 七点), and everyone misspells. One table per source says what is meant. Where such a word could be part of another one,
what must stand before or behind it is written with it: 往上 is 晚上 only where an hour follows, 周陆 is 周六 only where time goes on.
It must never touch anything but time words: what is not in a table stays as it was sent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.core.resolve.hanzi import simple

_N: Final = "0-9零一二两三四五六七八九十"
#: An hour stands where a sentence, a day, a part of the day or a range does not forbid it, and time goes on behind it.
_HOUR_BEFORE: Final = r"(?:^|(?<=[\s,。;!?、:天日儿午上早晚号到至约就是后在或六五四三二一]))"
_HOUR_BEHIND: Final = r"(?=钟|半|整|左右|前后|多|[以之]?[前后]|到|至|来|吧|可以|行|都|在|[\s,。;!?、-]|$)"
_BEFORE_HOUR: Final = rf"(?=[{_N}期起其齐旧酒留]{{1,3}}(?:点|时|:[0-9]))"
_BEHIND_DAY: Final = r"(?<=[今明后天日号一二三四五六])"
_TIME_BEHIND: Final = rf"(?=[早晚上下中全来在我有都可行吧到,。、\s]|[{_N}]{{1,3}}[点时:]|$)"
_NO_NAME: Final = r"(?<![姓叫老小])"

_DIALECT: Final[Sequence[tuple[str, str]]] = (
    # Cantonese
    (r"听日朝早|听朝早?", "明天早上"),
    (r"听[晚夜](?!会|说|你)", "明天晚上"),
    (r"听(?:晏昼?|下昼)", "明天下午"),
    (r"听日", "明天"),
    (r"后朝早?(?!阳)", "后天早上"),
    (r"大后日", "大后天"),
    (r"[琴寻]日", "昨天"),
    (r"[琴寻][晚夜](?!找)", "昨晚"),
    (r"今朝早", "今天早上"),
    (r"朝(?:头)?早", "早上"),
    (r"上昼", "上午"),
    (r"下昼|晏昼|下晏", "下午"),
    (r"夜晚黑|夜晚", "晚上"),
    (r"(?<=今)晚黑", "晚上"),
    (r"挨晚|挨黑", "傍晚"),
    (r"(?:(?<![然反从因时])而|依|宜)家(?![里中人庭具]|购)", "现在"),
    (r"即刻|即时(?=来|上门|派)", "马上"),
    (r"[放收]工", "下班"),
    (r"(?<!得)唔得闲|冇空|冇时间|冇闲", "没空"),
    (r"(?<!得)唔得", "不行"),
    (r"(?<!喺)唔喺", "不在"),
    (r"得闲", "有空"),
    (r"几时都|几时来都", "随时都"),
    (r"喺屋企|系屋企|喺度|响屋企", "在家"),
    (r"屋企", "家里"),
    (r"冇人", "没人"),
    (r"半个钟头?", "半小时"),
    (rf"(?<=[{_N}])个半钟头?", "个半小时"),
    (rf"(?<=[{_N}])个钟头?", "个小时"),
    # Wu and Jianghuai
    (r"今朝", "今天"),
    (r"明朝(?!代|末|皇|时)", "明天"),
    (r"昨日|昨夜", "昨天"),
    (r"后[日朝](?=[上下早夜晚,\s里])", "后天"),
    (r"上半[天日]|早半[天晌]|前半[天晌]|上半晌|头晌午?|前晌", "上午"),
    (r"下半[天日]|后半[天晌]|下半晌|后晌|下晌|过晌", "下午"),
    (r"(?<![半昨深])夜(?:里向|到头|到|头)(?=[,。\s我在来有可七八九六十0-9吧]|$)", "晚上"),
    (r"夜快(?:头|点)?|黄昏头", "傍晚"),
    (r"早(?:上头|浪向|浪|晨头|间头|起头)", "早上"),
    (r"(?<![节周生假今明平昨后每])日里(?:向)?(?!面)|日头里", "白天"),
    (r"中浪(?:向)?|中上头", "中午"),
    (r"吃(?:好|过|完|了)?夜饭|夜饭", "晚饭"),
    (r"[弗勿](?=行|在|来|要|好|方便|得空)", "不"),
    (r"辰光", "时候"),
    # The north, Shandong, Henan
    (r"赶明(?:儿个|儿|个|天)?", "明天"),
    (r"今(?:儿个|个儿|儿|个(?=[,早晚上下中儿]|$))", "今天"),
    (r"明(?:儿个|个儿|儿(?![子女童])|个(?=[,早晚上下中儿]|$))", "明天"),
    (r"大后(?:儿个|儿(?![子女童]))", "大后天"),
    (r"(?<![最然以之])后(?:儿个|儿(?![子女童科媳]))", "后天"),
    (r"昨(?:儿个|儿)|(?<![半昨今])夜(?:儿个|个)", "昨天"),
    (r"(?<![跟面门眼目以之])前儿(?![子女童])个?", "前天"),
    (r"晌午头?|晌火|正晌", "中午"),
    (r"傍(?:晚黑|黑儿?|天黑)|擦黑儿?|天擦黑|傍晚儿|下晚儿?", "傍晚"),
    (r"晌午错", "下午"),
    (r"清早?起来?|清起", "早上"),
    (r"前半[儿天]", "上午"),
    (r"后半[儿天]", "下午"),
    (r"上下午", "上午下午"),
    (r"(?:晚[么不巴]?晌|下黑|黑[价家]|夜黑)儿?|后晚晌", "晚上"),
    (r"(?<=天)早起来?", "早上"),
    (r"咋都|多会儿都|多咱都|啥时[候间]?都|啥时[候间]?(?=都|来)|哪会儿都", "随时都"),
    (r"啥时[候间]?", "什么时候"),
    (r"眼[下么]前?(?=就|在|有|可|家)|这会子|这阵儿(?=就|在|有|可)", "现在"),
    (r"没[工功]夫|不得空|没得空", "没空"),
    (r"午饭[之以]?前", "中午前"),
    (r"晚饭[之以]?前", "六点前"),
    (r"(?<!我)下班[之以]?前(?=来|都|可以|到|[,。\s]|$)", "六点前"),
    # The southwest, Hunan, Fujian
    (r"明[早天]子", "明天"),
    (r"(?<![第十一])二天(?=再|嘛|哈)", "改天"),
    (r"晚(?:些黑|黑|间头|昏头)", "晚上"),
    (r"打晌午", "中午"),
    (r"透早", "早上"),
    (r"(?<=天)暗时|夜晡", "晚上"),
    (r"下[哺晡]", "下午"),
    (r"日昼|中昼", "中午"),
)  # fmt: skip

#: What a voice keyboard writes for a day ...
_DAYS_HEARD: Final[Sequence[tuple[str, str]]] = (
    (r"[明名鸣铭命][填添]|明田(?=[早晚上下中])|(?<![报出点著有])[名鸣铭]天", "明天"),
    (r"(?<!天)[金斤今津巾][填添]|(?<![黄公市])[金斤]天", "今天"),
    (r"(?<![时等气])[厚候后侯][填添]|(?<![时气等问火深])[厚候侯]天", "后天"),
    (rf"{_NO_NAME}(?:周|星期|礼拜)[衣医依]{_TIME_BEHIND}", "周一"),
    (rf"{_NO_NAME}(?:周|星期|礼拜)[儿尔而]{_TIME_BEHIND}", "周二"),
    (rf"{_NO_NAME}(?:周|星期|礼拜)[伞散山叁]{_TIME_BEHIND}", "周三"),
    (rf"{_NO_NAME}(?:周|星期|礼拜)[似寺肆]{_TIME_BEHIND}", "周四"),
    (rf"{_NO_NAME}(?:周|星期|礼拜)[舞武午伍无吾]{_TIME_BEHIND}", "周五"),
    (rf"{_NO_NAME}(?:[周洲]|星期|礼拜)[陆溜流榴留]{_TIME_BEHIND}", "周六"),
    (r"周[未沫莫磨茉]", "周末"),
    (rf"(?<![一-鿿])[州洲粥舟](?=[一二三四五六日末]{_TIME_BEHIND})", "周"),
    (r"[夏吓](?=个?(?:周|星期|礼拜)[一二三四五六日末])", "下"),
    (r"星[其起七](?=[一二三四五六日])", "星期"),
    (r"(?<![一-鿿])[近斤金]晚|今[完碗玩万](?=[上,。\s在有可都来我]|[0-9七八九]|$)", "今晚"),
    (r"(?<![一-鿿])[名鸣铭]晚|明[完碗玩万](?=[上,。\s在有可都来我]|[0-9七八九]|$)", "明晚"),
    (r"(?<![一-鿿])[名鸣铭]早", "明早"),
)  # fmt: skip
#: ... and for the hours; read when the days are plain, because a day in front of them tells.
_HOURS_HEARD: Final[Sequence[tuple[str, str]]] = (
    (rf"{_BEHIND_DAY}(?:早[尚商]|[找澡]上(?!门)){_TIME_BEHIND}|[找澡]上{_BEFORE_HOUR}", "早上"),
    (rf"{_BEHIND_DAY}[上尚商][舞武五伍务吾无]{_TIME_BEHIND}|[尚商]午", "上午"),
    (rf"{_BEHIND_DAY}[下夏吓][舞武五伍务雾吾无]{_TIME_BEHIND}|[夏吓]午", "下午"),
    (rf"(?<!分)[钟终忠]午(?![饭休睡])|(?<=[今明后天])中[舞武五伍]{_TIME_BEHIND}", "中午"),
    (rf"(?<=[今明后天一二三四五六日])[往碗完万婉玩弯晚][尚商上]{_TIME_BEHIND}|[往碗完万婉玩]上{_BEFORE_HOUR}", "晚上"),
    (rf"{_HOUR_BEFORE}[壹衣伊医依][点店典]{_HOUR_BEHIND}", "一点"),
    (rf"{_HOUR_BEFORE}[贰俩梁凉][点店典]{_HOUR_BEHIND}", "两点"),
    (rf"{_HOUR_BEFORE}[叁山伞散][点店典]{_HOUR_BEHIND}", "三点"),
    (rf"{_HOUR_BEFORE}[肆似寺][点店典]{_HOUR_BEHIND}", "四点"),
    (rf"{_HOUR_BEFORE}[伍舞武吴无][点店典]{_HOUR_BEHIND}", "五点"),
    (rf"{_HOUR_BEFORE}[留溜流榴刘陆柳][点店典]{_HOUR_BEHIND}", "六点"),
    (rf"{_HOUR_BEFORE}[柒期其齐奇棋妻漆器气企启][点店典]{_HOUR_BEHIND}", "七点"),
    (rf"{_HOUR_BEFORE}起点(?=钟|半|左右|多|[以之]?[前后]|来|到[{_N}])", "七点"),
    (rf"{_HOUR_BEFORE}[捌巴扒芭吧把][点店典]{_HOUR_BEHIND}", "八点"),
    (rf"{_HOUR_BEFORE}[旧酒久九玖][点店典]{_HOUR_BEHIND}", "九点"),
    (rf"{_HOUR_BEFORE}[拾石是时实食市][点店典]{_HOUR_BEHIND}", "十点"),
    (rf"(?<=[{_N}])[店典]{_HOUR_BEHIND}", "点"),
    (r"(?<=[0-9一二两三四五六七八九十]点)[办伴拌扮版](?=[,。\s来到吧左以之后前可都]|$)", "半"),
    (r"(?<=[0-9一二两三四五六七八九十])点[种终](?=[,。\s来到吧左以之后前可都]|$)", "点钟"),
)  # fmt: skip

_ENGLISH: Final[Sequence[tuple[str, str]]] = (
    (r"\b(?:to+m+or+ow?e?|tom+or+ow|t[mw]o?r+w|tmr|tmw|tmoro|2mor+ow?|2moro|2mrw|tomoz)\b", "tomorrow"),
    (r"\b(?:2day|tdy)\b", "today"),
    (r"\b(?:2nite|2night|tonite|2nyt)\b", "tonight"),
    (r"\b(?:arvo|aft(?:e?r)?no+n|afternon|aft)\b", "afternoon"),
    (r"\bmorn(?:in'?)?\b(?!')", "morning"),
    (r"(?<!christmas )(?<!xmas )(?<!year's )(?<!years )(?<!year )\beve\b", "evening"),
    (r"\b(?:wensday|wed?nsday|wendsday|wendesday)\b", "wednesday"),
    (r"\b(?:tuseday|teusday|tuesay)\b", "tuesday"),
    (r"\b(?:thrusday|thurday|thursd?y|thirsday)\b", "thursday"),
    (r"\b(?:firday|fridya)\b", "friday"),
    (r"\b(?:satu?day|saterday|saturdy)\b", "saturday"),
    (r"\b(?:sundy|sundya)\b", "sunday"),
    (r"\b(?:w(?:ee)?k[- ]?ends?|w/end|wknd|weekends)\b", "weekend"),
    (r"\b(?:wkdays?|week[- ]days?)\b", "weekdays"),
    (r"\bb4\b", "before"),
    (r"\bnoon-?ish\b", "noon"),
    (r"\bwk\b", "week"),
    (r"(?<![a-z])'?till?\b|\buntill\b", "until"),
    (r"\bo ?clock\b", "o'clock"),
    (r"\b(?:midnite)\b", "midnight"),
    (r"\bbefore lunch\b", "before noon"),
    (r"\bbefore (?:dinner|supper)\b", "before 6pm"),
)  # fmt: skip

#: A wish for a good morning is none for a visit in the morning.
_GREETINGS: Final[Sequence[tuple[str, str]]] = (
    (r"(?:早上|上午|中午|下午|晚上)好(?!的)|[早晚]安", "你好"),
    (r"\bgood (?:morning|afternoon|evening|night)\b|^\W*(?:mornin'?|g'?morning|mornin)(?=\W)", "hello"),
    (r"^\W*(?:morning|afternoon|evening)\b(?=\s(?:all|team|guys|there|everyone|folks)\b|[!.]\s?\w|,\s(?:can|could|would|is (?:there|any)|are|hi|hello|my|the)\b)", "hello"),
)  # fmt: skip

_STEPS: Final = ((*_GREETINGS, *_DIALECT, *_DAYS_HEARD, *_ENGLISH), _HOURS_HEARD)
_WORDS: Final = tuple(
    re.compile("|".join(f"(?P<w{index}>{words})" for index, (words, _) in enumerate(step)), re.IGNORECASE | re.ASCII)
    for step in _STEPS
)
_MORE_SIMPLE: Final = str.maketrans("週晝兒號嚟嘅咗啲瞓閒", "周昼儿号来的了些睡闲")


@dataclass(frozen=True, slots=True)
class Plain:
    """`text` in plain words; `begins` and `ends` say where each of its characters stood in what was sent."""

    text: str
    begins: tuple[int, ...]
    ends: tuple[int, ...]

    def said(self, sent: str, start: int, end: int) -> str:
        """The words of the message behind a span of the plain text; empty for an empty span."""
        return sent[self.begins[start] : self.ends[end - 1]] if start < end else ""


def plain(sent: str) -> Plain:
    """The message half-width, in simplified characters, and in the words of this package."""
    folded = simple(sent).translate(_MORE_SIMPLE)
    found = Plain(folded, tuple(range(len(folded))), tuple(range(1, len(folded) + 1)))
    for words, step in zip(_WORDS, _STEPS, strict=True):
        found = _rewritten(found, words, [meant for _, meant in step])
    return found


def _rewritten(before: Plain, words: re.Pattern[str], meant: Sequence[str]) -> Plain:
    text, begins, ends = "", [], []
    at = 0
    for match in words.finditer(before.text):
        word = meant[int((match.lastgroup or "w0")[1:])]
        start, end = match.span()
        text += before.text[at:start] + word
        begins += [*before.begins[at:start], *[before.begins[start]] * len(word)]
        ends += [*before.ends[at:start], *[before.ends[end - 1]] * len(word)]
        at = end
    return Plain(text + before.text[at:], (*begins, *before.begins[at:]), (*ends, *before.ends[at:]))
