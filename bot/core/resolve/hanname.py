"""A speaker's name in Chinese: 陈志强, 欧阳, 刘女士, 小陈, 何太, 阿强, 阿依古丽·买买提.

For `name`, which says what counts as the speaker's own. Texts come in simplified characters; what is found is told by its place,
so that the name can be cut out of the message as it was sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from bot.core.resolve import latinname
from bot.core.resolve.wordlist import words

Place = tuple[int, int]

#: Single surnames, the frequent ones and what else one meets on an estate; such as are everyday words (水, 房, 时) are left out.
_SURNAMES: Final = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖萧田董潘袁蔡蒋余于杜叶程"
    "魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付傅方邹熊白孟秦邱侯江尹薛闫阎段雷龙黎史陶贺毛郝"
    "顾龚邵万覃武钱戴严莫孔向常汤康易乔赖文施洪辛柯颜牛樊葛邢安齐伍庞纪项祝鲁倪骆翟季俞章梅聂殷"
    "甘卓童凌岳左申尤柳管焦窦涂冉桂温芦华裴柴穆霍蒲简蓝关兰鲍苗费靳屈盛饶鄢阮舒邬阳晏麦欧查喻明"
    "宁包占曲游柏司单艾岑练车官尚古巫宫缪邸蔺佟迟代苟敖栾隋池苑冼谌桑匡甄丛宗厉戚邝褚卞狄劳郎竺"
    "辜闵裘冀仇植佘帅燕仲浦闻杭"
)
_COMPOUND: Final = frozenset(
    words("""
    欧阳 司马 上官 诸葛 司徒 东方 独孤 南宫 夏侯 皇甫 尉迟 公孙 慕容 令狐 宇文 长孙 端木 轩辕 呼延 闻人 澹台 西门 完颜
    """)
)
_TITLES: Final = sorted(
    words("""
    先生 女士 小姐 太太 太 师奶 老师 阿姨 叔叔 大叔 大爷 大妈 大姐 大哥 大婶 奶奶 爷爷 伯伯 伯母 婆婆 师傅 医生 大夫 护士
    经理
    律师 教授 警官 老板 主任 校长 院长 工程师 同学 同志 会计 Sir sir Miss 生 哥 姐 弟 妹 叔 伯 婶 姨 嫂 妈 爸 爷 奶 总 工 董
    导 律 局 处 老
    """),
    key=len,
    reverse=True,
)
_LONG_TITLES: Final = [title for title in _TITLES if len(title) > 1]
#: With a title any surname counts, known or not: 区先生.
_RARE: Final = re.compile(r"[\u4e00-\u9fff](?<![老小大各两本令贵])(?:先生|女士|小姐|太太)")
#: Characters of other words: none of them is taken into a given name.
_NO_GIVEN: Final = frozenset(
    "的了吗呢吧啊呀哈啦哦嘛我你您他她它们这那不没就也还要来去找说问请给把被让从到跟及住搬报电手号房栋楼层室户单主租客"
    "谁哪怎什么很个些位姓在是都人叫修坏漏啥几两点分块费上下里外边面后过"
)
#: 小区, 小孩, 小时 are no nicknames.
_NO_NICKNAME: Final = frozenset("区孩朋姐伙学时卖店吃哥妹弟")
#: 陈Lisa.
_GIVEN_LATIN: Final = re.compile(r"[A-Z][a-z]+(?![A-Za-z0-9])")
#: Words that begin like a name and are none.
_WORDS: Final = frozenset(
    words("""
    谢谢 马上 马路 马桶 方便 方案 方式 方法 方面 方向 方正 高兴 高层 高温 高空 高低 周末 周一 周二 周三 周四 周五 周六 周日
    周天
    周围 周边 周期 安全 安静 安徽 安装 安排 白天 白色 常常 常用 常见 常规 万一 任何 任意 于是 关于 程序 金额 金属 金融 黄色
    黄金
    江苏 江西 季度 毛病 毛巾 余额 余款 项目 纪念 温度 温水 冷气 石头 石材 文件 文明 文字 包裹 包括 车位 车库 车牌 车子 车辆
    严重
    严格 尤其 管理 管道 管家 关门 关系 关键 关闭 顾客 龙头 左右 左边 康复 洪水 欧元 向您 许多 许可 何时 何必 何况 成功 查看
    查询
    查一 查下 明天 明白 明早 明晚 明显 宁可 宁愿 曲线 游客 游泳 司机 单独 单号 官方 尚未 尚可 古怪 明确 夏天 夏季 温馨 华为
    阳台
    阳光 麦克 舒服 盛大 费用 费劲 安心 安康 石油 施工 申请 申报 申诉 童装 章程 简单 简直 孔雀 汤圆 钱包 武汉 万能 万元 方可
    常有
    高能 何能 何可 于家 金元 安家 向前 史上 田园 叶子 苏州 郑州 唐山 徐州 罗马 江边 白领 金桥 张贴 曾经 程度 贺卡 祝好 祝您
    祝愿
    祝福 祝贺 马虎 马达 方形 高级 高速 高价 常年 乔迁 赖账 康乐 万事 单元 包间 包月 代办 代理 代收 池塘 厉害 劳烦 劳驾 闻到
    植物
    关机 关灯 任务 付款 付费 付钱 付清 莫名 莫非 华丽 古董 宫殿
    """)
)
#: Who is called for, not called so: 我叫保安.
_CALLED_FOR: Final = frozenset(words("保安 物业 滴滴 快递 警察 救护车 出租车 搬家公司 保洁 维修 师傅 管家 代驾 外卖"))
#: What may stand right behind a name: a particle, courtesy, or, where words led the name in, the next word of the sentence.
_PARTICLES: Final = frozenset("呀啊哈吧呢哦噢嘛喔哟啦喇嘅㗎噶滴哒")
_COURTESY: Final = re.compile(r"谢谢|多谢|唔该|麻烦|本人|是我|收|就行|就好|即可|不是|的名|的(?![\u4e00-\u9fff])")
_NEXT_WORD: Final = frozenset("你您我他她这那在住要想来有是给请麻就和跟也还不可会能报")
#: The name of whom somebody belongs to is not the speaker's: 王伟的老婆.
_KIN: Final = re.compile(
    r"的?(?:老婆|老公|爱人|太太|先生|妻子|丈夫|妈妈?|爸爸?|父亲|母亲|儿子|女儿|孩子|家属|家人|朋友|同事|邻居|室友|助理|秘书"
    r"|徒弟"
    r"|亲戚|妹妹|弟弟|姐姐|哥哥|爷爷|奶奶|外[公婆]|家里)"
)
#: A character of the name spelt out: 杨帆一帆风顺的帆.
_TOLD: Final = re.compile(r"[\u4e00-\u9fff]{1,5}的(?P<character>[\u4e00-\u9fff])(?![\u4e00-\u9fff])")
_NOT_MINE: Final = re.compile(
    r"(?:不是|不叫|不姓|并非|而非|别写|写成了?|错写成|听成了?|当成)\s*$"
    r"|(?:他|她|佢|老公|老婆|儿子|女儿|师傅|保安|朋友|邻居|对方)[^,。!?;]{0,3}$"
)

# ── words that lead a name in ──────────────────────────────────────────────────────────────────────────────────────────

_CALLED: Final = re.compile(
    r"(?:可以|就|请|你|您|直接)?(?:叫|喊|称呼?)我(?:为|做)?\s*"
    r"|(?:我|俺|本人|(?:^|[,。\s]))(?:的|个|嘅|这)?(?:名字|名儿?|姓名|大名|全名|真名)?(?:就|的)?(?:叫(?:做|作)?(?!我)"
    r"|名系)\s*"
    r"|(?:^|[,。\s])名[:是]|(?:名字|名儿|姓名|大名|全名|真名|称呼)(?:叫|是|为|系)?:?\s*|(?:户主|房东|业主)(?:叫|是)"
)
#: Weaker: before the name may stand who the speaker is (3栋的, 业主, 你们小区楼上的).
_AM: Final = re.compile(
    r"(?:我|俺|咱|这里|这边|这|本人)(?:就)?[是系]|(?:^|[,。\s])(?:就)?[是系]|应该?[是为]|的是|不是[^,。]{2,4},?而?是|用"
    r"|本人|鄙人"
    r"|在下|敝人|署名|落款|(?:联系|收件|报修|申请|预约|登记|承租)人?(?:是|叫|为|写)?:?|(?:登记|写|填|改|更正)(?:成|为|在)?"
)
_PLACE: Final = (
    r"(?:(?:家?住在?)?(?:(?:[A-Za-z]?[0-9一二三四五六七八九十]+|[A-Za-z](?=[栋座]))[栋幢座号楼单元室弄#-]*)+(?:那边"
    r"|家)?的?\s?)?"
)
_OWNER: Final = r"(?:那个)?(?:(?:新|老|小区|本小区)?(?:业主|住户|租客|租户|户主|房东|房主|机主|车主)\s?)?"
_OF: Final = r"(?:[^,。!?;\s]{1,10}的)?"
_BEFORE: Final = tuple(re.compile(rf"\s*{before}") for before in ("", _PLACE, _PLACE + _OWNER, _PLACE + _OF + _OWNER))
_BEFORE_ALONE: Final = (re.compile(rf"\s*{_PLACE}{_OWNER}"), re.compile(rf"[我俺]\s?{_OWNER}"))
#: With 姓 a surname is enough, known or not.
_SURNAMED: Final = re.compile(r"(?:^|[,。!\s]|我|俺|本人|免贵|鄙人?|敝|在下|小|复|单|我是|双)姓(?:氏)?(?:是|为|:)?\s*")
_GREETING: Final = re.compile(
    r"(?:(?:您好|你好|你们好|大家好|早上好|下午好|晚上好|哈[喽罗]|喂|嗨|好的?|嗯+|哦|对|是的|hi|hello)[\s,。!~、]*)+",
    re.IGNORECASE,
)

# ── names without a known surname ──────────────────────────────────────────────────────────────────────────────────────

#: 姓王名伟.
_IN_PARTS: Final = re.compile(
    r"姓[:是]?(?P<surname>[\u4e00-\u9fff]{1,2})[,\s]?名[:是]?(?P<given>[\u4e00-\u9fff]{1,2})(?![\u4e00-\u9fff])"
)
#: Names of other peoples: 阿依古丽·买买提.
_DOTTED: Final = re.compile(r"(?:.*?(?:叫|名字|[我就]是))?(?P<name>[\u4e00-\u9fff]{2,}(?:[·•・][\u4e00-\u9fff]{2,})+)")
#: A surname told by its parts, and nothing else: 木子李.
_DRAWN: Final = re.compile(
    r"(?:^|[,。\s])(?:木子李|弓长张|立早章|耳东陈|双木林|口天吴|古月胡|三横王|草头黄|言午许|人可何|禾呈程|走肖赵|双口吕"
    r"|文刀刘)(?=$|[,。\s])"
)
#: 豆豆妈妈: a parent by the child's name, as parents call themselves.
_PARENT: Final = re.compile(r"[\u4e00-\u9fff]{1,3}?(?:妈妈|爸爸|奶奶|爷爷|姥姥|外婆|妈|爸)(?=$|[^\u4e00-\u9fff]|[呀啊哈])")
#: Behind 我叫 and the like, whatever is a clause: 我叫卓玛.
_WHATEVER: Final = re.compile(r"[\u4e00-\u9fff]{2,4}(?=$|[^\u4e00-\u9fff]|[呀啊哈吧哦])")


def is_han(character: str) -> bool:
    """Whether the character is Chinese."""
    return "\u3400" <= character <= "\u9fff"


def _endings(text: str, at: int, led: bool, bare_surname: bool) -> Iterator[int]:
    """Where a name from `at` on may end, the likeliest first."""
    if text[at : at + 1] in ("小", "老", "阿", "大") and is_han(text[at + 1 : at + 2] or " "):
        nickname = led and text[at] == "小" and text[at + 1] not in _NO_NICKNAME
        if (text[at + 1] in _SURNAMES or text[at] == "阿" or nickname) and text[at + 1] not in _NO_GIVEN:
            yield from (at + 2 + len(title) for title in _LONG_TITLES if text.startswith(title, at + 2))
            yield at + 2
            yield at + 3
        return
    end = at + 2 if text[at : at + 2] in _COMPOUND else at + 1
    compound = end == at + 2
    if not compound and text[at : at + 1] not in _SURNAMES:
        rare = _RARE.match(text, at)
        if rare and text[at] not in _NO_GIVEN:
            yield rare.end()
        return
    yield from (end + len(title) for title in _TITLES if text.startswith(title, end))
    if latin := _GIVEN_LATIN.match(text, end):
        yield latin.end()
    for length in (2, 1, 3) if compound else (2, 1):
        given = text[end : end + length]
        if len(given) == length and all(is_han(character) and character not in _NO_GIVEN for character in given):
            yield from (end + length + len(title) for title in _LONG_TITLES if text.startswith(title, end + length))
            yield end + length
    if bare_surname or compound:
        yield end


def _spelt_out(text: str, at: int, end: int) -> bool:
    told = _TOLD.match(text, end)
    return told is not None and told["character"] in text[at:end]


def _closes(behind: str) -> bool:
    """Whether a name may end before this character: it is none, no Chinese one, or a particle."""
    return not behind or not is_han(behind) or behind in _PARTICLES


def _name_at(text: str, at: int, *, led: bool, called: bool = False, bare_surname: bool = False) -> int | None:
    """Where the name that begins at `at` ends, or None.

    Args:
        led: words lead it in, so that a sentence may go on behind it.
        called: they were 叫 or 名字, so that it may be a word of other use (我叫高兴).
        bare_surname: a surname is enough.
    """
    if not called and text[at : at + 2] in _WORDS:
        return None
    spelt_out: list[int] = []
    for end in _endings(text, at, led, bare_surname):
        if _KIN.match(text, end):
            return None
        behind = text[end : end + 1]
        if _closes(behind) or _COURTESY.match(text, end) or (led and behind in _NEXT_WORD):
            return end
        if _spelt_out(text, at, end):
            spelt_out.append(end)
    return min(spelt_out, default=None)


def _mine(text: str, *ends: int) -> bool:
    return not any(_NOT_MINE.search(text, 0, end) for end in ends)


def _called(text: str) -> Iterator[Place]:
    """我叫王伟, 叫我小王就行, 姓名:赵六, 我叫Tom."""
    for led in _CALLED.finditer(text):
        at = led.end()
        if not _mine(text, led.start()) and not led[0].rstrip().endswith("我"):
            continue
        other = _WHATEVER.match(text, at)
        if other and (led[0] == "叫" or other[0] in _CALLED_FOR or set(other[0]) & _NO_GIVEN):
            other = None
        end = _name_at(text, at, led=True, called=True) or latinname.behind(text, at) or (other.end() if other else None)
        if end:
            yield at, end


def _introduced(text: str) -> Iterator[Place]:
    """我是3栋的小陈, 联系人林志明, "不是李睿,是李雷", 我是豆豆妈妈."""
    for led in _AM.finditer(text):
        if not _mine(text, led.end()):
            continue
        for before in _BEFORE:
            match = before.match(text, led.end())
            at = match.end() if match else led.end()
            capital = text[at : at + 2].lstrip("阿小")[:1].isupper()
            parent = _PARENT.match(text, at)
            end = _name_at(text, at, led=True) or (latinname.behind(text, at) if capital else None)
            if not end and parent and not set(parent[0]) & _NO_GIVEN:
                end = parent.end()
            if end:
                yield at, end
                break


def _surnamed(text: str) -> Iterator[Place]:
    """我姓梁呀, 姓欧阳; the full name where it follows (我姓赵,赵敏)."""
    for led in _SURNAMED.finditer(text):
        at = led.end()
        if not _mine(text, led.start(), led.end() - 1) or not text[at : at + 1]:
            continue
        end = at + 1 if _spelt_out(text, at, at + 1) else _name_at(text, at, led=True, called=True, bare_surname=True)
        if not end and is_han(text[at]) and text[at] not in _NO_GIVEN and _closes(text[at + 1 : at + 2]):
            end = at + 1
        if end:
            full = next(((start, last) for start, last in _alone(text[end:]) if text.startswith(text[at:end], end + start)), None)
            if full and full[1] - full[0] > end - at:
                yield end + full[0], end + full[1]
            yield at, end


def _alone(text: str) -> Iterator[Place]:
    """Names that are a clause of their own, perhaps behind a greeting or a room: 陈志强, 3栋王伟, 木子李."""
    for clause in re.finditer(r"[^,。!?;、\s]+", text):
        greeting = _GREETING.match(text, clause.start())
        start = greeting.end() if greeting and greeting.end() < clause.end() else clause.start()
        for before in _BEFORE_ALONE:
            match = before.match(text, start)
            at = match.end() if match else start
            end = _name_at(text, at, led=False, bare_surname=len(clause[0]) == 1)
            if end and end <= clause.end() and _mine(text, at):
                yield at, end
    if drawn := _DRAWN.search(text):
        yield drawn.end() - 1, drawn.end()


def find(text: str) -> tuple[Place, ...]:
    """Where the speaker's name stands, or () when it is not given; two places when surname and given name stand apart.

    Args:
        text: the message in simplified characters.
    """
    if parts := _IN_PARTS.search(text):
        return parts.span("surname"), parts.span("given")
    if dotted := _DOTTED.search(text):
        return (dotted.span("name"),)
    for reading in (_called, _introduced, _surnamed, _alone):
        if place := next(reading(text), None):
            return (place,)
    return ()
