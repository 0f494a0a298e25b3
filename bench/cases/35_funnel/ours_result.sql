SELECT f.level, count(*)
FROM journeys, journey_funnel(journey, '{search,view,cart,purchase}', within => '7 days') f
GROUP BY 1 ORDER BY 1;
