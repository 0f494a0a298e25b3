\echo
\echo ==== 3. Funnels: how far, how fast, and why not ====
\echo
\echo From a product to a purchase within a day. Every attempt is tried, the best one counts:
SELECT step, customers, round(100 * share::numeric, 1) AS "% of first",
       round(100 * share_low::numeric, 1) || ' - ' || round(100 * share_high::numeric, 1) AS "95 % interval",
       round(100 * step_share::numeric, 1) AS "% of before", date_trunc('second', median_time) AS "median time", dropped
FROM unnest((SELECT funnel_stats(journey_funnel(journey, '{product_view,add_to_cart,shipping_details,payment_details,purchase}', within => '1 day'))
             FROM journeys)) s;

\echo Why did they not get further, if error pages and payment errors end an attempt?
SELECT f.level, coalesce(f.drop_reason, 'completed') AS reason, count(*) AS users
FROM journeys, journey_funnel(journey, '{product_view,add_to_cart,purchase}', within => '1 day', exclude => '[error_page|payment_error]') f
GROUP BY 1, 2 ORDER BY 1, 3 DESC;

\echo Does it depend on where the users came from?
SELECT acquisition_channel, s.customers AS "in cart", b.customers AS bought, round(100 * b.step_share::numeric, 1) AS "% of carts"
FROM (SELECT acquisition_channel, funnel_stats(journey_funnel(journey, '{add_to_cart,purchase}', within => '1 day')) AS steps FROM journeys GROUP BY 1) g,
     LATERAL (SELECT g.steps[1].customers) s, LATERAL (SELECT g.steps[2].customers, g.steps[2].step_share) b
ORDER BY 4 DESC;

\echo Is searching worth it? Purchases of users who searched before their first product against those who did not:
SELECT step, customers_a AS "did not search", customers_b AS searched, round(100 * difference::numeric, 1) AS "difference in %", round(p_value::numeric, 4) AS p
FROM funnel_compare((SELECT funnel_stats(journey_funnel(journey, '{product_view,purchase}')) FROM journeys WHERE NOT journey_before(journey, 'product_view') ~ 'search'),
                    (SELECT funnel_stats(journey_funnel(journey, '{product_view,purchase}')) FROM journeys WHERE journey_before(journey, 'product_view') ~ 'search'));

\echo The same question to the plain table, with conditions, as ClickHouse users write it:
SELECT reached, count(*) AS users
FROM (SELECT user_id, window_funnel('1 day', occurred_at, event = 'product_view', event = 'add_to_cart', event = 'shipping_details',
                                    event = 'payment_details', event = 'purchase') AS reached
      FROM events GROUP BY user_id) u GROUP BY 1 ORDER BY 1;

\echo Do they come back? Weeks after the first visit, weeks not over yet left out:
SELECT number AS week, count(returned) AS observed, round(100 * avg(returned::int), 1) AS "% active"
FROM journeys, journey_retention(journey, '.', '.', 'week', 6, (SELECT max(occurred_at) FROM events)) r
GROUP BY 1 ORDER BY 1;
