-- The latest chain that reached each step, carried along by running maxima: one sort, no self-join.
SELECT level, count(*)
FROM (SELECT customer_id,
             CASE WHEN bool_or(event = 'purchase' AND occurred_at <= s3 + interval '7 days') THEN 4
                  WHEN bool_or(event = 'cart' AND occurred_at <= s2 + interval '7 days') THEN 3
                  WHEN bool_or(event = 'view' AND occurred_at <= s1 + interval '7 days') THEN 2
                  WHEN bool_or(event = 'search') THEN 1 ELSE 0 END AS level
      FROM (SELECT *, max(CASE WHEN event = 'cart' AND occurred_at <= s2 + interval '7 days' THEN s2 END) OVER w AS s3
            FROM (SELECT *, max(CASE WHEN event = 'view' AND occurred_at <= s1 + interval '7 days' THEN s1 END) OVER w AS s2
                  FROM (SELECT customer_id, occurred_at, event, max(CASE WHEN event = 'search' THEN occurred_at END) OVER w AS s1
                        FROM events_by_customer
                        WINDOW w AS (PARTITION BY customer_id ORDER BY occurred_at)) a
                  WINDOW w AS (PARTITION BY customer_id ORDER BY occurred_at)) b
            WINDOW w AS (PARTITION BY customer_id ORDER BY occurred_at)) c
      GROUP BY customer_id) l
GROUP BY level ORDER BY level;
