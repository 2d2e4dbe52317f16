"""Who signed, and who saw to it: the customer himself, somebody in his place, or nobody."""

from __future__ import annotations

from itertools import pairwise

from dialer.ivr.clauses import Token
from dialer.ivr.meanings import Meaning
from dialer.ivr.papers import another, finished
from dialer.ivr.scope import Doubt
from dialer.ivr.sense import DENIALS, IN_PLACE_OF, PREDICATES, Reader, only_so, positive, scorned
from dialer.ivr.tags import Tag

_ADVERBS = frozenset({"亲笔", "亲自", "亲手"})
_COACHING = ("教我怎么", "教我说", "教我答", "让我这", "叫我这", "教我这", "让我说")
_NAMES = frozenset({"名字", "字", "签名", "名"})
_RECALLING = frozenset({"哦", "噢", "喔", "呃", "额", "哎", "诶", "唉", "嗳"})
_MOMENTS = frozenset({"时候", "那天", "以后", "之后", "之前", "那会儿"})


def signing(reader: Reader, tag: Tag) -> None:
    """Who signed: the subject nearest to the verb; 代 and 替 make it somebody else."""
    token = reader.token
    others = reader.subject is Tag.OTHER and not reader.stated
    if tag is Tag.OWN_HAND and others and token.word.startswith(("自己", "亲", "本人")):
        tag = Tag.SIGN  # 业务员自己签的, 我儿子亲笔签的
        following = reader.next_meaningful()
        if token.word in _ADVERBS and following is not None and following.tag in PREDICATES:
            return
    elif tag is Tag.OWN_HAND and token.word in _ADVERBS:
        following = reader.next_meaningful()
        if following is not None and following.tag in (Tag.SIGN, Tag.OWN_HAND):
            reader.subject = Tag.SELF
            return
        if following is not None and following.tag in PREDICATES:
            return  # 业务员亲手交给我的
        reader.subject = Tag.SELF
    if tag is Tag.SIGN and reader.subject is Tag.OTHER and reader.doubt[reader.at] is Doubt.NAMED:
        reader.say(Meaning.UNSURE)  # 我老公说签了
        return
    if tag is Tag.SIGN and reader.subject is Tag.NOBODY and not reader.negations and _nobody_else(reader):
        reader.say(Meaning.SIGNED)
        return
    signer = reader.peek(-1)
    if tag is Tag.SIGN and signer is not None and signer.tag is Tag.YOU and not reader.rhetoric:
        if not reader.stated:
            reader.say(Meaning.UNSURE)  # 是你签的
        return
    if tag is Tag.SIGN and positive(reader) and (another(reader) or reader.clause.has(Tag.HUMAN)):
        reader.say(Meaning.UNSURE)  # 签过别的合同, 电脑签的
        return
    if tag is Tag.SIGN and positive(reader) and _still_to_sign(reader):
        reader.say(Meaning.UNSURE)
        return
    when = any(t.word in _MOMENTS for t in reader.clause.tokens[reader.at + 1 :])
    if tag is Tag.SIGN and reader.subject is None and (token.word == "写" or when):
        return
    if tag is Tag.SIGN and reader.subject is None and _handed_over(reader):
        tag = Tag.PROXY
    if tag is Tag.OWN_HAND and any(t.word in IN_PLACE_OF for t in reader.clause.tokens[: reader.at]):
        tag = Tag.PROXY
    rest = reader.clause.tokens[reader.at + 1 :]
    if any(t.tag is Tag.OTHER and after.word == "的" for t, after in pairwise(rest)):
        reader.say(Meaning.UNSURE)  # 签的是别人的名字
        return
    if positive(reader) and _signer_named(reader):
        reader.say(Meaning.OTHER_SIGNED)
        return
    if positive(reader) and _of_anothers_name(reader):
        reader.say(Meaning.UNSURE)
        return
    own = tag is Tag.OWN_HAND or (tag is Tag.SIGN and reader.subject is Tag.SELF)
    other = tag is Tag.PROXY or (tag is Tag.SIGN and reader.subject in (Tag.OTHER, Tag.SOMEBODY))
    yes = positive(reader)
    if own:
        absent = bool(reader.negations) and reader.negations[-1] not in DENIALS
        undone = not yes and (absent or scorned(reader))
        said = Meaning.SIGNED if yes else Meaning.NOT_SIGNED if undone else Meaning.OTHER_SIGNED
        reader.say(said, weak=True if yes and "手印" in token.word and not reader.stated else None)
    elif other:
        coached = token.word.startswith(_COACHING)
        denied = Meaning.NO_PROMISE if coached else Meaning.NO_PROXY
        qualified = not yes and (only_so(reader) or _corrects_himself(reader))
        reader.say(Meaning.UNSURE if qualified else Meaning.OTHER_SIGNED if yes else denied)
    else:
        reader.say(Meaning.SIGNED_UNSAID if yes else Meaning.NOT_SIGNED)


def _corrects_himself(reader: Reader) -> bool:
    """我签的哦不是我儿子签的: who signed depends on a pause that isn't heard."""
    tokens = reader.clause.tokens[: reader.at]
    return any(a.word in _RECALLING and b.word == "不是" for a, b in pairwise(tokens))


def _still_to_sign(reader: Reader) -> bool:
    """打算月底再签; not 后来再签的."""
    before = reader.peek(-1)
    return before is not None and before.word == "再" and not finished(reader)


def _signer_named(reader: Reader) -> bool:
    """签字的是我老公."""
    rest = [t for t in reader.clause.tokens[reader.at + 1 :] if t.word not in ("人", "那个人", "就", "都")]
    if reader.token.word.endswith("的"):
        rest = [Token("的", Tag.LINK), *rest]
    words = [t.word for t in rest[:2]]
    named = rest[2:] if words == ["的", "是"] else []
    return bool(named) and named[-1].tag is Tag.OTHER and all(t.tag is Tag.SELF for t in named[:-1])


def _nobody_else(reader: Reader) -> bool:
    """除了我没人签."""
    return any(t.word == "除了我" for t in reader.clause.tokens[: reader.at])


def _of_anothers_name(reader: Reader) -> bool:
    """我妈的名字是我签的, 我爱人那个字是我签的: signed in her place."""
    before = reader.clause.tokens[: reader.at]
    return any(
        whose.tag is Tag.OTHER and (link.word == "的" or link.tag is Tag.THIS) and name.word in _NAMES
        for whose, link, name in zip(before, before[1:], before[2:], strict=False)
    )


def _handed_over(reader: Reader) -> bool:
    """被签了, 叫人签的, 托人签的."""
    words = [t.word for t in reader.clause.tokens[: reader.at]]
    agent = any(word in ("让人", "叫人", "托人", "请人", "找人", "被") for word in words)
    return agent or any(a in ("让", "叫", "托", "请", "找", "被") and b == "人" for a, b in pairwise(words))


def handle(reader: Reader) -> None:
    """我老婆办的: done by somebody else, perhaps signed by him too."""
    yes = positive(reader)
    if reader.subject is Tag.OTHER:
        reader.say(Meaning.OTHER_DID if yes else Meaning.UNSURE)
    elif reader.subject is Tag.SELF and not yes:
        reader.say(Meaning.OTHER_DID)
