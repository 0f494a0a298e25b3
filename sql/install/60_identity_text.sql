/* Comparing and normalising text: everything by code point, immutable, any length */

-- ---- similarity and distance ----

CREATE FUNCTION text_jaro(a text, b text) RETURNS float8
AS 'MODULE_PATHNAME', 'cj_text_jaro' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION text_jaro(text, text) IS
'Jaro similarity of two strings, 0 to 1, by characters; two empty strings are equal (1). NULL for NULL. Source: Jaro 1989.';

CREATE FUNCTION text_jaro_winkler(a text, b text, prefix_scale float8 DEFAULT 0.1, boost_from float8 DEFAULT 0.7)
RETURNS float8
AS 'MODULE_PATHNAME', 'cj_text_jaro_winkler' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION text_jaro_winkler(text, text, float8, float8) IS
'Jaro similarity, raised by prefix_scale for each of up to 4 equal first characters when it is above boost_from. NULL for NULL; error 22023 for a prefix_scale outside 0 .. 0.25 or a boost_from outside 0 .. 1. Source: Winkler 1990.';

CREATE FUNCTION text_jaro_winkler(a text, candidates text[]) RETURNS float8[]
AS 'MODULE_PATHNAME', 'cj_text_jaro_winkler_many' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION text_jaro_winkler(text, text[]) IS
'Jaro-Winkler similarity of one string with each of many, in their order; NULL for a NULL element. The one string is prepared once.';

CREATE FUNCTION text_levenshtein(a text, b text, max_distance integer DEFAULT NULL) RETURNS integer
AS 'MODULE_PATHNAME', 'cj_text_levenshtein' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 2;
COMMENT ON FUNCTION text_levenshtein(text, text, integer) IS
'Least number of characters to insert, delete or replace. With max_distance, whatever is farther gives max_distance + 1, sooner. NULL for NULL strings; error 22023 for a negative max_distance.';

CREATE FUNCTION text_osa(a text, b text, max_distance integer DEFAULT NULL) RETURNS integer
AS 'MODULE_PATHNAME', 'cj_text_osa' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 2;
COMMENT ON FUNCTION text_osa(text, text, integer) IS
'Levenshtein distance in which two neighbouring characters that changed places count once (optimal string alignment: no part is edited twice). NULL and max_distance as in text_levenshtein.';

CREATE FUNCTION text_date_similarity(a date, b date) RETURNS float8
AS 'MODULE_PATHNAME', 'cj_text_date_similarity' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION text_date_similarity(date, date) IS
'How likely two dates are one date written wrongly: 1 equal; 0.95 day and month exchanged; 0.9 one digit different or two neighbouring digits exchanged; 0.85 one part off by one; 0.75 one part different; 0.4 same year; 0.2 a year apart at most; else 0.';

-- ---- personal names ----

CREATE FUNCTION name_normalize(name text) RETURNS text
AS 'MODULE_PATHNAME', 'cj_name_normalize_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION name_normalize(text) IS
'The form in which personal names are compared: lower case without accents and punctuation, abbreviations spelled out (Mª maria, Fco. francisco, Hdez. hernandez), titles and particles (de, del, la, y) left out.';

CREATE FUNCTION name_similarity(a text, b text) RETURNS float8
AS 'MODULE_PATHNAME', 'cj_name_similarity_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION name_similarity(text, text) IS
'Similarity of two personal names, 0 to 1, after name_normalize: words are paired so that their Jaro-Winkler similarities add up to the most, whatever their order; an initial fits a name that begins with it (0.85); words left over cost 0.15 of their share. Symmetric. The first 8 words count.';

CREATE FUNCTION name_phonetic(name text) RETURNS text
AS 'MODULE_PATHNAME', 'cj_name_phonetic' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION name_phonetic(text) IS
'What each word sounds like in Spanish: h silent; b, v, w one; c before e or i, s, z one; g and gu before e or i, j, x one; ll, y one; qu, k, hard c one; ñ as n; doubled letters once.';

CREATE TYPE person_name AS (title text, given text, surname1 text, surname2 text);
COMMENT ON TYPE person_name IS 'The parts of a personal name as written: title, given names, first and second surname with their particles.';

CREATE FUNCTION name_parse(name text) RETURNS person_name
AS 'MODULE_PATHNAME', 'cj_name_parse_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION name_parse(text) IS
'Splits a name written in Spanish order, or "surnames, given": compound given names by the most frequent names of Spain, particles stay with the surname they lead to, "y" between surnames is left out. Parts that are missing are NULL.';

-- ---- text, contact data, documents ----

CREATE FUNCTION text_normalize(value text) RETURNS text
AS 'MODULE_PATHNAME', 'cj_text_normalize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION text_normalize(text) IS
'Lower case without accents; apostrophes vanish, other punctuation and blanks become one space. Independent of locale.';

CREATE FUNCTION text_email(address text, drop_tag boolean DEFAULT true, drop_dots boolean DEFAULT true) RETURNS text
AS 'MODULE_PATHNAME', 'cj_text_email' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION text_email(text, boolean, boolean) IS
'An e-mail address in lower case, without what follows a plus sign (drop_tag), without dots before gmail.com, which googlemail.com becomes (drop_dots). NULL if it is no address.';

CREATE FUNCTION text_phone(number text, region text DEFAULT 'ES') RETURNS text
AS 'MODULE_PATHNAME', 'cj_text_phone' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION text_phone(text, text) IS
'A telephone number as +country and digits (E.164), read as dialled in the region if it has no country code. NULL if it cannot be a number there. Error 22023 for an unknown region.';

CREATE FUNCTION text_document(number text) RETURNS text
AS 'MODULE_PATHNAME', 'cj_text_document' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION text_document(text) IS
'A Spanish document number (DNI, NIE, company NIF) as nine characters, lost leading zeros restored. NULL if the check character is wrong or the form is none of these.';

CREATE FUNCTION text_is_placeholder(value text, kind text DEFAULT 'text') RETURNS boolean
AS 'MODULE_PATHNAME', 'cj_text_is_placeholder' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 3;
COMMENT ON FUNCTION text_is_placeholder(text, text) IS
'Does the value stand for "none" (N/A, unknown, xxx; test@test.com; 000-000-0000; 1900-01-01)? kind is text, name, email, phone, date or document; error 22023 for another. NULL for NULL.';
