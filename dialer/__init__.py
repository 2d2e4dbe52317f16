"""Huifang (回访): the outbound dialer for regulated customer call-backs."""

__version__ = "0.1.0"
