"""The monthly report (R28, R70) and the three record forms (R16): values, tables, xlsx."""

from dialer.reports.config import ReportConfig
from dialer.reports.month import MonthReport, month_report
from dialer.reports.sections import Section, sections
from dialer.reports.workbook import Workbook

__all__ = ["MonthReport", "ReportConfig", "Section", "Workbook", "month_report", "sections"]
