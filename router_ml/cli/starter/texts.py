"""The parts of a starter configuration that the one that ships has not, or has otherwise."""

HEAD = """\
{said}
# Everything here may be changed: router-ml check router.yaml says file, line and fix of every mistake,
# router-ml policy test policy_tests.yaml --config router.yaml whether the rules still do what they should,
# router-ml contract router.yaml prints it for people who do not read configurations."""

VERSION = """\
# Every key is validated; an unknown key is an error with its line number.
version: 1"""

REGION = """\
  # A request is of the EU where its metadata says so (region: eu): without it no rule can know.
"""

EU_ONLY = """\
  - id: eu-residency
    version: "1"
    owner: privacy
    rationale: All users are in the EU, so whatever they ask is processed there.
    # For requests of some users alone: when: {region: [eu]}, with the region in the metadata of each request.
    when: {}
    then: {regions: [eu]}
"""

PROXY = """\
  # Behind a proxy of LiteLLM, these two lines call a lane; its place and price are those of the model behind:
  #   model: litellm_proxy/NAME
  #   endpoint: {base_url_env: LITELLM_PROXY_URL, key_env: LITELLM_PROXY_KEY}"""

TOOLS = "# Two examples, one that reads and one that changes something. Put your own in their place.\n"

INDEXES = """\
# Where answers are looked up: a folder of documents needs no server (docs/retrieval.md).
indexes:
  documents: {{folder: {folder}, top_k: 5, boundary: private}}"""

PERSONAL_DATA_TO_A_PERSON = """\
  - id: personal-data-needs-a-person
    version: "1"
    owner: privacy
    rationale: No lane is on our own machines, so nobody but a person may read personal data.
    when: {risk: [pii]}
    then: {human_review: privacy-review, explore: false}
  - id: secrets-need-a-person
    version: "1"
    owner: security
    rationale: A credential in a prompt must not reach a vendor.
    when: {risk: [secrets]}
    then: {human_review: security-review, explore: false}
  - id: unscanned-needs-a-person
    version: "1"
    owner: security
    rationale: What could not be scanned is treated as if everything had been found in it.
    when: {guard_state: [unknown]}
    then: {human_review: security-review, explore: false, log: decision}
"""

CLASSES = """\
# Named groups of requests; the first that matches. "floor" is the average quality promised, "quality_per_usd" what a
# dollar has to buy (lower: more money for the same gain). Exploring is how the router finds out what it does not know,
# and what makes its log fit for evaluating another policy: keep it above 0 wherever rules allow.
traffic_classes:
  batch:  # work that nobody waits for
    when: {{mode: [batch], channel: [batch, api]}}
    floor: {low}
    quality_per_usd: 60
    explore_share: 0.1
{budget_of_batch}    limits: {{max_cost_usd: 0.05}}
{regulated}  default:
    floor: {floor}
    quality_per_usd: 30
    explore_share: 0.1
{budget}    limits: {{deadline_ms: 45000, max_cost_usd: 0.25}}"""

REGULATED = """\
  regulated:  # answers with consequences for a person
    when: {{domain: [medical, legal, finance, hr]}}
    floor: {high}
    quality_per_usd: 10
    explore_share: 0.02
{budget}    limits: {{deadline_ms: 60000, max_cost_usd: 0.25}}
"""

BUDGET = """\
    budget_usd_per_day: {part}  # of {whole} in all classes
    at_cap: cheapest  # still costs a little; or queue (for a person, until the day ends), or refuse
"""

PLAN = """\
# What else a request gets. For each field, and each tool, the first rule that matches and sets it decides.
plan:
{rules}  # The shape of the answer.
  - {{when: {{says: [in_json], says_not: [make_it_up]}}, output_contract: json}}
  - {{when: {{says: [one_label], intent: [classification, extraction, qa, reasoning]}}, output_contract: label}}
  - {{when: {{says: [with_sources]}}, output_contract: cited}}
  - {{when: {{intent: [extraction, classification, coding, reasoning]}}, temperature: 0.0}}"""

PLAN_OF_TOOLS = """\
  # A refund, and where an order is: ask for the number where it is missing.
  - when: {tool: [refund], says: [refund], says_not: [how_it_works, figures]}
    retrieval: clarify
    missing: [order_id]
  - when: {tool: [refund], says: [refund], says_not: [how_it_works, figures]}
    retrieval: none
    tools: {required: [refund], optional: [order_lookup]}
  - when:
      tool: [order_lookup]
      says: [order]
      says_too: [where_it_is]
      says_not: [how_it_works, figures]
    retrieval: none
    tools: {required: [order_lookup], withheld: [refund]}
"""

PLAN_OF_DOCUMENTS = """\
  # Questions are looked up, unless the text that they are about is there.
  - {when: {document: true}, retrieval: none}
  - {when: {intent: [qa]}, retrieval: light, index: documents}
"""

LOGGING = """\
# Without a log nothing is learned and nothing can be proven. $ROUTER_ML_LOG goes before this. Of private requests
# neither text nor embedding is kept; keep: the most that is kept by tier, and for how many days (docs/event_log.md).
logging: {{url: {url}, on_error: continue, keep: {{}}, subject: user, attribution_days: 30}}"""
