-- Attribution of conversions
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- paths of channels, written as text, with the conversions and the nothings they led to
CREATE FUNCTION paths_of_channels(path text, converts boolean, value float8 DEFAULT NULL, step interval DEFAULT '1 day') RETURNS journey LANGUAGE sql AS
$$ SELECT journey_agg('2026-01-01'::timestamptz + n * step, CASE WHEN c = '!' THEN 'buy' ELSE 'visit' END, CASE WHEN c <> '!' THEN c END, CASE WHEN c = '!' THEN value END)
   FROM regexp_split_to_table(path || CASE WHEN converts THEN '>!' ELSE '' END, '>') WITH ORDINALITY p(c, n) WHERE c <> '' $$;
CREATE TABLE paths_three AS
    SELECT paths_of_channels(path, converts) AS journey FROM (VALUES ('C1>C2>C3', true), ('C1', false), ('C2>C3', false)) v(path, converts);
SELECT a.channel, round(a.removal_effect::numeric, 9) AS removal_effect, round(a.conversions::numeric, 9) AS conversions
FROM unnest((SELECT attribution_agg(journey, attribution_options(conversion => 'buy', models => '{markov}')) FROM paths_three)) a ORDER BY 1;

CREATE TABLE paths_abc AS
    SELECT paths_of_channels(path, i <= conv, total / nullif(conv, 0)) AS journey
    FROM (VALUES ('A>B>C', 3, 7, 300.0), ('A>B', 2, 8, 100), ('B>C', 1, 9, 50), ('A', 1, 19, 20), ('C>C>A', 2, 3, 80), ('B', 0, 10, 0)) v(path, conv, nothing, total),
         generate_series(1, conv + nothing) i;
SELECT a.model, a.channel, round(a.conversions::numeric, 9) AS conversions, round(a.value::numeric, 6) AS value, round(a.share::numeric, 6) AS share, round(a.removal_effect::numeric, 9) AS removal_effect
FROM unnest((SELECT attribution_agg(journey, attribution_options('buy')) FROM paths_abc)) a;
-- every model's credits add up to the conversions and their value, at every depth
SELECT d, a.model, round(sum(a.conversions)::numeric, 9) AS conversions, round(sum(a.value)::numeric, 6) AS value, round(sum(a.share)::numeric, 9) AS share
FROM generate_series(1, 3) d, LATERAL (SELECT attribution_agg(journey, attribution_options(conversion => 'buy', depth => d, models => '{markov,shapley,position,decay,linear}')) AS credits FROM paths_abc) s, unnest(credits) a
GROUP BY 1, 2 ORDER BY 1, 2;
-- twice the journeys: twice the credits, the same effects
SELECT bool_and(abs(two.conversions - 2 * one.conversions) < 1e-9 AND coalesce(abs(two.removal_effect - one.removal_effect) < 1e-12, true)) AS doubled
FROM unnest((SELECT attribution_agg(journey, attribution_options('buy')) FROM paths_abc)) one
JOIN unnest((SELECT attribution_agg(journey, attribution_options('buy')) FROM (SELECT * FROM paths_abc UNION ALL SELECT * FROM paths_abc) s)) two USING (model, channel);

-- decay: touches 14, 7 and 0 days before; position of one to four touches
SELECT a.channel, round(a.conversions::numeric, 9) AS conversions
FROM unnest((SELECT attribution_agg(j, attribution_options(conversion => 'buy', models => '{decay}', half_life => '7 days'))
    FROM (VALUES ('{visit@x 2026-01-01 00:00:00+00, visit@y 2026-01-08 00:00:00+00, visit@z 2026-01-15 00:00:00+00, buy 2026-01-15 00:00:01+00}'::journey)) v(j))) a ORDER BY 1;
SELECT path, string_agg(a.channel || ' ' || round(a.conversions::numeric, 6), ', ' ORDER BY a.channel)
FROM (SELECT path, attribution_agg(paths_of_channels(path, true), attribution_options(conversion => 'buy', models => '{position}')) AS credits FROM unnest('{a,a>b,a>b>c,a>b>c>d}'::text[]) path GROUP BY 1) s, unnest(credits) a GROUP BY 1 ORDER BY 1;

-- several conversions of a journey, look-back, direct traffic, conversions that nothing went before
CREATE TABLE paths_mixed AS SELECT '{buy 2026-01-01 00:00:00+00, visit@mail 2026-01-02 00:00:00+00, visit@ad 2026-01-05 00:00:00+00, buy(10) 2026-01-06 00:00:00+00, visit@ad 2026-01-07 00:00:00+00, visit@direct 2026-01-08 00:00:00+00, buy(30) 2026-01-09 00:00:00+00, visit@mail 2026-01-10 00:00:00+00}'::journey AS journey;
SELECT a.model, a.channel, round(a.conversions::numeric, 6) AS conversions, round(a.value::numeric, 6) AS value
FROM unnest((SELECT attribution_agg(journey, attribution_options(conversion => 'buy', models => '{last,last_non_direct,linear}')) FROM paths_mixed)) a;
SELECT a.channel, a.conversions, a.value
FROM unnest((SELECT attribution_agg(journey, attribution_options(conversion => 'buy', models => '{linear}', lookback => '1 day')) FROM paths_mixed)) a;
SELECT a.channel, a.conversions
FROM unnest((SELECT attribution_agg(journey, attribution_options(conversion => 'visit -> buy(value >= 20)', models => '{first}', by => 'event', direct => 'visit')) FROM paths_mixed)) a;

-- no conversions, no channels, no rows
SELECT a.* FROM unnest((SELECT attribution_agg(journey, attribution_options(conversion => 'nothing', models => '{first,markov}')) FROM paths_mixed)) a;
SELECT attribution_agg('{buy 2026-01-01 00:00:00+00}'::journey, attribution_options(conversion => 'buy', models => '{last}'));
SELECT attribution_agg(journey, attribution_options('buy')) FROM paths_mixed WHERE false;
SELECT attribution_agg(NULL::journey, attribution_options('buy')), attribution_agg('{}'::journey, attribution_options('buy'));

-- errors
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT attribution_agg(journey, NULL) FROM paths_mixed;
SELECT attribution_agg(journey, attribution_options(models => '{last}')) FROM paths_mixed;
SELECT attribution_agg(journey, attribution_options('buy', models => '{best}')) FROM paths_mixed;
SELECT attribution_agg(journey, attribution_options('buy', half_life => '0')) FROM paths_mixed;
SELECT attribution_agg(journey, attribution_options('buy', lookback => '1 month')) FROM paths_mixed;
SELECT attribution_agg(journey, attribution_options('buy', depth => 17)) FROM paths_mixed;
SELECT attribution_agg(journey, attribution_options('buy', depth => journey_length(journey)::int)) FROM paths_abc;
SELECT attribution_agg(j, attribution_options('buy', models => '{markov}')) FROM (SELECT journey_agg('2026-01-01'::timestamptz + i * interval '1 second', CASE i WHEN 3001 THEN 'buy' ELSE 'visit' END, 'channel ' || i) AS j FROM generate_series(1, 3001) i) s;

DROP FUNCTION paths_of_channels;
DROP TABLE paths_three, paths_abc, paths_mixed;
