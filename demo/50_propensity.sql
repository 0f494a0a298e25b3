\echo
\echo ==== 5. Propensity: who will buy in the next four weeks, and why? ====
\echo
SET client_min_messages = warning;
SET timezone = 'UTC';

\echo A row for each user as of a moment: what is known of the user, what the journey looked like just before it
\echo (journey_features sees nothing later), and whether a purchase came in the 28 days after it.
CREATE FUNCTION user_features(as_of timestamptz)
    RETURNS TABLE (user_id text, acquisition_channel text, behaviour float8[], bought boolean)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT user_id, acquisition_channel,
           journey_features(journey, as_of, '56 days', '{purchase,add_to_cart,product_view,support_chat}',
                            '{"add_to_cart -[<= 1 day, !purchase]-> cart"}'),
           journey_slice(journey, tstzrange(as_of, as_of + interval '28 days')) @> '{purchase}'
    FROM journeys
    WHERE journey_start(journey) < as_of;
END;

SELECT name, value FROM user_features('2024-06-02') u,
    unnest(journey_feature_names('{purchase,add_to_cart,product_view,support_chat}', '{"add_to_cart -[<= 1 day, !purchase]-> cart"}'), u.behaviour) f (name, value)
WHERE user_id = 'user_0003';

\echo One statement fits a model of text, numbers and journey features together, as of three earlier moments:
CREATE TABLE purchase_model AS
    SELECT propensity_fit(u.bought, f, fit_options(
               names => journey_feature_names('{purchase,add_to_cart,product_view,support_chat}', '{"add_to_cart -[<= 1 day, !purchase]-> cart"}'),
               missing => 'indicator', l2 => 0.05)) AS model
    FROM (VALUES (timestamptz '2024-03-10'), ('2024-04-07'), ('2024-05-05')) moment (as_of),
         user_features(as_of) u, LATERAL (SELECT u.acquisition_channel, u.behaviour) f;
SELECT s ->> 'rows' AS rows, s ->> 'positives' AS bought, s ->> 'converged' AS converged, s ->> 'separation' AS separation
FROM (SELECT propensity_summary(model) AS s FROM purchase_model) m;

\echo The strongest terms, by the change of odds for one standard deviation:
SELECT term, round(estimate::numeric, 4) AS estimate, round(std_error::numeric, 4) AS "std. error",
       round(exp(standardized)::numeric, 2) AS "odds x"
FROM purchase_model, propensity_coefficients(model) WHERE feature IS NOT NULL ORDER BY abs(standardized) DESC NULLS LAST LIMIT 8;

\echo How good is it on the four weeks after 2 June, which it has never seen? (These users are synthetic and
\echo buy almost at random; the numbers say so. The real sessions further down have more to learn from.)
CREATE TABLE scored AS
    SELECT u.user_id, u.bought, propensity_score(model, u) AS score
    FROM purchase_model, user_features('2024-06-02') u;
SELECT row_count AS users, positives AS bought, round(auc::numeric, 3) AS auc, round(auc_se::numeric, 3) AS "std. error",
       round(log_loss::numeric, 3) AS "log-loss", round(brier::numeric, 3) AS brier, round(calibration_slope::numeric, 2) AS "calibration slope"
FROM (SELECT (propensity_metrics(bought, score)).* FROM scored) m;

\echo Whom to contact: the gains table. Bins are fifths of the users, the best first
SELECT bin, row_count AS users, positives AS bought, round(response_rate::numeric, 3) AS rate, round(lift::numeric, 2) AS lift,
       round(cumulative_share::numeric, 2) AS "of all buyers"
FROM unnest((SELECT gains_table(bought, score, 5) FROM scored)) g;

\echo If a contact costs 1 and a purchase earns 4, how many should be contacted?
SELECT contacted, round(positives::numeric) AS purchases, round(profit::numeric) AS profit, round(threshold::numeric, 3) AS "score from"
FROM unnest((SELECT profit_curve(bought, score, 4, 1) FROM scored)) p WHERE best;

\echo Fitted once more as of 28 days before the data end, it scores the users at the end: the likeliest, with an interval
CREATE TABLE latest_model AS
    SELECT propensity_fit(u.bought, f, fit_options(
               names => journey_feature_names('{purchase,add_to_cart,product_view,support_chat}', '{"add_to_cart -[<= 1 day, !purchase]-> cart"}'),
               missing => 'indicator', l2 => 0.05)) AS model
    FROM user_features('2024-06-02') u, LATERAL (SELECT u.acquisition_channel, u.behaviour) f;
CREATE TABLE today AS
    SELECT u.user_id, i.* FROM latest_model, user_features('2024-06-30') u, propensity_interval(model, u) i;
SELECT user_id, round(low::numeric, 3) AS low, round(score::numeric, 3) AS score, round(high::numeric, 3) AS high FROM today ORDER BY score DESC LIMIT 5;

\echo Why the first of them? What each feature adds to the log-odds against the average user
SELECT e.feature, e.value, round(e.contribution::numeric, 3) AS adds
FROM latest_model, user_features('2024-06-30') u, propensity_explain(model, u, top => 5) e
WHERE user_id = (SELECT user_id FROM today ORDER BY score DESC, user_id LIMIT 1);

\echo Have the users changed since the model was fitted?
SELECT feature, round(psi::numeric, 3) AS psi, status FROM unnest((
    SELECT propensity_drift(model, u) FROM latest_model, user_features('2024-06-30') u)) d ORDER BY psi DESC LIMIT 5;

\echo Into the registry it goes; a stored procedure asks for the model in production by its name:
SELECT propensity_registry_create('crm');
SELECT propensity_register('purchase', model, note => 'as of June 2024', registry => 'crm') AS version FROM latest_model;
SELECT propensity_publish('purchase', registry => 'crm') AS published;
CREATE FUNCTION offer(customer text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    features record;
    score float8;
BEGIN
    SELECT * INTO features FROM user_features('2024-06-30') WHERE user_id = customer;
    score := propensity('purchase', features, registry => 'crm');
    RETURN format('%s: %s', customer, CASE WHEN score > 0.3 THEN 'call today' WHEN score > 0.1 THEN 'send the catalogue' ELSE 'leave in peace' END);
END $$;
SELECT offer(user_id) FROM (VALUES ('user_0003'), ('user_0010'), ('user_0100')) v (user_id);

\echo
\echo ==== 5b. The same on real data: 12,330 sessions of a shop (UCI), did they end in a purchase? ====
\echo
CREATE TABLE shop_sessions (
    administrative int, administrative_duration float8, informational int, informational_duration float8,
    product_related int, product_related_duration float8, bounce_rates float8, exit_rates float8, page_values float8,
    special_day float8, month text, operating_system text, browser text, region text, traffic_type text,
    visitor_type text, weekend boolean, revenue boolean);
\copy shop_sessions FROM PROGRAM 'gzip -dc data/online_shoppers.csv.gz' WITH (FORMAT csv, HEADER)
ALTER TABLE shop_sessions ADD id int GENERATED ALWAYS AS IDENTITY;

\echo Whole rows are features: what is not one is excluded by name. A fifth of the rows is held out by a stable hash.
CREATE TABLE session_model AS
    SELECT propensity_fit(revenue, s, fit_options(exclude => '{id,revenue}', min_count => 50)) FILTER (WHERE NOT holdout(id)) AS model
    FROM shop_sessions s;
SELECT row_count AS sessions, positives, round(auc::numeric, 4) AS auc, round(auc_se::numeric, 4) AS "std. error", round(ks::numeric, 3) AS ks,
       round(log_loss::numeric, 4) AS "log-loss", round(ece::numeric, 4) AS ece, round(calibration_slope::numeric, 2) AS slope
FROM (SELECT (propensity_metrics(revenue, propensity_score(model, s))).* FROM session_model, shop_sessions s WHERE holdout(id)) m;
SELECT feature, type, terms, round(wald_chi2::numeric, 1) AS "Wald chi2", wald_df AS df
FROM session_model, propensity_features(model) ORDER BY wald_chi2 DESC LIMIT 6;

\echo The scores of a linear model bend; an isotonic calibrator, fitted on one half of the held-out rows, straightens the other:
SELECT round(before.ece::numeric, 4) AS "ece before", round((after).ece::numeric, 4) AS after,
       round(before.log_loss::numeric, 4) AS "log-loss before", round((after).log_loss::numeric, 4) AS after
FROM (SELECT (propensity_metrics(revenue, score)).*, (propensity_metrics(revenue, least(greatest(calibrated, 0.001), 0.999))) AS after
      FROM (SELECT revenue, propensity_score(model, s) AS score, propensity_calibrate(calibrator, propensity_score(model, s)) AS calibrated
            FROM session_model, shop_sessions s,
                 (SELECT isotonic_calibration(revenue, propensity_score(model, s)) AS calibrator
                  FROM session_model, shop_sessions s WHERE holdout(id) AND fold(id, 2, 'calibration') = 1) c
            WHERE holdout(id) AND fold(id, 2, 'calibration') = 2) q) before;

\echo One model a month in one statement:
SELECT month, (propensity_summary(model) ->> 'rows')::int AS sessions, (propensity_summary(model) ->> 'positives')::int AS bought,
       round(odds_ratio::numeric, 3) AS "odds x per unit of page value", round(odds_low::numeric, 3) AS low, round(odds_high::numeric, 3) AS high
FROM (SELECT month, propensity_fit(revenue, f) AS model
      FROM shop_sessions s, LATERAL (SELECT page_values, exit_rates, weekend) f GROUP BY month HAVING count(*) FILTER (WHERE revenue) > 30) m,
     propensity_coefficients(model) WHERE term = 'page_values' ORDER BY sessions DESC;
