SELECT sum(journey_length(journey)) FROM journeys;
