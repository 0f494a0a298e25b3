DROP TABLE IF EXISTS edges;
CREATE TABLE edges AS
SELECT n AS a, n + 1 AS b, 1.0::float8 AS weight FROM generate_series(0, 999999) n WHERE n % 100 <> 99
UNION ALL SELECT n, n - n % 100 + (n * 7) % 100, 2.0 FROM generate_series(0, 999999, 9) n;
ANALYZE edges;
