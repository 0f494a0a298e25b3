SELECT count(*) FROM surnames a, surnames b WHERE jaro_winkler_similarity(a.name, b.name) >= 0.8;
