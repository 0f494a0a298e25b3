SELECT (f).level, count(*)
FROM (SELECT journey_funnel(journey, '{search,view,cart,purchase}', within => '7 days') AS f FROM journeys) r
GROUP BY 1 ORDER BY 1;
