SELECT count(*), count(DISTINCT cluster), max(members) FROM unnest((SELECT linkage_clusters(a::text, b::text, weight) FROM edges)) m;
