"""Refusals in plain words: a lane that declines says so in its text more often than in a field of its own.

Only short texts count, and only where the lane speaks of itself and declines something as vague as "that request",
without a reason that comes from the matter: "I can't find the order", "I can't process your refund because it is too
late" and "the file cannot be read" are answers. What a long text declines is a part of it. How often it is wrong, on
texts that it was not written for: ``python -m benchmarks.contracts refusals``.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST, EARLY = 400, 240  # characters of a refusal, and where in it at the latest it says so

_ADVERB = (
    r"(?:,? (?:really|simply|just|unfortunately|also|therefore|honestly|legally|personally|currently|"
    r"in good conscience),?){0,2}"
)
_NOT = (
    rf"\bi{_ADVERB}(?: (?:can't|cannot|can not|won't|will not|must not|mustn't|shouldn't|should not|do not|don't)"
    r"|(?:'m| am)(?: \w+){0,2} (?:unable|(?:not|neither) (?:\w+ )?(?:able|allowed|permitted|authori[sz]ed|willing|"
    r"prepared|programmed|designed|qualified|going|here|meant|supposed|equipped|comfortable|in a position)(?: to| for| "
    r"with)?)| (?:have been|was|am|'m) (?:asked|told|instructed|trained|designed) not"
    r"|(?:'d| would) (?:rather not|prefer not| prefer not)| (?:prefer|choose|have chosen) not"
    r"| (?:don't|do not) (?:have the ability|want|wish|intend|think (?:that )?i (?:can|should)|feel (?:able|right|"
    rf"comfortable)))(?: be able)?(?: to| about| with)?{_ADVERB}"
)
_COMPLY = (
    r"(?:comply|engage|participate|fulfil{1,2} (?:this|that|your|such)|cooperate|take (?:sides|part|a position)|"
    r"be (?:answering|helping|part of|involved)|process (?:this|that) request|impersonate|role-?play|weigh in)\b"
)
_HELP = r"(?:help|helping|assist|assisting)\b(?! but\b)(?: you)?(?: (?:with|in|by|\w+ing)\b| \w+ |[^\w]|$)"
_ACT = (
    r"(?:provid(?:e|ing)|discuss(?:ing)?|creat(?:e|ing)|generat(?:e|ing)|writ(?:e|ing)|produc(?:e|ing)|giv(?:e|ing)|"
    r"offer|respond|answer|answering|talk|speak|speculate|advise|comment|do|shar(?:e|ing)|support|continue|proceed|"
    r"encourage|say|describe|endorse|promote|facilitate|disclose|reveal|give out|carry out|perform|"
    r"accommodate|express|simulate|depict|diagnose|suggest|go into|get into|entertain|complete|meet|go through)\b"
)
_ABOUT = (
    r"(?: (?:with|to|on|about|you|in|for|an?|any|anything|the|more|specific|creation|of|medical|legal|financial|tax|"
    r"political|personal|private|other|people's|hateful|explicit|harmful|violent|illegal|how|that|this|your)){0,4}"
    r" (?:(?:this|that|it|these|those|so|anything)(?=[.,!?]|$| (?:for you|as|and|or|in any way|at all)\b)|such|"
    r"requests?|questions?|topics?|subjects?|content|instructions|advice|opinions?|information|guidance|material|"
    r"conversations?|weapons|malware|system prompt|kinds?|debates?)\b"
)
_TELLS = r"(?:tell|teach|show|walk) you (?:how to|through how|where a)\b"
_REASON = re.compile(
    r"\b(?:because|since|until|unless|without|due to|before|yet|as (?:the|no|it|there|row|your|we|they)|"
    r"so here|please (?:try|split|upload|send|share it|confirm|check)|from the|only cover)\b|[:;]"
)
_ENGLISH = (
    rf"{_NOT}(?: \w+ly)? {_COMPLY}",
    r"^(?:sorry|nope|no|unfortunately)[,.!]? (?:i )?(?:can't|cannot|won't) (?:help|do|assist|answer)\b",
    r"\bi(?:'m going to| am going to|'m afraid i)? ?(?:must|have to|need to|will have to|'ll have to|will)"
    r"(?: respectfully| politely)? (?:decline|refuse|stop here|pass on|say no|turn (?:this|that|it|you) down)\b",
    r"\bi (?:respectfully |politely )?(?:refuse|decline)(?: to (?:answer|help|assist|do|write|comply|provide)\b|[.!])",
    r"\bi(?:'m| am) (?:respectfully |politely )?(?:declining|refusing|choosing not)\b",
    r"\boff[- ]limits for me\b",
    r"\b(?:request|question|topic|task|one) (?:that )?i (?:can't|cannot|won't|will not|am unable|'m unable|don't)\b",
    r"\bi (?:don't|do not) have (?:the )?(?:permission|authori[sz]ation) to (?:discuss|share|disclose|give)\b",
    r"\b(?:rules|guidelines|policies|standards) i (?:work under|follow|operate under|have to follow|must follow)\b",
    r"\b(?:breach|break|conflict with|run counter to|contrary to|violate) my \w+",
    r"\bnot something i do\b|\b(?:talk about|change the subject|move on to) something (?:else|different)\b",
    r"\bas an? (?:ai|assistant|language model),? i have no\b",
    r"\bso i (?:won't|can't|cannot|will not|must not)[.!]",
    r"\b(?:not|isn't|outside(?: of)?|beyond) (?:something|a topic|a subject|one|what|anything|the scope of what) "
    r"(?:that )?i(?:'m| am| can| should| will)\b",
    r"\b(?:outside|beyond|not within|out) (?:of )?my (?:scope|remit|abilities|capabilities|role|purview)\b",
    r"\b(?:would|is|wouldn't|isn't)(?: not)?(?: be)? (?:in)?appropriate for me to\b",
    r"\bmy (?:\w+ )?(?:guidelines|policies|programming|instructions|principles|rules) (?:do not|don't|prohibit|prevent|"
    r"forbid)\b",
    r"\bagainst (?:my|our usage|the usage|openai's|anthropic's|policy)\b|\bviolates (?:my|our usage|the usage) ",
    r"\bi (?:can|could|will|may) only (?:help|assist|answer|respond|discuss)\b",
    r"\b(?:request|prompt|message) (?:was|has been|is) (?:flagged|blocked)\b",
    r"\bthis (?:ai|assistant|chatbot|model) (?:cannot|can't|is not able to|is unable to|will not) ",
    r"\bas (?:an?|your) (?:\w+ ){0,2}(?:ai|assistant|language model)\b[^.!?\n]{0,20},? i"
    r"(?: cannot| can't| can not| am not| don't| do not| must not|'m not|'m unable| am unable)\b",
    r"\bi(?:'m| am)(?: just| only)? an? (?:ai|assistant|language model)[^.!?\n]{0,20} (?:can't|cannot|am not able)\b",
)
_VAGUE = (
    r"[^.!?\n]{0,25}\b(?:conseils?|avis|informations?|contenus?|cela|ça|ce genre|cette demande|cette question|sujet|"
    r"es[eao]|est[eao]|información|informaciones|contenido|asesoramiento|consejos?|tema|questo|queste|questa|consigli|"
    r"informazioni|contenuti|argomento|iss[oe]|ess[ae]|est[ae]|informações|conteúdo|conselhos?|assunto)\b"
)
_ROMANCE = (
    r"\bje ne (?:peux|puis|veux|dois|vais) pas (?:vous |t'|y |en )*(?:(?:aider|répondre|assister|commenter)\b|"
    rf"(?:fournir|donner|parler|discuter|partager|écrire|générer|créer|traiter|satisfaire)\b{_VAGUE})",
    r"\bje ne (?:donne|fournis|traite|discute) pas de\b",
    r"\bje ne suis pas (?:en mesure de (?:vous |t')?(?:aider|répondre)|"
    rf"en mesure de (?:vous )?(?:fournir|donner){_VAGUE}|(?:autoris|habilit|programm)ée?)\b",
    r"\bje (?:préfère|souhaite) (?:ne pas|éviter)|\bje dois (?:refuser|décliner)|\bje refuse\b",
    r"\bno (?:puedo|debo|voy a|quiero) (?:(?:ayudar|responder|asistir|comentar)\w*|"
    rf"(?:proporcionar|cumplir|ofrecer|hablar|dar|escribir|generar|crear|compartir)\w*{_VAGUE}|cumplir con tu)",
    r"\bno (?:me es posible (?:responder|ayudar)|me está permitido|estoy autorizad\w|se me permite)\b",
    r"\bprefiero no\b|\bpreferisco non\b|\bprefiro não\b|\bcontro le mie\b",
    rf"\bnon posso (?:(?:aiutar|rispond)\w*|(?:fornir|soddisfar|dar|parlar|scriver|generar|discuter)\w*{_VAGUE}|"
    r"(?:fornire|dare) consigli)",
    r"\bnon (?:sono (?:autorizzat\w|in grado di (?:aiutar|rispond)\w*)|mi è (?:permesso|possibile rispondere))",
    r"\bnão (?:posso|consigo|devo|vou) (?:(?:ajudar|responder|atender)\w*|"
    rf"(?:fornecer|falar|dar|escrever|gerar|criar|partilhar|compartilhar|discutir)\w*{_VAGUE})|\bnão estou autorizad\w",
)
_HELFEN = (
    r"(?:(?:weiter)?helfen|beantworten|erfüllen|unterstützen|tun|sagen|äußern|(?:auskunft|rat|ratschläge|beratung|"
    r"rechtsberatung|informationen) (?:geben|erteilen|anbieten))"
)
_KEIN = r"[^.!?\n]{0,50}\b(?:nicht|nichts|keine?)\b[^.!?\n]{0,40}"
_OTHERS = (
    rf"\b(?:kann|darf|möchte|werde|will) ich\b{_KEIN}\b{_HELFEN}\b",
    rf"\bich (?:kann|darf|möchte|werde|will)\b{_KEIN}\b{_HELFEN}\b",
    r"\b(?:darf|kann|möchte) ich\b[^.!?\n]{0,20}\bkeine (?:auskunft|rechtsberatung|beratung|ratschläge)\b",
    r"\bich (?:bin|fühle mich) nicht (?:befugt|berechtigt|in der lage)\b|\bmuss ich (?:leider )?ablehnen\b",
    r"\b(?:ist|wäre) (?:es )?mir (?:leider )?nicht (?:möglich|erlaubt|gestattet)\b",
    r"\b(?:ik (?:kan|mag|wil|zal)|(?:kan|mag|wil) ik)\b[^.!?\n]{0,40}\b(?:niet|niets)\b[^.!?\n]{0,30}(?:helpen|"
    r"beantwoorden|zeggen|bespreken|voor (?:je|u) doen)\b",
    r"\bnie mogę[^.!?\n]{0,25}(?:pomóc|odpowiedzieć|udzielić (?:porad|informacji))",
    r"\bя не (?:могу|буду|имею права|в состоянии)[^.!?\n]{0,25}(?:помочь|ответить|помогать|обсуждать|отвечать)",
    r"(?:お応え|お答え|お手伝い|回答|ご要望に.{0,4}|情報を提供)(?:する(?:こと)?)?[はが]?"
    r"(?:でき(?:ません|かねます)|いたしかねます)",
    r"(?:我|抱歉|对不起).{0,12}(?:无法|不能|没办法|不可以|不会)(?:为您|帮助|提供|回答|协助|满足|讨论|谈论|参与|继续)",
    r"(?:도와드릴|도움을 드릴|답변드릴|답변할|대답할|제공할|응할) 수 ?(?:가 )?없습니다",
)
_GRUND = re.compile(
    r", da\b|\b(?:weil|bevor|ohne|bis|vor|parce que|car|sans|avant|porque|sin|hasta|antes|perché|senza|prima|sem|até|"
    r"omdat|zonder|voordat|ponieważ|bez|потому|без|так как)\b|因为|ため|없이|:"
)
_BARE = ("sorry", "nope", "no", "unfortunately")
_FIRST_PERSON = re.compile(r"\bi\b")
_OF_I = re.compile("|".join(one for one in _ENGLISH if one.startswith((r"\bi", "^"))))
_UNREASONED = re.compile(rf"{_NOT}(?: \w+ly)? (?:{_HELP}|{_ACT}{_ABOUT}|{_ACT}[.!]?$|{_TELLS})")
_OF_ALL = re.compile("|".join(one for one in _ENGLISH if not one.startswith((r"\bi", "^"))))
_ELSEWHERE = re.compile("|".join((*_ROMANCE, *_OTHERS)))
_QUOTES = frozenset("\"'“”«»„`「")


def is_refusal(text: str) -> bool:
    """Whether a text declines to answer.

    >>> is_refusal("I'm sorry, but I can't help with that."), is_refusal("We can't refund orders after 30 days.")
    (True, False)
    """
    if len(text) > LONGEST:
        return False
    plain = " ".join(unicodedata.normalize("NFKC", text).replace("’", "'").lower().split())[:EARLY]
    found = None
    if _FIRST_PERSON.search(plain) or plain.startswith(_BARE):
        found = _OF_I.search(plain) or (None if _REASON.search(plain) else _UNREASONED.search(plain))
    found = found or _OF_ALL.search(plain) or (None if _GRUND.search(plain) else _ELSEWHERE.search(plain))
    return found is not None and plain[max(found.start() - 1, 0)] not in _QUOTES
