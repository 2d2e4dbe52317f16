"""Lists of the business side: CSV or xlsx in, values and row-numbered errors out. Nothing is stored here."""

from dialer.intake.columns import CUSTOMERS
from dialer.intake.config import Dating, IntakeConfig
from dialer.intake.customers import CustomerList, CustomerReader, read_customers
from dialer.intake.lists import contact_list, do_not_call_list, surrender_list, waiver_list
from dialer.intake.reader import ListReader
from dialer.intake.report import ReportFile, write_report
from dialer.intake.sheets import Sheet, Source

__all__ = [
    "CUSTOMERS",
    "CustomerList",
    "CustomerReader",
    "Dating",
    "IntakeConfig",
    "ListReader",
    "ReportFile",
    "Sheet",
    "Source",
    "contact_list",
    "do_not_call_list",
    "read_customers",
    "surrender_list",
    "waiver_list",
    "write_report",
]
