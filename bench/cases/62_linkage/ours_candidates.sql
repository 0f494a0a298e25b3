-- not compared: another part of the work
SELECT sum(new_pairs) FROM unnest((SELECT linkage_candidates(p, s) FROM people p, people_spec)) c;
