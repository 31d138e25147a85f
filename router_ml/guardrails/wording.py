"""Wording that asks for a change: "refund my order", "please cancel the subscription", "deploy this to production".

Precise rather than broad: the verb must be an order or a polite request, and its object the user's own or something
that a system keeps. Questions how, questions about a policy, conditionals, negations, and tasks about text or code
("write a function that deletes", "translate: cancel my order") do not count. The risk classifier covers the rest.
"""

from __future__ import annotations

import re

Change = tuple[re.Pattern[str], re.Pattern[str]]


def _any(words: str) -> str:
    """Alternatives from words; an underscore stands for a space."""
    return f"(?:{'|'.join(words.split()).replace('_', ' ')})"


_MINE = _any("my our this that these those all both the his her their customer user")
_GAP = r"(?:[\w#'-]{1,24} ){0,4}?"
_ORDERED = _any(
    r"orders? subscriptions? reservations? bookings? memberships? appointments? meetings? flights? plans? trips?"
    r" trials? payments? transfers? tickets? contracts? shipments? deliver(?:y|ies) standing_orders?"
    r" direct_debits? renewals? auto-?_?renew\w{0,3}"
)
_STORED = _any(
    r"accounts? profiles? users? records? files? cards? subscriptions? bookings? photos? pictures backups? tables? data"
    r" databases? buckets? instances? repos? repositor(?:y|ies) branch(?:es)? messages? e-?mails? history tickets?"
    r" orders? events? entr(?:y|ies) address number payment_methods? permissions? access"
)
_SETTING = _any(
    r"address e-?mail phone number password passcode pin plan subscription billing card payment profile name order"
    r" booking reservation appointment delivery username account settings? limits? prices? iban bank shift status 2fa"
    r" mfa seats?"
)
_VISIT = _any(
    r"tables? flights? hotels? rooms? appointments? meetings? calls? tickets? slots? cars? taxis? cabs? desks? demos?"
    r" trains? seats? viewings? visits? check-?ups? sessions? class(?:es)? posts? pickups?"
)
_RUNNING = _any(
    r"prod production staging live servers? clusters? services? instances? deployments? releases? builds? branch app"
    r" site pipelines? workers? pods? jobs? databases? caches? queues? certificates? keys? tokens? credentials? creds"
    r" version hotfix flags? feature_flags? pr pull_request website store shop router"
)
_SENT = _any(
    r"e-?mails? mail messages? invoices? texts? sms reminders? invites? invitations? forms? report files? contract"
    r" application request claim link"
)
_JUDGED = _any(
    r"requests? invoices? expenses? orders? claims? access tickets? leave vacation invitations? meetings? bookings?"
    r" appointments? transfers? payments? objection complaint shift"
)
_PEOPLE = (
    r"(?:(?:me|him|her|them|us|everyone|everybody|my \w{1,16}|the (?:team|customer|client|list|group|guests?|manager))"
    r"|(?-i:[A-Z][a-z]{1,20}))"
)
_MONEY = r"(?:[$€£] ?\d|\d[\d.,]{0,12} ?(?:[$€£]|usd|eur|gbp|dollars?|euros?|pounds?|bucks|quid|k\b|to\b|from\b))"
_PROSE = _any(
    "sentences? paragraphs? lines? words? commas? comments? texts? code functions? intro typos? mistakes? essay draft"
    " loop timer thread"
)

# verbs, and what must follow them
_CHANGES: tuple[tuple[str, str], ...] = (
    (
        "cancel delete refund freeze block unblock reset renew suspend pause unsubscribe deactivate reactivate"
        " reschedule postpone",
        rf"(?:my|our) (?!{_GAP}{_PROSE}\b)\w",
    ),
    ("refund", rf"(?:{_MINE}|me|order|\d)\b|[#$€£]"),
    (
        "cancel unsubscribe terminate postpone reschedule extend renew pause resume upgrade downgrade",
        rf"(?:(?:me|it|order|booking|reservation|subscription|appointment)\b|{_MINE} {_GAP}{_ORDERED}\b)",
    ),
    (
        "delete remove erase deactivate close wipe drop archive purge disable suspend",
        rf"(?:{_MINE}|old|account|ticket|order) {_GAP}{_STORED}\b",
    ),
    (
        "block freeze unblock unfreeze activate lock unlock replace",
        rf"{_MINE} {_GAP}(?:cards?|accounts?|sim|users?|door|number)\b",
    ),
    ("transfer send wire pay move deposit withdraw donate top_up", _MONEY),
    ("transfer wire pay", r"(?-i:[A-Z])\w{1,20} (?:(?-i:[A-Z])[\w-]{1,30} )?\d"),
    ("pay settle", rf"{_MINE} {_GAP}(?:bills?|invoices?|rent|fine|balance|fee)\b"),
    (
        "send forward resend post submit share",
        rf"(?:an?|the|this|that|my|our|these|it|out) {_GAP}{_SENT} (?:to|out|over|now|today|off)\b",
    ),
    ("send email e-mail text message invite notify ping", rf"{_PEOPLE} (?:that|about|the|an?|my|via|by|when|for)\b"),
    (
        "book reserve schedule reschedule arrange set_up",
        rf"(?:(?:me|us) )?(?:an?|the|my|our|two|three|four|\d{{1,2}}) {_GAP}{_VISIT}\b",
    ),
    (
        "order buy purchase reorder",
        r"(?:me|us) (?:an?|the|some|two|three|\d)\b|(?:my|the) (?:usual|repeat|same|prescription)\b",
    ),
    (
        "update change reset edit set switch correct increase raise lower reduce swap modify",
        rf"(?:my|our|his|her|their|the customer's|the user's|customer|user|account) {_GAP}{_SETTING}\b",
    ),
    (
        "deploy redeploy release ship roll_back rollback restart reboot merge revoke rotate shut_down promote trigger"
        " enable disable turn_off turn_on scale_up scale_down stop start flush publish unpublish",
        rf"(?:{_MINE}|to|v?\d[\w.]{{0,10}}) {_GAP}{_RUNNING}\b|auto-? ?renew"
        r"|[\w.-]{2,32} (?:on|to|in) (?:prod|staging|[a-z]{2,12}-?\d)",
    ),
    ("sign opt enroll enrol register deregister unregister withdraw", r"(?:me|us) (?:up|out|in|for|from|to)\b"),
    (
        "approve reject decline accept confirm grant assign file escalate",
        rf"(?:{_MINE}|an?|him|them) {_GAP}{_JUDGED}\b",
    ),
    (
        "open create raise log place make add put",
        rf"(?:an?|the|my|new|another|it|this|these|that|them|me) {_GAP}(?:tickets?\b|(?:orders?|accounts?) for\b"
        r"|to (?:my|the|our) (?:cart|basket|calendar|list|account|order)\b|down (?:for|as)\b)",
    ),
)
_WORD = re.compile(r"[A-Za-z][A-Za-z-]{1,16}")


def _by_first_word() -> dict[str, list[Change]]:
    table: dict[str, list[Change]] = {}
    for verbs, wanted in _CHANGES:
        change = (re.compile(rf"{_any(verbs)}\b ", re.IGNORECASE), re.compile(wanted, re.IGNORECASE))
        for first in {verb.partition("_")[0] for verb in verbs.split()}:
            table.setdefault(first, []).append(change)
    return table


_BY_FIRST_WORD = _by_first_word()

# What may stand between the start of a sentence and the verb of an order.
_HELLO = r"(?:hi|hello|hey|ok|okay|yes|no|well|so|alright|great|thanks|thank you|good (?:morning|evening))"
_PLEASE = (
    r"please|pls|plz|kindly|just|now|go ahead and|also|then|and|immediately|asap|again|today|first|finally|next|quickly"
    r"|simply|(?:can|could|would|will) you(?: guys)?|i(?:'d| would) like(?: you)? to|i (?:want|need|wish)(?: you)? to"
    r"|i wanna|i have to|we (?:want|need)(?: you)? to|you (?:should|must|need to|have to)|help me(?: to)?|let'?s"
)
_ASKING = re.compile(
    r"(?:^|[.!?;\n,:-]\s{0,3}|\b(?:and|then|also|but|so)\s)\s{0,3}"
    rf"(?:{_HELLO}\b[ ,.!]{{0,3}}(?:\w{{2,12}}[,!] ?)?)?(?:(?:{_PLEASE})[ ,]{{1,2}}){{0,4}}$",
    re.IGNORECASE,
)
_ABOUT_TEXT = re.compile(
    r"\W{0,4}(?:(?:please|pls|can you|could you|help me(?: to)?|hi|hey|hello|i need you to|i want you to|quickly|just)"
    r"[ ,]{1,2}){0,3}(?:write|draft|compose|translate|rewrite|rephrase|paraphrase|reword|proofread|summari[sz]e"
    r"|classify|categori[sz]e|label|tag|extract|explain|describe|define|generate|code|implement|refactor|debug|fix|review|convert"
    r"|parse|improve|correct|polish|shorten|edit|compare|analy[sz]e|what|why|how|when|where|who|which|is|are|does|do|did"
    r"|should|if|can i|could i|may i|am i|imagine|pretend|suppose|think|name|list|give me (?:an?|the|some|\d)"
    r"|make (?:this|it|that)|tl;?dr|you are|your (?:job|task|role)|turn this|put this into|sort"
    r"|create a (?:function|script|class|query|regex|poem|story))\b",
    re.IGNORECASE,
)
_PAYLOAD = re.compile(r"[\"“”«»„`<>{}|]|\n\s{0,8}\n|:\s{0,4}\n|\n\s{0,4}[-*>#]|---|===")
_QUESTION = re.compile(r"[^.!?\n]{0,200}\?")
_POLITE = re.compile(r"\b(?:can|could|would|will) you\b|\bplease\b|\bpls\b", re.IGNORECASE)
_GREETING, _HEAD, _BEFORE = 25, 400, 90


def _own_words(task: str) -> str:
    """The start of a task, up to where something pasted seems to begin."""
    for match in _PAYLOAD.finditer(task[:_HEAD]):
        if match.start() >= _GREETING or not match[0].isspace():
            return task[: match.start()]
    return task[:_HEAD]


def asks_for_change(task: str) -> bool:
    """Whether the user's own words order a change of something that exists outside the conversation."""
    said = _own_words(task)
    if _ABOUT_TEXT.match(said) is not None:
        return False
    for word in _WORD.finditer(said):
        changes, start = _BY_FIRST_WORD.get(word[0].lower()), word.start()
        asked = _ASKING.search(said[max(0, start - _BEFORE) : start]) if changes is not None else None
        if changes is None or asked is None or (_QUESTION.match(said, start) and not _POLITE.search(asked[0])):
            continue
        for verb, wanted in changes:
            head = verb.match(said, start)
            if head is not None and wanted.match(said, head.end()) is not None:
                return True
    return False
