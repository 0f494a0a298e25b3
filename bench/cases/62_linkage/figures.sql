WITH m AS (SELECT m.cluster, p.person FROM unnest((SELECT linkage_resolve(id, p, s) FROM people p, people_spec)) m JOIN people p USING (id)),
k AS (SELECT cluster, person, count(*) AS n FROM m GROUP BY 1, 2)
SELECT 'pairwise F1 of the clusters', round(2 * (SELECT sum(n * (n - 1) / 2) FROM k) / ((SELECT sum(n * (n - 1) / 2) FROM (SELECT sum(n) AS n FROM k GROUP BY cluster) c)
       + (SELECT sum(n * (n - 1) / 2) FROM (SELECT sum(n) AS n FROM k GROUP BY person) t)), 4), '';
