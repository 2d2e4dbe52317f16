"""The dictionary of spoken answers: words by family.

``WORDS`` maps a word to its tag; ``clauses`` reads a sentence as a row of tags by longest match, so a
long word hides what it contains: 对不起 isn't 对, 没错 isn't a negation, 听不清楚 isn't 清楚.
The phrases that a recogniser should expect are in ``lexicon``; the classifier never looks at them.
"""

from __future__ import annotations

from enum import StrEnum, auto


class Tag(StrEnum):
    """What a word does in an answer."""

    AGREE = auto()
    """Bare agreement: it follows the literal question."""
    WEAK = auto()
    """Acknowledgement; never more than "yes, please confirm"."""
    CONSENT = auto()
    """Leave to go on; no statement of fact."""
    DENY = auto()
    NOT = auto()
    """Negation that takes a predicate: 不 没 没有 未 无 别."""
    NONE = auto()
    """A whole negative answer: 没有没有, 从来没有."""
    NOT_YET = auto()
    REPAIR = auto()
    """The speaker takes back what was said: 不对, 哦不, 说错了."""
    HAVE = auto()
    SELF = auto()
    OTHER = auto()
    NOBODY = auto()
    SOMEBODY = auto()
    GRASP = auto()
    """Know, understand, be clear about."""
    RECEIVE = auto()
    ELSEWHERE = auto()
    """The paper is still with somebody else or on its way."""
    SIGN = auto()
    OWN_HAND = auto()
    PROXY = auto()
    """Signed, copied or answered by somebody in the customer's place."""
    HANDLE = auto()
    READ = auto()
    PROMISE = auto()
    CONTENT = auto()
    """Satisfied."""
    DISCONTENT = auto()
    TROUBLE = auto()
    """问题, 疑问: with a negation it is "no problem"."""
    MORE = auto()
    """别的, 其他: with a negation it is "nothing left"."""
    NO_MORE = auto()
    NEEDLESS = auto()
    ASK = auto()
    """The customer announces a question of his own."""
    HEDGE = auto()
    UNSURE = auto()
    PARTLY = auto()
    """基本, 一点: true in part; a yes needs confirming."""
    MIDDLING = auto()
    IF = auto()
    """如果, 要是: what follows is supposed, not said."""
    MUDDLED = auto()
    """糊涂: the contrary of knowing."""
    RHETORIC = auto()
    """怎么, 哪, 谁说, 难道: turns the polarity of what follows."""
    SCORN = auto()
    """个啥, 个屁: turns the polarity of what stands before."""
    QUESTION = auto()
    WHETHER = auto()
    """A-not-A: 是不是, 有没有."""
    CHECK = auto()
    """吗, 吧: the sentence asks or guesses."""
    REPEAT = auto()
    HELLO = auto()
    BUSY = auto()
    LATER = auto()
    CALL = auto()
    """打, 联系: makes a time a wish for another call."""
    WRONG = auto()
    BOUGHT = auto()
    REFUSE = auto()
    WILL = auto()
    """想, 接受: refused when negated."""
    COMPLAINT = auto()
    REPROACH = auto()
    """当初, 说好: a promise that wasn't kept."""
    HUMAN = auto()
    BYE = auto()
    COURTESY = auto()
    BUT = auto()
    COPULA = auto()
    FILLER = auto()
    """Adverbs, particles, pronouns and nouns that don't change the meaning."""
    DEPOSIT = auto()
    """存款, 理财: with a saying it is a reproach; negated it is knowledge."""
    SAID = auto()
    """Somebody told, or didn't tell."""
    WHAT_MATTER = auto()
    """什么事: at the identity question nearly a yes."""
    EASE = auto()
    """没事: nothing left, go on."""
    ABSENT = auto()
    """不在: the person asked for isn't there."""
    PAUSE = auto()
    """Particle that ends a statement, as a comma would: 啊 呀 呢."""
    BOUND = auto()
    """Ends the reach of a negation: 了 after a verb, 就, 都 between two statements."""


_FAMILIES: dict[Tag, str] = {
    Tag.AGREE: """确认无误 无误 我确认 确认 的确如此 确实如此 是这样 是这样的 真的是 真是 是的 对 对的
        没错 没有错 不错 不假 确实 确实是 的确 的确是 当然 当然是 肯定 肯定的 肯定是 正确 对头 没毛病 是滴
        是哒 对哒 一点没错 一点不错 没得错 就是的 那是 可不 可不是 必须的 必须 属实 真的 是真的""",
    Tag.WEAK: "嗯 恩 哦 噢 喔 唔 好 好的 好嘞 好哒 好滴 好吧 那好 哎 诶 嗯哼 好好 嗯呐 昂",
    Tag.CONSENT: """方便 你说 您说 说吧 讲吧 请讲 请说 你讲 您讲 问吧 你问 您问 可以 可以的 行 行吧 成 中
        要得 开始吧 来吧 有空 有时间 有工夫 不忙 同意 愿意 没关系 不要紧 不碍事 能行 你继续 继续 接着说
        继续说 快说 快讲 尽管问 允许 ok OK 欧克 没事你说 可以吧 方便的 得闲 不介意""",
    Tag.DENY: "不是的 不对 不是这样 否 非也 否认 错了 不对的 不是那样 胡说 不是这么回事",
    Tag.NOT: """不可能 不 没 没有 未 无 别 非 甭 勿 冇 莫 没得 不曾 并未 并没有 并没 不再 从不 从未 毫无
        才不是 才不 才没 才没有 不咋 没咋 不能 不会 不是 还没 还没有 从没 从来没 没能 没来得及
        还没来得及 不怎么 不大 不太 并不 根本没 木有""",
    Tag.NONE: """从来没有 一个都没有 一点没有 没有的事 绝对没有 完全没有 没这回事 没有这回事 没这事 不存在
        没有过 没那回事 没门""",
    Tag.NOT_YET: "尚未 还未 还不曾 还没呢",
    Tag.REPAIR: "不对不对 哦不 噢不 啊不 说错了 我说错了 不不 不不不 口误",
    Tag.HAVE: "有 有的 有过 有一个 有一点 有一些 是有 还有 有个 有几个",
    Tag.SELF: "我 本人 自己 我本人 我自己 俺 咱 咱们 我们 自个儿 我们自己",
    Tag.OTHER: """女士 小姐 老公 老婆 爱人 妻子 丈夫 儿子 女儿 爸 妈 爸爸 妈妈 父亲 母亲 邻居 门卫 保安
        物业 快递员 快递小哥 业务员 销售 销售员 代理人 客户经理 理财经理 营销员 保险员 推销员 他们 她们
        他 她 别人 人家 他人 其他人 别的人 家里人 家人 家属 朋友 同事 亲戚 孩子 小孩 媳妇 太太 哥哥 弟弟
        姐姐 妹妹 哥 姐 弟 嫂子 侄子 孙子 老伴 对象 那口子 柜员 大堂经理 工作人员 推荐人 熟人 助理 秘书
        女婿 儿媳 妈妈帮 老头子 当家的 比我 你们的人 经办人 银行的人 行长 我先生 先生""",
    Tag.NOBODY: "没人 没有人 无人 没谁 没哪个人 没任何人 没有任何人 没有谁 谁也没 谁都没 谁也没有",
    Tag.SOMEBODY: "有人 有个人 有的人 某人 有业务员",
    Tag.GRASP: """读懂 知道 清楚 明白 了解 懂 懂得 晓得 理解 有数 心里有数 熟悉 记住 弄懂 搞懂 看懂 看明白
        听懂 听明白 弄清楚 搞清楚 听清楚 看清楚 了解过 知晓 知情 清清楚楚 明明白白 一清二楚 门儿清 弄明白
        搞明白 听得懂 看得懂 记得 讲清楚 说清楚 解释清楚 交代清楚 说明白 讲明白 心知肚明 有了解""",
    Tag.RECEIVE: """见着 收着 领着 收到 收了 收着 收过 收 拿到 拿了 拿过 拿着 拿 拿到手 到手 签收 寄到
        寄来 寄过来 送到 送来 送过来 给我 给了我 给过我 交给我 领到 领了 领 取到 取了 到了 到货 有收到
        接到 收到货 见到 见过 在我手上 在我手里 在我这 在我这里 在我这儿 在手里 拿回来 拿回家 寄给我
        送给我 寄 送 看到过 看见 看到 我签收 送到我家 交到我 发给我 给到我 收到过 到 放家里""",
    Tag.ELSEWHERE: """在路上 路上 在业务员那 在业务员那里 在业务员手里 在他那 在他那里 在她那 在她那里
        在别人那 还在路上 在途中 在公司 在银行 没下来 没出来 在业务员那儿 在他那儿 在她那儿 在别人手里
        在他手里 寄丢 弄丢 丢了 丢失 寄错 送错 收走 拿走 收回 收回去 拿回去 退回 退回去 退回来 派送
        在派送 配送 在配送 拒收 拒签 退件""",
    Tag.SIGN: """签 签名 签字 签了 签的 签过 签署 写的 写的名字 画押 抄的 抄写 抄 抄了 抄过 签的字 签的名
        写""",
    Tag.OWN_HAND: """亲笔 亲自 亲手 亲笔签 亲笔签名 亲自签 亲手签 亲笔写 亲手写 亲自写 本人签 自己签 我签
        亲笔抄""",
    Tag.PROXY: """教我怎么说 教我怎么答 教我怎么回答 教过 代签 代签名 代签字 代我签 替我签 帮我签 给我签
        替签 冒签 代写 代抄 代我写 代办 代操作 代回访 代答 冒充 帮我写 替我写 替我抄 帮我抄 代我抄 教我
        教我说 教我答 教过我 教的 让我这么说 让我说 帮签 帮忙签 签的我的名""",
    Tag.HANDLE: "办 办的 办理 买 买的 弄 弄的 操作 填 填的 搞 搞的 经手 负责 管 管的 投的 投保 交的",
    Tag.READ: """看 看了 看过 读 读了 读过 看完 读完 浏览 浏览过 翻 翻过 翻了 翻了翻 仔细看 过目 阅读 看的
        看过了 仔细读 细看 看一遍 看一眼""",
    Tag.PROMISE: """承诺 保证 许诺 答应 打包票 保本 保息 保收益 固定收益 稳赚 包赚 只赚不赔 刚兑 高收益
        保底 承诺过 承诺保本 承诺收益 保证收益 保证过 兜底 百分之百""",
    Tag.CONTENT: "满意 挺好 很好 非常好 蛮好 不错的 挺满意 好得很 挺不错 很不错 周到",
    Tag.DISCONTENT: "太差 差劲 很差 不咋地 不咋样 不怎么样 失望 糟糕 糟透了 不好 不满意",
    Tag.TROUBLE: "问题 疑问 异议 意见 疑义 疑惑 困难 毛病 不同意见",
    Tag.MORE: """别的 其他 其它 别的事 其他事 其他问题 其它问题 别的问题 要问 要问的 想问的 想说的 要说的
        补充 补充的 要求 需求 想了解的 别的事情 说的 问的""",
    Tag.NO_MORE: """没有了 没了 没啦 没有啦 没得了 没事了 就这些 就这样 就这些了 就这样吧 到此为止 问完了
        完了 没什么 没啥""",
    Tag.NEEDLESS: "不用 不用了 不需要 不需要了 不必 不必了 算了 免了 用不着 不要了 不用麻烦 没必要",
    Tag.ASK: """我想问 想问 问一下 请问 咨询 我问一下 想了解 想咨询 问个 问你个 帮我查 查一下 我要问
        有件事 有个事""",
    Tag.HEDGE: """应该 应该是 好像 好像是 可能 可能是 大概 大概是 也许 估计 似乎 或许 差不多 貌似 算是
        大约 恐怕 八成 兴许 多半 像是 说不定 略微 勉强 理论上 按理说 照理""",
    Tag.UNSURE: """没什么印象 没啥印象 没有印象 头一回听说 第一次听说 头一次听说 才听说 刚听说 忘了 忘记
        忘掉 记不清 记不清楚 不记得 记不得 记不住 想不起来 没印象 不确定 不一定 不好说 说不好 说不准
        说不清 说不清楚 说不上 说不上来 随便 无所谓 都行 看情况 看看再说 考虑 想想 想一下 想一想 问问
        问一问 商量 商量商量 不会吧 怎么说呢 怎么说 拿不准 没准 没准儿 没注意 没留意 没在意 不敢说
        不敢确定 不大确定 半懂不懂 似懂非懂 一知半解 不太确定 不太记得 没记住 记不太清 不是很确定 看着办
        忘 忘光 没想好 没想过 难说 谁记得 弄混了 懵 没把握 问题不大 不敢肯定 不能确定 不肯定 确认不了
        没法确定 鬼知道 鬼晓得 天知道 天晓得 握着我 抓着我 拉着我 扶着我 回忆 核实一下 看一下 看看 是嘛
        不在乎""",
    Tag.PARTLY: """除了 除开 除外 头一回 头一次 第一次 才 一点 一点点 一些些 大部分 基本 基本上 部分
        大半 大体 大体上 大多 多数 七七八八 一半""",
    Tag.MIDDLING: """一般 一般般 还行 还好 还可以 凑合 马马虎虎 就那样 就那么回事 过得去 将就 湊合
        不好不坏 半对半错 一半一半""",
    Tag.IF: "如果 要是 假如 假使 倘若 万一 除非 只要 若是",
    Tag.MUDDLED: "糊涂 迷糊 稀里糊涂 糊里糊涂 迷迷糊糊 一头雾水 云里雾里 一窍不通 一问三不知",
    Tag.RHETORIC: """哪里有 哪儿有 鬼才 怎么 怎么会 怎么可能 哪 哪里 哪儿 哪能 谁说 难道 凭什么 何时
        岂能 咋 咋会 哪有 哪会 能不 我哪 谁""",
    Tag.SCORN: "个啥 个屁 个鬼 个毛 个什么 个头 什么呀 个锤子 啥呀 才怪 个球",
    Tag.QUESTION: """什么 啥 哪个 哪位 多少 几 几年 几时 什么时候 什么意思 啥意思 怎么回事 怎么办 咋回事
        为什么 为啥 干什么 干嘛 多少钱 哪家 哪家公司 哪里的 哪一份 哪份 什么单 如何 怎样 啥东西 什么东西
        哪方面 哪一个 多久 多长时间 你是谁 你谁 你是哪里 你哪里 你哪位 你们是谁 什么合同 哪个合同 什么产品
        哪个保险 你是哪个 哪一位 怎么领 怎么交 怎么算 怎么弄 怎么取 怎么退""",
    Tag.WHETHER: """是不是 有没有 知不知道 清不清楚 明不明白 签没签 收没收到 对不对 好不好 行不行 可不可以
        能不能 是否 要不要 看没看""",
    Tag.CHECK: "吗 吧 么",
    Tag.REPEAT: """刚才说什么 刚才说啥 刚刚说什么 刚刚说啥 刚才说的什么 说的是什么 说的是啥 听得到吗
        听得见吗 能听到吗 能听见吗 听到吗 听见吗 在听吗 听不清 听不清楚 没听清 没听清楚 听不见 听不到
        没听见 没听到 听不懂 没听懂 听不太清 听不大清 听不太清楚 听得不清楚 没听明白 听不明白 没太听清
        没太听清楚 听不大清楚 没大听清 再说一遍 再说一次 重复 重复一遍 重说 再讲一遍 再讲一次 再来一遍
        再问一遍 说慢点 慢点 慢一点 慢点说 大声点 大点声 大声 声音大 声音太小 声音小 太小声 信号不好
        信号差 没信号 信号太差 断断续续 卡了 有杂音 杂音 太吵 很吵 太快 说太快 你说什么 你说啥 说什么 说啥
        说的什么 说的啥 没反应过来 听得清 喂喂 信号 回声 没声音 没声 讲慢点 讲清楚点 说清楚点 再说一下
        重新说 麻烦再 再重复 什么来着 网络不好 听不真切 请再说""",
    Tag.HELLO: "喂 你好 您好 在吗 啊啊 哎哟 咦 啊啊啊 啊哈",
    Tag.BUSY: """没功夫 忙 很忙 在忙 忙着 开会 开车 上班 没空 没时间 没有时间 没有空 不得闲 不方便
        不太方便 不大方便 不是很方便 没工夫 漫游 外地 出差 吃饭 睡觉 医院 看病 高铁 飞机 火车 地铁 坐车
        在外面 外面 上课 接孩子 带孩子 干活 工地 值班 加班 做饭 买菜 开着车 走不开 腾不出 抽不开身 国外
        不是时候 手头有事 有点事 在打电话 接个电话 排队 没电 快没电 住院 手术 在路上开车 休息 午休 正忙
        手上有事 家里有事 家里有客人 有客人 办事 正在忙 不凑巧 休假 旅游 登机 过安检 有事 有急事""",
    Tag.LATER: """明天 后天 大后天 晚上 下午 上午 中午 早上 傍晚 改天 回头 下次 过会 过会儿 过一会
        过一会儿 等会 等会儿 等一会 等一会儿 待会 待会儿 一会儿 一会 稍后 晚点 晚些 晚一点 晚一些 迟点
        过两天 过几天 过些天 下周 下星期 下礼拜 周一 周二 周三 周四 周五 周六 周日 周末 星期一 星期二
        星期三 星期四 星期五 下个月 月底 两点 三点 四点 五点 十点 十一点 半小时后 一小时后 小时后 分钟后
        等下 等一下 稍等 等等 改日 另外时间 换个时间 别的时间 其他时间 空了 有空了 有空再 下班 忙完 今晚
        过年 半个小时 一个小时 十分钟 等我""",
    Tag.CALL: """再说 再说吧 打 再打 再说 再说吧 打来 打过来 打给我 再打来 打电话 联系 再联系 来电 再来电
        联络 回电 回拨 再聊 再谈 约 另约 打我 再来""",
    Tag.WRONG: """打错 打错了 拨错 找错 找错人 打错电话 打错人 弄错人 搞错人 认错人 错号 不认识 不认得
        你找谁 您找谁 找谁 没这个人 没有这个人 没这人 查无此人 不是本人的电话 换号 换号了 换人了 号码换
        号码错 电话错 不姓 不叫 搞错 弄错 搞错了 弄错了 错电话 不是这个号 过世 去世 我是他 我是她 我替他接
        我帮他接 帮他接 帮她接 不是机主 同名 找的不是我 你要找谁 你要找哪个 你找哪个 你找哪位 这里没这个人""",
    Tag.BOUGHT: """没买 没买过 没有买过 没有买 没办过 没有办过 没投过保 没有投保 没投保 没买保险 从没买过
        没签过保险""",
    Tag.REFUSE: """少打 报警 怎么又打 又打来 打什么打 没什么好说的 没啥好说的 不想 不愿意 不愿 不接受 拒绝
        不配合 没兴趣 不感兴趣 没有兴趣 不可以 不行 不同意 不想说 挂了 挂电话 我挂 别骚扰 骚扰 别打 别再打
        不要打 不要再打 不要骚扰 别烦 烦死 烦不烦 好烦 烦人 很烦 不回答 不想回答 不参加 无可奉告 懒得
        不说了 不跟你说 不告诉 不方便说 不方便透露 不透露 隐私 别问 别问了 不要问 少来 滚 不聊 不理 不谈
        不要 不乐意 不干 不肯 别来烦 不听 不想听 没心情 不便 不便透露 别给我打 别再给我打 有完没完
        没完没了 不想接 不做回访 不准 神经病""",
    Tag.WILL: "想 想要 希望 准备 计划 正要 接受 需要 配合 打算 肯",
    Tag.COMPLAINT: """说的不一样 讲的不一样 不是一回事 骗 骗我 骗人 骗子 被骗 欺骗 欺诈 诈骗 忽悠 误导
        乱扣 多扣 扣我 扣钱 扣我的钱 退保 退钱 退款 还钱 投诉 举报 起诉 律师 告你们 告你 法院 曝光 银保监
        银监 保监 消协 监管局 坑 坑人 坑我 不满 太黑 黑心 强买强卖 强制 捆绑 瞒着 隐瞒 不给退 不给赔 拒赔
        态度恶劣 态度差 态度太差 气死 什么服务 不负责任 退掉 取消保单 解除合同 解约 私自收 收了我的钱
        乱收费 多收 霸王 套路 上当 上当了 不合理 没讲是保险 没说是保险 造假 伪造 冒名 违规 讨说法 要说法
        赔钱 赔我 钱退给我 退我钱 把钱退 12378 打水漂""",
    Tag.REPROACH: "当初 当时 说好 说好的 明明 原来说 原先 一开始 本来说 口口声声 之前说 讲好",
    Tag.HUMAN: """让经理 让领导 叫你经理 喊你们 人工 转人工 人工服务 人工客服 人工坐席 真人 活人 换个人
        换人 换一个人 找个人 叫个人 让人 机器 机器人 机器说话 电脑 语音系统 自动语音 客服 转客服 坐席 座席
        你们经理 你们领导 找经理 叫经理 找领导 叫领导 叫你们 让你们 找你们 负责人 你们主管 主管 你们老板
        接线员 话务员 专员 跟人说 和人说 跟人讲 不是真人 人工智能 录音吧 是录音 放录音 是人吗 语音播报
        方言 四川话 粤语 广东话 上海话""",
    Tag.BYE: "拜拜 再见 拜 白白 回见 先这样 就先这样 挂啦 拜拜了",
    Tag.COURTESY: """谢谢 谢谢你 谢谢您 多谢 感谢 对不起 不好意思 抱歉 麻烦 麻烦你 麻烦您 辛苦 辛苦了
        不客气 客气 请 劳驾 打扰了 对不住 美女 帅哥 师傅""",
    Tag.BUT: "但是 但 可是 不过 就是 只是 然而 其实 反而 而是 结果 所以 因为 虽然 后来 然后 现在",
    Tag.COPULA: "是 系",
    Tag.BOUND: "了 啦 喽 咯 已经 早就 已 刚刚 刚 都已经 早",
    Tag.DEPOSIT: "存款 存钱 定期 储蓄 理财 存单 存的钱 银行产品 理财产品",
    Tag.SAID: """听过 听人说过 听人说 说过 讲过 提过 提起过 告诉 告诉过 说起过 跟我说 跟我讲 给我讲 说是
        说的是 以为 听说 听说过""",
    Tag.WHAT_MATTER: """怎么了 咋了 什么事 啥事 有事吗 有什么事 有啥事 什么事情 找我什么事 找我干嘛
        找我有事 何事""",
    Tag.EASE: "没事 没事的 没事没事",
    Tag.ABSENT: "不在 不在家 人不在 出去了 不在这 不在这儿 不在身边",
    Tag.PAUSE: "撒 咧 欸 哇 嗨 噻 哩 呐 呀 呢 呗 嘛 哟 嘞 哈 啊",
    Tag.FILLER: """一些 可 倒是 主要 主要是 不就是 要不是 写着 写明 以后 之后 之前 那会儿
        边 的 地 得 哩 滴 哇 都 也 就 还 很 太 挺 蛮 非常 特别 十分 完全 全部 全 真 好几 好多 大 仔细
        认真 具体 一直 从来 一次 点 些 这 那 这个 那个 这些 那些 个 位 份 人 家 们 过 着 给 跟 和 与 把
        被 让 叫 向 替 帮 在 到底 究竟 反正 上个礼拜 上周 上星期 上个月 昨天 前天 今天 前几天 那天 刚才
        早上就 合同 保单 保险 条款 说明书 产品 名字 名 字 电话 公司 你 您 你们 会 能 能够 该 呃 额 那么
        真的是 啥都 其中 里面 上面 方面 地方 内容 东西 情况 时候 来 去 起 起来 下 上 中间 一 二 两 三 十
        年 天 月 号 元 块 钱 万 千 百 样 这么 那么样 这样 那样 而且 并且 还是 或者 反复 曾经 当面 一起
        有点 有些 怎么样 通知 材料 资料 文件 解释 介绍 问 答 听 收益 分红 犹豫期 费用 保费 责任 风险
        损失 快递 邮件 短信 微信 手机 银行 回访 调查 讲 说 要 从头到尾 大致 如此 觉得 感觉 家里 根本
        这里 那里 这儿 那儿""",
}


def _words() -> dict[str, Tag]:
    """First family wins where a word stands in two: the order above is the order of precedence."""
    words: dict[str, Tag] = {}
    for tag, text in _FAMILIES.items():
        for word in text.split():
            words.setdefault(word, tag)
    return words


WORDS: dict[str, Tag] = _words()
LONGEST: int = max(map(len, WORDS))
