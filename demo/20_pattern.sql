\echo
\echo ==== 2. Patterns: who did this and then that ====
\echo
\echo One operator asks a journey for a sequence. Space is "directly next", an arrow "later":
SELECT p AS pattern, count(*) FILTER (WHERE journey ~ p) AS users, round(100.0 * count(*) FILTER (WHERE journey ~ p) / count(*), 1) AS "%"
FROM journeys, unnest(ARRAY[
    'search+ -> purchase',
    'add_to_cart -[<= 1 hour]-> purchase',
    'add_to_cart -[!purchase]-> support_chat',
    'payment_error -[<= 10 min]-> purchase',
    'payment_error !-[<= 1 day]-> purchase',
    'product_view{3,} add_to_cart',
    'permute(search, catalog, promo_page) WITHIN 30 min',
    'purchase -[> 7 days]-> purchase'
]::journey_pattern[]) p
GROUP BY p ORDER BY users DESC;

\echo The matched events themselves, with a label: from an error at the till to the purchase that came after all
SELECT user_id, journey_match(journey, 'payment_error AS trouble -[<= 1 day]-> purchase') AS match
FROM journeys WHERE journey ~ 'payment_error -[<= 1 day]-> purchase' ORDER BY user_id LIMIT 3;

\echo What do users do right before they add something to the cart for the first time?
SELECT (journey_event(journey_before(journey, 'add_to_cart'), -1)).event AS "last event before", count(*) AS users
FROM journeys WHERE journey ~ 'add_to_cart' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5;

\echo An index on the journeys serves patterns: only journeys with both events are looked at
EXPLAIN (COSTS OFF) SELECT user_id FROM journeys WHERE journey ~ 'checkout_bug -> support_chat';
SELECT user_id, journey_path(journey_match(journey, 'checkout_bug -> support_chat')) AS found
FROM journeys WHERE journey ~ 'checkout_bug -> support_chat' ORDER BY 1 LIMIT 5;

\echo A mistake in a pattern is shown where it is:
\set ON_ERROR_STOP 0
SELECT 'cart -[<= 1 month]-> purchase'::journey_pattern;
\set ON_ERROR_STOP 1
