-- how common the events of ours_common are, and how rare their sequence
WITH shares AS (
    SELECT avg((journey @> '{purchase}')::int) AS purchase,
           avg((journey @> '{login}')::int) AS login,
           avg((journey @> '{cart}')::int) AS cart,
           avg((journey ~ 'purchase login cart -[<= 10 s]-> purchase')::int) AS sequence
    FROM journeys
)
SELECT 'least_share_of_common', round(least(purchase, login, cart), 4)::text, 'of the journeys' FROM shares
UNION ALL
SELECT 'share_of_sequence', round(sequence, 5)::text, 'of the journeys' FROM shares;
