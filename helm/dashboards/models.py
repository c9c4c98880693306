"""How the batching actors stand: ticks, seats, memory."""

from duologue.telemetry import names
from helm.dashboards.expressions import mean_of, quantile_of, rate_of, sum_of
from helm.dashboards.panels import Dashboard, Panel, Query, Row, Variable

_CHOSEN = 'namespace=~"$namespace", instance=~"$instance"'
_EACH = "instance"

_TICKS = Row(
    "Ticks",
    (
        Panel(
            "Duration of ticks",
            "The longest time from taking a slice in to its result, and what it is to stay under. "
            "The points are ticks of which a session has a trace.",
            "s",
            (
                Query(quantile_of(0.5, names.TICK_DURATION, _CHOSEN), "p50"),
                Query(quantile_of(0.95, names.TICK_DURATION, _CHOSEN), "p95", has_exemplars=True),
                Query(f"min ({names.TICK_DEADLINE}{{{_CHOSEN}}})", "deadline"),
            ),
            "the-deadline-of-a-tick",
        ),
        Panel(
            "Late ticks",
            "Share of the ticks with slices that ended after their deadline.",
            "percentunit",
            (
                Query(
                    f"{rate_of(names.MISSED_TICKS, _CHOSEN, _EACH)} / "
                    + rate_of(names.TICKS, _CHOSEN, _EACH),
                    "{{instance}}",
                ),
            ),
            "duologuetickslate",
            max_value=1,
        ),
        Panel(
            "Late slices",
            "Share of the slices that were done after they were due: how many people notice.",
            "percentunit",
            (
                Query(
                    f"{rate_of(names.MISSED_SLICES, _CHOSEN, _EACH)} / "
                    + rate_of(names.SLICES, _CHOSEN, _EACH),
                    "{{instance}}",
                ),
            ),
            "duologuetickslate",
            max_value=1,
        ),
        Panel(
            "Duration of forwards",
            "Merged forwards, which are what a tick is made of.",
            "s",
            (
                Query(quantile_of(0.5, names.FORWARD_DURATION, _CHOSEN), "p50"),
                Query(quantile_of(0.95, names.FORWARD_DURATION, _CHOSEN), "p95"),
            ),
            "batching-actors",
        ),
        Panel(
            "Rows in a forward",
            "How many slices' tokens share a forward. More of them make each cheaper.",
            "short",
            (
                Query(mean_of(names.BATCH_ROWS, _CHOSEN, _EACH), "mean {{instance}}"),
                Query(quantile_of(0.95, names.BATCH_ROWS, _CHOSEN), "p95"),
            ),
            "batching-actors",
        ),
        Panel(
            "Time in forwards",
            "Share of the time in which an actor computes. Near 1 it has nothing left to give.",
            "percentunit",
            (
                Query(
                    f"sum by ({_EACH}) "
                    f"(rate({names.FORWARD_DURATION}_sum{{{_CHOSEN}}}[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
            "batching-actors",
            max_value=1,
        ),
    ),
)

_LOAD = Row(
    "Load",
    (
        Panel(
            "Seats",
            "Sessions that are seated, and how many there may be.",
            "short",
            (
                Query(sum_of(names.SEATS, _CHOSEN, _EACH), "{{instance}}"),
                Query(sum_of(names.SEATS_LIMIT, _CHOSEN), "limit of all"),
            ),
            "duologueseatsnearlyfull",
        ),
        Panel(
            "Shedding",
            "What is left out because of load: 0 nothing, 1 look-ahead, 2 reply tokens, 3 new "
            "sessions.",
            "short",
            (Query(f"max by ({_EACH}) ({names.SHEDDING_LEVEL}{{{_CHOSEN}}})", "{{instance}}"),),
            "what-is-left-out-under-load",
            max_value=3,
        ),
        Panel(
            "Health",
            "1 if a real forward ended lately, 0 otherwise.",
            "short",
            (Query(f"min by ({_EACH}) ({names.HEALTHY}{{{_CHOSEN}}})", "{{instance}}"),),
            "duologuebatcherunhealthy",
            max_value=1,
        ),
        Panel(
            "Slices",
            "Slices that are done in a second.",
            "cps",
            (Query(rate_of(names.SLICES, _CHOSEN, _EACH), "{{instance}}"),),
            "batching-actors",
            is_stacked=True,
        ),
        Panel(
            "Tokens",
            "Heard (`in`) and said (`out`), all actors together.",
            "cps",
            (Query(rate_of(names.TOKENS, _CHOSEN, "direction"), "{{direction}}"),),
            "batching-actors",
        ),
        Panel(
            "What runs",
            "Actors by model, device and version. Two versions at once are an update under way.",
            "short",
            (
                Query(
                    f"count by (model, device, version) ({names.BUILD}_info"
                    f'{{{_CHOSEN}, component="batcher"}})',
                    "{{model}} on {{device}}, {{version}}",
                ),
            ),
            "batching-actors",
            is_stacked=True,
        ),
    ),
)

_MEMORY = Row(
    "Memory for keys and values",
    (
        Panel(
            "Memory",
            "What is taken, and how much it may be.",
            "bytes",
            (
                Query(sum_of(names.KV_BYTES, _CHOSEN, _EACH), "{{instance}}"),
                Query(f"min ({names.KV_BUDGET}{{{_CHOSEN}}})", "budget of one"),
            ),
            "duologuememorynearlyfull",
        ),
        Panel(
            "Cells",
            "Used and free ones of the memory that is taken.",
            "short",
            (Query(sum_of(names.CELLS, _CHOSEN, "use"), "{{use}}"),),
            "duologuememorynearlyfull",
            is_stacked=True,
        ),
        Panel(
            "Cells taken back",
            "Idle sessions whose cells were taken because memory had run out. Each computes its "
            "conversation anew when it goes on.",
            "cps",
            (Query(rate_of(names.KV_RECLAIMS, _CHOSEN, _EACH), "{{instance}}"),),
            "duologuecellsreclaimed",
        ),
    ),
)

_SHARES = Row(
    "Tenants",
    (
        Panel(
            "Share of the forwards by tenant",
            "Seconds of forwards in a second, by the rows that were the tenant's, of the ten with "
            "most.",
            "percentunit",
            (
                Query(
                    f"topk (10, {rate_of(names.TENANT_FORWARD_SECONDS, _CHOSEN, 'tenant')})",
                    "{{tenant}}",
                ),
            ),
            "metrics",
            is_stacked=True,
        ),
        Panel(
            "Slices that wait for other tenants",
            "The most that a forward of the last tick left waiting, since more was asked for than "
            "a tick holds.",
            "short",
            (
                Query(
                    f"topk (10, {sum_of(names.TENANT_WAITING_SLICES, _CHOSEN, 'tenant')})",
                    "{{tenant}}",
                ),
            ),
            "metrics",
        ),
    ),
)

MODELS = Dashboard(
    uid="duologue-models",
    title="Duologue / Models",
    description="How the batching actors stand: ticks, seats, memory.",
    rows=(_TICKS, _LOAD, _MEMORY, _SHARES),
    variables=(
        Variable("namespace", "Namespace", f"label_values({names.BUILD}_info, namespace)"),
        Variable(
            "model",
            "Model",
            f'label_values({names.BUILD}_info{{component="batcher", namespace=~"$namespace"}}, '
            "model)",
        ),
        Variable(
            "instance",
            "Batching actor",
            f'label_values({names.BUILD}_info{{component="batcher", namespace=~"$namespace", '
            'model=~"$model"}, instance)',
            is_narrowed=True,
        ),
    ),
)
