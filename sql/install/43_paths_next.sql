-- ---------------------------------------------------------------------------
-- What comes next
-- ---------------------------------------------------------------------------

CREATE FUNCTION journey_next(graph journey_graph, journey journey, top integer DEFAULT 5, prior double precision DEFAULT 40,
        OUT event text, OUT probability double precision, OUT expected_wait interval)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cj_journey_next'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 5;
COMMENT ON FUNCTION journey_next(journey_graph, journey, integer, double precision) IS
    'the most probable next events (channels, items: as the graph has them) after the journey''s last ones, as many as the graph is deep; if there is a next one; probabilities of a context are smoothed by those of the context one shorter, worth prior events; what follows the event before these has a share of a tenth over the depth; the wait is the mean after the longest context known to be followed so, NULL if none is';

CREATE FUNCTION journey_next_score(graph journey_graph, journey journey, prior double precision DEFAULT 40,
        OUT predictions bigint, OUT hits_1 bigint, OUT hits_3 bigint, OUT hits_5 bigint, OUT log_loss double precision)
    AS 'MODULE_PATHNAME', 'cj_journey_next_score'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION journey_next_score(journey_graph, journey, double precision) IS
    'how well the graph predicts every event of a journey but the first from those before it: predictions made, how many had the event first, among the first 3, 5, and the sum of their log losses (natural logarithm); use journeys that the graph was not made of';

CREATE FUNCTION journey_reach(graph journey_graph, journey journey, target text, steps integer DEFAULT NULL) RETURNS double precision
    AS 'MODULE_PATHNAME', 'cj_journey_reach'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION journey_reach(journey_graph, journey, text, integer) IS
    'probability that the target is reached within so many further events (ever, unless given), if the journey goes on as the graph''s journeys did from its last events; for the empty journey, from the start; NULL if the graph has never been there, or an argument but steps is NULL';
