SELECT level, count(*)
FROM (SELECT journey_funnel_level(journey, '{search,view,cart,purchase}', '7 days') AS level FROM journeys) l
GROUP BY level ORDER BY level;
