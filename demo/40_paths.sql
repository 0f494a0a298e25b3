\echo
\echo ==== 4. Paths: where customers go, and where they stop ====
\echo
\echo A session at a time: pauses of more than 30 minutes start a new one. Where events share an instant, their order is
\echo made explicit, a microsecond apart, so that patterns and paths read it alike.
CREATE TABLE sessions AS
    SELECT user_id, acquisition_channel, s AS journey
    FROM (SELECT user_id, min(acquisition_channel) AS acquisition_channel, journey_agg(at, event, platform) AS journey
          FROM (SELECT *, occurred_at + (row_number() OVER (PARTITION BY user_id, occurred_at ORDER BY event) - 1) * interval '1 microsecond' AS at FROM events) e
          GROUP BY user_id) j, journey_sessions(journey) s;

\echo Who goes where next: one small value says it all, and can be stored, added up and subtracted.
CREATE TABLE graphs AS
    SELECT acquisition_channel, journey_graph_agg(journey) AS graph FROM sessions GROUP BY 1;
CREATE TABLE whole AS SELECT journey_graph_merge(graph) AS graph FROM graphs;
SELECT t.journeys AS sessions, t.events, t.transitions, t.nodes, t.edges, pg_column_size(graph) AS "bytes in all"
FROM whole, graph_totals(graph) t;

\echo The most travelled ways:
SELECT source, target, transitions, round(100 * source_share::numeric, 1) AS "% go there next",
       date_trunc('second', mean_time) AS "mean time", date_trunc('second', median_time) AS "median"
FROM whole, graph_edges(graph) ORDER BY transitions DESC, source LIMIT 8;

\echo Where sessions end, and what customers do again and again:
SELECT node, events, exits, round(100.0 * exits / events, 1) AS "% end here", repeating_journeys AS "sessions that come back to it"
FROM whole, graph_nodes(graph) ORDER BY exits DESC LIMIT 6;

\echo Where time goes:
SELECT source, target, transitions, round(100 * share_of_time::numeric, 1) AS "% of all time", date_trunc('second', mean_time) AS "mean time"
FROM whole, graph_bottlenecks(graph) LIMIT 5;

\echo Going back and forth: the loops of two steps
SELECT loop, occurrences FROM graph_loops((SELECT journey_graph_agg(journey, graph_options(depth => 2)) FROM sessions))
WHERE steps = 2 ORDER BY occurrences DESC LIMIT 5;

\echo The map of it, for Graphviz (paths.dot, and paths.svg if its program "dot" is here):
\pset tuples_only on
\pset format unaligned
\o paths.dot
SELECT graph_to_dot(graph, top => 25) FROM whole;
\o
\pset format aligned
\pset tuples_only off
\! if command -v dot >/dev/null; then dot -Tsvg paths.dot -o paths.svg && echo "paths.svg: $(wc -c < paths.svg) bytes, in $(pwd)"; else echo "paths.dot is in $(pwd); Debian's package graphviz brings dot"; fi

\echo What happens after a cart, step by step (repeats collapsed)? Nothing is lost: "(other)" and "(dropped)" are exact.
SELECT step, event, paths, round(100 * share_of_start::numeric, 1) AS "% of all", round(100 * share_of_previous::numeric, 1) AS "% of step before", date_trunc('second', mean_time) AS "mean time"
FROM unnest((SELECT journey_flow(journey, flow_options(starts_with => 'add_to_cart', steps => 3, top => 3, collapse => true)) FROM sessions)) f;

\echo Which sequences go with a purchase? Frequent ones within an hour, by how much more often sessions that have them buy:
SELECT path, journeys AS sessions, round(100 * outcome_rate::numeric, 1) AS "% buy", round(outcome_lift::numeric, 2) AS lift
FROM unnest((SELECT mine_paths(journey, path_options(min_support => 0.03, kind => 'closed', max_span => '1 hour', min_length => 2, outcome => 'purchase')) FROM sessions)) p
WHERE NOT events && '{purchase,payment_details}'
ORDER BY outcome_lift DESC, journeys DESC LIMIT 6;

\echo Every row brings the pattern that finds its sessions; the numbers agree:
SELECT path, pattern, journeys, (SELECT count(*) FROM sessions WHERE journey ~ p.pattern) AS "found by the pattern"
FROM unnest((SELECT mine_paths(journey, path_options(min_support => 0.05, max_gap => '5 minutes', min_length => 3, top => 3)) FROM sessions)) p;

\echo Where do sessions on a phone and on a desktop differ?
SELECT path, segment, round(100 * share::numeric, 1) AS "% of them", round(100 * other_share::numeric, 1) AS "% of others",
       round(odds_ratio::numeric, 2) AS "odds ratio", round(q_value::numeric, 4) AS q
FROM unnest((SELECT contrast_paths(s.journey, c.channel, path_options(min_support => 0.02, max_length => 3))
             FROM sessions s, LATERAL (SELECT channel FROM journey_channels(s.journey) ORDER BY events DESC LIMIT 1) c
             WHERE c.channel IN ('desktop', 'mobile'))) x
WHERE segment = 'desktop' LIMIT 5;

\echo What do the stages before contribute to purchases? Three models side by side, each adding up to all purchases:
SELECT channel AS stage, round(max(conversions) FILTER (WHERE model = 'last')::numeric, 1) AS last,
       round(max(conversions) FILTER (WHERE model = 'shapley')::numeric, 1) AS shapley,
       round(max(conversions) FILTER (WHERE model = 'markov')::numeric, 1) AS markov
FROM unnest((SELECT attribution_agg(journey, attribution_options(conversion => 'purchase', by => 'event', models => '{last,shapley,markov}')) FROM sessions)) a
GROUP BY 1 ORDER BY 4 DESC NULLS LAST LIMIT 6;

\echo And now? A customer has just looked at a product and put it into the cart:
SELECT n.event AS "next event", round(100 * n.probability::numeric, 1) AS "%", date_trunc('second', n.expected_wait) AS "after"
FROM (SELECT journey_graph_agg(journey, graph_options(depth => 2)) AS graph FROM sessions) g,
     journey_next(g.graph, journey_of('2024-06-01 10:00+00', 'product_view') || journey_of('2024-06-01 10:01+00', 'add_to_cart'), top => 4) n;
