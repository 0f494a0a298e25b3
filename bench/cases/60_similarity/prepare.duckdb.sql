CREATE OR REPLACE TABLE surnames AS
SELECT n, upper(translate(substr(md5(n::VARCHAR), 1, (5 + n % 4)::INTEGER), '0123456789', 'aeioumnrst')) AS name FROM range(1, 2001) t(n);
