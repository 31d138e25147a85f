"""How an answer says that the passages do not tell; ``grounding.measure`` says how often that is wrong."""

from __future__ import annotations

import re

SOURCES = re.compile(
    r"\b(?:passages?|documents?|documentation|leaflets?|excerpts?|texts?|sources?|context|information|handbooks?|"
    r"polic(?:y|ies)|report|study(?! leave)|summary|rules?|terms|agreement|key facts|list|manual|notices?|answer|"
    r"they|them|it|this|that|what i was given|material)\b",
    re.I,
)
SILENT = re.compile(
    r"\b(?:(?:do|does|did|is|are|was|were|can|could)(?:\s+not|n['’]t)|cannot|can['’]t|never|nowhere|nothing|none|no)\b"
    r"[^.!?\n]{0,60}?\b(?:say|says|said|state|states|stated|mention|mentions|mentioned|specif\w+|cover|covers|covered|"
    r"contain|contains|include|includes|included|give|gives|given|name|names|named|address\w*|describ\w+|discuss\w*|"
    r"tell|tells|told|provid\w+|answer\w*|determin\w+|list|lists|listed|appear|appears|found|find|know|known|"
    r"possible to (?:say|tell|answer|know|find|determine|establish)|"
    r"information|indicat\w+|in the (?:given |provided )?passages|part of|clear|disclos\w+|"
    r"identif\w+|reveal\w*|detail\w*)\b"
    r"|\b(?:silent on|unknown|unclear|remains open|unable to (?:say|tell|answer|find|determine)|not in the passages|"
    r"no (?:mention|information|answer|details?)|(?:says?|said|state|states|mention|mentions?) (?:nothing|no\b)|"
    r"(?:lacks?|missing from|absent from|beyond) (?:the |these )?(?:passages|documents|information|sources)|"
    r"only (?:cover|give|mention|describe|state|list|name)s?|"
    r"nothing (?:on|about)|anything (?:on|about))\b",
    re.I,
)
_GIVEN = (
    r"(?:passages?|sources?(?! code)|excerpts?|documents?|documentation|leaflets?|reports?|summar(?:y|ies)|manuals?|"
    r"context|material|texts?|key facts|notices?|bulletins?|stud(?:y|ies)(?! leave))"
)
_WHERE = r"(?:passages?|sources?(?! code)|excerpts?|documents?|documentation|context|material|leaflet)"
_COVERS = r"(?:covers?|gives?|mentions?|lists?|names?|states?|describes?|deals? with|has|have)"
_TURNED = (
    r"(?:deal with|touch|speak (?:to|of|about)|go into|settle|bring up|help|refer to|reach|resolve|report|define|"
    r"identif\w+|explain|comment|allow (?:me|us|one|a)|let (?:me|us)|enable|permit me|bear on|extend to|have|offer|"
    r"set out|show|hold|make clear)"
)
LITTLE = re.compile(
    rf"\b(?:{_GIVEN}|handbook|polic(?:y|ies)|terms)\b[^.!?;\n]{{0,50}}?\b(?:"
    r"(?:leaves?|left) (?:\w+ ){0,4}(?:open|unanswered|unclear|unsaid|undefined)"
    r"|(?:are|is|remains?|stays?|keeps?) (?:\w+ )?(?:quiet|mute|silent|insufficient|incomplete|vague|limited to)"
    r"|(?:falls?|stops?) short|lacks? (?:that|this|any|the (?:answer|information|detail))|omits? (?:that|this|any)"
    r"|sheds? no light|makes? no (?:reference|mention|statement)"
    r"|(?:ha(?:ve|s)|gives?|offers?|provides?|contains?|holds?|shows?|sets?|supply|supplies) (?:me |us )?"
    r"(?:no|neither|nothing)\b"
    rf"|(?:do|does|did|can|could)(?: not|n['’]t)(?: \w+)? {_TURNED}"
    r"|never (?:bring|touch|deal|refer|come|get|speak|go)\w*)\b"
    rf"|\b{_WHERE}\b[^.!?;\n]{{0,30}} {_COVERS} [^.!?;\n]{{0,80}}\b(?:but|though) (?:not|none|nothing|no)\b"
    r"|\b(?:none|neither|no(?! need))(?: one)?(?: of)?(?: the| these| those)? (?:\w+ )?"
    r"(?:passages?|sources?|excerpts?)\b"
    rf"|\b(?:not|n['’]t|nowhere|no|nothing|impossible)\b[^.!?;\n]{{0,60}}\b(?:in|from|by|within|on the basis of) "
    rf"(?:the|these|any(?: of the)?|what|anything)(?: \w+){{0,2}} {_WHERE}\b"
    r"|\b(?:left open|left unanswered|unanswered|unaddressed|unmentioned|unspecified|open|missing|absent)\b"
    rf"[^.!?;\n]{{0,20}}\b(?:in|by|from) (?:the|these|all)(?: \w+){{0,2}} {_WHERE}\b"
    r"|\bquestion (?:\w+ ){0,2}(?:goes|remains|stays|is left|is) (?:open|unanswered|unresolved)\b"
    rf"|\b(?:outside|beyond) what (?:the|these)(?: \w+)? {_WHERE}\b"
    rf"|\b(?:not|n['’]t) among (?:\w+ ){{0,5}}{_WHERE}\b"
    rf"|\b{_WHERE}\b[^.!?;\n]{{0,20}}\b(?:found|find|see) (?:no|nothing)\b"
    r"|(?:not enough|insufficient|too little) (?:information|context|detail|material)\b"
    r"|^\W*(?:not|nowhere) (?:answered|stated|specified|mentioned|given|covered|disclosed|addressed|provided|known|"
    r"found)\b"
    rf"|\b(?:isn['’]t|is not|not) something (?:that )?(?:the|these)(?: \w+)? {_GIVEN}\b",
    re.I,
)
"""In these words nothing else is denied, whoever speaks."""
