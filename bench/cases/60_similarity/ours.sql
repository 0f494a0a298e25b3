SELECT count(*) FROM surnames a, unnest(text_jaro_winkler(a.name, (SELECT array_agg(name) FROM surnames))) s WHERE s >= 0.8;
