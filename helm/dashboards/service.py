"""What users notice, and what of them the gateways carry."""

from duologue.telemetry import names
from helm.dashboards.expressions import quantile_of, rate_of, sum_of
from helm.dashboards.panels import Dashboard, Panel, Query, Row, Variable

_CHOSEN = 'namespace=~"$namespace"'
_TENANTS = f'{_CHOSEN}, tenant=~"$tenant"'
_SAID = f'{_TENANTS}, direction="out"'


def _quantiles(histogram: str, chosen: str = _CHOSEN) -> tuple[Query, ...]:
    """The middle and the slow ones; exemplars are points by the latter."""
    return (
        Query(quantile_of(0.5, histogram, chosen), "p50"),
        Query(quantile_of(0.95, histogram, chosen), "p95", has_exemplars=True),
    )


_LATENCY = Row(
    "What users notice",
    (
        Panel(
            "Time to first text",
            "From the last word of a query to the first text of its reply. The points are replies "
            "of which there is a trace.",
            "s",
            _quantiles(names.TIME_TO_FIRST_TOKEN),
            "duologuefirsttextslow",
        ),
        Panel(
            "Yield latency",
            "From the last word that cuts in until the reply has fallen silent.",
            "s",
            _quantiles(names.YIELD_LATENCY),
            "duologueyieldslow",
        ),
        Panel(
            "Session opened",
            "From a client's request to its session being ready, for new sessions and for those "
            "that are resumed.",
            "s",
            (
                Query(quantile_of(0.5, names.OPEN_SECONDS, _CHOSEN, "kind"), "p50 {{kind}}"),
                Query(
                    quantile_of(0.95, names.OPEN_SECONDS, _CHOSEN, "kind"),
                    "p95 {{kind}}",
                    has_exemplars=True,
                ),
            ),
            "duologueopenslow",
        ),
        Panel(
            "Between two pieces of text",
            "How evenly a reply comes. Longer than a tick means that replies stop and go.",
            "s",
            (
                Query(quantile_of(0.5, names.INTER_TOKEN_LATENCY, _CHOSEN), "p50"),
                Query(quantile_of(0.95, names.INTER_TOKEN_LATENCY, _CHOSEN), "p95"),
            ),
            "duologuetickslate",
        ),
        Panel(
            "Refused calls",
            "By reason. Those of a tenant's own limits are not the platform's fault.",
            "reqps",
            (Query(rate_of(names.REJECTIONS, _CHOSEN, "reason"), "{{reason}}"),),
            "error-codes",
            is_stacked=True,
        ),
        Panel(
            "Sessions that moved",
            "Sessions bound anew under an open conversation: by a drain, or because a process "
            "died. Many for long are a storm.",
            "cps",
            (Query(rate_of(names.REBINDINGS, _CHOSEN), "moves"),),
            "duologuesessionmovesstorm",
        ),
    ),
)

_FLOOR = Row(
    "The floor",
    (
        Panel(
            "Judgements of utterances",
            "By what was decided. `incomplete` says that more is waited for.",
            "cps",
            (Query(rate_of(names.DECISIONS, _CHOSEN, "state"), "{{state}}"),),
            "who-has-the-floor",
            is_stacked=True,
        ),
        Panel(
            "Queries taken back",
            "Share of the queries that went on before anything of a reply was told. Many of them "
            "mean that pauses within sentences are taken for their ends.",
            "percentunit",
            (
                Query(
                    f"{rate_of(names.TAKEN_BACK_DECISIONS, _CHOSEN)} / "
                    + rate_of(names.DECISIONS, f'{_CHOSEN}, state="query"'),
                    "taken back",
                ),
            ),
            "who-has-the-floor",
        ),
        Panel(
            "Replies that ended",
            "By reason: told to the end, cut by the user, or at a limit.",
            "cps",
            (
                Query(rate_of(names.RESPONSES, _CHOSEN, "reason"), "{{reason}}"),
                Query(rate_of(names.INTERRUPTIONS, _CHOSEN), "interruptions"),
            ),
            "who-has-the-floor",
        ),
    ),
)

_LOAD = Row(
    "Load of the gateways",
    (
        Panel(
            "Open conversations",
            "Of each gateway, and how many one may carry.",
            "short",
            (
                Query(sum_of(names.STREAMS, _CHOSEN, "instance"), "{{instance}}"),
                Query(f"min ({names.STREAMS_LIMIT}{{{_CHOSEN}}})", "limit of one"),
            ),
            "duologuestreamsnearlimit",
        ),
        Panel(
            "Sessions that wait for room",
            "In the gateways' lines. Anything but a short peak means that there is too little "
            "room.",
            "short",
            (Query(sum_of(names.QUEUE_DEPTH, _CHOSEN, "instance"), "{{instance}}"),),
            "duologuesessionswait",
        ),
        Panel(
            "Events",
            "What clients and sessions tell each other, through all gateways.",
            "cps",
            (Query(rate_of(names.EVENTS, _CHOSEN, "direction"), "{{direction}}"),),
            "gateways",
        ),
    ),
)

_CLUSTER = Row(
    "Nodes and store",
    (
        Panel(
            "Nodes",
            "By whether they take sessions. With none open, nobody can begin to talk.",
            "short",
            (Query(f"max by (state) ({names.NODES}{{{_CHOSEN}}})", "{{state}}"),),
            "duologuenonodeopen",
            is_stacked=True,
        ),
        Panel(
            "Live sessions",
            "On all nodes, and how many there may be.",
            "short",
            (
                Query(f"max ({names.LIVE_SESSIONS}{{{_CHOSEN}}})", "live"),
                Query(f"max ({names.LIVE_SESSIONS_LIMIT}{{{_CHOSEN}}})", "limit"),
            ),
            "nodes",
        ),
        Panel(
            "The store's answers",
            "How long it took to answer the gateways' checks, and how often it did not.",
            "s",
            (
                Query(quantile_of(0.5, names.STORE_CHECK, _CHOSEN), "p50"),
                Query(quantile_of(0.95, names.STORE_CHECK, _CHOSEN), "p95"),
                Query(rate_of(names.STORE_CHECK_FAILURES, _CHOSEN), "failures in a second"),
            ),
            "duologuestoreunreachable",
        ),
        Panel(
            "Certificates",
            "How long those of the gateways and of the cluster are still valid, where there are "
            "any.",
            "s",
            (Query(f"min by (whose) ({names.CERTIFICATE_LEFT}{{{_CHOSEN}}})", "{{whose}}"),),
            "duologuecertificateexpires",
        ),
    ),
)

_TENANT_ROW = Row(
    "Tenants",
    (
        Panel(
            "Open conversations by tenant",
            "The ten tenants with most of them. Those without a name of their own count as "
            "`other`.",
            "short",
            (
                Query(
                    f"topk (10, {sum_of(names.TENANT_STREAMS, _TENANTS, 'tenant')})", "{{tenant}}"
                ),
            ),
            "metrics",
            is_stacked=True,
        ),
        Panel(
            "Sessions made by tenant",
            "The ten tenants that make most.",
            "cps",
            (
                Query(
                    f"topk (10, {rate_of(names.TENANT_SESSIONS, _TENANTS, 'tenant')})",
                    "{{tenant}}",
                ),
            ),
            "metrics",
        ),
        Panel(
            "Input by tenant",
            "New characters in a second, as they count against the tenant's limit, of the ten "
            "that send most.",
            "short",
            (
                Query(
                    f"topk (10, {rate_of(names.TENANT_INPUT_CHARACTERS, _TENANTS, 'tenant')})",
                    "{{tenant}}",
                ),
            ),
            "metrics",
        ),
        Panel(
            "Reply tokens by tenant",
            "Tokens of replies in a second, of the ten that are given most.",
            "short",
            (
                Query(
                    f"topk (10, {rate_of(names.TENANT_TOKENS, _SAID, 'tenant')})",
                    "{{tenant}}",
                ),
            ),
            "metrics",
        ),
        Panel(
            "Replies that wait for tokens by tenant",
            "How often in a second a reply had to wait for its tenant's reply tokens.",
            "short",
            (
                Query(
                    f"topk (10, {rate_of(names.TENANT_QUOTA_WAITS, _TENANTS, 'tenant')})",
                    "{{tenant}}",
                ),
            ),
            "metrics",
        ),
        Panel(
            "Refused calls by tenant",
            "With the reason, of the ten that are refused most. `QUOTA_EXCEEDED` is a limit of "
            "the tenant's own.",
            "reqps",
            (
                Query(
                    f"topk (10, {rate_of(names.TENANT_REJECTIONS, _TENANTS, 'tenant, reason')})",
                    "{{tenant}} {{reason}}",
                ),
            ),
            "error-codes",
        ),
    ),
)

SERVICE = Dashboard(
    uid="duologue-service",
    title="Duologue / Service",
    description="What users notice, what of them the gateways carry, and who they are.",
    rows=(_LATENCY, _FLOOR, _LOAD, _CLUSTER, _TENANT_ROW),
    variables=(
        Variable("namespace", "Namespace", f"label_values({names.BUILD}_info, namespace)"),
        Variable(
            "tenant",
            "Tenant",
            f"label_values({names.TENANT_STREAMS}{{{_CHOSEN}}}, tenant)",
        ),
    ),
)
