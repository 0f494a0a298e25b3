-- not compared: another part of the work
SELECT count(*), count(*) FILTER (WHERE id = cluster) FROM unnest((SELECT linkage_resolve(id, p, s) FROM people p, people_spec)) m;
