DROP TABLE IF EXISTS surnames;
CREATE TABLE surnames AS
SELECT n, upper(translate(substr(md5(n::text), 1, 5 + n % 4), '0123456789', 'aeioumnrst')) AS name FROM generate_series(1, 2000) n;
ANALYZE surnames;
