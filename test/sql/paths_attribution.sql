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

-- transforms of paths, in the order given
SELECT path, transforms, (SELECT string_agg(a.channel || ' ' || a.conversions::numeric(9, 3), ', ' ORDER BY a.channel) FROM unnest(credits) a WHERE a.conversions > 0) AS linear
FROM (SELECT path, transforms, attribution_agg(paths_of_channels(path, true), attribution_options('buy', models => '{linear}', direct => 'A', transforms => transforms)) AS credits
      FROM (VALUES ('A>A>B', '{exposure}'::text[]), ('A>B>A', '{first}'), ('A>B>A>A', '{remove_if_last_and_not_all}'), ('A>B>A>A', '{remove_if_not_all}'), ('A>A', '{remove_if_last_and_not_all}'), ('A>A', '{remove_if_not_all}'),
            ('B>A>B', '{exposure,remove_if_not_all}'), ('B>A>B', '{remove_if_not_all,exposure}'), ('B>A>B', '{}')) v(path, transforms) GROUP BY 1, 2) s ORDER BY 1, 2;

-- counterfactual: snowplow/dbt-snowplow-fractribution's example (Apache-2.0), paths as they are, then 'exposure' first
CREATE TABLE paths_fractribution AS
    SELECT paths_of_channels(path, true, value) AS journey
    FROM (VALUES ('Direct', 20.42), ('Direct>Direct', 24), ('Direct>Direct', 50), ('Organic_Search>Organic_Search>Direct', 140), ('Video', 200), ('Organic_Search>Organic_Search', 66.5)) v(path, value)
    UNION ALL SELECT paths_of_channels(path, false)
    FROM (VALUES ('Direct', 25), ('Organic_Search', 26), ('Referral>Direct', 1), ('Video', 2), ('Organic_Search>Paid_Search_Other', 2), ('Referral', 2), ('Organic_Search>Direct', 1), ('Paid_Search_Other', 1), ('Unmatched_Channel', 1)) v(path, times), generate_series(1, times);
SELECT a.model, a.channel, round(a.conversions::numeric, 6) AS conversions, round(a.value::numeric, 6) AS value
FROM unnest((SELECT attribution_agg(journey, attribution_options('buy', models => '{first,last,linear,position,shapley,counterfactual}', transforms => '{exposure}')) FROM paths_fractribution)) a;
SELECT round(a.conversions::numeric, 9) AS direct FROM unnest((SELECT attribution_agg(journey, attribution_options('buy', models => '{counterfactual}', transforms => '{exposure}')) FROM paths_fractribution)) a WHERE a.channel = 'Direct';
-- names of paths cannot be mistaken for others; touches that are worth nothing divide alike
SELECT a.channel, a.conversions FROM unnest((SELECT attribution_agg(paths_of_channels(path, converts), attribution_options('buy', models => '{counterfactual}'))
    FROM (VALUES ('1:A>1:A1:A', true), ('1:A', true), ('1:A1:A', true), ('A', false), ('2:x', false)) v(path, converts))) a ORDER BY 1;
DROP TABLE paths_fractribution;

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
SELECT attribution_agg(journey, attribution_options('buy', transforms => '{last}')) FROM paths_mixed;
SELECT attribution_agg(journey, attribution_options('buy', half_life => '0')) FROM paths_mixed;
SELECT attribution_agg(journey, attribution_options('buy', lookback => '1 month')) FROM paths_mixed;
SELECT attribution_agg(journey, attribution_options('buy', depth => 17)) FROM paths_mixed;
SELECT attribution_agg(journey, attribution_options('buy', depth => journey_length(journey)::int)) FROM paths_abc;
SELECT attribution_agg(j, attribution_options('buy', models => '{markov}')) FROM (SELECT journey_agg('2026-01-01'::timestamptz + i * interval '1 second', CASE i WHEN 3001 THEN 'buy' ELSE 'visit' END, 'channel ' || i) AS j FROM generate_series(1, 3001) i) s;
SELECT attribution_agg(j, attribution_options('buy', models => '{counterfactual}')) FROM (SELECT journey_agg('2026-01-01'::timestamptz + i * interval '1 second', CASE i WHEN 10001 THEN 'buy' ELSE 'visit' END, 'channel ' || i) AS j FROM generate_series(1, 10001) i) s;

DROP FUNCTION paths_of_channels;
DROP TABLE paths_three, paths_abc, paths_mixed;
