"""Customer lists: CSV or xlsx in, tasks and row-numbered errors out. Nothing is stored here."""

from dialer.intake.config import Dating, IntakeConfig
from dialer.intake.reader import CustomerList, read_customers
from dialer.intake.report import write_report

__all__ = ["CustomerList", "Dating", "IntakeConfig", "read_customers", "write_report"]
