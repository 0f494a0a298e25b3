SELECT count(*) FROM surnames a, surnames b WHERE text_jaro_winkler(a.name, b.name) >= 0.8;
