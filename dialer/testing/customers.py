"""The twelve customers of the demonstration, and what must come of each of them."""

from __future__ import annotations

from dialer.model import Disposition, TaskState
from dialer.testing.personas import Hear, Leave, Persona, Press, Refuse, Ring, Speak, Talk

AGENT = "客服小李"
"""The demonstration's agent."""

_LIFE, _ANNUITY, _HEALTH = "安心相伴终身寿险", "岁岁丰年金保险", "守护一生重大疾病保险"

# The short form asks: identity, consent, insurance, received, signed, cooling_off, promised, anything_else.
_IDENTITY, _CONSENT = Speak("shi-wo"), Speak("fangbian")
_CLEAR, _RECEIVED, _SIGNED = Speak("qingchu"), Speak("shoudao-le"), Speak("shi-wo-qian-de")
_NOBODY, _NOTHING = Speak("meiyou"), Speak("meiyou-le")
_YES_THROUGHOUT = (_IDENTITY, _CONSENT, _CLEAR, _RECEIVED, _SIGNED, Speak("zhidao"), _NOBODY, _NOTHING)
_BY_KEYS = Talk(tuple(Press(digit) for digit in "11111122"))

CUSTOMERS: tuple[Persona, ...] = (
    Persona(
        "yes", "13800000001", "王建国", "男", _LIFE, 12000, "全部回答是",
        (Talk(_YES_THROUGHOUT),), (Disposition.COMPLETED,), TaskState.DONE,
    ),
    Persona(
        "not-clear", "13800000002", "李秀英", "女", _ANNUITY, 20000, "不清楚犹豫期",
        (Talk((
            _IDENTITY, _CONSENT, _CLEAR, _RECEIVED, _SIGNED, Speak("bu-qingchu"), _NOBODY, _NOTHING,
        ), "-b"),),
        (Disposition.COMPLETED,), TaskState.DONE, ("犹豫期",),
    ),
    Persona(
        "somebody-else", "13800000003", "张伟", "男", _HEALTH, 6800, "先是家人接听",
        (Talk((Speak("da-cuo-le"),)), _BY_KEYS),
        (Disposition.WRONG_PERSON, Disposition.COMPLETED), TaskState.DONE,
    ),
    Persona(
        "busy", "13800000004", "刘芳", "女", _LIFE, 8000, "先占线",
        (Refuse(486, "Busy Here"), _BY_KEYS), (Disposition.BUSY, Disposition.COMPLETED), TaskState.DONE,
    ),
    Persona(
        "no-answer", "13800000005", "陈勇", "男", _ANNUITY, 50000, "三次无人接听",
        (Ring(),), (Disposition.NO_ANSWER,) * 3, TaskState.CONTACT_REFRESH,
    ),
    Persona(
        "unallocated", "13800000006", "杨丽", "女", _HEALTH, 9600, "空号",
        (Refuse(404, "Not Found"),), (Disposition.UNALLOCATED,), TaskState.CONTACT_REFRESH,
    ),
    Persona(
        "keys", "13800000007", "赵敏", "女", _LIFE, 15000, "全程按键",
        (_BY_KEYS,), (Disposition.COMPLETED,), TaskState.DONE,
    ),
    Persona(
        "agent", "13800000008", "黄强", "男", _ANNUITY, 30000, "要求转人工",
        (Talk((_IDENTITY, _CONSENT, Speak("zhuan-rengong"), Speak("dui"), Hear(), Hear())),),
        (Disposition.TRANSFERRED,), TaskState.WITH_AGENT,
    ),
    Persona(
        "hangs-up", "13800000009", "周杰", "男", _HEALTH, 7200, "中途挂机",
        (Talk((_IDENTITY, _CONSENT, _CLEAR, Leave())), _BY_KEYS),
        (Disposition.ANSWERED_INCOMPLETE, Disposition.COMPLETED), TaskState.DONE,
    ),
    Persona(
        # The only agent sold this policy, so no agent may take the call (R5): a ticket instead.
        "mumbles", "13800000010", "吴刚", "男", _LIFE, 18000, "含糊不清",
        (Talk((
            _IDENTITY, Press("1"), Speak("mumble"), Speak("mumble"), Speak("mumble"),
            Press("1"), Press("1"), Press("1"), Press("2"), Press("2"),
        )),),
        (Disposition.COMPLETED,), TaskState.DONE, ("未明确作答",), AGENT,
    ),
    Persona(
        "later", "13800000011", "徐静", "女", _ANNUITY, 26000, "预约下午再访",
        (Talk((_IDENTITY, Speak("xiawu-zai-da")), "-b"), _BY_KEYS),
        (Disposition.APPOINTMENT, Disposition.COMPLETED), TaskState.DONE,
    ),
    Persona(
        "promised", "13800000012", "孙涛", "男", _LIFE, 100000, "有人承诺保本",
        (Talk((
            _IDENTITY, Press("1"), Press("1"), Press("1"), Press("1"), Speak("zhidao"),
            Speak("youren-chengnuo-guo-baoben"), Press("1"), _NOTHING,
        )),),
        (Disposition.COMPLETED,), TaskState.DONE, ("误导",),
    ),
)  # fmt: skip
