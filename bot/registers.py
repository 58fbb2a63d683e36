"""The registers as people keep them: estate, residents, staff and rota, read from CSV files or a workbook.

Every row is checked before anything is written, and every mistake is told with its file, row, column and
remedy, all at once. It must never touch a database (that is `bot.register_import`), guess at a cell it cannot
read, or put a whole telephone number that is in order into a sentence.

Rules, so that tests and docs can point at them:

1. A folder holds one CSV a register, a workbook one sheet; names and headings in English or Chinese.
2. Files saved by Excel in China are GBK: UTF-8, UTF-16 with its mark and GB18030 are all read.
3. Codes are what `bot.core.resolve.where.room` makes of residents' words: "4号楼" is 4, "一单元" is 1, "a座" is A.
4. buildings describes the regular grid; rooms what departs from it (shops, bays, a room that is not there).
5. A telephone belongs to one person of a community, who may live in several rooms.
6. One mistake, one sentence: rows that only refer to a row in error are not told as mistakes of their own.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from bot.core.policy import WEEKDAYS
from bot.core.resolve import phone as phones
from bot.core.resolve.numerals import fold
from bot.core.resolve.where import room as rooms

RoomKey: TypeAlias = tuple[str, str, str, str]
"""Community, building, unit ("" in a tower without units) and room code."""

MOST_ROWS: Final = 200_000
"""Rows read of one register; more is a file gone wrong, not an estate."""
MOST_BYTES: Final = 64 * 1024 * 1024
MOST_ROOMS: Final = 20_000
"""Rooms of one building's grid; a typing mistake in `floors` must not fill the database."""
MOST_LETTERS: Final = 200


# ── What may stand in a cell ────────────────────────────────────────────────────────────────────────────────────────


def _words(**meanings: str) -> Mapping[str, str]:
    """Each meaning with the words people write for it, itself included: word → meaning."""
    return MappingProxyType(
        {word: meaning for meaning, words in meanings.items() for word in (meaning, *words.split())}
    )


RESIDENT_ROLES: Final = _words(
    owner="业主 产权人 户主", family="家属 家庭成员 家人 亲属", tenant="租户 租客 承租人"
)
LANGUAGES: Final = _words(zh="中文 汉语 普通话 zh-cn chinese", en="英文 英语 english")
STAFF_ROLES: Final = _words(
    technician="维修 维修工 工程 工程师傅 维修技师",
    cleaner="保洁 保洁员",
    guard="秩序 秩序员 保安 门岗 秩序维护员",
    cashier="收银 收银员 收费员 财务",
    steward="客服 管家 物业助理 前台",
    supervisor="主管 客服主管 工程主管",
    manager="经理 项目经理",
)
SKILLS: Final = _words(
    plumbing="水 水暖 管道 给排水",
    electric="电 电工 强电 弱电",
    carpentry="木工 门窗",
    lift="电梯",
    general="综合 综合维修",
    cleaning="保洁 清洁",
    security="秩序 安保",
    greening="绿化",
)
ROOM_KINDS: Final = _words(
    home="住宅 公寓",
    office="办公 写字间",
    shop="商铺 底商",
    parking="车位 停车位",
    storage="储藏室",
    absent="无 不存在",
)
DAYS: Final = _words(
    mon="周一 星期一 monday", tue="周二 星期二 tuesday", wed="周三 星期三 wednesday", thu="周四 星期四 thursday",
    fri="周五 星期五 friday", sat="周六 星期六 saturday", sun="周日 周天 星期日 星期天 sunday",
)  # fmt: skip
NEW: Final = "new"
_NOBODY_BEFORE: Final = frozenset({NEW, "新", "新人", "新住户", "新业主", "新租户", "无"})
YES_NO: Final = _words(yes="是 在职 y true 1", no="否 离职 n false 0")
_EVERY_DAY: Final = frozenset({"daily", "everyday", "all", "每天", "每日", "全周"})


@dataclass(frozen=True, slots=True)
class Column:
    """A column by the name used here, the headings accepted for it, and whether the register needs it."""

    name: str
    headings: tuple[str, ...] = ()
    required: bool = True


@dataclass(frozen=True, slots=True)
class Register:
    """A register by its file or sheet name, the other names accepted, and its columns."""

    name: str
    names: tuple[str, ...]
    columns: tuple[Column, ...]


_COMMUNITY: Final = Column("community", ("小区", "小区代码", "项目", "管理处"))
_BUILDING: Final = Column("building", ("楼栋", "栋", "栋号", "楼号", "幢"))
_UNIT: Final = Column("unit", ("单元", "单元号"))
_ROOM: Final = Column("room", ("房号", "室号", "房间号", "室"))

REGISTERS: Final[tuple[Register, ...]] = (
    Register("communities", ("community", "小区", "项目"), (
        Column("code", ("代码", "编码", "小区代码")),
        Column("name", ("名称", "小区名称", "小区")),
        Column("name_en", ("英文名", "英文名称")),
        Column("zone", ("时区", "timezone", "time_zone"), required=False),
        Column("duty_phone", ("值班电话", "24小时电话")),
    )),
    Register("buildings", ("building", "楼栋"), (
        _COMMUNITY,
        Column("code", ("代码", "编码", "楼栋代码", "栋号")),
        Column("name", ("名称", "楼栋名称")),
        Column("units", ("单元数",)),
        Column("floors", ("层数", "楼层数")),
        Column("rooms_per_floor", ("每层户数", "每层房数")),
        Column("floor_labels", ("楼层编号", "楼层"), required=False),
    )),
    Register("rooms", ("room", "房间", "房屋"), (
        _COMMUNITY, _BUILDING, _UNIT, _ROOM,
        Column("label", ("名称", "显示名"), required=False),
        Column("kind", ("类型", "用途")),
    )),
    Register("residents", ("resident", "households", "household", "住户", "业户", "业主"), (
        _COMMUNITY, _BUILDING, _UNIT, _ROOM,
        Column("name", ("姓名", "住户姓名", "业主姓名")),
        Column("phone", ("电话", "手机", "手机号", "联系电话", "联系方式")),
        Column("role", ("身份", "类型", "关系")),
        Column("language", ("语言",), required=False),
        Column("since", ("入住日期", "起始日期"), required=False),
        Column("until", ("搬离日期", "到期日期", "截止日期"), required=False),
        Column("former_phone", ("原电话", "原手机", "原手机号"), required=False),
    )),
    Register("staff", ("员工", "人员", "工作人员"), (
        _COMMUNITY,
        Column("name", ("姓名", "员工姓名")),
        Column("role", ("岗位", "职务", "角色")),
        Column("skills", ("技能", "工种"), required=False),
        Column("phone", ("电话", "手机", "手机号", "联系电话")),
        Column("language", ("语言",), required=False),
        Column("active", ("在职",), required=False),
        Column("former_name", ("原姓名",), required=False),
    )),
    Register("duty", ("duties", "rota", "值班", "排班", "值班表"), (
        _COMMUNITY,
        Column("staff", ("员工", "姓名", "值班人")),
        Column("days", ("星期", "日期", "值班日")),
        Column("start", ("开始", "开始时间", "上班")),
        Column("end", ("结束", "结束时间", "下班")),
    )),
)  # fmt: skip


# ── What a row says, once it is in order ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class CommunityRow:
    """A 管理处. `code` is part of every ticket number; `zone` is an IANA name."""

    code: str
    name: str
    name_en: str
    zone: str
    duty_phone: str


@dataclass(frozen=True, slots=True)
class BuildingRow:
    """A building and its regular grid. `units` 0: a tower without units. `floor_labels` go upwards."""

    community: str
    code: str
    name: str
    units: int
    floors: int
    rooms_per_floor: int
    floor_labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoomRow:
    """A room, from the grid or from the exceptions. `kind` is never "absent" here."""

    community: str
    building: str
    unit: str
    room: str
    label: str
    kind: str
    floor: str = ""

    @property
    def key(self) -> RoomKey:
        return self.community, self.building, self.unit, self.room


@dataclass(frozen=True, slots=True)
class ResidentRow:
    """Somebody of a household, in one room, in one role. Several rows of one telephone are one person.

    `since` and `until` (included) are local dates; an `until` ends the membership. `former_phone` is the operator's word on
    who this is, where telephone and name do not tell: the number the same person had before, or NEW for somebody else.
    """

    community: str
    building: str
    unit: str
    room: str
    name: str
    phone: str
    role: str
    language: str
    since: date | None = None
    until: date | None = None
    origin: tuple[str, int] = field(default=("", 0), compare=False)  # file and row, for sentences
    former_phone: str = ""

    @property
    def key(self) -> RoomKey:
        return self.community, self.building, self.unit, self.room

    @property
    def leases(self) -> bool:
        """Tenants keep a household of their own: neither reads what the other has filed."""
        return self.role == "tenant"


@dataclass(frozen=True, slots=True)
class StaffRow:
    """A member of staff; `name` is unique in the community, because the rota refers to it. `former_name` says that somebody
    of another name, or somebody who had left, is the same person."""

    community: str
    name: str
    role: str
    skills: tuple[str, ...]
    phone: str
    language: str
    active: bool = True
    origin: tuple[str, int] = field(default=("", 0), compare=False)
    former_name: str = ""


@dataclass(frozen=True, slots=True)
class DutyRow:
    """A line of the rota: `staff` is on duty on these weekdays and dates.

    `start` and `end` are minutes of the local day (0 to 1440). An `end` at or before `start` is on the following day, so
    that equal ones are 24 hours.
    """

    community: str
    staff: str
    weekdays: tuple[int, ...]
    dates: tuple[date, ...]
    start: int
    end: int
    origin: tuple[str, int] = field(default=("", 0), compare=False)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right. `row` is what a spreadsheet shows (the heading is 1; 0 is the whole file)."""

    file: str
    row: int
    column: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        where = ", ".join(
            part
            for part in (
                self.file,
                f"row {self.row}" if self.row else "",
                self.column and f"column {self.column}",
            )
            if part
        )
        return f"{where}: {self.problem}; {self.remedy}."


@dataclass(frozen=True, slots=True)
class Known:
    """What the database holds already, so that one register can be imported alone."""

    communities: frozenset[str] = frozenset()
    buildings: Mapping[tuple[str, str], tuple[str, int]] = field(
        default_factory=dict
    )  # name, number of units
    rooms: frozenset[RoomKey] = frozenset()
    staff: frozenset[tuple[str, str]] = frozenset()  # (community, name)


@dataclass(frozen=True, slots=True)
class Registers:
    """All rows that were in order. Import only when `problems` is empty; `notices` hold nothing up. `files` names the file
    of each register that was there, by register name."""

    communities: tuple[CommunityRow, ...] = ()
    buildings: tuple[BuildingRow, ...] = ()
    rooms: tuple[RoomRow, ...] = ()
    absent_rooms: tuple[RoomKey, ...] = ()
    residents: tuple[ResidentRow, ...] = ()
    staff: tuple[StaffRow, ...] = ()
    duty: tuple[DutyRow, ...] = ()
    problems: tuple[Problem, ...] = ()
    notices: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Row:
    """A row as text, by column name. Missing optional columns are "", as are empty cells."""

    file: str
    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sheets:
    """The rows of each register found, by register name, with what was wrong with the files themselves."""

    rows: Mapping[str, tuple[Row, ...]]
    problems: tuple[Problem, ...] = ()
    notices: tuple[str, ...] = ()
    broken: frozenset[str] = frozenset()  # registers whose rows could not be read at all


def decode(content: bytes) -> str | None:
    """The text of a CSV as Excel, WPS or an editor saves it; None when it is in no encoding known here.

    A mark decides; else UTF-8, which GBK text practically never is; else GB18030, of which GBK is a part.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        attempts: tuple[str, ...] = ("utf-16",)
    else:
        attempts = ("utf-8-sig", "gb18030")
    for encoding in attempts:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def read(source: Path) -> Sheets:
    """Every register of a folder of CSV files or of one workbook.

    Args:
        source: a folder, a .xlsx file, or one .csv file named after its register.

    Never raises for what the source holds: what cannot be read is a problem in the result.
    """
    if source.is_dir():
        tables = _folder(source)
    elif source.suffix.lower() == ".csv" and source.is_file():
        tables = [_csv_file(source)]
    elif source.suffix.lower() in (".xlsx", ".xlsm") and source.is_file():
        tables = _workbook(source)
    elif source.exists():
        tables = [
            Problem(source.name, 0, "", "this kind of file is not read here", "save it as .xlsx or as CSV files in a folder")
        ]  # fmt: skip
    else:
        tables = [Problem(source.name, 0, "", "there is no such file or folder", "check the path")]
    return _sheets(tables, source.name)


@dataclass(frozen=True, slots=True)
class _Table:
    file: str
    title: str
    rows: Sequence[Sequence[str]]


def _folder(folder: Path) -> list[_Table | Problem]:
    return [_csv_file(path) for path in sorted(folder.iterdir()) if path.suffix.lower() == ".csv"]


def _csv_file(path: Path) -> _Table | Problem:
    def wrong(problem: str, remedy: str) -> Problem:
        return Problem(path.name, 0, "", problem, remedy)

    try:
        if path.stat().st_size > MOST_BYTES:
            return wrong(
                f"the file is larger than {MOST_BYTES // 2**20} MB", "import one community at a time"
            )
        content = path.read_bytes()
    except OSError as error:
        return wrong(
            f"the file cannot be read ({error.strerror})", "check that it exists, is a file and may be read"
        )
    text = decode(content)
    if text is None or "\0" in text:
        return wrong("the text is neither UTF-8 nor GBK", "save it again as “CSV UTF-8”")
    heading = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=heading.count)  # Excel writes the list separator of the machine's region
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        return wrong(
            f"a quotation mark is not closed or stands in the wrong place ({error})",
            "save it again as CSV from a spreadsheet",
        )
    return _Table(path.name, path.stem, rows)


def _cell(value: Any) -> str:
    """A workbook's cell as a person would type it: 4 not 4.0, 08:30 not a fraction of a day."""
    match value:
        case None:
            return ""
        case bool():
            return str(value)
        case float() if value.is_integer():
            return str(int(value))
        case datetime():
            return value.isoformat(sep=" ", timespec="minutes")
        case time():
            return value.isoformat(timespec="minutes")
        case date():
            return value.isoformat()
        case timedelta():  # 24:00 in a cell of hours
            return f"{value // timedelta(hours=1)}:{value // timedelta(minutes=1) % 60:02d}"
    return str(value)


def _workbook(path: Path) -> list[_Table | Problem]:
    def wrong(problem: str, remedy: str) -> list[_Table | Problem]:
        return [Problem(path.name, 0, "", problem, remedy)]

    try:
        if path.stat().st_size > MOST_BYTES:
            return wrong(
                f"the file is larger than {MOST_BYTES // 2**20} MB", "import one community at a time"
            )
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            return [
                _Table(
                    f"{path.name} › {sheet.title}",
                    sheet.title,
                    [
                        [_cell(cell) for cell in row]
                        for row in sheet.iter_rows(max_row=MOST_ROWS + 2, values_only=True)
                    ],
                )
                for sheet in book.worksheets
            ]
        finally:
            book.close()
    except OSError as error:
        return wrong(
            f"the file cannot be read ({error.strerror})",
            "check that it may be read and is not open in Excel",
        )
    except _NO_WORKBOOK:
        return wrong("this is not a workbook that can be opened", "save it again as .xlsx without a password")


# What openpyxl lets through of zip, XML (a SyntaxError) and its own reading when a file is damaged.
_NO_WORKBOOK: Final = (
    InvalidFileException, zipfile.BadZipFile, zlib.error, EOFError, SyntaxError, KeyError, ValueError, TypeError,
    IndexError, AttributeError,
)  # fmt: skip


def _plain(word: str) -> str:
    return re.sub(r"[\s_*-]+", "", fold(word).strip("\ufeff")).casefold()


_BY_TITLE: Final = {
    _plain(name): register for register in REGISTERS for name in (register.name, *register.names)
}


def _sheets(tables: Iterable[_Table | Problem], source: str) -> Sheets:
    rows: dict[str, tuple[Row, ...]] = {}
    problems: list[Problem] = []
    notices: list[str] = []
    seen: dict[str, str] = {}
    broken: set[str] = set()
    for table in tables:
        if isinstance(table, Problem):
            problems.append(table)
            if unread := _BY_TITLE.get(_plain(Path(table.file).stem)):
                broken.add(unread.name)
            continue
        register = _BY_TITLE.get(_plain(table.title))
        if register is None:
            notices.append(f"{table.file}: not one of the registers, left alone.")
        elif register.name in seen:
            problems.append(
                Problem(
                    table.file,
                    0,
                    "",
                    f"the register {register.name} was already read from {seen[register.name]}",
                    "keep one of the two",
                )
            )
        else:
            seen[register.name] = table.file
            before = len(problems)
            rows[register.name] = tuple(_rows(register, table, problems, notices))
            if len(problems) > before:
                broken.add(register.name)
    if not seen and not problems:
        names = ", ".join(register.name for register in REGISTERS)
        problems.append(
            Problem(source, 0, "", "no register was found", f"name the CSV files or the sheets {names}")
        )
    return Sheets(rows, tuple(problems), tuple(notices), frozenset(broken))


def _rows(register: Register, table: _Table, problems: list[Problem], notices: list[str]) -> Iterator[Row]:
    titles = [_plain(title) for title in table.rows[0]] if table.rows else []
    place: dict[str, int] = {}
    for column in register.columns:
        accepted = {_plain(title) for title in (column.name, *column.headings)}
        found = [
            index for index, title in enumerate(titles) if title in accepted and index not in place.values()
        ]
        if len(found) > 1:
            problems.append(
                Problem(table.file, 1, column.name, f"the column {column.name} stands twice", "keep one")
            )
        elif found:
            place[column.name] = found[0]
        elif column.required:
            problems.append(
                Problem(
                    table.file,
                    1,
                    column.name,
                    f"the column {column.name} is missing",
                    f"add a column headed {' or '.join((column.name, *column.headings[:1]))}",
                )
            )
    strange = [
        title
        for index, title in enumerate(table.rows[0] if table.rows else ())
        if title.strip() and index not in place.values()
    ]
    if strange:
        notices.append(f"{table.file}: no use for the column{'s' * (len(strange) > 1)} {', '.join(strange)}.")
    if any(column.required and column.name not in place for column in register.columns):
        return
    if len(table.rows) > MOST_ROWS + 1:
        problems.append(
            Problem(
                table.file,
                0,
                "",
                f"more than {MOST_ROWS} rows",
                "import one community at a time, or delete the empty rows at the end",
            )
        )
        return
    for number, cells in enumerate(table.rows[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        yield Row(
            table.file,
            number,
            {
                column.name: cells[place[column.name]].strip()
                if column.name in place and place[column.name] < len(cells)
                else ""
                for column in register.columns
            },
        )


# ── Checking ────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Wrong(Exception):
    """A cell that cannot be taken as it stands; caught once a row."""

    def __init__(self, column: str, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.column, self.problem, self.remedy = column, problem, remedy


def _text(row: Row, column: str, *, empty: bool = False) -> str:
    value = row.cells[column]
    if not value and not empty:
        raise _Wrong(column, f"{column} is empty", "fill it in")
    if len(value) > MOST_LETTERS:
        raise _Wrong(column, f"{column} is longer than {MOST_LETTERS} characters", "shorten it")
    if any(ord(letter) < 32 for letter in value):
        raise _Wrong(column, f"{column} holds a line break or a control character", "write it on one line")
    return value


def _meaning(row: Row, column: str, words: Mapping[str, str], default: str = "") -> str:
    value = _text(row, column, empty=bool(default))
    if not value:
        return default
    meaning = words.get(fold(value).strip().casefold())
    if meaning is None:
        choices = ", ".join(dict.fromkeys(words.values()))
        raise _Wrong(column, f"unknown {column} “{value}”", f"write one of {choices}")
    return meaning


def _count(row: Row, column: str, most: int) -> int:
    value = fold(_text(row, column))
    if not re.fullmatch(r"[0-9]{1,6}", value) or int(value) > most:
        raise _Wrong(column, f"“{value}” is not a whole number from 0 to {most}", "write it in figures")
    return int(value)


def _phone(row: Row, column: str) -> str:
    value = _text(row, column)
    if re.fullmatch(r"[0-9](?:\.[0-9]+)?[eE]\+[0-9]+", value):
        raise _Wrong(
            column,
            f"the spreadsheet has turned the telephone into {value}",
            "format the column as text and type the numbers again",
        )
    found = phones.find(value)
    if len(found) != 1 or found[0].text != value:
        raise _Wrong(
            column,
            f"“{value}” is not a telephone number",
            "write one number: 11 digits of a mobile, or area code-number, or + and the country code",
        )
    return found[0].number


def _duty_phone(row: Row, column: str) -> str:
    value = fold(_text(row, column)).replace(" ", "")
    return (
        value if re.fullmatch(r"[0-9]{3,8}", value) else _phone(row, column)
    )  # a local or a short number will do


def _zone(row: Row, column: str) -> str:
    value = _text(row, column, empty=True) or "Asia/Shanghai"
    try:
        return ZoneInfo(value).key
    except (KeyError, ValueError, OSError):
        raise _Wrong(
            column, f"unknown time zone “{value}”", "write an IANA name, for example Asia/Shanghai"
        ) from None


_PLAIN_CODE: Final = re.compile(r"[0-9A-Z](?:[0-9A-Z.-]{0,9}[0-9A-Z])?", re.ASCII)


def code(kind: Literal["building", "unit", "room"], written: str) -> str | None:
    """The code of a building, unit or room as residents' words are normalised; None when it is none.

    "4栋", "四号楼", "04" → "4"; "a座" → "A"; "1单元" → "1"; "703室" → "703"; "b1-012" (a bay) → "B1-012".
    """
    word = re.sub(r"\s+", "", fold(written)).upper()
    said = [getattr(mention, kind) for mention in rooms.mentions(written) if mention.text == written.strip()]
    # A bay "B1-012" would be heard as room 012 of building B1.
    if len(said) == 1 and said[0] and not (kind == "room" and _PLAIN_CODE.fullmatch(word)):
        return str(said[0])
    if not _PLAIN_CODE.fullmatch(word):
        return None
    return str(int(word)) if word.isdigit() and kind != "room" else word


def _code(row: Row, column: str, kind: Literal["building", "unit", "room"], *, empty: bool = False) -> str:
    value = _text(row, column, empty=empty)
    found = code(kind, value) if value else ""
    if found is None:
        example = {
            "building": "4 or A",
            "unit": "1, or leave it empty in a tower without units",
            "room": "703",
        }[kind]
        raise _Wrong(column, f"“{value}” is not the code of a {kind}", f"write for example {example}")
    return "" if kind == "unit" and found == "0" else found


def floor_labels(written: str, floors: int) -> tuple[str, ...]:
    """The floors' names from the ground up: "" gives 1 to `floors`; "1-3,3A,5-12" leaves out the fourth.

    Raises ValueError naming what is wrong.
    """
    if not written.strip():
        return tuple(str(floor) for floor in range(1, floors + 1))
    labels: list[str] = []
    for part in filter(None, re.split(r"[,、;\s]+", fold(written).upper())):
        span = re.fullmatch(r"([0-9]{1,3})[-~–—]([0-9]{1,3})", part)
        if span:
            labels.extend(str(floor) for floor in range(int(span[1]), int(span[2]) + 1))
        elif re.fullmatch(r"[0-9A-Z]{1,4}", part):
            labels.append(part)
        else:
            raise ValueError(f"“{part}” is not a floor")
    if len(set(labels)) != len(labels):
        raise ValueError("a floor is named twice")
    if len(labels) != floors:
        raise ValueError(f"{len(labels)} floors are named, but floors says {floors}")
    return tuple(labels)


def label(building_name: str, unit: str, room: str) -> str:
    """How a room is called: "4栋1单元703"; "A座1203" in a tower without units."""
    return f"{building_name}{unit}单元{room}" if unit else f"{building_name}{room}"


def grid(building: BuildingRow) -> Iterator[RoomRow]:
    """The rooms of the regular grid: room 501 is the first of the fifth floor."""
    kind = "home" if building.units else "office"
    for unit in [str(number) for number in range(1, building.units + 1)] or [""]:
        for floor in building.floor_labels:
            for position in range(1, building.rooms_per_floor + 1):
                room = f"{floor}{position:02d}"
                yield RoomRow(
                    building.community,
                    building.code,
                    unit,
                    room,
                    label(building.name, unit, room),
                    kind,
                    floor,
                )


def _community_row(row: Row) -> CommunityRow:
    value = fold(_text(row, "code")).upper()
    if not re.fullmatch(r"[A-Z0-9]{2,6}", value):
        raise _Wrong(
            "code",
            f"“{value}” cannot begin a ticket number",
            "write 2 to 6 letters or digits, for example YH",
        )
    return CommunityRow(
        value, _text(row, "name"), _text(row, "name_en"), _zone(row, "zone"), _duty_phone(row, "duty_phone")
    )


def _building_row(row: Row, community: str) -> BuildingRow:
    units, floors = _count(row, "units", 50), _count(row, "floors", 200)
    per_floor = _count(row, "rooms_per_floor", 99)
    if max(units, 1) * floors * per_floor > MOST_ROOMS:
        raise _Wrong(
            "floors",
            f"this building would have more than {MOST_ROOMS} rooms",
            "check units, floors and rooms_per_floor",
        )
    try:
        labels = floor_labels(row.cells["floor_labels"], floors)
    except ValueError as error:
        raise _Wrong("floor_labels", str(error), "write for example 1-3,3A,5-24, or leave it empty") from None
    return BuildingRow(
        community, _code(row, "code", "building"), _text(row, "name"), units, floors, per_floor, labels
    )


def _date(row: Row, column: str, written: str) -> date:
    match = re.fullmatch(
        r"(20[0-9]{2})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?(?: 00:00(?::00)?)?", fold(written)
    )
    try:
        return date(*(int(part) for part in match.groups())) if match else date.fromisoformat(written)
    except ValueError:
        raise _Wrong(column, f"“{written}” is not a date", "write for example 2026-11-23") from None


def _dates(row: Row) -> tuple[date | None, date | None]:
    since, until = (
        _date(row, column, row.cells[column]) if row.cells[column] else None for column in ("since", "until")
    )
    if since and until and until < since:
        raise _Wrong("until", f"{until} is before {since}", "correct one of the two dates")
    return since, until


def _days(row: Row) -> tuple[tuple[int, ...], tuple[date, ...]]:
    value = fold(_text(row, "days")).casefold()
    if value in _EVERY_DAY:
        return tuple(range(7)), ()
    weekdays: set[int] = set()
    dates: set[date] = set()
    for part in filter(None, re.split(r"[,;、\s]+", value)):
        if part.startswith("20"):
            dates.add(_date(row, "days", part))
            continue
        ends = [DAYS.get(word) or DAYS.get(f"周{word}") for word in re.split(r"[-~–—至到]", part)]
        if None in ends or len(ends) > 2:
            raise _Wrong(
                "days", f"“{part}” is not a day", "write for example mon-fri, or mon,wed,sun, or daily"
            )
        first, last = (WEEKDAYS.index(str(end)) for end in (ends[0], ends[-1]))
        weekdays.update(number % 7 for number in range(first, (last if last >= first else last + 7) + 1))
    if not weekdays and not dates:
        raise _Wrong("days", "no day is named", "write for example mon-fri, or daily")
    return tuple(sorted(weekdays)), tuple(sorted(dates))


def _minute(row: Row, column: str) -> int:
    value = fold(_text(row, column))
    match = re.fullmatch(r"([0-9]{1,2}):([0-5][0-9])(?::00)?", value)
    minute = int(match[1]) * 60 + int(match[2]) if match else 9999
    if minute > 1440 or (minute == 1440 and column == "start"):
        raise _Wrong(
            column, f"“{value}” is not a time of day", "write for example 08:30; a day ends at 24:00"
        )
    return minute


def _duty_row(row: Row, community: str) -> DutyRow:
    origin = (row.file, row.number)
    return DutyRow(
        community, _text(row, "staff"), *_days(row), _minute(row, "start"), _minute(row, "end"), origin
    )


def _former_phone(row: Row) -> str:
    value = _text(row, "former_phone", empty=True)
    return NEW if fold(value).casefold() in _NOBODY_BEFORE else _phone(row, "former_phone") if value else ""


def _staff_row(row: Row, community: str) -> StaffRow:
    skills = []
    for word in filter(None, re.split(r"[,;、/\s]+", fold(row.cells["skills"]).casefold())):
        if word not in SKILLS:
            raise _Wrong(
                "skills",
                f"unknown skill “{word}”",
                f"write some of {', '.join(dict.fromkeys(SKILLS.values()))}",
            )
        skills.append(SKILLS[word])
    return StaffRow(
        community,
        _text(row, "name"),
        _meaning(row, "role", STAFF_ROLES),
        tuple(dict.fromkeys(skills)),
        _phone(row, "phone"),
        _meaning(row, "language", LANGUAGES, "zh"),
        _meaning(row, "active", YES_NO, "yes") == "yes",
        (row.file, row.number),
        _text(row, "former_name", empty=True),
    )


class _Excused(Exception):
    """The row refers to one that is in error itself: nothing can be said of it yet."""


class _Check:
    """One pass over the sheets. Later registers are judged against the earlier ones and what is known."""

    def __init__(self, sheets: Sheets, known: Known) -> None:
        self.sheets, self.known = sheets, known
        self.problems = list(sheets.problems)
        self.failed: set[tuple[str, str]] = set()
        self.communities: dict[str, CommunityRow] = {}
        self.buildings: dict[tuple[str, str], BuildingRow] = {}
        self.rooms: dict[RoomKey, RoomRow] = {}
        self.excepted: set[RoomKey] = set()
        self.absent: dict[RoomKey, None] = {}
        self.residents: list[ResidentRow] = []
        self.of_phone: dict[tuple[str, str], list[ResidentRow]] = {}
        self.staff: dict[tuple[str, str], StaffRow] = {}
        self.staff_phones: set[tuple[str, str]] = set()
        self.duty: dict[DutyRow, None] = {}

    def each(self, register: str, named_by: str, take: Callable[[Row], None]) -> None:
        """Take every row of a register; a wrong one becomes a problem, and what refers to it is excused."""
        for row in self.sheets.rows.get(register, ()):
            try:
                take(row)
            except _Wrong as wrong:
                self.problems.append(Problem(row.file, row.number, wrong.column, wrong.problem, wrong.remedy))
            except _Excused:
                pass
            else:
                continue
            self.failed.add((register, fold(row.cells[named_by]).upper()))

    def missing(self, register: str, name: str, wrong: _Wrong) -> Exception:
        """What to raise when `name` is not in the register: `wrong`, unless its row there is at fault."""
        at_fault = register in self.sheets.broken or (register, fold(name).upper()) in self.failed
        return _Excused() if at_fault else wrong

    def notices(self) -> tuple[str, ...]:
        again = any(key in self.known.buildings for key in self.buildings)
        if again and "rooms" not in self.sheets.rows:
            return ("buildings without rooms: the grid is taken whole, rooms once marked absent come back.",)
        return ()

    def community_of(self, row: Row) -> str:
        value = fold(_text(row, "community")).upper()
        if value not in self.communities and value not in self.known.communities:
            remedy = "add it to communities, or correct the code"
            raise self.missing(
                "communities", value, _Wrong("community", f"unknown community “{value}”", remedy)
            )
        return value

    def address(self, row: Row) -> RoomKey:
        """The room's key; the building is there and the unit fits it, the room itself is not looked for."""
        community, building = self.community_of(row), _code(row, "building", "building")
        key = community, building
        if key in self.buildings:
            units = self.buildings[key].units
        elif key in self.known.buildings:
            units = self.known.buildings[key][1]
        else:
            wrong = _Wrong(
                "building",
                f"{community} has no building “{building}”",
                "add it to buildings, or correct the code",
            )
            raise self.missing("buildings", row.cells["building"], wrong)
        unit = _code(row, "unit", "unit", empty=True)
        if unit and not units:
            raise _Wrong("unit", f"building {building} of {community} has no units", "leave the unit empty")
        if units and not unit:
            raise _Wrong(
                "unit", f"building {building} of {community} has units", f"write the unit, 1 to {units}"
            )
        if unit and not (unit.isdigit() and 1 <= int(unit) <= units):
            raise _Wrong(
                "unit", f"building {building} of {community} has no unit “{unit}”", f"write 1 to {units}"
            )
        return community, building, unit, _code(row, "room", "room")

    def community(self, row: Row) -> None:
        community = _community_row(row)
        if community.code in self.communities:
            raise _Wrong("code", f"the community {community.code} stands twice", "keep one of the rows")
        self.communities[community.code] = community

    def building(self, row: Row) -> None:
        building = _building_row(row, self.community_of(row))
        key = building.community, building.code
        if key in self.buildings:
            raise _Wrong(
                "code", f"the building {building.code} of {key[0]} stands twice", "keep one of the rows"
            )
        self.buildings[key] = building
        self.rooms.update((room.key, room) for room in grid(building))

    def room(self, row: Row) -> None:
        key = self.address(row)
        kind = _meaning(row, "kind", ROOM_KINDS)
        if key in self.excepted:
            raise _Wrong(
                "room", f"the room {'-'.join(filter(None, key))} stands twice", "keep one of the rows"
            )
        self.excepted.add(key)
        regular = self.rooms.get(key)
        if kind == "absent":
            self.rooms.pop(key, None)
            self.absent[key] = None
            return
        building = key[:2]
        name = (
            self.buildings[building].name if building in self.buildings else self.known.buildings[building][0]
        )
        own_label = _text(row, "label", empty=True) or label(name, *key[2:])
        self.rooms[key] = RoomRow(*key, own_label, kind, regular.floor if regular else "")

    def resident(self, row: Row) -> None:
        key = self.address(row)
        if key in self.absent or (key not in self.rooms and key not in self.known.rooms):
            wrong = _Wrong(
                "room",
                f"{key[0]} has no room {'-'.join(filter(None, key[1:]))}",
                "correct the address, or add the room to rooms",
            )
            raise self.missing("rooms", row.cells["room"], wrong)
        resident = ResidentRow(
            *key,
            _text(row, "name"),
            _phone(row, "phone"),
            _meaning(row, "role", RESIDENT_ROLES),
            _meaning(row, "language", LANGUAGES, "zh"),
            *_dates(row),
            (row.file, row.number),
            _former_phone(row),
        )
        shown = phones.mask(resident.phone)
        rows = self.of_phone.setdefault((resident.community, resident.phone), [])
        if any(other.key == key and other.leases == resident.leases for other in rows):
            raise _Wrong("phone", f"{shown} stands twice for this room", "keep one of the rows")
        if rows and rows[0].name != resident.name:
            raise _Wrong(
                "phone",
                f"{shown} is given to both {rows[0].name} and {resident.name}",
                "a number belongs to one person: correct the number or the name",
            )
        if rows and rows[0].former_phone != resident.former_phone:
            raise _Wrong("former_phone", f"{resident.name} has two former telephones", "write the same one in each row")
        if rows and rows[0].language != resident.language:
            raise _Wrong("language", f"{resident.name} has two languages", "write the same one in each row")
        rows.append(resident)
        self.residents.append(resident)

    def member(self, row: Row) -> None:
        member = _staff_row(row, self.community_of(row))
        key = member.community, member.name
        if key in self.staff:
            raise _Wrong(
                "name",
                f"{member.name} stands twice in {key[0]}",
                "keep one row, or tell two people apart by their names",
            )
        # The number of somebody who resigned may be their successor's.
        if member.active and (member.community, member.phone) in self.staff_phones:
            raise _Wrong(
                "phone",
                f"{phones.mask(member.phone)} belongs to another member of staff",
                "correct the number",
            )
        if member.active:
            self.staff_phones.add((member.community, member.phone))
        self.staff[key] = member

    def shift(self, row: Row) -> None:
        duty = _duty_row(row, self.community_of(row))
        key = duty.community, duty.staff
        if key not in self.staff and key not in self.known.staff:
            wrong = _Wrong(
                "staff",
                f"{duty.community} has no member of staff “{duty.staff}”",
                "add the person to staff, or correct the name",
            )
            raise self.missing("staff", duty.staff, wrong)
        if duty in self.duty:
            raise _Wrong("staff", "the same duty stands twice", "keep one of the rows")
        self.duty[duty] = None


def check(sheets: Sheets, known: Known = Known()) -> Registers:
    """Every row judged. What is in order is returned beside the problems, register by register.

    Args:
        sheets: what `read` found.
        known: what the database holds, so that residents can be imported without repeating the estate.
    """
    work = _Check(sheets, known)
    work.each("communities", "code", work.community)
    work.each("buildings", "code", work.building)
    work.each("rooms", "room", work.room)
    work.each("residents", "name", work.resident)
    work.each("staff", "name", work.member)
    work.each("duty", "staff", work.shift)
    return Registers(
        communities=tuple(work.communities.values()),
        buildings=tuple(work.buildings.values()),
        rooms=tuple(work.rooms.values()),
        absent_rooms=tuple(work.absent),
        residents=tuple(work.residents),
        staff=tuple(work.staff.values()),
        duty=tuple(work.duty),
        problems=tuple(work.problems),
        notices=sheets.notices + work.notices(),
        files={register: rows[0].file for register, rows in sheets.rows.items() if rows},
    )
