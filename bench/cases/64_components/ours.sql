SELECT count(*), count(*) FILTER (WHERE id = cluster), max(members) FROM unnest((SELECT linkage_clusters(a::text, b::text, weight) FROM edges)) m;
