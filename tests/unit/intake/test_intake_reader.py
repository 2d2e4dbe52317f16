from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from dialer.errors import ImportFileError
from dialer.intake import CustomerList, Dating, IntakeConfig, read_customers
from dialer.model import ALL_SIGNATURES, Policyholder, Segment, Task
from dialer.policy.calendar import calendar_from
from dialer.policy.duedates import DeadlineType

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no wrong result."""

HEADER = "保单号,投保人,电话,产品,保费,缴费年限"
GOOD = "P001,王芳,13812345678,安心年金,12000,10"


def read(text: str | bytes, config: IntakeConfig | None = None) -> CustomerList:
    data = text.encode() if isinstance(text, str) else text
    return read_customers(data, "list.csv", campaign="c", script="s", config=config)


def one(header: str, row: str) -> Task:
    found = read(f"{HEADER},{header}\n{GOOD},{row}\n")
    assert found.errors == ()
    return found.tasks[0]


def complaint(header: str, row: str) -> str:
    found = read(f"{HEADER},{header}\n{GOOD},{row}\n")
    assert found.tasks == ()
    assert [(error.row, error.column) for error in found.errors] == [(2, header)]
    return found.errors[0].message


def workbook(*rows: list[object]) -> bytes:
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_row_becomes_a_task() -> None:
    found = read(
        "保单号,投保人,性别,手机,产品,保费,缴费年限,犹豫期天数,犹豫期止,应访截止,机构,渠道,业务员,客户类别,"
        "被保险人不同,免访,时区\n"
        ' P001 ,欧阳 娜,女,138 1234 5678；010-65123456;13812345678,安心年金,"12,000.50元",20年,15天,'
        "2026-11-20,2026年11月18日,杭州,银代,S9,政府,是,否,Asia/Urumqi\n"
    )
    assert found.errors == found.notices == ()
    (task,) = found.tasks
    assert task.holder == Policyholder("欧阳 娜", "女士", True)
    assert [phone.number.e164 for phone in task.phones] == ["+8613812345678", "+861065123456"]
    assert (task.policy_no, task.product, task.premium) == ("P001", "安心年金", Decimal("12000.50"))
    assert (task.pay_years, task.cooling_off_days) == (20, 15)
    assert (task.cooling_off_end, task.due) == (date(2026, 11, 20), date(2026, 11, 18))
    assert (task.branch, task.channel, task.seller) == ("杭州", "银代", "S9")
    assert (task.segment, task.zone, task.waiver) == (Segment.GOVERNMENT, "Asia/Urumqi", False)
    assert (task.campaign, task.script, task.id) == ("c", "s", 0)


KINDS = ("R30: 5 workdays", "R31: 1 month", "R84: 3 workdays of next month")


def dated(header: str, *rows: str, default: str = "") -> CustomerList:
    text = "\n".join((f"保单号,投保人,手机,产品,保费,缴费年限,{header}", *rows))
    dating = Dating(tuple(map(DeadlineType.parse, KINDS)), calendar_from(), default)
    return read_customers(text.encode(), "list.csv", campaign="c", script="s", dating=dating)


def row(n: int, rest: str) -> str:
    return f"P{n},王芳,138000000{n:02},安心年金,100,1,{rest}"


def test_what_the_rules_go_by_is_read() -> None:
    rows = row(1, "a级,一部,2026-11-10,20"), row(2, "高价值,,,")
    found = dated("客户等级,销售团队,签收日期,犹豫期天数", *rows)
    assert found.errors == ()
    first, second = found.tasks
    assert (first.tier, first.seller_team, second.tier, second.seller_team) == ("A", "一部", "A", "")
    assert (first.cooling_off_end, second.cooling_off_end) == (date(2026, 11, 30), None)
    given = dated("签收日期,犹豫期止", row(1, "2026-11-10,2026-11-20")).tasks[0]
    assert given.cooling_off_end == date(2026, 11, 20), "a date that is given goes before a counted one"


def test_deadlines_are_dated_by_type_from_the_rows_event() -> None:
    found = dated(
        "期限类型,签单日期,应访截止",
        row(1, "R31,2026-11-10,"),
        row(2, ",2026-11-10,"),
        row(3, ",2026-12-30,"),
        row(4, ",,"),
        row(5, "R31,2026-11-10,2026-11-12"),
        default="R30",
    )
    assert found.errors == ()
    assert [(t.deadline_type, str(t.due), t.due_provisional) for t in found.tasks] == [
        ("R31", "2026-12-10", False),
        ("R30", "2026-11-17", False),
        ("R30", "2027-01-05", True),
        ("", "None", False),
        ("R31", "2026-11-12", False),
    ]
    assert found.tasks[0].event == date(2026, 11, 10)


def test_a_deadline_type_must_be_known_and_have_its_event() -> None:
    found = dated("期限类型,签单日期", row(1, "R99,2026-11-10"), row(2, "R30,"))
    assert [(bad.row, bad.column) for bad in found.errors] == [(2, "期限类型"), (3, "签单日期")]
    assert "R30, R31, R84" in found.errors[0].message
    assert "is empty" in found.errors[1].message


def test_a_waiver_needs_its_three_signatures() -> None:
    found = dated(
        "免访,免访签字",
        row(1, "是,投保人;业务员；销售经理"),
        row(2, "是,齐全"),
        row(3, "是,投保人、销售人员"),
        row(4, "是,"),
        row(5, "否,"),
    )
    assert found.errors == ()
    assert [task.missing_signatures for task in found.tasks] == [
        (), (), ("sales_manager",), ALL_SIGNATURES, ALL_SIGNATURES,
    ]  # fmt: skip
    (notice,) = found.notices
    assert "2 waivers lack a signature" in notice
    assert "P3, P4" in notice
    assert "投保人" in dated("免访,免访签字", row(1, "是,王经理")).errors[0].message


def test_who_may_not_be_called_is_read() -> None:
    def barred(header: str, row: str) -> tuple[bool, bool, bool]:
        task = one(header, row)
        return task.surrendered, task.do_not_call, task.opted_out

    assert barred("退保,禁呼名单,不接受电话", "否,,否") == (False, False, False)
    assert barred("退保,禁呼名单,不接受电话", "是,否,否") == (True, False, False)
    assert barred("退保,禁呼名单,不接受电话", "否,是,否") == (False, True, False)
    assert barred("退保,禁呼名单,不接受电话", "否,否,是") == (False, False, True)
    assert "是 or 否" in complaint("禁呼", "maybe")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encodings_and_separators(encoding: str, delimiter: str, newline: str) -> None:
    text = newline.join((HEADER, GOOD, "")).replace(",", delimiter)
    found = read(text.encode(encoding))
    assert found.errors == found.notices == ()
    assert found.tasks[0].holder.name == "王芳"


def test_english_headings_in_any_order_and_case() -> None:
    found = read("Phone,Premium,NAME,Policy No,Pay Years,product\n13812345678,5000,Li,P1,5,A\n")
    assert found.errors == ()
    assert found.tasks[0].policy_no == "P1"


def test_several_phone_columns() -> None:
    task = one("备用电话", "010-65123456")
    assert [phone.number.masked[-4:] for phone in task.phones] == ["5678", "3456"]
    assert len(one("备用电话", "").phones) == 1


def test_missing_columns_name_the_spellings() -> None:
    with pytest.raises(ImportFileError) as caught:
        read("保单号,投保人,产品\nP1,王,安\n")
    message = str(caught.value)
    assert "list.csv" in message
    assert "phone (电话 / 手机" in message
    assert "保费" in message
    assert "policy_no (" not in message


def test_the_same_column_twice() -> None:
    with pytest.raises(ImportFileError, match="mean the same"):
        read(HEADER + ",姓名\n" + GOOD + ",x\n")


@pytest.mark.parametrize("heading", ["身份证", "投保人身份证号码", "证件号码", "ID No.", "id_number"])
def test_identity_numbers_are_never_taken(heading: str) -> None:
    found = read(f"{HEADER},{heading},备注\n{GOOD},110101199003071234,secret\n")
    assert len(found.tasks) == 1
    assert "never stored" in found.notices[0]
    assert "备注" in found.notices[1]
    assert "110101199003071234" not in repr(found)
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    "written",
    ["2026-11-10", "2026/11/10", "20261110", "2026年11月10日", "２０２６-１１-１０", "2026-11-10 00:00:00"],
)
def test_dates(written: str) -> None:
    assert one("应访截止", written).due == date(2026, 11, 10)


@pytest.mark.parametrize(
    "written", ["10/11/2026", "2026-02-30", "46336", "tomorrow", "2026-11/10", "2026-11-10 09:00"]
)
def test_no_date(written: str) -> None:
    assert "write 2026-11-10" in complaint("应访截止", written)


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("12000", "12000"),
        ("１２０００元", "12000"),
        ("￥12000.5", "12000.50"),
        ('"12,000元"', "12000"),
        ("1.2万", "12000"),
        ("3万元", "30000"),
        ("人民币 500 元", "500"),
        ("0.01", "0.01"),
    ],
)
def test_money(written: str, amount: str) -> None:
    found = read(f"{HEADER}\nP1,王,13812345678,A,{written},10\n")
    assert found.errors == ()
    assert found.tasks[0].premium == Decimal(amount)


@pytest.mark.parametrize(
    "written", ["", "0", "-5", "about 500", '"1,2"', "1e5", "0.005", "99999999999", "nan", "inf"]
)
def test_no_money(written: str) -> None:
    found = read(f"{HEADER}\nP1,王,13812345678,A,{written},10\n")
    assert found.tasks == ()
    assert found.errors[0].column == "保费"


@pytest.mark.parametrize(
    ("header", "row", "says"),
    [
        ("性别", "x", "男 or 女"),
        ("犹豫期天数", "abc", "whole number from 0 to 365"),
        ("客户类别", "VIP", "普通 or 政府"),
        ("免访", "maybe", "是 or 否"),
        ("时区", "Mars/Base", "Asia/Shanghai"),
        ("时区", "America", "Asia/Shanghai"),
        ("机构", "=1+1", "formula"),
        ("机构", "＝cmd", "formula"),
        ("机构", "@SUM(A1)", "formula"),
        ("机构", "+1", "begins with"),
        ("机构", "x" * 121, "120 characters"),
        ("机构", '"a\nb"', "line break"),
        ("备用电话", "12345", "not a mainland number"),
        ("备用电话", "13812345678;1.38E+10", "number 2"),
        ("备用电话", "=A1", "formula"),
    ],
)
def test_what_is_wrong_and_what_to_write(header: str, row: str, says: str) -> None:
    assert says in complaint(header, row)


def test_single_premium_is_one_year() -> None:
    assert read(f"{HEADER}\nP1,王,13812345678,A,500,趸交\n").tasks[0].pay_years == 1


@pytest.mark.parametrize("column", range(6))
def test_required_cells(column: int) -> None:
    cells = GOOD.split(",")
    cells[column] = "  "
    found = read(f"{HEADER}\n{','.join(cells)}\nP2,李,13912345678,A,500,5\n")
    assert [task.policy_no for task in found.tasks] == ["P2"]
    assert [(error.row, error.column) for error in found.errors] == [(2, HEADER.split(",")[column])]


def test_good_rows_in_bad_rows_listed_with_their_numbers() -> None:
    found = read(
        f"{HEADER}\n{GOOD}\n\nP002,李,99,A,x,10\nP001,王芳,13812345678,安心年金,12000,10\nP003,赵,13700001111,A,9,9\n"
    )
    assert [task.policy_no for task in found.tasks] == ["P001", "P003"]
    assert [(error.row, error.column) for error in found.errors] == [(4, "电话"), (4, "保费"), (5, "保单号")]
    assert "row 2" in found.errors[2].message


def test_errors_never_repeat_a_number() -> None:
    found = read(f"{HEADER}\nP1,王,1381234567890,A,1,1\n")
    assert "1381234567890" not in repr(found.errors)


def test_an_empty_line_before_the_header_counts() -> None:
    found = read(f"\n{HEADER}\nP1,王,1,A,1,1\n")
    assert found.errors[0].row == 3


def test_a_header_alone_is_an_empty_list() -> None:
    assert read(HEADER) == CustomerList((), (), ())


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b" \r\n ", "empty"),
        (b"\n,,\n", "empty"),
        ("保单号".encode("utf-16"), "save the list as CSV UTF-8 or GBK"),
        (HEADER.encode() + b"\n\xff\xff\xff", "save the list as CSV UTF-8 or GBK"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 100, ".xlsx or CSV"),
        (b"PK\x03\x04garbage", "not a readable xlsx"),
        (HEADER.encode() + b'\n"' + b"x" * 200_000, "quotation mark"),
    ],
)
def test_what_cannot_be_read_at_all(data: bytes, says: str) -> None:
    with pytest.raises(ImportFileError, match=says):
        read(data)


# --- xlsx ------------------------------------------------------------------------------------------


def test_a_workbook_with_real_dates_and_numbers() -> None:
    data = workbook(
        [*HEADER.split(","), "应访截止", "犹豫期止", "被保险人不同"],
        [
            "P1",
            "王芳",
            13812345678,
            "安心年金",
            12000.5,
            10,
            datetime(2026, 11, 10),
            date(2026, 11, 20),
            True,
        ],
        [20260001, "李", "13912345678", "A", 500, "5年", "2026/11/10", None, None],
        [123456789012345678, "赵", 13700001111, "A", 500, 5, None, None, None],
        ["P4", "钱", 13700002222, "A", "=100*5", 5, None, None, None],
    )
    found = read(data)
    assert [task.policy_no for task in found.tasks] == ["P1", "20260001"]
    first = found.tasks[0]
    assert (first.premium, first.due, first.cooling_off_end) == (
        Decimal("12000.50"),
        date(2026, 11, 10),
        date(2026, 11, 20),
    )
    assert first.holder.insured_differs
    assert [(error.row, error.column) for error in found.errors] == [(4, "保单号"), (5, "保费")]
    assert "format the column as text" in found.errors[0].message
    assert "formula" in found.errors[1].message


def test_a_gap_in_a_workbook_keeps_the_row_numbers() -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(HEADER.split(","))
    for column, value in enumerate(["P1", "王", "1", "A", 1, 1], start=1):
        book.active.cell(7, column, value)
    out = io.BytesIO()
    book.save(out)
    assert read(out.getvalue()).errors[0].row == 7


def test_limits() -> None:
    rows = f"{HEADER}\n" + "".join(f"P{n},王,13812345678,A,1,1\n" for n in range(20))
    assert len(read(rows, IntakeConfig(max_rows=21)).tasks) == 20
    with pytest.raises(ImportFileError, match="more than 20 rows"):
        read(rows, IntakeConfig(max_rows=20))
    with pytest.raises(ImportFileError, match="at most 100 are read"):
        read(rows, IntakeConfig(max_bytes=100))
    with pytest.raises(ImportFileError, match="missing"):
        read(rows, IntakeConfig(max_columns=5))
    local = read(HEADER + "\nP1,Li,04012345678,A,1,1\n", IntakeConfig(country="61"))
    assert local.tasks[0].phones[0].number.e164 == "+614012345678"
    for bad in ({"max_rows": 0}, {"country": "+86"}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            IntakeConfig(**bad)


def test_a_bomb_is_not_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/sharedStrings.xml", b"\0" * 3_000_000)
    assert len(out.getvalue()) < 10_000
    with pytest.raises(ImportFileError, match="unpacked"):
        read(out.getvalue(), IntakeConfig(max_unpacked_bytes=2_000_000))


def test_a_workbook_that_claims_endless_rows_ends() -> None:
    good = workbook(HEADER.split(","), GOOD.split(","))
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                content = content.replace(b'<row r="2"', b'<row r="99999999999"')
            new.writestr(name, content)
    with pytest.raises(ImportFileError, match="split the list"):
        read(out.getvalue())


# --- garbage ---------------------------------------------------------------------------------------

XLSX = workbook(HEADER.split(","), GOOD.split(","))
CELL = st.text(alphabet=st.sampled_from(list("0123456789.,;-/年月日元万=+@'\" 王PＡ１￥是\n\0")), max_size=12)


def sane(data: bytes) -> None:
    try:
        found = read(data)
    except ImportFileError:
        return
    for task in found.tasks:
        assert task.phones
        assert task.premium > 0
        assert task.policy_no == task.policy_no.strip() != ""
    numbers = [error.row for error in found.errors]
    assert numbers == sorted(numbers)


@UNHURRIED
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    sane(data)


@UNHURRIED
@given(st.binary(max_size=100))
def test_any_bytes_below_a_good_header(data: bytes) -> None:
    sane(HEADER.encode() + b"\n" + data)


@UNHURRIED
@given(st.lists(st.lists(CELL, min_size=6, max_size=8), max_size=4))
def test_any_cells(rows: list[list[str]]) -> None:
    sane("\n".join([HEADER, *(",".join(row) for row in rows)]).encode())


@settings(UNHURRIED, max_examples=150)
@given(st.integers(0, len(XLSX) - 1), st.binary(min_size=1, max_size=4))
def test_a_spoilt_workbook(at: int, junk: bytes) -> None:
    sane(XLSX[:at] + junk + XLSX[at + len(junk) :])


@settings(UNHURRIED, max_examples=60)
@given(
    st.sampled_from(["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml", "[Content_Types].xml"]),
    st.integers(0, 400),
    st.binary(max_size=6),
)
def test_a_workbook_with_a_spoilt_part(part: str, at: int, junk: bytes) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(XLSX)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content[:at] + junk + content[at + 3 :] if name == part else content)
    sane(out.getvalue())
