"""The question that is open: a rating, "修好了吗", a quote, a withdrawal, "您是要报修吗", a yes or a no.

Each kind of question is a line of a table. Words that do not answer it are heard for themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.core.flows import BY_INTENT, FLOWS, aftercare, follow, form, in_hand, same
from bot.core.listening import fresh
from bot.core.listening.words import ANSWERS, surely, top, turns_elsewhere, yes_no
from bot.core.resolve import answer
from bot.core.talk import Talk
from bot.core.types import Heard, Matter, TicketView


def heard(talk: Talk, heard: Heard) -> bool:
    """An answer to what is open, or a rating that is awaited. False: the words are about something else."""
    text = heard.text
    if talk.state.flow == aftercare.REASON:
        if turns_elsewhere(talk, heard) and top(heard) not in aftercare.REASONS:
            talk.become(flow=None, asking=None, slots={})
            return False
        aftercare.reason(talk, text)
        return True
    if talk.state.survey is not None and _rates(talk, heard):
        score = aftercare.score_in(text)
        if score is not None:
            aftercare.rate(talk, talk.state.survey, score, text)
            if (flow := in_hand(talk)) is not None:  # "刚才那个给5分" in the middle of another request
                form.ask_next(talk, flow)
            return True
    question = talk.state.open_question
    handler = _QUESTIONS.get(question.kind) if question else None
    return handler(talk, heard) if handler else False


#: What a rating may read like where the model marked a score in it.
_MAY_RATE = frozenset({"feedback", "ticket_status"})


def _rates(talk: Talk, heard: Heard) -> bool:
    """Whether a score in these words is meant as a rating: the survey is what is open, or the classifier says so."""
    question = talk.state.open_question
    if question is not None and question.kind == "survey":
        return not turns_elsewhere(talk, heard)
    praises = top(heard) in _MAY_RATE and bool(heard.matters[0].values("score"))  # "前面修锁的我给五星"
    if talk.state.flow is None:
        return praises or top(heard) == "rate"
    return in_hand(talk) is not None and (praises or top(heard) == "rate") and surely(talk, heard, top(heard))


def _ticket(talk: Talk) -> TicketView | None:
    """The open ticket that is asked about."""
    question = talk.state.open_question
    return talk.ticket(question.ticket_id) if question else None


def _about_work_done(talk: Talk, heard: Heard) -> bool:
    ticket = _ticket(talk)
    if ticket is None:
        return False
    said = yes_no(talk, heard)
    if follow.not_fixed(heard.text) or follow.nobody_came(heard.text):
        follow.answer(talk, "not_fixed", ticket, heard.text)
    elif follow.fixed(heard.text) or said is True or top(heard) == "thank" or (said is None and answer.leads(heard.text)):
        follow.answer(talk, "confirm", ticket, heard.text)
        if top(heard) == "rate" and (score := aftercare.score_in(heard.text)) is not None:  # "修好了，给5分"
            aftercare.rate_unasked(talk, ticket.id, score, heard.text)
    elif said is False:
        follow.answer(talk, "not_fixed", ticket, heard.text)
    else:
        return False
    return True


def _about_offer(yes: str, no: str) -> Callable[[Talk, Heard], bool]:
    def hear(talk: Talk, heard: Heard) -> bool:
        ticket, said = _ticket(talk), yes_no(talk, heard)
        if said is None:  # "no, I don't accept that. It barked the whole morning": the rest is the reason
            said = answer.leads(heard.text)
        if ticket is None or said is None:
            return False
        follow.answer(talk, yes if said else no, ticket, heard.text)
        return True

    return hear


_offered = _about_offer("agree", "decline")


def _about_quote(talk: Talk, heard: Heard) -> bool:
    """A yes or a no to a price. "太贵了吧" is neither, however it is read; "有点贵，好吧" is what is said beside it."""
    ticket = _ticket(talk)
    if ticket is None:
        return False
    drops = answer.is_cancel(heard.text) or top(heard) in ("cancel", "ticket_change")
    if follow.finds_dear(heard.text) and not drops:
        said = answer.beside(heard.text)
        if said is None:
            follow.quote_once_more(talk, ticket, heard.text)
        else:
            follow.answer(talk, "agree" if said else "decline", ticket, heard.text)
        return True
    if _offered(talk, heard):
        return True
    if drops:
        follow.answer(talk, "decline", ticket, heard.text)
    return drops


def _about_withdrawal(talk: Talk, heard: Heard) -> bool:
    ticket = _ticket(talk)
    said = False if answer.is_cancel(heard.text) or follow.keeps(heard.text) else yes_no(talk, heard)
    if ticket is None or said is None:
        return False
    if said:
        follow.withdraw(talk, ticket, heard.text)
    else:
        talk.become(open_question=None)
        talk.say("utter_kept", number=ticket.number)
    return True


def _about_first(
    yes: Callable[[Talk, Matter, Heard], None], no: Callable[[Talk, Matter, Heard], None]
) -> Callable[[Talk, Heard], bool]:
    """A yes or no about the first matter of the agenda. Anything else drops that matter and is heard for itself."""

    def hear(talk: Talk, heard: Heard) -> bool:
        said = False if answer.is_cancel(heard.text) else yes_no(talk, heard)
        first, rest = talk.state.agenda[:1], talk.state.agenda[1:]
        if said is None and first and first[0].intent in BY_INTENT and top(heard) in ANSWERS and form.keep_early(talk, heard.text, heard):
            said = True  # who answers what would be asked next has said yes
        talk.become(open_question=None, agenda=rest)
        if said is None or not first:
            return False
        if said:
            yes(talk, first[0], replace(heard, text=first[0].text))
        else:
            no(talk, first[0], heard)
        return True

    return hear


def _open_as_said(talk: Talk, matter: Matter, heard: Heard) -> None:
    fresh.open_matter(talk, replace(matter, confidence=1.0), heard)


def _read_wrongly(talk: Talk, matter: Matter, heard: Heard) -> None:
    """No to "您是要报修吗?": the menu, and the words are kept for whatever is picked from it."""
    fresh.misread(talk, matter.text, (matter,), "refused", heard.model)
    fresh.menu(talk)


#: The flow of what is passed on; any other question is an enquiry.
_PASSED_ON: Mapping[str, str] = {"fee_query": "fee_case", "feedback": "feedback", "permit": "permit"}


def _pass_it_on(talk: Talk, matter: Matter, heard: Heard) -> None:
    """The offer was taken: what is still missing is asked; where nothing is, a second yes would be one too many."""
    flow = FLOWS[_PASSED_ON.get(matter.intent, "enquiry")]
    form.begin(talk, flow, matter, heard)
    if form.complete(talk, flow) and matter.intent != "permit":
        form.submit(talk, flow)
    else:
        form.ask_next(talk, flow)


def _about_same(talk: Talk, heard: Heard) -> bool:
    """Whether it is the fault that was reported before. Anything else goes on with the form."""
    flow, question = in_hand(talk), talk.state.open_question
    said = same.said(heard.text) if (plain := yes_no(talk, heard)) is None else plain
    if flow is None or question is None or said is None:
        return False
    if same.settle(talk, flow, question.ticket_id, said, heard):
        return True
    _, _, more = heard.text.partition("，" if "，" in heard.text else ",")
    if more.strip():  # "不是同一个，是淋浴那边"
        form.describe(talk, more.strip())
        form.read(talk, flow, more, heard)
    form.ask_next(talk, flow)
    return True


def _about_no_show(talk: Talk, heard: Heard) -> bool:
    ticket = _ticket(talk)
    said = False if answer.is_cancel(heard.text) else yes_no(talk, heard)
    talk.become(open_question=None)
    if said is None or ticket is None:
        return False
    if said:
        follow.complain_of_no_show(talk, ticket)
    else:
        talk.say("utter_affirm_idle")
    return True


def _about_draft(talk: Talk, heard: Heard) -> bool:
    flow = in_hand(talk)
    if flow is None or not (yes_no(talk, heard) is True or top(heard) == "thank"):
        return False
    form.ask_next(talk, flow)  # thanks for being asked files nothing: the summary is shown again
    return True


_QUESTIONS: Mapping[str, Callable[[Talk, Heard], bool]] = {
    "resolved": _about_work_done,
    "replied": _about_offer("confirm", "dispute"),
    "quote": _about_quote,
    "withdraw": _about_withdrawal,
    "intent": _about_first(_open_as_said, _read_wrongly),
    "pass_on": _about_first(_pass_it_on, lambda talk, matter, heard: talk.say("utter_affirm_idle")),
    "draft": _about_draft,
    same.QUESTION: _about_same,
    follow.NO_SHOW: _about_no_show,
}
