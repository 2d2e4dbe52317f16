"""The fragments that ship beside the scripts' own: numbers, surnames, products and the dialer's words."""

from __future__ import annotations

from dialer.ivr.prompt import HONORIFICS
from dialer.tts.reading import date_fragments, number_fragments

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦"
    "贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤康易乔赖文"
)
"""The hundred or so commonest."""
COMPOUND_SURNAMES = (
    "欧阳",
    "上官",
    "司马",
    "诸葛",
    "司徒",
    "东方",
    "夏侯",
    "尉迟",
    "皇甫",
    "令狐",
    "慕容",
    "端木",
)
PRODUCTS = ("安心相伴终身寿险", "岁岁丰年金保险", "守护一生重大疾病保险")
"""Invented products of the demonstration."""
HOUSE_TEXTS = ("客户回访转接，接听请按一",)
"""What the dialer itself says, whatever the script: the whisper to an agent."""


def stock_texts() -> list[str]:
    """All of them, once each."""
    values = [*number_fragments(), *date_fragments()]
    parts = [*values, *SURNAMES, *COMPOUND_SURNAMES, *HONORIFICS, *PRODUCTS, *HOUSE_TEXTS]
    return list(dict.fromkeys(parts))
