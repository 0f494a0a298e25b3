-- not compared: another part of the work
SELECT (linkage_fit(p, s)).candidates FROM people p, people_spec;
