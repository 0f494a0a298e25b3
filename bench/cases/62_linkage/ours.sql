-- not compared: another part of the work
SELECT count(*), count(DISTINCT cluster) FROM unnest((SELECT linkage_resolve(id, p, s) FROM people p, people_spec)) m;
