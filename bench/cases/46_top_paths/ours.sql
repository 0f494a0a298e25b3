SELECT sum(journeys), max(journeys)
FROM unnest((SELECT top_paths(journey, path_options(top => 10)) FROM journeys)) p;
