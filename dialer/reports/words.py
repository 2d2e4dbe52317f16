"""What the reports call things, in the regulation's Chinese and in English."""

from __future__ import annotations

from collections.abc import Mapping

from dialer.kpi import Dimension, Method

Named = Mapping[str, str]


def _pair(zh: str, en: str) -> Named:
    return {"zh": zh, "en": en}


FIGURES: Mapping[str, Named] = {
    "success_a": _pair("回访成功率(甲)", "success A"),
    "success_b": _pair("回访成功率(乙)", "success B"),
    "cooling_off_success": _pair("犹豫期内回访成功率", "success in cooling-off"),
    "ticket_ratio": _pair("问题件比率", "ticket ratio"),
    "completion": _pair("问题件处理完成率", "tickets completed"),
    "open_share": _pair("未处理完毕占比", "tickets open"),
    "reach": _pair("接通率", "reach"),
    "visits_and_letters": _pair("上门及信函占比", "visits and letters"),
}
METHODS: Mapping[Method, Named] = {
    Method.PHONE: _pair("电话", "telephone"),
    Method.VISIT: _pair("上门", "visit"),
    Method.LETTER: _pair("信函", "letter"),
    Method.TEXT: _pair("短信或电邮", "text message or e-mail"),
}
DIMENSIONS: Mapping[Dimension, Named] = {
    Dimension.BRANCH: _pair("中心支公司", "branch"),
    Dimension.CHANNEL: _pair("渠道", "channel"),
    Dimension.PRODUCT: _pair("险种", "product"),
    Dimension.SELLER: _pair("销售人员", "seller"),
}
SECTIONS: Mapping[str, Named] = {
    "methods": _pair("各种回访方式所占比例", "methods"),
    "roots": _pair("录音档案每日签名根", "signed roots of the archive's days"),
    "causes": _pair("问题件分类、占比及原因", "tickets by category and cause"),
    "outcomes": _pair("拨打结果", "calls by outcome"),
    "slots": _pair("拨打时段", "calls by window"),
    "split": _pair("客户回访统计表 - ", "call-back statistics by "),
}
_WORDS: Mapping[str, Named] = {
    "report": _pair("客户回访月报", "call-back report"),
    "figure": _pair("指标", "figure"),
    "value": _pair("数值", "value"),
    "due": _pair("应访量", "due"),
    "refused": _pair("拒访量", "refused"),
    "surrendered": _pair("回访前撤、退保量", "surrendered before"),
    "successes": _pair("回访成功量", "successes"),
    "in_cooling_off": _pair("犹豫期内成功量", "of these in cooling-off"),
    "called_back": _pair("回访件总量", "called back"),
    "calls": _pair("拨打次数", "calls"),
    "answered": _pair("接通次数", "answered"),
    "with_ticket": _pair("有问题的保单数", "policies with a ticket"),
    "tickets": _pair("问题件数量", "tickets"),
    "unsettled": _pair("未处理完毕", "open"),
    "recordings": _pair("录音数", "recordings"),
    "talk_minutes": _pair("通话分钟", "minutes of talk"),
    "sample": _pair("应抽查通话数", "calls to be checked"),
    "goal": _pair("成功率达标", "goal reached"),
    "cap": _pair("上门及信函比例", "visits and letters"),
    "over": _pair("超过上限", "over the cap"),
    "yes": _pair("是", "yes"),
    "no": _pair("否", "no"),
    "method": _pair("回访方式", "method"),
    "number": _pair("数量", "number"),
    "share": _pair("占比", "share"),
    "category": _pair("类别", "category"),
    "cause": _pair("原因(问题)", "cause (question)"),
    "major": _pair("重大异常", "major"),
    "outcome": _pair("结果", "outcome"),
    "slot": _pair("时段", "window"),
    "day": _pair("日期", "day"),
    "entries": _pair("日志条目", "log entries"),
    "root": _pair("默克尔根", "Merkle root"),
    "public_key": _pair("公钥", "public key"),
    "window": _pair("时段", "window"),
    "agreed": _pair("预约", "agreed time"),
    "ticket_share": _pair("占问题件总量", "share of all tickets"),
    "unnamed": _pair("(未填)", "(none)"),
    "records": _pair("客户回访信息记录表", "call-back records"),
    "statistics": _pair("客户回访统计表", "call-back statistics"),
    "handover": _pair("问题件转办表", "tickets handed on"),
    "monthly": _pair("月报", "report"),
    # The record form: R35, R42, R53.
    "call": _pair("通话编号", "call"),
    "at": _pair("回访时间", "time"),
    "caller": _pair("回访人员", "called by"),
    "callee": _pair("被叫号码", "number called"),
    "holder": _pair("回访对象", "policyholder"),
    "policy_no": _pair("保单号", "policy"),
    "campaign": _pair("回访项目", "campaign"),
    "script": _pair("话术版本", "script version"),
    "content": _pair("回访内容", "content"),
    "problems": _pair("存在的问题", "problems"),
    "result": _pair("处理结果", "result"),
    "reason": _pair("原因", "reason"),
    "recording": _pair("录音", "recording"),
    "checked": _pair("抽查", "to be checked"),
    # The hand-over form.
    "ticket": _pair("问题件编号", "ticket"),
    "question": _pair("问题", "question"),
    "words": _pair("客户原话", "customer's words"),
    "offset": _pair("录音位置(秒)", "offset (s)"),
    "departments": _pair("转办部门", "departments"),
    "issued": _pair("转办时间", "issued"),
    "deadline": _pair("处理期限", "due"),
    "escalated": _pair("上报领导小组", "escalated"),
    "status": _pair("状态", "status"),
    "handler": _pair("经办人", "handler"),
    "handled": _pair("处理情况", "what was done"),
    "confirmed": _pair("客户确认", "customer's confirmation"),
    "revisit": _pair("再次回访", "re-visit call"),
    "review": _pair("结案审核", "closing review"),
    "machine": _pair("自动外呼", "dialer"),
}


def word(key: str, lang: str) -> str:
    return _WORDS[key][lang]
