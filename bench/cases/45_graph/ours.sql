SELECT count(*), sum(transitions), max(transitions), sum(journeys), count(mean_time), count(median_time)
FROM graph_edges((SELECT journey_graph_agg(journey) FROM journeys));
