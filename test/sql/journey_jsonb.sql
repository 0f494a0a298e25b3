-- Casts between journey and jsonb
SET timezone = 'UTC';

SELECT jsonb_pretty('{view@web 2026-01-01 10:00:00+00, purchase@store(59.9)#sku-7 2026-01-03 18:00:00.5+00}'::journey::jsonb);
SELECT '{}'::journey::jsonb, '[]'::jsonb::journey;
SELECT '[{"event": "b", "occurred_at": "2026-01-02T00:00:00+02:00"}, {"event": "a b", "occurred_at": "2026-01-01 00:00:00Z", "value": 1e2, "item": "i", "channel": null}]'::jsonb::journey;

-- every value comes back bit by bit
SELECT j::jsonb, j = j::jsonb::journey AS same
FROM unnest(ARRAY['{a(0.1) 2026-01-01 00:00:00+00}', '{a(-0) 2026-01-01 00:00:00+00}', '{a(NaN) 2026-01-01 00:00:00+00}',
                  '{a(-Infinity) 2026-01-01 00:00:00+00}', '{a(1.7976931348623157e308) 2026-01-01 00:00:00+00}',
                  '{a(5e-324) 2026-01-01 00:00:00+00}', '{a(12345678.123456789) 2026-01-01 00:00:00+00}',
                  '{"a ""quoted"" name\" 0044-03-15 00:00:00+00 BC}']::journey[]) j;

-- errors
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT '{}'::jsonb::journey;
SELECT '"view"'::jsonb::journey;
SELECT '[1]'::jsonb::journey;
SELECT '[[]]'::jsonb::journey;
SELECT '[{"event": "a"}]'::jsonb::journey;
SELECT '[{"occurred_at": "2026-01-01 00:00:00Z"}]'::jsonb::journey;
SELECT '[{"event": "a", "occurred_at": "2026-01-01 00:00:00"}]'::jsonb::journey;
SELECT '[{"event": "a", "occurred_at": "2026-01-01 00:00:00Z and more"}]'::jsonb::journey;
SELECT '[{"event": 1, "occurred_at": "2026-01-01 00:00:00Z"}]'::jsonb::journey;
SELECT '[{"event": "a", "occurred_at": 0}]'::jsonb::journey;
SELECT '[{"event": "a", "occurred_at": "2026-01-01 00:00:00Z", "value": "many"}]'::jsonb::journey;
SELECT '[{"event": "a", "occurred_at": "2026-01-01 00:00:00Z", "value": true}]'::jsonb::journey;
SELECT '[{"event": "a", "occurred_at": "2026-01-01 00:00:00Z", "value": 1e999}]'::jsonb::journey;
SELECT '[{"event": "a", "occurred_at": "2026-01-01 00:00:00Z", "chanel": "web"}]'::jsonb::journey;
SELECT '[{"event": "a", "occurred_at": "2026-01-01 00:00:00Z"}, null]'::jsonb::journey;
