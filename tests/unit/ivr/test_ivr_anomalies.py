"""Major anomalies in the customer's own words, whatever was asked (R56)."""

from __future__ import annotations

import pytest

from dialer.ivr.anomalies import anomaly


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("业务员代签的", "代签名"),
        ("是的,是我老公签的", "代签名"),
        ("账户都是他操作,我全权交给他了", "全权委托"),
        ("他帮我操作的", "代操作"),
        ("他私下收了我两千块", "私自收费"),
        ("你们就是骗子,我要找律师", "强烈不满"),
        ("资料是假的,电话也是错的", "资料严重失真"),
        ("没有收到合同", ""),
        ("不是代签的,是我自己签的", ""),
        ("没有私下收费", ""),
        ("可能是代签的吧", ""),
        ("能投诉到银保监吗", ""),
        ("如果是他代签的怎么办", ""),
        ("", ""),
    ],
)
def test_an_anomaly_counts_where_it_is_stated(text: str, wanted: str) -> None:
    assert anomaly(text) == wanted
