SELECT what, round(took::numeric, 2), 's' FROM catalogue_times WHERE what <> 'identify'
UNION ALL SELECT 'identified', round((count(*) / sum(took))::numeric), 'records/s, one session, synchronous_commit off' FROM catalogue_times WHERE what = 'identify'
UNION ALL SELECT 'median', round((1000 * percentile_disc(0.5) WITHIN GROUP (ORDER BY took))::numeric, 3), 'ms' FROM catalogue_times WHERE what = 'identify'
UNION ALL SELECT 'slowest_of_100', round((1000 * percentile_disc(0.99) WITHIN GROUP (ORDER BY took))::numeric, 3), 'ms' FROM catalogue_times WHERE what = 'identify'
UNION ALL SELECT 'records', count(*), '' FROM customer_catalogue.customer_record;
