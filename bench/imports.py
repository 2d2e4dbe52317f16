"""A customer list into a fresh installation, as `dialer import` does it: `make bench-import`.

100,000 new policies with every usual column and a campaign that dates them (cooling-off, R87), once as CSV
and once as xlsx. Figures: the command from its start to its end, and the most memory that its process held.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from openpyxl import Workbook

from bench.measure import print_json, print_table

ROOT = Path(__file__).parents[1]
ROWS = 100_000

HEADINGS = (
    "保单号", "投保人", "性别", "手机号码", "备用电话", "产品名称", "期交保费", "缴费年限", "犹豫期天数",
    "签收日期", "承保日期", "机构", "渠道", "业务员", "销售团队", "客户类别", "被保险人不同", "地址", "邮箱",
)  # fmt: skip

# The kernel counts a process's peak from before its program began: as big as whoever started it was then. So
# a small one starts the command, and says what it took.
_STARTER = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE)
took = time.perf_counter() - began
kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([took, kib, done.returncode, done.stdout.decode()]))
"""


def customers(count: int) -> Iterator[tuple[str, ...]]:
    """Everybody else, of 40 branches, 2,000 sellers and 12 products; every third with a second number."""
    for i in range(count):
        seller = i * 7919 % 2000
        yield (
            f"P2026{i:08d}",
            f"{'王李张刘陈杨赵黄周吴'[i % 10]}{'芳伟敏静丽强磊洋艳勇'[i // 10 % 10]}{i % 97}",
            "男" if i % 2 else "女",
            f"138{i:08d}",
            f"139{i:08d}" if i % 3 == 0 else "",
            f"安心相伴终身寿险{i * 31 % 12}",
            str(1200 + i % 500 * 100),
            str(5 + i % 4 * 5),
            "15",
            f"2026-11-{1 + i % 9:02d}",
            f"2026-11-{1 + i % 9:02d}",
            f"第{seller % 40}中心支公司",
            ("个代", "银代", "经代", "电销", "网销")[seller % 5],
            f"业务员{seller}",
            f"团队{seller % 200}",
            "政府" if i % 50 == 0 else "",
            "是" if i % 4 == 0 else "否",
            f"浙江省杭州市西湖区文三路{i % 900}号{i % 30}室",
            f"kh{i}@example.com" if i % 5 == 0 else "",
        )


def write_list(file: Path, rows: Iterable[tuple[str, ...]]) -> None:
    """By its ending: ``.csv`` or ``.xlsx``."""
    if file.suffix == ".xlsx":
        book = Workbook(write_only=True)
        sheet = book.create_sheet("名单")
        sheet.append(HEADINGS)
        for row in rows:
            sheet.append(row)
        book.save(file)
        return
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(HEADINGS)
        writer.writerows(rows)


def measure_import(rows: int, folder: Path, kind: str = "csv") -> tuple[float, float]:
    """Seconds of the command and the most memory its process held, in MB. ``kind``: ``csv`` or ``xlsx``.

    ``folder`` gets an installation of its own. Raises RuntimeError where not every row was taken.
    """
    home = folder / f"import-{kind}"
    campaigns = home / "config" / "campaigns"
    campaigns.mkdir(parents=True)
    template = (ROOT / "config" / "campaign-templates" / "new-policy.yaml").read_text(encoding="utf-8")
    plan = template.replace('author: ""', "author: 张三").replace('responsible: ""', "responsible: 李四")
    (campaigns / "new-policy.yaml").write_text(plan, encoding="utf-8")
    file = folder / f"customers.{kind}"
    write_list(file, customers(rows))
    dialer = [sys.executable, "-m", "dialer.cli", "--home", str(home)]
    command = [*dialer, "import", str(file), "--campaign", "new-policy", "--json"]
    asked = [sys.executable, "-c", _STARTER, *command]
    said = subprocess.run(asked, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    seconds, kib, code, answer = json.loads(said)
    if code or json.loads(answer)["report"]["accepted"] != rows:
        raise RuntimeError(f"the import ended with {code}: {answer[:2000]}")
    return float(seconds), kib / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-import-") as folder:
        csv_s, csv_mb = measure_import(asked.rows, Path(folder))
        xlsx_s, xlsx_mb = measure_import(asked.rows, Path(folder), "xlsx")
    print_table(
        [
            ("list", "rows", "seconds", "rows/s", "peak RSS MB"),
            ("CSV", asked.rows, f"{csv_s:.1f}", f"{asked.rows / csv_s:.0f}", f"{csv_mb:.0f}"),
            ("xlsx", asked.rows, f"{xlsx_s:.1f}", f"{asked.rows / xlsx_s:.0f}", f"{xlsx_mb:.0f}"),
        ]
    )
    print_json(
        {
            "rows": asked.rows,
            "import_100k_s": csv_s,
            "import_rss_mb": csv_mb,
            "import_xlsx_100k_s": xlsx_s,
            "import_xlsx_rss_mb": xlsx_mb,
        }
    )


if __name__ == "__main__":
    main()
