"""Refusals in plain words: a lane that declines says so in its text more often than in a field of its own.

Only short texts count, and only where the lane speaks of itself and of answering ("I can't help with that"): "we cannot
refund this", "I can't find the order" and "the file cannot be read" are answers. What a long text declines is a part of
it. How often it is wrong, on texts that it was not written for: ``python -m benchmarks.contracts refusals``.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 400  # characters

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
_HELPS = (
    r"(?:help|helping|assist|comply|engage|participate|fulfil{1,2}|cooperate|support|continue|proceed|provid(?:e|ing)|"
    r"discuss(?:ing)?|creat(?:e|ing)|generat(?:e|ing)|writ(?:e|ing)|produc(?:e|ing)|giv(?:e|ing)|offer|respond|answer|"
    r"talk|speak|speculate|advise|comment|weigh in|do (?:so|this|that|it|any|what)|assisting|answering|go into|"
    r"shar(?:e|ing)|encourage|process (?:this|that|your|such)|(?:tell|teach|show|walk) you (?:how|through|anything)|"
    r"recommend (?:any|specific|a specific)|say (?:anything|more about))\b(?! but\b)"
)
_ENGLISH = (
    rf"{_NOT}(?: \w+ly)? {_HELPS}",
    r"^(?:sorry|nope|no|unfortunately)[,.!]? (?:i )?(?:can't|cannot|won't) (?:help|do|assist|answer)\b",
    r"\bi(?:'m going to| am going to|'m afraid i)? ?(?:must|have to|need to|will have to|'ll have to|will)"
    r"(?: respectfully| politely)? (?:decline|refuse|stop here|pass on)\b",
    r"\bi (?:respectfully |politely )?(?:refuse|decline)(?: to (?:answer|help|assist|do|write|comply|provide)\b|[.!])",
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
_ROMANCE = (
    r"\bje ne (?:peux|puis|veux|dois|vais) pas (?:vous |t'|y |en |vous y )?(?:aider|répondre|fournir|assister|traiter|"
    r"satisfaire|donner|parler|discuter|partager|écrire|générer|créer|continuer|commenter)\b",
    r"\bje ne suis pas (?:en mesure de (?:vous |t')?(?:aider|répondre|fournir|donner)|(?:autoris|habilit|programm)ée?)"
    r"\b|\bje (?:préfère|souhaite) (?:ne pas|éviter)|\bje dois (?:refuser|décliner)|\bje refuse\b",
    r"\bno (?:puedo|debo|voy a|quiero) (?:ayudar|responder|proporcionar|cumplir|asistir|ofrecer|hablar|dar|escribir|"
    r"generar|crear|compartir|continuar|comentar)\w*|\bno (?:me es posible|me está permitido|estoy autorizad\w|se me "
    r"permite|estoy en condiciones)\b|\bprefiero no\b",
    r"\bnon (?:posso|devo|voglio) (?:aiutar|rispond|fornir|soddisfar|dar|parlar|scriver|generar|crear|condivider|"
    r"continuar)\w*|\bnon (?:sono (?:autorizzat\w|in grado di (?:aiutar|rispond|fornir))|mi è (?:permesso|possibile))|"
    r"\bcontro le mie\b|\bpreferisco non\b",
    r"\bnão (?:posso|consigo|devo|vou) (?:ajudar|responder|fornecer|atender|falar|dar|escrever|gerar|criar|partilhar|"
    r"compartilhar|continuar|discutir)\w*|\bnão (?:estou autorizad\w|me é (?:permitido|possível))|\bprefiro não\b",
)
_HELFEN = (
    r"(?:weiter)?(?:helfen|beantworten|erfüllen|unterstützen|tun|sagen|geben|schreiben|erstellen|besprechen|äußern)"
)
_OTHERS = (
    rf"\b(?:kann|darf|möchte|werde|will) ich\b[^.!?\n]{{0,50}}\b(?:nicht|nichts|keine?)\b[^.!?\n]{{0,40}}{_HELFEN}\b",
    rf"\bich (?:kann|darf|möchte|werde|will)\b[^.!?\n]{{0,50}}\b(?:nicht|nichts|keine?)\b[^.!?\n]{{0,40}}{_HELFEN}\b",
    r"\bich (?:bin|fühle mich) nicht (?:befugt|berechtigt|in der lage)\b|\bmuss ich (?:leider )?ablehnen\b",
    r"\b(?:ik (?:kan|mag|wil|zal)|(?:kan|mag|wil) ik)\b[^.!?\n]{0,40}\b(?:niet|niets|geen)\b[^.!?\n]{0,30}(?:helpen|"
    r"beantwoorden|zeggen|geven|schrijven|bespreken)\b",
    r"\bnie mogę[^.!?\n]{0,25}(?:pomóc|odpowiedzieć|udzielić|napisać|podać)\b",
    r"\bя не (?:могу|буду|имею права|в состоянии)[^.!?\n]{0,25}(?:помочь|ответить|выполнить|предоставить|помогать|"
    r"обсуждать|отвечать)",
    r"(?:お応え|お答え|お手伝い|回答|ご要望に.{0,4}|提供)(?:する(?:こと)?)?[はが]?(?:でき(?:ません|かねます)|いたしかねます)",
    r"(?:我|抱歉|对不起).{0,12}(?:无法|不能|没办法|不可以|不会)(?:为您|帮助|提供|回答|协助|满足|讨论|谈论|参与|继续)",
    r"(?:도와드릴|도움을 드릴|답변드릴|답변할|대답할|제공할|응할) 수 ?(?:가 )?없습니다",
)
_SAID = re.compile("|".join(f"(?:{one})" for one in (*_ENGLISH, *_ROMANCE, *_OTHERS)), re.IGNORECASE)
_QUOTES = frozenset("\"'“”«»„`「")


def is_refusal(text: str) -> bool:
    """Whether a text declines to answer.

    >>> is_refusal("I'm sorry, but I can't help with that."), is_refusal("We can't refund orders after 30 days.")
    (True, False)
    """
    if len(text) > LONGEST:
        return False
    plain = " ".join(unicodedata.normalize("NFKC", text).replace("’", "'").split())
    found = _SAID.search(plain)
    return found is not None and plain[max(found.start() - 1, 0)] not in _QUOTES
