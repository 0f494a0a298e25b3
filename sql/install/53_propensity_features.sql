-- ---------------------------------------------------------------------------
-- Propensity models: features from journeys
-- ---------------------------------------------------------------------------

CREATE FUNCTION journey_features(journey journey, as_of timestamptz, lookback interval DEFAULT NULL,
                                 events text[] DEFAULT NULL, patterns journey_pattern[] DEFAULT NULL)
    RETURNS double precision[]
    AS 'MODULE_PATHNAME', 'cj_features_of_journey'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 20;
COMMENT ON FUNCTION journey_features(journey, timestamptz, interval, text[], journey_pattern[]) IS
    'what the journey looked like just before as_of, as numbers in the order of journey_feature_names: only events before as_of and, with a lookback, not longer ago than that (tenure_days alone looks at all); a number that is not known is a NULL element; a NULL journey or as_of gives NULL, an infinite as_of is an error (22008)';

CREATE FUNCTION journey_feature_names(events text[] DEFAULT NULL, patterns journey_pattern[] DEFAULT NULL) RETURNS text[]
    AS 'MODULE_PATHNAME', 'cj_names_of_features'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 20;
COMMENT ON FUNCTION journey_feature_names(text[], journey_pattern[]) IS
    'names of the elements of journey_features called with the same events and patterns, for fit_options(names => ...): events, active_days, recency_days, tenure_days, mean_gap_days, event_kinds, channels, items, value_sum; of each event count, share, days_since; of each pattern matches';
