"""What the page of ``router-ml contract`` says of every configuration alike."""

from __future__ import annotations

INPUTS = (
    ("text, or messages", "what is asked, alone or as a conversation with its roles", "yes"),
    ("channel", "web, app, api or batch", "no"),
    ("request_id", "the caller's own name for the request, to find it again", "no"),
    ("traffic_class", "the class that the caller chooses; else the first one below that matches", "no"),
    ("metadata", "who asks and from where: user, org, region, and whatever else rules look at", "no"),
    ("allowed_tools", "the tools that this caller may have used", "no"),
    ("constraints", "its own limits: money, time, regions, boundary, lanes; they only narrow", "no"),
    ("output_contract", "the shape that the answer has to have", "no"),
    ("previous", "the decision that it goes on from, so that a session keeps its lane", "no"),
)
OUTPUTS = (
    ("action", "route, ask back (clarify), leave it to a person (human_review), or refuse; with the reason"),
    ("question, missing, queue", "what is asked back and what for; where it waits for a person"),
    ("intent, domain, mode, language, risks, risk tier", "what was understood, how likely, or that it was not sure"),
    ("findings, guard state", "what guardrails found and where, never the value; unknown counts as found"),
    ("route, traffic class, floor, quality per USD", "which promise it falls under, and what a dollar has to buy"),
    ("eligible, excluded", "lanes that the rules leave, and for each other lane why not"),
    ("lane, model, decoding, limits", "what is called, how, and how much it may cost and take"),
    ("retrieval, tools, output contract", "what may be looked up, called, and what the answer has to be"),
    ("fallback", "which lane follows on a timeout, a rate limit, a refusal, an error; what comes last"),
    (
        "estimates, learned lane",
        "for each lane: expected quality with interval and evidence, cost, time; the best by that",
    ),
    (
        "propensity, propensities, explored, seed",
        "with which probability each lane was drawn, and what repeats the draw bit for bit",
    ),
    ("policies, overridden_by", "the rules that fired, and those that overruled what was learned"),
    ("narrowing, destinations, log level", "where data may still go once more is known, and the most that is kept"),
    (
        "decision, trace, versions, state",
        "ids and time; versions of rules, prices and what was learned: what a replay needs",
    ),
)
WORDS = (
    (
        "lane",
        "one way to get an answer: a model, at one vendor or on machines of one's own, in one place, at one price",
    ),
    ("boundary", "how far data may go to a lane, a tool or an index: the names are listed at the top, narrow to wide"),
    ("failure domain", "what fails together: lanes of one are lost at once"),
    ("grade", "how strong a lane is, 1 to 3: a policy can ask for a least one"),
    ("window", "the longest request with its answer that a lane takes, in tokens: pieces of words"),
    ("explore", "a small share is drawn at random among lanes that the rules allow, so that they can be compared"),
    ("floor", "the average quality, 0 to 1, that answers of a class are promised to have"),
    (
        "quality per USD",
        "what a dollar more has to buy: at 30, a cent more has to make the expected quality better by 0.3",
    ),
    (
        "propensity",
        "the probability with which a lane was drawn; with it, what another rule would have done can be told",
    ),
    ("risk, tier", "what a request or an answer was found to hold, by rule or model; how grave that is (see Risks)"),
    ("finding", "a type of personal data or secret that a detector reports, such as email"),
    ("mode", "chat: somebody waits for the answer; batch: nobody does"),
    ("write_tool", "whether the caller allows a tool that changes something"),
    ("guard_state", "clean, hit, or unknown: not scanned to the end, which counts as a hit"),
    ("language_validated", "whether what was learned has been tested in the language of the request"),
    ("request_risk", "a risk of the request that an answer belongs to"),
    ("request_private", "whether personal data or secrets were found in that request or earlier in its session"),
    ("notice_missing", "none of the wordings that count as this notice is in the answer (see Notices)"),
    ("regions", "only lanes, tools and indexes in one of these regions are left"),
    ("lanes allow, lanes deny", "only these lanes are left; all but these are"),
    ("min_grade", "only lanes of at least this grade are left"),
    ("tools read_only", "no tool that changes something; tools none: no tool at all"),
    ("approval", "a person grants each change before it is made"),
    ("output_contract", "the answer has to have this shape (see Shapes of answers)"),
    ("explore off", "nothing is drawn at random: the lane that is believed to be best answers"),
    ("log", "the most that is kept: text (all), embedding (no text), features (neither), decision (nothing beside it)"),
    ("refuse", "no lane is asked; who asked is told so"),
    ("withhold", "the answer is not shown"),
    ("add_notice", "this notice is put under the answer"),
    ("embedding", "numbers that stand for a text: what it is about can be told from them, roughly; no text is kept"),
    ("human_review NAME", "a person decides; NAME is the queue that it waits in"),
)
LOGGED = (
    ("decision", "before it is answered", "all of the outputs above; of the request what the table below leaves"),
    ("execution", "when it has ended", "every call: lane, time, tokens, money, failure; tools, checks, approvals"),
    ("outcome", "when it is learned", "quality 0 to 1, or what was observed; by whom; chance that it was rated"),
    ("audit event", "before it takes effect", "each change of rules, releases, keys, switches: who, when, why"),
)
