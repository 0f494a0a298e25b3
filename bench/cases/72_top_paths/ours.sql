SELECT (SELECT p.journeys FROM unnest(whole) p), cardinality(beginnings)
FROM (SELECT top_paths(journey, path_options(top => 1)) AS whole, top_paths(journey, path_options(first => 5, top => 10000000)) AS beginnings FROM journeys) s;
